//! Vacate: an attempt stops so that another one follows, in its own time or by force, and that is no failure of the task's.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{ByHand, begun, check_merged, drain, job, job_with, ms, obeys, running, step, story};
use milepost::{
    CauseKind, ControlError, Event, JobState, Retry, Task, TaskContext, TaskError, TaskId,
    TaskState,
};

#[test]
fn an_attempt_that_follows_is_tried_again_at_the_back_of_the_queue() {
    let (job, _clock) = job();
    let task = job.add_with("a", (), obeys).unwrap();
    job.add("b", async |_cx| Ok(())).unwrap();
    let (hand, mut run) = begun(&job);
    task.vacate("the host goes down").unwrap();
    assert_eq!(task.state(), TaskState::Running);
    assert!(step(&mut run));
    assert_eq!(task.state(), TaskState::Submitted);
    let mut changes = job.task_state_changed().from_now();
    assert!(hand.run_one(), "the other one is first");
    assert_eq!(changes.try_recv().unwrap().task, TaskId::new(1));
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run), "the request was the last attempt's");
    let expected =
        ["submitted 1", "running 1", "submitted 2: vacated: the host goes down", "running 2"];
    assert_eq!(story(&job, &task), expected);
    let event = drain(&mut job.task_state_changed()).into_iter().find(|change| change.attempt == 2);
    assert_eq!(event.unwrap().cause.unwrap().kind, CauseKind::Vacated);
}

#[test]
fn implemented_tasks_and_their_timeouts_start_over() {
    struct Deaf;
    impl Task for Deaf {
        type Output = u32;
        fn name(&self) -> String {
            "deaf".into()
        }
        async fn run(&self, cx: TaskContext) -> Result<u32, TaskError> {
            cx.or_canceled(std::future::pending::<()>()).await?;
            Ok(cx.attempt())
        }
    }
    let (job, clock) = job();
    let task = job.add_task(Deaf).unwrap();
    let timed = job.task("timed").timeout(ms(1_000)).add_with((), obeys).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let (mut run, mut run_of_timed) = (hand.next().unwrap(), hand.next().unwrap());
    assert!(!step(&mut run) && !step(&mut run_of_timed));
    clock.advance(ms(900));
    assert_eq!((job.vacate("").asked, job.vacate("again").asked), (2, 2));
    assert!(step(&mut run) && step(&mut run_of_timed));
    assert_eq!(job.counts().of(TaskState::Submitted), 2);
    clock.advance(ms(900));
    let (mut run, mut run_of_timed) = (hand.next().unwrap(), hand.next().unwrap());
    assert!(!step(&mut run) && !step(&mut run_of_timed));
    clock.advance(ms(999));
    assert_eq!((task.state(), timed.state()), (TaskState::Running, TaskState::Running));
    clock.advance(ms(1));
    assert_eq!((task.state(), timed.state()), (TaskState::Running, TaskState::TimedOut));
}

