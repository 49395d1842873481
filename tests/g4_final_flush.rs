//! G4: the last progress before a task's end is told, before the end, on whatever path; once, and never later.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};

use common::{
    Inline, TERMINAL, WINDOW, check_merged, drain, job, last_progress_and_end, ms, rest, running,
    values, within,
};
use milepost::{
    Event, EventStream, Job, ManualClock, Progress, Retry, TaskCompleted, TaskContext, TaskError,
    TaskId, TaskProgressUpdated, TaskState,
};

/// Reports what no window has told: the value 42 of 100 rows, and a word.
fn report(progress: &Progress) {
    progress.set_total(100);
    progress.set_unit("rows");
    progress.set_message("nearly");
    progress.set_progress(41);
    progress.set_progress(42);
}

fn is_last(told: &TaskProgressUpdated) -> bool {
    told.progress == Some(42.0)
        && told.total == Some(100.0)
        && told.unit.as_deref() == Some("rows")
        && told.message.as_deref() == Some("nearly")
}

/// The readers that a path is checked with.
struct Readers {
    /// Made before, reads nothing until the end.
    early: EventStream<Event>,
    progress: EventStream<TaskProgressUpdated>,
    completed: EventStream<TaskCompleted>,
    windows: EventStream<milepost::ProgressWindow>,
}

impl Readers {
    fn of(job: &Job) -> Readers {
        Readers {
            early: job.events(),
            progress: job.task_progress_updated(),
            completed: job.task_completed(),
            windows: job.progress_windows(),
        }
    }

    /// Checks that the second task has ended as `state` and that what [`report`] reported came before.
    fn check(self, state: TaskState) {
        let task = TaskId::new(1);
        let events = rest(self.early);
        check_merged(&events, 0);
        let (last, end) = last_progress_and_end(&events, task);
        let last = last.expect("its progress is told");
        assert!(last < end, "the last progress comes before the terminal state");
        let Event::TaskProgressUpdated(told) = &events[last] else { unreachable!() };
        assert!(is_last(told), "{told:?}");
        let of_task = |told: &TaskProgressUpdated| told.task == task;
        let last = rest(self.progress).into_iter().rfind(of_task);
        assert!(last.as_ref().is_some_and(is_last), "{last:?}");
        let of_windows = rest(self.windows).into_iter().flat_map(|window| window.updates);
        let last = of_windows.filter(of_task).last();
        assert!(last.as_ref().is_some_and(is_last), "{last:?}");
        let mut completed = rest(self.completed);
        completed.retain(|end| end.task == task);
        assert_eq!(completed.len(), 1);
        let end = completed.remove(0);
        assert_eq!(end.state, state, "{end:?}");
        assert_eq!((end.progress, end.total), (Some(42.0), Some(100.0)));
        assert_eq!((end.unit.as_deref(), end.message.as_deref()), (Some("rows"), Some("nearly")));
    }
}

/// Has a task's end led to by `path`, and checks it for readers of all kinds: those who read nothing before the job's
/// end, with and without more windows after the task's end than are kept for them, and those who come late.
fn check(state: TaskState, path: impl Fn(Job, &ManualClock)) {
    for windows in [0, 40] {
        let (job, clock) = job();
        let early = Readers::of(&job);
        let noise = running(&job, "noise");
        path(job.clone(), &clock);
        for n in 0..windows {
            noise.set_progress(n);
            clock.advance(WINDOW);
        }
        let late = Readers::of(&job);
        // Some paths have canceled the whole job.
        let _ = noise.complete(());
        drop((job, noise));
        clock.advance(ms(1_000));
        early.check(state);
        late.check(state);
    }
}

#[test]
fn g4_last_progress_precedes_success() {
    check(TaskState::Completed, |job, _| {
        let done = job.reporter("task").unwrap().run_blocking(|cx| {
            report(&cx);
            Ok(1)
        });
        assert_eq!(*done.unwrap(), 1);
    });
    check(TaskState::Completed, |job, _| {
        let task = running(&job, "task");
        report(&task);
        task.complete(()).unwrap();
    });
}

#[test]
fn g4_last_progress_precedes_an_error() {
    check(TaskState::Failed, |job, _| {
        let failed = job.reporter("task").unwrap().run_blocking(|cx| -> Result<(), _> {
            report(&cx);
            Err(TaskError::msg("no"))
        });
        assert_eq!(failed.unwrap_err().state, TaskState::Failed);
    });
}

