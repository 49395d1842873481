//! G5: a reader of progress that is slow gets fewer, newer values: the latest of each task, and each task's last one
//! before its end; never an error, and in no wrong place among other events.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::HashMap;

use common::{
    WINDOW, by_task, check_merged, drain, job, last_progress_and_end, lifecycle, ms, rest, running,
    values, within,
};
use milepost::{Event, EventStream, Job, ManualClock, TaskId, TaskReporter, TaskState};

/// More windows than are kept for a reader.
const MANY: u64 = 40;

/// Has all `tasks` report in each of many windows; the nth task's values are n thousands and up.
fn report_for_long(clock: &ManualClock, tasks: &[TaskReporter]) {
    for window in 0..MANY {
        for task in tasks {
            task.set_progress(task.id().index() as u64 * 1_000 + window);
        }
        clock.advance(WINDOW);
    }
}

/// The last value of each task.
fn last_values<'a>(
    told: impl IntoIterator<Item = &'a milepost::TaskProgressUpdated>,
) -> HashMap<usize, Option<f64>> {
    told.into_iter().map(|told| (told.task.index(), told.progress)).collect()
}

#[test]
fn g5_a_slow_reader_gets_the_latest_value_of_each_task() {
    let (job, clock) = job();
    let mut slow = job.task_progress_updated();
    let mut from_now = job.task_progress_updated().from_now();
    let tasks: Vec<_> = (0..3).map(|n| running(&job, &n.to_string())).collect();
    report_for_long(&clock, &tasks);
    tasks[0].set_progress(7);
    clock.advance(WINDOW);
    let latest = [(0, Some(7.0)), (1, Some(1_039.0)), (2, Some(2_039.0))];
    for reader in [&mut slow, &mut from_now] {
        let told = drain(reader);
        assert!(told.len() <= 3 * 17, "fewer items than were told: {}", told.len());
        assert_eq!(last_values(&told), HashMap::from(latest));
    }
    // From here on it reads along and misses nothing.
    for n in 0..5 {
        tasks[1].set_progress(n);
        clock.advance(WINDOW);
        assert_eq!(by_task(&drain(&mut slow)), [(1, Some(n as f64))]);
    }
}

#[test]
fn g5_draining_ends_though_new_events_come_all_the_time() {
    within(|| {
        let (job, clock) = job();
        let task = running(&job, "task");
        let (mut changes, mut progress, mut windows, mut all) = (
            job.task_state_changed(),
            job.task_progress_updated(),
            job.progress_windows(),
            job.events(),
        );
        let mut n = 0;
        let mut more = || {
            n += 1;
            running(&job, "another").complete(()).unwrap();
            task.set_progress(n);
            task.set_message(n.to_string());
            clock.advance(WINDOW);
        };
        more();
        // As many as are there, and few that come while it reads them.
        assert!((5..1_000).contains(&changes.drain(|_| more())));
        assert!((1..1_000).contains(&progress.drain(|_| more())));
        assert!((1..1_000).contains(&windows.drain(|_| more())));
        assert!((5..10_000).contains(&all.drain(|_| more())));
        job.cancel_now("enough");
        drop((task, job));
        for _ in 0..2 {
            changes.drain(|_| ());
            all.drain(|_| ());
        }
        assert!(changes.is_ended() && all.is_ended());
    });
}

#[test]
fn g5_a_reader_that_falls_behind_again_and_again_sees_values_in_order() {
    let (job, clock) = job();
    let mut slow = job.task_progress_updated();
    let tasks: Vec<_> = (0..5).map(|n| running(&job, &n.to_string())).collect();
    let mut seen: HashMap<TaskId, f64> = HashMap::new();
    let mut items = 0;
    for window in 0..500u32 {
        for task in &tasks {
            task.set_progress(window);
        }
        clock.advance(WINDOW);
        // Two items a window, while five are told.
        for told in [slow.try_recv(), slow.try_recv()].into_iter().flatten() {
            let value = told.progress.unwrap();
            let before = seen.insert(told.task, value);
            assert!(before.is_none_or(|before| before < value), "{before:?}, then {value}");
            items += 1;
        }
    }
    assert_eq!(items, 1_000, "there was always something to read");
    drain(&mut slow).into_iter().for_each(|told| {
        seen.insert(told.task, told.progress.unwrap());
    });
    assert!(seen.len() == 5 && seen.values().all(|value| *value == 499.0), "{seen:?}");
}

