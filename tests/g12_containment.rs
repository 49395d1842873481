//! G12: panics of tasks, callbacks, wakers and drops go no further than they must, and who drops what ends what.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{ByHand, Inline, within};
use futures::executor::block_on;
use milepost::{
    CancelReason, CauseKind, FailureKind, Job, JobState, ManualClock, NewTask, RunError, Scheduler,
    TaskError, TaskQueue, TaskState, WaitEnd,
};

/// Panics when it is dropped, and says that it was. Two that are dropped by one drop abort the process.
#[derive(Clone)]
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    fn new() -> (Bomb, Arc<AtomicUsize>) {
        let drops = Arc::new(AtomicUsize::new(0));
        (Bomb(drops.clone()), drops)
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("a bomb was dropped");
    }
}

/// What a panic may carry: it panics once more when it is dropped.
struct Payload;

impl Drop for Payload {
    fn drop(&mut self) {
        panic!("a payload was dropped");
    }
}

#[derive(Debug)]
struct BombError(#[expect(dead_code, reason = "it is there to be dropped")] BombField);

struct BombField(#[expect(dead_code, reason = "it is there to be dropped")] Bomb);

impl fmt::Debug for BombField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bomb")
    }
}

impl fmt::Display for BombError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error with a bomb in it")
    }
}

impl Error for BombError {}

#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words for it")
    }
}

impl Error for Unspeakable {}

struct PanicsAt<F: Fn()>(F, AtomicUsize);

impl<F: Fn() + Send + Sync + 'static> Wake for PanicsAt<F> {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        (self.0)();
    }
}

