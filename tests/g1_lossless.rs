//! G1: a reader of lifecycle events sees every one, in the order of seq, from wherever it starts and however slow it is.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::{Arc, Barrier};

use common::{Inline, check_merged, drain, job, json, jsons, lifecycle, ms, rest, running, within};
use milepost::{Event, EventKind, History, Job, JobState, ManualClock, StreamEvent, TaskState};

/// A job with events of all kinds: attempts, refusals, a cancellation, failures. Calls `step` in between.
fn eventful(job: &Job, clock: &ManualClock, mut step: impl FnMut()) {
    let mut retried = job.reporter("retried").unwrap();
    step();
    retried.assigned().unwrap();
    retried.running().unwrap();
    step();
    let failing = running(job, "failing");
    failing.set_progress(1);
    clock.advance(ms(150));
    step();
    retried.set_progress(3);
    retried.resubmitted("worker lost").unwrap();
    retried.running().unwrap();
    retried.suspended().unwrap();
    step();
    clock.advance(ms(150));
    failing.fail(std::io::Error::other("broken")).unwrap();
    step();
    let mut held = running(job, "held");
    held.held("by hand").unwrap();
    step();
    held.resubmitted("released").unwrap();
    held.running().unwrap();
    job.cancel_task(&held, "not needed").unwrap();
    step();
    held.set_progress(7);
    held.fail(std::io::Error::other("stopped")).unwrap();
    retried.running().unwrap();
    retried.complete(5).unwrap();
    step();
    drop(running(job, "dropped"));
    step();
}

/// Everything, as someone who comes after the end sees it.
fn reference(stream: milepost::EventStream<Event>) -> Vec<Event> {
    let all = rest(stream);
    check_merged(&all, 0);
    lifecycle(all)
}

#[test]
fn g1_every_reader_sees_every_event_wherever_it_starts() {
    let (job, clock) = job();
    let late = job.events();
    let mut fast = job.events();
    let mut read = Vec::new();
    let mut readers = Vec::new();
    eventful(&job, &clock, || {
        read.append(&mut drain(&mut fast));
        let seq = job.last_seq();
        readers.push((0, job.events()));
        readers.push((seq, job.events().from_now()));
        readers.push((seq / 2, job.events().after(seq / 2)));
        readers.push((seq, job.snapshot_and_events().1));
    });
    drop(job);
    read.append(&mut rest(fast));
    check_merged(&read, 0);
    let all = reference(late);
    assert_eq!(all.first().map(Event::kind), Some(EventKind::TaskAdded));
    assert_eq!(all.last().map(Event::kind), Some(EventKind::JobCompleted));
    assert_eq!(jsons(&lifecycle(read)), jsons(&all), "the one that read along");
    for (seq, reader) in readers {
        let read = rest(reader);
        check_merged(&read, seq);
        assert_eq!(jsons(&lifecycle(read)), jsons(&all[seq as usize..]), "after {seq}");
    }
}

#[test]
fn g1_each_stream_has_all_events_of_its_kind() {
    fn check<E: StreamEvent>(
        all: &[Event],
        kind: EventKind,
        streams: [milepost::EventStream<E>; 2],
        to_event: fn(E) -> Event,
    ) {
        let wanted: Vec<_> = all.iter().filter(|event| event.kind() == kind).map(json).collect();
        assert!(!wanted.is_empty(), "the job has events of each kind");
        for stream in streams {
            let read: Vec<_> = rest(stream).into_iter().map(to_event).collect();
            assert_eq!(jsons(&read), wanted, "{kind:?}");
        }
    }

    let (job, clock) = job();
    let early = (
        job.task_added(),
        job.task_state_changed(),
        job.task_completed(),
        job.job_state_changed(),
        job.job_completed(),
    );
    eventful(&job, &clock, || {});
    let late = (
        job.task_added(),
        job.task_state_changed(),
        job.task_completed(),
        job.job_state_changed(),
        job.job_completed(),
    );
    let events = job.events();
    drop(job);
    let all = reference(events);
    check(&all, EventKind::TaskAdded, [early.0, late.0], Event::TaskAdded);
    check(&all, EventKind::TaskStateChanged, [early.1, late.1], Event::TaskStateChanged);
    check(&all, EventKind::TaskCompleted, [early.2, late.2], Event::TaskCompleted);
    check(&all, EventKind::JobStateChanged, [early.3, late.3], Event::JobStateChanged);
    check(&all, EventKind::JobCompleted, [early.4, late.4], Event::JobCompleted);
}

