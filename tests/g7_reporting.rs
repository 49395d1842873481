//! G7: reporting works from anywhere, costs no allocation after the first report of a window, and is heard only of the
//! present attempt. Also what can be reported by: parts, tracked iterators, readers and writers.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use common::{Inline, WINDOW, drain, job, ms, rest, running, values, within};
use milepost::{
    Canceled, Event, EventStream, Job, ManualClock, Progress, TaskContext, TaskError,
    TaskProgressUpdated, TaskState,
};

/// Counts the allocations of each thread, and the bytes that it has allocated and not freed.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(allocations: u64, bytes: i64) {
    // A thread that is going has no counters any more, and none are asked for.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + allocations));
    let _ = BYTES.try_with(|counter| counter.set(counter.get() + bytes));
}

// SAFETY: all is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How often `code` allocates on this thread.
fn allocations(code: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    code();
    ALLOCATIONS.with(Cell::get) - before
}

/// The value of the task that is told when the window closes.
fn next(clock: &ManualClock, progress: &mut EventStream<TaskProgressUpdated>) -> Option<f64> {
    clock.advance(WINDOW);
    let told = drain(progress);
    assert!(told.len() <= 1, "{told:?}");
    told.first().and_then(|told| told.progress)
}

#[test]
fn g7_no_report_after_the_first_of_a_window_allocates() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let (task, counter) = (running(&job, "task"), running(&job, "counter"));
    assert!(allocations(|| drop(Box::new(1))) == 1, "the counter counts");
    for window in 0..5u64 {
        task.set_progress(0.5);
        counter.advance(1);
        // Floats beside a count have a place of their own, which the first one makes.
        counter.advance(0.25);
        let reports = || {
            for n in 0..1_000u64 {
                task.set_progress(n + window);
                task.set_progress(n as f64 / 3.0);
                counter.advance(1);
                counter.advance(2u8);
                // Not in the hot path, but allocates nothing either.
                counter.advance(0.25);
                let _ = (task.is_canceled(), task.check());
            }
        };
        assert_eq!(allocations(reports), 0, "in window {window}");
        // Mixed on one slot as well.
        let mixed = || (0..1_000u64).for_each(|n| counter.set_progress(n + window));
        assert_eq!(allocations(mixed), 0, "in window {window}");
        task.set_progress(window);
        clock.advance(WINDOW);
        assert_eq!(drain(&mut progress).len(), 2);
    }
    // Nor after the attempt is over.
    let late = task.progress();
    task.complete(()).unwrap();
    late.set_progress(1);
    late.advance(1);
    let reports = || {
        (0..1_000u32).for_each(|n| late.set_progress(n));
        (0..1_000u32).for_each(|n| late.advance(n));
    };
    assert_eq!(allocations(reports), 0);
}

#[test]
fn g7_no_report_of_another_task_in_an_open_window_allocates() {
    let (job, _clock) = job();
    let tasks: Vec<_> = (0..500).map(|n| running(&job, &n.to_string())).collect();
    tasks[0].set_progress(1);
    let reports = || tasks.iter().for_each(|task| task.set_progress(2));
    assert_eq!(allocations(reports), 0, "the window is open: its timer is there");
}

#[test]
fn g7_parts_report_without_allocating() {
    let (job, _clock) = job();
    let task = running(&job, "task");
    let [a, b] = task.split([("a", 1.0), ("b", 2.0)]);
    a.set_progress(0.1);
    let reports = || {
        for n in 0..1_000 {
            a.set_progress(f64::from(n) / 1_000.0);
            b.advance(0.001);
            b.advance(1);
        }
    };
    assert_eq!(allocations(reports), 0);
}

#[test]
fn g7_reports_come_from_any_thread() {
    within(|| {
        let (job, clock) = job();
        let mut progress = job.task_progress_updated();
        let task = running(&job, "task");
        let clones: Vec<_> = (0..4).map(|_| task.progress()).collect();
        for (n, clone) in clones.into_iter().enumerate() {
            std::thread::spawn(move || clone.set_progress(n)).join().unwrap();
            assert_eq!(next(&clock, &mut progress), Some(n as f64));
        }
        fn is_free<T: Send + Sync + Clone + Default + 'static>() {}
        is_free::<Progress>();
    });
}

