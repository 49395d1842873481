//! Telemetry: what is told of jobs and tasks is counted once and measured to the microsecond, and gauges go back to zero.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeMap;
use std::sync::mpsc::channel;

use common::{ByHand, Inline, begun, job, ms, obeys, running, settle, step};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use milepost::telemetry::{LabelError, Telemetry, TelemetryBuilder};
use milepost::{
    History, Job, JobState, ManualClock, OpenJob, Retry, TaskContext, TaskError, TaskState,
};

/// What was recorded, by names with labels: `milepost_tasks{state=running}`. What is zero or was never measured is left out.
struct Recorded {
    snapshots: Snapshotter,
    counters: BTreeMap<String, u64>,
    gauges: BTreeMap<String, f64>,
    histograms: BTreeMap<String, Vec<f64>>,
}

fn recorded(set: impl FnOnce(TelemetryBuilder) -> TelemetryBuilder) -> (Telemetry, Recorded) {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let telemetry = set(Telemetry::builder().recorder(recorder)).build().unwrap();
    (telemetry, Recorded::new(snapshots))
}

fn telemetry() -> (Telemetry, Recorded) {
    recorded(|builder| builder)
}

fn full_name(key: &Key) -> String {
    let labels: Vec<String> =
        key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
    let name = key.name().strip_prefix("milepost_").unwrap();
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

impl Recorded {
    fn new(snapshots: Snapshotter) -> Recorded {
        let (counters, gauges, histograms) = Default::default();
        Recorded { snapshots, counters, gauges, histograms }
    }

    /// A snapshot takes what it gives, of gauges too.
    fn look(&mut self) {
        for (key, _, _, value) in self.snapshots.snapshot().into_vec() {
            let name = full_name(key.key());
            match value {
                DebugValue::Counter(n) => *self.counters.entry(name).or_default() += n,
                DebugValue::Gauge(by) => *self.gauges.entry(name).or_default() += by.0,
                DebugValue::Histogram(values) => {
                    // To the microsecond, as the events are.
                    let values = values.into_iter().map(|value| (value.0 * 1e6).round() / 1e6);
                    self.histograms.entry(name).or_default().extend(values);
                }
            }
        }
        self.counters.retain(|_, n| *n > 0);
        self.gauges.retain(|_, n| *n != 0.0);
        self.histograms.retain(|_, values| !values.is_empty());
    }

    #[track_caller]
    fn has_counted(&mut self, expected: &[(&str, u64)]) {
        self.look();
        let expected = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(self.counters, expected);
    }

    #[track_caller]
    fn shows(&mut self, expected: &[(&str, f64)]) {
        self.look();
        let expected = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(self.gauges, expected);
    }

    #[track_caller]
    fn has_measured(&mut self, expected: &[(&str, &[f64])]) {
        self.look();
        let expected = expected.iter().map(|(name, all)| ((*name).to_owned(), all.to_vec()));
        assert_eq!(self.histograms, expected.collect());
    }
}

fn open(name: &str, clock: &ManualClock) -> OpenJob {
    Job::builder(name).clock(clock.clock()).open().unwrap()
}

/// Ends a job whose tasks have ended.
fn end(job: OpenJob) -> JobState {
    job.close().wait_until_done().blocking().unwrap().state
}

#[test]
fn a_task_that_succeeds_is_counted_in_each_state_and_measured() {
    let (telemetry, mut seen) = telemetry();
    let clock = ManualClock::new();
    let job = open("job", &clock);
    telemetry.watch(&job);
    seen.shows(&[("jobs{state=pending}", 1.0)]);
    job.add("waits", async |_cx| Ok(())).unwrap();
    settle(&job);
    seen.shows(&[("jobs{state=pending}", 1.0), ("tasks{state=pending}", 1.0)]);

    let task = job.reporter("task").unwrap();
    clock.advance(ms(10));
    task.assigned().unwrap();
    clock.advance(ms(5));
    settle(&job);
    seen.shows(&[
        ("jobs{state=submitted}", 1.0),
        ("tasks{state=assigned}", 1.0),
        ("tasks{state=pending}", 1.0),
    ]);
    task.running().unwrap();
    settle(&job);
    seen.shows(&[
        ("jobs{state=running}", 1.0),
        ("tasks{state=pending}", 1.0),
        ("tasks{state=running}", 1.0),
    ]);
    seen.has_counted(&[("task_attempts_total", 1)]);
    seen.has_measured(&[("task_queue_seconds", &[0.015])]);
    clock.advance(ms(250));
    task.complete(()).unwrap();
    clock.advance(ms(1_000));
    job.submit(&Inline).unwrap();
    assert_eq!(end(job), JobState::Completed);
    seen.shows(&[]);
    seen.has_counted(&[
        ("jobs_ended_total{state=completed}", 1),
        ("task_attempts_total", 2),
        ("tasks_ended_total{state=completed}", 2),
    ]);
    seen.has_measured(&[
        ("job_duration_seconds", &[1.265]),
        ("task_queue_seconds", &[0.015, 0.0]),
        ("task_run_seconds", &[0.25, 0.0]),
    ]);
}

#[test]
fn each_attempt_is_measured_by_itself() {
    let (telemetry, mut seen) = telemetry();
    let clock = ManualClock::new();
    let job = open("job", &clock);
    telemetry.watch(&job);
    let mut task = running(&job, "task");
    clock.advance(ms(20));
    task.resubmitted("lost").unwrap();
    clock.advance(ms(30));
    task.running().unwrap();
    clock.advance(ms(40));
    task.fail(TaskError::msg("bad")).unwrap();
    assert_eq!(end(job), JobState::Failed);
    seen.has_counted(&[
        ("jobs_ended_total{state=failed}", 1),
        ("task_attempts_total", 2),
        ("task_retries_total{cause=retry}", 1),
        ("tasks_ended_total{state=failed}", 1),
    ]);
    seen.has_measured(&[
        ("job_duration_seconds", &[0.09]),
        ("task_queue_seconds", &[0.0, 0.03]),
        ("task_run_seconds", &[0.02, 0.04]),
    ]);
    seen.shows(&[]);
}

#[test]
fn the_delay_before_a_retry_is_waited_for() {
    let (telemetry, mut seen) = telemetry();
    let (job, clock) = job();
    let retry = Retry::attempts(3).delay(ms(100)).without_jitter();
    let fails = async |cx: TaskContext, ()| match cx.attempt() {
        3 => Ok(()),
        _ => Err(TaskError::msg("not yet")),
    };
    job.task("task").retry(retry).add_with((), fails).unwrap();
    let hand = ByHand::default();
    job.submit(&telemetry.scheduler(hand.clone())).unwrap();
    while !job.is_ended() {
        while hand.run_one() {}
        clock.advance(ms(50));
    }
    job.wait_until_done().blocking().unwrap();
    seen.has_counted(&[
        ("jobs_ended_total{state=completed}", 1),
        ("task_attempts_total", 3),
        ("task_retries_total{cause=retry}", 2),
        ("tasks_ended_total{state=completed}", 1),
    ]);
    seen.has_measured(&[
        ("job_duration_seconds", &[0.2]),
        ("task_queue_seconds", &[0.0, 0.1, 0.1]),
        ("task_run_seconds", &[0.0, 0.0, 0.0]),
    ]);
}

#[test]
fn what_is_canceled_before_it_is_submitted_is_counted_and_not_measured() {
    let (telemetry, mut seen) = telemetry();
    let (job, clock) = job();
    telemetry.watch(&job);
    for name in ["a", "b", "c"] {
        job.add(name, async |_cx| Ok(())).unwrap();
    }
    settle(&job);
    seen.shows(&[("jobs{state=pending}", 1.0), ("tasks{state=pending}", 3.0)]);
    clock.advance(ms(10));
    job.cancel("enough");
    drop(job.wait_until_done().blocking());
    seen.shows(&[]);
    seen.has_counted(&[
        ("jobs_ended_total{state=canceled}", 1),
        ("tasks_ended_total{state=canceled}", 3),
    ]);
    seen.has_measured(&[]);
}

#[test]
fn gauges_go_back_when_a_job_is_forgotten() {
    let (telemetry, mut seen) = telemetry();
    let (job, _clock) = job();
    telemetry.watch(&job);
    job.add("never", async |_cx| Ok(())).unwrap();
    settle(&job);
    seen.shows(&[("jobs{state=pending}", 1.0), ("tasks{state=pending}", 1.0)]);
    let (told, hears) = channel();
    job.on_job_completed(move |end| told.send(end.state).unwrap());
    drop((job, telemetry));
    assert_eq!(hears.recv().unwrap(), JobState::Canceled);
    seen.shows(&[]);
    seen.has_counted(&[
        ("jobs_ended_total{state=canceled}", 1),
        ("tasks_ended_total{state=canceled}", 1),
    ]);
}

#[test]
fn time_for_which_a_task_is_suspended_or_held_does_not_count() {
    let (telemetry, mut seen) = telemetry();
    let clock = ManualClock::new();
    let job = open("job", &clock);
    telemetry.watch(&job);
    let mut task = job.reporter("task").unwrap();
    clock.advance(ms(1));
    task.held("later").unwrap();
    clock.advance(ms(1_000));
    settle(&job);
    seen.shows(&[("jobs{state=submitted}", 1.0), ("tasks{state=held}", 1.0)]);
    task.resubmitted("now").unwrap();
    clock.advance(ms(2));
    task.running().unwrap();
    clock.advance(ms(3));
    task.suspended().unwrap();
    clock.advance(ms(1_000));
    settle(&job);
    seen.shows(&[("jobs{state=running}", 1.0), ("tasks{state=suspended}", 1.0)]);
    task.running().unwrap();
    clock.advance(ms(4));
    task.complete(()).unwrap();
    end(job);
    seen.shows(&[]);
    seen.has_counted(&[
        ("jobs_ended_total{state=completed}", 1),
        ("task_attempts_total", 1),
        ("tasks_ended_total{state=completed}", 1),
    ]);
    seen.has_measured(&[
        ("job_duration_seconds", &[2.01]),
        ("task_queue_seconds", &[0.003]),
        ("task_run_seconds", &[0.007]),
    ]);
}

#[test]
fn time_in_which_a_task_is_to_stop_counts_as_it_runs() {
    let (telemetry, mut seen) = telemetry();
    let (job, clock) = job();
    telemetry.watch(&job);
    let (assigned, runs) = (job.reporter("assigned").unwrap(), running(&job, "runs"));
    assigned.assigned().unwrap();
    clock.advance(ms(10));
    job.cancel("enough");
    clock.advance(ms(5));
    settle(&job);
    seen.shows(&[("jobs{state=canceling}", 1.0), ("tasks{state=canceling}", 1.0)]);
    drop((assigned, runs));
    job.wait_until_done().blocking().unwrap();
    seen.shows(&[]);
    seen.has_measured(&[
        ("job_duration_seconds", &[0.015]),
        ("task_queue_seconds", &[0.0]),
        ("task_run_seconds", &[0.015]),
    ]);
}

#[test]
fn retries_are_told_apart_by_what_led_to_them() {
    let (telemetry, mut seen) = telemetry();
    let (job, clock) = job();
    telemetry.watch(&job);
    job.add_with("task", (), obeys).unwrap();
    let (hand, mut run) = begun(&job);
    clock.advance(ms(1));
    job.vacate("to make room");
    assert!(step(&mut run));
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    clock.advance(ms(2));
    job.hold("for lunch");
    assert!(step(&mut run));
    job.release("");
    let run = hand.next().unwrap();
    drop(run); // lost, and taken up again
    job.cancel("enough");
    job.wait_until_done().blocking().unwrap();

    let reports = Job::new("reports");
    telemetry.watch(&reports);
    let mut task = running(&reports, "task");
    task.held("elsewhere").unwrap();
    task.observed(TaskState::Running).unwrap();
    task.observed(TaskState::Submitted).unwrap();
    task.end(TaskState::TimedOut, "").unwrap();
    settle(&reports);

    seen.look();
    let of = |cause: &str| seen.counters.get(&format!("task_retries_total{{cause={cause}}}"));
    let causes = ["vacated", "held", "retry", "reported", "other"];
    assert_eq!(causes.map(of), [Some(&1); 5]);
    assert_eq!(seen.histograms["task_run_seconds"][..2], [0.001, 0.002]);
}

#[test]
fn a_job_is_counted_once_however_often_it_is_watched() {
    let (telemetry, mut seen) = telemetry();
    let (job, _clock) = job();
    job.add("task", async |_cx| Ok(())).unwrap();
    telemetry.watch(&job);
    telemetry.clone().watch(&job.clone());
    job.submit(&telemetry.scheduler(telemetry.scheduler(Inline))).unwrap();
    job.wait_until_done().blocking().unwrap();
    telemetry.watch(&job);
    settle(&job);
    seen.shows(&[]);
    let once = [
        ("jobs_ended_total{state=completed}", 1),
        ("task_attempts_total", 1),
        ("tasks_ended_total{state=completed}", 1),
    ];
    seen.has_counted(&once);
    // By another one it is.
    let (other, mut seen) = self::telemetry();
    other.watch(&job);
    settle(&job);
    seen.has_counted(&once);
}

#[test]
fn jobs_are_added_up() {
    let (telemetry, mut seen) = telemetry();
    let clock = ManualClock::new();
    let (one, two) = (open("one", &clock), open("two", &clock));
    telemetry.watch(&one);
    telemetry.watch(&two);
    let (a, b, c) = (running(&one, "a"), running(&one, "b"), running(&two, "c"));
    settle(&one);
    settle(&two);
    seen.shows(&[("jobs{state=running}", 2.0), ("tasks{state=running}", 3.0)]);
    a.complete(()).unwrap();
    b.fail(TaskError::msg("bad")).unwrap();
    end(one);
    seen.shows(&[("jobs{state=running}", 1.0), ("tasks{state=running}", 1.0)]);
    c.complete(()).unwrap();
    end(two);
    seen.shows(&[]);
    seen.has_counted(&[
        ("jobs_ended_total{state=completed}", 1),
        ("jobs_ended_total{state=failed}", 1),
        ("task_attempts_total", 3),
        ("tasks_ended_total{state=completed}", 2),
        ("tasks_ended_total{state=failed}", 1),
    ]);
}

#[test]
fn labels_are_those_that_were_asked_for() {
    let set = |builder: TelemetryBuilder| {
        builder.label("service", "renders").label_jobs().label_property("user").label_property("n")
    };
    let (telemetry, mut seen) = recorded(set);
    seen.look();
    for (name, user) in [("day", Some("ada")), ("night", None)] {
        let builder = Job::builder(name);
        let builder = match user {
            Some(user) => builder.property("user", user).property("n", 7),
            None => builder,
        };
        let job = builder.build().unwrap();
        telemetry.watch(&job);
        job.cancel("");
        job.wait_until_done().blocking().unwrap();
    }
    seen.has_counted(&[
        ("jobs_ended_total{service=renders,job_name=day,user=ada,n=7,state=completed}", 1),
        ("jobs_ended_total{service=renders,job_name=night,user=,n=,state=completed}", 1),
    ]);
}

#[test]
fn labels_that_can_not_be_are_refused() {
    let taken = |label: &str| Some(LabelError::Taken { label: label.into() });
    let error =
        |set: fn(TelemetryBuilder) -> TelemetryBuilder| set(Telemetry::builder()).build().err();
    for label in ["state", "cause", "job_name", "le", "quantile"] {
        assert_eq!(Telemetry::builder().label(label, "").build().err(), taken(label));
        assert_eq!(Telemetry::builder().label_property(label).build().err(), taken(label));
    }
    assert_eq!(error(|builder| builder.label("user", "ada").label_property("user")), taken("user"));
    assert_eq!(error(|builder| builder.label_property("")), Some(LabelError::Unnamed));
    assert_eq!(error(|builder| builder.label("a", "1").label("b", "1")), None);
}

#[test]
fn a_job_that_is_watched_late_is_told_from_its_first_event_on() {
    let clock = ManualClock::new();
    let job = open("job", &clock);
    let task = job.reporter("task").unwrap();
    clock.advance(ms(7));
    task.running().unwrap();
    clock.advance(ms(11));
    let (amid, mut seen_amid) = telemetry();
    amid.watch(&job);
    settle(&job);
    seen_amid.shows(&[("jobs{state=running}", 1.0), ("tasks{state=running}", 1.0)]);
    task.complete(()).unwrap();
    let job = job.close();
    job.wait_until_done().blocking().unwrap();
    clock.advance(ms(1_000));
    let (after, mut seen_after) = telemetry();
    after.watch(&job);
    settle(&job);
    for seen in [&mut seen_amid, &mut seen_after] {
        seen.shows(&[]);
        seen.has_counted(&[
            ("jobs_ended_total{state=completed}", 1),
            ("task_attempts_total", 1),
            ("tasks_ended_total{state=completed}", 1),
        ]);
        seen.has_measured(&[
            ("job_duration_seconds", &[0.018]),
            ("task_queue_seconds", &[0.007]),
            ("task_run_seconds", &[0.011]),
        ]);
    }
}

#[test]
fn what_a_job_has_freed_is_not_counted_and_gauges_stay_right() {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).history(History::Unread).open().unwrap();
    let (runs, mut waits) = (running(&job, "runs"), job.reporter("waits").unwrap());
    // So many that the oldest events are freed.
    for _ in 0..5_000 {
        running(&job, "other").complete(()).unwrap();
    }
    let (telemetry, mut seen) = telemetry();
    telemetry.watch(&job);
    settle(&job);
    seen.look();
    assert_eq!(seen.gauges, BTreeMap::from([("jobs{state=running}".to_owned(), 1.0)]));
    let ended = |seen: &Recorded| seen.counters["tasks_ended_total{state=completed}"];
    let before = ended(&seen);
    let [runs_before, queued_before] =
        ["task_run_seconds", "task_queue_seconds"].map(|name| seen.histograms[name].len());
    assert!(before < 5_000, "nothing was freed");
    clock.advance(ms(10));
    waits.running().unwrap();
    settle(&job);
    seen.shows(&[("jobs{state=running}", 1.0), ("tasks{state=running}", 1.0)]);
    clock.advance(ms(20));
    runs.suspended().unwrap();
    settle(&job);
    let suspended = ("tasks{state=suspended}", 1.0);
    seen.shows(&[("jobs{state=running}", 1.0), ("tasks{state=running}", 1.0), suspended]);
    runs.running().unwrap();
    runs.complete(()).unwrap();
    waits.resubmitted("").unwrap();
    clock.advance(ms(30));
    waits.running().unwrap();
    waits.complete(()).unwrap();
    end(job);
    seen.shows(&[]);
    assert_eq!(ended(&seen) - before, 2);
    // Of the task that was waiting the run and all of the next attempt, of the one that ran nothing.
    assert_eq!(seen.histograms["task_run_seconds"][runs_before..], [0.02, 0.0]);
    assert_eq!(seen.histograms["task_queue_seconds"][queued_before..], [0.03]);
    assert!(!seen.histograms.contains_key("job_duration_seconds"));
}

