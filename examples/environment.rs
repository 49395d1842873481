//! Environments: what is costly to make is made once for each worker, and torn down at the end.
//!
//! ```sh
//! cargo run --example environment
//! ```
//!
//! Nine tasks look numbers up in a sieve of primes, two at a time: there are two sieves at most, however many tasks
//! there are. One task needs something that isn't there.

use std::error::Error;
use std::sync::atomic::{AtomicI32, Ordering};

use milepost::{Environment, Job, LocalScheduler, TaskError};

static SIEVES: AtomicI32 = AtomicI32::new(0);

struct Sieve(Vec<bool>);

fn main() -> Result<(), Box<dyn Error>> {
    // Set up when the first task needs it, and kept for the next one.
    let sieve = Environment::blocking("sieve", || {
        SIEVES.fetch_add(1, Ordering::Relaxed);
        Ok(Sieve::up_to(1_000_000))
    })
    // Once for each that was set up.
    .teardown(|_sieve| {
        SIEVES.fetch_sub(1, Ordering::Relaxed);
    });
    let gpu = Environment::<()>::blocking("gpu", || Err(TaskError::msg("no such device")));

    let job = Job::new("primes");
    for limit in (1..10).map(|n| n * 100_000) {
        let task = job.task(format!("below {limit}")).environment(&sieve);
        task.add_blocking(move |cx| Ok(cx.environment::<Sieve>()?.count_below(limit)))?;
    }
    job.task("on the GPU").environment(&gpu).add_blocking(|_cx| Ok(0))?;

    job.on_task_completed(|event| match (event.output::<usize>(), &event.error) {
        (Some(primes), _) => println!("{}: {primes} primes", event.name),
        (None, Some(error)) => println!("{}: {}: {error}", event.name, event.state),
        (None, None) => println!("{}: {}", event.name, event.state),
    });
    let scheduler = LocalScheduler::new(2)?;
    job.submit(&scheduler)?;
    job.wait_until_done().blocking()?;
    println!("no more than 2 sieves: {}", SIEVES.load(Ordering::Relaxed) <= 2);

    // Waits until they are torn down.
    scheduler.shutdown().blocking();
    println!("sieves left: {}", SIEVES.load(Ordering::Relaxed));
    Ok(())
}

impl Sieve {
    fn up_to(limit: usize) -> Sieve {
        let mut is_prime = vec![true; limit];
        is_prime[..2].fill(false);
        for n in (2..limit).take_while(|n| n * n < limit) {
            if is_prime[n] {
                (n * n..limit).step_by(n).for_each(|multiple| is_prime[multiple] = false);
            }
        }
        Sieve(is_prime)
    }

    fn count_below(&self, limit: usize) -> usize {
        self.0[..limit].iter().filter(|is_prime| **is_prime).count()
    }
}
