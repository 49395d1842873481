//! Canceling: a flag that another thread sets, looked at every 100 ms by whoever waits for the job.
//!
//! ```sh
//! cargo run --example cancel
//! ```
//!
//! Three tasks would run for ever, and a fourth one waits for its turn. Canceling is cooperative: it only asks, and a
//! task stops where it looks whether it was asked. One that doesn't look is given up after the job's grace period.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use milepost::{Job, LocalScheduler};

fn main() -> Result<(), Box<dyn Error>> {
    let job = Job::new("endless");
    job.add_blocking("a thread that computes", |cx| {
        for n in 0u64.. {
            cx.check()?; // stops here
            cx.set_progress(n);
        }
        Ok(())
    })?;
    job.add("a future that computes", async |cx| {
        for n in 0u64.. {
            cx.checkpoint().await?; // stops here, and lets others run
            cx.set_progress(n);
        }
        Ok(())
    })?;
    job.add("a future that waits", async |cx| {
        cx.or_canceled(std::future::pending::<()>()).await?; // stops here
        Ok(())
    })?;
    job.add("one that never gets to run", async |_cx| Ok(()))?;

    // In a program with a window, the button "Cancel" would set it. Here, the first sign of progress does.
    let quit = AtomicBool::new(false);
    let mut progress = job.task_progress_updated();
    job.submit(&LocalScheduler::new(3)?)?;

    let summary = thread::scope(|scope| {
        scope.spawn(|| {
            progress.blocking_next();
            quit.store(true, Ordering::Relaxed);
        });
        let cancel = |job: &Job| {
            if quit.load(Ordering::Relaxed) {
                job.cancel("the user quit"); // may be called again, the first message counts
            }
        };
        job.wait_until_done().every(Duration::from_millis(100), cancel).blocking()
    })?;

    println!("the job was {} after {:?}", summary.state, summary.elapsed);
    for task in job.snapshot().tasks {
        let error = task.error.map(|error| error.message.to_string()).unwrap_or_default();
        println!("  {}: {} ({error})", task.name, task.state);
    }
    println!("{} of {} tasks canceled", summary.counts.canceled(), summary.counts.total());
    Ok(())
}
