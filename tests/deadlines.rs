//! Deadlines of jobs: whatever its tasks are at, they end as timed out, and no more are taken.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{ByHand, Inline, at, begun, drain, job_with, ms, obeys, rest, running, step, story};
use milepost::{
    AddError, FailureKind, Job, JobState, ManualClock, NewTask, Retry, SubmitError, TaskContext,
    TaskError, TaskState,
};

const LIMIT: u64 = 1_000;

fn limited() -> (Job, ManualClock) {
    job_with(|builder| builder.deadline(ms(LIMIT)))
}

async fn pending(_cx: TaskContext, _input: ()) -> Result<u32, TaskError> {
    std::future::pending().await
}

async fn walks(cx: TaskContext, _input: ()) -> Result<u32, TaskError> {
    loop {
        cx.checkpoint().await?;
    }
}

#[test]
fn tasks_end_as_timed_out_whatever_they_are_at() {
    let (_, clock) = limited();
    let open = Job::builder("job").deadline(ms(LIMIT)).clock(clock.clock()).open().unwrap();
    let retry = Retry::attempts(2).delay(ms(LIMIT * 9)).without_jitter();
    let fails = async |_cx, ()| -> Result<u32, TaskError> { Err(TaskError::msg("no")) };
    let backoff = open.task("backoff").retry(retry).add_with((), fails).unwrap();
    let runs = open.add_with("runs", (), pending).unwrap();
    let parks = open.add_with("parks", (), walks).unwrap();
    let canceling = open.add_with("canceling", (), pending).unwrap();
    let (held, waits) =
        (open.add_with("held", (), pending).unwrap(), open.add_with("waits", (), pending).unwrap());
    held.hold("").unwrap();
    parks.suspend("").unwrap();
    let reporters = [open.reporter("reported").unwrap(), running(&open, "reported too")];
    let hand = ByHand::default();
    open.submit(&hand).unwrap();
    assert!(hand.run_one());
    let mut runs_now: Vec<_> = (0..3).map(|_| hand.next().unwrap()).collect();
    (0..3).for_each(|_| assert!(runs_now.iter_mut().all(|run| !step(run))));
    canceling.cancel("");
    let tasks = [&backoff, &runs, &parks, &canceling, &held, &waits];
    let states = || tasks.map(|task| task.state());
    use TaskState::{Canceling, Held, Running, Submitted, Suspended, TimedOut};
    assert_eq!(states(), [Submitted, Running, Suspended, Canceling, Held, Submitted]);
    clock.advance(ms(LIMIT - 1));
    assert_eq!(states(), [Submitted, Running, Suspended, Canceling, Held, Submitted]);
    clock.advance(ms(1));
    assert_eq!(states(), [TimedOut; 6]);
    assert_eq!(open.counts().of(TimedOut), 8);
    let summary = open.wait_until_done().blocking().unwrap();
    assert_eq!((summary.state, summary.elapsed), (JobState::Failed, ms(LIMIT)));
    for task in tasks {
        let error = task.snapshot().unwrap().error.unwrap();
        assert_eq!(error.kind, FailureKind::TimedOut);
        assert_eq!(&*error.message, "its job took longer than 1s", "{task:?}");
    }
    let refused = open.add_with("late", (), pending).map(|_| ()).unwrap_err();
    assert!(matches!(refused, AddError::Sealed { .. }), "{refused}");
    assert!(reporters.iter().all(|task| task.is_canceled() && task.complete(1).is_err()));
    assert!(runs_now.iter_mut().all(step), "code that waits is dropped");
    assert!(hand.next().is_none());
    let seq = open.last_seq();
    clock.advance(ms(LIMIT * 100));
    assert_eq!(open.last_seq(), seq);
}

#[test]
fn tasks_that_were_never_submitted_end_as_well() {
    let (job, clock) = limited();
    let waits = job.add_with("waits", (), pending).unwrap();
    let task = running(&job, "starts the job");
    clock.advance(ms(LIMIT));
    assert_eq!(story(&job, &waits), ["submitted 1", "timed_out 1"]);
    assert_eq!(job.state(), JobState::Failed);
    let refused = job.submit(&Inline).unwrap_err();
    assert!(matches!(refused, SubmitError::Ended { .. }), "{refused}");
    drop(task);
}

#[test]
fn the_time_is_counted_from_the_submission() {
    let (job, clock) = limited();
    let task = job.add_with("task", (), pending).unwrap();
    clock.advance(ms(LIMIT * 5));
    assert_eq!(task.state(), TaskState::Pending);
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    clock.advance(ms(LIMIT - 1));
    assert_eq!(task.state(), TaskState::Submitted);
    clock.advance(ms(1));
    assert_eq!(task.state(), TaskState::TimedOut);
    let end = job.task_completed().try_recv().unwrap();
    assert_eq!(end.at, at(LIMIT * 6));
}

#[test]
fn events_are_in_order_and_streams_end() {
    let (job, clock) = limited();
    let (mut events, mut done) = (job.events(), job.task_completed());
    let tasks: Vec<_> = (0..5).map(|n| running(&job, &n.to_string())).collect();
    for (n, task) in tasks.iter().enumerate() {
        task.set_progress(n);
    }
    let last = job.reporter("waits").unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    clock.advance(ms(LIMIT));
    common::check_merged(&drain(&mut events), 0);
    assert!(events.is_ended());
    let ends = drain(&mut done);
    assert_eq!(ends.len(), 6);
    assert_eq!(ends[4].progress, Some(4.0));
    assert_eq!(rest(job.job_completed()).len(), 1);
    drop((tasks, last));
}

