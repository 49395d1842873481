//! The events of all jobs of a tracker: each job's in order and none lost, however many come and go meanwhile.
#![cfg(feature = "tracker")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{Inline, check_merged, jsons, lifecycle, running, within};
use futures::{Stream, StreamExt};
use milepost::tracker::TrackedEvents;
use milepost::{Event, History, Job, JobId, ManualClock, StreamTimeout, Tracker};

fn tracker() -> Tracker {
    Tracker::builder().clock(ManualClock::new().clock()).build()
}

/// A job that has run.
fn ended(tracker: &Tracker, tasks: usize) -> Job {
    let job = Job::new("job");
    tracker.track(&job);
    for n in 0..tasks {
        job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap();
    }
    job.submit(&Inline).unwrap();
    job
}

fn drain(feed: &mut TrackedEvents) -> Vec<Event> {
    std::iter::from_fn(|| feed.try_recv()).collect()
}

fn by_job(events: Vec<Event>) -> HashMap<JobId, Vec<Event>> {
    let mut jobs: HashMap<JobId, Vec<Event>> = HashMap::new();
    for event in events {
        jobs.entry(event.job()).or_default().push(event);
    }
    jobs
}

#[test]
fn it_tells_all_of_each_job_from_the_first_event_on() {
    let tracker = tracker();
    let early = Job::new("early");
    let _task = running(&early, "task");
    tracker.track(&early);
    let before = ended(&tracker, 1);
    let mut feed = tracker.events();
    let late = ended(&tracker, 3);
    tracker.track(&late);
    // It was not tracked before, though it has ended.
    let stranger = Job::new("stranger");
    stranger.submit(&Inline).unwrap();
    tracker.track(&stranger);
    let told = by_job(drain(&mut feed));
    for job in [&early, &late, &stranger] {
        let own = jsons(&common::drain(&mut job.events()));
        assert_eq!(jsons(&told[&job.id()]), own);
    }
    assert!(!told.contains_key(&before.id()), "it had ended before");
    assert!(!feed.is_ended());
}

#[test]
fn from_now_on_it_tells_what_happens_then() {
    let tracker = tracker();
    let there = Job::new("there");
    let task = running(&there, "task");
    tracker.track(&there);
    let feed = tracker.events();
    let too = ended(&tracker, 1);
    let mut feed = feed.from_now();
    assert!(feed.try_recv().is_none());
    let later = ended(&tracker, 1);
    task.complete(()).unwrap();
    let seq = there.last_seq();
    let told = by_job(drain(&mut feed));
    let seqs: Vec<_> = told[&there.id()].iter().filter_map(Event::seq).collect();
    assert_eq!(seqs, [seq - 1, seq], "state and completion");
    assert_eq!(told[&later.id()].first().and_then(Event::seq), Some(1));
    assert!(!told.contains_key(&too.id()));
}

