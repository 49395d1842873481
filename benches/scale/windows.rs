//! What the close of one window costs in a job of a million running tasks, by how many of them have reported. The clock
//! is a manual one: `advance` closes the window on this thread, and nothing else runs.

use std::cell::Cell;
use std::future::Future as _;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use milepost::{EventStream, Job, ManualClock, StreamEvent, TaskReporter};

use crate::harness::{Case, interleave};
use crate::report::{Line, Report, two};

const TASKS: usize = 1_000_000;
const ROUNDS: usize = 5;
const WINDOW: Duration = Duration::from_millis(200);

struct Million {
    clock: ManualClock,
    job: Job,
    tasks: Vec<TaskReporter>,
    /// What was reported last: an equal value would be no report.
    value: Cell<u64>,
}

/// Which tasks report in a window.
#[derive(Clone, Copy)]
enum Dirty {
    /// These many, spread over all, the same in each window.
    Same(usize),
    /// These many, spread over all, others in each window: those of the windows before are looked at as well.
    Others(usize),
    /// The first ones.
    First(usize),
}

impl Dirty {
    fn count(self) -> usize {
        let (Dirty::Same(count) | Dirty::Others(count) | Dirty::First(count)) = self;
        count
    }

    fn windows(self) -> usize {
        (100_000 / self.count()).clamp(2, 500)
    }

    fn report(self, tasks: &[TaskReporter], value: u64) {
        let (step, offset) = match self {
            Dirty::Same(count) => (TASKS / count, 0),
            Dirty::Others(count) => (TASKS / count, value as usize * 71),
            Dirty::First(_) => (1, 0),
        };
        for n in 0..self.count() {
            tasks[(n * step + offset) % TASKS].set_progress(value);
        }
    }
}

impl Million {
    fn new() -> Million {
        let clock = ManualClock::new();
        let job = Job::builder("million").clock(clock.clock()).build().unwrap();
        let name: Arc<str> = "task".into();
        let task = |_| {
            let task = job.reporter(name.clone()).unwrap();
            task.running().unwrap();
            task
        };
        let tasks = (0..TASKS).map(task).collect();
        Million { clock, job, tasks, value: Cell::new(0) }
    }

    /// Nanoseconds of one window: of the flush, and of the flush with what one reader then takes. Marking isn't in it.
    fn windows<E: StreamEvent>(
        &self,
        dirty: Dirty,
        stream: EventStream<E>,
        updates: impl Fn(&E) -> usize,
    ) -> [f64; 2] {
        let mut stream = stream.from_now();
        let (mut flush, mut deliver) = (Duration::ZERO, Duration::ZERO);
        for window in 0..=dirty.windows() {
            self.value.update(|value| value + 1);
            dirty.report(&self.tasks, self.value.get());
            let start = Instant::now();
            self.clock.advance(WINDOW);
            let flushed = Instant::now();
            let mut told = 0;
            while let Some(event) = stream.try_recv() {
                told += updates(black_box(&event));
            }
            let end = Instant::now();
            assert_eq!(told, dirty.count(), "each task is told once");
            // The first window warms up.
            if window > 0 {
                flush += flushed - start;
                deliver += end - flushed;
            }
        }
        drop(stream);
        // Until nothing is marked any more and no timer is armed.
        self.clock.advance(10 * WINDOW);
        let windows = dirty.windows() as f64;
        [flush, flush + deliver].map(|time| time.as_nanos() as f64 / windows)
    }
}

/// Counts how often it is woken.
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Nanoseconds of a window in which nothing happens, with a reader that waits, and how often that one is woken.
fn idle(clock: &ManualClock, job: Option<&Job>) -> (f64, usize) {
    const WINDOWS: u32 = 10_000;
    let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut stream = job.map(|job| job.task_progress_updated().from_now());
    if let Some(stream) = &mut stream {
        let parked = pin!(stream.next()).poll(&mut Context::from_waker(&waker));
        assert!(parked.is_pending());
    }
    let start = Instant::now();
    for _ in 0..WINDOWS {
        clock.advance(black_box(WINDOW));
    }
    let took = start.elapsed().as_nanos() as f64 / f64::from(WINDOWS);
    (took, wakes.0.load(Ordering::Relaxed))
}

pub(crate) fn run(report: &mut Report) {
    let million = Million::new();
    let bare = ManualClock::new();
    let mut woken = 0;
    let mut cases = vec![
        Case::new("a clock without a job", 1, || idle(&bare, None).0),
        Case::new("nothing reported", 1, || {
            let (took, wakes) = idle(&million.clock, Some(&million.job));
            woken += wakes;
            took
        }),
    ];
    interleave(4 * ROUNDS, &mut cases);
    let nothing = cases[1].median();
    let lines: Vec<_> = cases.iter().map(Line::of).collect();
    drop(cases);
    report.lines("A window of an idle job of 1,000,000 tasks", "ns/window", &lines);
    report.at_most("nothing dirty", nothing, 100.0, "ns");
    report.at_most("wake-ups of a reader while nothing is dirty", woken as f64, 0.0, "");

    let dirty = [
        ("1", Dirty::Same(1)),
        ("100, spread", Dirty::Same(100)),
        ("100, spread, others each time", Dirty::Others(100)),
        ("100, neighbours", Dirty::First(100)),
        ("10,000, spread", Dirty::Same(10_000)),
        ("all", Dirty::Same(TASKS)),
    ];
    for (kind, windows) in [("task_progress_updated", false), ("progress_windows", true)] {
        let mut cases = Vec::new();
        for (name, dirty) in dirty {
            let names = [format!("{name}: flush"), format!("{name}: flush and delivery")];
            let million = &million;
            cases.extend(two(names, 1, move || match windows {
                false => million.windows(dirty, million.job.task_progress_updated(), |_| 1),
                true => million.windows(dirty, million.job.progress_windows(), |w| w.updates.len()),
            }));
        }
        interleave(ROUNDS, &mut cases);
        let each = |n: usize| dirty[n / 2].1.count() as f64;
        let line = |(n, case): (usize, &Case)| {
            Line::of(case).and("ns/dirty task", case.median() / each(n))
        };
        let lines: Vec<_> = cases.iter().enumerate().map(line).collect();
        report.lines(
            &format!(
                "A window of 1,000,000 tasks, some of which have reported, one reader of {kind}"
            ),
            "ns/window",
            &lines,
        );
        for (case, which) in [(3, "the same each time"), (5, "others each time")] {
            let what = format!("100 dirty, {which}, {kind}");
            report.at_most(what, cases[case].median() / 1e3, 20.0, "us");
        }
        let all = &cases[11];
        report.at_most(
            format!("all dirty, {kind}, flush and delivery"),
            all.median() / TASKS as f64,
            10.0,
            "ns/task",
        );
    }
}
