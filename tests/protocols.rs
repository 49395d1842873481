//! Interplay that once went wrong: each of these hung, lost something or deadlocked.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::error::Error;
use std::fmt;
#[cfg(feature = "local")]
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::Inline;
use milepost::{CauseKind, Event, History, Job, ManualClock, NewTask, Retry, TaskError, TaskState};

const WINDOW: Duration = Duration::from_millis(200);

fn manual(name: &str) -> (ManualClock, Job) {
    let clock = ManualClock::new();
    let job = Job::builder(name).clock(clock.clock()).build().expect("a job");
    (clock, job)
}

/// Looks at its job when it is dropped or displayed, which deadlocks in the job's critical section.
#[derive(Debug)]
struct Nosy(Job);

impl Drop for Nosy {
    fn drop(&mut self) {
        let _ = self.0.snapshot();
    }
}

impl fmt::Display for Nosy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the job is {}", self.0.state())
    }
}

impl Error for Nosy {}

#[test]
fn a_reader_does_not_take_notices_that_another_one_has_not_read_for_its_own() {
    let (clock, job) = manual("two readers");
    let mut reads = job.task_progress_updated();
    let sleeps = job.task_progress_updated();
    let task = job.reporter("task").expect("a task");
    task.running().expect("it runs");
    task.set_progress(1);
    clock.advance(WINDOW);
    assert!(reads.try_recv().is_some());
    assert!(reads.try_recv().is_none());
    drop(sleeps);
}

#[test]
fn outputs_and_errors_are_dropped_and_displayed_outside_of_the_critical_section() {
    let (_clock, job) = manual("nosy");
    let refused = job.reporter("refused").expect("a task");
    assert!(refused.complete(Nosy(job.clone())).is_err(), "it doesn't run");
    let failed = job.reporter("failed").expect("a task");
    failed.running().expect("it runs");
    failed.fail(Nosy(job.clone())).expect("it fails");
    let error = job.task_snapshot(&failed).expect("the task").error.expect("an error");
    assert_eq!(&*error.message, "the job is running");
    failed.fail(Nosy(job.clone())).expect_err("it has ended");
}

#[test]
fn an_error_that_panics_as_it_is_displayed_fails_its_task_and_no_other() {
    #[derive(Debug)]
    struct Bad;

    impl fmt::Display for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no words")
        }
    }

    impl Error for Bad {}

    let job = Job::new("bad");
    let bad = job.add("bad", async |_cx| Err::<(), _>(Bad.into())).expect("a task");
    let good = job.add("good", async |_cx| Ok(1)).expect("a task");
    job.submit(&Inline).expect("submitted");
    assert_eq!(bad.output().expect_err("it failed").state, TaskState::Failed);
    assert_eq!(good.output().ok().as_deref(), Some(&1));
}

#[test]
fn readers_of_outputs_come_and_go_without_mixing_up() {
    let job = Job::new("outputs");
    let first = job.outputs::<u8>(1);
    let _second = job.outputs::<u16>(1);
    let mut third = job.outputs::<u32>(1);
    drop(first);
    let mut fourth = job.outputs::<u64>(1);
    job.reporter("c").expect("a task").run_blocking(|_cx| Ok(3u32)).expect_err("taken");
    job.reporter("d").expect("a task").run_blocking(|_cx| Ok(4u64)).expect_err("taken");
    assert_eq!(third.try_recv().map(|taken| *taken.output), Some(3));
    assert_eq!(fourth.try_recv().map(|taken| *taken.output), Some(4));
}

#[test]
fn a_job_with_a_feed_that_nobody_can_submit_any_more_ends() {
    let job = Job::builder("fed").open().expect("a job");
    job.feed((0..100).map(|n| NewTask::blocking(n.to_string(), move |_cx| Ok(n))), 4);
    let mut done = job.job_completed();
    drop(job);
    assert!(done.try_recv().is_some());
}

#[test]
fn what_a_handle_kept_is_dropped_outside_of_the_critical_section() {
    let (clock, _) = manual("unused");
    let builder = Job::builder("unread").clock(clock.clock()).history(History::Unread);
    let job = builder.open().expect("a job");
    job.submit(&Inline).expect("submitted");
    let nosy = Nosy(job.job());
    let handle = job.add_blocking("nosy", move |_cx| Ok(nosy)).expect("a task");
    let fill = || {
        for n in 0..2_000 {
            job.add_blocking(n.to_string(), |_cx| Ok(())).expect("a task");
        }
    };
    fill();
    drop(handle);
    fill();
}