#[test]
fn g12_a_panic_fails_the_task_with_the_panics_message() {
    let job = Job::new("panics");
    job.add_blocking::<(), _>("literal", |_cx| panic!("in plain words")).unwrap();
    job.add_blocking::<(), _>("formatted", |_cx| panic!("number {}", 7)).unwrap();
    job.add_blocking::<(), _>("typed", |_cx| panic_any(7)).unwrap();
    job.add::<(), _, _>("before the future", |_cx| -> std::future::Ready<_> { panic!("early") })
        .unwrap();
    job.add::<(), _, _>("in the future", async |_cx| panic!("late")).unwrap();
    job.add::<(), _, _>("after an await", async |cx| {
        cx.checkpoint().await?;
        panic!("later")
    })
    .unwrap();
    let after = job.add_blocking("after them all", |_cx| Ok(1)).unwrap();
    let mut done = job.task_completed();
    job.submit(&Inline).unwrap();

    let expected =
        ["in plain words", "number 7", "a panic without a message", "early", "late", "later"];
    for message in expected {
        let task = done.try_recv().unwrap();
        assert_eq!(task.state, TaskState::Failed, "{message}");
        let error = task.error.unwrap();
        assert_eq!((error.kind, &*error.message), (FailureKind::Panicked, message));
        assert!(error.error().is_none() && error.source().is_none());
    }
    assert_eq!(*after.output().unwrap(), 1);
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn g12_a_panic_in_a_reporters_closure_fails_its_task() {
    let job = Job::new("own pool");
    let failed =
        job.reporter("a").unwrap().run_blocking::<(), _>(|_cx| panic!("lost it")).unwrap_err();
    assert_eq!(failed.state, TaskState::Failed);
    assert_eq!(format!("{failed:#}"), "task 0 (a) failed: lost it");
    assert_eq!(*job.reporter("b").unwrap().run_blocking(|_cx| Ok(2)).unwrap(), 2);
}

#[test]
fn g12_a_panic_in_job_run_is_the_callers_error_and_no_panic() {
    let job = Job::new("own future");
    let error = block_on(job.run::<(), _, _>("a", async |_cx| panic!("lost it"))).unwrap_err();
    let RunError::Task(failed) = &error else { panic!("{error:?}") };
    assert_eq!(failed.state, TaskState::Failed);
    assert_eq!(failed.error.as_ref().unwrap().kind, FailureKind::Panicked);
    assert_eq!(error.source().unwrap().to_string(), "lost it");
    assert_eq!(block_on(job.run("b", async |_cx| Ok(2))).unwrap(), 2);
}

#[test]
fn g12_a_payload_that_panics_in_its_drop_fails_its_task_and_no_more() {
    let job = Job::new("payloads");
    job.add_blocking::<(), _>("blocking", |_cx| panic_any(Payload)).unwrap();
    job.add::<(), _, _>("async", async |_cx| panic_any(Payload)).unwrap();
    job.add_blocking("fine", |_cx| Ok(())).unwrap();
    let reporter = job.reporter("reported").unwrap();
    assert!(reporter.run_blocking::<(), _>(|_cx| panic_any(Payload)).is_err());
    job.submit(&Inline).unwrap();
    assert_eq!((job.counts().failed(), job.counts().completed()), (3, 1));
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn g12_an_error_whose_message_panics_fails_its_task_all_the_same() {
    within(|| {
        let job = Job::new("unspeakable");
        job.add_blocking::<(), _>("blocking", |_cx| Err(Unspeakable.into())).unwrap();
        job.add::<(), _, _>("async", async |_cx| Err(Unspeakable.into())).unwrap();
        let after = job.add_blocking("fine", |_cx| Ok(())).unwrap();
        // Whatever the scheduler's thread meets, the job has to end.
        let _ = catch_unwind(AssertUnwindSafe(|| job.submit(&Inline).unwrap()));
        let states: Vec<_> = job.snapshot().tasks.into_iter().map(|task| task.state).collect();
        assert_eq!(states, [TaskState::Failed, TaskState::Failed, TaskState::Completed]);
        assert!(job.is_ended());
        after.output().unwrap();
    });
}

#[cfg(feature = "local")]
#[test]
fn g12_an_error_whose_message_panics_leaves_no_task_running_for_ever() {
    within(|| {
        let job = Job::new("unspeakable");
        job.add::<(), _, _>("async", async |_cx| Err(Unspeakable.into())).unwrap();
        job.add_blocking::<(), _>("blocking", |_cx| Err(Unspeakable.into())).unwrap();
        job.add("fine", async |_cx| Ok(())).unwrap();
        job.submit(&milepost::LocalScheduler::new(1).unwrap()).unwrap();
        let summary = job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
        assert_eq!(summary.end, WaitEnd::Done);
        assert_eq!((summary.counts.failed(), summary.counts.completed()), (2, 1));
    });
}

#[test]
fn g12_a_panic_in_a_callback_stops_neither_it_nor_the_others() {
    within(|| {
        let (send, seen) = mpsc::channel();
        let job = Job::new("callbacks");
        let (first, second) = (send.clone(), send);
        job.on_task_completed(move |task| {
            first.send(("first", task.task.index())).unwrap();
            panic!("in a callback");
        });
        job.on_task_completed(move |task| second.send(("second", task.task.index())).unwrap());
        for name in ["a", "b"] {
            job.reporter(name).unwrap().run_blocking(|_cx| Ok(())).unwrap();
        }
        let wait = job.wait_until_done();
        job.submit(&Inline).unwrap();
        wait.blocking().unwrap().ok().unwrap();
        let seen: Vec<_> = seen.try_iter().collect();
        assert_eq!(seen, [("first", 0), ("second", 0), ("first", 1), ("second", 1)]);
    });
}

#[test]
fn g12_a_callback_that_panics_with_a_payload_that_panics_is_contained_too() {
    within(|| {
        let (send, seen) = mpsc::channel();
        let job = Job::new("callbacks");
        job.on_task_completed(|_task| panic_any(Payload));
        job.on_task_completed(move |task| send.send(task.task.index()).unwrap());
        for name in ["a", "b"] {
            job.reporter(name).unwrap().run_blocking(|_cx| Ok(())).unwrap();
        }
        job.submit(&Inline).unwrap();
        let summary = job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
        assert_eq!(summary.end, WaitEnd::Done, "the dispatcher must survive it");
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [0, 1]);
    });
}

/// Parks two readers, the first of which panics when it is woken, and sees whether the second one is.
fn wake_past(panic: impl Fn() + Send + Sync + 'static) {
    let job = Job::new("wakers");
    let task = job.reporter("a").unwrap();
    let (mut one, mut two) = (job.task_completed(), job.task_completed());
    let bad = Arc::new(PanicsAt(panic, AtomicUsize::new(0)));
    let good = Arc::new(PanicsAt(|| {}, AtomicUsize::new(0)));
    {
        let (bad, good) = (Waker::from(bad.clone()), Waker::from(good.clone()));
        let (mut one, mut two) = (pin!(one.next()), pin!(two.next()));
        assert!(one.as_mut().poll(&mut Context::from_waker(&bad)).is_pending());
        assert!(two.as_mut().poll(&mut Context::from_waker(&good)).is_pending());
    }
    task.running().unwrap();
    catch_unwind(AssertUnwindSafe(|| task.complete(5).unwrap()))
        .expect("the panic of a waker is not the reporter's");
    assert_eq!(bad.1.load(Ordering::SeqCst), 1);
    assert_eq!(good.1.load(Ordering::SeqCst), 1, "the other reader is woken");
    assert!(one.try_recv().is_some() && two.try_recv().is_some());
}

#[test]
fn g12_a_panic_in_a_waker_neither_stops_other_readers_nor_the_reporter() {
    wake_past(|| panic!("in a waker"));
}

#[test]
fn g12_a_waker_that_panics_with_a_payload_that_panics_is_contained_too() {
    wake_past(|| panic_any(Payload));
}

#[test]
fn g12_a_waker_that_panics_in_a_window_does_not_stop_the_clock() {
    let clock = ManualClock::new();
    let job = Job::builder("wakers").clock(clock.clock()).build().unwrap();
    let task = job.reporter("a").unwrap();
    task.running().unwrap();
    let mut progress = job.task_progress_updated();
    let bad = Arc::new(PanicsAt(|| panic!("in a waker"), AtomicUsize::new(0)));
    for n in 1..=3 {
        let waker = Waker::from(bad.clone());
        let mut next = pin!(progress.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        task.set_progress(n);
        clock.advance(Duration::from_millis(200));
        assert_eq!(bad.1.load(Ordering::SeqCst), n);
        let Poll::Ready(Some(event)) = next.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nothing came");
        };
        assert_eq!(event.progress, Some(n as f64));
    }
}

#[test]
fn g12_a_panic_in_the_drop_of_a_closure_that_never_ran_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let other = bomb.clone();
    job.add_blocking("blocking", move |_cx| Ok(drop(bomb))).unwrap();
    job.add("async", async move |_cx| Ok(drop(other))).unwrap();
    let last = job.add("plain", async |_cx| Ok(())).unwrap();
    job.cancel("never mind");
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert_eq!(last.output().unwrap_err().state, TaskState::Canceled);
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g12_a_panic_in_the_drop_of_a_closure_that_has_run_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let run = move |_cx, ()| {
        let _held = &bomb;
        Ok(())
    };
    job.add_blocking_with("kept by the closure", (), run).unwrap();
    job.add_blocking("after", |_cx| Ok(())).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g12_a_panic_in_the_drop_of_a_future_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let returned = bomb.clone();
    job.add("returns", async move |_cx| {
        // Dropped with the future, after it is ready.
        let holder = std::mem::ManuallyDrop::new(returned);
        let _bomb = std::mem::ManuallyDrop::into_inner(holder);
        std::future::ready(()).await;
        Ok(())
    })
    .unwrap();
    job.submit(&Inline).unwrap();
    // A local's drop is part of the run: the task has panicked.
    assert_eq!(job.counts().failed(), 1);
    assert_eq!(drops.load(Ordering::SeqCst), 1);

    let queues = ByHand::default();
    let job = Job::new("bombs");
    let waiting = job
        .add("waits", async move |_cx| {
            std::future::pending::<()>().await;
            Ok(drop(bomb))
        })
        .unwrap();
    job.submit(&queues).unwrap();
    let mut run = pin!(queues.next().unwrap());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(cx).is_pending());
    waiting.cancel_now("enough");
    assert_eq!(drops.load(Ordering::SeqCst), 1, "it is dropped by whoever polls it");
    assert!(run.poll(cx).is_ready());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn g12_a_panic_in_the_drop_of_an_output_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let other = bomb.clone();
    job.add_blocking("one", move |_cx| Ok(bomb)).unwrap();
    job.add_blocking("two", move |_cx| Ok(other)).unwrap();
    job.submit(&Inline).unwrap();
    let mut done = job.task_completed();
    assert_eq!(done.try_recv().unwrap().state, TaskState::Completed);
    drop(done);
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(job);
    assert_eq!(drops.load(Ordering::SeqCst), 2, "outputs go with the job, each contained");
}

