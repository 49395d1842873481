//! What rows of 1,000,000 tasks cost: to take events in, and to draw a page.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use milepost::view::{Keep, Rows};
use milepost::{Event, Job, JobBuilder, ManualClock, TaskReporter};

use crate::alloc;
use crate::report::{Line, Report, median};

const TASKS: usize = 1_000_000;
const RUNNING: usize = 1_000;
const PAGE: usize = 50;

fn read(job: &Job) -> Vec<Event> {
    let mut events = Vec::new();
    job.events().drain(|event| events.push(event));
    events
}

pub(crate) fn run(report: &mut Report) {
    let clock = ManualClock::new();
    let window = std::time::Duration::from_millis(200);
    let job = JobBuilder::clock(Job::builder("rows"), clock.clock()).build().unwrap();
    let tasks: Vec<TaskReporter> =
        (0..TASKS).map(|n| job.reporter(format!("task {n}")).unwrap()).collect();
    let added = read(&job);
    for task in tasks.iter().rev().take(RUNNING) {
        task.running().unwrap();
        task.set_total(1_000);
    }
    let seq = job.last_seq();
    let mut progress = job.task_progress_updated().from_now();

    let counted = alloc::count();
    let mut rows = Rows::new();
    let start = Instant::now();
    added.iter().for_each(|event| rows.apply(event));
    let adding = start.elapsed().as_secs_f64() * 1e9 / added.len() as f64;
    let bytes = counted.bytes().live / TASKS as f64;
    drop(counted);
    let mut rest = job.events().after(added.len() as u64);
    while let Some(event) = rest.try_recv() {
        rows.apply(&event);
    }
    assert_eq!(rows.job(SystemTime::now()).counts.running(), RUNNING);
    assert!(seq > added.len() as u64);

    let mut updates = Vec::new();
    for n in 0..10 {
        tasks.iter().rev().take(RUNNING).for_each(|task| task.set_progress(n));
        clock.advance(window);
        progress.drain(|update| updates.push(Event::TaskProgressUpdated(update)));
    }
    let start = Instant::now();
    updates.iter().for_each(|event| rows.apply(event));
    let updating = start.elapsed().as_secs_f64() * 1e9 / updates.len() as f64;

    let now = SystemTime::now();
    let page =
        |at: usize| rows.all().page(at..at + PAGE, now).map(|row| row.name.len()).sum::<usize>();
    let lines = [
        ("the first page", median(|| _ = black_box(page(0)))),
        ("a page in the middle", median(|| _ = black_box(page(TASKS / 2)))),
        ("the last page", median(|| _ = black_box(page(TASKS - PAGE)))),
        ("the job", median(|| drop(black_box(rows.job(now))))),
    ];
    let middle = lines[1].1;
    let lines = lines.map(|(case, us)| Line::new(case, us));
    report.lines("Reading rows of 1,000,000 tasks, 50 at a time", "us", &lines);

    let mut lean = Rows::new().keep(Keep::Live);
    let before = read(&job).len() as u64;
    drop(tasks);
    let mut rest = job.events().after(before);
    added.iter().for_each(|event| lean.apply(event));
    let mut ends = Vec::new();
    rest.drain(|event| ends.push(event));
    let start = Instant::now();
    ends.iter().for_each(|event| lean.apply(event));
    let ending = start.elapsed().as_secs_f64() * 1e9 / ends.len() as f64;
    let lines = [
        Line::new("a task is added", adding),
        Line::new("progress", updating),
        Line::new("a task ends, and is forgotten", ending),
    ];
    report.lines("Taking events into rows", "ns/event", &lines);
    report.lines("Memory of rows", "bytes/task", &[Line::new("that has not begun", bytes)]);
    report.at_most("a page of 1,000,000 rows", middle, 100.0, "us");
}
