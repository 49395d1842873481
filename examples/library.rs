//! A library function that reports progress and can be canceled, without a word of jobs in its signature.
//!
//! ```sh
//! cargo run --example library --no-default-features
//! ```
//!
//! `index` takes a [`Progress`], and its callers choose: nobody listens, a job does, or a bar. A library needs nothing
//! else of this crate, and no runtime.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use indicatif::ProgressBar;
use milepost::{Job, Progress};

/// In how many files of `dir` each word is.
async fn index(dir: &Path, progress: &Progress) -> io::Result<BTreeMap<String, usize>> {
    // Two parts: the scan is one tenth of the work, however many files it finds. The whole then counts from 0 to 10.
    let [scan, read] = progress.split([("scan", 1.0), ("read", 9.0)]);

    let mut files = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let path: PathBuf = entry?.path();
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    scan.set_progress(1.0); // a part without a total goes from 0 to 1

    let mut words = BTreeMap::new();
    for path in read.track(files) {
        // Ends here if the work was canceled, and lets the executor run other work.
        read.checkpoint().await.map_err(io::Error::other)?;
        read.set_message(path.to_string_lossy());
        let text = fs::read_to_string(&path)?;
        let mut in_file: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
        in_file.sort_unstable();
        in_file.dedup();
        for word in in_file {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    Ok(words)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");

    // (a) Nobody listens: reporting costs next to nothing.
    let words = block_on(index(&dir, &Progress::none()))?;
    println!("without a job: {} words", words.len());

    // (b) As a task of a job, inside the caller's own future. The task's context is a `Progress`, too.
    let job = Job::new("index");
    let mut progress = job.task_progress_updated();
    let words = block_on(job.run("src", async |cx| Ok(index(&dir, &cx).await?)))?;
    drop(job); // its last handle: it takes no more tasks, and so it ends, and so do its streams
    while let Some(event) = progress.blocking_next() {
        let (value, total) = (event.progress.unwrap_or_default(), event.total.unwrap_or_default());
        println!("in a job: {value:.1} of {total}");
    }
    println!("in a job: {} words", words.len());

    // (c) With a bar: a closure is told of each report. Bars count in integers, hence the thousand.
    let bar = ProgressBar::new(1_000);
    let shown = bar.clone();
    let progress = Progress::from_fn(move |report| {
        shown.set_position((report.fraction().unwrap_or_default() * 1_000.0) as u64);
    });
    let words = block_on(index(&dir, &progress))?;
    bar.finish();
    println!("with a bar: {} words, bar at {}", words.len(), bar.position());
    Ok(())
}