#[test]
fn history_that_is_freed_keeps_what_a_reader_has_in_hand() {
    let clock = ManualClock::new();
    let builder = Job::builder("unread").clock(clock.clock()).history(History::Unread);
    let job = builder.build().expect("a job");
    let task = job.reporter("task").expect("a task");
    task.running().expect("it runs");
    task.set_progress(1);
    clock.advance(WINDOW);
    job.cancel_task(&task, "why").expect("the task is there");
    task.end(TaskState::Canceled, "asked to").expect("it stops");
    let mut events = job.events();
    // The last progress is told right before the end, which is in the reader's hand from then on.
    let is_progress = |event: &Event| matches!(event, Event::TaskProgressUpdated(_));
    while !is_progress(&events.try_recv().expect("an event")) {}
    for n in 0..600 {
        let other = job.reporter(n.to_string()).expect("a task");
        other.running().expect("it runs");
        other.complete(()).expect("it completes");
    }
    match events.try_recv() {
        Some(Event::TaskStateChanged(change)) => {
            assert_eq!(change.to, TaskState::Canceled);
            assert_eq!(change.cause.expect("a cause").kind, CauseKind::Canceled);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn history_that_is_freed_keeps_last_progress_for_those_who_read_only_that() {
    let job = Job::builder("unread").history(History::Unread).build().expect("a job");
    let mut progress = job.task_progress_updated();
    for n in 0..2_000 {
        let task = job.reporter(n.to_string()).expect("a task");
        task.running().expect("it runs");
        task.set_progress(n);
        task.complete(()).expect("it completes");
    }
    drop(job);
    assert_eq!(std::iter::from_fn(|| progress.blocking_next()).count(), 2_000);
}

#[test]
fn a_stream_after_the_last_number_there_is_waits_for_what_never_comes() {
    let job = Job::new("late");
    let mut events = job.events().after(u64::MAX);
    drop(job);
    assert!(events.try_recv().is_none());
    assert!(events.is_ended());
}

#[test]
fn a_timeout_holds_for_tasks_that_run_elsewhere() {
    let (clock, job) = manual("elsewhere");
    let task = job.task("slow").timeout(Duration::from_secs(1)).reporter().expect("a task");
    clock.advance(Duration::from_secs(5));
    task.running().expect("waiting did not count");
    clock.advance(Duration::from_secs(1));
    assert_eq!(job.task_snapshot(&task).expect("the task").state, TaskState::TimedOut);
    assert!(
        job.task("again").retry(Retry::attempts(2)).reporter().is_err(),
        "it can't be run again"
    );
}

#[test]
fn a_task_that_was_said_to_run_can_be_run() {
    let job = Job::new("said");
    let task = job.reporter("task").expect("a task");
    task.running().expect("it runs");
    assert_eq!(task.run_blocking(|_cx| Ok(1)).ok().as_deref(), Some(&1));
}

#[test]
fn what_a_clock_rings_may_advance_it() {
    let (clock, job) = manual("nested");
    let inner = clock.clone();
    let task = job.task("task").retry(Retry::attempts(2));
    let handle = task
        .add_blocking_with((), move |cx, ()| {
            if cx.attempt() == 1 {
                return Err(TaskError::msg("again").retry_after(Duration::from_secs(1)));
            }
            inner.advance(Duration::from_secs(1));
            Ok(cx.attempt())
        })
        .expect("a task");
    job.submit(&Inline).expect("submitted");
    clock.advance(Duration::from_secs(1));
    assert_eq!(handle.output().ok().as_deref(), Some(&2));
}

#[test]
fn what_an_attempt_published_is_not_the_next_ones() {
    let job = Job::new("published");
    let task = job.task("task").retry(Retry::attempts(2));
    task.add_blocking_with((), |cx, ()| {
        if cx.attempt() == 1 {
            cx.publish(&"first")?;
            return Err(TaskError::msg("again"));
        }
        Ok(())
    })
    .expect("a task");
    job.submit(&Inline).expect("submitted");
    let end = job.task_completed().blocking_next().expect("an end");
    assert!(end.published::<String>().is_none());
}

#[test]
fn progress_is_not_told_before_the_events_that_it_came_after() {
    let (clock, job) = manual("late");
    let first = job.reporter("first").expect("a task");
    first.running().expect("it runs");
    first.set_progress(1);
    clock.advance(WINDOW);
    let mut events = job.events();
    let second = job.reporter("second").expect("a task");
    second.running().expect("it runs");
    second.set_progress(1);
    clock.advance(WINDOW);
    let mut passed = 0;
    while let Some(event) = events.try_recv() {
        if let Event::TaskProgressUpdated(progress) = &event {
            assert!(progress.after <= passed, "{progress:?} after {passed}");
        }
        passed = event.seq().unwrap_or(passed);
    }
    assert_eq!(passed, job.last_seq());
}

#[test]
fn a_value_that_is_set_beside_a_count_is_never_added_to_it() {
    let (clock, job) = manual("mixed");
    let mut told = job.task_progress_updated();
    let task = job.reporter("task").expect("a task");
    task.running().expect("it runs");
    task.advance(1_000);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::Relaxed;
    let mut most = 0f64;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(order) {
                task.set_progress(1_000);
                task.set_progress(999);
            }
        });
        for _ in 0..20_000 {
            clock.advance(WINDOW);
            while let Some(update) = told.try_recv() {
                most = most.max(update.progress.expect("a value"));
            }
        }
        stop.store(true, order);
    });
    assert!(most <= 1_000.0, "{most}");
}

