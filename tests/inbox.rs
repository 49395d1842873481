//! An inbox wakes once for what comes together and misses nothing; forwarding hands on all of it in few batches.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll};

use common::{WINDOW, check_merged, job, lifecycle, ms, running, within};
#[cfg(feature = "local")]
use milepost::LocalScheduler;
use milepost::view::{Batch, Inbox};
use milepost::{Event, Job, ManualClock, TaskError};

/// A wake function that counts its calls.
fn counting() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    (calls, move || _ = counted.fetch_add(1, Ordering::SeqCst))
}

/// All lifecycle events up to this one are there, in order, with the progress where it belongs.
fn is_whole(events: &[Event], seq: u64) {
    check_merged(events, 0);
    assert_eq!(lifecycle(events.to_vec()).len() as u64, seq);
}

fn read(inbox: &mut Inbox) -> Vec<Event> {
    let mut events = Vec::new();
    inbox.drain(|event| events.push(event));
    events
}

#[test]
fn it_wakes_once_until_it_is_drained() {
    let (job, clock) = job();
    let (calls, wake) = counting();
    let mut inbox = job.inbox(wake);
    assert_eq!(calls.load(Ordering::SeqCst), 0, "nothing has happened");
    let tasks: Vec<_> = (0..50).map(|n| running(&job, &n.to_string())).collect();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(read(&mut inbox).len(), 1 + 50 * 3 + 1);
    for window in 0..10 {
        for n in 0..100 {
            tasks.iter().for_each(|task| task.set_progress(window * 100 + n));
        }
        clock.advance(WINDOW);
        assert_eq!(calls.load(Ordering::SeqCst), 2 + window, "once for each window");
        assert_eq!(read(&mut inbox).len(), 50);
    }
    clock.advance(ms(60_000));
    assert_eq!((calls.load(Ordering::SeqCst), inbox.drain(|_| {})), (11, 0), "quiet is quiet");
    drop((tasks, job));
    assert_eq!(calls.load(Ordering::SeqCst), 12);
    assert!(!inbox.is_ended());
    let events = read(&mut inbox);
    assert!(inbox.is_ended() && matches!(events.last(), Some(Event::JobCompleted(_))));
}

#[test]
fn what_was_there_before_it_wakes_as_well() {
    let (job, _clock) = job();
    let _task = running(&job, "early");
    let (calls, wake) = counting();
    let mut inbox = job.inbox(wake);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(lifecycle(read(&mut inbox)).len() as u64, job.last_seq());
}

#[test]
fn no_lock_is_held_while_it_wakes() {
    within(|| {
        let (job, clock) = job();
        let (asked, seen) = (job.clone(), Arc::new(Mutex::new(Vec::new())));
        let states = seen.clone();
        let mut inbox = job.inbox(move || states.lock().unwrap().push(asked.snapshot().seq));
        let task = running(&job, "a");
        read(&mut inbox);
        task.set_progress(1);
        clock.advance(WINDOW);
        read(&mut inbox);
        task.fail(TaskError::msg("no")).unwrap();
        assert_eq!(seen.lock().unwrap().len(), 3);
    });
}

#[test]
fn a_panic_in_it_goes_no_further() {
    let (job, _clock) = job();
    let mut inbox = job.inbox(|| panic!("as the test wants"));
    let task = running(&job, "a");
    assert!(inbox.drain(|_| {}) > 0);
    task.complete(()).unwrap();
    assert!(inbox.drain(|_| {}) > 0);
}

#[test]
fn what_a_panic_leaves_is_woken_for() {
    let (job, _clock) = job();
    let (calls, wake) = counting();
    let mut inbox = job.inbox(wake);
    let _tasks = (running(&job, "a"), running(&job, "b"));
    assert_eq!(calls.swap(0, Ordering::SeqCst), 1);
    let drained = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        inbox.drain(|_| panic!("as the test wants"));
    }));
    assert!(drained.is_err());
    assert_eq!(calls.swap(0, Ordering::SeqCst), 1);
    assert_eq!(read(&mut inbox).len() as u64, job.last_seq() - 1);
}