#[cfg(feature = "local")]
#[test]
fn g7_reports_come_from_inside_and_outside_of_a_runtime() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { task.set_progress(1) });
    assert_eq!(next(&clock, &mut progress), Some(1.0));
    runtime.block_on(async { tokio::task::yield_now().await });
    task.set_progress(2);
    assert_eq!(next(&clock, &mut progress), Some(2.0));
}

#[test]
fn g7_nan_is_ignored_at_the_call() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(f64::NAN);
    task.advance(f64::NAN);
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
    task.set_progress(5);
    task.set_progress(f64::NAN);
    task.set_progress(f32::NAN);
    task.advance(f32::NAN);
    assert_eq!(next(&clock, &mut progress), Some(5.0));
    task.advance(1);
    task.set_progress(f64::NAN);
    task.advance(f64::NAN);
    assert_eq!(next(&clock, &mut progress), Some(6.0));
    // A NaN made of infinities is no number either, and does not stay.
    task.set_progress(f64::INFINITY);
    task.advance(f64::NEG_INFINITY);
    task.set_progress(7);
    assert_eq!(next(&clock, &mut progress), Some(7.0));
}

#[test]
fn g7_what_is_infinite_is_no_progress() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(f64::INFINITY);
    task.set_progress(f64::NEG_INFINITY);
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
    task.set_message("lost");
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!((told.progress, told.message.as_deref()), (None, Some("lost")));
    let mut completed = job.task_completed();
    task.complete(()).unwrap();
    assert_eq!(completed.try_recv().unwrap().progress, None);
}

#[test]
fn g7_any_scale_is_fine() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let values = [20.0, 2_500.0, -1.0, f64::MAX, f64::MIN_POSITIVE, 0.0, (1u64 << 53) as f64];
    for value in values {
        task.set_progress(value);
        assert_eq!(next(&clock, &mut progress), Some(value));
    }
    task.set_progress(u128::MAX);
    assert_eq!(next(&clock, &mut progress), Some(u128::MAX as f64));
    task.set_progress(i8::MIN);
    assert_eq!(next(&clock, &mut progress), Some(-128.0));
}

/// Has an old attempt's writer report, and checks that nobody hears it.
fn is_not_heard(old: &Progress, job: &Job, clock: &ManualClock) {
    // What was to be told before is told.
    clock.advance(ms(1_000));
    let before = serde_json::to_string(&job.snapshot()).unwrap();
    let mut readers = (job.events().from_now(), job.progress_windows().from_now());
    for n in 0..5 {
        old.set_progress(1_000 + n);
        old.advance(1);
        old.advance(0.5);
        old.set_total(5_000);
        old.set_message("still here");
        old.set_unit("ghosts");
        let [part] = old.split([("part", 1.0)]);
        part.set_progress(0.5);
        clock.advance(ms(130));
    }
    assert_eq!(drain(&mut readers.0).len(), 0);
    assert!(readers.1.try_recv().is_none());
    assert_eq!(serde_json::to_string(&job.snapshot()).unwrap(), before);
}

#[test]
fn g7_an_old_attempt_is_heard_by_no_one() {
    let (job, clock) = job();
    let mut task = running(&job, "task");
    let first = task.progress();
    first.set_progress(3);
    clock.advance(WINDOW);
    task.resubmitted("lost").unwrap();
    is_not_heard(&first, &job, &clock);
    assert!(first.is_canceled() && !task.is_canceled());
    task.running().unwrap();
    is_not_heard(&first, &job, &clock);
    let mut progress = job.task_progress_updated().from_now();
    first.set_progress(9);
    task.set_progress(1);
    first.set_progress(10);
    assert_eq!(next(&clock, &mut progress), Some(1.0));
    let second = task.progress();
    task.held("by hand").unwrap();
    is_not_heard(&second, &job, &clock);
    task.observed(TaskState::Running).unwrap();
    let third = task.progress();
    third.set_progress(1);
    clock.advance(WINDOW);
    task.observed(TaskState::Pending).unwrap();
    for old in [&first, &second, &third] {
        is_not_heard(old, &job, &clock);
    }
    task.observed(TaskState::Running).unwrap();
    let mut completed = job.task_completed();
    task.complete(()).unwrap();
    for old in [&first, &second, &third] {
        is_not_heard(old, &job, &clock);
    }
    let end = completed.try_recv().unwrap();
    assert_eq!((end.attempt, end.progress, end.total), (4, None, None));
}

