//! What `instructions.sh` runs under callgrind: one case, so many times.
//!
//! The difference between two runs' totals, less that of the case that does nothing, is what the case's own code takes: no
//! loop, no start of the process. The cases `in_a_loop` have a loop of their own, in a function that takes a `&Progress`, as
//! a library's: where the slot is stays in registers. The others go through one loop by an indirect call, and find
//! it anew each time.

#![allow(clippy::unwrap_used, reason = "what unwraps none is not worth measuring")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

use milepost::{EventStream, Job, ManualClock, Progress, Scheduler, TaskQueue, TaskStateChanged};

/// How many tasks' events there are to be read: three each, and one set in each run, so that writing them is in both.
const TASKS_TO_READ: usize = 35_000;

/// What the cases work on. It is passed by reference, as in code that takes a `&Progress`.
struct Subject {
    progress: Progress,
    nobody: Progress,
    value: AtomicU64,
    count: AtomicU64,
    flags: AtomicU32,
}

type Call = fn(&Subject, u64, f64);

#[inline(never)]
fn nothing(_: &Subject, _: u64, _: f64) {}

/// The least that a report can be: a store, and a look whether more is to be done.
#[inline(never)]
fn store_and_load(subject: &Subject, _: u64, value: f64) {
    subject.value.store(value.to_bits(), Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if subject.flags.load(Ordering::Relaxed) & 1 == 0 {
        cold(subject);
    }
}

#[inline(never)]
fn add_and_load(subject: &Subject, _: u64, _: f64) {
    subject.count.fetch_add(1, Ordering::Relaxed);
    compiler_fence(Ordering::SeqCst);
    if subject.flags.load(Ordering::Relaxed) & 1 == 0 {
        cold(subject);
    }
}

#[cold]
#[inline(never)]
fn cold(subject: &Subject) {
    subject.flags.fetch_or(1, Ordering::Relaxed);
}

#[inline(never)]
fn set_progress(subject: &Subject, _: u64, value: f64) {
    subject.progress.set_progress(value);
}

#[inline(never)]
fn set_progress_integer(subject: &Subject, n: u64, _: f64) {
    subject.progress.set_progress(n);
}

#[inline(never)]
fn set_progress_nobody(subject: &Subject, _: u64, value: f64) {
    subject.nobody.set_progress(value);
}

#[inline(never)]
fn advance(subject: &Subject, _: u64, _: f64) {
    subject.progress.advance(1u64);
}

#[inline(never)]
fn is_canceled(subject: &Subject, _: u64, _: f64) {
    if subject.progress.is_canceled() {
        cold(subject);
    }
}

#[inline(never)]
fn in_a_loop_nothing(_: &Subject, calls: u64) {
    for n in 0..calls {
        black_box(n as f64);
    }
}

#[inline(never)]
fn in_a_loop_store_and_load(subject: &Subject, calls: u64) {
    for n in 0..calls {
        subject.value.store(black_box(n as f64).to_bits(), Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        if subject.flags.load(Ordering::Relaxed) & 1 == 0 {
            cold(subject);
        }
    }
}

#[inline(never)]
fn in_a_loop_set_progress(progress: &Progress, calls: u64) {
    for n in 0..calls {
        progress.set_progress(black_box(n as f64));
    }
}

#[inline(never)]
fn in_a_loop_advance(progress: &Progress, calls: u64) {
    for n in 0..calls {
        black_box(n as f64);
        progress.advance(1u64);
    }
}

#[inline(never)]
fn repeat(call: Call, subject: &Subject, calls: u64) {
    for n in 0..calls {
        call(subject, n, 1.5);
    }
}

fn report(call: Call, calls: u64) {
    report_in_a_loop(|subject, calls| repeat(black_box(call), subject, calls), calls);
}

fn report_in_a_loop(run: impl Fn(&Subject, u64), calls: u64) {
    // The window stays open: the clock stands still.
    let clock = ManualClock::new();
    let job = Job::builder("reports").clock(clock.clock()).build().unwrap();
    let task = job.reporter("task").unwrap();
    task.running().unwrap();
    let subject = Subject {
        progress: task.progress(),
        nobody: Progress::none(),
        value: AtomicU64::new(0),
        count: AtomicU64::new(0),
        flags: AtomicU32::new(1),
    };
    run(black_box(&subject), calls);
}

/// Runs each task where it becomes ready.
#[derive(Clone)]
struct Inline;

impl Scheduler for Inline {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            run.run_blocking();
        }
    }
}

fn job_of(names: Vec<Arc<str>>) -> Job {
    let clock = ManualClock::new();
    let job = Job::builder("tasks").clock(clock.clock()).build().unwrap();
    for name in names {
        job.add_blocking(name, |_cx| Ok(())).unwrap();
    }
    job.submit(&Inline).unwrap();
    job
}

fn names(tasks: usize) -> Vec<Arc<str>> {
    let name: Arc<str> = "task".into();
    vec![name; tasks]
}

#[inline(never)]
fn read(stream: &mut EventStream<TaskStateChanged>, calls: u64) {
    for _ in 0..calls {
        black_box(stream.try_recv());
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let case = arguments.next().unwrap_or_default();
    let calls: u64 = arguments.next().and_then(|calls| calls.parse().ok()).unwrap_or(1_000);
    match case.as_str() {
        "in_a_loop_nothing" => report_in_a_loop(in_a_loop_nothing, calls),
        "in_a_loop_store_and_load" => report_in_a_loop(in_a_loop_store_and_load, calls),
        "in_a_loop_set_progress" => {
            report_in_a_loop(
                |subject, calls| in_a_loop_set_progress(&subject.progress, calls),
                calls,
            );
        }
        "in_a_loop_advance" => {
            report_in_a_loop(|subject, calls| in_a_loop_advance(&subject.progress, calls), calls);
        }
        "nothing" => report(nothing, calls),
        "store_and_load" => report(store_and_load, calls),
        "add_and_load" => report(add_and_load, calls),
        "set_progress" => report(set_progress, calls),
        "set_progress_integer" => report(set_progress_integer, calls),
        "set_progress_nobody" => report(set_progress_nobody, calls),
        "advance" => report(advance, calls),
        "is_canceled" => report(is_canceled, calls),
        "run_task" => std::mem::forget(job_of(names(calls as usize))),
        "read_event" => {
            let job = job_of(names(TASKS_TO_READ));
            let mut stream = job.task_state_changed();
            read(&mut stream, calls.min(3 * TASKS_TO_READ as u64));
        }
        // `cargo bench` runs it like this.
        "" | "--bench" => println!("nothing to time here: see benches/instructions.sh"),
        _ => return ExitCode::FAILURE,
    }
    ExitCode::SUCCESS
}