#[test]
fn g12_panics_in_the_drops_of_unread_outputs_are_contained_each() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    for n in 0..3 {
        let bomb = bomb.clone();
        job.add_blocking(n.to_string(), move |_cx| Ok(bomb)).unwrap();
    }
    let outputs = job.outputs::<Bomb>(9);
    job.submit(&Inline).unwrap();
    drop(outputs);
    assert_eq!(drops.load(Ordering::SeqCst), 3);
    std::mem::forget(bomb);
}

#[test]
fn g12_a_panic_in_the_drop_of_a_late_output_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let queues = ByHand::default();
    let handle = job
        .add_blocking("stuck", {
            let job = job.clone();
            move |cx| {
                job.cancel_task_now(cx.task_id(), "too slow").unwrap();
                Ok(bomb)
            }
        })
        .unwrap();
    job.submit(&queues).unwrap();
    let run = queues.next().unwrap();
    let abandoned =
        catch_unwind(AssertUnwindSafe(|| run.run_blocking())).expect("the worker goes on");
    assert!(abandoned);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert_eq!(handle.state(), TaskState::Canceled);
}

#[test]
fn g12_a_panic_in_the_drop_of_an_error_is_contained() {
    let job = Job::new("bombs");
    let (bomb, drops) = Bomb::new();
    let error = BombError(BombField(bomb));
    job.add_blocking::<(), _>("one", move |_cx| Err(error.into())).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Failed);
    assert_eq!(drops.load(Ordering::SeqCst), 0, "the error is kept with the task");
    catch_unwind(AssertUnwindSafe(|| drop(job))).expect("the drop of a handle does not panic");
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[test]
fn g12_a_panic_in_the_drop_of_a_retried_attempts_error_is_contained() {
    let (bomb, drops) = Bomb::new();
    let job = Job::new("bombs");
    let task = job
        .task("flaky")
        .retry(milepost::Retry::attempts(2))
        .add_blocking_with(bomb.clone(), |cx, bomb| match cx.attempt() {
            1 => Err(TaskError::from(BombError(BombField(bomb)))),
            _ => {
                std::mem::forget(bomb);
                Ok("second")
            }
        })
        .unwrap();
    let queues = ByHand::default();
    job.submit(&queues).unwrap();
    let run = queues.next().unwrap();
    catch_unwind(AssertUnwindSafe(|| run.run_blocking())).expect("the worker goes on");
    assert_eq!(drops.load(Ordering::SeqCst), 1, "the first attempt's error is gone");
    queues.next().expect("a second attempt").run_blocking();
    assert_eq!(*task.output().unwrap(), "second");
    std::mem::forget(bomb);
}