#[test]
fn g7_code_that_was_given_up_is_heard_by_no_one() {
    let (job, clock) = job();
    let kept: Arc<Mutex<Vec<TaskContext>>> = Arc::default();
    let slow = {
        let (kept, clock) = (kept.clone(), clock.clone());
        move |cx: TaskContext| {
            cx.set_progress(1);
            clock.advance(ms(5_000));
            assert!(cx.is_canceled(), "its time is over");
            cx.set_progress(2);
            kept.lock().unwrap().push(cx);
            Ok(7)
        }
    };
    let timed_out = job.task("slow").timeout(ms(5_000)).add_blocking(slow).unwrap();
    let canceled = running(&job, "canceled");
    let by_force = canceled.progress();
    by_force.set_progress(1);
    job.submit(&Inline).unwrap();
    job.cancel_task_now(&canceled, "now").unwrap();
    clock.advance(ms(1_000));
    let states: Vec<_> = job.snapshot().tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::TimedOut, TaskState::Canceled]);
    for old in [&by_force, &kept.lock().unwrap()[0].progress()] {
        is_not_heard(old, &job, &clock);
    }
    assert_eq!(timed_out.output().unwrap_err().state, TaskState::TimedOut, "a late result");
    let told: Vec<_> = job.snapshot().tasks.iter().map(|task| task.progress).collect();
    assert_eq!(told, [Some(1.0), Some(1.0)]);
}

#[test]
fn g7_a_retry_starts_without_a_value() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let mut task = running(&job, "task");
    task.set_progress(50);
    task.set_total(100);
    task.set_message("half");
    task.advance(1);
    clock.advance(WINDOW);
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    let snapshot = job.task_snapshot(task.id()).unwrap();
    assert_eq!((snapshot.progress, snapshot.total, snapshot.message), (None, None, None));
    drain(&mut progress);
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
    task.advance(1);
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!((told.attempt, told.progress, told.total, told.message), (2, Some(1.0), None, None));
    // The same value as the attempt before is news.
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    task.set_progress(1);
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!((told.attempt, told.progress), (3, Some(1.0)));
}

#[test]
fn g7_a_retry_by_a_scheduler_starts_without_a_value() {
    let (job, clock) = job();
    let events = job.events();
    let flaky = {
        let clock = clock.clone();
        move |cx: TaskContext, ()| {
            if cx.attempt() == 1 {
                cx.set_total(10);
                cx.set_progress(5);
                clock.advance(WINDOW);
                return Err(TaskError::msg("no"));
            }
            clock.advance(ms(1_000));
            Ok(())
        }
    };
    let retry = milepost::Retry::attempts(2);
    job.task("task").unit("rows").retry(retry).add_blocking_with((), flaky).unwrap();
    job.submit(&Inline).unwrap();
    for event in rest(events) {
        match event {
            Event::TaskProgressUpdated(told) => {
                assert_eq!((told.attempt, told.unit.as_deref()), (1, Some("rows")));
            }
            Event::TaskCompleted(end) => {
                assert_eq!((end.attempt, end.progress, end.total), (2, None, None));
            }
            _ => {}
        }
    }
}

#[test]
fn g7_steps_of_many_threads_add_up() {
    within(|| {
        for _ in 0..20 {
            let (job, clock) = job();
            let completed = job.task_completed();
            let task = running(&job, "task");
            let start = Barrier::new(5);
            std::thread::scope(|scope| {
                for thread in 0..4u64 {
                    let (task, start) = (&task, &start);
                    scope.spawn(move || {
                        start.wait();
                        for n in 0..5_000u64 {
                            match (n + thread) % 4 {
                                0 => task.advance(1),
                                1 => task.advance(2u8),
                                2 => task.advance(-1),
                                _ => task.advance(0.5),
                            }
                        }
                    });
                }
                let (clock, start) = (&clock, &start);
                scope.spawn(move || {
                    start.wait();
                    (0..50).for_each(|_| clock.advance(WINDOW));
                });
            });
            task.complete(()).unwrap();
            drop((job, task));
            assert_eq!(rest(completed)[0].progress, Some(4.0 * 1_250.0 * 2.5));
        }
    });
}

