//! G13: time comes from one clock; `at` never decreases; a manual clock does what is due before it returns; no user code
//! runs in the critical section.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{ByHand, Inline, within};
use milepost::{
    Clock, Event, Job, JobState, ManualClock, NewTask, Retry, Scheduler, TaskError, TaskId,
    TaskQueue, TaskState, WaitEnd,
};
use parking_lot::Mutex;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What a manual clock shows after `n` milliseconds.
fn at(n: u64) -> milepost::Timestamp {
    milepost::Timestamp::from_micros(0) + Duration::from_secs(1_577_880_000) + ms(n)
}

/// Calls what user code may call wherever it is called.
fn poke(job: &Job) {
    job.snapshot();
    job.progress();
    job.last_seq();
    job.counts();
    drop(job.clone());
    let _ = job.task_snapshot(TaskId::new(0));
    let _ = job.add_blocking("poked", |_cx| Ok(()));
    let _ = job.reporter("poked").map(|task| task.running());
    let _ = job.cancel_task(TaskId::new(u32::MAX), "no such task");
    let mut events = job.events();
    while events.try_recv().is_some() {}
    drop(job.outputs::<String>(1));
    job.on_event(|_event| {}).unsubscribe();
    drop(job.wait_until_done().every(ms(1), |_job| {}));
    assert_eq!(job.cancel_task(TaskId::new(u32::MAX), ""), Err(missing(job)));
}

fn missing(job: &Job) -> milepost::NoSuchTask {
    job.task_name(TaskId::new(u32::MAX)).expect_err("there are not that many")
}

/// Pokes a job when it is dropped, woken, shown or called, and counts that.
#[derive(Clone)]
struct Poker {
    job: Job,
    pokes: Arc<AtomicUsize>,
}

impl Poker {
    fn new(job: &Job) -> Poker {
        Poker { job: job.clone(), pokes: Arc::default() }
    }

    fn poke(&self) {
        poke(&self.job);
        self.pokes.fetch_add(1, Ordering::SeqCst);
    }

    fn pokes(&self) -> usize {
        self.pokes.load(Ordering::SeqCst)
    }
}

struct OnDrop(Poker);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.poke();
    }
}

struct OnWake(Poker);

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        self.0.poke();
    }
}

struct NeverWoken(#[expect(dead_code, reason = "it is there to be dropped")] OnDrop);

impl Wake for NeverWoken {
    fn wake(self: Arc<Self>) {}
}

struct OnShow(Poker);

impl fmt::Debug for OnShow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnShow")
    }
}

impl fmt::Display for OnShow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.poke();
        f.write_str("shown")
    }
}

impl Error for OnShow {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.poke();
        None
    }
}

struct ErrorOnDrop(#[expect(dead_code, reason = "it is there to be dropped")] OnDrop);

impl fmt::Debug for ErrorOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorOnDrop")
    }
}

impl fmt::Display for ErrorOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dropped soon")
    }
}

impl Error for ErrorOnDrop {}

/// Polls `future` with a waker that pokes when it is dropped, and then with another one, so that the first one is.
fn replace_waker(poker: &Poker, mut future: Pin<&mut impl Future>) {
    let before = poker.pokes();
    let waker = Waker::from(Arc::new(NeverWoken(OnDrop(poker.clone()))));
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert_eq!(poker.pokes(), before, "it is registered");
    assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(poker.pokes() > before, "it was replaced");
}

