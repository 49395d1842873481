//! G2: each task completes once, then the job once, then every stream ends. And of G11 what is about order: what a
//! cancellation tells, and that it tells it once.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{Inline, TERMINAL, check_merged, drain, job, ms, rest, running, within};
use milepost::{
    CancelReason, CauseKind, Event, EventKind, EventStream, FailureKind, Job, JobCompleted,
    JobState, JobStateChanged, ManualClock, ProgressWindow, StreamEvent, TaskAdded, TaskCompleted,
    TaskError, TaskProgressUpdated, TaskState, TaskStateChanged,
};

/// A stream of each kind.
struct Streams {
    events: EventStream<Event>,
    added: EventStream<TaskAdded>,
    states: EventStream<TaskStateChanged>,
    progress: EventStream<TaskProgressUpdated>,
    windows: EventStream<ProgressWindow>,
    completed: EventStream<TaskCompleted>,
    job_states: EventStream<JobStateChanged>,
    job_completed: EventStream<JobCompleted>,
}

impl Streams {
    fn of(job: &Job) -> Streams {
        Streams {
            events: job.events(),
            added: job.task_added(),
            states: job.task_state_changed(),
            progress: job.task_progress_updated(),
            windows: job.progress_windows(),
            completed: job.task_completed(),
            job_states: job.job_state_changed(),
            job_completed: job.job_completed(),
        }
    }

    /// Reads all streams to their ends, and checks what holds for every job: the completions are one for each task that
    /// was added, then one of the job, and then there is nothing. Returns the tasks' end states and the job's.
    fn check(self, read: Vec<Event>) -> (Vec<TaskState>, JobState) {
        let mut events = read;
        events.extend(rest(self.events));
        check_merged(&events, 0);
        let tasks = rest(self.added).len();
        let mut states = vec![None; tasks];
        let is_completion = |event: &Event| event.kind() == EventKind::TaskCompleted;
        let last = events.iter().rposition(is_completion);
        for event in &events {
            if let Event::TaskCompleted(event) = event {
                let before = states[event.task.index()].replace(event.state);
                assert_eq!(before, None, "{event:?} is told twice");
                assert!(event.state.is_terminal());
            }
        }
        let states: Vec<_> = states.into_iter().map(|state| state.expect("each ends")).collect();
        let is_end = |event: &Event| event.kind() == EventKind::JobCompleted;
        assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1);
        assert!(is_end(events.last().unwrap()), "nothing follows the job's end");
        assert!(last.is_none_or(|last| last < events.len() - 1));
        let Some(Event::JobCompleted(end)) = events.pop() else { unreachable!() };
        for state in TaskState::ALL {
            let tasks = states.iter().filter(|of_task| **of_task == state).count();
            assert_eq!(end.counts.of(state), tasks, "{state}");
        }

        let completed: Vec<_> = rest(self.completed).iter().map(|event| event.seq).collect();
        let told = events.iter().filter(|event| is_completion(event)).filter_map(Event::seq);
        assert_eq!(completed, told.collect::<Vec<_>>());
        assert_eq!(rest(self.job_completed), std::slice::from_ref(&end));
        let job_states = rest(self.job_states);
        assert_eq!(job_states.last().map(|change| change.to), Some(end.state));
        assert!(job_states.windows(2).all(|pair| pair[0].to == pair[1].from));
        let ends = rest(self.states).iter().filter(|change| change.to.is_terminal()).count();
        assert_eq!(ends, tasks);
        rest(self.progress);
        rest(self.windows);
        (states, end.state)
    }
}

/// Has a job ended by `live`, and checks all its streams.
fn ended_by(live: impl FnOnce(Job, &ManualClock)) -> (Vec<TaskState>, JobState) {
    let (job, clock) = job();
    let streams = Streams::of(&job);
    live(job, &clock);
    clock.advance(ms(1_000));
    streams.check(Vec::new())
}

fn error() -> TaskError {
    TaskError::msg("no")
}

#[test]
fn g2_each_terminal_state_is_told_once() {
    for state in TERMINAL {
        let (states, _) = ended_by(|job, _| {
            let task = job.reporter("task").unwrap();
            task.assigned().unwrap();
            if state != TaskState::EnvironmentError {
                task.running().unwrap();
            }
            task.set_progress(1);
            task.end(state, "so it is").unwrap();
        });
        assert_eq!(states, [state]);
    }
}

