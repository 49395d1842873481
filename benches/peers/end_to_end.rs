//! The whole way: one worker reports flat out over 1,000 tasks, round robin, and 8 readers follow. What counts is the
//! CPU time of the whole process a report.
//!
//! prodash is pulled by whoever draws. One sampler takes a snapshot every 200 ms, and reads it once; the 8 readers are
//! taken to share it, and cost nothing. Milepost and the channels are read by 8 threads.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use async_broadcast::RecvError as AsyncError;
use milepost::{EventStream, Job, Progress, TaskProgressUpdated, TaskReporter};
use prodash::tree::{Item, Root};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::harness::{Case, table};
use crate::peers::{CAPACITY, overflowing};

pub(crate) const MILEPOST: usize = 0;
pub(crate) const PRODASH: usize = 1;
pub(crate) const BROADCASTS: [usize; 2] = [2, 3];

const TASKS: usize = 1_000;
const READERS: usize = 8;
const WINDOW: Duration = Duration::from_millis(200);
const SPAN: Duration = Duration::from_secs(1);

/// What happened in a run.
#[derive(Clone, Copy, Default)]
struct Run {
    reports: u64,
    /// CPU time from the first report to the last, in nanoseconds.
    reporting: f64,
    /// CPU time from then on until the last reader was through: once a run, and so not part of a report.
    ending: f64,
    /// To all readers together.
    delivered: u64,
    /// What readers were told that they missed.
    lagged: u64,
}

/// The last run of each case.
#[derive(Default)]
pub(crate) struct Runs([Cell<Run>; 4]);

impl Runs {
    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let case = |number: usize, name, threads, run: fn() -> Run| {
            let last = &self.0[number];
            Case::new(format!("end to end, {name}"), threads, move || {
                let done = run();
                last.set(done);
                done.reporting / done.reports as f64
            })
        };
        vec![
            case(MILEPOST, "milepost", 1 + READERS, milepost),
            case(PRODASH, "prodash, one sampler", 2, prodash),
            case(BROADCASTS[0], "tokio broadcast", 1 + READERS, tokio_broadcast),
            case(BROADCASTS[1], "async-broadcast", 1 + READERS, async_broadcast),
        ]
    }

    pub(crate) fn table(&self, cases: &[Case]) -> String {
        let head = ["way", "CPU ns a report", "quartiles", "x milepost"].map(String::from);
        let last = ["reports", "delivered", "missed", "CPU ms to end"].map(String::from);
        let mut rows = vec![[head, last].concat()];
        for (case, run) in cases.iter().zip(&self.0) {
            let ((lower, upper), run) = (case.quartiles(), run.get());
            rows.push(vec![
                case.name.clone(),
                format!("{:.2}", case.median()),
                format!("{lower:.2} - {upper:.2}"),
                format!("{:.1}", case.ratio_to(&cases[MILEPOST])),
                run.reports.to_string(),
                run.delivered.to_string(),
                run.lagged.to_string(),
                format!("{:.0}", run.ending / 1e6),
            ]);
        }
        let title = "End to end: one worker flat out, 1,000 tasks, 8 readers, windows of 200 ms. From \
                     `reports` on: the last run, of a second and its end, in which milepost completes the tasks";
        table(title, &rows)
    }
}

/// The CPU time of all the process's threads, dead ones too, in nanoseconds; known to 10 ms.
fn cpu() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in brackets may have spaces in it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) * 1e7)
}

pub(crate) fn can_measure() -> bool {
    cpu().is_some()
}

/// Reports for a second: the number of the sweep, which is so the last value of each task. Returns that number.
fn sweep<T>(tasks: &[T], report: impl Fn(&T, u32, u64)) -> u64 {
    let (start, mut value) = (Instant::now(), 0);
    while start.elapsed() < SPAN {
        // Of a clock read a report, not much is left.
        for _ in 0..16 {
            value += 1;
            for (task, number) in tasks.iter().zip(0..) {
                report(task, number, value);
            }
        }
    }
    value
}

/// What a reader has seen.
struct Seen {
    last: Vec<f64>,
    delivered: u64,
    lagged: u64,
}

impl Seen {
    fn new() -> Seen {
        Seen { last: vec![f64::NAN; TASKS], delivered: 0, lagged: 0 }
    }

    fn see(&mut self, task: usize, value: f64) {
        self.last[task] = value;
        self.delivered += 1;
    }
}

