//! G6: whoever subscribes late gets the lifecycle history, and of progress the present value of each task that has one,
//! then changes. A snapshot with the events after it is everything, once.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{
    WINDOW, by_task, check_merged, drain, job, jsons, lifecycle, ms, rest, running, values, within,
};
use milepost::{
    Event, JobSnapshot, JobState, TaskError, TaskId, TaskReporter, TaskSnapshot, TaskState,
};

/// Progress as the late reader is first told it: task, attempt and value, in the order of tasks.
fn present(stream: milepost::EventStream<milepost::TaskProgressUpdated>) -> Vec<(usize, u32, f64)> {
    let mut stream = stream;
    let mut told: Vec<_> = drain(&mut stream)
        .iter()
        .map(|told| (told.task.index(), told.attempt, told.progress.unwrap_or(f64::NAN)))
        .collect();
    told.sort_by_key(|told| told.0);
    told
}

#[test]
fn g6_late_readers_of_progress_get_the_present_value_of_each_task_that_has_one() {
    let (job, clock) = job();
    assert_eq!(present(job.task_progress_updated()), []);
    let mut tasks: Vec<_> = (0..4).map(|n| running(&job, &n.to_string())).collect();
    assert_eq!(present(job.task_progress_updated()), [], "nothing was reported");
    tasks[0].set_progress(1);
    tasks[1].set_progress(2);
    assert_eq!(present(job.task_progress_updated()), [], "the window is open");
    let mut in_the_window = job.task_progress_updated();
    clock.advance(WINDOW);
    assert_eq!(by_task(&drain(&mut in_the_window)).len(), 2, "it is told as the window closes");
    assert_eq!(present(job.task_progress_updated()), [(0, 1, 1.0), (1, 1, 2.0)]);
    // Ended tasks have a value, too; those of a new attempt have none.
    tasks[0].set_progress(3);
    tasks[0].complete(()).unwrap();
    tasks[1].resubmitted("lost").unwrap();
    assert_eq!(present(job.task_progress_updated()), [(0, 1, 3.0)]);
    tasks[1].running().unwrap();
    tasks[1].set_progress(0);
    tasks[2].set_progress(5);
    clock.advance(WINDOW);
    assert_eq!(present(job.task_progress_updated()), [(0, 1, 3.0), (1, 2, 0.0), (2, 1, 5.0)]);
    assert_eq!(present(job.task_progress_updated().after(1_000)).len(), 3);
    assert_eq!(present(job.task_progress_updated().from_now()), []);
    let late = job.task_progress_updated();
    drop((job, tasks));
    assert_eq!(present(late), [(0, 1, 3.0), (1, 2, 0.0), (2, 1, 5.0)], "of an ended job as well");
}

#[test]
fn g6_present_values_are_followed_by_changes() {
    let (job, clock) = job();
    let (first, second) = (running(&job, "first"), running(&job, "second"));
    first.set_progress(1);
    clock.advance(WINDOW);
    let mut late = job.task_progress_updated();
    let mut from_now = job.task_progress_updated().from_now();
    first.set_progress(2);
    second.set_progress(3);
    assert_eq!(by_task(&drain(&mut late)), [(0, Some(1.0))]);
    clock.advance(WINDOW);
    let mut changes = by_task(&drain(&mut late));
    changes.sort_by_key(|change| change.0);
    assert_eq!(changes, [(0, Some(2.0)), (1, Some(3.0))]);
    assert_eq!(drain(&mut from_now).len(), 2);
    // One that reads only now gets the latest at once.
    let mut slow = job.task_progress_updated();
    first.set_progress(4);
    clock.advance(WINDOW);
    let mut latest = by_task(&drain(&mut slow));
    latest.sort_by_key(|told| told.0);
    assert_eq!(latest, [(0, Some(4.0)), (1, Some(3.0))]);
    assert_eq!(values(&drain(&mut late)), [Some(4.0)]);
}

#[test]
fn g6_late_readers_of_all_events_get_history_and_progress_in_order() {
    let (job, clock) = job();
    let mut late = vec![job.events()];
    let mut tasks: Vec<_> = (0..3).map(|n| running(&job, &n.to_string())).collect();
    late.push(job.events());
    tasks[0].set_progress(1);
    late.push(job.events());
    clock.advance(WINDOW);
    late.push(job.events());
    tasks[0].resubmitted("lost").unwrap();
    late.push(job.events());
    tasks[0].running().unwrap();
    tasks[0].set_progress(2);
    tasks[1].set_progress(3);
    clock.advance(WINDOW);
    late.push(job.events());
    tasks[1].fail(TaskError::msg("no")).unwrap();
    tasks[2].set_progress(4);
    late.push(job.events());
    clock.advance(WINDOW);
    tasks[2].complete(()).unwrap();
    late.push(job.events());
    tasks[0].complete(()).unwrap();
    let last = job.last_seq();
    late.push(job.events());
    late.push(job.events().after(0));
    drop((job, tasks));
    let mut histories = Vec::new();
    for (n, late) in late.into_iter().enumerate() {
        let read = rest(late);
        check_merged(&read, 0);
        let mut finals = BTreeMap::new();
        for event in &read {
            if let Event::TaskProgressUpdated(told) = event {
                finals.insert(told.task.index(), told.progress);
            }
        }
        let expected = BTreeMap::from([(0, Some(2.0)), (1, Some(3.0)), (2, Some(4.0))]);
        assert_eq!(finals, expected, "reader {n}");
        histories.push(jsons(&lifecycle(read)));
    }
    assert!(histories.iter().all(|history| *history == histories[0]));
    assert_eq!(histories[0].len() as u64, last + 2);
}

