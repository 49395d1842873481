//! What a queue is for: the urgent goes first, the large waits for room, what fails is tried again, and what can never run says
//! so at once.

use std::time::Duration;

use milepost::{Job, LocalScheduler, Resources, Retry, TaskError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One place, so that the order is seen.
    let scheduler = LocalScheduler::builder(1).cores(8).memory(16 << 30).label("gpu").build()?;
    let job = Job::builder("models").deadline(Duration::from_secs(60)).build()?;

    for (name, priority) in [("weekly report", -10), ("nightly model", 0), ("urgent model", 10)] {
        let needs = Resources::new().cores(4).memory(8 << 30).label("gpu");
        job.task(name).priority(priority).requires(needs).add_blocking(|_cx| Ok(()))?;
    }
    // Fails twice; the third attempt comes 2 to 4 ms after the second one.
    let retry = Retry::attempts(5).exponential(Duration::from_millis(1), Duration::from_secs(1));
    job.task("flaky upload").priority(20).retry(retry).add_with((), async |cx, ()| {
        match cx.attempt() {
            n @ (1 | 2) => Err(TaskError::msg(format!("connection {n} reset"))),
            _ => Ok(()),
        }
    })?;
    // Another error wouldn't help: it is not tried again.
    job.task("bad upload")
        .priority(20)
        .retry(retry)
        .add_with((), async |_cx, ()| Err::<(), _>(TaskError::permanent("403 forbidden")))?;
    let needs = Resources::new().cores(64);
    job.task("too large").requires(needs).add_blocking(|_cx| Ok(()))?;

    let mut changes = job.task_state_changed();
    job.submit(&scheduler)?;
    while let Some(change) = changes.blocking_next() {
        let name = job.task_name(&change)?;
        match &change.cause {
            Some(cause) => println!("{name}: {} ({cause})", change.to),
            None if change.to.is_terminal() => println!("{name}: {}", change.to),
            None => {}
        }
    }
    let summary = job.wait_until_done().blocking()?;
    for failed in &summary.failures {
        println!("{failed:#}");
    }
    println!("{} of {} tasks completed", summary.counts.completed(), summary.counts.total());
    Ok(())
}