#[test]
fn g2_tasks_in_all_terminal_states_end_one_job_once() {
    let (states, of_job) = ended_by(|job, clock| {
        for (n, state) in TERMINAL.into_iter().cycle().take(30).enumerate() {
            let task = job.reporter(n.to_string()).unwrap();
            task.assigned().unwrap();
            if state != TaskState::EnvironmentError {
                task.running().unwrap();
            }
            task.set_progress(n);
            clock.advance(ms(n as u64 * 10));
            task.end(state, "so it is").unwrap();
        }
    });
    assert_eq!(states.len(), 30);
    assert_eq!(of_job, JobState::Failed);
}

#[test]
fn g2_an_end_that_comes_again_is_refused_and_not_told() {
    let (states, _) = ended_by(|job, _| {
        let task = running(&job, "task");
        task.complete(1).unwrap();
        for state in TERMINAL {
            assert!(task.end(state, "again").is_err());
        }
        assert!(task.complete(2).is_err() && task.fail(error()).is_err());
        job.cancel_task(&task, "again").unwrap();
        job.cancel_task_now(&task, "again").unwrap();
    });
    assert_eq!(states, [TaskState::Completed]);
}

#[test]
fn g2_an_empty_job_ends_once_however_it_is_sealed() {
    assert_eq!(ended_by(|job, _| drop(job)), (vec![], JobState::Completed));
    let submitted = ended_by(|job, _| {
        job.submit(&Inline).unwrap();
        assert!(job.is_ended());
        assert!(job.submit(&Inline).is_err());
        job.cancel("too late");
    });
    assert_eq!(submitted, (vec![], JobState::Completed));
    let canceled = ended_by(|job, _| {
        job.cancel("before anything");
        assert!(job.is_ended());
        job.cancel_now("again");
    });
    assert_eq!(canceled, (vec![], JobState::Completed), "none of its tasks is not completed");
}

#[test]
fn g2_an_open_job_ends_once_it_is_closed() {
    for by_drop in [false, true] {
        let job = Job::builder("open").open().unwrap();
        let mut streams = Streams::of(&job);
        running(&job, "first").complete(()).unwrap();
        let read = drain(&mut streams.events);
        assert!(!job.is_ended(), "more may come");
        let clone = job.clone();
        if by_drop {
            drop(job);
            assert!(!clone.is_ended(), "one opening is left");
            drop(clone);
        } else {
            assert!(job.close().is_ended(), "whatever clones there are");
        }
        assert_eq!(streams.check(read), (vec![TaskState::Completed], JobState::Completed));
    }
}

#[test]
fn g2_a_job_whose_handles_are_gone_ends_once() {
    let never_submitted = ended_by(|job, _| {
        job.add_blocking("a", |_cx| Ok(())).unwrap();
        drop(job.add_blocking("b", |_cx| Ok(())).unwrap());
        drop(job.clone());
    });
    assert_eq!(never_submitted, (vec![TaskState::Canceled; 2], JobState::Canceled));

    let reporters = ended_by(|job, _| {
        let (running, submitted) = (running(&job, "running"), job.reporter("submitted").unwrap());
        drop(job);
        drop(running);
        drop(submitted);
    });
    assert_eq!(reporters, (vec![TaskState::Interrupted; 2], JobState::Failed));
}

#[test]
fn g2_a_task_that_panics_completes_once() {
    let (states, _) = ended_by(|job, _| {
        let task = job.reporter("task").unwrap();
        task.run_blocking(|_cx| -> Result<(), _> { panic!("boom") }).unwrap_err();
        job.add_blocking("queued", |_cx| -> Result<(), _> { panic!("boom") }).unwrap();
        job.add("async", async |_cx| -> Result<(), _> { panic!("boom") }).unwrap();
        job.submit(&Inline).unwrap();
    });
    assert_eq!(states, [TaskState::Failed; 3]);
}

#[test]
fn g2_a_retried_task_completes_once() {
    let (states, _) = ended_by(|job, _| {
        let flaky = |cx: milepost::TaskContext, ()| match cx.attempt() {
            4 => Ok(()),
            _ => Err(error()),
        };
        let retry = milepost::Retry::attempts(5);
        job.task("flaky").retry(retry).add_blocking_with((), flaky).unwrap();
        job.task("bad")
            .retry(milepost::Retry::attempts(2))
            .add_blocking_with((), |_cx, ()| Err::<(), _>(error()))
            .unwrap();
        job.submit(&Inline).unwrap();
    });
    assert_eq!(states, [TaskState::Completed, TaskState::Failed]);
}