#[test]
fn g4_last_progress_precedes_a_panic() {
    check(TaskState::Failed, |job, _| {
        let failed = job.reporter("task").unwrap().run_blocking(|cx| -> Result<(), _> {
            report(&cx);
            panic!("boom")
        });
        assert!(failed.unwrap_err().error.is_some());
    });
}

#[test]
fn g4_last_progress_precedes_each_end_that_is_reported() {
    for state in TERMINAL {
        check(state, |job, _| {
            let task = job.reporter("task").unwrap();
            task.assigned().unwrap();
            if state != TaskState::EnvironmentError {
                task.running().unwrap();
            }
            report(&task);
            task.end(state, "").unwrap();
        });
        check(state, |job, _| {
            let mut task = job.reporter("task").unwrap();
            report(&task);
            task.observed(state).unwrap();
        });
    }
}

#[test]
fn g4_last_progress_precedes_a_cancellation_that_the_task_heeds() {
    check(TaskState::Canceled, |job, _| {
        job.add_blocking("task", {
            let job = job.clone();
            move |cx| -> Result<(), _> {
                job.cancel("enough");
                report(&cx);
                Ok(cx.check()?)
            }
        })
        .unwrap();
        job.submit(&Inline).unwrap();
    });
    check(TaskState::Canceled, |job, _| {
        let task = running(&job, "task");
        job.cancel_task(&task, "enough").unwrap();
        report(&task);
        task.fail(TaskError::msg("stopped")).unwrap();
    });
}

#[test]
fn g4_last_progress_precedes_a_cancellation_before_it_runs() {
    check(TaskState::Canceled, |job, _| {
        let task = job.reporter("task").unwrap();
        report(&task);
        job.cancel("enough");
    });
}

#[test]
fn g4_last_progress_precedes_a_forced_cancellation() {
    for of_task in [false, true] {
        check(TaskState::Canceled, |job, _| {
            let task = running(&job, "task");
            report(&task);
            if of_task {
                job.cancel_task_now(&task, "now").unwrap();
            } else {
                job.cancel_now("now");
            }
            task.set_progress(43);
        });
        check(TaskState::Canceled, |job, clock| {
            let task = running(&job, "task");
            if of_task {
                job.cancel_task(&task, "soon").unwrap();
            } else {
                job.cancel("soon");
            }
            clock.advance(ms(29_990));
            report(&task);
            clock.advance(ms(10));
            task.set_progress(43);
        });
    }
}

#[test]
fn g4_last_progress_precedes_a_timeout() {
    check(TaskState::TimedOut, |job, clock| {
        let clock = clock.clone();
        let slow = move |cx: TaskContext| {
            clock.advance(ms(4_990));
            report(&cx);
            clock.advance(ms(10));
            cx.set_progress(43);
            clock.advance(ms(1_000));
            Ok(())
        };
        job.task("task").timeout(ms(5_000)).add_blocking(slow).unwrap();
        job.submit(&Inline).unwrap();
    });
}

#[test]
fn g4_last_progress_precedes_the_interruption_by_a_dropped_reporter() {
    check(TaskState::Interrupted, |job, _| {
        let task = running(&job, "task");
        report(&task);
        drop(task);
    });
}

#[test]
fn g4_last_progress_precedes_the_interruption_by_a_dropped_run() {
    struct Drops;
    impl milepost::Scheduler for Drops {
        fn ready(&self, queue: milepost::TaskQueue) {
            while let Some(run) = queue.next() {
                let mut run = run;
                let mut cx = Context::from_waker(Waker::noop());
                assert_eq!(pin!(&mut run).poll(&mut cx), Poll::Pending);
                drop(run);
            }
        }
    }

    check(TaskState::Interrupted, |job, _| {
        let waits = async |cx: TaskContext| {
            report(&cx);
            std::future::pending::<Result<(), TaskError>>().await
        };
        job.add("task", waits).unwrap();
        job.submit(&Arc::new(Drops)).unwrap();
    });
}