#[test]
fn g6_what_happens_after_subscribing_keeps_its_place() {
    // The reader comes late and reads nothing while the job goes on: what was told in the meantime is not told before
    // the events that it came after.
    let (job, clock) = job();
    let mut task = running(&job, "task");
    task.set_progress(1);
    clock.advance(WINDOW);
    let mut late = job.events();
    task.resubmitted("lost").unwrap();
    task.running().unwrap();
    task.set_progress(2);
    let second = running(&job, "second");
    second.set_progress(3);
    clock.advance(WINDOW);
    let read = drain(&mut late);
    check_merged(&read, 0);
    let told: Vec<_> = read
        .iter()
        .filter_map(|event| match event {
            Event::TaskProgressUpdated(told) => Some((told.task.index(), told.progress)),
            _ => None,
        })
        .collect();
    assert!(told.contains(&(0, Some(2.0))) && told.contains(&(1, Some(3.0))), "{told:?}");
}

#[test]
fn g6_after_a_seq_progress_comes_again_and_history_does_not() {
    let (job, clock) = job();
    let task = running(&job, "task");
    task.set_progress(1);
    clock.advance(WINDOW);
    let seq = job.last_seq();
    for seq in [seq, seq - 2] {
        let mut again = job.events().after(seq);
        let read = drain(&mut again);
        let told = read.iter().filter(|event| event.seq().is_none()).count();
        assert_eq!((told, lifecycle(read).len() as u64), (1, job.last_seq() - seq));
    }
    let mut again = job.events().after(seq);
    let mut completed = job.task_completed().after(seq);
    task.set_progress(2);
    task.complete(()).unwrap();
    let read = drain(&mut again);
    assert_eq!(lifecycle(read.clone()).first().and_then(Event::seq), Some(seq + 1));
    let last = read.iter().rev().find_map(|event| match event {
        Event::TaskProgressUpdated(told) => Some(told.progress),
        _ => None,
    });
    assert_eq!(last, Some(Some(2.0)));
    assert_eq!(completed.try_recv().unwrap().progress, Some(2.0));
}

#[test]
fn g6_late_readers_of_windows_get_the_present_values_in_one() {
    let (job, clock) = job();
    let tasks: Vec<_> = (0..3).map(|n| running(&job, &n.to_string())).collect();
    tasks[0].set_progress(1);
    tasks[1].set_progress(2);
    tasks[1].complete(()).unwrap();
    clock.advance(WINDOW);
    let mut late = job.progress_windows();
    let window = late.try_recv().unwrap();
    assert_eq!(by_task(&window.updates), [(0, Some(1.0)), (1, Some(2.0))]);
    assert_eq!(window.progress.counts.completed(), 1);
    assert!(late.try_recv().is_none());
    tasks[2].set_progress(3);
    clock.advance(WINDOW);
    assert_eq!(by_task(&late.try_recv().unwrap().updates), [(2, Some(3.0))]);
}

/// What a reader who has a snapshot makes of the events after it.
#[derive(Debug, PartialEq)]
struct Folded {
    state: JobState,
    seq: u64,
    tasks: BTreeMap<TaskId, Row>,
}

#[derive(Debug, PartialEq, Clone)]
struct Row {
    name: Arc<str>,
    state: TaskState,
    attempt: u32,
    progress: Option<f64>,
    total: Option<f64>,
    message: Option<Arc<str>>,
}

impl Folded {
    fn of(snapshot: &JobSnapshot) -> Folded {
        let row = |task: &TaskSnapshot| Row {
            name: task.name.clone(),
            state: task.state,
            attempt: task.attempt,
            progress: task.progress,
            total: task.total,
            message: task.message.clone(),
        };
        let tasks = snapshot.tasks.iter().map(|task| (task.task, row(task))).collect();
        Folded { state: snapshot.state, seq: snapshot.seq, tasks }
    }