#[test]
fn g13_at_never_decreases_in_seq() {
    let job = Job::builder("many threads").open().unwrap();
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let job = job.job();
            std::thread::spawn(move || {
                for n in 0..500 {
                    let task = job.reporter(format!("{t} {n}")).unwrap();
                    task.running().unwrap();
                    task.set_progress(n);
                    task.complete(()).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let job = job.close();
    let mut events = job.events();
    let (mut seq, mut last) = (0, milepost::Timestamp::from_micros(0));
    while let Some(event) = events.blocking_next() {
        if let Some(next) = event.seq() {
            assert_eq!(next, seq + 1);
            assert!(event.at() >= last, "{event:?} is before {last:?}");
            (seq, last) = (next, event.at());
        }
    }
    assert_eq!(seq, job.last_seq());
}

#[test]
fn g13_all_times_are_the_clocks() {
    let clock = ManualClock::new();
    let job = Job::builder("times").clock(clock.clock()).build().unwrap();
    let mut events = job.events();
    let mut ended = job.job_completed();
    clock.advance(ms(10));
    let task = job.reporter("a").unwrap();
    clock.advance(ms(10));
    task.running().unwrap();
    task.set_progress(1);
    clock.advance(ms(205));
    task.complete(()).unwrap();
    clock.advance(ms(5));
    job.submit(&Inline).unwrap();
    let times: Vec<_> = std::iter::from_fn(|| events.try_recv())
        .map(|event| (event.at(), matches!(event, Event::TaskProgressUpdated(_))))
        .collect();
    let expected = [10, 10, 10, 20, 20, 220, 225, 225, 230, 230].map(|n| (at(n), n == 220));
    assert_eq!(times, expected);
    let snapshot = job.snapshot();
    assert_eq!(snapshot.created_at, at(0));
    assert_eq!(snapshot.started_at, Some(at(10)));
    assert_eq!(snapshot.ended_at, Some(at(230)));
    assert_eq!(ended.try_recv().unwrap().elapsed, ms(220));
}

#[test]
fn g13_advance_does_what_is_due_in_order_and_each_at_its_own_time() {
    let clock = ManualClock::new();
    let build = |name: &str| Job::builder(name).clock(clock.clock()).grace(ms(500));
    let (one, two) = (build("one").build().unwrap(), build("two").window(ms(70)).build().unwrap());
    let hand = ByHand::default();
    let slow = one
        .task("slow")
        .timeout(ms(250))
        .add::<(), _, _>(async |_cx| std::future::pending().await)
        .unwrap();
    one.submit(&hand).unwrap();
    let mut run = pin!(hand.next().unwrap());
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(run.as_mut().poll(cx).is_pending());
    let task = two.reporter("reports").unwrap();
    task.running().unwrap();
    let stuck = two.reporter("stuck").unwrap();
    stuck.running().unwrap();
    task.set_progress(1);
    two.cancel_task(&stuck, "stop").unwrap();
    let (mut first, mut second) = (one.events().from_now(), two.events().from_now());
    // All in one step: a window at 70, the timeout at 250, the grace period's end at 500.
    clock.advance(Duration::from_secs(1));
    let mut all: Vec<_> = std::iter::from_fn(|| first.try_recv())
        .chain(std::iter::from_fn(|| second.try_recv()))
        .filter(|event| matches!(event, Event::TaskProgressUpdated(_) | Event::TaskCompleted(_)))
        .map(|event| (event.at(), event.task().unwrap().index()))
        .collect();
    all.sort();
    assert_eq!(all, [(at(70), 0), (at(250), 0), (at(500), 1)]);
    assert_eq!(slow.state(), TaskState::TimedOut);
    assert_eq!(two.task_snapshot(&stuck).unwrap().state, TaskState::Canceled);
}

#[test]
fn g13_timers_that_come_due_by_timers_ring_in_the_same_advance() {
    let clock = ManualClock::new();
    let job = Job::builder("backoff").clock(clock.clock()).build().unwrap();
    let task = job
        .task("a")
        .retry(Retry::attempts(5))
        .add_blocking_with((), |cx, ()| match cx.attempt() {
            5 => Ok(()),
            _ => Err(TaskError::msg("busy").retry_after(Duration::from_secs(10))),
        })
        .unwrap();
    let mut changes = job.task_state_changed();
    job.submit(&Inline).unwrap();
    clock.advance(Duration::from_secs(100));
    assert_eq!(task.state(), TaskState::Completed);
    let runs: Vec<_> = std::iter::from_fn(|| changes.try_recv())
        .filter(|change| change.to == TaskState::Running)
        .map(|change| (change.attempt, change.at))
        .collect();
    assert_eq!(runs, [1, 2, 3, 4, 5].map(|n| (n, at(10_000 * u64::from(n - 1)))));
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g13_of_timers_at_the_same_time_the_first_armed_rings_first() {
    let clock = ManualClock::new();
    let jobs: Vec<_> =
        (0..5).map(|n| Job::builder(n.to_string()).clock(clock.clock()).build().unwrap()).collect();
    let order = Arc::new(Mutex::new(Vec::new()));
    struct Note(usize, Arc<Mutex<Vec<usize>>>);
    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().push(self.0);
        }
    }
    let mut waits: Vec<_> = jobs.iter().map(|job| job.wait_until_done().timeout(ms(10))).collect();
    for n in [3, 1, 4, 0, 2] {
        let waker = Waker::from(Arc::new(Note(n, order.clone())));
        assert!(Pin::new(&mut waits[n]).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    clock.advance(ms(9));
    assert!(order.lock().is_empty());
    clock.advance(ms(1));
    assert_eq!(*order.lock(), [3, 1, 4, 0, 2]);
}

#[test]
fn g13_everybody_who_is_to_be_woken_is_woken_before_advance_returns() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let clock = ManualClock::new();
    let job = Job::builder("crowd").clock(clock.clock()).build().unwrap();
    let task = job.reporter("a").unwrap();
    task.running().unwrap();
    let mut streams: Vec<_> = (0..100).map(|_| job.task_progress_updated()).collect();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    for stream in &mut streams {
        assert!(pin!(stream.next()).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    task.set_progress(1);
    clock.advance(ms(200));
    assert_eq!(count.0.load(Ordering::SeqCst), 100);
}

#[test]
fn g13_a_manual_clock_serves_many_threads() {
    within(|| {
        let clock = ManualClock::new();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let clock = clock.clone();
                std::thread::spawn(move || (0..1_000).for_each(|_| clock.advance(ms(1))))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let job = Job::builder("later").clock(clock.clock()).build().unwrap();
        assert_eq!(job.snapshot().created_at, at(4_000));
        assert_eq!(
            format!("{:?} {:?}", clock.clock(), Clock::system()),
            "Clock(manual) Clock(system)"
        );
    });
}

#[test]
fn g13_callbacks_may_call_the_job() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("poked").clock(clock.clock()).build().unwrap();
        let poker = Poker::new(&job);
        let (done, all) = mpsc::channel();
        macro_rules! poking {
            ($($on:ident)*) => {$({
                let (inside, done) = (poker.clone(), done.clone());
                let mut once = false;
                job.$on(move |_event| {
                    if !std::mem::replace(&mut once, true) {
                        inside.poke();
                        done.send(stringify!($on)).unwrap();
                    }
                });
            })*};
        }
        poking!(on_event on_task_completed on_job_completed on_task_state_changed
            on_job_state_changed on_task_progress_updated);
        let handle = job.add_blocking("a", |_cx| Ok(())).unwrap();
        let (inside, ended) = (poker.clone(), done.clone());
        handle.on_completed(move |_task| {
            inside.poke();
            inside.job.cancel("seen enough");
            ended.send("on_completed").unwrap();
        });
        let task = job.reporter("reports").unwrap();
        task.running().unwrap();
        task.set_progress(1);
        clock.advance(ms(200));
        job.submit(&Inline).unwrap();
        drop(task);
        // Those that were added in callbacks end as well, for the job was canceled.
        let mut seen: Vec<_> = (0..7).map(|_| all.recv().unwrap()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 7);
    });
}

#[test]
fn g13_closures_and_futures_of_tasks_may_call_the_job() {
    within(|| {
        let job = Job::new("poked");
        let poker = Poker::new(&job);
        let (one, two) = (poker.clone(), poker.clone());
        job.add_blocking("blocking", move |_cx| Ok(one.poke())).unwrap();
        job.add("async", async move |cx| {
            two.poke();
            cx.checkpoint().await?;
            Ok(two.poke())
        })
        .unwrap();
        job.reporter("reported").unwrap().run_blocking(|_cx| Ok(poker.poke())).unwrap();
        futures::executor::block_on(job.run("driven", async |_cx| Ok(poker.poke()))).unwrap();
        job.submit(&Inline).unwrap();
        assert_eq!(poker.pokes(), 5);
    });
}

#[test]
fn g13_ticks_and_triggers_of_a_wait_may_call_the_job() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("poked").clock(clock.clock()).build().unwrap();
        let poker = Poker::new(&job);
        let trigger = poker.clone();
        let mut fuse = 2;
        let mut wait = job
            .wait_until_done()
            .every(ms(10), |job| {
                assert_eq!(*job, poker.job);
                poker.poke();
            })
            .cancel_when(
                std::future::poll_fn(move |_cx| {
                    trigger.poke();
                    fuse -= 1;
                    if fuse == 0 { Poll::Ready(()) } else { Poll::Pending }
                }),
                "triggered",
            );
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        clock.advance(ms(10));
        let Poll::Ready(summary) = Pin::new(&mut wait).poll(cx) else { panic!("it was canceled") };
        assert_eq!((summary.end, summary.state), (WaitEnd::Done, JobState::Canceled));
    });
}

