//! G10: `wait_until_done` gives a summary; timeouts, ticks and triggers go by the job's clock; it waits for callbacks.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{Inline, within};
use futures::channel::oneshot;
use futures::executor::block_on;
use milepost::{
    Job, JobState, JobSummary, ManualClock, TaskError, TaskReporter, TaskState, Wait, WaitEnd,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
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

fn poll(wait: &mut Wait<'_>) -> Poll<JobSummary> {
    Pin::new(wait).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn g10_the_summary_says_how_the_job_ended() {
    let clock = ManualClock::new();
    let job = Job::builder("sums").clock(clock.clock()).keep_failures(2).build().unwrap();
    let ok = running(&job, "ok");
    let bad: Vec<_> = (0..3).map(|n| running(&job, &format!("bad {n}"))).collect();
    let lost = running(&job, "lost");
    let stopped = running(&job, "stopped");
    clock.advance(ms(1_500));
    ok.complete(()).unwrap();
    for (n, task) in bad.iter().enumerate() {
        task.fail(std::io::Error::other(format!("error {n}"))).unwrap();
    }
    drop(lost);
    job.cancel_task(&stopped, "not needed").unwrap();
    stopped.fail(TaskError::msg("stopped")).unwrap();
    clock.advance(ms(500));
    job.submit(&Inline).unwrap();
    clock.advance(ms(500));

    let summary = block_on(job.wait_until_done());
    assert_eq!((summary.job, &*summary.name), (job.id(), "sums"));
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Failed));
    assert_eq!(summary.elapsed, ms(2_000), "from its start to its end");
    assert_eq!(summary.counts, job.counts());
    assert_eq!(
        [summary.counts.total(), summary.counts.completed(), summary.counts.failed()],
        [6, 1, 4]
    );
    assert_eq!((summary.counts.canceled(), summary.counts.of(TaskState::Interrupted)), (1, 1));
    let failures: Vec<_> = summary.failures.iter().map(|failed| format!("{failed:#}")).collect();
    assert_eq!(failures, ["task 1 (bad 0) failed: error 0", "task 2 (bad 1) failed: error 1"]);
    assert_eq!(job.wait_until_done().blocking().unwrap(), summary, "and says so again");

    let failed = summary.clone().ok().unwrap_err();
    assert_eq!(*failed.summary(), summary);
    assert_eq!(failed.to_string(), r#"job "sums" failed: 5 of 6 tasks did not complete"#);
    let source = failed.source().unwrap();
    assert_eq!(source.to_string(), "task 1 (bad 0) failed");
    assert_eq!(source.source().unwrap().to_string(), "error 0");
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!((&json["end"], &json["elapsed_ms"]), (&"done".into(), &2_000.into()));
    assert_eq!(json["counts"]["failed"], 3);
}

#[test]
fn g10_an_empty_job_that_is_sealed_is_done() {
    let (job, clock) = job();
    job.submit(&Inline).unwrap();
    clock.advance(ms(10));
    let summary = block_on(job.wait_until_done().timeout(Duration::ZERO)).ok().unwrap();
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Completed));
    assert_eq!((summary.counts.total(), summary.elapsed), (0, Duration::ZERO));
}

#[test]
fn g10_a_canceled_job_is_not_ok() {
    let (job, _clock) = job();
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    job.cancel("never mind");
    let failed = block_on(job.wait_until_done()).ok().unwrap_err();
    assert_eq!(failed.to_string(), r#"job "job" was canceled: 1 of 1 tasks did not complete"#);
    assert!(failed.source().is_none(), "a canceled task is no failure");
}

#[test]
fn g10_a_timeout_stops_waiting_and_leaves_the_job_alone() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    let mut wait = job.wait_until_done().timeout(ms(100));
    clock.advance(ms(1_000));
    assert!(Pin::new(&mut wait).poll(cx).is_pending(), "it counts from the first poll");
    clock.advance(ms(99));
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    assert!(Pin::new(&mut wait).poll(cx).is_pending());
    clock.advance(ms(1));
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    let Poll::Ready(summary) = Pin::new(&mut wait).poll(cx) else { panic!("the time is up") };
    assert_eq!((summary.end, summary.state), (WaitEnd::TimedOut, JobState::Running));
    assert_eq!(summary.elapsed, ms(1_100), "so far");
    let failed = summary.ok().unwrap_err();
    assert_eq!(failed.to_string(), r#"job "job" has not ended: it is running"#);
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g10_the_end_wins_a_tie_with_the_timeout() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let mut ticks = 0;
    let mut wait = job.wait_until_done().timeout(ms(100)).every(ms(100), |_job| ticks += 1);
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(100));
    // Both are so by the time that it is polled.
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    let Poll::Ready(summary) = poll(&mut wait) else { panic!("it is done") };
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Completed));
    drop(wait);
    assert_eq!(ticks, 0);
    // Also at once.
    assert_eq!(block_on(job.wait_until_done().timeout(Duration::ZERO)).end, WaitEnd::Done);
}

