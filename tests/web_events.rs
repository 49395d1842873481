//! Server-sent events: each client has all lifecycle events once and in order, however it comes, reads and goes.

#![cfg(all(feature = "local", feature = "web"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::http::{Message, Messages, follow, get, send, serve};
use common::{ms, running, within};
use milepost::view::web::Web;
use milepost::{History, Job, JobId, LocalScheduler, ManualClock, Tracker};
use proptest::prelude::*;

/// What holds for whatever one client has read, its first lifecycle event being the one after `last`.
fn check(messages: &[Message], mut last: u64) {
    let mut ended = std::collections::HashSet::new();
    for Message { id, data } in messages {
        let event = data["event"].as_str().unwrap();
        if event == "progress_window" {
            assert_eq!(*id, None);
            assert!(data["after"].as_u64().unwrap() <= last, "{data} after event {last}");
            for update in data["updates"].as_array().unwrap() {
                assert!(
                    !ended.contains(&update["task"].as_u64()),
                    "progress after the end: {data}"
                );
                assert!(update.get("job").is_none() && update.get("at").is_none());
            }
            assert!(data["progress"]["counts"].is_object());
            continue;
        }
        assert_eq!(
            (*id, data["seq"].as_u64()),
            (Some(last + 1), Some(last + 1)),
            "a gap or a repetition: {data}"
        );
        last += 1;
        if event == "task_completed" {
            ended.insert(data["task"].as_u64());
        }
    }
}

fn ids(messages: &[Message]) -> Vec<u64> {
    messages.iter().filter_map(|message| message.id).collect()
}

fn tracked(name: &str) -> (Tracker, Job, SocketAddr) {
    let (tracker, job) = (Tracker::new(), Job::new(name));
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    (tracker, job, address)
}

/// A job that has ended, with some forty events.
fn ended(job: &Job) -> u64 {
    for n in 0..8 {
        let task = running(job, &format!("task {n}"));
        task.set_progress(n);
        task.complete(n).unwrap();
    }
    job.cancel("enough");
    assert!(job.is_ended());
    job.last_seq()
}

#[test]
fn a_job_is_told_from_its_first_event_to_its_end() {
    let (_tracker, job, address) = tracked("job");
    let mut events = follow(address, job.id(), None).events();
    assert_eq!(events.block().unwrap(), "retry: 1000");
    let last = ended(&job);
    let all: Vec<Message> = events.collect();
    check(&all, 0);
    assert_eq!(ids(&all), (1..=last).collect::<Vec<_>>());
    assert_eq!(all.last().unwrap().data["event"], "job_completed");
    // In the form that events have everywhere.
    let told = all.iter().filter(|message| message.id.is_some()).map(|message| &message.data);
    let own = common::lifecycle(common::drain(&mut job.events()));
    assert!(told.eq(
        own.iter().map(|event| serde_json::to_value(event).unwrap()).collect::<Vec<_>>().iter()
    ));
}

#[test]
fn who_comes_again_at_any_event_gets_exactly_the_rest() {
    let (_tracker, job, address) = tracked("job");
    let first = follow(address, job.id(), None).events();
    let last = ended(&job);
    let all: Vec<Message> = first.collect();
    for seq in 0..last {
        let rest: Vec<Message> = follow(address, job.id(), Some(seq)).events().collect();
        check(&rest, seq);
        assert_eq!(ids(&rest), (seq + 1..=last).collect::<Vec<_>>());
        let path = format!("/jobs/{}/events?after={seq}", job.id());
        assert_eq!(ids(&get(address, &path).events().collect::<Vec<_>>()), ids(&rest));
        // What the browser has had last counts, not where the page began.
        let both = send(
            address,
            "GET",
            &format!("{path}&after=0"),
            &[&format!("Last-Event-ID: {seq}")],
            "",
        );
        assert_eq!(ids(&both.events().collect::<Vec<_>>()), ids(&rest));
    }
    assert_eq!(ids(&all).len() as u64, last);
    assert_eq!(follow(address, job.id(), Some(last)).status, 204);
    let beyond = follow(address, job.id(), Some(last + 1));
    assert_eq!(beyond.status, 400);
    assert!(beyond.error().contains("can't have been seen"));
}

