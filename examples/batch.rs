//! A batch that can be killed at any time and goes on where it was left: what its log says is done isn't done again.
//!
//! ```sh
//! cargo run --features event-log --example batch -- squares   # kill it, and run it again
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use milepost::event_log::{Writer, replay};
use milepost::{EventKind, Job, LocalScheduler, TaskError};

/// The effect is durable before the task returns: the file is whole or not there, and on the disk.
fn square(number: u64, folder: &Path) -> Result<(), TaskError> {
    let (draft, done) =
        (folder.join(format!("{number}.tmp")), folder.join(format!("{number}.txt")));
    let mut file = File::create(&draft)?;
    writeln!(file, "{}", number * number)?;
    file.sync_all()?;
    fs::rename(draft, done)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Runs what is left of the batch, or the first `most` of that. Returns how many tasks it has run.
fn run(folder: &Path, most: usize) -> Result<usize, Box<dyn std::error::Error>> {
    let path = folder.join("events.log");
    let log =
        Writer::builder().only([EventKind::TaskAdded, EventKind::TaskCompleted]).open(&path)?;
    let done = replay(&path)?.completed_names("squares");

    let job = Job::new("squares");
    log.add(&job);
    let left = (0..20).filter(|number| !done.contains(&*format!("square of {number}")));
    for number in left.take(most) {
        let folder = folder.to_owned();
        job.add_blocking(format!("square of {number}"), move |_cx| square(number, &folder))?;
    }
    job.submit(&LocalScheduler::new(4)?)?;
    let summary = job.wait_until_done().blocking()?;
    log.close().blocking()?;
    println!("{} were done before, {} are now", done.len(), summary.counts.completed());
    Ok(summary.counts.total())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = std::env::args().nth(1).map(PathBuf::from) {
        fs::create_dir_all(&folder)?;
        run(&folder, usize::MAX)?;
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    run(folder.path(), 12)?; // as if it was killed then
    run(folder.path(), usize::MAX)?;
    let ran = run(folder.path(), usize::MAX)?;
    println!("{ran} are left");
    Ok(())
}
