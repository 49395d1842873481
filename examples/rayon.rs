//! Tasks that rayon runs: no scheduler and no runtime, the job only follows.
//!
//! ```sh
//! cargo run --example rayon --no-default-features
//! ```
//!
//! Any thread pool will do: whoever runs a task asks the job for a reporter, and hands it the closure. The job then
//! has the task's states, progress, output, error or panic, as if a scheduler of its own had run it.

use std::error::Error;
use std::thread;
use std::time::Duration;

use milepost::{Job, TaskError};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let limits: Vec<u64> = (1..=20).map(|n| n * 5_000).collect();

    // An open job takes tasks until it is closed. With their number known, it also knows how far it is.
    let job = Job::builder("collatz").window(Duration::from_millis(20)).open()?;
    job.expect(limits.len());
    let mut windows = job.progress_windows();

    // Rayon keeps the thread that it is called from, and this one is to show what happens.
    let work = thread::spawn(move || {
        let longest: Vec<_> = limits
            .par_iter()
            .map(|&limit| {
                let task = job.reporter(format!("below {limit}"))?;
                let longest = task.run_blocking(|cx| longest_below(limit, &cx))?;
                Ok::<_, Box<dyn Error + Send + Sync>>((limit, *longest))
            })
            .collect();
        (job.close(), longest)
    });

    // One item a window, with all that has changed: what a display redraws on. The last one comes before the job's end.
    while let Some(window) = windows.blocking_next() {
        let counts = window.progress.counts;
        let percent = window.progress.fraction.unwrap_or_default() * 100.0;
        println!("{percent:3.0} %, {} running, {} ended", counts.running(), counts.ended());
    }

    let (job, longest) = work.join().map_err(|_| "a thread has panicked")?;
    for result in longest {
        match result {
            Ok((limit, (start, steps))) => println!("below {limit}: {start} takes {steps} steps"),
            Err(error) => println!("{error:#}"),
        }
    }
    println!("the job is {}", job.state());
    Ok(())
}

/// Which start below `limit` takes the most steps to get to 1, and how many.
fn longest_below(limit: u64, progress: &milepost::Progress) -> Result<(u64, u32), TaskError> {
    let mut longest = (1, 0);
    for start in progress.track(1..limit) {
        progress.check()?;
        let (mut n, mut steps) = (start, 0);
        while n != 1 {
            n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        if steps > longest.1 {
            longest = (start, steps);
        }
    }
    Ok(longest)
}
