//! A worker that ends a task starts the next one in the same moment: what that must not change for anyone.

#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::mpsc;
use std::time::Duration;

use common::within;
use milepost::{
    EventStream, Job, LocalScheduler, ManualClock, NewTask, TaskState, TaskStateChanged,
};

/// Waits until one more task runs.
fn next_runs(changes: &mut EventStream<TaskStateChanged>) {
    while changes.blocking_next().unwrap().to != TaskState::Running {}
}

#[test]
fn a_feed_that_waits_keeps_no_task_from_running() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::builder("fed").open().unwrap();
        let (send, tasks) = mpsc::channel::<NewTask>();
        let gate = |name: &str| {
            let (release, gate) = mpsc::channel::<()>();
            let run = move |_cx| Ok(gate.recv().is_ok());
            send.send(NewTask::blocking(name, run)).unwrap();
            release
        };
        let (first, second) = (gate("first"), gate("second"));
        let (ran, has_run) = mpsc::channel();
        let third = NewTask::blocking("third", move |_cx| Ok(ran.send(()).is_ok()));
        send.send(third).unwrap();
        let (asks, asked) = mpsc::channel();
        let feed = std::iter::from_fn(move || {
            asks.send(()).unwrap();
            tasks.recv().ok()
        });
        job.feed(feed, 3);
        let mut changes = job.task_state_changed();
        job.submit(&scheduler).unwrap();
        next_runs(&mut changes);
        next_runs(&mut changes);
        first.send(()).unwrap();
        // The worker that ended the first task asks for a fourth one, and waits for it.
        (0..4).for_each(|_| asked.recv().unwrap());
        second.send(()).unwrap();
        has_run.recv().expect("the other worker runs the third task");
        drop(send);
        assert_eq!(job.close().wait_until_done().blocking().unwrap().counts.completed(), 3);
    });
}

/// Lets time pass as it is dropped.
#[derive(Clone)]
struct Slow(ManualClock);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.advance(Duration::from_secs(1));
    }
}

#[test]
fn what_a_task_leaves_takes_none_of_the_next_ones_time() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("slow").clock(clock.clock()).build().unwrap();
        let slow = Slow(clock.clone());
        let first = job.add_blocking("first", move |_cx| Ok(drop(slow.clone()))).unwrap();
        let second = job.task("second").timeout(Duration::from_millis(100));
        let second = second.add_blocking(|_cx| Ok(())).unwrap();
        let third = job.add_blocking_with("third", Slow(clock), |_cx, _slow| Ok(())).unwrap();
        let fourth = job.task("fourth").timeout(Duration::from_millis(100));
        let fourth = fourth.add_blocking(|_cx| Ok(())).unwrap();
        job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
        for task in [first, second, third, fourth] {
            task.output().unwrap();
        }
    });
}

#[test]
fn a_scheduler_has_forgotten_a_fed_job_at_its_end() {
    // The watchdog is the test: announcements that pile up are gone through again and again.
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let fed = Job::builder("fed").open().unwrap();
        fed.submit(&scheduler).unwrap();
        fed.feed((0..200_000).map(|_| NewTask::blocking("task", |_cx| Ok(()))), 1);
        let summary = fed.close().wait_until_done().blocking().unwrap();
        assert_eq!(summary.counts.completed(), 200_000);
        let next = Job::new("next");
        let task = next.add_blocking("task", |_cx| Ok(())).unwrap();
        next.submit(&scheduler).unwrap();
        task.output().unwrap();
    });
}
