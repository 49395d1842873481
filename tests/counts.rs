//! Guards against regressions by counts, which are the same on every machine and in every run: allocations, wake-ups.
//!
//! Time comes from a manual clock, so that windows close on the test's own thread and are counted there. Limits are
//! for what has run before: each test warms up until buffers have their size.

#[path = "counts/allocator.rs"]
mod allocator;
mod common;
#[path = "counts/wake_ups.rs"]
mod wake_ups;

use std::sync::Arc;
use std::time::Duration;

use milepost::{EventStream, Job, StreamEvent, TaskReporter};

use parking_lot::{Mutex, MutexGuard};

use allocator::{allocations, no_allocation};
use common::{Inline, WINDOW, job, running};

const HOUR: Duration = Duration::from_secs(3_600);

/// How often a warm state is measured: a limit holds each time.
const ROUNDS: usize = 20;

/// So many windows that a channel's ring and every buffer have been through all of their states.
const WARM_UP: usize = 40;

/// Held by each test: tasks that are added while others' are have tickets of their own, and take more.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}

fn many_running(job: &Job, tasks: usize) -> Vec<TaskReporter> {
    (0..tasks).map(|n| running(job, &n.to_string())).collect()
}

/// How many events the stream has now.
fn count<E: StreamEvent>(stream: &mut EventStream<E>) -> usize {
    std::iter::from_fn(|| stream.try_recv()).count()
}

mod reports {
    use super::*;

    #[test]
    fn reports_allocate_nothing_after_the_first_of_a_window() {
        let _alone = alone();
        let (job, clock) = job();
        let mut told = job.task_progress_updated();
        let [sets, steps, both] = ["set", "step", "both"].map(|name| running(&job, name));
        for round in 0..3 {
            sets.set_progress(round);
            steps.advance(1);
            both.advance(1);
            both.set_progress(round);
            no_allocation("reports", || {
                for n in 0..1_000 {
                    sets.set_progress(n);
                    sets.set_progress(f64::from(n) / 3.0);
                    sets.set_progress(f64::NAN);
                    steps.advance(1);
                    steps.advance(-1i64);
                    both.advance(1u8);
                    both.advance(0.5);
                    both.set_progress(n);
                    assert!(!sets.is_canceled() && sets.check().is_ok());
                }
            });
            clock.advance(WINDOW);
            assert!(count(&mut told) > 0);
        }
    }

    #[test]
    fn the_first_report_of_a_window_allocates_nothing_once_there_were_windows() {
        let _alone = alone();
        let (job, clock) = job();
        let tasks = many_running(&job, 200);
        for round in 0..WARM_UP + ROUNDS {
            // Now in a window that follows the last one, now in one that opens after quiet.
            clock.advance(if round % 2 == 0 { Duration::ZERO } else { 5 * WINDOW });
            let (allocated, ()) = allocations(|| {
                for (n, task) in tasks.iter().enumerate() {
                    if n % 2 == 0 { task.set_progress(round) } else { task.advance(1) }
                }
            });
            assert!(round < WARM_UP || allocated == 0, "{allocated} allocations");
            clock.advance(WINDOW);
        }
    }

    #[test]
    fn reports_from_other_threads_allocate_nothing() {
        let _alone = alone();
        let (job, _clock) = job();
        let task = running(&job, "shared");
        task.advance(1);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let progress = task.progress();
                scope.spawn(move || {
                    no_allocation("reports of a thread", || {
                        for _ in 0..1_000 {
                            progress.advance(1);
                            assert!(!progress.is_canceled());
                        }
                    });
                });
            }
        });
    }

    #[test]
    fn reports_that_nobody_hears_allocate_nothing() {
        let _alone = alone();
        let (job, _clock) = job();
        let task = running(&job, "ended");
        let (late, nobody) = (task.progress(), milepost::Progress::none());
        task.complete(()).expect("it runs");
        no_allocation("reports that nobody hears", || {
            for n in 0..1_000 {
                late.set_progress(n);
                late.advance(1);
                nobody.set_progress(n);
                nobody.advance(1);
                assert!(late.is_canceled() && !nobody.is_canceled());
            }
        });
    }
}

mod windows {
    use super::*;

    /// The most allocations of a window in which `dirty` of 10,000 tasks report, from its first report to the last event
    /// that its reader takes, if it has one.
    fn most_in_a_window(dirty: usize, read: bool) -> usize {
        let (job, clock) = job();
        let tasks = many_running(&job, 10_000);
        let mut told = read.then(|| job.task_progress_updated());
        let mut window = |round: usize| {
            let (allocated, told) = allocations(|| {
                tasks[..dirty].iter().for_each(|task| task.set_progress(round));
                clock.advance(WINDOW);
                told.as_mut().map_or(0, count)
            });
            assert_eq!(told, if read { dirty } else { 0 });
            allocated
        };
        for round in 0..WARM_UP {
            window(round);
        }
        (WARM_UP..WARM_UP + ROUNDS).map(window).max().unwrap_or_default()
    }