#[test]
fn g4_last_progress_precedes_the_end_of_a_driven_task() {
    let run = |job: &Job, fails: bool| {
        let task = job.run("task", async |cx| {
            report(&cx);
            cx.checkpoint().await?;
            if fails { Err(TaskError::msg("no")) } else { Ok(()) }
        });
        futures::executor::block_on(task).is_err()
    };
    check(TaskState::Completed, |job, _| assert!(!run(&job, false)));
    check(TaskState::Failed, |job, _| assert!(run(&job, true)));
    check(TaskState::Canceled, |job, _| {
        let mut task = Box::pin(job.run("task", async |cx| {
            report(&cx);
            std::future::pending::<Result<(), TaskError>>().await
        }));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(task.as_mut().poll(&mut cx).is_pending());
        drop(task);
    });
}

#[test]
fn g4_last_progress_of_an_attempt_precedes_the_next_attempt() {
    let (job, clock) = job();
    let mut events = job.events();
    let mut task = running(&job, "task");
    report(&task);
    clock.advance(ms(50));
    drain(&mut events);
    task.resubmitted("worker lost").unwrap();
    let told = drain(&mut events);
    let Event::TaskProgressUpdated(last) = &told[0] else { panic!("{told:?}") };
    assert!(is_last(last) && last.attempt == 1, "{last:?}");
    let Event::TaskStateChanged(change) = &told[1] else { panic!("{told:?}") };
    assert_eq!((change.to, change.attempt), (TaskState::Submitted, 2));
    task.running().unwrap();
    report(&task);
    drain(&mut events);
    task.held("by hand").unwrap();
    let told = drain(&mut events);
    let Event::TaskProgressUpdated(last) = &told[0] else { panic!("{told:?}") };
    assert!(is_last(last) && last.attempt == 2, "the same value, but of another attempt");
    // The third attempt reports nothing: its end has nothing to tell.
    task.resubmitted("released").unwrap();
    task.running().unwrap();
    let mut completed = job.task_completed();
    task.complete(()).unwrap();
    assert!(drain(&mut events).iter().all(|event| event.seq().is_some()));
    let end = completed.try_recv().unwrap();
    assert_eq!((end.attempt, end.progress, end.message), (3, None, None));
}

#[test]
fn g4_last_progress_of_a_failed_attempt_precedes_the_retry() {
    let (job, _clock) = job();
    let events = job.events();
    let flaky = |cx: TaskContext, ()| {
        cx.set_progress(cx.attempt() * 10);
        match cx.attempt() {
            1 => Err(TaskError::msg("no")),
            2 => panic!("no"),
            _ => Ok(()),
        }
    };
    job.task("task").retry(Retry::attempts(3)).add_blocking_with((), flaky).unwrap();
    job.submit(&Inline).unwrap();
    let events = rest(events);
    check_merged(&events, 0);
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::TaskProgressUpdated(told) => Some((told.attempt, told.progress)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(1, Some(10.0)), (2, Some(20.0)), (3, Some(30.0))]);
}

#[test]
fn g4_final_flush_is_skipped_if_the_value_was_told_already() {
    let (job, clock) = job();
    let (mut events, mut progress) = (job.events(), job.task_progress_updated());
    let task = running(&job, "task");
    report(&task);
    clock.advance(WINDOW);
    assert_eq!(drain(&mut progress).len(), 1);
    drain(&mut events);
    task.set_progress(42);
    task.complete(()).unwrap();
    assert!(progress.try_recv().is_none());
    let told = drain(&mut events);
    assert!(told.iter().all(|event| event.seq().is_some()), "{told:?}");
    let Event::TaskCompleted(end) = &told[1] else { panic!("{told:?}") };
    assert_eq!((end.progress, end.message.as_deref()), (Some(42.0), Some("nearly")));
}

#[test]
fn g4_nothing_is_told_of_a_task_after_its_end() {
    let (job, clock) = job();
    let (mut events, mut progress) = (job.events(), job.task_progress_updated());
    let mut windows = job.progress_windows();
    let task = running(&job, "task");
    let late = task.progress();
    let [part] = late.split([("part", 1.0)]);
    let still_runs = running(&job, "other");
    task.set_progress(1);
    clock.advance(ms(100));
    task.complete(()).unwrap();
    drain(&mut events);
    drain(&mut progress);
    clock.advance(ms(1_000));
    drain(&mut windows);
    let seq = job.last_seq();
    for n in 0..10 {
        late.set_progress(100 + n);
        late.advance(1);
        late.advance(0.5);
        late.set_total(7);
        late.set_message(n.to_string());
        part.set_progress(1);
        clock.advance(ms(70));
    }
    assert!(late.is_canceled(), "whoever goes on may see that it is over");
    assert_eq!((events.try_recv().is_some(), progress.try_recv()), (false, None));
    assert!(windows.try_recv().is_none());
    assert_eq!(job.last_seq(), seq);
    let snapshot = job.task_snapshot(task.id()).unwrap();
    assert_eq!(snapshot.progress, Some(0.0), "the split has put its parts in place of the value");
    // Others are told of as ever.
    still_runs.set_progress(5);
    clock.advance(WINDOW);
    assert_eq!(values(&drain(&mut progress)), [Some(5.0)]);
}

