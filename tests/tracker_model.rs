//! The tracker beside a naive model of it: random lives of jobs, random questions, the same answers.
#![cfg(feature = "tracker")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::time::Duration;

use common::{at, ms, running};
use milepost::tracker::{Order, Query, UnknownJob};
use milepost::{Job, JobId, JobState, ManualClock, TaskError, TaskReporter, Timestamp, Tracker};
use proptest::prelude::*;
use proptest::test_runner::Config;

const RETENTION: u64 = 50;
const MAX_JOBS: usize = 5;
const NAMES: [&str; 3] = ["red one", "red two", "blue"];

#[derive(Debug, Clone)]
enum Step {
    Make {
        name: usize,
        label: Option<i64>,
    },
    /// Those of a job: which one, of those that are live.
    Start(usize),
    End(usize, bool),
    Cancel(usize),
    Drop(usize),
    Advance(u64),
    Ask(Box<Asked>),
}

#[derive(Debug, Clone)]
struct Asked {
    states: Option<Vec<JobState>>,
    pattern: Option<&'static str>,
    label: Option<i64>,
    created: Option<(u64, u64)>,
    started: Option<(u64, u64)>,
    ended: Option<(u64, u64)>,
    ids: bool,
    limit: Option<usize>,
    order: Order,
}

fn asked() -> impl Strategy<Value = Asked> {
    let states = prop::collection::vec(prop::sample::select(JobState::ALL.to_vec()), 0..4);
    let times = || prop::option::weighted(0.2, (0u64..200, 0u64..200));
    (
        prop::option::of(states),
        prop::option::of(prop::sample::select(vec!["*", "red*", "* t?o", "blue", "x"])),
        prop::option::weighted(0.3, 0i64..2),
        (times(), times(), times()),
        prop::bool::weighted(0.2),
        prop::option::of(0usize..5),
        prop::sample::select(vec![
            Order::NewestFirst,
            Order::OldestFirst,
            Order::LastEndedFirst,
            Order::FirstEndedFirst,
        ]),
    )
        .prop_map(|(states, pattern, label, (created, started, ended), ids, limit, order)| {
            Asked { states, pattern, label, created, started, ended, ids, limit, order }
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..NAMES.len(), prop::option::of(0i64..2))
            .prop_map(|(name, label)| Step::Make { name, label }),
        2 => (0usize..20).prop_map(Step::Start),
        2 => (0usize..20, any::<bool>()).prop_map(|(job, well)| Step::End(job, well)),
        1 => (0usize..20).prop_map(Step::Cancel),
        2 => (0usize..20).prop_map(Step::Drop),
        2 => (0u64..40).prop_map(Step::Advance),
        4 => asked().prop_map(|asked| Step::Ask(Box::new(asked))),
    ];
    prop::collection::vec(step, 0..60)
}

/// A job as the model knows it.
struct Known {
    id: JobId,
    name: &'static str,
    label: Option<i64>,
    state: JobState,
    created: u64,
    started: Option<u64>,
    ended: Option<u64>,
    /// The number of its end.
    end: usize,
    /// What is held of it: the job itself, and a task that runs.
    job: Option<Job>,
    task: Option<TaskReporter>,
    gone: Option<bool>,
}

struct Model {
    tracker: Tracker,
    clock: ManualClock,
    now: u64,
    jobs: Vec<Known>,
    ends: usize,
}

impl Model {
    fn live(&mut self, which: usize) -> Option<&mut Known> {
        let mut live: Vec<_> = self.jobs.iter_mut().filter(|job| job.ended.is_none()).collect();
        let n = live.len();
        (n > 0).then(|| live.swap_remove(which % n))
    }