#[test]
fn g10_ticks_come_once_a_period_from_one_period_on() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    // A local that is borrowed, and read in between.
    let ticks = AtomicUsize::new(0);
    let seen = || ticks.load(Ordering::SeqCst);
    let mut wait = job.wait_until_done().every(ms(30), |job| {
        assert_eq!(job.state(), JobState::Running);
        ticks.fetch_add(1, Ordering::SeqCst);
    });
    assert!(Pin::new(&mut wait).poll(cx).is_pending());
    assert_eq!(seen(), 0);
    clock.advance(ms(29));
    assert!(Pin::new(&mut wait).poll(cx).is_pending());
    assert_eq!((seen(), count.0.load(Ordering::SeqCst)), (0, 0));
    for n in 1..=5 {
        clock.advance(if n == 1 { ms(1) } else { ms(30) });
        assert_eq!(count.0.load(Ordering::SeqCst), n);
        for _ in 0..3 {
            // Polled for other reasons, too.
            assert!(Pin::new(&mut wait).poll(cx).is_pending());
        }
        assert_eq!(seen(), n);
    }
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert!(Pin::new(&mut wait).poll(cx).is_ready());
    assert_eq!(seen(), 5);
}

#[test]
fn g10_ticks_that_were_missed_stay_so_and_the_rhythm_is_kept() {
    let (job, clock) = job();
    let _task = running(&job, "a");
    let ticks = AtomicUsize::new(0);
    let seen = || ticks.load(Ordering::SeqCst);
    let mut wait = job.wait_until_done().every(ms(10), |_job| {
        ticks.fetch_add(1, Ordering::SeqCst);
    });
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(10_005));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(seen(), 1, "a thousand periods have passed");
    clock.advance(ms(4));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(seen(), 1);
    clock.advance(ms(1));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(seen(), 2, "at a multiple of the period");
    // A callback that takes longer than a period is not called for those that it took.
    let (slow, calls) = (clock.clone(), AtomicUsize::new(0));
    let mut wait = job.wait_until_done().every(ms(10), |_job| {
        calls.fetch_add(1, Ordering::SeqCst);
        slow.advance(ms(35));
    });
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(10));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    clock.advance(ms(4));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    clock.advance(ms(1));
    assert!(poll(&mut wait).is_pending());
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[test]
fn g10_ticks_never_overlap() {
    within(|| {
        let job = Job::new("overlap");
        let task = running(&job, "a");
        let (inside, mut ticks) = (AtomicBool::new(false), 0);
        let summary = job
            .wait_until_done()
            .every(ms(1), |job| {
                assert!(!inside.swap(true, Ordering::SeqCst));
                // Long enough for several periods.
                let mut events = job.task_added().from_now();
                assert!(events.blocking_next_timeout(ms(5)).is_err());
                inside.store(false, Ordering::SeqCst);
                ticks += 1;
                if ticks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .blocking()
            .unwrap();
        assert_eq!((summary.end, ticks), (WaitEnd::Stopped, 3));
        drop(task);
    });
}

#[test]
fn g10_a_tick_may_stop_the_wait() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let mut ticks = 0;
    let mut wait = job.wait_until_done().every(ms(10), |_job| {
        ticks += 1;
        if ticks == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(10));
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(10));
    let Poll::Ready(summary) = poll(&mut wait) else { panic!("it was stopped") };
    assert_eq!((summary.end, summary.state), (WaitEnd::Stopped, JobState::Running));
    assert!(summary.ok().is_err());
    drop(wait);
    task.complete(()).unwrap();
    assert_eq!(job.counts().completed(), 1, "the job goes on");
}

#[test]
fn g10_a_tick_may_cancel_the_job() {
    let (job, clock) = job();
    job.add_blocking("never", |_cx| Ok(())).unwrap();
    let mut wait = job.wait_until_done().every(ms(10), |job| job.cancel("seen enough"));
    assert!(poll(&mut wait).is_pending());
    clock.advance(ms(10));
    let Poll::Ready(summary) = poll(&mut wait) else { panic!("it has ended") };
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Canceled));
    // It has to go on while the job takes its time.
    let (job, clock) = self::job();
    let task = running(&job, "slow to stop");
    let ticks = AtomicUsize::new(0);
    let mut wait = job.wait_until_done().every(ms(10), |job| {
        ticks.fetch_add(1, Ordering::SeqCst);
        job.cancel("seen enough");
    });
    assert!(poll(&mut wait).is_pending());
    for n in 1..=3 {
        clock.advance(ms(10));
        assert!(poll(&mut wait).is_pending());
        assert_eq!(ticks.load(Ordering::SeqCst), n);
    }
    task.fail(TaskError::msg("stopped")).unwrap();
    assert!(poll(&mut wait).is_ready());
}