#[test]
fn each_attempt_starts_without_progress_and_old_ones_are_heard_by_no_one() {
    let (job, clock) = job();
    let mut events = job.events();
    let first = Arc::new(parking_lot::Mutex::new(None));
    let task = job
        .add_with("a", first.clone(), async |cx, first| {
            if cx.attempt() == 1 {
                cx.set_progress(7);
                *first.lock() = Some(cx.progress());
            }
            cx.canceled().await;
            Err::<(), _>(TaskError::msg("stopped"))
        })
        .unwrap();
    let (hand, mut run) = begun(&job);
    task.vacate("").unwrap();
    assert!(step(&mut run));
    assert_eq!(task.snapshot().unwrap().progress, None);
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    let old = first.lock().clone().unwrap();
    old.set_progress(99);
    assert!(old.is_canceled());
    clock.advance(common::WINDOW);
    assert_eq!(task.snapshot().unwrap().progress, None);
    job.cancel("");
    assert!(step(&mut run));
    let events = drain(&mut events);
    check_merged(&events, 0);
    let told = events.iter().filter_map(|event| match event {
        Event::TaskProgressUpdated(told) => Some((told.attempt, told.progress)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(1, Some(7.0))], "told as the attempt ends");
}

#[test]
fn code_that_waits_is_dropped_when_the_grace_period_is_over() {
    struct Guard(Arc<AtomicUsize>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let (job, clock) = job_with(|builder| builder.grace(ms(500)));
    let drops = Arc::new(AtomicUsize::new(0));
    let task = job
        .add_with("deaf", drops.clone(), async |cx, drops| {
            let _guard = Guard(drops);
            if cx.attempt() == 1 {
                std::future::pending::<()>().await;
            }
            Ok(cx.attempt())
        })
        .unwrap();
    let (hand, mut run) = begun(&job);
    task.vacate("move").unwrap();
    clock.advance(ms(300));
    task.vacate("asking again doesn't give it more time").unwrap();
    clock.advance(ms(199));
    assert_eq!(task.state(), TaskState::Running);
    clock.advance(ms(1));
    assert_eq!(story(&job, &task).last().unwrap(), "submitted 2: vacated: move");
    assert!(hand.next().is_none(), "its code is still there");
    assert!(step(&mut run));
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(hand.run_one());
    assert_eq!(*task.output().unwrap(), 2);
    clock.advance(ms(100_000));
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn vacate_now_needs_no_grace_and_a_run_that_is_dropped_gives_the_code_back() {
    for dropped in [true, false] {
        let (job, clock) = job();
        let task = job
            .add_with("deaf", (), async |_cx, ()| -> Result<(), TaskError> {
                std::future::pending().await
            })
            .unwrap();
        let (hand, mut run) = begun(&job);
        if dropped {
            task.vacate("first").unwrap();
            task.vacate_now("then").unwrap();
        } else {
            job.vacate_now("first");
        }
        assert_eq!(story(&job, &task).last().unwrap(), "submitted 2: vacated: first");
        if dropped {
            drop(run);
        } else {
            assert!(step(&mut run));
        }
        let mut run = hand.next().unwrap();
        assert!(!step(&mut run));
        clock.advance(ms(100_000));
        assert_eq!(story(&job, &task).last().unwrap(), "running 2", "the old grace is over");
        job.cancel_now("");
        assert!(step(&mut run) && job.is_ended());
    }
}

#[test]
fn an_attempt_that_stops_counts_neither_as_failed_nor_as_lost() {
    let (job, _clock) = job_with(|builder| builder.lost_attempts(1));
    let task = job.task("a").retry(Retry::attempts(2)).add_with((), obeys).unwrap();
    let panics = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        cx.canceled().await;
        panic!("in the cleanup")
    };
    let panics = job.task("b").retry(Retry::attempts(2)).add_with((), panics).unwrap();
    let permanent = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        cx.canceled().await;
        Err(TaskError::permanent("the disk is gone"))
    };
    let permanent = job.task("c").add_with((), permanent).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    for attempt in 1..=5 {
        let mut runs: Vec<_> = std::iter::from_fn(|| hand.next()).collect();
        assert_eq!(runs.len(), 3);
        assert!(runs.iter_mut().all(|run| !step(run)));
        job.vacate("");
        if attempt == 3 {
            drop(runs);
        } else {
            assert!(runs.iter_mut().all(step));
        }
        let attempts = [&task, &panics, &permanent].map(|task| task.snapshot().unwrap().attempt);
        assert_eq!(attempts, [attempt + 1; 3]);
        assert_eq!(job.counts().of(TaskState::Submitted), 3);
    }
    // One loss is free, and so is the first failure.
    let lost: Vec<_> = std::iter::from_fn(|| hand.next()).collect();
    drop(lost);
    assert_eq!(job.counts().of(TaskState::Submitted), 3);
    drop(std::iter::from_fn(|| hand.next()).collect::<Vec<_>>());
    assert_eq!(job.counts().of(TaskState::Interrupted), 3);
    assert_eq!(task.output().unwrap_err().attempts, 7);
}

#[test]
fn an_attempt_that_completes_all_the_same_is_completed() {
    let (job, clock) = job();
    let completes = async |cx: TaskContext, ()| {
        cx.canceled().await;
        Ok(cx.attempt())
    };
    let task = job.add_with("a", (), completes).unwrap();
    let (_, mut run) = begun(&job);
    task.vacate("").unwrap();
    assert!(step(&mut run));
    assert_eq!(*task.output().unwrap(), 1);
    clock.advance(ms(100_000));
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn a_cancellation_counts_for_more() {
    for (of_job, now) in [(true, true), (true, false), (false, true), (false, false)] {
        let (job, clock) = job_with(|builder| builder.grace(ms(500)));
        let task = job.add_with("a", (), obeys).unwrap();
        let (_, mut run) = begun(&job);
        task.vacate("").unwrap();
        clock.advance(ms(300));
        match (of_job, now) {
            (true, true) => job.cancel_now("stop"),
            (true, false) => job.cancel("stop"),
            (false, true) => task.cancel_now("stop"),
            (false, false) => task.cancel("stop"),
        }
        if !now {
            clock.advance(ms(499));
            assert_eq!(task.state(), TaskState::Canceling, "it has all of its grace period");
        }
        assert!(step(&mut run));
        assert_eq!(job.state(), JobState::Canceled);
        let told = story(&job, &task);
        assert!(told.iter().all(|told| !told.contains(" 2")), "{told:?}");
        clock.advance(ms(100_000));
        assert_eq!(story(&job, &task), told);
    }
}

#[test]
fn code_sees_why_it_is_to_stop() {
    let (job, _clock) = job();
    let (send, seen) = std::sync::mpsc::channel();
    let tells = async |cx: TaskContext, send: std::sync::mpsc::Sender<_>| {
        assert!(cx.cancel_cause().is_none());
        cx.canceled().await;
        send.send(cx.cancel_cause().map(|cause| cause.to_string())).unwrap();
        Ok(cx.check()?)
    };
    let task = job.add_with("a", send, tells).unwrap();
    let (hand, mut run) = begun(&job);
    task.vacate("the host goes down").unwrap();
    assert!(step(&mut run));
    assert_eq!(seen.recv().unwrap().as_deref(), Some("vacated: the host goes down"));
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run), "the next one is not");
    task.cancel("enough");
    assert!(step(&mut run));
    assert_eq!(seen.recv().unwrap().as_deref(), Some("canceled: enough"));
}