#[test]
fn g2_the_end_of_a_task_and_of_the_job_are_told_in_this_order() {
    let (job, _clock) = job();
    let task = running(&job, "task");
    let mut events = job.events().from_now();
    drop(job);
    task.complete(()).unwrap();
    drop(task);
    let kinds: Vec<_> = drain(&mut events).iter().map(Event::kind).collect();
    let order = [
        EventKind::TaskStateChanged,
        EventKind::TaskCompleted,
        EventKind::JobStateChanged,
        EventKind::JobCompleted,
    ];
    assert_eq!(kinds, order);
}

#[test]
fn g2_a_job_does_not_end_before_it_is_sealed() {
    let (job, clock) = job();
    let mut ends = job.job_completed();
    running(&job, "first").complete(()).unwrap();
    clock.advance(ms(10_000));
    assert!(ends.try_recv().is_none() && !ends.is_ended());
    let second = running(&job, "second");
    drop(job);
    assert!(ends.try_recv().is_none() && !ends.is_ended(), "a reporter can add nothing, but end");
    second.complete(()).unwrap();
    drop(second);
    assert_eq!(rest(ends).len(), 1);
}

#[test]
fn g2_streams_made_after_the_end_have_the_same_end() {
    let (job, clock) = job();
    let early = Streams::of(&job);
    let task = running(&job, "task");
    task.set_progress(3);
    clock.advance(ms(200));
    task.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    assert!(job.is_ended());
    let late = Streams::of(&job);
    let (now, after) = (job.events().from_now(), job.events().after(job.last_seq() - 1));
    drop((job, task));
    assert_eq!(early.check(Vec::new()), late.check(Vec::new()));
    assert_eq!(rest(now).len(), 0);
    assert_eq!(rest(after).iter().map(Event::kind).collect::<Vec<_>>(), [EventKind::JobCompleted]);
}

