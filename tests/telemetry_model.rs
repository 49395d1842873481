//! Telemetry beside a naive model of it: random lives of jobs, and the same sums as from their histories.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Inline, drain, ms, settle};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use milepost::telemetry::Telemetry;
use milepost::{
    CauseKind, Event, Job, ManualClock, OpenJob, TaskError, TaskReporter, TaskState, Timestamp,
};
use proptest::prelude::*;
use proptest::test_runner::Config;

use TaskState::{
    Assigned, Canceling, Completed, Failed, Held, Pending, Running, Submitted, Suspended,
};

#[derive(Debug, Clone)]
enum Step {
    Add,
    Report,
    /// A task is told to be in a state, if that can be.
    Tell(usize, TaskState),
    /// It is seen there, whether that can be or not.
    Observe(usize, TaskState),
    CancelTask(usize),
    Cancel,
    Watch,
    Advance(u64),
    Ask,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let state = || prop::sample::select(TaskState::ALL.to_vec());
    let which = 0usize..10;
    let step = prop_oneof![
        2 => Just(Step::Add),
        4 => Just(Step::Report),
        16 => (which.clone(), state()).prop_map(|(task, to)| Step::Tell(task, to)),
        3 => (which.clone(), state()).prop_map(|(task, to)| Step::Observe(task, to)),
        1 => which.prop_map(Step::CancelTask),
        1 => prop::bool::weighted(0.2).prop_map(|all| if all { Step::Cancel } else { Step::Watch }),
        8 => (1u64..40).prop_map(Step::Advance),
        // Longer than what is canceled has to stop.
        1 => Just(Step::Advance(40_000)),
        2 => Just(Step::Ask),
    ];
    prop::collection::vec((0usize..2, step), 0..80)
}

/// All that is recorded, as one number or as many.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    counts: BTreeMap<String, i64>,
    /// In microseconds, sorted.
    times: BTreeMap<&'static str, Vec<u128>>,
}

impl Sums {
    fn count(&mut self, name: &str, label: &str, by: i64) {
        let label = if label.is_empty() { String::new() } else { format!(" {label}") };
        *self.counts.entry(format!("{name}{label}")).or_default() += by;
    }

    fn measure(&mut self, name: &'static str, time: Duration) {
        self.times.entry(name).or_default().push(time.as_micros());
    }

    fn sorted(mut self) -> Sums {
        self.counts.retain(|_, n| *n != 0);
        self.times.values_mut().for_each(|times| times.sort_unstable());
        self
    }

    /// What the history of a job comes to.
    fn add_job(&mut self, job: &Job) {
        let events = drain(&mut job.events());
        let changes = |event: &Event| match event {
            Event::JobStateChanged(change) => Some(change.clone()),
            _ => None,
        };
        let states: Vec<_> = events.iter().filter_map(changes).collect();
        let state = job.state();
        let gauge = if state.is_terminal() { "jobs_ended_total" } else { "jobs" };
        self.count(gauge, state.as_str(), 1);
        if let (Some(first), Some(last)) = (states.first(), states.last())
            && last.to.is_terminal()
            && first.to == milepost::JobState::Submitted
        {
            self.measure("job_duration_seconds", last.at.duration_since(first.at));
        }
        for task in job.snapshot().tasks {
            let gauge = if task.state.is_terminal() { "tasks_ended_total" } else { "tasks" };
            self.count(gauge, task.state.as_str(), 1);
            self.add_task(events.iter().filter(|event| event.task() == Some(task.task)));
        }
    }

    fn add_task<'a>(&mut self, events: impl Iterator<Item = &'a Event>) {
        // Each state of each attempt, with the time at which it was entered.
        let mut entered: Vec<(u32, TaskState, Timestamp)> = Vec::new();
        for event in events {
            match event {
                Event::TaskAdded(added) => entered.push((1, Pending, added.at)),
                Event::TaskStateChanged(change) => {
                    if entered.last().is_some_and(|(attempt, ..)| *attempt < change.attempt) {
                        let cause = change.cause.as_ref().map(|cause| cause.kind);
                        let cause = match cause {
                            Some(CauseKind::Retry) => "retry",
                            Some(CauseKind::Held) => "held",
                            Some(CauseKind::Vacated) => "vacated",
                            Some(CauseKind::Reported) => "reported",
                            _ => "other",
                        };
                        self.count("task_retries_total", cause, 1);
                    }
                    entered.push((change.attempt, change.to, change.at));
                }
                _ => {}
            }
        }
        let last = entered.last().unwrap().0;
        for attempt in 1..=last {
            let of_it = |n: &usize| entered[*n].0 == attempt;
            let steps: Vec<usize> = (0..entered.len()).filter(of_it).collect();
            let time_in = |among: &[usize], states: &[TaskState]| -> Duration {
                let timed = among.iter().filter(|n| states.contains(&entered[**n].1));
                let until = |n: usize| entered.get(n + 1).map_or(entered[n].2, |next| next.2);
                timed.map(|n| until(*n).duration_since(entered[*n].2)).sum()
            };
            let begins = steps.iter().position(|n| entered[*n].1 == Running);
            let Some(begins) = begins else { continue };
            let (before, since) = steps.split_at(begins);
            self.count("task_attempts_total", "", 1);
            self.measure("task_queue_seconds", time_in(before, &[Submitted, Assigned]));
            if attempt < last || entered.last().unwrap().1.is_terminal() {
                self.measure("task_run_seconds", time_in(since, &[Running, Canceling]));
            }
        }
    }
}