#[test]
fn much_is_drained_in_parts_and_each_wakes_for_the_next() {
    let (job, _clock) = job();
    let (calls, wake) = counting();
    let mut inbox = job.inbox(wake);
    let _tasks: Vec<_> = (0..15_000).map(|_| job.reporter("many").unwrap()).collect();
    let (mut parts, mut all) = (0, Vec::new());
    while calls.swap(0, Ordering::SeqCst) > 0 {
        let part = read(&mut inbox);
        assert!(part.len() <= 10_000);
        all.extend(part);
        parts += 1;
    }
    assert!(parts >= 3, "{parts}");
    is_whole(&all, job.last_seq());
}

/// A frame is drawn only when the inbox has woken: if a wake-up were lost, this would hang.
#[cfg(feature = "local")]
#[test]
fn no_wake_up_is_lost_whatever_the_threads_do() {
    within(|| {
        for round in 0..20 {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::builder("busy").window(ms(1)).build().unwrap();
            let (repaint, frames) = mpsc::channel();
            let mut inbox = job.inbox(move || _ = repaint.send(()));
            for n in 0..200 {
                job.add_blocking(format!("{round} {n}"), |cx| {
                    (0..50).for_each(|n| cx.set_progress(n));
                    Ok(())
                })
                .unwrap();
            }
            job.submit(&scheduler).unwrap();
            let mut events = Vec::new();
            while !inbox.is_ended() {
                frames.recv().unwrap();
                events.extend(read(&mut inbox));
            }
            is_whole(&events, job.last_seq());
        }
    });
}

/// Wakes as often as it likes, and in the middle of being asked.
struct Restless(Vec<&'static str>);

impl futures::Stream for Restless {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<&'static str>> {
        let item = self.0.pop();
        if item != Some("") {
            return Poll::Ready(item);
        }
        (0..3).for_each(|_| cx.waker().wake_by_ref());
        Poll::Pending
    }
}

#[test]
fn a_wake_up_in_the_middle_is_one_wake_up() {
    let (calls, wake) = counting();
    let mut inbox = Inbox::new(Restless(vec!["c", "", "b", "", "a", ""]), wake);
    for item in ["a", "b", "c"] {
        assert_eq!(calls.swap(0, Ordering::SeqCst), 1, "before {item}");
        let mut items = Vec::new();
        inbox.drain(|item| items.push(item));
        assert_eq!(items, [item]);
    }
    assert!(inbox.is_ended());
}

#[cfg(all(feature = "local", feature = "tracker"))]
#[test]
fn it_takes_the_events_of_all_jobs_too() {
    within(|| {
        let tracker = milepost::Tracker::new();
        let scheduler = tracker.scheduler(LocalScheduler::new(2).unwrap());
        let (repaint, frames) = mpsc::channel();
        let mut inbox = Inbox::new(tracker.events(), move || _ = repaint.send(()));
        for n in 0..20 {
            let job = Job::new(format!("job {n}"));
            (0..10).for_each(|_| drop(job.add_blocking("task", |_cx| Ok(())).unwrap()));
            job.submit(&scheduler).unwrap();
        }
        let mut ended = 0;
        while ended < 20 {
            frames.recv().unwrap();
            inbox.drain(|event| ended += usize::from(matches!(event, Event::JobCompleted(_))));
        }
        drop((scheduler, tracker));
        while !inbox.is_ended() {
            frames.recv().unwrap();
            inbox.drain(|_| {});
        }
    });
}

/// A job by a manual clock, the batches that it forwards, and how to wait for the next one.
fn forwarded() -> (Job, ManualClock, mpsc::Receiver<Batch>) {
    let (job, clock) = job();
    let (tx, rx) = mpsc::channel();
    job.forward(move |batch| tx.send(batch).is_ok());
    (job, clock, rx)
}

#[test]
fn batches_come_once_a_window_and_the_last_at_once() {
    within(|| {
        let (job, clock, rx) = forwarded();
        let task = running(&job, "a");
        let mut all = rx.recv().unwrap().events;
        while (lifecycle(all.clone()).len() as u64) < job.last_seq() {
            clock.advance(WINDOW);
            all.extend(rx.recv().unwrap().events);
        }
        // The next one is held back until its time, and has all that came meanwhile.
        clock.advance(WINDOW);
        for n in 0..5 {
            task.set_progress(n);
            clock.advance(WINDOW / 5);
        }
        let next = rx.recv().unwrap().events;
        assert!(!next.is_empty());
        all.extend(next);
        task.complete(()).unwrap();
        let (id, seq) = (job.id(), job.last_seq());
        drop((task, job));
        // No time passes any more.
        all.extend(rx.into_iter().flat_map(|batch| batch.events));
        is_whole(&all, seq + 2);
        assert!(matches!(all.last(), Some(Event::JobCompleted(end)) if end.job == id));
    });
}

