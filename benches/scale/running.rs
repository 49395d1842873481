//! A million tasks that do next to nothing, with all their events recorded and panics contained, beside tokio's ways to
//! run as many without events. What drives them runs on one of the runtime's workers, where spawning is cheapest.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use futures::stream::{FuturesUnordered, StreamExt as _};
use milepost::{Job, LocalScheduler};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

use crate::harness::{Case, interleave};
use crate::report::{Line, Report};

const TASKS: usize = 1_000_000;
const ROUNDS: usize = 3;

fn since(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64 / TASKS as f64
}

fn add(job: &Job, name: &Arc<str>, blocking: bool) {
    for n in 0..TASKS {
        if blocking {
            job.add_blocking(name.clone(), move |_cx| {
                black_box(n);
                Ok(())
            })
            .unwrap();
        } else {
            job.add(name.clone(), move |_cx| async move {
                black_box(n);
                Ok(())
            })
            .unwrap();
        }
    }
}

async fn wait(job: &Job) {
    let summary = job.wait_until_done().await;
    assert_eq!(summary.counts.completed() as usize, TASKS);
}

/// Until nobody has the job and its tasks any more: a worker may be the last, and would free them in the next case's time.
async fn free(job: Job, name: Arc<str>) {
    drop(job);
    while Arc::strong_count(&name) > 1 {
        tokio::task::yield_now().await;
    }
}

/// Nanoseconds a task: from the first `add`, from `submit`, and from the first `add` until all is freed.
async fn milepost(workers: usize, blocking: bool) -> [f64; 3] {
    let scheduler = LocalScheduler::new(workers).unwrap();
    let start = Instant::now();
    let name: Arc<str> = "task".into();
    let job = Job::new("million");
    add(&job, &name, blocking);
    let submitted = Instant::now();
    job.submit(&scheduler).unwrap();
    wait(&job).await;
    let (total, run) = (since(start), since(submitted));
    free(job, name).await;
    [total, run, since(start)]
}

/// Tasks run while others are added, as spawned ones do.
async fn milepost_open(workers: usize, blocking: bool) -> f64 {
    let scheduler = LocalScheduler::new(workers).unwrap();
    let start = Instant::now();
    let name: Arc<str> = "task".into();
    let job = Job::builder("million").open().unwrap();
    job.submit(&scheduler).unwrap();
    add(&job, &name, blocking);
    let job = job.close();
    wait(&job).await;
    let total = since(start);
    free(job, name).await;
    total
}

async fn join_set(blocking: bool) -> f64 {
    let start = Instant::now();
    let mut set = JoinSet::new();
    for n in 0..TASKS {
        if blocking {
            set.spawn_blocking(move || {
                black_box(n);
            });
        } else {
            set.spawn(async move {
                black_box(n);
            });
        }
    }
    while let Some(joined) = set.join_next().await {
        joined.unwrap();
    }
    since(start)
}

async fn task_tracker(blocking: bool) -> f64 {
    let start = Instant::now();
    let tracker = TaskTracker::new();
    for n in 0..TASKS {
        if blocking {
            tracker.spawn_blocking(move || {
                black_box(n);
            });
        } else {
            tracker.spawn(async move {
                black_box(n);
            });
        }
    }
    tracker.close();
    tracker.wait().await;
    since(start)
}

async fn futures_unordered(blocking: bool) -> f64 {
    let start = Instant::now();
    let mut tasks = FuturesUnordered::new();
    for n in 0..TASKS {
        tasks.push(if blocking {
            tokio::task::spawn_blocking(move || {
                black_box(n);
            })
        } else {
            tokio::spawn(async move {
                black_box(n);
            })
        });
    }
    // With tokio's budget, each time that it is used up costs a walk over all tasks: a hundred times as much.
    let all = async {
        while let Some(joined) = tasks.next().await {
            joined.unwrap();
        }
    };
    tokio::task::coop::unconstrained(all).await;
    since(start)
}

/// Runs `drive` on a worker.
fn on<T: Send + 'static>(runtime: &Runtime, drive: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(drive).await.unwrap() })
}

fn compare(report: &mut Report, workers: usize, blocking: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        // As many as Milepost's.
        .max_blocking_threads(workers)
        .build()
        .unwrap();
    let runtime = &runtime;
    let figures = std::cell::Cell::new([f64::NAN; 3]);
    let mut cases = [
        Case::new("JoinSet, spawn and join", workers, || on(runtime, join_set(blocking))),
        Case::new("TaskTracker, spawn and wait", workers, || on(runtime, task_tracker(blocking))),
        Case::new("FuturesUnordered, spawn and join", workers, || {
            on(runtime, futures_unordered(blocking))
        }),
        Case::new("Milepost, add, submit and wait", workers, || {
            figures.set(on(runtime, milepost(workers, blocking)));
            figures.get()[0]
        }),
        Case::new("Milepost, submit and wait", workers, || figures.get()[1]),
        Case::new("Milepost, add, submit, wait and free", workers, || figures.get()[2]),
        Case::new("Milepost, submit, add and wait", workers, || {
            on(runtime, milepost_open(workers, blocking))
        }),
    ];
    interleave(ROUNDS, &mut cases);
    let [join_set, _, _, all, submit, ..] = &cases;
    let line = |case: &Case| Line::of(case).and("JoinSet / this", join_set.ratio_to(case));
    let lines: Vec<_> = cases.iter().map(line).collect();
    let kind = if blocking { "blocking" } else { "async" };
    let title = format!("1,000,000 {kind} tasks, {workers} workers");
    report.lines(&title, "ns/task", &lines);
    let [all, submit] = [all, submit].map(|case| join_set.ratio_to(case));
    report.at_least(format!("{kind}, {workers} workers, submit to done"), submit, 2.0, "x JoinSet");
    report.at_least(format!("{kind}, {workers} workers, add to done"), all, 2.0, "x JoinSet");
}

pub(crate) fn run(report: &mut Report) {
    for workers in [2, 1] {
        for blocking in [false, true] {
            compare(report, workers, blocking);
        }
    }
}