#[test]
fn g4_a_report_that_races_with_the_end_is_told_before_it_or_never() {
    within(|| {
        for round in 0..300u64 {
            let (job, clock) = job();
            let (events, progress) = (job.events(), job.task_progress_updated());
            let task = running(&job, "task");
            let over = Arc::new(AtomicBool::new(false));
            let start = Arc::new(Barrier::new(2));
            let reporter = std::thread::spawn({
                let (progress, over, start) = (task.progress(), over.clone(), start.clone());
                move || {
                    start.wait();
                    for n in 0.. {
                        progress.set_progress(n);
                        if over.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
            });
            start.wait();
            clock.advance(ms(round % 3 * 200));
            task.complete(()).unwrap();
            drop((job, task));
            over.store(true, Ordering::Relaxed);
            reporter.join().unwrap();
            clock.advance(ms(1_000));
            let events = rest(events);
            check_merged(&events, 0);
            let told = events.iter().rev().find_map(|event| match event {
                Event::TaskProgressUpdated(told) => Some(told.progress),
                _ => None,
            });
            let end = events.iter().find_map(|event| match event {
                Event::TaskCompleted(end) => Some(end.progress),
                _ => None,
            });
            assert_eq!(told.flatten(), end.flatten());
            assert_eq!(rest(progress).last().and_then(|told| told.progress), end.flatten());
        }
    });
}

#[test]
fn g4_what_other_threads_reported_before_the_end_is_in_it() {
    within(|| {
        for _ in 0..50 {
            let (job, _clock) = job();
            let (events, completed) = (job.events(), job.task_completed());
            job.reporter("task")
                .unwrap()
                .run_blocking(|cx| {
                    std::thread::scope(|scope| {
                        for _ in 0..4 {
                            scope.spawn(|| (0..100).for_each(|_| cx.advance(1)));
                        }
                    });
                    Ok(())
                })
                .unwrap();
            drop(job);
            assert_eq!(rest(completed)[0].progress, Some(400.0));
            check_merged(&rest(events), 0);
        }
    });
}

#[cfg(feature = "local")]
#[test]
fn g4_no_final_value_of_many_tasks_is_lost() {
    within(|| {
        const TASKS: usize = 2_000;
        let scheduler = milepost::LocalScheduler::new(4).unwrap();
        let job = Job::builder("job").window(ms(1)).build().unwrap();
        for n in 0..TASKS {
            if n % 2 == 0 {
                job.add(n.to_string(), async move |cx| {
                    (0..=n).for_each(|at| cx.set_progress(at));
                    Ok(())
                })
                .unwrap();
            } else {
                job.add_blocking(n.to_string(), move |cx| {
                    (0..n).for_each(|_| cx.advance(1));
                    Ok(())
                })
                .unwrap();
            }
        }
        let (slow, mut progress) = (job.events(), job.task_progress_updated());
        let completed = job.task_completed();
        job.submit(&scheduler).unwrap();
        let mut last = vec![None; TASKS];
        while let Some(told) = progress.blocking_next() {
            last[told.task.index()] = told.progress;
        }
        let expected: Vec<_> = (0..TASKS).map(|n| Some(n as f64)).collect();
        assert_eq!(last, expected, "a reader that reads along");
        let mut last = vec![None; TASKS];
        for end in rest(completed) {
            last[end.task.index()] = end.progress;
        }
        assert_eq!(last, expected, "completions");
        let events = rest(slow);
        check_merged(&events, 0);
        let mut last = vec![None; TASKS];
        for event in events {
            if let Event::TaskProgressUpdated(told) = event {
                last[told.task.index()] = told.progress;
            }
        }
        assert_eq!(last, expected, "a reader that comes to it at the end");
    });
}