/// A recorder that can't record.
struct Panics;

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        assert!(key.labels().all(|label| label.key() != "job_name"), "it has no room");
        Counter::from_arc(std::sync::Arc::new(Broken))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

struct Broken;

impl metrics::CounterFn for Broken {
    fn increment(&self, _by: u64) {
        panic!("it can't count");
    }

    fn absolute(&self, _value: u64) {}
}

#[test]
fn a_recorder_that_panics_breaks_no_job() {
    for builder in [Telemetry::builder(), Telemetry::builder().label_jobs()] {
        let telemetry = builder.recorder(Panics).build().unwrap();
        let job = Job::new("job");
        job.add("task", async |_cx| Ok(())).unwrap();
        job.submit(&telemetry.scheduler(Inline)).unwrap();
        assert!(job.wait_until_done().blocking().unwrap().state.is_success());
    }
}

/// A recorder of which everything but the gauges can't record.
struct OnlyGauges(DebuggingRecorder);

impl Recorder for OnlyGauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(std::sync::Arc::new(Broken))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.0.register_gauge(key, metadata)
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(std::sync::Arc::new(Broken))
    }
}

impl metrics::HistogramFn for Broken {
    fn record(&self, _value: f64) {
        panic!("it can't measure");
    }
}

#[test]
fn gauges_go_back_whatever_else_panics() {
    let recorder = DebuggingRecorder::new();
    let mut seen = Recorded::new(recorder.snapshotter());
    let telemetry = Telemetry::builder().recorder(OnlyGauges(recorder)).build().unwrap();
    let job = open("job", &ManualClock::new());
    telemetry.watch(&job);
    let mut task = running(&job, "task");
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    settle(&job);
    seen.shows(&[("jobs{state=running}", 1.0), ("tasks{state=running}", 1.0)]);
    task.complete(()).unwrap();
    end(job);
    seen.shows(&[]);
}