#[test]
fn g1_after_starts_with_the_very_next_event() {
    let (job, clock) = job();
    eventful(&job, &clock, || {});
    let last = job.last_seq();
    let early = job.events();
    let readers: Vec<_> = (0..last + 3).map(|seq| (seq, job.events().after(seq))).collect();
    let completed: Vec<_> =
        (0..last + 3).map(|seq| (seq, job.task_completed().after(seq))).collect();
    drop(job);
    let all = reference(early);
    for (seq, reader) in readers {
        let wanted: Vec<_> = all.iter().filter(|event| event.seq() > Some(seq)).collect();
        let read = lifecycle(rest(reader));
        assert_eq!(jsons(&read), wanted.iter().map(|event| json(event)).collect::<Vec<_>>());
    }
    for (seq, reader) in completed {
        let is_completion = |event: &&Event| event.kind() == EventKind::TaskCompleted;
        let wanted = all.iter().filter(is_completion).filter_map(Event::seq);
        let wanted: Vec<_> = wanted.filter(|at| *at > seq).collect();
        let read: Vec<_> = rest(reader).iter().map(|event| event.seq).collect();
        assert_eq!(read, wanted);
    }
}

#[test]
fn g1_after_a_seq_that_no_job_has_is_after_all() {
    let (job, clock) = job();
    let reader = job.events().after(u64::MAX);
    eventful(&job, &clock, || {});
    let late = job.events().after(u64::MAX);
    drop(job);
    assert_eq!(lifecycle(rest(reader)).len(), 0);
    assert_eq!(lifecycle(rest(late)).len(), 0);
}

#[test]
fn g1_from_now_starts_with_the_very_next_event() {
    let (job, _clock) = job();
    let first = running(&job, "first");
    let mut events = job.events().from_now();
    let mut completed = job.task_completed().from_now();
    assert!(events.try_recv().is_none());
    first.complete(()).unwrap();
    assert_eq!(events.try_recv().and_then(|event| event.seq()), Some(6));
    assert_eq!(completed.try_recv().map(|event| event.seq), Some(7));
    let mut late = job.task_completed().from_now();
    // The reporter would keep the job open.
    drop((first, job));
    assert!(completed.try_recv().is_none() && completed.is_ended());
    assert!(late.try_recv().is_none() && late.is_ended());
}

#[test]
fn g1_a_reader_that_reads_nothing_until_the_end_misses_nothing() {
    const TASKS: usize = 4_000;
    let (job, clock) = job();
    let readers = [job.events(), job.events().from_now(), job.events().after(0)];
    let (states, completions) = (job.task_state_changed(), job.task_completed());
    for n in 0..TASKS {
        let task = running(&job, &n.to_string());
        task.set_progress(n);
        if n % 100 == 0 {
            clock.advance(ms(200));
        }
        task.complete(n).unwrap();
    }
    drop(job);
    let mut lengths = Vec::new();
    for reader in readers {
        let read = rest(reader);
        check_merged(&read, 0);
        lengths.push(lifecycle(read).len());
    }
    // Added, submitted, running, completed, and the completion of each; four changes and the end of the job.
    assert_eq!(lengths, [TASKS * 5 + 4; 3]);
    assert_eq!(rest(states).len(), TASKS * 3);
    let completions = rest(completions);
    let tasks: Vec<_> = completions.iter().map(|event| event.task.index()).collect();
    assert_eq!(tasks, (0..TASKS).collect::<Vec<_>>());
    for (n, event) in completions.iter().enumerate() {
        assert_eq!((&*event.name, event.progress), (&*n.to_string(), Some(n as f64)));
        assert_eq!(event.output::<usize>().as_deref(), Some(&n));
    }
}

#[test]
fn g1_a_refused_report_is_no_event() {
    let (job, clock) = job();
    let mut task = job.reporter("task").unwrap();
    let before = job.last_seq();
    let mut events = job.events().from_now();
    let error = task.complete(1).unwrap_err();
    assert_eq!((error.from, error.to), (TaskState::Submitted, TaskState::Completed));
    assert_eq!(task.suspended().unwrap_err().from, TaskState::Submitted);
    assert_eq!(task.resubmitted("?").unwrap_err().to, TaskState::Submitted);
    assert!(task.end(TaskState::EnvironmentError, "?").is_err());
    assert!(task.end(TaskState::Running, "no end").is_err());
    task.running().unwrap();
    assert_eq!(job.last_seq(), before + 2, "the task's change and the job's");
    task.complete(1).unwrap();
    let after = job.last_seq();
    assert!(task.running().is_err() && task.complete(2).is_err() && task.held("?").is_err());
    assert!(task.observed(TaskState::Failed).is_err());
    drop(task);
    clock.advance(ms(1_000));
    assert_eq!(job.last_seq(), after);
    assert_eq!(drain(&mut events).len(), 4);
}

