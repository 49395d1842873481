//! A task that runs a job of its own, whose tasks do the same: a folder's size, each folder a job. One task runs at a time,
//! and none waits in vain.

use std::path::{Path, PathBuf};

use milepost::{Job, LocalScheduler, TaskContext, TaskError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let job = Job::builder("sizes").property("root", root.display().to_string()).build()?;
    let size = job.add_blocking("src", move |cx| size_of(&cx, &root))?;
    let mut windows = job.task_progress_updated();
    job.submit(&LocalScheduler::new(1)?)?;
    let size = size.output()?;
    job.wait_until_done().blocking()?.ok()?;
    let last = std::iter::from_fn(|| windows.blocking_next()).last();
    println!("all entries seen: {}", last.is_some_and(|last| last.fraction() == Some(1.0)));
    println!("{size} bytes, more than 100000: {}", *size > 100_000);
    Ok(())
}

/// The bytes of a folder's files and, by a child job, of its folders.
fn size_of(cx: &TaskContext, folder: &Path) -> Result<u64, TaskError> {
    let child = Job::new(folder.display().to_string());
    let mut sizes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.display().to_string();
        sizes.push(child.add_blocking(name, move |cx| match path.is_dir() {
            true => size_of(&cx, &path),
            false => Ok(path.metadata()?.len()),
        })?);
    }
    // Gives up this task's place until the child has ended, and shows its progress as this task's.
    cx.child(&child).progress(cx).blocking()?.ok()?;
    let sizes = sizes.into_iter().map(|size| size.output().map(|size| *size));
    Ok(sizes.sum::<Result<u64, _>>()?)
}