#[test]
fn who_was_away_at_the_end_gets_the_rest_also_when_the_job_is_gone() {
    let (tracker, job, address) = tracked("job");
    let mut events = follow(address, job.id(), None).events();
    let task = running(&job, "task");
    let seen = events.by_ref().find_map(|message| message.id).unwrap();
    drop(events);
    task.complete(()).unwrap();
    let id = job.id();
    drop((task, job));
    // By now only the record is the tracker's.
    assert!(tracker.get(id).unwrap().ended_at.is_some());
    let rest: Vec<Message> = follow(address, id, Some(seen)).events().collect();
    check(&rest, seen);
    assert_eq!(rest.last().unwrap().data["event"], "job_completed");
}

#[test]
fn of_an_ended_job_that_nobody_followed_only_the_record_is_left() {
    // By a manual clock, the record is made as the job ends.
    let tracker = Tracker::builder().clock(ManualClock::new().clock()).build();
    let job = Job::new("job");
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    let (last, id) = (ended(&job), job.id());
    let gone = follow(address, id, None);
    assert_eq!(gone.status, 410);
    assert!(gone.error().contains(&format!("load GET /jobs/{id}")));
    assert_eq!(get(address, &format!("/jobs/{id}")).json()["seq"], last);
    assert_eq!(follow(address, id, Some(last)).status, 204);
    assert_eq!(follow(address, id, Some(last + 1)).status, 400);
}

#[test]
fn a_followed_job_is_let_go_of_some_time_after_its_end() {
    let clock = ManualClock::new();
    let tracker = Tracker::builder().clock(clock.clock()).build();
    let job = Job::new("job");
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    let id = job.id();
    let events = follow(address, id, None).events();
    let last = ended(&job);
    drop(job);
    // The chunks come by the clock: the first at once, others when it goes on.
    let done = Arc::new(AtomicBool::new(false));
    let (reader, done_too) = (std::thread::spawn(move || events.count()), done.clone());
    std::thread::spawn(move || {
        while !done_too.load(Ordering::Acquire) {
            clock.advance(ms(10));
            std::thread::yield_now();
        }
        clock.advance(Duration::from_secs(9 * 60));
        assert_eq!(
            ids(&follow(address, id, Some(1)).events().collect::<Vec<_>>()).last(),
            Some(&last)
        );
        clock.advance(Duration::from_secs(60));
        assert_eq!(follow(address, id, Some(1)).status, 410);
    })
    .join_after(|| {
        assert!(reader.join().unwrap() as u64 >= last);
        done.store(true, Ordering::Release);
    });
}

trait JoinAfter {
    fn join_after(self, first: impl FnOnce());
}

impl JoinAfter for std::thread::JoinHandle<()> {
    fn join_after(self, first: impl FnOnce()) {
        first();
        self.join().unwrap();
    }
}

#[test]
fn events_that_are_freed_are_said_to_be_gone() {
    let tracker = Tracker::new();
    let job = Job::builder("long").history(History::Unread).build().unwrap();
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    for n in 0..3_000 {
        running(&job, &n.to_string()).complete(()).unwrap();
    }
    let _task = running(&job, "the last");
    let gone = follow(address, job.id(), None);
    assert_eq!(gone.status, 410);
    assert!(gone.error().contains("go on after its `seq`"));
    let seq = get(address, &format!("/jobs/{}", job.id())).json()["seq"].as_u64().unwrap();
    let mut events = follow(address, job.id(), Some(seq)).events();
    job.add_blocking("one more", |_cx| Ok(())).unwrap();
    assert_eq!(events.next().unwrap().id, Some(seq + 1));
}

