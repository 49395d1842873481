//! From right before a task ends on one thread to the first line after the wait of another, which is parked, beside what a
//! bare oneshot and `unpark` take.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use milepost::{Job, TaskReporter};
use tokio::sync::oneshot;

use crate::harness::{Case, interleave, quantile};
use crate::report::Report;

const TRIPS: usize = 2_000;
const ROUNDS: usize = 7;

/// Long enough for the waiting thread to be parked.
const PARKING: Duration = Duration::from_micros(40);

/// What both threads of one round trip see.
struct Trips {
    /// How many waits were begun.
    begun: AtomicUsize,
    start: Instant,
    /// When the last wait was over, in nanoseconds from the start.
    over: AtomicU64,
    /// How many waits are over.
    done: AtomicUsize,
}

impl Trips {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Release);
    }

    fn end(&self) {
        self.over.store(self.start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Release);
    }
}

/// The median of the trips: `wait` does all the waits on another thread, with a `begin` before and an `end` after each;
/// `send` ends the one of that number.
fn trips(wait: impl FnOnce(&Trips) + Send, mut send: impl FnMut(usize)) -> f64 {
    let trips = Trips {
        begun: AtomicUsize::new(0),
        start: Instant::now(),
        over: AtomicU64::new(0),
        done: AtomicUsize::new(0),
    };
    let mut took = Vec::with_capacity(TRIPS);
    std::thread::scope(|scope| {
        scope.spawn(|| wait(&trips));
        for trip in 0..TRIPS {
            while trips.begun.load(Ordering::Acquire) <= trip {
                std::hint::spin_loop();
            }
            let begun = Instant::now();
            while begun.elapsed() < PARKING {
                std::hint::spin_loop();
            }
            let sent = trips.start.elapsed().as_nanos() as u64;
            send(trip);
            while trips.done.load(Ordering::Acquire) <= trip {
                std::hint::spin_loop();
            }
            took.push(trips.over.load(Ordering::Relaxed).saturating_sub(sent) as f64);
        }
    });
    quantile(&took, 0.5)
}

fn running() -> (Job, Vec<TaskReporter>) {
    let job = Job::new("trips");
    let task = |_| {
        let task = job.reporter("trip").unwrap();
        task.running().unwrap();
        task
    };
    let tasks = (0..TRIPS).map(task).collect();
    (job, tasks)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn milepost_blocking() -> f64 {
    let (job, tasks) = running();
    let mut ends = job.task_completed();
    let wait = move |trips: &Trips| {
        for _ in 0..TRIPS {
            trips.begin();
            assert!(ends.blocking_next().is_some());
            trips.end();
        }
    };
    trips(wait, |trip| tasks[trip].complete(()).unwrap())
}

fn milepost_async() -> f64 {
    let (job, tasks) = running();
    let mut ends = job.task_completed();
    let wait = move |trips: &Trips| {
        runtime().block_on(async {
            for _ in 0..TRIPS {
                trips.begin();
                assert!(ends.next().await.is_some());
                trips.end();
            }
        });
    };
    trips(wait, |trip| tasks[trip].complete(()).unwrap())
}

type Oneshots = (Vec<Option<oneshot::Sender<[u64; 4]>>>, Vec<oneshot::Receiver<[u64; 4]>>);

fn oneshots() -> Oneshots {
    (0..TRIPS)
        .map(|_| {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), receiver)
        })
        .unzip()
}

fn send(senders: &mut [Option<oneshot::Sender<[u64; 4]>>], trip: usize) {
    senders[trip].take().unwrap().send([1; 4]).unwrap();
}

fn oneshot_blocking() -> f64 {
    let (mut senders, receivers) = oneshots();
    let wait = move |trips: &Trips| {
        for receiver in receivers {
            trips.begin();
            assert!(receiver.blocking_recv().is_ok());
            trips.end();
        }
    };
    trips(wait, |trip| send(&mut senders, trip))
}

fn oneshot_async() -> f64 {
    let (mut senders, receivers) = oneshots();
    let wait = move |trips: &Trips| {
        runtime().block_on(async {
            for receiver in receivers {
                trips.begin();
                assert!(receiver.await.is_ok());
                trips.end();
            }
        });
    };
    trips(wait, |trip| send(&mut senders, trip))
}

pub(crate) fn run(report: &mut Report) {
    let mut blocking = [
        Case::new("oneshot, blocking_recv", 2, oneshot_blocking),
        Case::new("task_completed, blocking_next", 2, milepost_blocking),
    ];
    let mut on_tokio = [
        Case::new("oneshot, await", 2, oneshot_async),
        Case::new("task_completed, next().await", 2, milepost_async),
    ];
    for (kind, cases) in [("on threads", &mut blocking), ("on tokio", &mut on_tokio)] {
        interleave(ROUNDS, cases);
        let [base, milepost] = &*cases;
        let title = format!("From the end of a task to its reader's code, {kind}");
        report.cases(&title, "ns", cases, &base.name);
        report.at_most(kind, milepost.ratio_to(base), 1.2, "x oneshot");
    }
}
