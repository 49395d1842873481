//! Jobs of which nobody keeps a handle, stream or task.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{Inline, within};
use milepost::{Job, LocalScheduler, ManualClock, Retry, TaskError};

#[test]
fn a_task_is_tried_again_after_its_delay() {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).build().unwrap();
    let (tried, tries) = channel();
    let retry = Retry::attempts(3).delay(Duration::from_secs(1)).without_jitter();
    let run = |cx: milepost::TaskContext, tried: Sender<u32>| {
        tried.send(cx.attempt()).unwrap();
        Err::<(), _>(TaskError::msg("not yet"))
    };
    drop(job.task("task").retry(retry).add_blocking_with(tried, run).unwrap());
    job.submit(&Arc::new(Inline)).unwrap();
    drop(job);
    assert_eq!(tries.try_iter().collect::<Vec<_>>(), [1]);
    clock.advance(Duration::from_secs(9));
    assert_eq!(tries.try_iter().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(tries.try_recv().unwrap_err(), std::sync::mpsc::TryRecvError::Disconnected);
}

/// Submits a job when it is dropped.
struct Followed(LocalScheduler, Sender<()>);

impl Drop for Followed {
    fn drop(&mut self) {
        let (job, done) = (Job::new("follows"), self.1.clone());
        job.add_blocking("task", move |_cx| Ok(done.send(()).unwrap())).unwrap();
        job.submit(&self.0).unwrap();
    }
}

#[test]
fn an_output_that_goes_with_its_job_may_use_the_scheduler() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let (done, is_done) = channel();
        let (release, gate) = channel::<()>();
        let output = Followed(scheduler.clone(), done);
        let run = move |_cx| {
            let _ = gate.recv();
            Ok(output)
        };
        drop(job.add_blocking("task", run).unwrap());
        job.submit(&scheduler).unwrap();
        drop(job);
        drop(release);
        is_done.recv().unwrap();
    });
}