#[test]
fn progress_is_one_message_a_window_with_the_latest_values() {
    let clock = ManualClock::new();
    let tracker = Tracker::new();
    let job = Job::builder("job").clock(clock.clock()).build().unwrap();
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    let tasks: Vec<_> = (0..5).map(|n| running(&job, &n.to_string())).collect();
    let mut events = follow(address, job.id(), Some(job.last_seq())).events();
    assert_eq!(events.block().unwrap(), "retry: 1000");
    for round in 0..3 {
        for task in &tasks {
            (0..10).for_each(|n| task.set_progress(round * 100 + n));
        }
        clock.advance(common::WINDOW);
        let window = events.next().unwrap();
        assert_eq!((window.id, window.data["event"].as_str()), (None, Some("progress_window")));
        assert_eq!(window.data["after"], job.last_seq());
        let updates = window.data["updates"].as_array().unwrap();
        assert_eq!(updates.len(), 5);
        assert!(updates.iter().all(|update| update["progress"] == f64::from(round * 100 + 9)));
    }
    // Who comes later is told all of it at once.
    tasks[0].complete(()).unwrap();
    clock.advance(common::WINDOW * 3);
    let mut late = follow(address, job.id(), Some(job.last_seq())).events();
    let present = late.next().unwrap().data;
    let told: Vec<_> = present["updates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|update| update["task"].as_u64().unwrap())
        .collect();
    assert_eq!(told, [1, 2, 3, 4]);
    assert_eq!(present["updates"][0]["progress"], 209.0);
}

/// Runs a job of many tasks while `with` goes on.
fn busy(tasks: usize, with: impl FnOnce(SocketAddr, JobId) + Send + 'static) {
    within(move || {
        let (tracker, job, address) = tracked("busy");
        let scheduler = tracker.scheduler(LocalScheduler::new(2).unwrap());
        for n in 0..tasks {
            job.add_blocking(n.to_string(), move |cx| {
                cx.set_progress(n);
                Ok(())
            })
            .unwrap();
        }
        let id = job.id();
        let client = std::thread::spawn(move || with(address, id));
        job.submit(&scheduler).unwrap();
        client.join().unwrap();
        job.wait_until_done().blocking().unwrap();
    });
}

#[test]
fn a_client_that_does_not_read_slows_nobody_and_gets_all_when_it_does() {
    const TASKS: usize = 20_000;
    busy(TASKS, |address, id| {
        let stopped = follow(address, id, None).events();
        let other: Vec<Message> = follow(address, id, None).events().collect();
        check(&other, 0);
        assert_eq!(other.last().unwrap().data["event"], "job_completed");
        let late: Vec<Message> = stopped.collect();
        check(&late, 0);
        assert_eq!(ids(&late), ids(&other));
        assert!(ids(&late).len() > 5 * TASKS);
    });
}

#[test]
fn many_clients_that_come_at_any_time_have_all_events() {
    busy(3_000, |address, id| {
        let clients: Vec<_> = (0..16)
            .map(|n: u64| {
                std::thread::spawn(move || {
                    let start = if n.is_multiple_of(2) {
                        0
                    } else {
                        get(address, &format!("/jobs/{id}")).json()["seq"].as_u64().unwrap()
                    };
                    let all: Vec<Message> = follow_on(address, id, start).collect();
                    check(&all, start);
                    all.last().map(|last| last.data["event"].as_str().unwrap().to_owned())
                })
            })
            .collect();
        for client in clients {
            let last = client.join().unwrap();
            assert!(last.as_deref().is_none_or(|last| last == "job_completed"), "{last:?}");
        }
    });
}

/// The messages after an event; none if it was the last one.
fn follow_on(address: SocketAddr, id: JobId, last: u64) -> Box<dyn Iterator<Item = Message>> {
    let answer = follow(address, id, Some(last));
    if answer.status == 204 { Box::new(std::iter::empty()) } else { Box::new(answer.events()) }
}

/// Reads a job to its end by connections that are lost after so many messages each.
fn read_in_pieces(address: SocketAddr, id: JobId, pieces: &[usize]) -> Vec<u64> {
    let (mut all, mut last) = (Vec::new(), 0);
    for take in pieces.iter().copied().chain(std::iter::repeat(usize::MAX)) {
        let answer = follow(address, id, Some(last));
        if answer.status == 204 {
            return all;
        }
        let messages: Vec<Message> = Messages::take(answer.events(), take).collect();
        check(&messages, last);
        all.extend(ids(&messages));
        last = all.last().copied().unwrap_or(0);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn however_often_connections_are_lost_all_events_are_had_once(
        pieces in prop::collection::vec(0usize..60, 0..12),
        others in prop::collection::vec(0usize..400, 0..4),
        steps in prop::collection::vec(0u8..5, 1..200),
    ) {
        let (_tracker, job, address) = tracked("job");
        let id = job.id();
        // It is kept for those who come when it has ended.
        let _first = follow(address, id, None);
        let told = Arc::new(AtomicU64::new(0));
        let readers = [pieces, others].map(|pieces| {
            std::thread::spawn(move || read_in_pieces(address, id, &pieces))
        });
        let mut live = Vec::new();
        for step in steps {
            match step {
                0 | 1 => live.push(running(&job, "task")),
                2 => live.iter().for_each(|task| task.set_progress(told.fetch_add(1, Ordering::Relaxed))),
                3 => if let Some(task) = live.pop() { task.complete(()).unwrap() },
                _ => std::thread::yield_now(),
            }
        }
        for task in live {
            task.fail(milepost::TaskError::msg("it broke")).unwrap();
        }
        job.cancel("enough");
        let last = job.last_seq();
        for reader in readers {
            prop_assert_eq!(reader.join().unwrap(), (1..=last).collect::<Vec<_>>());
        }
    }
}