#[test]
fn it_ends_with_the_last_tracker_once_all_is_told() {
    within(|| {
        let tracker = tracker();
        let scheduler = tracker.scheduler(common::ByHand::default());
        let mut feed = tracker.events();
        let job = Job::new("job");
        job.add_blocking("task", |_cx| Ok(())).unwrap();
        job.submit(&scheduler).unwrap();
        drop(tracker);
        drain(&mut feed);
        assert!(!feed.is_ended(), "its scheduler has the tracker");
        scheduler.inner().run_one();
        drop(scheduler);
        let rest: Vec<Event> = std::iter::from_fn(|| feed.blocking_next()).collect();
        assert!(matches!(rest.last(), Some(Event::JobCompleted(_))), "{rest:?}");
        assert!(feed.is_ended() && feed.try_recv().is_none() && feed.blocking_next().is_none());
    });
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn it_wakes_for_a_new_job_for_an_event_and_for_the_end() {
    let tracker = tracker();
    let mut feed = tracker.events();
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut quiet = |feed: &mut TrackedEvents| {
        while let Poll::Ready(Some(_)) = feed.poll_next_unpin(&mut cx) {}
        woken.0.swap(false, Ordering::SeqCst);
    };
    let was_woken = || woken.0.load(Ordering::SeqCst);
    quiet(&mut feed);
    assert!(!was_woken());
    let job = Job::new("job");
    let _task = running(&job, "task");
    tracker.track(&job);
    assert!(was_woken());
    quiet(&mut feed);
    assert!(!was_woken());
    let _other = running(&job, "other");
    assert!(was_woken());
    drop((_task, _other, job));
    quiet(&mut feed);
    drop(tracker);
    assert!(was_woken());
    assert!(matches!(feed.poll_next_unpin(&mut cx), Poll::Ready(None)));
}

#[test]
fn jobs_that_free_what_is_read_are_told_whole() {
    let tracker = tracker();
    let mut feed = tracker.events();
    let job = Job::builder("long").history(History::Unread).build().unwrap();
    tracker.track(&job);
    for n in 0..5_000 {
        job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap();
    }
    job.submit(&Inline).unwrap();
    let told = drain(&mut feed);
    check_merged(&told, 0);
    assert_eq!(lifecycle(told).last().and_then(Event::seq), Some(job.last_seq()));
}

#[test]
fn nothing_is_lost_while_many_jobs_are_added_from_many_threads() {
    within(|| {
        const THREADS: usize = 4;
        const JOBS: usize = 50;
        fn is_plain<T: Stream<Item = Event> + Unpin + Send + 'static>(_: &T) {}
        let tracker = Tracker::new();
        let mut feed = tracker.events();
        is_plain(&feed);
        let adding = (0..THREADS).map(|_| {
            let tracker = tracker.clone();
            std::thread::spawn(move || {
                (0..JOBS).map(|n| ended(&tracker, n % 7).id()).collect::<Vec<JobId>>()
            })
        });
        let adding: Vec<_> = adding.collect();
        // Feeds come and go meanwhile.
        for _ in 0..20 {
            let _ = tracker.events().try_recv();
        }
        drop(tracker);
        let told = by_job(std::iter::from_fn(|| feed.blocking_next()).collect());
        let jobs: Vec<JobId> =
            adding.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(told.len(), jobs.len());
        for job in jobs {
            check_merged(&told[&job], 0);
            assert!(matches!(told[&job].last(), Some(Event::JobCompleted(_))));
        }
    });
}

/// A waker that reads a feed as it is called.
struct Reads(Mutex<(TrackedEvents, Vec<Event>)>);

impl Wake for Reads {
    fn wake(self: Arc<Self>) {
        let (feed, events) = &mut *self.0.lock().unwrap();
        events.extend(drain(feed));
    }
}

#[test]
fn what_has_happened_is_there_whoever_hears_of_it_first() {
    let (tracker, job) = (tracker(), common::job().0);
    tracker.track(&job);
    let mut feed = tracker.events();
    let mut end = job.job_state_changed();
    let reads = Arc::new(Reads(Mutex::new((tracker.events(), Vec::new()))));
    // It hears of the job's end before the feeds do.
    let waker = Waker::from(reads.clone());
    assert!(Pin::new(&mut end).poll_next(&mut Context::from_waker(&waker)).is_pending());
    assert!(reads.0.lock().unwrap().0.try_recv().is_none());
    assert!(feed.try_recv().is_none());
    drop(job);
    let events = std::mem::take(&mut reads.0.lock().unwrap().1);
    assert!(matches!(events.last(), Some(Event::JobCompleted(_))), "{events:?}");
    assert_eq!(jsons(&drain(&mut feed)), jsons(&events));
    drop(tracker);
    assert!(feed.blocking_next().is_none());
}

#[test]
fn a_wait_for_an_event_has_an_end() {
    let clock = ManualClock::new();
    let tracker = Tracker::builder().clock(clock.clock()).build();
    let mut events = tracker.events();
    assert_eq!(events.blocking_next_timeout(Duration::ZERO).unwrap_err(), StreamTimeout);
    let job = Job::new("it");
    tracker.track(&job);
    drop(job);
    assert!(events.blocking_next_timeout(Duration::ZERO).unwrap().is_some());
}