#[test]
fn g12_a_panic_in_the_drop_of_a_callback_is_contained() {
    within(|| {
        let (bomb, drops) = Bomb::new();
        let job = Job::new("bombs");
        job.on_job_completed(move |_event| {
            let _held = &bomb;
        });
        let (send, seen) = mpsc::channel();
        job.on_job_completed(move |event| send.send(event.state).unwrap());
        job.submit(&Inline).unwrap();
        assert_eq!(job.wait_until_done().blocking().unwrap().end, WaitEnd::Done);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert_eq!(seen.recv(), Ok(JobState::Completed));
    });
}

#[test]
fn g12_a_panic_in_a_tick_goes_to_whoever_waits_and_leaves_the_job_alone() {
    let clock = ManualClock::new();
    let job = Job::builder("ticks").clock(clock.clock()).build().unwrap();
    let task = job.reporter("a").unwrap();
    let mut wait = job
        .wait_until_done()
        .every(Duration::from_millis(10), |job| assert!(job.is_ended(), "in a tick"));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(pin!(&mut wait).poll(cx).is_pending());
    clock.advance(Duration::from_millis(10));
    assert!(catch_unwind(AssertUnwindSafe(|| pin!(&mut wait).poll(cx))).is_err());
    drop(wait);
    task.running().unwrap();
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g12_a_reporter_dropped_without_an_end_interrupts_its_task() {
    let job = Job::new("lost");
    for n in 0..3 {
        let task = job.reporter(n.to_string()).unwrap();
        if n > 0 {
            task.assigned().unwrap();
        }
        if n > 1 {
            task.running().unwrap();
            task.set_progress(4);
        }
        drop(task);
    }
    let mut done = job.task_completed();
    for n in 0..3 {
        let task = done.try_recv().unwrap();
        assert_eq!((task.task.index(), task.state), (n, TaskState::Interrupted));
        let error = task.error.unwrap();
        assert_eq!(error.kind, FailureKind::Interrupted);
        assert!(error.message.contains("reporter was dropped"), "{error}");
        assert_eq!(task.progress, (n == 2).then_some(4.0));
    }
    let held = job.reporter("unwound").unwrap();
    catch_unwind(AssertUnwindSafe(move || {
        held.running().unwrap();
        panic!("in whoever reports");
    }))
    .unwrap_err();
    assert_eq!(done.try_recv().unwrap().state, TaskState::Interrupted);
}

#[test]
fn g12_a_reporter_dropped_after_the_end_changes_nothing() {
    let job = Job::new("ended");
    let task = job.reporter("a").unwrap();
    task.running().unwrap();
    task.complete(3).unwrap();
    let seq = job.last_seq();
    drop(task);
    assert_eq!(job.last_seq(), seq);
    assert_eq!(job.counts().completed(), 1);
}

#[test]
fn g12_a_dropped_run_future_cancels_its_task_as_dropped() {
    let job = Job::new("own future");
    let dropped = Arc::new(AtomicBool::new(false));
    struct Note(Arc<AtomicBool>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    {
        let note = Note(dropped.clone());
        let mut run = pin!(job.run::<(), _, _>("a", async move |_cx| {
            let _note = note;
            std::future::pending().await
        }));
        assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(job.state(), JobState::Running);
    }
    assert!(dropped.load(Ordering::SeqCst));
    let mut changes = job.task_state_changed();
    let last = std::iter::from_fn(|| changes.try_recv()).last().unwrap();
    assert_eq!(last.to, TaskState::Canceled);
    let cause = last.cause.unwrap();
    assert_eq!((cause.kind, cause.reason), (CauseKind::Canceled, Some(CancelReason::Dropped)));
    // A run that was never polled has added nothing.
    drop(job.run("b", async |_cx| Ok(())));
    assert_eq!(job.counts().total(), 1);
}

#[test]
fn g12_dropping_streams_handles_and_waits_leaves_the_job_alone() {
    let job = Job::new("alone");
    let handle = job.add_blocking("a", |_cx| Ok(())).unwrap();
    let other = job.clone();
    drop(other);
    drop(handle);
    let mut parked = job.events().from_now();
    assert!(pin!(parked.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(parked);
    drop((job.task_completed(), job.task_progress_updated(), job.progress_windows()));
    drop(job.outputs::<()>(1));
    drop(job.wait_until_done());
    drop(job.on_job_completed(|_| {}));
    assert_eq!(job.counts().of(TaskState::Pending), 1);
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g12_the_last_handle_of_an_unsubmitted_job_cancels_its_tasks_as_dropped() {
    let job = Job::new("forgotten");
    let handle = job.add_blocking("a", |_cx| Ok(())).unwrap();
    let (mut changes, mut ended) = (job.task_state_changed(), job.job_completed());
    drop(job.clone());
    assert!(changes.try_recv().is_none());
    drop(job);
    let change = changes.try_recv().unwrap();
    assert_eq!((change.from, change.to), (TaskState::Pending, TaskState::Canceled));
    let cause = change.cause.unwrap();
    assert_eq!(cause.reason, Some(CancelReason::Dropped));
    assert!(cause.message.as_ref().unwrap().contains("never submitted"), "{cause}");
    assert!(changes.try_recv().is_none() && changes.is_ended());
    assert_eq!(ended.try_recv().unwrap().state, JobState::Canceled);
    let failed = handle.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Canceled);
    assert!(format!("{failed:#}").contains("never submitted"), "{failed:#}");
}

#[test]
fn g12_the_last_handle_of_an_unsubmitted_open_job_cancels_its_tasks() {
    let job = Job::builder("forgotten").open().unwrap();
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    let mut ended = job.job_completed();
    let plain = job.job();
    drop(job);
    assert!(ended.try_recv().is_none(), "it is closed, and may still be submitted");
    drop(plain);
    assert_eq!(ended.try_recv().unwrap().state, JobState::Canceled);
}

#[test]
fn g12_a_feed_does_not_keep_a_forgotten_job_from_ending() {
    let job = Job::builder("forgotten").open().unwrap();
    job.feed((0..100).map(|n| NewTask::blocking(n.to_string(), |_cx| Ok(()))), 4);
    let mut ended = job.job_completed();
    drop(job);
    assert_eq!(
        ended.try_recv().map(|event| event.state),
        Some(JobState::Canceled),
        "nobody is left who could submit it"
    );
}

#[test]
fn g12_the_last_handle_of_a_submitted_job_changes_nothing() {
    let queues = ByHand::default();
    let job = Job::new("runs on");
    job.add_blocking("a", |_cx| Ok(1)).unwrap();
    let mut done = job.task_completed();
    job.submit(&queues).unwrap();
    drop(job);
    assert!(done.try_recv().is_none() && !done.is_ended());
    queues.next().unwrap().run_blocking();
    assert_eq!(*done.try_recv().unwrap().output::<i32>().unwrap(), 1);
    assert!(done.try_recv().is_none() && done.is_ended());
}

#[test]
fn g12_cancel_on_drop_cancels_as_dropped_unless_disarmed() {
    let job = Job::new("owned");
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    job.cancel_on_drop().disarm();
    assert_eq!(job.state(), JobState::Pending);
    drop(job.cancel_on_drop());
    assert_eq!(job.state(), JobState::Canceled);
    let mut changes = job.job_state_changed();
    let cause = changes.try_recv().unwrap().cause.unwrap();
    assert_eq!(cause.reason, Some(CancelReason::Dropped));
    // After the end, no effect.
    let seq = job.last_seq();
    drop(job.cancel_on_drop());
    assert_eq!(job.last_seq(), seq);
}

#[test]
fn g12_a_task_run_dropped_by_its_scheduler_interrupts_the_task() {
    let queues = ByHand::default();
    let job = Job::new("lost");
    let one = job.add("one", async |_cx| Ok(1)).unwrap();
    let two = job.add("two", async |_cx| Ok(2)).unwrap();
    job.submit(&queues).unwrap();
    drop(queues.next().unwrap());
    let mut run = queues.next().unwrap();
    let mut polled = pin!(&mut run);
    assert!(polled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    drop(run);
    let failed = one.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Interrupted);
    assert_eq!(failed.error.unwrap().kind, FailureKind::Interrupted);
    assert_eq!(*two.output().unwrap(), 2);
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn g12_a_scheduler_that_panics_leaves_the_submit_and_the_job_usable() {
    #[derive(Clone)]
    struct Panics;
    impl Scheduler for Panics {
        fn ready(&self, _: TaskQueue) {
            panic!("in a scheduler");
        }
    }
    let job = Job::new("bad scheduler");
    let task = job.add_blocking("a", |_cx| Ok(())).unwrap();
    job.submit(&Panics).unwrap();
    job.cancel("give up");
    assert_eq!(task.output().unwrap_err().state, TaskState::Canceled);
}