    fn fold(&mut self, event: &Event) {
        if let Some(seq) = event.seq() {
            assert_eq!(seq, self.seq + 1, "{event:?} is lost or told twice");
            self.seq = seq;
        }
        match event {
            Event::JobStateChanged(change) => {
                assert_eq!(self.state, change.from);
                self.state = change.to;
            }
            Event::TaskAdded(added) => {
                let (name, state) = (added.name.clone(), TaskState::Pending);
                let row =
                    Row { name, state, attempt: 1, progress: None, total: None, message: None };
                assert_eq!(self.tasks.insert(added.task, row), None, "{added:?} is told twice");
            }
            Event::TaskStateChanged(change) => {
                let row = self.tasks.get_mut(&change.task).expect("the task was added");
                assert_eq!(row.state, change.from);
                if row.attempt != change.attempt {
                    (row.progress, row.total, row.message) = (None, None, None);
                }
                (row.state, row.attempt) = (change.to, change.attempt);
            }
            Event::TaskProgressUpdated(told) => {
                let row = self.tasks.get_mut(&told.task).expect("the task was added");
                assert!(
                    !row.state.is_terminal() && row.attempt == told.attempt,
                    "{told:?}, {row:?}"
                );
                let before = (row.progress, row.total, &row.message);
                assert!(before != (told.progress, told.total, &told.message), "{told:?} twice");
                (row.progress, row.total) = (told.progress, told.total);
                row.message = told.message.clone();
            }
            Event::TaskCompleted(end) => {
                let row = &self.tasks[&end.task];
                assert_eq!((row.state, row.attempt), (end.state, end.attempt));
                assert_eq!((row.progress, row.total), (end.progress, end.total));
            }
            Event::JobCompleted(end) => assert_eq!(self.state, end.state),
            _ => {}
        }
    }
}

fn go_on(tasks: &mut [TaskReporter], n: u64) {
    let at = n as usize % tasks.len();
    let task = &mut tasks[at];
    // Those that can't be are refused.
    let _ = match n % 9 {
        0 => task.assigned(),
        1 | 2 => task.running(),
        3 => task.suspended(),
        4 => task.resubmitted("lost"),
        5 => task.held("by hand"),
        _ => Ok(()),
    };
    task.set_total(1_000);
    task.set_progress(n);
    task.set_message(if n % 4 < 2 { "a" } else { "b" });
}

#[test]
fn g6_a_snapshot_with_the_events_after_it_is_the_final_state() {
    let (job, clock) = job();
    let mut readers = vec![job.snapshot_and_events()];
    let mut tasks = Vec::new();
    for n in 0..500 {
        if n % 50 == 0 {
            tasks.push(job.reporter(n.to_string()).unwrap());
        }
        go_on(&mut tasks, n * 7);
        if n % 3 == 0 {
            clock.advance(ms(n % 13 * 20));
        }
        if n % 5 == 0 {
            readers.push(job.snapshot_and_events());
        }
        if n % 120 == 119 {
            let task = tasks.remove(1);
            let _ = task.fail(TaskError::msg("no"));
        }
    }
    for task in &tasks {
        let _ = task.complete(());
        drop(task.progress());
    }
    job.cancel_now("all others");
    let last = Folded::of(&job.snapshot());
    assert!(last.state.is_terminal());
    drop((job, tasks));
    for (snapshot, events) in readers {
        let mut folded = Folded::of(&snapshot);
        rest(events).iter().for_each(|event| folded.fold(event));
        assert_eq!(folded, last, "from {}", snapshot.seq);
    }
}

#[test]
fn g6_snapshots_are_atomic_among_threads() {
    within(|| {
        for _ in 0..3 {
            let (job, clock) = job();
            let over = Arc::new(AtomicBool::new(false));
            let reader = std::thread::spawn({
                let (job, over) = (job.clone(), over.clone());
                move || {
                    let mut readers = Vec::new();
                    while !over.load(Ordering::Acquire) && readers.len() < 400 {
                        readers.push(job.snapshot_and_events());
                    }
                    readers
                }
            });
            std::thread::scope(|scope| {
                for thread in 0..2 {
                    let (job, clock) = (&job, &clock);
                    scope.spawn(move || {
                        let mut tasks: Vec<_> = (0..3)
                            .map(|n| job.reporter(format!("{thread}-{n}")).unwrap())
                            .collect();
                        for n in 0..300 {
                            go_on(&mut tasks, n * 5 + thread);
                            clock.advance(ms(n % 7 * 30));
                        }
                    });
                }
            });
            over.store(true, Ordering::Release);
            let readers = reader.join().unwrap();
            job.cancel_now("all others");
            let last = Folded::of(&job.snapshot());
            drop(job);
            for (snapshot, events) in readers {
                let mut folded = Folded::of(&snapshot);
                rest(events).iter().for_each(|event| folded.fold(event));
                assert_eq!(folded, last, "from {}", snapshot.seq);
            }
        }
    });
}

#[test]
fn g6_a_snapshot_is_as_of_the_last_flush() {
    let (job, clock) = job();
    let task = running(&job, "task");
    task.set_progress(1);
    let (snapshot, mut events) = job.snapshot_and_events();
    assert_eq!(snapshot.tasks[0].progress, None);
    assert!(events.try_recv().is_none());
    clock.advance(WINDOW);
    let Some(Event::TaskProgressUpdated(told)) = events.try_recv() else {
        panic!("it was flushed")
    };
    assert_eq!((told.progress, told.after), (Some(1.0), snapshot.seq));
    let (snapshot, mut events) = job.snapshot_and_events();
    assert_eq!(snapshot.tasks[0].progress, Some(1.0));
    clock.advance(ms(1_000));
    assert!(events.try_recv().is_none(), "it is in the snapshot");
}