#[test]
fn g5_each_tasks_final_value_comes_before_the_end_of_the_stream() {
    let (job, clock) = job();
    let slow = job.task_progress_updated();
    let slow_windows = job.progress_windows();
    let slow_events = job.events();
    let tasks: Vec<_> = (0..100).map(|n| running(&job, &n.to_string())).collect();
    report_for_long(&clock, &tasks[..50]);
    for (n, task) in tasks.iter().enumerate() {
        task.set_progress(n * 3);
        if n % 3 == 0 {
            clock.advance(ms(170));
        }
        task.complete(()).unwrap();
    }
    drop((job, tasks));
    let finals: HashMap<_, _> = (0..100).map(|n| (n, Some(n as f64 * 3.0))).collect();
    assert_eq!(last_values(&rest(slow)), finals);
    let windows = rest(slow_windows);
    assert_eq!(last_values(windows.iter().flat_map(|window| &window.updates)), finals);
    assert_eq!(windows.last().unwrap().progress.fraction, Some(1.0));
    let events = rest(slow_events);
    check_merged(&events, 0);
    for n in 0..100 {
        let (last, end) = last_progress_and_end(&events, TaskId::new(n));
        let Event::TaskProgressUpdated(told) = &events[last.expect("it is told")] else {
            unreachable!()
        };
        assert!(last < Some(end));
        assert_eq!(told.progress, Some(f64::from(n) * 3.0));
    }
}

#[test]
fn g5_a_final_value_is_not_told_twice_to_a_slow_reader() {
    let (job, clock) = job();
    let mut slow = job.events();
    let tasks: Vec<_> = (0..2).map(|n| running(&job, &n.to_string())).collect();
    report_for_long(&clock, &tasks);
    // It notices that it is behind, and reads the table as it then is.
    let mut events = drain(&mut slow);
    tasks[0].complete(()).unwrap();
    tasks[1].set_progress(9);
    tasks[1].complete(()).unwrap();
    events.append(&mut drain(&mut slow));
    check_merged(&events, 0);
    let told = |task| {
        events.iter().filter(move |event| {
            matches!(event, Event::TaskProgressUpdated(told) if told.task == TaskId::new(task))
        })
    };
    assert_eq!((told(0).count(), told(1).count()), (1, 2));
}

#[test]
fn g5_one_slow_reader_holds_up_no_other() {
    within(|| {
        let (job, clock) = job();
        let slow = (job.task_progress_updated(), job.events(), job.progress_windows());
        let (mut fast, mut events) = (job.task_progress_updated(), job.events());
        let mut windows = job.progress_windows();
        let task = running(&job, "task");
        drain(&mut events);
        for n in 0..MANY {
            task.set_progress(n);
            clock.advance(WINDOW);
            assert_eq!(values(&drain(&mut fast)), [Some(n as f64)]);
            assert_eq!(drain(&mut events).len(), 1);
            assert_eq!(values(&windows.try_recv().unwrap().updates), [Some(n as f64)]);
        }
        drop(slow);
    });
}

#[test]
fn g5_a_reader_that_waits_is_woken_while_another_one_does_not_read() {
    within(|| {
        let (job, clock) = job();
        let unread = job.events();
        let task = running(&job, "task");
        let mut progress = job.task_progress_updated();
        let reader = std::thread::spawn(move || {
            let first = progress.blocking_next().unwrap().progress;
            let second = progress.blocking_next().unwrap().progress;
            (first, second, progress.blocking_next())
        });
        task.set_progress(1);
        clock.advance(WINDOW);
        task.set_progress(2);
        task.complete(()).unwrap();
        drop((job, task));
        let (first, second, end) = reader.join().unwrap();
        assert!(end.is_none());
        assert!((first, second) == (Some(1.0), Some(2.0)), "{first:?}, {second:?}");
        drop(unread);
    });
}

