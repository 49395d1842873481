//! Handles that a tracker gives: they come and go, and change nothing of a job by that.

#![cfg(feature = "tracker")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::ByHand;
use milepost::tracker::UnknownJob;
use milepost::{Event, Job, JobState, Tracker};

#[test]
fn a_handle_that_comes_and_goes_neither_ends_a_job_nor_keeps_it_from_its_end() {
    let (tracker, job, hand) = (Tracker::new(), Job::new("job"), ByHand::default());
    tracker.track(&job);
    let mut events = job.events();
    for name in ["a", "b"] {
        job.add_blocking(name, |_cx| Ok(())).unwrap();
    }
    job.submit(&hand).unwrap();
    let id = job.id();
    drop(job);
    for _ in 0..3 {
        let handle = tracker.job(id).unwrap();
        assert_eq!(handle.state(), JobState::Submitted);
        assert!(handle.add_blocking("late", |_cx| Ok(())).is_err());
    }
    assert!(hand.run_one());
    drop(tracker.job(id).unwrap());
    assert!(hand.run_one());
    assert_eq!(tracker.job(id), Err(UnknownJob::Ended { job: id }));
    let ends = common::drain(&mut events);
    assert_eq!(ends.iter().filter(|event| matches!(event, Event::JobCompleted(_))).count(), 1);
    assert_eq!(tracker.get(id).unwrap().state, Some(JobState::Completed));
}

#[test]
fn the_last_handle_of_a_job_that_was_not_submitted_cancels_it_whoever_has_it() {
    let (tracker, job) = (Tracker::new(), Job::new("job"));
    tracker.track(&job);
    job.add_blocking("task", |_cx| Ok(())).unwrap();
    let handle = tracker.job(job.id()).unwrap();
    drop(job);
    assert_eq!(handle.state(), JobState::Pending);
    let id = handle.id();
    drop(handle);
    assert_eq!(tracker.get(id).unwrap().state, Some(JobState::Canceled));
    let stranger = Job::new("of no tracker");
    assert!(matches!(tracker.job(stranger.id()), Err(UnknownJob::NeverSeen { .. })));
}
