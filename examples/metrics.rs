//! Counts and measures what jobs do, and prints it as an exporter would be told it:
//! `cargo run --features metrics --example metrics`.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use milepost::telemetry::Telemetry;
use milepost::{Job, LocalScheduler, Retry, TaskContext, TaskError};

/// A render of four frames: the second one works out at the second attempt, the last one never.
fn render(film: &str, user: &str) -> Result<Job, Box<dyn std::error::Error>> {
    let job = Job::builder(film).property("user", user).build()?;
    for frame in 1..=4 {
        let shade = |cx: TaskContext, frame| match (frame, cx.attempt()) {
            (2, 1) => Err(TaskError::msg("out of memory")),
            (4, _) => Err(TaskError::permanent("the scene has no camera")),
            _ => Ok(()),
        };
        let task = job.task(format!("frame {frame}")).retry(Retry::attempts(3));
        task.add_blocking_with(frame, shade)?;
    }
    Ok(job)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An application installs its exporter here, such as that of `metrics-exporter-prometheus`.
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    recorder.install()?;

    let telemetry = Telemetry::builder().label_property("user").build()?;
    // All jobs that are submitted to it. A job that runs elsewhere: `telemetry.watch(&job)`.
    let scheduler = telemetry.scheduler(LocalScheduler::new(2)?);

    for (film, user) in [("pilot", "ada"), ("sequel", "bob"), ("trailer", "ada")] {
        let job = render(film, user)?;
        job.submit(&scheduler)?;
        job.wait_until_done().blocking()?;
    }

    for (key, _unit, _description, value) in snapshots.snapshot().into_vec() {
        let labels = key.key().labels().map(|label| format!("{}={:?}", label.key(), label.value()));
        let labels = labels.collect::<Vec<_>>().join(",");
        let name = format!("{}{{{labels}}}", key.key().name());
        match value {
            DebugValue::Counter(0) => {}
            DebugValue::Counter(n) => println!("{name:<66} {n}"),
            DebugValue::Gauge(n) => println!("{name:<66} {n}"),
            DebugValue::Histogram(all) => println!("{name:<66} measured {} times", all.len()),
        }
    }
    Ok(())
}
