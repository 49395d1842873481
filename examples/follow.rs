//! What one process does, shown by another one that knows its log and nothing else.
//!
//! ```sh
//! cargo run --features event-log --example follow                  # does both
//! cargo run --features event-log --example follow -- events.log    # follows what `milepost run --event-log` writes
//! ```

#![allow(clippy::disallowed_methods, reason = "what it runs only passes the time")]

use std::path::Path;
use std::time::Duration;

use milepost::event_log::{Follower, Replay, Writer};
use milepost::{Event, Job, LocalScheduler};

/// Something to look at.
fn work(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let log = Writer::open(path)?;
    let job = Job::new("pictures");
    log.add(&job);
    for name in ["a.png", "b.png", "c.png"] {
        job.add_blocking(name, |cx| {
            cx.set_total(10);
            for _row in 0..10 {
                cx.check()?;
                std::thread::sleep(Duration::from_millis(30));
                cx.advance(1);
            }
            Ok(())
        })?;
    }
    job.submit(&LocalScheduler::new(2)?)?;
    job.wait_until_done().blocking()?;
    log.close().blocking()?;
    Ok(())
}

/// Tells what the log says until a job has ended.
fn follow(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut follower = Follower::new(path);
    let mut jobs = Replay::new();
    loop {
        let entry = match follower.blocking_next() {
            Ok(entry) => entry,
            Err(damage) => {
                eprintln!("{damage}");
                continue;
            }
        };
        jobs.apply(&entry);
        let Some(event) = entry.event() else { continue };
        let Some(job) = jobs.job(event.job()) else { continue };
        let percent = job.progress.fraction.map_or(0.0, |fraction| fraction * 100.0);
        match event {
            Event::TaskCompleted(task) => println!("{percent:3.0} %  {} {}", task.name, task.state),
            Event::JobCompleted(end) => {
                println!("{percent:3.0} %  {} is {}", job.name, end.state);
                return Ok(());
            }
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args().nth(1) {
        return follow(Path::new(&path));
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("events.log");
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(&path).map_err(|error| error.to_string()));
        follow(&path)?;
        worker.join().map_err(|_| "the work panicked")?.map_err(Into::into)
    })
}