/// All that was recorded up to now. A snapshot takes what it gives, of gauges too.
fn take(sums: &mut Sums, snapshots: &Snapshotter) {
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let name = key.key().name().strip_prefix("milepost_").unwrap();
        let label = key.key().labels().next().map_or("", |label| label.value());
        match value {
            DebugValue::Counter(n) => sums.count(name, label, n as i64),
            DebugValue::Gauge(by) => sums.count(name, label, by.0 as i64),
            DebugValue::Histogram(values) => {
                let name = ["job_duration_seconds", "task_queue_seconds", "task_run_seconds"]
                    .into_iter()
                    .find(|known| *known == name)
                    .unwrap();
                for seconds in values {
                    sums.measure(name, Duration::from_micros((seconds.0 * 1e6).round() as u64));
                }
            }
        }
    }
    sums.counts.retain(|_, n| *n != 0);
    sums.times.values_mut().for_each(|times| times.sort_unstable());
}

struct Life {
    job: OpenJob,
    tasks: Vec<TaskReporter>,
    watched: bool,
}

impl Life {
    /// What can't be is an error to the reporter, which is not what this is about.
    fn step(&mut self, telemetry: &Telemetry, step: &Step) {
        let tasks = self.tasks.len().max(1);
        match *step {
            Step::Add => drop(self.job.add("task", async |_cx| Ok(()))),
            Step::Report => self.tasks.extend(self.job.reporter("task").ok()),
            Step::Tell(n, to) => {
                let Some(task) = self.tasks.get_mut(n % tasks) else { return };
                _ = match to {
                    Submitted => task.resubmitted("again"),
                    Held => task.held("later"),
                    Assigned => task.assigned(),
                    Running => task.running(),
                    Suspended => task.suspended(),
                    Completed => task.complete(()),
                    Failed => task.fail(TaskError::msg("bad")),
                    to => task.end(to, "over"),
                };
            }
            Step::Observe(n, to) => {
                let Some(task) = self.tasks.get_mut(n % tasks) else { return };
                _ = task.observed(to);
            }
            Step::CancelTask(n) => {
                let Some(task) = self.tasks.get(n % tasks) else { return };
                self.job.cancel_task(task.id(), "enough").unwrap();
            }
            Step::Cancel => self.job.cancel("enough"),
            Step::Watch => {
                telemetry.watch(&self.job);
                self.watched = true;
            }
            Step::Advance(_) | Step::Ask => {}
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn sums_are_those_of_the_histories(
        steps in steps(),
        watched in prop::array::uniform2(prop::bool::weighted(0.8)),
    ) {
        let recorder = DebuggingRecorder::new();
        let snapshots = recorder.snapshotter();
        let telemetry = Telemetry::builder().recorder(recorder).build().unwrap();
        let clock = ManualClock::new();
        let mut lives = watched.map(|watched| {
            let job = Job::builder("job").clock(clock.clock()).open().unwrap();
            if watched {
                telemetry.watch(&job);
            }
            Life { job, tasks: Vec::new(), watched }
        });
        let mut sums = Sums::default();
        let mut compare = |jobs: &[&Job]| {
            let mut expected = Sums::default();
            for job in jobs {
                settle(job);
                expected.add_job(job);
            }
            take(&mut sums, &snapshots);
            sums.times.retain(|_, times| !times.is_empty());
            assert_eq!(sums, expected.sorted());
        };
        for (which, step) in &steps {
            lives[*which].step(&telemetry, step);
            match step {
                Step::Advance(by) => clock.advance(ms(*by)),
                Step::Ask => {
                    let jobs = lives.iter().filter(|life| life.watched);
                    compare(&jobs.map(|life| &*life.job).collect::<Vec<_>>());
                }
                _ => {}
            }
        }
        let ended = lives.map(|life| {
            drop(life.tasks);
            _ = life.job.submit(&Inline);
            let job = life.job.close();
            // Its tasks may have been added after they could be run.
            job.cancel("the end");
            clock.advance(ms(40_000));
            telemetry.watch(&job);
            job.wait_until_done().blocking().unwrap();
            job
        });
        compare(&[&ended[0], &ended[1]]);
        prop_assert!(sums.counts.keys().all(|name| !name.starts_with("tasks ") && !name.starts_with("jobs ")));
    }
}