#[cfg(feature = "local")]
#[test]
fn a_scheduler_whose_runtime_has_gone_interrupts_what_it_is_given() {
    use milepost::{LocalScheduler, SubmitError};

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let scheduler = {
        let _inside = runtime.enter();
        LocalScheduler::new(2).expect("a scheduler")
    };
    drop(runtime);
    let job = Job::new("orphan");
    for n in 0..3 {
        job.add(n.to_string(), async |_cx| Ok(())).expect("a task");
    }
    job.submit(&scheduler).expect("submitted");
    let summary = job.wait_until_done().blocking().expect("no deadlock");
    assert_eq!(summary.counts.of(TaskState::Interrupted), 3);
    assert_eq!(Job::new("next").submit(&scheduler), Err(SubmitError::ShutDown));
}

#[cfg(feature = "local")]
#[test]
fn a_worker_that_is_lost_as_its_job_ends_is_replaced() {
    use milepost::LocalScheduler;

    let scheduler = LocalScheduler::new(2).expect("a scheduler");
    for _ in 0..300 {
        let job = Job::new("race");
        let (release, gate) = mpsc::channel::<()>();
        let (finish, end) = mpsc::channel::<()>();
        let (first, started) = mpsc::channel();
        let second = first.clone();
        let stuck = job.add_blocking("stuck", move |_cx| {
            first.send(())?;
            gate.recv()?;
            Ok(())
        });
        job.add_blocking("other", move |_cx| {
            second.send(())?;
            end.recv()?;
            Ok(())
        })
        .expect("a task");
        job.submit(&scheduler).expect("submitted");
        for _ in 0..2 {
            started.recv().expect("both run at the same time");
        }
        let stuck = stuck.expect("a task");
        std::thread::scope(|scope| {
            scope.spawn(|| finish.send(()).expect("it waits"));
            stuck.cancel_now("stuck");
        });
        release.send(()).expect("it still hangs");
        job.wait_until_done().blocking().expect("no deadlock");
    }
}

#[cfg(feature = "local")]
#[test]
fn an_async_task_that_never_yields_does_not_keep_the_scheduler() {
    use milepost::LocalScheduler;

    let scheduler = LocalScheduler::new(1).expect("a scheduler");
    let job = Job::new("hog");
    let (release, gate) = mpsc::channel::<()>();
    let (say, started) = mpsc::channel();
    job.add("hog", move |_cx| async move {
        say.send(())?;
        gate.recv()?;
        Ok(())
    })
    .expect("a task");
    job.submit(&scheduler).expect("submitted");
    started.recv().expect("it runs");
    job.cancel_now("hogs its thread");
    let next = Job::new("next");
    let output = next.add("next", async |_cx| Ok(Arc::new(1))).expect("a task");
    next.submit(&scheduler).expect("submitted");
    assert!(output.output().is_ok());
    release.send(()).expect("it still hangs");
}