#[test]
fn g13_wakers_may_call_the_job() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("poked").clock(clock.clock()).build().unwrap();
        let task = job.reporter("a").unwrap();
        task.running().unwrap();
        let handle = job.add_blocking("b", |_cx| Ok("output".to_string())).unwrap();
        let poker = Poker::new(&job);
        let waker = Waker::from(Arc::new(OnWake(poker.clone())));
        let cx = &mut Context::from_waker(&waker);
        let (mut events, mut progress) = (job.events().from_now(), job.progress_windows());
        let mut outputs = job.outputs::<String>(1);
        let (mut handle, mut wait) = (handle, job.wait_until_done().timeout(ms(300)));
        assert!(pin!(events.next()).poll(cx).is_pending());
        assert!(pin!(progress.next()).poll(cx).is_pending());
        assert!(pin!(outputs.next()).poll(cx).is_pending());
        assert!(Pin::new(&mut handle).poll(cx).is_pending());
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        task.set_progress(1);
        clock.advance(ms(200));
        // Each is woken once; what it does wakes others in turn.
        let by_window = poker.pokes();
        assert!(by_window >= 2);
        clock.advance(ms(100));
        let by_timeout = poker.pokes();
        assert!(by_timeout > by_window);
        job.submit(&Inline).unwrap();
        assert_eq!(poker.pokes(), 5);
        assert_eq!(outputs.try_recv().unwrap().output.as_str(), "output");
    });
}