#[test]
fn tasks_that_do_not_run_are_left_alone() {
    let (job, clock) = job();
    let retry = Retry::attempts(2).delay(ms(500)).without_jitter();
    let fails = async |cx: TaskContext, ()| match cx.attempt() {
        1 => Err(TaskError::msg("no")),
        n => Ok(n),
    };
    let backoff = job.task("backoff").retry(retry).add_with((), fails).unwrap();
    let waits = job.add("waits", async |_cx| Ok(())).unwrap();
    let held = job.add("held", async |_cx| Ok(())).unwrap();
    assert_eq!((waits.vacate(""), waits.vacate_now("")), (Ok(()), Ok(())));
    held.hold("").unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one());
    let seq = job.last_seq();
    assert_eq!((job.vacate("").asked, job.vacate_now("").refused.len()), (3, 0));
    assert_eq!(job.last_seq(), seq, "there was nothing to tell");
    clock.advance(ms(499));
    assert!(hand.run_one() && !hand.run_one(), "the delay is as it was");
    clock.advance(ms(1));
    assert!(hand.run_one());
    assert_eq!(*backoff.output().unwrap(), 2);
}

#[test]
fn what_can_run_only_once_or_is_run_elsewhere_refuses() {
    let (job, _clock) = job();
    let once = job.add("once", async |cx| Ok(cx.canceled().await)).unwrap();
    let hand = ByHand::default();
    let (reporter, seq) = (running(&job, "elsewhere"), job.last_seq());
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    for refused in [once.vacate(""), once.vacate_now("")] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, ControlError::NotRestartable { .. }), "{refused}");
    }
    let refused = job.vacate_task(&reporter, "").unwrap_err();
    assert!(matches!(refused, ControlError::RunElsewhere { .. }), "{refused}");
    assert_eq!(job.vacate_now("").refused, [once.id(), reporter.id()]);
    assert!(!step(&mut run) && !reporter.is_canceled(), "nobody has asked them to stop");
    assert!(seq < job.last_seq() && job.counts().running() == 2);
}