#[test]
fn feeds_and_open_jobs_are_closed() {
    let (_, clock) = limited();
    let open = Job::builder("open").deadline(ms(LIMIT)).clock(clock.clock()).open().unwrap();
    let taken = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = taken.clone();
    let tasks = (0..1_000_000).map(move |n: u32| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        NewTask::blocking(n.to_string(), |_cx| Ok(()))
    });
    open.feed(tasks, 3);
    let hand = ByHand::default();
    open.submit(&hand).unwrap();
    assert!(hand.run_one());
    clock.advance(ms(LIMIT));
    assert!(open.is_ended());
    assert_eq!(open.counts().of(TaskState::TimedOut), 3);
    assert!(taken.load(std::sync::atomic::Ordering::SeqCst) <= 5, "it is asked no more");
    // One without tasks is complete, and closed.
    let empty = Job::builder("empty").deadline(ms(LIMIT)).clock(clock.clock()).open().unwrap();
    empty.submit(&hand).unwrap();
    clock.advance(ms(LIMIT));
    assert_eq!(empty.state(), JobState::Completed);
    assert!(empty.add_with("late", (), pending).is_err());
}

#[test]
fn a_task_has_its_own_timeout_beside_it() {
    let (job, clock) = limited();
    let short = job.task("short").timeout(ms(300)).add_with((), pending).unwrap();
    let long = job.task("long").timeout(ms(LIMIT * 9)).add_with((), pending).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut runs = [hand.next().unwrap(), hand.next().unwrap()];
    assert!(runs.iter_mut().all(|run| !step(run)));
    clock.advance(ms(300));
    assert_eq!((short.state(), long.state()), (TaskState::TimedOut, TaskState::Running));
    clock.advance(ms(LIMIT - 300));
    assert_eq!(long.state(), TaskState::TimedOut);
    let message = |failed: milepost::TaskFailed| failed.error.unwrap().message.to_string();
    assert_eq!(message(short.output().unwrap_err()), "ran for longer than 300ms");
    assert_eq!(message(long.output().unwrap_err()), "its job took longer than 1s");
    assert!(runs.iter_mut().all(step));
}

#[test]
fn attempts_that_are_vacated_or_held_at_that_moment_end() {
    for now in [true, false] {
        let (job, clock) = limited();
        let deaf = job.add_with("deaf", (), pending).unwrap();
        let obeys = job.add_with("obeys", (), obeys).unwrap();
        let hand = ByHand::default();
        job.submit(&hand).unwrap();
        let mut runs = [hand.next().unwrap(), hand.next().unwrap()];
        assert!(runs.iter_mut().all(|run| !step(run)));
        obeys.hold("").unwrap();
        if now { deaf.vacate_now("") } else { deaf.vacate("") }.unwrap();
        clock.advance(ms(LIMIT));
        assert_eq!((deaf.state(), obeys.state()), (TaskState::TimedOut, TaskState::TimedOut));
        assert!(runs.iter_mut().all(step) && hand.next().is_none());
        assert_eq!(job.state(), JobState::Failed);
        assert!(deaf.release("").is_err());
    }
}

#[test]
fn a_held_or_suspended_job_ends_at_its_deadline() {
    for held in [true, false] {
        let (job, clock) = limited();
        let task = job.add_with("task", (), pending).unwrap();
        let hand = ByHand::default();
        if held {
            job.hold("")
        } else {
            job.suspend("")
        };
        job.submit(&hand).unwrap();
        clock.advance(ms(LIMIT));
        assert_eq!(task.state(), TaskState::TimedOut);
        assert!(job.is_ended());
    }
}

#[test]
fn a_job_that_was_canceled_by_then_stays_canceled() {
    let (job, clock) = limited();
    let deaf = job.add_with("deaf", (), pending).unwrap();
    let (_, mut run) = begun(&job);
    job.cancel("by the user");
    clock.advance(ms(LIMIT));
    assert_eq!((deaf.state(), job.state()), (TaskState::TimedOut, JobState::Canceled));
    clock.advance(ms(100_000));
    assert!(step(&mut run));
}

#[test]
fn no_task_is_canceled_in_consequence_of_those_that_end_with_it() {
    let (job, clock) = job_with(|builder| builder.deadline(ms(LIMIT)).max_failures(1));
    for name in ["a", "b", "c"] {
        job.add_with(name, (), pending).unwrap();
    }
    let (_, mut run) = begun(&job);
    clock.advance(ms(LIMIT));
    assert_eq!(job.counts().of(TaskState::TimedOut), 3, "{:?}", job.counts());
    assert_eq!(job.state(), JobState::Failed);
    assert!(step(&mut run));
}

#[cfg(feature = "local")]
#[test]
fn blocking_code_that_does_not_yield_is_given_up_and_its_place_is_free() {
    use std::sync::mpsc::channel;

    use milepost::LocalScheduler;
    common::within(|| {
        let (job, clock) = limited();
        let scheduler = LocalScheduler::new(1).unwrap();
        let (began, begins) = channel();
        let (release, gate) = channel::<()>();
        let task = job
            .add_blocking("deaf", move |cx| {
                began.send(()).unwrap();
                gate.recv().unwrap();
                Ok(cx.is_canceled())
            })
            .unwrap();
        job.submit(&scheduler).unwrap();
        begins.recv().unwrap();
        clock.advance(ms(LIMIT));
        let error = task.snapshot().unwrap().error.unwrap();
        assert_eq!(&*error.message, "its job took longer than 1s, and its code did not yield");
        let other = Job::new("other");
        let next = other.add_blocking("next", |_cx| Ok(1)).unwrap();
        other.submit(&scheduler).unwrap();
        assert_eq!(*next.output().unwrap(), 1);
        release.send(()).unwrap();
        assert_eq!(task.output().unwrap_err().state, TaskState::TimedOut);
    });
}
