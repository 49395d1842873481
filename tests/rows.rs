//! What is shown of a job is what its snapshot says: random lives, read in pieces; and the order, the rates and the cost
//! of rows.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::time::Duration;

use common::lives::{Op, World, op};
use common::{at, drain, job, job_with, ms, running};
use milepost::view::{Group, Inbox, Keep, Rows};
use milepost::{
    Event, Job, JobState, ManualClock, TaskError, TaskId, TaskReporter, TaskState, Timestamp,
};
use proptest::prelude::*;

/// How long it may be until a time that is compared.
const NOW: u64 = 1 << 40;

fn is_near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

fn check(rows: &Rows, world: &World) {
    let (snapshot, progress, row) = (world.job.snapshot(), world.job.progress(), rows.job(at(NOW)));
    assert_eq!((row.job, row.state), (Some(snapshot.job), snapshot.state));
    assert_eq!(row.name.as_ref(), Some(&snapshot.name));
    assert_eq!((row.counts, row.expected), (progress.counts, progress.expected));
    assert_eq!((row.unit.clone(), row.total.is_some()), (progress.unit, progress.total.is_some()));
    // Sums of floats that differ much in size have rests.
    let huge = snapshot.tasks.iter().any(|task| {
        [task.progress, task.total].into_iter().flatten().any(|value| value.abs() > 1e6)
    });
    assert!(huge || is_near(row.value, progress.value), "{} {}", row.value, progress.value);
    assert_eq!(row.fraction.is_some(), progress.fraction.is_some());
    if let (Some(a), Some(b)) = (row.fraction, progress.fraction) {
        let exact = row.counts.canceled() == 0;
        assert!(if exact { is_near(a, b) } else { (0.0..=b + 1e-9).contains(&a) }, "{a} {b}");
    }
    assert_eq!(rows.len(), snapshot.tasks.len());
    for task in &snapshot.tasks {
        let row = rows.task(task.task, at(NOW)).unwrap();
        assert_eq!((row.name, row.state, row.attempt), (&task.name, task.state, task.attempt));
        assert_eq!(row.progress.map(f64::to_bits), task.progress.map(f64::to_bits), "{row:?}");
        assert_eq!((row.message, row.properties), (task.message.as_ref(), &task.properties));
        assert_eq!(row.error, task.error.as_ref());
        if task.unit.is_some() {
            assert_eq!(row.unit, task.unit.as_ref());
        }
        if task.total.is_some() {
            assert_eq!(row.total.map(f64::to_bits), task.total.map(f64::to_bits));
        }
    }
    check_order(rows);
}