#[test]
fn g13_wakers_of_a_task_may_call_the_job() {
    within(|| {
        let hand = ByHand::default();
        let job = Job::new("poked");
        let task = job.add("a", async |cx| Ok(cx.canceled().await)).unwrap();
        job.submit(&hand).unwrap();
        let poker = Poker::new(&job);
        let mut run = Box::pin(hand.next().unwrap());
        let waker = Waker::from(Arc::new(OnWake(poker.clone())));
        assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        task.cancel("stop");
        assert!(poker.pokes() > 0);
        assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        assert_eq!(task.state(), TaskState::Completed);
    });
}

#[test]
fn g13_wakers_may_call_the_job_when_they_are_replaced() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("poked").clock(clock.clock()).open().unwrap();
        let mut handle = job.add_blocking("a", |_cx| Ok("output".to_string())).unwrap();
        let poker = Poker::new(&job);
        replace_waker(&poker, pin!(job.task_completed().next()));
        replace_waker(&poker, pin!(job.outputs::<String>(1).next()));
        replace_waker(&poker, Pin::new(&mut handle));
        replace_waker(&poker, Pin::new(&mut job.wait_until_done()));
        replace_waker(&poker, Pin::new(&mut job.wait_until_done().timeout(ms(10))));
        replace_waker(
            &poker,
            pin!(job.run::<(), _, _>("run", async |cx| {
                cx.canceled().await;
                Ok(())
            })),
        );
    });
}