#[test]
fn g7_the_last_value_of_each_thread_is_told_in_time() {
    // Many tasks, each with a reporter of its own that stops for good while windows close: whatever it last said is told
    // without another report.
    within(|| {
        for _ in 0..20 {
            let (job, clock) = job();
            let mut progress = job.task_progress_updated();
            let tasks: Vec<_> = (0..64).map(|n| running(&job, &n.to_string())).collect();
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let reporters: Vec<_> = (0..4)
                    .map(|thread| {
                        let tasks = &tasks;
                        scope.spawn(move || {
                            for value in 0..200 {
                                for task in tasks.iter().skip(thread).step_by(4) {
                                    task.set_progress(value);
                                }
                            }
                        })
                    })
                    .collect();
                let (clock, over) = (&clock, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Acquire) {
                        clock.advance(WINDOW);
                    }
                });
                reporters.into_iter().for_each(|reporter| reporter.join().unwrap());
                over.store(true, Ordering::Release);
            });
            clock.advance(WINDOW * 3);
            let mut last = [None; 64];
            for told in drain(&mut progress) {
                last[told.task.index()] = told.progress;
            }
            assert_eq!(last, [Some(199.0); 64]);
        }
    });
}

/// Waits for a round, by spinning so as not to be late.
fn wait_for(present: &AtomicU64, round: u64) {
    for n in 1.. {
        if present.load(Ordering::Acquire) >= round {
            return;
        }
        if n % 2_000 == 0 { std::thread::yield_now() } else { std::hint::spin_loop() }
    }
}

#[test]
fn g7_a_report_that_meets_the_end_of_activity_is_not_lost() {
    // A slot that was quiet for a window is let go. A store at that very moment, by a writer that still takes it for
    // active, is seen when the slot is read once more (M4). The first windows of a round are such a moment.
    within(|| {
        const ROUNDS: u64 = 4_000;
        let (job, clock) = job();
        let task = running(&job, "task");
        let (writer, id) = (task.progress(), task.id());
        let (go, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (go, done) = (go.clone(), done.clone());
            move || {
                for round in 1..=ROUNDS {
                    wait_for(&go, round);
                    (0..round * 7 % 400).for_each(|_| std::hint::spin_loop());
                    writer.set_progress(round);
                    done.store(round, Ordering::Release);
                }
            }
        });
        for round in 1..=ROUNDS {
            task.set_progress(-1);
            clock.advance(WINDOW);
            // It is active, and quiet from here on.
            go.store(round, Ordering::Release);
            clock.advance(WINDOW);
            wait_for(&done, round);
            clock.advance(WINDOW * 3);
            assert_eq!(job.task_snapshot(id).unwrap().progress, Some(round as f64), "it is lost");
        }
        thread.join().unwrap();
    });
}

#[test]
fn g7_parts_weigh_what_they_are_given() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let mut next = || {
        clock.advance(WINDOW);
        let told = drain(&mut progress);
        assert_eq!(told.len(), 1, "{told:?}");
        (told[0].progress, told[0].total)
    };
    let [scan, parse, none] = task.split([("scan", 1.0), ("parse", 8.0), ("none", -3.0)]);
    assert_eq!(next(), (Some(0.0), Some(9.0)));
    scan.set_progress(0.5);
    assert_eq!(next(), (Some(0.5), Some(9.0)));
    scan.set_progress(1);
    none.set_progress(1);
    assert_eq!(next(), (Some(1.0), Some(9.0)));
    parse.set_total(200);
    parse.advance(50);
    parse.advance(50.0);
    assert_eq!(next(), (Some(5.0), Some(9.0)));
    parse.set_progress(1_000);
    assert_eq!(next(), (Some(9.0), Some(9.0)), "no part is more than whole");
    parse.set_progress(f64::INFINITY);
    parse.set_progress(f64::NAN);
    parse.set_progress(-5);
    assert_eq!(next(), (Some(1.0), Some(9.0)), "nor less than nothing");
    // Splitting the parts in turn.
    let [head, body] = parse.split([("head", 1.0), ("body", 3.0)]);
    head.set_progress(1);
    assert_eq!(next(), (Some(3.0), Some(9.0)));
    let [left, right] = body.split([("left", 1.0), ("right", 1.0)]);
    left.set_progress(1);
    right.set_total(4);
    right.advance(2);
    assert_eq!(next(), (Some(1.0 + 8.0 * (1.0 + 3.0 * 0.75) / 4.0), Some(9.0)));
    body.set_message("the body");
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!(told.message.as_deref(), Some("the body"), "a part's message is the whole's");
}