#[test]
fn g2_every_kind_of_stream_wakes_its_reader_at_the_end() {
    fn wait<E: StreamEvent + 'static>(
        mut stream: EventStream<E>,
        waits: &std::sync::mpsc::Sender<()>,
    ) -> std::thread::JoinHandle<()> {
        let waits = waits.clone();
        std::thread::spawn(move || {
            while stream.try_recv().is_some() {}
            waits.send(()).unwrap();
            while stream.blocking_next().is_some() {}
        })
    }

    within(|| {
        for _ in 0..20 {
            let (job, _clock) = job();
            let task = running(&job, "task");
            let (waits, waiting) = std::sync::mpsc::channel();
            let streams = Streams::of(&job);
            let threads = [
                wait(streams.events, &waits),
                wait(streams.added, &waits),
                wait(streams.states, &waits),
                wait(streams.progress, &waits),
                wait(streams.windows, &waits),
                wait(streams.completed, &waits),
                wait(streams.job_states, &waits),
                wait(streams.job_completed, &waits),
            ];
            threads.iter().for_each(|_| waiting.recv().unwrap());
            task.complete(()).unwrap();
            drop((job, task));
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn g2_the_job_ends_in_the_state_that_its_tasks_and_the_user_say() {
    use TaskState::*;
    let cases: [(&[TaskState], JobState); 9] = [
        (&[Completed, Completed], JobState::Completed),
        (&[Completed, Failed], JobState::Failed),
        (&[TimedOut], JobState::Failed),
        (&[Interrupted, Canceled], JobState::Failed),
        (&[EnvironmentError], JobState::Failed),
        (&[Completed, Canceled], JobState::Canceled),
        (&[Canceled, Failed, Completed], JobState::Failed),
        (&[Canceled], JobState::Canceled),
        (&[], JobState::Completed),
    ];
    for (ends, of_job) in cases {
        for by_user in [false, true] {
            let (_, ended) = ended_by(|job, _| {
                let tasks: Vec<_> = ends.iter().map(|_| job.reporter("task").unwrap()).collect();
                for (task, end) in tasks.iter().zip(ends) {
                    task.assigned().unwrap();
                    if *end != EnvironmentError {
                        task.running().unwrap();
                    }
                }
                if by_user {
                    // It ends those that don't run.
                    job.cancel("user");
                }
                for (task, end) in tasks.iter().zip(ends) {
                    let result = task.end(*end, "");
                    assert_eq!(result.is_err(), by_user && *end == EnvironmentError);
                }
            });
            let all_completed = ends.iter().all(|end| *end == Completed);
            let expected = if by_user && !all_completed { JobState::Canceled } else { of_job };
            assert_eq!(ended, expected, "{ends:?}, canceled by the user: {by_user}");
        }
    }
}

#[test]
fn g2_the_failure_of_one_task_ends_the_others_once_each() {
    let clock = ManualClock::new();
    let job = Job::builder("job").max_failures(2).clock(clock.clock()).build().unwrap();
    let streams = Streams::of(&job);
    let tasks: Vec<_> = (0..6).map(|n| running(&job, &n.to_string())).collect();
    let waiting: Vec<_> = (0..3).map(|n| job.reporter(n.to_string()).unwrap()).collect();
    tasks[3].fail(error()).unwrap();
    assert_eq!(job.state(), JobState::Running);
    tasks[1].end(TaskState::TimedOut, "").unwrap();
    assert_eq!(job.state(), JobState::Canceling);
    assert_eq!(job.counts().canceled(), 3, "those that did not run");
    assert!(tasks[0].is_canceled() && !job.is_ended());
    tasks[0].complete(()).unwrap();
    tasks[2].fail(error()).unwrap();
    clock.advance(ms(30_000));
    assert!(job.is_ended());
    drop((job, tasks, waiting));
    let (states, of_job) = streams.check(Vec::new());
    use TaskState::*;
    assert_eq!(states[..6], [Completed, TimedOut, Canceled, Failed, Canceled, Canceled]);
    assert_eq!(of_job, JobState::Failed, "it was canceled as a consequence");
}

#[test]
fn g11_a_canceled_job_tells_first_that_it_is_and_last_that_it_was() {
    let (job, _clock) = job();
    let streams = Streams::of(&job);
    let (runs, waits) = (running(&job, "runs"), job.reporter("waits").unwrap());
    let pending = job.add_blocking("pending", |_cx| Ok(())).unwrap();
    runs.set_progress(1);
    let mut events = job.events().from_now();
    job.cancel("enough");
    job.cancel("really");
    let told: Vec<_> = drain(&mut events);
    let cause = |event: &Event| match event {
        Event::JobStateChanged(change) => change.cause.clone(),
        Event::TaskStateChanged(change) => change.cause.clone(),
        _ => None,
    };
    let kinds: Vec<_> =
        told.iter().map(|event| (event.kind(), event.task().map(|task| task.index()))).collect();
    let order = [
        (EventKind::JobStateChanged, None),
        (EventKind::TaskStateChanged, Some(0)),
        (EventKind::TaskStateChanged, Some(1)),
        (EventKind::TaskCompleted, Some(1)),
        (EventKind::TaskStateChanged, Some(2)),
        (EventKind::TaskCompleted, Some(2)),
    ];
    assert_eq!(kinds, order);
    for event in told.iter().filter(|event| event.kind() != EventKind::TaskCompleted) {
        let cause = cause(event).expect("each change says why");
        assert_eq!((cause.kind, cause.reason), (CauseKind::Canceled, Some(CancelReason::User)));
        assert_eq!(cause.message.as_deref(), Some("enough"), "the first word counts");
    }
    assert!(runs.is_canceled());
    runs.fail(error()).unwrap();
    let told = drain(&mut events);
    assert_eq!(
        told.iter().map(Event::kind).collect::<Vec<_>>(),
        [
            EventKind::TaskProgressUpdated,
            EventKind::TaskStateChanged,
            EventKind::TaskCompleted,
            EventKind::JobStateChanged,
            EventKind::JobCompleted
        ]
    );
    let Event::TaskCompleted(end) = &told[2] else { unreachable!() };
    assert_eq!(end.state, TaskState::Canceled, "an error while canceling is a cancellation");
    assert_eq!(end.error.as_ref().map(|error| &*error.message), Some("no"), "the error is kept");
    drop((job, runs, waits, pending));
    assert_eq!(streams.check(Vec::new()), (vec![TaskState::Canceled; 3], JobState::Canceled));
}

#[test]
fn g11_a_cancellation_before_submit_ends_the_tasks_at_once() {
    let (job, _clock) = job();
    let handle = job.add_blocking("a", |_cx| Ok(())).unwrap();
    let changes = job.task_state_changed();
    job.cancel("");
    assert!(job.is_ended());
    let changes: Vec<_> = rest(changes).iter().map(|change| (change.from, change.to)).collect();
    assert_eq!(changes, [(TaskState::Pending, TaskState::Canceled)]);
    assert!(job.add_blocking("b", |_cx| Ok(())).is_err());
    assert!(job.reporter("c").is_err());
    assert!(job.submit(&Inline).is_err());
    assert_eq!(handle.output().unwrap_err().state, TaskState::Canceled);
}

#[test]
fn g11_a_forced_end_comes_after_the_grace_period_and_once() {
    for (now, of_task) in [(false, false), (false, true), (true, false), (true, true)] {
        let (job, clock) = job();
        let (streams, changes) = (Streams::of(&job), job.task_state_changed());
        let task = running(&job, "task");
        let cancel = || match (now, of_task) {
            (false, false) => job.cancel("stop"),
            (true, false) => job.cancel_now("stop"),
            (false, true) => job.cancel_task(&task, "stop").unwrap(),
            (true, true) => job.cancel_task_now(&task, "stop").unwrap(),
        };
        cancel();
        if !now {
            clock.advance(ms(29_999));
            cancel();
            assert_eq!(job.counts().ended(), 0);
            clock.advance(ms(1));
        }
        assert_eq!(job.counts().canceled(), 1);
        let seq = job.last_seq();
        cancel();
        assert!(task.complete("late").is_err() && task.fail(error()).is_err());
        clock.advance(ms(100_000));
        if of_task {
            assert_eq!(job.last_seq(), seq, "nothing is told twice");
            job.cancel("the job, too");
        }
        drop((job, task));
        let changes: Vec<_> = rest(changes).iter().map(|change| change.to).collect();
        assert_eq!(changes[2..], [TaskState::Canceling, TaskState::Canceled]);
        assert_eq!(streams.check(Vec::new()), (vec![TaskState::Canceled], JobState::Canceled));
    }
}

#[test]
fn g11_a_cancellation_after_the_end_tells_nothing() {
    let (job, clock) = job();
    running(&job, "task").complete(()).unwrap();
    job.submit(&Inline).unwrap();
    let seq = job.last_seq();
    job.cancel("late");
    job.cancel_now("late");
    drop(job.cancel_on_drop());
    clock.advance(ms(60_000));
    assert_eq!((job.last_seq(), job.state()), (seq, JobState::Completed));
}

#[test]
fn g11_an_end_beats_a_cancellation_that_was_asked_for() {
    let (job, _clock) = job();
    let (well, badly) = (running(&job, "well"), running(&job, "badly"));
    job.cancel("");
    well.complete(()).unwrap();
    badly.end(TaskState::Failed, "its own fault").unwrap();
    let counts = job.counts();
    assert_eq!((counts.completed(), counts.failed(), counts.canceled()), (1, 1, 0));
    assert_eq!(job.state(), JobState::Canceled, "not all have completed");
}

#[test]
fn g11_what_is_abandoned_says_so() {
    let (job, _clock) = job();
    let task = running(&job, "task");
    job.cancel_now("at once");
    let end = rest({
        let ends = job.task_completed();
        drop((job, task));
        ends
    })
    .remove(0);
    assert_eq!(end.error.map(|error| error.kind), Some(FailureKind::Abandoned));
}

#[test]
fn g11_a_task_that_was_retried_later_is_forced_after_the_grace_period_too() {
    // The timer of the retry has rung, and must not be taken for one that will.
    let (job, clock) = job();
    let (send, ended) = std::sync::mpsc::channel();
    let stubborn = {
        let (job, clock) = (job.clone(), clock.clone());
        move |cx: milepost::TaskContext, ()| {
            if cx.attempt() == 1 {
                return Err(error().retry_after(ms(1_000)));
            }
            job.cancel_task(cx.task_id(), "enough").unwrap();
            for time in [29_999, 1] {
                clock.advance(ms(time));
                send.send(job.counts().canceled()).unwrap();
            }
            Ok(())
        }
    };
    let retry = milepost::Retry::attempts(2);
    job.task("stubborn").retry(retry).add_blocking_with((), stubborn).unwrap();
    job.submit(&Inline).unwrap();
    clock.advance(ms(1_000));
    assert_eq!(ended.try_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn g11_a_task_that_was_seen_to_go_on_may_be_canceled_again() {
    let (job, clock) = job();
    let mut task = running(&job, "task");
    job.cancel_task(&task, "enough").unwrap();
    task.observed(TaskState::Running).unwrap();
    clock.advance(ms(30_000));
    assert_eq!(job.counts().ended(), 0, "it went on");
    job.cancel_task(&task, "really").unwrap();
    clock.advance(ms(29_999));
    assert_eq!(job.counts().canceled(), 0);
    clock.advance(ms(1));
    assert_eq!(job.counts().canceled(), 1);
}