#[test]
fn without_one_of_its_own_it_is_the_recorder_that_is_there_when_it_is_made() {
    let recorder = DebuggingRecorder::new();
    let mut seen = Recorded::new(recorder.snapshotter());
    let telemetry = metrics::with_local_recorder(&recorder, Telemetry::new);
    let job = Job::new("job");
    telemetry.watch(&job);
    seen.shows(&[("jobs{state=pending}", 1.0)]);
}

#[test]
fn all_metrics_are_described_and_in_the_table_and_are_zero_from_the_beginning() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let _telemetry = Telemetry::builder().recorder(recorder).build().unwrap();
    let docs = include_str!("../src/telemetry/mod.rs");
    let mut kinds = BTreeMap::new();
    for (key, unit, text, value) in snapshots.snapshot().into_vec() {
        let name = key.key().name();
        assert!(text.is_some_and(|text| text.ends_with('.')), "{name} is not described");
        let kind = match value {
            DebugValue::Counter(0) => "counter",
            DebugValue::Gauge(zero) if zero.0 == 0.0 => "gauge",
            DebugValue::Histogram(values) if values.is_empty() => "histogram",
            value => panic!("{name} begins with {value:?}"),
        };
        let seconds = name.ends_with("_seconds");
        assert_eq!(unit, Some(if seconds { Unit::Seconds } else { Unit::Count }), "{name}");
        assert!(docs.contains(&format!("//! | `{name}` | {kind} |")), "{name} is not in the table");
        kinds.entry(name.to_owned()).or_insert(kind);
    }
    assert_eq!(docs.matches("//! | `milepost_").count(), kinds.len());
}