#[cfg(feature = "local")]
mod local {
    use std::sync::mpsc::channel;

    use common::within;
    use milepost::{Job, LocalScheduler};

    use super::*;

    #[test]
    fn a_blocking_attempt_follows_only_when_the_last_one_has_returned() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::new("job");
            let (began, begins) = channel();
            let (release, gate) = channel::<()>();
            let shared = (began, Arc::new(parking_lot::Mutex::new(gate)));
            let task = job
                .add_blocking_with("deaf", shared, |cx, (began, gate)| {
                    began.send(cx.attempt()).unwrap();
                    if cx.attempt() == 1 {
                        gate.lock().recv().unwrap();
                        cx.set_progress(99);
                        return Ok(1);
                    }
                    Ok(cx.attempt())
                })
                .unwrap();
            job.submit(&scheduler).unwrap();
            assert_eq!(begins.recv(), Ok(1));
            task.vacate_now("move").unwrap();
            assert_eq!(
                story(&job, &task).last().unwrap(),
                "submitted 2: vacated: move (its code did not yield)"
            );
            // Both places are there for others, as that of the code that runs on was replaced.
            let other = Job::new("other");
            let meet = Arc::new(std::sync::Barrier::new(2));
            for name in ["a", "b"] {
                let meet = meet.clone();
                other.add_blocking(name, move |_cx| Ok(meet.wait().is_leader())).unwrap();
            }
            other.submit(&scheduler).unwrap();
            other.wait_until_done().blocking().unwrap().ok().unwrap();
            assert!(begins.try_recv().is_err(), "its code is still running");
            assert_eq!(task.state(), TaskState::Submitted);
            release.send(()).unwrap();
            assert_eq!(begins.recv(), Ok(2));
            assert_eq!(*task.output().unwrap(), 2, "what the last one returned is not heard");
            assert_eq!(job.snapshot().tasks[0].progress, None);
        });
    }

    #[test]
    fn a_task_that_is_vacated_again_and_again_completes() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::new("job");
            let waits = async |cx: TaskContext, ()| loop {
                cx.checkpoint().await?;
                if cx.attempt() > 20 {
                    return Ok(cx.attempt());
                }
            };
            let task = job.add_with("async", (), waits).unwrap();
            let blocks = |cx: TaskContext, ()| loop {
                cx.blocking_checkpoint()?;
                if cx.attempt() > 20 {
                    return Ok(cx.attempt());
                }
            };
            let blocking = job.add_blocking_with("blocking", (), blocks).unwrap();
            job.submit(&scheduler).unwrap();
            let mut n = 0u32;
            while !job.is_ended() {
                n = n.wrapping_add(1);
                if n.is_multiple_of(3) {
                    job.vacate_now("")
                } else {
                    job.vacate("")
                };
                std::thread::yield_now();
            }
            assert!(*task.output().unwrap() > 20 && *blocking.output().unwrap() > 20);
            assert_eq!(job.state(), JobState::Completed);
        });
    }
}