#[test]
fn g13_wakers_may_call_the_job_when_they_are_forgotten() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("poked").clock(clock.clock()).open().unwrap();
        let mut handle = job.add_blocking("a", |_cx| Ok("output".to_string())).unwrap();
        let poker = Poker::new(&job);
        let waker = || Waker::from(Arc::new(NeverWoken(OnDrop(poker.clone()))));
        fn poll(future: Pin<&mut impl Future>, waker: Waker) {
            assert!(future.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let mut stream = job.task_completed();
        poll(pin!(stream.next()), waker());
        drop(stream);
        let mut outputs = job.outputs::<String>(1);
        poll(pin!(outputs.next()), waker());
        drop(outputs);
        poll(Pin::new(&mut handle), waker());
        drop(handle);
        let mut wait = job.wait_until_done().timeout(ms(10));
        poll(Pin::new(&mut wait), waker());
        drop(wait);
        assert!(poker.pokes() >= 4);
    });
}

#[test]
fn g13_drops_of_closures_may_call_the_job() {
    within(|| {
        let job = Job::new("poked");
        let poker = Poker::new(&job);
        for _ in 0..3 {
            let (one, two) = (OnDrop(poker.clone()), OnDrop(poker.clone()));
            job.add_blocking("blocking", move |_cx| Ok(drop(one))).unwrap();
            job.add("async", async move |_cx| Ok(drop(two))).unwrap();
        }
        job.cancel_task(TaskId::new(0), "not this one").unwrap();
        assert_eq!(poker.pokes(), 1);
        let held = OnDrop(poker.clone());
        job.add_blocking_with("kept", (), move |_cx, ()| {
            let _held = &held;
            Ok(())
        })
        .unwrap();
        job.submit(&Inline).unwrap();
        assert_eq!(poker.pokes(), 7);
        // One that is refused is dropped as well.
        let late = OnDrop(poker.clone());
        assert!(job.add_blocking("late", move |_cx| Ok(drop(late))).is_err());
        assert_eq!(poker.pokes(), 8);
    });
}

#[test]
fn g13_drops_of_futures_may_call_the_job() {
    within(|| {
        let hand = ByHand::default();
        let job = Job::new("poked");
        let poker = Poker::new(&job);
        for name in ["forced", "lost"] {
            let held = OnDrop(poker.clone());
            job.add::<(), _, _>(name, async move |_cx| {
                let _held = held;
                std::future::pending().await
            })
            .unwrap();
        }
        job.submit(&hand).unwrap();
        let cx = &mut Context::from_waker(Waker::noop());
        let mut runs: Vec<_> = (0..2).map(|_| Box::pin(hand.next().unwrap())).collect();
        for run in &mut runs {
            assert!(run.as_mut().poll(cx).is_pending());
        }
        job.cancel_task_now(TaskId::new(0), "enough").unwrap();
        assert!(runs[0].as_mut().poll(cx).is_ready());
        assert_eq!(poker.pokes(), 1);
        drop(runs);
        assert_eq!(poker.pokes(), 2);
        let states: Vec<_> = job.snapshot().tasks.iter().map(|task| task.state).collect();
        assert_eq!(states[..2], [TaskState::Canceled, TaskState::Interrupted]);
    });
}

