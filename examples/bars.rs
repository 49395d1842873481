//! Bars in the terminal: a line for the job, and one for each of its tasks that runs.
//!
//! ```sh
//! cargo run --release --features indicatif --example bars [TASKS]
//! ```
//!
//! What the program has to say meanwhile is printed above the bars. Ctrl-C cancels the job; what runs then stops.

use std::error::Error;

use milepost::{Job, LocalScheduler, TaskError};

/// How many numbers a task looks at.
const EACH: u64 = 250_000;

fn is_prime(n: u64) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = Job::new("primes");
    let mut tasks = Vec::new();
    let parts = std::env::args().nth(1).map_or(Ok(40), |parts| parts.parse())?;
    for part in 0..parts {
        let numbers = part * EACH..(part + 1) * EACH;
        tasks.push(job.add_blocking(format!("from {}", numbers.start), move |cx| {
            let mut primes = 0;
            cx.set_unit("numbers");
            for n in cx.track(numbers.clone()) {
                if n.is_multiple_of(1_000) {
                    cx.check()?; // stops here if the job is canceled
                    cx.set_message(format!("{primes} primes"));
                }
                primes += u64::from(is_prime(n));
            }
            Ok::<_, TaskError>(primes)
        })?);
    }

    let bars = job.bars();
    let canceled = job.clone();
    ctrlc::set_handler(move || canceled.cancel("Ctrl-C"))?;
    job.submit(&LocalScheduler::new(4)?)?;

    // Anything may be printed above the bars.
    let mut ends = job.task_completed();
    while let Some(task) = ends.blocking_next().filter(|task| task.state.is_success()) {
        if task.task.index() % 10 == 9 {
            bars.println(format!("{} done", task.name));
        }
    }

    job.wait_until_done().blocking()?; // from here on, nothing is drawn
    let primes: u64 = tasks.into_iter().filter_map(|task| task.output().ok()).map(|n| *n).sum();
    println!("{primes} primes");
    Ok(())
}