#[test]
fn g7_parts_report_the_last_value_at_the_end() {
    let (job, _clock) = job();
    let completed = job.task_completed();
    let task = running(&job, "task");
    let [a, b] = task.split([("a", 1.0), ("b", 1.0)]);
    std::thread::scope(|scope| {
        scope.spawn(|| a.set_progress(1));
        scope.spawn(|| b.set_progress(0.5));
    });
    task.complete(()).unwrap();
    drop((job, task));
    let end = &rest(completed)[0];
    assert_eq!((end.progress, end.total), (Some(1.5), Some(2.0)));
}

#[test]
fn g7_parts_of_many_threads_lose_no_last_value() {
    within(|| {
        for _ in 0..30 {
            let (job, clock) = job();
            let mut progress = job.task_progress_updated();
            let task = running(&job, "task");
            let parts = task.split([("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0)]);
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let reporters: Vec<_> = parts
                    .iter()
                    .map(|part| {
                        scope.spawn(move || {
                            part.set_total(1_000);
                            (0..1_000).for_each(|_| part.advance(1));
                        })
                    })
                    .collect();
                let (clock, over) = (&clock, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Acquire) {
                        clock.advance(WINDOW);
                    }
                });
                reporters.into_iter().for_each(|reporter| reporter.join().unwrap());
                over.store(true, Ordering::Release);
            });
            clock.advance(WINDOW * 3);
            let last = drain(&mut progress).pop().unwrap();
            assert_eq!((last.progress, last.total), (Some(10.0), Some(10.0)));
        }
    });
}

#[test]
fn g7_a_message_beside_parts_is_not_lost() {
    // While a window closes, the sum of the parts is noted beside the message: neither may undo the other.
    within(|| {
        for _ in 0..300 {
            let (job, clock) = job();
            let task = running(&job, "task");
            let start = Barrier::new(2);
            std::thread::scope(|scope| {
                let (clock, start) = (&clock, &start);
                scope.spawn(move || {
                    start.wait();
                    (0..20).for_each(|_| clock.advance(ms(50)));
                });
                start.wait();
                for n in 0..20 {
                    let [_part] = task.split([("part", f64::from(n))]);
                    task.set_message(n.to_string());
                }
            });
            let completed = job.task_completed();
            task.complete(()).unwrap();
            drop((job, task));
            assert_eq!(rest(completed)[0].message.as_deref(), Some("19"));
        }
    });
}

#[test]
fn g7_a_value_that_nobody_reported_is_never_told() {
    // One thread sets values beside a count that another call has begun: no sum of old and new must show.
    within(|| {
        for _ in 0..30 {
            let (job, clock) = job();
            let mut progress = job.task_progress_updated();
            let task = running(&job, "task");
            task.advance(1_000_000);
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let (clock, over, task) = (&clock, &over, &task);
                scope.spawn(move || {
                    (0..20_000u32).for_each(|n| task.set_progress(n % 100));
                    over.store(true, Ordering::Release);
                });
                while !over.load(Ordering::Acquire) {
                    clock.advance(WINDOW);
                }
            });
            let told = drain(&mut progress);
            let strange = |told: &&TaskProgressUpdated| {
                told.progress.is_none_or(|value| value >= 100.0 && value != 1_000_000.0)
            };
            assert_eq!(values(&told.iter().filter(strange).cloned().collect::<Vec<_>>()), []);
        }
    });
}

#[test]
fn g7_tracked_iterators_count_what_is_taken() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let mut items = task.track(vec!["a", "b", "c"]);
    assert_eq!(items.len(), 3);
    assert_eq!(items.next(), Some("a"));
    assert_eq!(items.next(), Some("b"));
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!((told.progress, told.total), (Some(2.0), Some(3.0)));
    assert_eq!(items.by_ref().count(), 1);
    assert_eq!(items.next(), None);
    assert_eq!(next(&clock, &mut progress), Some(3.0));
    // Without a known length there is no total.
    let open = running(&job, "open");
    assert_eq!(open.track((0..10).filter(|n| n % 2 == 0)).count(), 5);
    clock.advance(WINDOW);
    let told = drain(&mut progress).remove(0);
    assert_eq!((told.progress, told.total), (Some(5.0), None));
}

