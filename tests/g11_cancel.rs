//! G11: cancelling is allowed at any time and any number of times, has a reason and a message, is cooperative first and
//! forced after a grace period; code that doesn't yield is abandoned.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "local")]
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::Inline;
#[cfg(feature = "local")]
use common::within;
use futures::executor::block_on;
use milepost::{
    CancelReason, Canceled, Cause, CauseKind, Failure, FailureKind, Job, JobState, ManualClock,
    Scheduler, TaskError, TaskQueue, TaskReporter, TaskRun, TaskState,
};
use parking_lot::Mutex;

const GRACE: Duration = Duration::from_secs(30);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A scheduler whose tasks the test takes by hand.
#[derive(Clone, Default)]
struct ByHand(Arc<Mutex<Vec<TaskQueue>>>, Arc<AtomicUsize>);

impl Scheduler for ByHand {
    fn ready(&self, queue: TaskQueue) {
        self.0.lock().push(queue);
    }

    fn worker_lost(&self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl ByHand {
    fn next(&self) -> Option<Pin<Box<TaskRun>>> {
        // A queue that gives no more may be followed by one that is told of at that moment.
        let queue = |n| self.0.lock().get(n).cloned();
        (0..).map_while(queue).find_map(|queue: TaskQueue| queue.next()).map(Box::pin)
    }

    fn lost(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

/// Counts its drops.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn guard(&self) -> Guard {
        Guard(self.clone())
    }
}

struct Guard(Drops);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn job() -> (Job, ManualClock) {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).build().expect("the settings make sense");
    (job, clock)
}

fn running(job: &Job, name: &str) -> TaskReporter {
    let task = job.reporter(name).expect("the job takes tasks");
    task.running().expect("a new task can run");
    task
}

fn poll(run: &mut Pin<Box<TaskRun>>) -> Poll<bool> {
    run.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The causes of a job's changes of state, in order.
fn job_causes(job: &Job) -> Vec<(JobState, Arc<Cause>)> {
    let mut changes = job.job_state_changed();
    std::iter::from_fn(|| changes.try_recv())
        .filter_map(|change| Some((change.to, change.cause?)))
        .collect()
}

/// The states that a task was in, with the causes.
fn states(job: &Job, task: usize) -> Vec<(TaskState, Option<Arc<Cause>>)> {
    let mut changes = job.task_state_changed();
    std::iter::from_fn(|| changes.try_recv())
        .filter(|change| change.task.index() == task)
        .map(|change| (change.to, change.cause))
        .collect()
}

fn error(job: &Job, task: usize) -> Arc<Failure> {
    let snapshot = job.snapshot().tasks.swap_remove(task);
    snapshot.error.expect("it did not complete")
}

#[test]
fn g11_cancel_before_submit_ends_tasks_at_once() {
    let (job, _clock) = job();
    let drops = Drops::default();
    let handles: Vec<_> = (0..3)
        .map(|n| {
            let guard = drops.guard();
            job.add_blocking(n.to_string(), move |_cx| Ok(drop(guard))).unwrap()
        })
        .collect();
    job.cancel("changed my mind");
    assert_eq!((job.state(), job.counts().canceled()), (JobState::Canceled, 3));
    assert_eq!(drops.count(), 3, "their closures are gone");
    for (n, handle) in handles.into_iter().enumerate() {
        let failed = handle.output().unwrap_err();
        assert_eq!(failed.state, TaskState::Canceled);
        assert_eq!(
            format!("{failed:#}"),
            format!("task {n} ({n}) was canceled: canceled: changed my mind")
        );
        let [(TaskState::Canceled, Some(cause))] = &states(&job, n)[..] else { panic!("{n}") };
        assert_eq!((cause.kind, cause.reason), (CauseKind::Canceled, Some(CancelReason::User)));
        assert_eq!(cause.message.as_deref(), Some("changed my mind"));
    }
    assert!(job.submit(&Inline).is_err() && job.add_blocking("late", |_cx| Ok(())).is_err());
}

#[test]
fn g11_cancel_is_idempotent_and_the_first_message_counts() {
    let (job, clock) = job();
    let task = running(&job, "a");
    job.cancel("first");
    let seq = job.last_seq();
    for _ in 0..3 {
        job.cancel("second");
        job.cancel_task(&task, "third").unwrap();
    }
    assert_eq!(job.last_seq(), seq);
    let [(JobState::Canceling, cause)] = &job_causes(&job)[..] else { panic!() };
    assert_eq!(cause.message.as_deref(), Some("first"));
    assert_eq!(cause.to_string(), "canceled: first");
    // The grace period counts from the first.
    clock.advance(GRACE - ms(1));
    job.cancel("fourth");
    assert_eq!(job.state(), JobState::Canceling);
    clock.advance(ms(1));
    assert_eq!(job.state(), JobState::Canceled);
    let last = states(&job, 0).pop().unwrap().1.unwrap();
    assert_eq!(last.message.as_deref(), Some("first"));
}

#[test]
fn g11_cancel_after_the_end_has_no_effect() {
    let (job, _clock) = job();
    let task = running(&job, "a");
    task.complete(1).unwrap();
    job.cancel_task(&task, "late").unwrap();
    job.cancel_task_now(&task, "late").unwrap();
    assert_eq!(job.counts().completed(), 1);
    job.submit(&Inline).unwrap();
    let seq = job.last_seq();
    job.cancel("late");
    job.cancel_now("late");
    assert_eq!((job.last_seq(), job.state()), (seq, JobState::Completed));
}

#[test]
fn g11_cancel_of_a_job_without_unfinished_tasks_leaves_it_completed() {
    let (job, _clock) = job();
    running(&job, "a").complete(()).unwrap();
    job.cancel("nothing to stop");
    assert_eq!(job.state(), JobState::Completed);
    let (empty, _clock) = self::job();
    empty.cancel_now("");
    assert_eq!(empty.state(), JobState::Completed);
    assert_eq!(job_causes(&empty)[0].1.to_string(), "canceled");
}

#[test]
fn g11_cancel_asks_what_runs_and_ends_what_waits() {
    let (job, _clock) = job();
    let hand = ByHand::default();
    let runs = job.add("runs", async |cx| Ok(cx.canceled().await)).unwrap();
    let waits = job.add("waits", async |_cx| Ok(())).unwrap();
    let reported = job.reporter("not yet running").unwrap();
    let assigned = job.reporter("assigned").unwrap();
    assigned.assigned().unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    job.cancel("stop");
    assert_eq!((runs.state(), waits.state()), (TaskState::Canceling, TaskState::Canceled));
    assert_eq!(job.task_snapshot(&reported).unwrap().state, TaskState::Canceled);
    assert!(reported.is_canceled(), "it is told, too");
    assert_eq!(job.state(), JobState::Canceling);
    assert!(hand.next().is_none());
    assert!(assigned.is_canceled());
    drop(assigned);
    assert!(poll(&mut run).is_ready());
    // It has returned an Ok.
    assert_eq!(runs.state(), TaskState::Completed);
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g11_what_is_canceled_sees_why() {
    let (job, _clock) = job();
    let task = job
        .add_blocking("a", {
            let job = job.clone();
            move |cx| {
                assert!(cx.check().is_ok() && !cx.is_canceled() && cx.cancel_cause().is_none());
                job.cancel("stop here");
                assert!(cx.is_canceled());
                assert_eq!(cx.check(), Err(Canceled));
                assert_eq!(cx.blocking_checkpoint(), Err(Canceled));
                assert_eq!(block_on(cx.checkpoint()), Err(Canceled));
                block_on(cx.canceled());
                assert_eq!(block_on(cx.or_canceled(std::future::ready(1))), Err(Canceled));
                let cause = cx.cancel_cause().unwrap();
                assert_eq!(cause.message.as_deref(), Some("stop here"));
                cx.check()?;
                Ok(())
            }
        })
        .unwrap();
    job.submit(&Inline).unwrap();
    let failed = task.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Canceled);
}

#[test]
fn g11_an_error_while_canceling_is_canceled_and_the_error_kept() {
    let (job, _clock) = job();
    let hand = ByHand::default();
    let task = job
        .add::<(), _, _>("a", async |cx| {
            cx.canceled().await;
            Err(std::io::Error::other("half written").into())
        })
        .unwrap();
    let reported = running(&job, "reported");
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    job.cancel("stop");
    assert_eq!(poll(&mut run), Poll::Ready(false));
    reported.fail(std::io::Error::other("half sent")).unwrap();
    for (n, message) in ["half written", "half sent"].into_iter().enumerate() {
        let failure = error(&job, n);
        assert_eq!(&*failure.message, message);
        assert!(failure.error().unwrap().is::<std::io::Error>());
        let (state, cause) = states(&job, n).pop().unwrap();
        assert_eq!(state, TaskState::Canceled);
        assert_eq!(cause.unwrap().message.as_deref(), Some("stop"));
    }
    assert_eq!(task.output().unwrap_err().state, TaskState::Canceled);
    assert_eq!(job.state(), JobState::Canceled);
    assert!(block_on(job.wait_until_done()).failures.is_empty());
}

#[test]
fn g11_an_ok_while_canceling_is_completed() {
    let (job, _clock) = job();
    let (one, two) = (running(&job, "a"), running(&job, "b"));
    job.cancel("stop");
    one.complete("in time").unwrap();
    two.complete("in time").unwrap();
    assert_eq!(job.counts().completed(), 2);
    assert_eq!(job.state(), JobState::Completed, "every task completed");
}

#[test]
fn g11_a_failure_before_a_users_cancel_leaves_the_job_canceled() {
    let (job, _clock) = job();
    running(&job, "bad").fail(TaskError::msg("bad")).unwrap();
    let task = running(&job, "a");
    job.cancel("stop");
    drop(task);
    assert_eq!((job.counts().failed(), job.state()), (2, JobState::Canceled));
}

#[test]
fn g11_an_async_task_is_dropped_at_its_await_once_its_grace_is_over() {
    let (job, clock) = job();
    let (hand, drops) = (ByHand::default(), Drops::default());
    let guard = drops.guard();
    let task = job
        .add::<(), _, _>("deaf", async move |cx| {
            let _guard = guard;
            cx.set_progress(1);
            std::future::pending().await
        })
        .unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    job.cancel("stop");
    clock.advance(GRACE - ms(1));
    assert!(poll(&mut run).is_pending());
    assert_eq!((task.state(), drops.count()), (TaskState::Canceling, 0));
    clock.advance(ms(1));
    assert_eq!((task.state(), job.state()), (TaskState::Canceled, JobState::Canceled));
    assert_eq!(poll(&mut run), Poll::Ready(false));
    assert_eq!((drops.count(), hand.lost()), (1, 0));
    let cause = states(&job, 0).pop().unwrap().1.unwrap();
    assert_eq!((cause.kind, cause.reason), (CauseKind::Forced, Some(CancelReason::User)));
    assert_eq!(cause.to_string(), "canceled by force: stop");
    assert_eq!(error(&job, 0).kind, FailureKind::Canceled);
    let last = job.snapshot().tasks.remove(0);
    assert_eq!(last.progress, Some(1.0), "its last report counts");
}

#[test]
fn g11_cancel_now_needs_no_grace() {
    let (job, _clock) = job();
    let (hand, drops) = (ByHand::default(), Drops::default());
    let guard = drops.guard();
    job.add::<(), _, _>("deaf", async move |_cx| {
        let _guard = guard;
        std::future::pending().await
    })
    .unwrap();
    let reported = running(&job, "reported");
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    job.cancel_now("at once");
    assert_eq!((job.state(), job.counts().canceled()), (JobState::Canceled, 2));
    assert_eq!(poll(&mut run), Poll::Ready(false));
    assert_eq!(drops.count(), 1);
    let kinds: Vec<_> = (0..2).map(|n| states(&job, n).pop().unwrap().1.unwrap().kind).collect();
    assert_eq!(kinds, [CauseKind::Forced, CauseKind::Abandoned]);
    assert!(reported.complete(()).is_err());
    // After a patient one.
    let (job, _clock) = self::job();
    let task = running(&job, "a");
    job.cancel("please");
    job.cancel_now("at once");
    assert_eq!(job.state(), JobState::Canceled);
    let cause = states(&job, 0).pop().unwrap().1.unwrap();
    assert_eq!(cause.message.as_deref(), Some("please"));
    drop(task);
}

#[test]
fn g11_the_grace_period_is_the_jobs_own() {
    let clock = ManualClock::new();
    for (grace, longest) in [(ms(5), ms(5)), (Duration::ZERO, Duration::ZERO)] {
        let job = Job::builder("job").clock(clock.clock()).grace(grace).build().unwrap();
        let task = running(&job, "a");
        job.cancel("stop");
        clock.advance(longest);
        assert_eq!(job.state(), JobState::Canceled, "{grace:?}");
        drop(task);
    }
    let job = Job::builder("job").clock(clock.clock()).grace(Duration::MAX).build().unwrap();
    let task = running(&job, "a");
    job.cancel("stop");
    clock.advance(Duration::from_secs(1 << 30));
    assert_eq!(job.state(), JobState::Canceling);
    task.fail(TaskError::msg("stopped")).unwrap();
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g11_a_single_task_is_canceled_and_forced_alone() {
    let (job, clock) = job();
    let (hand, drops) = (ByHand::default(), Drops::default());
    let deaf = |name: &str| {
        let guard = drops.guard();
        job.add::<(), _, _>(name, async move |_cx| {
            let _guard = guard;
            std::future::pending().await
        })
        .unwrap()
    };
    let (one, two, three) = (deaf("one"), deaf("two"), deaf("three"));
    let polite = job.add("polite", async |cx| Ok(cx.canceled().await)).unwrap();
    let waits = job.add("waits", async |_cx| Ok(())).unwrap();
    job.submit(&hand).unwrap();
    let mut runs: Vec<_> = (0..4).map(|_| hand.next().unwrap()).collect();
    for run in &mut runs {
        assert!(poll(run).is_pending());
    }
    one.cancel("just this one");
    job.cancel_task(&polite, "you, too").unwrap();
    waits.cancel("not begun");
    assert_eq!(waits.state(), TaskState::Canceled);
    assert_eq!(one.state(), TaskState::Canceling);
    assert!(poll(&mut runs[3]).is_ready());
    assert_eq!(polite.state(), TaskState::Completed);
    clock.advance(GRACE - ms(1));
    assert_eq!((one.state(), drops.count()), (TaskState::Canceling, 0));
    clock.advance(ms(1));
    assert_eq!(one.state(), TaskState::Canceled);
    assert!(poll(&mut runs[0]).is_ready());
    two.cancel_now("at once");
    assert_eq!((two.state(), three.state()), (TaskState::Canceled, TaskState::Running));
    assert!(poll(&mut runs[1]).is_ready());
    assert_eq!((drops.count(), job.state()), (2, JobState::Running));
    assert!(job_causes(&job).is_empty());
    // One that was asked alone and then with its job is forced by its own time.
    three.cancel("first alone");
    clock.advance(GRACE / 2);
    job.cancel("then all");
    clock.advance(GRACE / 2);
    assert_eq!(three.state(), TaskState::Canceled);
    let cause = states(&job, 2).pop().unwrap().1.unwrap();
    assert_eq!(cause.message.as_deref(), Some("first alone"));
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g11_a_job_whose_only_loss_is_a_single_canceled_task_is_canceled() {
    let (job, _clock) = job();
    let (one, two) = (running(&job, "a"), running(&job, "b"));
    job.cancel_task(&one, "just this one").unwrap();
    one.fail(TaskError::msg("stopped")).unwrap();
    two.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g11_max_failures_cancels_the_rest_as_a_consequence() {
    for most in [0, 1, 3] {
        let clock = ManualClock::new();
        let job = Job::builder("job").clock(clock.clock()).max_failures(most).build().unwrap();
        let rest = running(&job, "rest");
        let pending = job.add_blocking("pending", |_cx| Ok(())).unwrap();
        for n in 0..most.max(1) {
            assert_eq!(job.state(), JobState::Running);
            let bad = running(&job, "bad");
            match n % 3 {
                0 => bad.fail(TaskError::msg("bad")).unwrap(),
                1 => drop(bad),
                _ => bad.end(TaskState::TimedOut, "too slow").unwrap(),
            }
        }
        assert_eq!(job.state(), JobState::Canceling);
        assert_eq!(pending.state(), TaskState::Canceled);
        assert!(rest.is_canceled());
        let [(JobState::Canceling, cause)] = &job_causes(&job)[..] else { panic!() };
        assert_eq!(cause.reason, Some(CancelReason::Consequence));
        assert!(cause.message.as_ref().unwrap().contains(&most.max(1).to_string()), "{cause}");
        assert!(cause.to_string().contains("as other tasks failed"), "{cause}");
        clock.advance(GRACE);
        assert_eq!(job.state(), JobState::Failed, "it has failed, not been canceled");
        assert!(job.add_blocking("late", |_cx| Ok(())).is_err());
    }
}

#[test]
fn g11_canceled_tasks_are_no_failures_that_count() {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).cancel_on_task_failure().build().unwrap();
    let (one, two) = (running(&job, "a"), running(&job, "b"));
    job.cancel_task_now(&one, "just this one").unwrap();
    assert_eq!(job.state(), JobState::Running);
    two.fail(TaskError::msg("bad")).unwrap();
    assert_eq!(job_causes(&job).len(), 1);
    job.submit(&Inline).unwrap_err();
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn g11_a_thousand_tasks_that_fail_at_once_cancel_once() {
    let job = Job::builder("job").cancel_on_task_failure().build().unwrap();
    for n in 0..1_000 {
        job.add_blocking::<(), _>(n.to_string(), |_cx| Err(TaskError::msg("bad"))).unwrap();
    }
    job.submit(&Inline).unwrap();
    assert_eq!((job.counts().failed(), job.counts().canceled()), (1, 999));
    assert_eq!(job_causes(&job).len(), 1);
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn g11_code_that_does_not_yield_is_abandoned() {
    let (job, clock) = job();
    let hand = ByHand::default();
    let late = Drops::default();
    let task = job
        .add_blocking("stuck", {
            let (job, clock, guard) = (job.clone(), clock.clone(), late.guard());
            move |cx| {
                cx.set_progress(1);
                job.cancel("stop");
                clock.advance(GRACE);
                // It has ended, and nobody hears any more.
                assert!(cx.is_canceled());
                cx.set_progress(2);
                cx.set_message("still here");
                cx.publish(&"late")?;
                Ok(guard)
            }
        })
        .unwrap();
    let mut done = job.task_completed();
    job.submit(&hand).unwrap();
    let run = *Pin::into_inner(hand.next().unwrap());
    assert!(run.run_blocking(), "this worker is one too many");
    assert_eq!(hand.lost(), 1, "the scheduler was told");
    assert_eq!(late.count(), 1, "the late output is gone");
    let ended = done.try_recv().unwrap();
    assert!(done.try_recv().is_none() && done.is_ended());
    assert_eq!((ended.state, ended.progress), (TaskState::Canceled, Some(1.0)));
    assert!(ended.message.is_none() && ended.published::<String>().is_none());
    assert!(ended.output::<Guard>().is_none());
    assert_eq!(ended.error.unwrap().kind, FailureKind::Abandoned);
    let cause = states(&job, 0).pop().unwrap().1.unwrap();
    assert_eq!((cause.kind, cause.reason), (CauseKind::Abandoned, Some(CancelReason::User)));
    assert!(cause.to_string().contains("did not yield"), "{cause}");
    assert_eq!(task.output().map(drop).unwrap_err().state, TaskState::Canceled);
}

#[test]
fn g11_an_async_task_that_is_forced_while_it_computes_is_abandoned() {
    let (job, _clock) = job();
    let (hand, drops) = (ByHand::default(), Drops::default());
    let guard = drops.guard();
    job.add::<(), _, _>("busy", {
        let job = job.clone();
        async move |cx| {
            let _guard = guard;
            job.cancel_task_now(cx.task_id(), "at once").unwrap();
            cx.set_progress(2);
            std::future::pending().await
        }
    })
    .unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert_eq!(poll(&mut run), Poll::Ready(true), "it is dropped as soon as it waits");
    assert_eq!((drops.count(), hand.lost()), (1, 1));
    assert_eq!(error(&job, 0).kind, FailureKind::Abandoned);
    assert_eq!(job.snapshot().tasks[0].progress, None);
}

#[test]
fn g11_a_task_that_was_started_and_not_begun_is_never_run_once_it_was_forced() {
    let (job, _clock) = job();
    let hand = ByHand::default();
    for (n, blocking) in [true, false].into_iter().enumerate() {
        if blocking {
            job.add_blocking::<(), _>(n.to_string(), |_cx| panic!("it must not run")).unwrap();
        } else {
            job.add::<(), _, _>(n.to_string(), async |_cx| panic!("it must not run")).unwrap();
        }
    }
    job.submit(&hand).unwrap();
    let mut runs = [hand.next().unwrap(), hand.next().unwrap()];
    job.cancel_now("at once");
    // Whether a worker was lost is told alike to both sides.
    let abandoned = runs.iter_mut().map(|run| match poll(run) {
        Poll::Ready(abandoned) => usize::from(abandoned),
        Poll::Pending => panic!("it was forced"),
    });
    assert_eq!(abandoned.sum::<usize>(), hand.lost());
    assert_eq!((job.counts().canceled(), job.state()), (2, JobState::Canceled));
}

#[test]
fn g11_a_task_of_the_callers_own_future_is_forced_at_its_await() {
    let (job, clock) = job();
    let drops = Drops::default();
    let guard = drops.guard();
    let mut run = Box::pin(job.run::<(), _, _>("own", async move |_cx| {
        let _guard = guard;
        std::future::pending().await
    }));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(cx).is_pending());
    job.cancel("stop");
    assert!(run.as_mut().poll(cx).is_pending());
    clock.advance(GRACE);
    let Poll::Ready(Err(error)) = run.as_mut().poll(cx) else { panic!("it was forced") };
    assert_eq!(drops.count(), 1);
    assert!(error.to_string().contains("was canceled"), "{error}");
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g11_an_attempt_is_not_tried_again_once_it_was_canceled() {
    let (job, _clock) = job();
    let hand = ByHand::default();
    let task = job
        .task("a")
        .retry(milepost::Retry::attempts(5))
        .add_with((), async |cx, ()| {
            cx.canceled().await;
            Err::<(), _>(TaskError::msg("stopped"))
        })
        .unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    task.cancel("stop");
    assert!(poll(&mut run).is_ready());
    assert!(hand.next().is_none());
    assert_eq!(task.output().unwrap_err().attempts, 1);
}

#[test]
fn g11_a_panic_while_canceling_is_a_failure() {
    let (job, _clock) = job();
    let hand = ByHand::default();
    job.task("a")
        .retry(milepost::Retry::attempts(5))
        .add_with((), async |cx, ()| -> Result<(), TaskError> {
            cx.canceled().await;
            panic!("in the cleanup")
        })
        .unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    job.cancel("stop");
    assert!(poll(&mut run).is_ready());
    assert_eq!(states(&job, 0).pop().unwrap().0, TaskState::Failed);
    assert_eq!(error(&job, 0).kind, FailureKind::Panicked);
    assert_eq!(job.state(), JobState::Canceled, "by the user");
}

#[test]
fn g11_a_canceled_task_still_times_out() {
    for alone in [true, false] {
        let (job, clock) = job();
        let hand = ByHand::default();
        let task = job
            .task("a")
            .timeout(Duration::from_secs(10))
            .add::<(), _, _>(async |_cx| std::future::pending().await)
            .unwrap();
        job.submit(&hand).unwrap();
        let mut run = hand.next().unwrap();
        assert!(poll(&mut run).is_pending());
        if alone {
            task.cancel("stop")
        } else {
            job.cancel("stop")
        };
        clock.advance(Duration::from_secs(10));
        assert_eq!(task.state(), TaskState::TimedOut, "its time is up before its grace");
        assert!(poll(&mut run).is_ready());
    }
}

#[test]
fn g11_or_canceled_drops_what_it_waits_for() {
    let (job, _clock) = job();
    let (hand, drops) = (ByHand::default(), Drops::default());
    let guard = drops.guard();
    let task = job
        .add("a", async move |cx| {
            assert_eq!(cx.or_canceled(async { 5 }).await, Ok(5));
            let waits = async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            };
            let canceled = cx.or_canceled(waits).await;
            Ok(canceled == Err(Canceled))
        })
        .unwrap();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(poll(&mut run).is_pending());
    assert_eq!(drops.count(), 0);
    job.cancel("stop");
    assert!(poll(&mut run).is_ready());
    assert_eq!(drops.count(), 1);
    assert!(*task.output().unwrap());
}

#[cfg(feature = "local")]
mod local {
    use milepost::{LocalScheduler, WaitEnd};

    use super::*;

    #[test]
    fn g11_a_replacement_keeps_the_concurrency_of_a_scheduler_whose_worker_is_stuck() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            let job = Job::new("stuck");
            let (runs, running) = mpsc::channel();
            let (release, gate) = mpsc::channel::<()>();
            let (returns, returned) = mpsc::channel();
            let stuck = job
                .add_blocking("stuck", move |cx| {
                    runs.send(())?;
                    gate.recv()?;
                    returns.send(cx.is_canceled())?;
                    Ok("late")
                })
                .unwrap();
            let after = job.add("after", async |_cx| Ok(1)).unwrap();
            job.submit(&scheduler).unwrap();
            running.recv().unwrap();
            let other = Job::new("other");
            let there = other.add_blocking("a", |_cx| Ok(2)).unwrap();
            other.submit(&scheduler).unwrap();
            assert_eq!(there.state(), TaskState::Submitted);
            stuck.cancel_now("stuck");
            let failed = stuck.output().unwrap_err();
            assert_eq!(failed.error.unwrap().kind, FailureKind::Abandoned);
            assert_eq!((*after.output().unwrap(), *there.output().unwrap()), (1, 2));
            assert_eq!(job.wait_until_done().blocking().unwrap().state, JobState::Canceled);
            release.send(()).unwrap();
            assert!(returned.recv().unwrap(), "its code goes on and sees that it was canceled");
            assert_eq!(job.counts().completed(), 1, "what it returns counts no more");
        });
    }

    #[test]
    fn g11_a_worker_that_comes_back_does_not_exceed_the_concurrency() {
        within(|| {
            for blocking in [true, false] {
                let scheduler = LocalScheduler::new(2).unwrap();
                let job = Job::new("stuck");
                let (runs, running) = mpsc::channel();
                let mut gates = Vec::new();
                for n in 0..2 {
                    let (release, gate) = mpsc::channel::<()>();
                    gates.push(release);
                    let runs = runs.clone();
                    let run = move || {
                        runs.send(())?;
                        Ok(gate.recv()?)
                    };
                    if blocking {
                        job.add_blocking(n.to_string(), move |_cx| run()).unwrap();
                    } else {
                        let run = async move |_cx| tokio::task::block_in_place(run);
                        job.add(n.to_string(), run).unwrap();
                    }
                }
                job.submit(&scheduler).unwrap();
                for _ in 0..2 {
                    running.recv().unwrap();
                }
                job.cancel_now("stuck");
                assert_eq!(job.state(), JobState::Canceled);
                for release in &gates {
                    release.send(()).unwrap();
                }
                // However many workers there are by now, at most two tasks run at a time.
                let next = Job::new("next");
                let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let meet = Arc::new(std::sync::Barrier::new(2));
                for n in 0..100 {
                    let (now, most, meet) = (now.clone(), most.clone(), meet.clone());
                    next.add_blocking(n.to_string(), move |_cx| {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        meet.wait();
                        now.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .unwrap();
                }
                next.submit(&scheduler).unwrap();
                next.wait_until_done().blocking().unwrap().ok().unwrap();
                assert_eq!(most.load(Ordering::SeqCst), 2, "blocking: {blocking}");
            }
        });
    }

    #[test]
    fn g11_a_forced_async_task_is_dropped_by_its_runtime_at_once() {
        within(|| {
            let clock = ManualClock::new();
            let scheduler = LocalScheduler::new(1).unwrap();
            let job = Job::builder("deaf").clock(clock.clock()).build().unwrap();
            let (dropped, drops) = mpsc::channel();
            struct Tell(mpsc::Sender<()>);
            impl Drop for Tell {
                fn drop(&mut self) {
                    self.0.send(()).ok();
                }
            }
            let tell = Tell(dropped);
            let (waits, waiting) = mpsc::channel();
            job.add::<(), _, _>("deaf", async move |_cx| {
                let _tell = tell;
                waits.send(())?;
                std::future::pending().await
            })
            .unwrap();
            job.submit(&scheduler).unwrap();
            waiting.recv().unwrap();
            job.cancel("stop");
            clock.advance(GRACE);
            // The clock's thread ends it, the worker drops it.
            drops.recv().unwrap();
            assert_eq!(job.wait_until_done().blocking().unwrap().counts.canceled(), 1);
            // The worker is free again.
            let next = Job::new("next");
            let task = next.add("a", async |_cx| Ok(1)).unwrap();
            next.submit(&scheduler).unwrap();
            assert_eq!(*task.output().unwrap(), 1);
        });
    }

    #[test]
    fn g11_cancel_from_many_threads_while_tasks_run_ends_each_task_once() {
        within(|| {
            for round in 0..20 {
                let scheduler = LocalScheduler::new(3).unwrap();
                let job = Job::builder("race").open().unwrap();
                for n in 0..200 {
                    match n % 3 {
                        0 => drop(job.add("a", async |cx| Ok(cx.checkpoint().await?)).unwrap()),
                        1 => drop(job.add_blocking("b", |cx| Ok(cx.check()?)).unwrap()),
                        _ => drop(job.add("c", async |_cx| Ok(())).unwrap()),
                    }
                }
                let mut done = job.task_completed();
                job.submit(&scheduler).unwrap();
                let threads: Vec<_> = (0..3)
                    .map(|t| {
                        let job = job.job();
                        std::thread::spawn(move || match (t + round) % 3 {
                            0 => job.cancel("one"),
                            1 => job.cancel_now("two"),
                            _ => {
                                for task in 0..200 {
                                    let task = milepost::TaskId::new(task);
                                    job.cancel_task_now(task, "three").unwrap();
                                }
                            }
                        })
                    })
                    .collect();
                for thread in threads {
                    thread.join().unwrap();
                }
                let job = job.close();
                let summary =
                    job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
                assert_eq!(summary.end, WaitEnd::Done);
                let ended: Vec<_> = std::iter::from_fn(|| done.blocking_next()).collect();
                assert_eq!(ended.len(), 200);
                assert_eq!(summary.counts.canceled() + summary.counts.completed(), 200);
                // The scheduler is whole: as many tasks run at a time as may.
                let next = Job::new("next");
                let meet = Arc::new(std::sync::Barrier::new(3));
                for n in 0..3 {
                    let meet = meet.clone();
                    next.add_blocking(n.to_string(), move |_cx| Ok(meet.wait().is_leader()))
                        .unwrap();
                }
                next.submit(&scheduler).unwrap();
                next.wait_until_done().blocking().unwrap().ok().unwrap();
            }
        });
    }
}

/// Counts how often it is called.
#[derive(Default)]
struct Calls(AtomicUsize);

impl std::task::Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn g11_a_task_that_was_asked_to_stop_twice_is_dropped_where_it_waits() {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).grace(GRACE).build().unwrap();
    let drops = Drops::default();
    let wait = async |_cx, drops: Drops| {
        let _drops = drops;
        Ok(std::future::pending::<()>().await)
    };
    let task = job.add_with("waits", drops, wait).unwrap();
    let scheduler = ByHand::default();
    job.submit(&Arc::new(scheduler.clone())).unwrap();
    let mut run = scheduler.next().unwrap();
    let calls = Arc::new(Calls::default());
    let waker = Waker::from(calls.clone());
    let mut poll = || run.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    task.vacate("for another one").unwrap();
    assert!(poll().is_pending());
    task.cancel("not needed");
    assert!(poll().is_pending());
    let before = calls.0.load(Ordering::SeqCst);
    clock.advance(GRACE);
    assert_eq!(task.state(), TaskState::Canceled);
    assert_eq!(calls.0.load(Ordering::SeqCst), before + 1, "nobody was told to drop it");
    assert_eq!(poll(), Poll::Ready(false));
}