/// Each row is there once, group by group, in the order of adding within.
fn check_order(rows: &Rows) {
    let all: Vec<(Group, TaskId)> = rows
        .all()
        .page(0..usize::MAX, at(NOW))
        .map(|row| (Group::of(row.state), row.task))
        .collect();
    assert_eq!(all.len(), rows.len());
    assert!(all.is_sorted() && all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
    for (n, (_, task)) in all.iter().enumerate() {
        assert_eq!(
            rows.all().page(n..n + 1, at(NOW)).map(|row| row.task).collect::<Vec<_>>(),
            [*task]
        );
    }
    for group in Group::ALL {
        let places = all.iter().filter(|(of, _)| *of == group).count();
        assert_eq!(rows.count(group), places);
        assert_eq!(rows.page_of(group, 0..usize::MAX, at(NOW)).count(), places);
    }
}

fn live(steps: Vec<Option<Op>>) {
    let mut world = World::new(0);
    let mut inbox = world.job.inbox(|| {});
    let mut rows = Rows::new();
    let mut lean = (Rows::new().keep(Keep::Live), Rows::new().keep(Keep::Unsuccessful));
    let mut events = world.job.events();
    for step in steps.into_iter().chain([None]) {
        match step {
            Some(op) => world.apply(op),
            None => {
                rows.update(&mut inbox);
                check(&rows, &world);
            }
        }
    }
    world.runs.clear();
    world.reporters.clear();
    world.job.cancel_now("the end");
    world.open = None;
    world.clock.advance(ms(10_000));
    rows.update(&mut inbox);
    check(&rows, &world);
    assert!(inbox.is_ended());
    assert!(!rows.update(&mut inbox), "nothing is new");
    for event in drain(&mut events) {
        lean.0.apply(&event);
        lean.1.apply(&event);
    }
    assert_eq!((lean.0.len(), lean.0.job(at(NOW)).counts), (0, rows.job(at(NOW)).counts));
    assert_eq!(lean.1.len(), rows.len() - rows.job(at(NOW)).counts.completed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_say_what_the_snapshot_says(
        steps in prop::collection::vec(proptest::option::weighted(0.85, op()), 1..100)
    ) {
        live(steps);
    }
}

#[test]
fn what_runs_comes_first_and_then_what_failed() {
    let (job, _clock) = job();
    let tasks: Vec<_> =
        ["a", "b", "c", "d", "e"].iter().map(|name| job.reporter(*name).unwrap()).collect();
    tasks[4].running().unwrap();
    tasks[1].running().unwrap();
    tasks[1].complete(()).unwrap();
    tasks[3].running().unwrap();
    tasks[3].fail(TaskError::msg("no space")).unwrap();
    tasks[2].running().unwrap();
    let mut rows = Rows::new();
    rows.update(&mut job.inbox(|| {}));
    let names: Vec<&str> = rows.all().page(0..10, at(0)).map(|row| &**row.name).collect();
    assert_eq!(names, ["c", "e", "d", "a", "b"]);
    assert_eq!(rows.running(at(0)).count(), 2);
    let failed: Vec<_> = rows.failed(at(0)).map(|row| row.error.unwrap().message.clone()).collect();
    assert_eq!(failed.iter().map(|message| &**message).collect::<Vec<_>>(), ["no space"]);
}

#[test]
fn rates_and_times_left_are_those_of_the_events() {
    let (job, clock) = job();
    let now = || common::at(0) + ms(0);
    let start = job.snapshot().created_at;
    let task = running(&job, "copy");
    let other = running(&job, "wait");
    task.set_unit("bytes");
    task.set_total(100 << 20);
    let mut inbox = job.inbox(|| {});
    let mut rows = Rows::new();
    for n in 1..=50u64 {
        task.set_progress(n << 20);
        clock.advance(ms(200));
        rows.update(&mut inbox);
        rows.expect(2);
    }
    let at_ten = start + ms(10_000);
    let row = rows.task(TaskId::new(0), at_ten).unwrap();
    assert_eq!((row.fraction, row.amount().as_deref()), (Some(0.5), Some("50.0/100.0 MiB")));
    assert_eq!(row.rate_text().as_deref(), Some("5.0 MiB/s"));
    assert_eq!((row.elapsed, row.eta.map(|eta| eta.as_secs())), (Some(ms(10_000)), Some(10)));
    let waits = rows.task(TaskId::new(1), at_ten).unwrap();
    assert_eq!((waits.fraction, waits.rate, waits.eta), (None, None, None));
    let all = rows.job(at_ten);
    assert_eq!((all.unit.as_ref(), all.rate_text().as_deref()), ("bytes", Some("5.0 MiB/s")));
    // A quarter is done, of which half a task in ten seconds.
    assert_eq!(all.fraction, Some(0.25));
    assert_eq!(all.eta.map(|eta| eta.as_secs()), Some(30));
    // Nothing moves any more: it gets longer, and then nobody knows.
    assert!(rows.job(start + ms(20_000)).eta > all.eta);
    assert_eq!(rows.job(start + ms(3_600_000)).eta, None);
    task.complete(()).unwrap();
    other.complete(()).unwrap();
    drop((task, other));
    let id = job.id();
    drop(job);
    rows.update(&mut inbox);
    let all = rows.job(now());
    assert_eq!((all.job, all.state, all.fraction), (Some(id), JobState::Completed, Some(1.0)));
    assert_eq!((all.elapsed, all.eta), (Some(ms(10_000)), None));
    let row = rows.task(TaskId::new(0), now()).unwrap();
    assert_eq!(
        (row.state, row.fraction, row.rate),
        (TaskState::Completed, Some(1.0), Some(5.0 * 1048576.0))
    );
}

/// Rows that are read five times a second, by a clock that begins with the first task.
struct Read {
    job: Job,
    clock: ManualClock,
    inbox: Inbox,
    rows: Rows,
    passed: Duration,
}

impl Read {
    fn new() -> Read {
        let (job, clock) = job();
        let inbox = job.inbox(|| {});
        Read { job, clock, inbox, rows: Rows::new(), passed: ms(0) }
    }

    fn now(&self) -> Timestamp {
        self.job.snapshot().created_at + self.passed
    }

    /// A task tells this much more each time, from nothing on.
    fn report(&mut self, task: &TaskReporter, seconds: u32, more: u32) {
        for n in 0..=seconds * 5 {
            task.set_progress(n * more);
            self.pass(200);
        }
    }

    fn pass(&mut self, milliseconds: u64) {
        self.clock.advance(ms(milliseconds));
        self.passed += ms(milliseconds);
        self.rows.update(&mut self.inbox);
    }
}

#[test]
fn a_task_that_is_set_back_goes_at_its_new_pace() {
    let mut read = Read::new();
    let task = running(&read.job, "again");
    read.report(&task, 10, 20);
    read.report(&task, 5, 2);
    let rate = read.rows.task(task.id(), read.now()).unwrap().rate;
    assert_eq!(rate.map(f64::round), Some(10.0));
}

#[test]
fn a_rate_in_one_unit_is_not_told_in_another() {
    let mut read = Read::new();
    let (counts, copies) = (running(&read.job, "counts"), running(&read.job, "copies"));
    read.report(&counts, 10, 1);
    copies.set_unit("bytes");
    copies.set_progress(5_000_000_000u64);
    read.pass(200);
    let row = read.rows.job(read.now());
    assert_eq!((&*row.unit, row.value, row.rate), ("bytes", 5e9, None));
}

#[test]
fn what_is_held_for_an_hour_goes_on_at_its_pace() {
    let mut read = Read::new();
    let task = running(&read.job, "copy");
    task.set_total(100_000);
    read.report(&task, 60, 2);
    read.pass(3_600_000);
    let row = read.rows.task(task.id(), read.now()).unwrap();
    assert_eq!((row.rate, row.eta), (None, None), "nothing goes on");
    for n in 0..100 {
        task.set_progress(602 + n * 2);
        read.pass(200);
    }
    let row = read.rows.task(task.id(), read.now()).unwrap();
    let wanted = (100_000.0 - row.progress.unwrap()) / 10.0;
    let left = row.eta.unwrap().as_secs_f64();
    assert!((0.9..1.1).contains(&(left / wanted)), "{left} s of {wanted} s after 20 s");
}

#[test]
fn a_weight_in_a_unit_is_the_total_until_the_task_sets_one() {
    let (job, clock) = job();
    let task = job.task("copy").weight(8.0).unit("bytes").reporter().unwrap();
    task.running().unwrap();
    task.set_progress(2);
    clock.advance(ms(200));
    let mut rows = Rows::new();
    rows.update(&mut job.inbox(|| {}));
    let row = rows.task(task.id(), at(0)).unwrap();
    assert_eq!((row.total, row.fraction), (Some(8.0), Some(0.25)));
    assert_eq!(row.amount().as_deref(), Some("2/8 B"));
}

#[test]
fn a_retry_begins_anew_and_the_job_goes_on() {
    let (job, clock) = job();
    let mut task = running(&job, "flaky");
    task.set_total(10);
    for n in 1..=9 {
        task.set_progress(n);
        clock.advance(ms(1_000));
    }
    task.resubmitted("lost").unwrap();
    let mut rows = Rows::new();
    rows.update(&mut job.inbox(|| {}));
    let row = rows.task(TaskId::new(0), at(0)).unwrap();
    assert_eq!((row.attempt, row.progress, row.rate), (2, None, None));
    task.running().unwrap();
    clock.advance(ms(1_000));
    task.set_progress(4);
    task.complete(()).unwrap();
    rows.update(&mut job.inbox(|| {}));
    let row = rows.task(TaskId::new(0), at(0)).unwrap();
    assert_eq!(row.elapsed, Some(ms(10_000)), "since its first attempt began");
    assert_eq!(row.rate, Some(4.0), "in its last attempt");
    assert_eq!(rows.job(at(0)).state, JobState::Running);
}

#[test]
fn progress_of_an_attempt_that_is_over_is_passed_over() {
    let (job, clock) = job();
    let mut task = running(&job, "flaky");
    let mut events = job.events();
    task.set_progress(5);
    clock.advance(ms(200));
    let first = drain(&mut events);
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    let mut rows = Rows::new();
    first.iter().chain(&drain(&mut events)).for_each(|event| rows.apply(event));
    let late = first.iter().find(|event| matches!(event, Event::TaskProgressUpdated(_)));
    rows.apply(late.unwrap());
    assert_eq!(rows.task(TaskId::new(0), at(0)).unwrap().progress, None);
    task.complete(()).unwrap();
    drain(&mut events).iter().for_each(|event| rows.apply(event));
    rows.apply(late.unwrap());
    assert_eq!(rows.task(TaskId::new(0), at(0)).unwrap().progress, None);
}

#[test]
fn what_is_told_again_or_of_another_job_changes_nothing() {
    let (one, _clock) = job();
    let (other, _clock) = job_with(|builder| builder);
    _ = (running(&one, "a"), running(&other, "b"));
    let mut rows = Rows::new();
    let events = drain(&mut one.events());
    events.iter().for_each(|event| rows.apply(event));
    let version = rows.version();
    let lifecycle = events.iter().filter(|event| event.seq().is_some());
    lifecycle.for_each(|event| rows.apply(event));
    drain(&mut other.events()).iter().for_each(|event| rows.apply(event));
    assert_eq!((rows.version(), rows.len()), (version, 1));
}

#[test]
fn a_story_without_its_beginning_does_no_harm() {
    let (job, _clock) = job();
    let task = running(&job, "late");
    let events = job.events().after(job.last_seq());
    task.complete(()).unwrap();
    drop((task, job));
    let mut rows = Rows::new();
    common::rest(events).iter().for_each(|event: &Event| rows.apply(event));
    let row = rows.job(at(0));
    assert_eq!(
        (row.state, row.counts.completed(), row.fraction),
        (JobState::Completed, 1, Some(1.0))
    );
    assert_eq!(&**rows.task(TaskId::new(0), at(0)).unwrap().name, "late");
}

#[test]
fn a_bar_stays_where_it_is_when_its_job_is_canceled() {
    let (job, clock) = job();
    let tasks: Vec<_> = (0..4).map(|n| running(&job, &n.to_string())).collect();
    let mut inbox = job.inbox(|| {});
    let mut rows = Rows::new();
    tasks[0].set_total(2);
    tasks[0].set_progress(1);
    clock.advance(ms(200));
    for task in &tasks[2..] {
        task.complete(()).unwrap();
    }
    job.cancel_now("enough");
    drop((tasks, job));
    rows.update(&mut inbox);
    let row = rows.job(at(0));
    assert_eq!(
        (row.state, row.counts.canceled(), row.fraction),
        (JobState::Canceled, 2, Some(0.625))
    );
}

#[test]
fn tasks_that_are_there_are_expected_too() {
    let (job, _clock) = job();
    let (a, _b) = (running(&job, "a"), running(&job, "b"));
    let mut rows = Rows::new();
    rows.update(&mut job.inbox(|| {}));
    rows.expect(1);
    a.complete(()).unwrap();
    rows.update(&mut job.inbox(|| {}));
    let row = rows.job(at(0));
    assert_eq!((row.fraction, row.total, row.expected), (Some(0.5), Some(2.0), Some(2)));
}

#[test]
fn how_many_tasks_another_job_will_have_is_passed_over_too() {
    let open = |tasks| {
        let job = Job::builder("open").open().unwrap();
        job.expect(tasks);
        _ = running(&job, "task");
        job
    };
    let (one, other) = (open(2), open(5));
    let (batches, received) = std::sync::mpsc::channel();
    other.forward(move |batch| batches.send(batch).is_ok());
    let batch = received.recv().unwrap();
    let first = drain(&mut one.events()).swap_remove(0);
    let mut named = Rows::new();
    named.update(&mut one.inbox(|| {}));
    let mut nameless = Rows::new();
    nameless.apply(&first);
    nameless.expect(2);
    for mut rows in [named, nameless] {
        let (before, version) = (rows.job(at(0)), rows.version());
        assert!(!rows.update(&mut other.inbox(|| {})));
        rows.take(&batch);
        assert_eq!((rows.job(at(0)), rows.version()), (before, version));
    }
}

#[test]
fn what_is_told_after_the_end_changes_nothing() {
    let (job, _clock) = job();
    let mut task = running(&job, "a");
    let mut events = job.events();
    let mut rows = Rows::new();
    drain(&mut events).iter().for_each(|event| rows.apply(event));
    // As in a log that was damaged.
    let end = serde_json::json!({
        "event": "job_completed", "job": job.id(), "seq": job.last_seq() + 1, "at": at(0), "state": "completed",
        "counts": {}, "elapsed_ms": 0,
    });
    rows.apply(&serde_json::from_value(end).unwrap());
    task.resubmitted("late").unwrap();
    task.running().unwrap();
    task.complete(()).unwrap();
    let version = rows.version();
    drain(&mut events).iter().for_each(|event| rows.apply(event));
    rows.expect(7);
    assert_eq!((rows.version(), rows.job(at(0)).counts.total()), (version, 0));
}