#[test]
fn a_busy_job_sends_no_more_batches_than_windows() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("busy").clock(clock.clock()).build().unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let batches = sent.clone();
        let (tx, rx) = mpsc::channel();
        job.forward(move |batch| {
            batches.fetch_add(1, Ordering::SeqCst);
            tx.send(batch).is_ok()
        });
        let windows = 50;
        for n in 0..windows {
            let tasks: Vec<_> = (0..20).map(|_| running(&job, "a")).collect();
            tasks.iter().for_each(|task| task.set_progress(n));
            drop(tasks);
            clock.advance(WINDOW);
        }
        let seq = job.last_seq();
        drop(job);
        let all: Vec<Event> = rx.into_iter().flat_map(|batch| batch.events).collect();
        is_whole(&all, seq + 2);
        assert!(sent.load(Ordering::SeqCst) <= windows + 2, "{sent:?} batches");
    });
}

#[test]
fn a_receiver_that_goes_ends_it_and_the_job_goes_on() {
    within(|| {
        let (job, clock) = job();
        let (tx, rx) = mpsc::channel::<Batch>();
        let (dropped, gone) = mpsc::channel::<()>();
        job.forward(move |batch| {
            let _until_the_end = &dropped;
            tx.send(batch).is_ok()
        });
        drop(rx);
        let task = running(&job, "a");
        assert!(gone.recv().is_err(), "it is dropped as soon as it says so");
        clock.advance(WINDOW);
        task.complete(()).unwrap();
    });
}

#[test]
fn a_receiver_that_is_slow_or_panics_slows_nothing() {
    within(|| {
        let (job, _clock) = job();
        let (tx, rx) = mpsc::sync_channel(0);
        job.forward(move |batch| tx.send(batch).is_ok());
        job.forward(|_batch| panic!("as the test wants"));
        (0..100).for_each(|n| drop(running(&job, &n.to_string())));
        let seq = job.last_seq();
        drop(job);
        is_whole(&rx.into_iter().flat_map(|batch| batch.events).collect::<Vec<_>>(), seq + 2);
    });
}

/// Panics as it goes.
struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("as the test wants");
    }
}

#[test]
fn a_receiver_that_panics_and_again_as_it_goes_ends_nothing_else() {
    within(|| {
        let (job, _clock) = job();
        let (dropped, gone) = mpsc::channel::<()>();
        let held = (dropped, Grudge);
        job.forward(move |_batch| {
            let _until_the_end = &held;
            panic!("as the test wants")
        });
        let task = running(&job, "a");
        assert!(gone.recv().is_err());
        task.complete(()).unwrap();
    });
}

#[test]
fn any_channel_will_do() {
    within(|| {
        let job = Job::new("channels");
        let (std_tx, std_rx) = mpsc::channel();
        let (crossbeam_tx, crossbeam_rx) = crossbeam_channel::bounded(1);
        let (flume_tx, flume_rx) = flume::bounded(1);
        let (tokio_tx, mut tokio_rx) = tokio::sync::mpsc::channel(1);
        let (futures_tx, futures_rx) = futures::channel::mpsc::unbounded();
        job.forward(move |batch| std_tx.send(batch).is_ok());
        job.forward(move |batch| crossbeam_tx.send(batch).is_ok());
        job.forward(move |batch| flume_tx.send(batch).is_ok());
        job.forward(move |batch| tokio_tx.blocking_send(batch).is_ok());
        job.forward(move |batch| futures_tx.unbounded_send(batch).is_ok());
        let events = job.events();
        drop((running(&job, "a"), job));
        let told = common::jsons(&lifecycle(common::rest(events)));
        let check = |batches: Vec<Batch>| {
            assert_eq!(batches.last().and_then(|batch| batch.expected), Some(1));
            let events = batches.into_iter().flat_map(|batch| batch.events).collect();
            assert_eq!(common::jsons(&lifecycle(events)), told);
        };
        check(std_rx.into_iter().collect());
        check(crossbeam_rx.into_iter().collect());
        check(flume_rx.into_iter().collect());
        check(std::iter::from_fn(|| tokio_rx.blocking_recv()).collect());
        check(futures::executor::block_on_stream(futures_rx).collect());
    });
}
