//! Bytes that a task takes in each state of its life, and a job that does nothing. As asked of the allocator, and without
//! what a user brings: names are shared, closures capture nothing, outputs are `()`.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use milepost::{EventStream, Job, ManualClock, Scheduler, TaskQueue, TaskReporter, TaskRun};

use crate::alloc::{Count, count};
use crate::report::{Line, Report};

const TASKS: usize = 1_000_000;
const JOBS: usize = 100_000;

/// Bytes of each of `many`.
fn each(case: impl Into<String>, count: &Count, many: usize) -> Line {
    let bytes = count.bytes();
    Line::new(case, bytes.live / many as f64).and("peak so far", bytes.peak / many as f64)
}

/// Takes tasks when it is told to, into memory that isn't counted.
struct Later(Mutex<Option<TaskQueue>>);

impl Scheduler for Later {
    fn ready(&self, queue: TaskQueue) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue);
    }
}

fn reporters() -> (Vec<Line>, f64) {
    let clock = ManualClock::new();
    let name: Arc<str> = "task".into();
    let mut tasks: Vec<TaskReporter> = Vec::with_capacity(TASKS);
    let mut lines = Vec::new();
    let count = count();
    let job = Job::builder(name.clone()).clock(clock.clock()).build().unwrap();
    tasks.extend((0..TASKS).map(|_| job.reporter(name.clone()).unwrap()));
    lines.push(each("submitted, with a slot to report by", &count, TASKS));
    for task in &tasks {
        task.running().unwrap();
    }
    lines.push(each("running", &count, TASKS));
    for task in &tasks {
        task.set_progress(1);
    }
    clock.advance(Duration::from_secs(1));
    lines.push(each("one report of each told", &count, TASKS));
    let mut progress = job.task_progress_updated();
    while progress.try_recv().is_some() {}
    drop(progress);
    lines.push(each("and read by somebody", &count, TASKS));
    for task in &tasks {
        task.complete(()).unwrap();
    }
    lines.push(each("ended, with reporters", &count, TASKS));
    tasks.clear();
    lines.push(each("ended", &count, TASKS));
    let rest = count.bytes().live / TASKS as f64;
    (lines, rest)
}

fn closures(blocking: bool) -> (Vec<Line>, f64) {
    let name: Arc<str> = "task".into();
    let mut runs: Vec<TaskRun> = Vec::with_capacity(TASKS);
    let scheduler = Arc::new(Later(Mutex::default()));
    let mut lines = Vec::new();
    let count = count();
    let job = Job::new(name.clone());
    for _ in 0..TASKS {
        if blocking {
            job.add_blocking(name.clone(), |_cx| Ok(())).unwrap();
        } else {
            job.add(name.clone(), async |_cx| Ok(())).unwrap();
        }
    }
    lines.push(each("added", &count, TASKS));
    job.submit(&scheduler).unwrap();
    lines.push(each("submitted", &count, TASKS));
    let queue = scheduler.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap();
    while let Some(run) = queue.next() {
        runs.push(run);
    }
    lines.push(each("taken to be run, with a slot", &count, TASKS));
    for run in runs.drain(..) {
        if blocking {
            run.run_blocking();
        } else {
            futures::executor::block_on(run);
        }
    }
    lines.push(each("ended", &count, TASKS));
    assert!(job.is_ended());
    let rest = count.bytes().live / TASKS as f64;
    (lines, rest)
}

fn jobs() -> Vec<Line> {
    let name: Arc<str> = "job".into();
    let mut jobs: Vec<Job> = Vec::with_capacity(JOBS);
    let mut streams: Vec<EventStream<milepost::TaskCompleted>> = Vec::with_capacity(JOBS);
    let mut lines = Vec::new();
    let count = count();
    jobs.extend((0..JOBS).map(|_| Job::new(name.clone())));
    lines.push(each("built", &count, JOBS));
    streams.extend(jobs.iter().map(Job::task_completed));
    lines.push(each("with a stream", &count, JOBS));
    for stream in &mut streams {
        assert!(stream.try_recv().is_none());
    }
    lines.push(each("that has looked once", &count, JOBS));
    lines
}

/// The name and the closure don't count, and so neither do the two wide pointers to them in the table of tasks, which has
/// room for 2^20.
const POINTERS: f64 = 32.0 * (1u64 << 20) as f64 / TASKS as f64;

pub(crate) fn run(report: &mut Report) {
    let (lines, rest) = reporters();
    report.lines("Memory of one of 1,000,000 tasks, by reporters", "bytes", &lines);
    let title = "a task at rest, told and ended, without name and closure";
    report.at_most(title, rest - POINTERS, 150.0, "bytes");
    for (kind, blocking) in [("async", false), ("blocking", true)] {
        let (lines, rest) = closures(blocking);
        let title = format!("Memory of one of 1,000,000 tasks, by {kind} closures");
        report.lines(&title, "bytes", &lines);
        let title = format!("a task at rest, of {kind} closures, without name and closure");
        report.at_most(title, rest - POINTERS, 150.0, "bytes");
    }
    let lines = jobs();
    report.lines("Memory of one of 100,000 idle jobs", "bytes", &lines);
    report.at_most("an idle job", lines[0].figure(), 400.0, "bytes");
}