/// Has `report` report beside a reader for each of `inputs`, and `end` end what they read. `report` returns the number
/// of its sweeps.
fn followed<I: Send>(
    inputs: Vec<I>,
    read: impl Fn(I) -> Seen + Sync,
    report: impl FnOnce() -> u64,
    end: impl FnOnce(),
) -> (Vec<Seen>, Run) {
    let (cpu, read) = (|| cpu().unwrap(), &read);
    thread::scope(|scope| {
        let readers: Vec<_> =
            inputs.into_iter().map(|input| scope.spawn(move || read(input))).collect();
        let begun = cpu();
        let reports = report() * TASKS as u64;
        let reported = cpu();
        end();
        let seen: Vec<Seen> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        let run = Run {
            reports,
            reporting: reported - begun,
            ending: cpu() - reported,
            delivered: seen.iter().map(|seen| seen.delivered).sum(),
            lagged: seen.iter().map(|seen| seen.lagged).sum(),
        };
        (seen, run)
    })
}

fn milepost() -> Run {
    let job = Job::builder("end to end").window(WINDOW).build().unwrap();
    let reporters: Vec<TaskReporter> =
        (0..TASKS).map(|number| job.reporter(number.to_string()).unwrap()).collect();
    reporters.iter().for_each(|reporter| reporter.running().unwrap());
    let tasks: Vec<Progress> = reporters.iter().map(TaskReporter::progress).collect();
    let streams = (0..READERS).map(|_| job.task_progress_updated()).collect();
    let read = |mut stream: EventStream<TaskProgressUpdated>| {
        let mut seen = Seen::new();
        while let Some(update) = stream.blocking_next() {
            seen.see(update.task.index(), update.progress.unwrap());
        }
        seen
    };
    let report = || sweep(&tasks, |progress, _, value| progress.set_progress(value as f64));
    let end = || {
        reporters.iter().for_each(|reporter| reporter.complete(()).unwrap());
        // With its last handles gone, the job ends, and with it the streams.
        drop((reporters, job));
    };
    let (seen, run) = followed(streams, read, report, end);
    let last = (run.reports / TASKS as u64) as f64;
    for (number, reader) in seen.iter().enumerate() {
        let lost = reader.last.iter().filter(|&&value| value != last).count();
        assert_eq!(lost, 0, "reader {number} has not got the last value of {lost} tasks");
    }
    run
}

fn prodash() -> Run {
    let root = Root::new();
    let item = |number: usize| {
        let item = root.add_child(number.to_string());
        item.init(Some(usize::MAX), None);
        item
    };
    let tasks: Vec<Item> = (0..TASKS).map(item).collect();
    let (stop, stopped) = mpsc::channel::<()>();
    let sample = |stopped: mpsc::Receiver<()>| {
        let (mut seen, mut snapshot) = (Seen::new(), Vec::new());
        while stopped.recv_timeout(WINDOW) == Err(mpsc::RecvTimeoutError::Timeout) {
            root.sorted_snapshot(&mut snapshot);
            for (place, (_, task)) in snapshot.iter().enumerate() {
                let step = task.progress.as_ref().unwrap().step.load(Ordering::Relaxed);
                seen.see(place, step as f64);
            }
        }
        seen
    };
    let report = || sweep(&tasks, |item, _, value| item.set(value as usize));
    followed(vec![stopped], sample, report, || drop(stop)).1
}

fn tokio_broadcast() -> Run {
    let (sender, _) = broadcast::channel(CAPACITY);
    let receivers = (0..READERS).map(|_| sender.subscribe()).collect();
    let read = |mut receiver: broadcast::Receiver<(u32, f64)>| {
        let mut seen = Seen::new();
        loop {
            match receiver.blocking_recv() {
                Ok((task, value)) => seen.see(task as usize, value),
                Err(RecvError::Lagged(missed)) => seen.lagged += missed,
                Err(RecvError::Closed) => return seen,
            }
        }
    };
    // It takes the sender, and drops it when it is done.
    let report = move || {
        sweep(&[(); TASKS], |(), task, value| {
            sender.send((task, value as f64)).unwrap();
        })
    };
    followed(receivers, read, report, || {}).1
}

fn async_broadcast() -> Run {
    let (sender, receiver) = overflowing();
    let receivers = (1..READERS).map(|_| receiver.clone()).chain([receiver.clone()]).collect();
    drop(receiver);
    let read = |mut receiver: async_broadcast::Receiver<(u32, f64)>| {
        let mut seen = Seen::new();
        loop {
            match receiver.recv_blocking() {
                Ok((task, value)) => seen.see(task as usize, value),
                Err(AsyncError::Overflowed(missed)) => seen.lagged += missed,
                Err(AsyncError::Closed) => return seen,
            }
        }
    };
    // It takes the sender, and drops it when it is done.
    let report = move || {
        sweep(&[(); TASKS], |(), task, value| {
            sender.try_broadcast((task, value as f64)).unwrap();
        })
    };
    followed(receivers, read, report, || {}).1
}