/// A job that goes on by steps of all kinds, among them many windows, ends, attempts and new tasks.
struct Busy {
    job: Job,
    clock: ManualClock,
    tasks: Vec<TaskReporter>,
    steps: u64,
}

impl Busy {
    fn new() -> Busy {
        let (job, clock) = job();
        Busy { job, clock, tasks: Vec::new(), steps: 0 }
    }

    fn step(&mut self) {
        let n = self.steps;
        self.steps += 1;
        if n.is_multiple_of(5) {
            self.tasks.push(running(&self.job, &n.to_string()));
        }
        for task in &self.tasks {
            task.set_progress(n * 100 + task.id().index() as u64);
        }
        if n % 7 == 3 {
            let at = n as usize % self.tasks.len();
            self.tasks[at].resubmitted("lost").unwrap();
            self.tasks[at].running().unwrap();
            self.tasks[at].set_progress(n);
        }
        if n % 11 == 10 && self.tasks.len() > 2 {
            let task = self.tasks.remove(0);
            task.end(
                if n.is_multiple_of(2) { TaskState::Completed } else { TaskState::Failed },
                "",
            )
            .unwrap();
        }
        self.clock.advance(ms(90 + n % 3 * 100));
    }

    fn end(self) {
        for task in self.tasks {
            task.complete(()).unwrap();
        }
    }
}

/// The final values of all tasks, as their completions say.
fn finals(events: &[Event]) -> HashMap<TaskId, Option<f64>> {
    let ends = events.iter().filter_map(|event| match event {
        Event::TaskCompleted(end) => Some((end.task, end.progress)),
        _ => None,
    });
    ends.filter(|(_, progress)| progress.is_some()).collect()
}

fn check_slow(events: &[Event], seq: u64) {
    check_merged(events, seq);
    for (task, progress) in finals(events) {
        let (last, end) = last_progress_and_end(events, task);
        let last = last.unwrap_or_else(|| panic!("no progress of task {task}"));
        let Event::TaskProgressUpdated(told) = &events[last] else { unreachable!() };
        assert!(
            last < end && told.progress == progress,
            "{told:?}, but it ended with {progress:?}"
        );
    }
}

#[test]
fn g5_progress_has_its_place_among_the_events_however_slowly_they_are_read() {
    for items_a_step in [0, 1, 2, 3, 5] {
        for every in [1, 10, 30, 100] {
            let mut busy = Busy::new();
            let mut slow = busy.job.events();
            let mut read = Vec::new();
            for step in 0..400 {
                busy.step();
                if step % every == every - 1 {
                    read.extend(std::iter::from_fn(|| slow.try_recv()).take(items_a_step));
                }
            }
            busy.end();
            read.append(&mut rest(slow));
            check_slow(&read, 0);
        }
    }
}

#[test]
fn g5_a_slow_reader_is_told_of_no_attempt_before_it_begins() {
    let (job, clock) = job();
    let mut slow = job.events();
    let mut task = running(&job, "task");
    for n in 0..MANY {
        task.set_progress(n);
        clock.advance(WINDOW);
    }
    let mut read = vec![slow.try_recv().unwrap()];
    // It has noticed that it is behind; what follows, it must not be told ahead of time.
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    let second = running(&job, "second");
    second.set_progress(2);
    task.set_progress(1);
    clock.advance(WINDOW);
    read.append(&mut drain(&mut slow));
    check_merged(&read, 0);
    let last = |task| {
        read.iter().rev().find_map(|event| match event {
            Event::TaskProgressUpdated(told) if told.task == task => Some(told.progress),
            _ => None,
        })
    };
    assert_eq!(last(task.id()), Some(Some(1.0)));
    assert_eq!(last(second.id()), Some(Some(2.0)));
}

