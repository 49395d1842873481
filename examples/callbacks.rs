//! Event handlers: a closure for each kind of event, called as things happen.
//!
//! ```sh
//! cargo run --example callbacks
//! ```
//!
//! Three tasks count primes, two at a time; one of them fails. Handlers are called one at a time and in the order of
//! events, on a thread of the job's own: they need no locks among themselves, and a slow one keeps no task waiting.

use std::error::Error;
use std::time::Duration;

use milepost::{Job, LocalScheduler, TaskError};

fn main() -> Result<(), Box<dyn Error>> {
    // Within a window of 20 ms, all that a task reports becomes one event. For people, the usual 200 ms are right.
    let job = Job::builder("primes").window(Duration::from_millis(20)).build()?;
    for limit in [200_000, 300_000, 1_000_000_000] {
        job.add_blocking(format!("below {limit}"), move |cx| {
            if limit > 1_000_000 {
                return Err(TaskError::msg("that would take too long"));
            }
            let mut primes = 0;
            // Sets the total to the number of items, and counts them as they are taken.
            for n in cx.track(0..limit) {
                primes += u32::from(is_prime(n));
            }
            Ok(primes)
        })?;
    }

    // Handlers may be registered at any time: they are told all events, from the first one on.
    job.on_job_state_changed(|event| println!("the job {:?} is {}", event.name, event.to));

    // This event is kept small and has no name in it; the job knows it.
    let names = job.clone();
    job.on_task_progress_updated(move |event| {
        let name = names.task_name(event).unwrap_or_default();
        let percent = event.fraction().unwrap_or_default() * 100.0;
        println!("  {name}: {percent:.0} %");
    });

    // Told once for each task, however it ended. Its last progress was told before.
    job.on_task_completed(|event| match (event.output::<u32>(), &event.error) {
        (Some(primes), _) => println!("  {}: {primes} primes", event.name),
        (None, Some(error)) => println!("  {}: {}: {error}", event.name, event.state),
        (None, None) => println!("  {}: {}", event.name, event.state),
    });

    // The last event. All the others have been told by then.
    job.on_job_completed(|event| {
        let (completed, failed) = (event.counts.completed(), event.counts.failed());
        println!("{completed} tasks completed, {failed} failed");
    });

    job.submit(&LocalScheduler::new(2)?)?;
    // Returns once all handlers have been called for all events.
    job.wait_until_done().blocking()?;
    Ok(())
}

fn is_prime(n: u32) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}