#[test]
fn g10_a_future_may_cancel_the_job() {
    let (job, _clock) = job();
    let task = running(&job, "a");
    let (trigger, triggered) = oneshot::channel::<()>();
    let local = String::from("closed");
    let mut wait = job.wait_until_done().cancel_when(
        async {
            triggered.await.ok();
            local.len()
        },
        "the window was closed",
    );
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    assert!(Pin::new(&mut wait).poll(cx).is_pending());
    assert!(!task.is_canceled());
    trigger.send(()).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(Pin::new(&mut wait).poll(cx).is_pending(), "it goes on until the job's end");
    assert!(task.is_canceled());
    let mut changes = job.job_state_changed();
    let cause = std::iter::from_fn(|| changes.try_recv()).find_map(|change| change.cause).unwrap();
    assert_eq!(cause.message.as_deref(), Some("the window was closed"));
    task.fail(TaskError::msg("stopped")).unwrap();
    let Poll::Ready(summary) = Pin::new(&mut wait).poll(cx) else { panic!("it has ended") };
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Canceled));
}

#[test]
fn g10_a_trigger_that_is_ready_at_once_cancels_at_once() {
    let (job, _clock) = job();
    job.add_blocking("never", |_cx| Ok(())).unwrap();
    let summary = block_on(job.wait_until_done().cancel_when(std::future::ready(()), "at once"));
    assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Canceled));
}

#[test]
fn g10_a_dropped_wait_leaves_the_job_alone_and_is_not_woken() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let mut wait =
        Box::new(job.wait_until_done().timeout(ms(10)).every(ms(5), |job| job.cancel("")));
    assert!(Pin::new(&mut *wait).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(wait);
    drop(job.wait_until_done().timeout(ms(1)));
    clock.advance(ms(100));
    assert_eq!((count.0.load(Ordering::SeqCst), job.state()), (0, JobState::Running));
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!((count.0.load(Ordering::SeqCst), job.state()), (0, JobState::Completed));
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1, "nobody keeps its waker");
}

#[test]
fn g10_a_wait_is_a_handle_like_any_other() {
    let (job, _clock) = job();
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    let mut wait = job.wait_until_done();
    let (mut ended, inner) = (job.job_completed(), job.clone());
    drop(job);
    drop(inner);
    assert!(poll(&mut wait).is_pending());
    assert!(ended.try_recv().is_none());
    drop(wait);
    assert_eq!(ended.try_recv().unwrap().state, JobState::Canceled);
}

#[test]
fn g10_it_waits_for_the_callbacks_that_were_registered_before() {
    within(|| {
        let (job, _clock) = job();
        let (release, gate) = mpsc::channel::<()>();
        let (called, calls) = mpsc::channel();
        job.on_task_completed(move |task| {
            called.send(task.task.index()).unwrap();
            gate.recv().unwrap();
        });
        for name in ["a", "b"] {
            running(&job, name).complete(()).unwrap();
        }
        let count = Arc::new(Count::default());
        let waker = Waker::from(count.clone());
        let cx = &mut Context::from_waker(&waker);
        let mut wait = job.wait_until_done();
        // One that comes after the wait does not count.
        let (hold, held) = mpsc::channel::<()>();
        let (late, began) = mpsc::channel();
        job.on_job_completed(move |_event| {
            late.send(()).unwrap();
            held.recv().unwrap();
        });
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        job.submit(&Inline).unwrap();
        assert_eq!(calls.recv(), Ok(0));
        assert!(job.is_ended());
        assert!(Pin::new(&mut wait).poll(cx).is_pending(), "the first call is under way");
        release.send(()).unwrap();
        assert_eq!(calls.recv(), Ok(1));
        assert!(Pin::new(&mut wait).poll(cx).is_pending(), "the second call is under way");
        release.send(()).unwrap();
        let summary = block_on(&mut wait);
        assert_eq!(summary.end, WaitEnd::Done);
        began.recv().unwrap();
        // A new wait has to wait for that one as well.
        let mut wait = job.wait_until_done();
        assert!(poll(&mut wait).is_pending());
        hold.send(()).unwrap();
        assert_eq!(block_on(wait).end, WaitEnd::Done);
    });
}