#[test]
fn g13_drops_of_outputs_may_call_the_job() {
    within(|| {
        let hand = ByHand::default();
        let job = Job::builder("poked").open().unwrap();
        let poker = Poker::new(&job);
        // Late: the task was given up.
        let late = OnDrop(poker.clone());
        let stuck = job
            .add_blocking("stuck", {
                let job = job.job();
                move |cx| {
                    job.cancel_task_now(cx.task_id(), "too slow").unwrap();
                    Ok(late)
                }
            })
            .unwrap();
        job.submit(&hand).unwrap();
        assert!(hand.next().unwrap().run_blocking());
        assert_eq!((poker.pokes(), stuck.state()), (1, TaskState::Canceled));
        // Refused: the task does not run, or has ended.
        let task = job.reporter("refused").unwrap();
        assert!(task.complete(OnDrop(poker.clone())).is_err());
        assert_eq!(poker.pokes(), 2);
        task.running().unwrap();
        task.complete(()).unwrap();
        assert!(task.complete(OnDrop(poker.clone())).is_err());
        assert_eq!(poker.pokes(), 3);
        // Unread: their reader has gone.
        let outputs = job.outputs::<OnDrop>(9);
        for _ in 0..2 {
            let task = job.reporter("unread").unwrap();
            task.running().unwrap();
            task.complete(OnDrop(poker.clone())).unwrap();
        }
        drop(outputs);
        assert_eq!(poker.pokes(), 5);
    });
}

#[test]
fn g13_errors_may_call_the_job_when_they_are_shown_and_dropped() {
    within(|| {
        let job = Job::builder("poked").open().unwrap();
        let poker = Poker::new(&job);
        let shown = OnShow(poker.clone());
        job.add_blocking::<(), _>("shown", move |_cx| Err(shown.into())).unwrap();
        let (one, two) = (poker.clone(), poker.clone());
        job.task("retried")
            .retry(Retry::attempts(2))
            .add_blocking_with((), move |cx, ()| match cx.attempt() {
                1 => Err(TaskError::from(ErrorOnDrop(OnDrop(one.clone())))),
                _ => Ok(()),
            })
            .unwrap();
        job.submit(&Inline).unwrap();
        assert!(poker.pokes() >= 2);
        let before = poker.pokes();
        let task = job.reporter("refused").unwrap();
        assert!(task.complete(OnDrop(two.clone())).is_err());
        task.running().unwrap();
        task.complete(()).unwrap();
        assert!(task.fail(ErrorOnDrop(OnDrop(two))).is_err());
        assert_eq!(poker.pokes(), before + 2);
    });
}

