//! The event log: what is written is what happened, and gives the same snapshots as the jobs did.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{WINDOW, job};
use milepost::event_log::{Entry, Follower, Reader, Writer, replay};
use milepost::{Event, EventKind, JobSnapshot, TaskError};

fn json(snapshot: &JobSnapshot) -> String {
    serde_json::to_string(snapshot).unwrap()
}

#[test]
fn a_log_gives_the_snapshots_of_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let log = Writer::open(&path).unwrap();
    let (job, clock) = job();
    log.add(&job);
    let check = |job: &milepost::Job| {
        log.flush().blocking().unwrap();
        let replay = replay(&path).unwrap();
        assert!(replay.problems().is_empty(), "{:?}", replay.problems());
        assert_eq!(json(&replay.job(job.id()).unwrap()), json(&job.snapshot()));
        assert_eq!(replay.missing(job.id()), Some(0));
    };
    check(&job);
    let a = job.task("a").weight(3.0).unit("bytes").property("gpus", 2).reporter().unwrap();
    let b = job.reporter("b").unwrap();
    check(&job);
    a.running().unwrap();
    a.set_progress(0.1 + 0.2);
    clock.advance(WINDOW);
    check(&job);
    b.running().unwrap();
    b.set_total(7);
    b.set_progress(1);
    b.set_message("halfway \u{1F600} \"quoted\"\n");
    b.set_property("host", "node3");
    check(&job);
    clock.advance(WINDOW);
    check(&job);
    a.complete(1).unwrap();
    check(&job);
    b.fail(TaskError::msg("no space left")).unwrap();
    check(&job);
    let (id, snapshot) = (job.id(), job.clone());
    drop((job, a, b));
    log.flush().blocking().unwrap();
    let replay = replay(&path).unwrap();
    assert_eq!(json(&replay.job(id).unwrap()), json(&snapshot.snapshot()));
    assert_eq!(replay.completed_names(id).into_iter().collect::<Vec<_>>(), ["a".into()]);
}

#[test]
fn only_some_kinds_may_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let log = Writer::builder().only([EventKind::TaskCompleted]).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    job.reporter("a").unwrap().run_blocking(|_| Ok(())).unwrap();
    log.close().blocking().unwrap();
    let entries: Vec<Entry> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    let [Entry::Opened(opened), Entry::Job(_), Entry::Event(Event::TaskCompleted(_))] =
        &entries[..]
    else {
        panic!("{entries:?}");
    };
    assert_eq!(opened.only.as_deref(), Some(&[EventKind::TaskCompleted][..]));
    let replay = replay(&path).unwrap();
    assert_eq!(replay.missing(job.id()), None);
    assert_eq!(replay.completed_names("job").len(), 1);
}

#[test]
fn a_log_that_goes_on_with_fewer_kinds_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let run = |writer: Writer| {
        let (job, _clock) = job();
        writer.add(&job);
        job.reporter("a").unwrap().run_blocking(|_| Ok(())).unwrap();
        writer.close().blocking().unwrap();
        replay(&path).unwrap().missing(job.id())
    };
    assert_eq!(run(Writer::open(&path).unwrap()), Some(0));
    assert_eq!(run(Writer::open(&path).unwrap()), Some(0));
    let fewer = Writer::builder().only([EventKind::TaskCompleted]).open(&path).unwrap();
    assert_eq!(run(fewer), None, "they are left out on purpose");
}

#[test]
fn a_follower_reads_across_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let mut follower = Follower::new(&path);
    assert!(follower.try_next().is_none());
    let log = Writer::builder().rotate_at(600).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    let mut seqs = Vec::new();
    for n in 0..50 {
        job.reporter(n.to_string()).unwrap().run_blocking(|_| Ok(())).unwrap();
        if n % 3 == 0 {
            log.flush().blocking().unwrap();
        }
        if n % 7 == 0 {
            while let Some(entry) = follower.try_next() {
                seqs.extend(entry.unwrap().event().and_then(Event::seq));
            }
        }
    }
    log.flush().blocking().unwrap();
    while let Some(entry) = follower.try_next() {
        seqs.extend(entry.unwrap().event().and_then(Event::seq));
    }
    assert_eq!(seqs, (1..=job.last_seq()).collect::<Vec<_>>());
    assert!(std::fs::read_dir(folder.path()).unwrap().count() > 10);
    let replay = replay(&path).unwrap();
    assert_eq!(json(&replay.job(job.id()).unwrap()), json(&job.snapshot()));
}

#[test]
fn a_log_that_is_closed_ends_with_its_jobs_end() {
    for _ in 0..300 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.log");
        let log = Writer::open(&path).unwrap();
        let job = milepost::Job::new("pages");
        log.add(&job);
        job.reporter("index.html").unwrap().run_blocking(|_cx| Ok(())).unwrap();
        drop(job);
        log.close().blocking().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let last = text.lines().last().unwrap();
        assert!(last.contains("job_completed"), "{text}");
        assert_eq!(Reader::open(&path).unwrap().count(), text.lines().count());
        Writer::open(&path).expect("nobody has it open any more");
    }
}

#[test]
fn a_job_that_has_ended_stays_what_it_was_if_it_is_described_again() {
    let (job, _clock) = job();
    let mut events = job.events();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let log = Writer::open(&path).unwrap();
    log.add(&job);
    log.flush().blocking().unwrap();
    let described = Reader::open(&path).unwrap().map(Result::unwrap).last().unwrap();
    assert!(matches!(&described, Entry::Job(job) if job.expected.is_none()));
    drop(job);
    let mut replay = milepost::event_log::Replay::new();
    while let Some(event) = events.try_recv() {
        replay.apply_event(&event);
    }
    replay.apply(&described);
    let snapshot = replay.snapshots().next().unwrap();
    assert_eq!((snapshot.progress.expected, snapshot.progress.fraction), (Some(0), Some(1.0)));
}