#[cfg(feature = "local")]
mod with_children {
    use milepost::LocalScheduler;

    use super::*;

    /// A job with a task that runs a job of two tasks.
    fn family() -> Job {
        let job = Job::new("parent");
        let runs_child = |cx: TaskContext| {
            let child = Job::new("child");
            for name in ["a", "b"] {
                child.add_blocking(name, |_cx| Ok(()))?;
            }
            cx.child(&child).blocking()?.ok()?;
            // Its own callbacks may not be through.
            settle(&child);
            Ok(())
        };
        job.add_blocking("task", runs_child).unwrap();
        job
    }

    const COUNTED: [(&str, u64); 3] = [
        ("jobs_ended_total{state=completed}", 2),
        ("task_attempts_total", 3),
        ("tasks_ended_total{state=completed}", 3),
    ];

    #[test]
    fn child_jobs_are_watched_with_those_of_the_scheduler() {
        let (telemetry, mut seen) = telemetry();
        let job = family();
        job.submit(&telemetry.scheduler(LocalScheduler::new(1).unwrap())).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        seen.shows(&[]);
        seen.has_counted(&COUNTED);
    }

    #[cfg(all(feature = "tracker", feature = "event-log"))]
    #[test]
    fn it_goes_with_a_tracker_and_a_writer_on_either_side() {
        use milepost::Tracker;
        use milepost::event_log::{Writer, replay};
        use milepost::tracker::Query;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.log");
        let (telemetry, mut seen) = telemetry();
        let (tracker, log) = (Tracker::new(), Writer::open(&path).unwrap());
        let scheduler =
            log.scheduler(telemetry.scheduler(tracker.scheduler(LocalScheduler::new(1).unwrap())));
        let job = family();
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        seen.has_counted(&COUNTED);
        assert_eq!(tracker.query(&Query::new()).len(), 2);
        drop(scheduler);
        log.close().blocking().unwrap();
        assert_eq!(replay(&path).unwrap().jobs().count(), 2);
    }
}
