//! A service that takes renders for many users: it knows of all that run, and for a while of all that ran.

use std::time::Duration;

use milepost::tracker::{Field, Order, Query};
use milepost::{Event, Job, JobId, LocalScheduler, TaskError, Tracker};

/// A job of three frames, on its way when this returns. Nobody keeps it.
fn render(
    scheduler: &(impl milepost::Scheduler + Clone),
    film: &str,
    user: &str,
) -> Result<JobId, Box<dyn std::error::Error>> {
    let job = Job::builder(film).property("user", user).build()?;
    for frame in 1..=3 {
        let broken = film == "sequel" && frame == 2;
        job.add_blocking(format!("frame {frame}"), move |_cx| match broken {
            true => Err(TaskError::permanent("the scene has no camera")),
            false => Ok(()),
        })?;
    }
    job.submit(scheduler)?;
    Ok(job.id())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tracker = Tracker::builder().retention(Duration::from_secs(3_600)).build();
    let scheduler = tracker.scheduler(LocalScheduler::new(2)?);
    let mut events = tracker.events();

    for (film, user) in [("pilot", "ada"), ("sequel", "bob"), ("trailer", "ada")] {
        render(&scheduler, film, user)?;
    }
    // One stream for all jobs, whoever made them.
    let mut running = 3;
    while running > 0 {
        if let Some(Event::JobCompleted(end)) = events.blocking_next() {
            running -= 1;
            let record = tracker.get(end.job)?;
            println!("{} is {}", record.name.unwrap_or_default(), end.state);
        }
    }

    let adas = Query::new().property("user", "ada").order(Order::OldestFirst);
    for record in tracker.query(&adas.select([Field::Name, Field::Counts])) {
        let completed = record.counts.unwrap_or_default().completed();
        println!("of ada: {}, {completed} frames", record.name.unwrap_or_default());
    }
    for record in tracker.query(&Query::new().name("seq*")) {
        for failed in &record.failures {
            println!("what went wrong: {failed:#}");
        }
    }
    println!("in all: {}", serde_json::to_string(&tracker.summary(&Query::new()))?);

    let elsewhere = Job::new("elsewhere").id();
    if let Err(unknown) = tracker.get(elsewhere) {
        println!("{}", unknown.to_string().replace(&elsewhere.to_string(), "of another process"));
    }
    Ok(())
}