    /// Notes what has become of jobs by what they say themselves, or, where nobody has them, by what must be so.
    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Make { name, label } => {
                let name = NAMES[name];
                let mut builder = Job::builder(name).clock(self.clock.clock());
                if let Some(label) = label {
                    builder = builder.property("label", label);
                }
                let job = builder.build().unwrap();
                self.tracker.track(&job);
                self.jobs.push(Known {
                    id: job.id(),
                    name,
                    label,
                    state: JobState::Pending,
                    created: now,
                    started: None,
                    ended: None,
                    end: usize::MAX,
                    job: Some(job),
                    task: None,
                    gone: None,
                });
            }
            Step::Start(which) => {
                let Some(known) = self.live(which) else { return };
                if let Some(job) = known.job.as_ref().filter(|_| known.state == JobState::Pending) {
                    known.task = Some(running(job, "task"));
                    (known.state, known.started) = (JobState::Running, Some(now));
                }
            }
            Step::End(which, well) => {
                let Some(known) = self.live(which) else { return };
                let Some(task) = known.task.take() else { return };
                let ended = if well { task.complete(()) } else { task.fail(TaskError::msg("bad")) };
                ended.unwrap();
                drop(task);
                known.job = None; // the last handle: the job ends
                let canceled = known.state == JobState::Canceling;
                known.state = match (well, canceled) {
                    (true, _) => JobState::Completed,
                    (false, true) => JobState::Canceled,
                    (false, false) => JobState::Failed,
                };
                let id = known.id;
                self.end(id);
            }
            Step::Cancel(which) => {
                let Some(known) = self.live(which) else { return };
                let Some(job) = known.job.as_ref() else { return };
                if known.state == JobState::Running {
                    job.cancel("enough");
                    known.state = job.state();
                }
            }
            Step::Drop(which) => {
                let Some(known) = self.live(which) else { return };
                if known.task.is_none() {
                    known.job = None;
                    known.state = JobState::Completed;
                    let id = known.id;
                    self.end(id);
                }
            }
            Step::Advance(by) => {
                self.clock.advance(ms(by));
                self.now += by;
                let now = self.now;
                for known in self.jobs.iter_mut().filter(|known| known.gone.is_none()) {
                    if known.ended.is_some_and(|ended| ended + RETENTION <= now) {
                        known.gone = Some(true);
                    }
                }
            }
            Step::Ask(asked) => self.ask(&asked),
        }
    }

    fn end(&mut self, id: JobId) {
        let (now, end) = (self.now, self.ends);
        self.ends += 1;
        let known = self.jobs.iter_mut().find(|known| known.id == id).unwrap();
        (known.ended, known.end) = (Some(now), end);
        let kept = |known: &&mut Known| known.ended.is_some() && known.gone.is_none();
        let mut ended: Vec<_> = self.jobs.iter_mut().filter(kept).collect();
        if ended.len() > MAX_JOBS {
            ended.sort_by_key(|known| known.end);
            ended[0].gone = Some(false);
        }
    }

    fn ask(&self, asked: &Asked) {
        let mut query = Query::new().order(asked.order);
        let mut found: Vec<&Known> = self.jobs.iter().filter(|job| job.gone.is_none()).collect();
        if let Some(states) = &asked.states {
            query = query.states(states.clone());
            found.retain(|known| states.contains(&known.state));
        }
        if let Some(pattern) = asked.pattern {
            query = query.name(pattern);
            found.retain(|known| match pattern {
                "*" => true,
                "red*" => known.name.starts_with("red"),
                "* t?o" => known.name.ends_with("two"),
                name => known.name == name,
            });
        }
        if let Some(label) = asked.label {
            query = query.property("label", label);
            found.retain(|known| known.label == Some(label));
        }
        if let Some((from, to)) = asked.created {
            query = query.created_since(at(from)).created_until(at(to));
            found.retain(|known| (from..to).contains(&known.created));
        }
        if let Some((from, to)) = asked.started {
            query = query.started_since(at(from)).started_until(at(to));
            found.retain(|known| known.started.is_some_and(|at| (from..to).contains(&at)));
        }
        if let Some((from, to)) = asked.ended {
            query = query.ended_since(at(from)).ended_until(at(to));
            found.retain(|known| known.ended.is_some_and(|at| (from..to).contains(&at)));
        }
        if asked.ids {
            let every_other = || self.jobs.iter().step_by(2).map(|known| known.id);
            query = query.ids(every_other());
            found.retain(|known| every_other().any(|id| id == known.id));
        }
        let by_end = matches!(asked.order, Order::LastEndedFirst | Order::FirstEndedFirst);
        found.sort_by_key(|known| (if by_end { known.end } else { 0 }, known.id));
        if matches!(asked.order, Order::NewestFirst | Order::LastEndedFirst) {
            found.reverse();
        }
        let summary = self.tracker.summary(&query);
        for state in JobState::ALL {
            let there = found.iter().filter(|known| known.state == state).count();
            assert_eq!(summary.of(state), there, "{state} of {asked:?}");
        }
        if let Some(limit) = asked.limit {
            query = query.limit(limit);
            found.truncate(limit);
        }
        let answer = self.tracker.query(&query);
        let told = answer.iter().map(|record| {
            (record.job, record.state, record.created_at, record.started_at, record.ended_at)
        });
        let time = |n: Option<u64>| -> Option<Timestamp> { n.map(at) };
        let there = found.iter().map(|known| {
            let created = time(Some(known.created));
            (known.id, Some(known.state), created, time(known.started), time(known.ended))
        });
        assert_eq!(told.collect::<Vec<_>>(), there.collect::<Vec<_>>(), "{asked:?}");
    }

    fn ask_for_each(&self) {
        for known in &self.jobs {
            match (self.tracker.get(known.id), known.gone) {
                (Ok(record), None) => assert_eq!(record.state, Some(known.state)),
                (Err(UnknownJob::Expired { .. }), Some(true)) => {}
                (Err(UnknownJob::Evicted { .. }), Some(false)) => {}
                (answer, gone) => panic!("{answer:?} where {gone:?}"),
            }
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn answers_are_those_of_the_model(steps in steps()) {
        let clock = ManualClock::new();
        let tracker = Tracker::builder()
            .clock(clock.clock())
            .retention(Duration::from_millis(RETENTION))
            .max_jobs(MAX_JOBS)
            .build();
        let mut model = Model { tracker, clock, now: 0, jobs: Vec::new(), ends: 0 };
        for step in steps {
            model.step(step);
            model.ask_for_each();
        }
    }
}