#[test]
fn g13_what_is_freed_with_its_history_may_call_the_job_when_it_is_dropped() {
    within(|| {
        let job = Job::builder("poked").history(milepost::History::Unread).open().unwrap();
        let pokes = Arc::new(AtomicUsize::new(0));
        struct Counts(Job, Arc<AtomicUsize>);
        impl Drop for Counts {
            fn drop(&mut self) {
                self.0.progress();
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
        let held = job.add_blocking("held", {
            let output = Counts(job.job(), pokes.clone());
            move |_cx| Ok(output)
        });
        job.submit(&Inline).unwrap();
        let mut held = Some(held.unwrap());
        for n in 0..3_000 {
            let task = job.reporter(n.to_string()).unwrap();
            task.running().unwrap();
            task.complete(Counts(job.job(), pokes.clone())).unwrap();
            if n == 1_500 {
                assert!(pokes.load(Ordering::SeqCst) > 500, "they go as they are read by nobody");
                drop(held.take());
            }
        }
        assert!(pokes.load(Ordering::SeqCst) > 2_000);
    });
}

#[test]
fn g13_drops_of_callbacks_may_call_the_job() {
    within(|| {
        let job = Job::new("poked");
        let poker = Poker::new(&job);
        let (dropped, wait) = mpsc::channel();
        struct Tells(Poker, mpsc::Sender<()>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.poke();
                self.1.send(()).ok();
            }
        }
        let tells = Tells(poker.clone(), dropped.clone());
        let unsubscribed = job.on_event(move |_event| {
            let _held = &tells;
        });
        unsubscribed.unsubscribe();
        wait.recv().unwrap();
        let tells = Tells(poker.clone(), dropped);
        job.on_event(move |_event| {
            let _held = &tells;
        });
        job.cancel("enough");
        wait.recv().unwrap();
        assert_eq!(poker.pokes(), 2);
    });
}

#[test]
fn g13_iterators_of_feeds_may_call_the_job() {
    within(|| {
        let job = Job::builder("poked").open().unwrap();
        let poker = Poker::new(&job);
        let (inside, held) = (poker.clone(), OnDrop(poker.clone()));
        let mut n = 0;
        let tasks = std::iter::from_fn(move || {
            let _held = &held;
            inside.poke();
            n += 1;
            (n <= 10).then(|| NewTask::blocking(n.to_string(), |_cx| Ok(())))
        });
        job.submit(&Inline).unwrap();
        job.feed(tasks, 2);
        // What it added itself were reporters and tasks of the job as well.
        job.cancel("enough");
        assert!(poker.pokes() >= 2);
        assert!(job.is_ended());
    });
}

#[test]
fn g13_an_iterator_of_a_feed_may_feed_and_close() {
    within(|| {
        let job = Job::builder("poked").open().unwrap();
        let task = |n: usize| NewTask::blocking(n.to_string(), |_cx| Ok(()));
        job.submit(&Inline).unwrap();
        let mut inside = Some(job.clone());
        let mut n = 0;
        job.feed(
            std::iter::from_fn(move || {
                n += 1;
                if let Some(job) = inside.take() {
                    job.feed((100..103).map(task), 1);
                    job.close();
                }
                (n <= 3).then(|| task(n))
            }),
            1,
        );
        let job = job.job();
        assert_eq!((job.state(), job.counts().completed()), (JobState::Completed, 6));
    });
}

#[test]
fn g13_serialization_of_a_published_output_may_call_the_job() {
    struct Published(Poker);
    impl serde::Serialize for Published {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.poke();
            serializer.serialize_u32(5)
        }
    }
    within(|| {
        let job = Job::new("poked");
        let poker = Poker::new(&job);
        let published = Published(poker.clone());
        job.add_blocking("a", move |cx| Ok(cx.publish(&published)?)).unwrap();
        let mut done = job.task_completed();
        job.submit(&Inline).unwrap();
        assert_eq!(poker.pokes(), 1);
        let task = std::iter::from_fn(|| done.try_recv()).find(|task| task.task.index() == 0);
        assert_eq!(task.unwrap().published::<u32>().unwrap().unwrap(), 5);
    });
}

#[test]
fn g13_a_scheduler_may_call_the_job() {
    #[derive(Clone)]
    struct Pokes(Poker);
    impl Scheduler for Pokes {
        fn ready(&self, queue: TaskQueue) {
            self.0.poke();
            while let Some(run) = queue.next() {
                run.run_blocking();
            }
        }

        fn accept(&self, _: &TaskQueue) -> Result<(), milepost::SubmitError> {
            self.0.poke();
            Ok(())
        }

        fn worker_lost(&self) {
            self.0.poke();
        }

        fn block(&self, wait: &mut dyn FnMut()) -> Result<(), milepost::WouldDeadlock> {
            self.0.poke();
            wait();
            Ok(())
        }
    }
    within(|| {
        let job = Job::builder("poked").open().unwrap();
        let poker = Poker::new(&job);
        let inside = job.job();
        job.add_blocking("a", move |cx| Ok(inside.cancel_task_now(cx.task_id(), "too slow")?))
            .unwrap();
        job.submit(&Pokes(poker.clone())).unwrap();
        assert_eq!(poker.pokes(), 3);
        job.cancel_now("enough");
        job.wait_until_done().blocking().unwrap();
        // A scheduler that is let go of is dropped outside as well.
        struct Gone(#[expect(dead_code, reason = "it is there to be dropped")] OnDrop);
        impl Scheduler for Gone {
            fn ready(&self, _: TaskQueue) {}
        }
        let (other, third) = (Job::new("submitted"), Job::new("refused"));
        let before = poker.pokes();
        other.submit(&Arc::new(Gone(OnDrop(poker.clone())))).unwrap();
        third.cancel("before");
        assert!(third.submit(&Arc::new(Gone(OnDrop(poker.clone())))).is_err());
        assert_eq!(poker.pokes(), before + 2);
    });
}