#[test]
fn g1_reported_states_follow_the_table_and_nothing_else_does() {
    // Each state, by the shortest way of reports that leads there.
    let ways: [(TaskState, &[TaskState]); 5] = [
        (TaskState::Submitted, &[]),
        (TaskState::Held, &[TaskState::Held]),
        (TaskState::Assigned, &[TaskState::Assigned]),
        (TaskState::Running, &[TaskState::Running]),
        (TaskState::Suspended, &[TaskState::Running, TaskState::Suspended]),
    ];
    let report = |task: &mut milepost::TaskReporter, to: TaskState| match to {
        TaskState::Assigned => Some(task.assigned()),
        TaskState::Running => Some(task.running()),
        TaskState::Suspended => Some(task.suspended()),
        TaskState::Held => Some(task.held("")),
        TaskState::Submitted => Some(task.resubmitted("")),
        // Nobody reports these: they are the job's.
        TaskState::Pending | TaskState::Canceling => None,
        TaskState::Completed => Some(task.complete(())),
        TaskState::Failed => Some(task.fail(std::io::Error::other(""))),
        _ => Some(task.end(to, "")),
    };
    for (from, way) in ways {
        for to in TaskState::ALL {
            let (job, _clock) = job();
            let mut task = job.reporter("task").unwrap();
            for state in way {
                report(&mut task, *state).unwrap().unwrap();
            }
            let before = job.last_seq();
            let Some(result) = report(&mut task, to) else { continue };
            assert_eq!(result.is_ok(), from.can_become(to), "{from} to {to}: {result:?}");
            let state = job.task_snapshot(task.id()).unwrap().state;
            assert_eq!(state, if result.is_ok() { to } else { from });
            assert_eq!(job.last_seq() > before, result.is_ok());
        }
    }
}

#[test]
fn g1_the_time_of_events_never_goes_back() {
    let (job, clock) = job();
    let events = job.events();
    eventful(&job, &clock, || clock.advance(ms(7)));
    drop(job);
    check_merged(&rest(events), 0);
}

#[test]
fn g1_concurrent_readers_see_the_same_order_as_events_are_reported_by_many_threads() {
    within(|| {
        const THREADS: usize = 4;
        const TASKS: usize = 150;
        let (job, clock) = job();
        let unread = (job.task_progress_updated(), job.events(), job.progress_windows());
        let start = Arc::new(Barrier::new(THREADS + 8));
        let (reporters, readers) = std::thread::scope(|scope| {
            let reporters: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (job, clock, start) = (job.clone(), clock.clone(), start.clone());
                    scope.spawn(move || {
                        start.wait();
                        for n in 0..TASKS {
                            let mut task = job.reporter(format!("{thread}-{n}")).unwrap();
                            task.running().unwrap();
                            task.set_progress(n);
                            if n % 3 == 0 {
                                task.resubmitted("again").unwrap();
                                task.running().unwrap();
                                task.set_progress(n + 1);
                            }
                            if n % 7 == 0 {
                                clock.advance(ms(60));
                            }
                            match n % 5 {
                                0 => task.fail(std::io::Error::other("no")).unwrap(),
                                1 => drop(task),
                                _ => task.complete(n).unwrap(),
                            }
                        }
                    })
                })
                .collect();
            let readers: Vec<_> = (0..8)
                .map(|n| {
                    let (mut events, start) = (job.events(), start.clone());
                    let mut completed = job.task_completed();
                    let mut states = job.task_state_changed();
                    scope.spawn(move || {
                        start.wait();
                        let mut read = Vec::new();
                        let next = |of: &mut Vec<Event>, event: Option<Event>| {
                            event.map(|event| of.push(event)).is_some()
                        };
                        match n % 4 {
                            0 => while next(&mut read, events.blocking_next()) {},
                            1 => {
                                while next(
                                    &mut read,
                                    completed.blocking_next().map(Event::TaskCompleted),
                                ) {}
                            }
                            2 => {
                                while next(
                                    &mut read,
                                    states.blocking_next().map(Event::TaskStateChanged),
                                ) {}
                            }
                            // One that starts over and over.
                            _ => loop {
                                let last = read.last().and_then(Event::seq).unwrap_or(0);
                                let mut again = events.after(last);
                                for _ in 0..97 {
                                    match again.blocking_next() {
                                        Some(event) if event.seq().is_some() => read.push(event),
                                        Some(_) => {}
                                        None => return read,
                                    }
                                }
                                events = again;
                            },
                        }
                        read
                    })
                })
                .collect();
            let join = |reporters: Vec<std::thread::ScopedJoinHandle<'_, ()>>| {
                reporters.into_iter().for_each(|thread| thread.join().unwrap());
            };
            join(reporters);
            let late = job.events();
            drop(job);
            let readers: Vec<_> =
                readers.into_iter().map(|thread| thread.join().unwrap()).collect();
            (late, readers)
        });
        let all = reference(reporters);
        assert_eq!(all.last().map(Event::kind), Some(EventKind::JobCompleted));
        let of_kind = |kind| -> Vec<_> {
            all.iter().filter(|event| event.kind() == kind).map(json).collect()
        };
        for (n, read) in readers.into_iter().enumerate() {
            if n % 4 == 0 {
                check_merged(&read, 0);
            }
            let wanted = match n % 4 {
                1 => of_kind(EventKind::TaskCompleted),
                2 => of_kind(EventKind::TaskStateChanged),
                _ => jsons(&all),
            };
            assert_eq!(jsons(&lifecycle(read)), wanted, "reader {n}");
        }
        let completed = of_kind(EventKind::TaskCompleted).len();
        assert_eq!(completed, THREADS * TASKS);
        check_merged(&rest(unread.1), 0);
        rest(unread.0);
        rest(unread.2);
    });
}