#[test]
fn g10_it_does_not_wait_for_callbacks_that_were_unsubscribed() {
    within(|| {
        let (job, _clock) = job();
        let (send, calls) = mpsc::channel();
        let ended = job.on_task_completed(move |_task| send.send(()).unwrap());
        ended.unsubscribe();
        running(&job, "a").complete(()).unwrap();
        job.submit(&Inline).unwrap();
        assert_eq!(job.wait_until_done().blocking().unwrap().end, WaitEnd::Done);
        assert!(calls.try_recv().is_err());
    });
}

#[test]
fn g10_a_timeout_is_kept_though_callbacks_take_longer() {
    within(|| {
        let (job, clock) = job();
        let (release, gate) = mpsc::channel::<()>();
        job.on_job_completed(move |_event| gate.recv().unwrap());
        job.submit(&Inline).unwrap();
        let mut wait = job.wait_until_done().timeout(ms(10));
        assert!(poll(&mut wait).is_pending());
        clock.advance(ms(10));
        let Poll::Ready(summary) = poll(&mut wait) else { panic!("the time is up") };
        assert_eq!((summary.end, summary.state), (WaitEnd::TimedOut, JobState::Completed));
        release.send(()).unwrap();
    });
}

#[test]
fn g10_blocking_waits_from_many_threads_all_return() {
    within(|| {
        let job = Job::builder("many").open().unwrap();
        let task = running(&job, "a");
        let waits: Vec<_> = (0..40)
            .map(|n| {
                let wait = job.wait_until_done();
                std::thread::spawn(move || match n % 2 {
                    0 => wait.blocking().unwrap(),
                    _ => block_on(wait.into_future()),
                })
            })
            .collect();
        task.complete(()).unwrap();
        job.close();
        for wait in waits {
            assert_eq!(wait.join().unwrap().state, JobState::Completed);
        }
    });
}

#[test]
fn g10_a_wait_may_be_polled_by_changing_executors() {
    let (job, clock) = job();
    let task = running(&job, "a");
    let mut wait = pin!(job.wait_until_done().timeout(ms(50)));
    let counts = [(); 3].map(|()| Arc::new(Count::default()));
    for count in &counts {
        let waker = Waker::from(count.clone());
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    clock.advance(ms(50));
    let woken = || counts.iter().map(|count| count.0.load(Ordering::SeqCst)).collect::<Vec<_>>();
    assert_eq!(woken(), [0, 0, 1], "the last one counts");
    drop(task);
    job.submit(&Inline).unwrap();
    assert_eq!(woken(), [0, 0, 2]);
}

#[cfg(feature = "local")]
#[test]
fn g10_it_works_with_a_local_scheduler_and_ticks_by_the_system_clock() {
    within(|| {
        let scheduler = milepost::LocalScheduler::new(2).unwrap();
        let job = Job::new("endless");
        job.add::<(), _, _>("a", async |cx| Ok(cx.canceled().await)).unwrap();
        job.add_blocking::<(), _>("b", |cx| {
            loop {
                cx.check()?;
                std::thread::yield_now();
            }
        })
        .unwrap();
        job.submit(&scheduler).unwrap();
        let mut ticks = 0;
        let summary = job
            .wait_until_done()
            .every(ms(1), |job| {
                ticks += 1;
                if ticks == 3 && job.counts().running() == 2 {
                    job.cancel("seen enough");
                } else if ticks == 3 {
                    ticks = 2;
                }
            })
            .blocking()
            .unwrap();
        assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Canceled));
        assert_eq!((summary.counts.completed(), summary.counts.canceled()), (1, 1));
    });
}