#[test]
fn g5_windows_read_slowly_are_fewer_and_newer() {
    let (job, clock) = job();
    let mut slow = job.progress_windows();
    let tasks: Vec<_> = (0..3).map(|n| running(&job, &n.to_string())).collect();
    report_for_long(&clock, &tasks);
    let windows = drain(&mut slow);
    assert!(windows.len() <= 17, "{}", windows.len());
    let told = last_values(windows.iter().flat_map(|window| &window.updates));
    assert_eq!(told, HashMap::from([(0, Some(39.0)), (1, Some(1_039.0)), (2, Some(2_039.0))]));
    for window in &windows {
        let mut tasks: Vec<_> = window.updates.iter().map(|told| told.task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        assert_eq!(tasks.len(), window.updates.len(), "each task once");
    }
    assert!(windows.is_sorted_by_key(|window| (window.at, window.after)));
}

#[test]
fn g5_readers_on_threads_of_their_own_end_with_the_final_values() {
    within(|| {
        for round in 0..5 {
            let clock = ManualClock::new();
            let job = Job::builder("job").window(ms(1)).clock(clock.clock()).build().unwrap();
            let mut readers = Vec::new();
            for n in 0..4u32 {
                let mut events: EventStream<Event> = job.events();
                readers.push(std::thread::spawn(move || {
                    let mut read = Vec::new();
                    while let Some(event) = events.blocking_next() {
                        read.push(event);
                        (0..n * 500).for_each(|_| std::hint::spin_loop());
                    }
                    read
                }));
            }
            std::thread::scope(|scope| {
                for thread in 0..3 {
                    let (job, clock) = (&job, &clock);
                    scope.spawn(move || {
                        for n in 0..60u64 {
                            let mut task = running(job, &format!("{thread}-{n}"));
                            for value in 0..30 {
                                task.set_progress(value);
                                clock.advance(ms(1));
                                if value == 15 && n % 4 == round % 4 {
                                    task.resubmitted("lost").unwrap();
                                    task.running().unwrap();
                                }
                            }
                            task.set_progress(100 + n);
                            task.complete(()).unwrap();
                        }
                    });
                }
            });
            drop(job);
            let all: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
            for read in &all {
                check_slow(read, 0);
                assert_eq!(finals(read).len(), 180);
            }
            let lengths: Vec<_> = all.into_iter().map(|read| lifecycle(read).len()).collect();
            assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
        }
    });
}

#[test]
fn g5_final_values_are_told_though_history_is_freed() {
    for tasks_a_window in [1, 5, 8, 13, 100, 700, 2_000] {
        let clock = ManualClock::new();
        let builder = Job::builder("many").history(milepost::History::Unread);
        let job = builder.clock(clock.clock()).build().unwrap();
        let (mut windows, progress) = (job.progress_windows(), job.task_progress_updated());
        let mut events = job.events();
        let mut told = HashMap::new();
        let mut read_windows = |windows: &mut EventStream<milepost::ProgressWindow>| {
            let windows = drain(windows);
            told.extend(last_values(windows.iter().flat_map(|window| &window.updates)));
        };
        for n in 0..2_000u64 {
            let task = running(&job, &n.to_string());
            task.set_progress(n);
            task.complete(()).unwrap();
            // A reader that reads along, so that there is something to free.
            drain(&mut events);
            if n % tasks_a_window == tasks_a_window - 1 {
                clock.advance(WINDOW);
                read_windows(&mut windows);
            }
        }
        drop(job);
        read_windows(&mut windows);
        let finals: HashMap<_, _> = (0..2_000).map(|n| (n, Some(n as f64))).collect();
        assert!(told == finals, "windows with {tasks_a_window} tasks told of {}", told.len());
        let told = last_values(&rest(progress));
        assert!(told == finals, "an unread stream told of {}", told.len());
    }
}