#[test]
fn g1_what_a_reader_has_not_read_is_kept_when_history_is_freed() {
    let clock = ManualClock::new();
    let job = Job::builder("many").history(History::Unread).clock(clock.clock()).build().unwrap();
    let mut slow = job.events();
    let mut completed = job.task_completed();
    for n in 0..3_000usize {
        let task = running(&job, &n.to_string());
        task.set_progress(n);
        task.complete(n).unwrap();
        if n % 10 == 0 {
            drain(&mut completed);
        }
    }
    let late = job.task_added();
    let mut first = slow.try_recv().and_then(|event| event.seq()).unwrap();
    assert_eq!(first, 1);
    while let Some(event) = slow.try_recv() {
        let Some(seq) = event.seq() else { continue };
        assert_eq!(seq, first + 1);
        first = seq;
        if let Event::TaskCompleted(event) = event {
            let n = event.task.index();
            let progress = (n < 3_000).then_some(n as f64);
            assert_eq!((&*event.name, event.progress), (&*n.to_string(), progress));
            assert_eq!(event.output::<usize>().as_deref(), Some(&n));
        }
        if first == 5_000 {
            // More ends, and with them more chances to free what is yet to be read.
            for n in 3_000..4_000usize {
                running(&job, &n.to_string()).complete(n).unwrap();
            }
        }
    }
    assert_eq!(first, 4_000 * 5 + 2);
    assert_eq!(
        rest({
            drop(job);
            late
        })
        .len(),
        4_000,
        "nothing was freed before it was read"
    );
}

#[test]
fn g1_a_cause_is_kept_until_its_event_is_given_out() {
    // The reader takes a record for which it first gives out the task's last progress; what goes with the record must
    // not be freed in between. The record is the last of a chunk of history: the 12th.
    let clock = ManualClock::new();
    let job = Job::builder("many").history(History::Unread).clock(clock.clock()).build().unwrap();
    let task = job.reporter("task").unwrap();
    task.assigned().unwrap();
    task.running().unwrap();
    for _ in 0..2 {
        task.suspended().unwrap();
        task.running().unwrap();
    }
    task.set_progress(1);
    clock.advance(ms(200));
    let mut late = job.events();
    job.cancel_task_now(&task, "enough").unwrap();
    let mut last = None;
    while let Some(event) = late.try_recv() {
        if matches!(event, Event::TaskProgressUpdated(_)) {
            break;
        }
        last = event.seq();
    }
    assert_eq!(last, Some(11), "the test counts events");
    for n in 0..1_000 {
        running(&job, &n.to_string()).complete(n).unwrap();
    }
    let Some(Event::TaskStateChanged(end)) = late.try_recv() else { panic!("the task's end") };
    assert_eq!((end.seq, end.to), (12, TaskState::Canceled));
    let message = end.cause.as_ref().and_then(|cause| cause.message.as_deref());
    assert_eq!(message, Some("enough"));
}

#[test]
fn g1_tasks_of_a_scheduler_have_all_their_events() {
    let (job, _clock) = job();
    for n in 0..10 {
        job.add_blocking(n.to_string(), move |_cx| Ok(n)).unwrap();
    }
    let events = job.events();
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Completed);
    let all = rest(events);
    check_merged(&all, 0);
    assert_eq!(all.len(), 10 * 5 + 4);
}