    #[test]
    fn a_window_allocates_at_most_once_for_its_reader() {
        let _alone = alone();
        for dirty in [1, 100, 10_000] {
            let most = most_in_a_window(dirty, true);
            assert!(most <= 1, "{most} allocations for {dirty} tasks that report");
        }
    }

    #[test]
    fn a_window_that_nobody_reads_allocates_nothing() {
        let _alone = alone();
        for dirty in [1, 100, 10_000] {
            assert_eq!(most_in_a_window(dirty, false), 0, "for {dirty} tasks that report");
        }
    }

    #[test]
    fn an_idle_job_allocates_nothing_as_time_passes() {
        let _alone = alone();
        let (job, clock) = job();
        let tasks = many_running(&job, 100);
        let (mut told, mut windows) = (job.task_progress_updated(), job.progress_windows());
        let mut events = job.events();
        let mut read = || count(&mut told) + count(&mut windows) + count(&mut events);
        tasks.iter().for_each(|task| task.set_progress(1));
        clock.advance(HOUR);
        assert!(read() > 0);
        no_allocation("idle hours", || {
            for _ in 0..1_000 {
                clock.advance(HOUR);
                assert_eq!(read(), 0);
            }
        });
    }
}

mod lifecycle {
    use super::*;

    const TASKS: usize = 2_000;

    /// Beside what is there for each task: chunks of history, pages of slots, tables that grow.
    const SHARED: usize = TASKS / 10;

    #[test]
    fn a_task_that_is_run_takes_one_allocation_the_one_for_its_closure() {
        let _alone = alone();
        let (job, _clock) = job();
        let names: Vec<Arc<str>> = (0..TASKS).map(|n| n.to_string().into()).collect();
        let (added, ()) = allocations(|| {
            for name in names {
                job.add_blocking(name, |_cx| Ok(())).expect("the job takes tasks");
            }
        });
        assert!(added <= TASKS + SHARED, "{added} allocations to add {TASKS} tasks");
        let scheduler = Inline;
        let (ran, ()) = allocations(|| job.submit(&scheduler).expect("it is taken"));
        assert!(ran <= SHARED, "{ran} allocations to run {TASKS} tasks");
        assert_eq!(job.counts().completed(), TASKS);
    }

    #[test]
    fn a_task_that_is_reported_on_takes_no_allocation_of_its_own() {
        let _alone = alone();
        let (job, _clock) = job();
        let names: Vec<Arc<str>> = (0..TASKS).map(|n| n.to_string().into()).collect();
        let mut tasks = Vec::with_capacity(TASKS);
        let (reported, ()) = allocations(|| {
            for name in names {
                let task = job.reporter(name).expect("the job takes tasks");
                task.running().expect("a new task can run");
                task.set_progress(1);
                task.complete(()).expect("a task that runs can complete");
                tasks.push(task);
            }
        });
        assert!(reported <= SHARED, "{reported} allocations for {TASKS} tasks");
        // Today it says that it was dropped even when the task has ended, which takes words and a place to drop them.
        let (dropped, ()) = allocations(|| drop(tasks));
        assert!(dropped <= 3 * TASKS, "{dropped} allocations to drop {TASKS} reporters");
    }

    #[test]
    fn reading_lifecycle_events_allocates_nothing() {
        let _alone = alone();
        let (job, _clock) = job();
        for n in 0..TASKS {
            job.add_blocking(n.to_string(), |cx| Ok(n_of(&cx))).expect("the job takes tasks");
        }
        job.submit(&Inline).expect("it is taken");
        fn read<E: StreamEvent>(mut stream: EventStream<E>, expected: usize) {
            let read = no_allocation("the reading of events", || count(&mut stream));
            assert_eq!((read, stream.is_ended()), (expected, true));
        }
        read(job.task_state_changed(), 3 * TASKS);
        read(job.task_added(), TASKS);
        read(job.task_completed(), TASKS);
        read(job.job_state_changed(), 3);
        read(job.job_completed(), 1);
        read(job.task_state_changed().after(TASKS as u64), 3 * TASKS);
    }

    /// Some output, which is kept and is in the events.
    fn n_of(cx: &milepost::TaskContext) -> usize {
        cx.task_id().index()
    }
}
