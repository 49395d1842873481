//! Random lives of jobs, written to a log: whenever it is flushed, the log gives the snapshots that the jobs give
//! themselves, to the last byte of their JSON, however it is read; and it has each lifecycle event once, as it was told.
//! `PROPTEST_CASES` sets the number of cases.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::path::PathBuf;

use common::lives::{Op, World, op};
use common::{json, ms};
use milepost::JobSnapshot;
use milepost::event_log::{Entry, Follower, Reader, Replay, Writer, replay};
use proptest::prelude::*;
use proptest::sample::select;

#[derive(Debug, Clone, Copy)]
enum Step {
    Life(Op),
    Add,
    Flush,
    Follow,
}

#[derive(Debug, Clone)]
struct Case {
    jobs: usize,
    rotate_at: Option<u64>,
    late: bool,
    steps: Vec<(usize, Step)>,
}

fn case() -> impl Strategy<Value = Case> {
    let last = proptest::option::weighted(
        0.5,
        prop_oneof![3 => Just(Op::Close), 1 => Just(Op::CancelJob)],
    );
    let rotate_at = proptest::option::of(select(&[1, 500, 2_000, 8_000][..]));
    let step = prop_oneof![
        85 => op().prop_map(Step::Life),
        1 => Just(Step::Add),
        10 => Just(Step::Flush),
        4 => Just(Step::Follow),
    ];
    let steps = proptest::collection::vec((0..3usize, step), 1..100);
    (1..4usize, rotate_at, any::<bool>(), steps, last, any::<proptest::sample::Index>()).prop_map(
        |(jobs, rotate_at, late, mut steps, last, index)| {
            if let Some(last) = last {
                steps.insert(index.index(steps.len()), (0, Step::Life(last)));
            }
            Case { jobs, rotate_at, late, steps }
        },
    )
}

fn text(snapshot: &JobSnapshot) -> String {
    serde_json::to_string(snapshot).unwrap()
}

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
    writer: Writer,
    follower: Follower,
    followed: Replay,
}

impl Log {
    fn new(rotate_at: Option<u64>) -> Log {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.log");
        let builder = Writer::builder();
        let builder = match rotate_at {
            Some(bytes) => builder.rotate_at(bytes),
            None => builder,
        };
        let writer = builder.open(&path).unwrap();
        let follower = Follower::new(&path);
        Log { _folder: folder, path, writer, follower, followed: Replay::new() }
    }

    fn follow(&mut self) {
        while let Some(entry) = self.follower.try_next() {
            self.followed.apply(&entry.unwrap());
        }
    }

    fn check(&mut self, worlds: &mut [World], context: &str) {
        self.writer.flush().blocking().unwrap();
        self.follow();
        let replay = replay(&self.path).unwrap();
        assert!(replay.problems().is_empty(), "{:?} {context}", replay.problems());
        for world in worlds {
            let (id, expected) = (world.job.id(), text(&world.job.snapshot()));
            assert_eq!(text(&replay.job(id).unwrap()), expected, "replayed {context}");
            assert_eq!(text(&self.followed.job(id).unwrap()), expected, "followed {context}");
            assert_eq!(replay.missing(id), Some(0));
            world.listen();
        }
    }

    /// Each lifecycle event is there once, in order, as the job told it.
    fn check_events(&self, worlds: &[World]) {
        let entries: Vec<Entry> = Reader::open(&self.path).unwrap().map(Result::unwrap).collect();
        for world in worlds {
            let of_job = entries
                .iter()
                .filter_map(Entry::event)
                .filter(|event| event.job() == world.job.id());
            let events: Vec<String> =
                of_job.filter(|event| event.seq().is_some()).map(json).collect();
            assert_eq!(events, common::jsons(&world.events));
        }
    }
}

fn live(case: Case) {
    let mut worlds: Vec<World> = (0..case.jobs).map(World::new).collect();
    let mut log = Log::new(case.rotate_at);
    if !case.late {
        worlds.iter().for_each(|world| log.writer.add(&world.job));
    }
    let mut added = !case.late;
    for (n, (job, step)) in case.steps.into_iter().enumerate() {
        match step {
            Step::Add => {
                // One that has ended and was written would be told again.
                let lives = worlds.iter().filter(|world| !added || !world.job.is_ended());
                lives.for_each(|world| log.writer.add(&world.job));
                added = true;
            }
            Step::Flush if added => log.check(&mut worlds, &format!("after {n} operations")),
            Step::Follow => log.follow(),
            Step::Life(op) => worlds[job % case.jobs].apply(op),
            Step::Flush => {}
        }
    }
    if !added {
        worlds.iter().for_each(|world| log.writer.add(&world.job));
    }
    log.check(&mut worlds, "at the end");
    for world in &mut worlds {
        world.runs.clear();
        world.reporters.clear();
        world.job.cancel_now("the end");
        world.open = None;
        world.clock.advance(ms(10_000));
    }
    log.check(&mut worlds, "after all has ended");
    log.check_events(&worlds);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_log_gives_the_snapshots_that_its_jobs_give(case in case()) {
        live(case);
    }
}