#[test]
fn g7_tracked_readers_and_writers_count_bytes() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let mut told = || {
        clock.advance(WINDOW);
        let told = drain(&mut progress).remove(0);
        (told.progress, told.unit.as_deref().map(str::to_owned))
    };
    let bytes = Some("bytes".to_owned());
    let read = running(&job, "read");
    let mut reader = read.track_read(std::io::Cursor::new(vec![7; 1_000]));
    let mut buffer = [0; 300];
    reader.read_exact(&mut buffer).unwrap();
    assert_eq!(told(), (Some(300.0), bytes.clone()));
    reader.seek(SeekFrom::Start(900)).unwrap();
    assert_eq!(told(), (Some(900.0), bytes.clone()));
    reader.seek(SeekFrom::Current(-100)).unwrap();
    assert_eq!(reader.read(&mut buffer).unwrap(), 200);
    assert_eq!(told(), (Some(1_000.0), bytes.clone()));
    let inner = reader.into_inner();
    assert_eq!(inner.position(), 1_000);

    let lines = running(&job, "lines");
    let mut reader = lines.track_read(std::io::BufReader::new(&b"one\ntwo\n"[..]));
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(told(), (Some(4.0), bytes.clone()));

    let write = job.task("write").unit("letters").reporter().unwrap();
    let mut writer = write.track_write(Vec::new());
    writer.write_all(b"hello").unwrap();
    writer.flush().unwrap();
    assert_eq!(told(), (Some(5.0), Some("letters".into())), "a unit that is there stays");
    assert_eq!(writer.into_inner(), b"hello");

    read.running().unwrap_err();
    job.cancel("enough");
    let mut reader = read.track_read(&b"more"[..]);
    let error = reader.read(&mut buffer).unwrap_err();
    assert!(error.get_ref().is_some_and(|error| error.is::<Canceled>()), "{error:?}");
    let mut writer = lines.track_write(Vec::new());
    assert!(writer.write(b"more").is_err());
}

#[test]
fn g7_progress_without_a_job_is_as_good() {
    let none = Progress::none();
    none.set_progress(1);
    none.advance(2);
    none.set_total(3);
    none.set_message("nobody hears it");
    let [part] = none.split([("part", 1.0)]);
    part.set_progress(1);
    assert_eq!(none.track(0..3).count(), 3);
    assert!(none.check().is_ok());

    let heard: Arc<Mutex<Vec<_>>> = Arc::default();
    let progress = Progress::from_fn({
        let heard = heard.clone();
        move |report| heard.lock().unwrap().push((report.progress, report.total))
    });
    progress.set_progress(1);
    progress.advance(2);
    progress.set_total(10);
    progress.set_progress(f64::NAN);
    assert_eq!(
        *heard.lock().unwrap(),
        [(Some(1.0), None), (Some(3.0), None), (Some(3.0), Some(10.0))]
    );
    heard.lock().unwrap().clear();
    let [a, b] = progress.split([("a", 1.0), ("b", 3.0)]);
    a.set_progress(1);
    b.set_progress(0.5);
    assert_eq!(heard.lock().unwrap().last(), Some(&(Some(2.5), Some(4.0))));
}

#[test]
fn g7_a_hook_is_called_one_at_a_time_and_last_with_the_last_report() {
    within(|| {
        for _ in 0..50 {
            let (inside, heard) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
            let progress = Progress::from_fn({
                let (inside, heard) = (inside.clone(), heard.clone());
                move |report| {
                    assert!(!inside.swap(true, Ordering::AcqRel), "two calls at once");
                    *heard.lock().unwrap() = report.progress;
                    inside.store(false, Ordering::Release);
                }
            });
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..500).for_each(|_| progress.advance(1)));
                }
            });
            assert_eq!(*heard.lock().unwrap(), Some(2_000.0));
        }
    });
}

#[test]
fn g5_readers_of_progress_alone_keep_no_history() {
    // Here, as it counts bytes.
    let clock = ManualClock::new();
    let builder = Job::builder("many").history(milepost::History::Unread);
    let job = builder.clock(clock.clock()).build().unwrap();
    let (mut progress, mut windows) = (job.task_progress_updated(), job.progress_windows());
    let run = |tasks: u64, read: &mut dyn FnMut()| {
        for n in 0..tasks {
            let task = running(&job, "task");
            task.set_progress(n);
            task.complete(()).unwrap();
            if n % 100 == 0 {
                clock.advance(WINDOW);
                read();
            }
        }
    };
    let mut read = || {
        drain(&mut progress);
        drain(&mut windows);
    };
    run(2_000, &mut read);
    let before = BYTES.with(Cell::get);
    run(20_000, &mut read);
    let more = BYTES.with(Cell::get) - before;
    assert!(more < 100_000, "{more} bytes more for 20,000 tasks that have come and gone");
}
