//! What the tests share: jobs on a manual clock, streams read to what is there, and the checks that hold for any job.
#![allow(dead_code, reason = "each test file uses its part")]

#[cfg(all(unix, feature = "cli"))]
pub(crate) mod cli;
#[cfg(feature = "condor")]
pub(crate) mod condor;
#[cfg(all(unix, feature = "condor"))]
pub(crate) mod tools;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use milepost::{
    ControlError, Controlled, Event, EventStream, Job, JobBuilder, ManualClock, Scheduler,
    StreamEvent, TaskContext, TaskError, TaskId, TaskProgressUpdated, TaskQueue, TaskReporter,
    TaskRun, TaskState,
};
use parking_lot::Mutex;

/// The length of a window unless set.
pub(crate) const WINDOW: Duration = Duration::from_millis(200);

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A job on a clock that stands still.
pub(crate) fn job() -> (Job, ManualClock) {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).build().expect("the settings make sense");
    (job, clock)
}

/// The same, with settings.
pub(crate) fn job_with(set: impl FnOnce(JobBuilder) -> JobBuilder) -> (Job, ManualClock) {
    let clock = ManualClock::new();
    let builder = set(Job::builder("job").clock(clock.clock()));
    (builder.build().expect("the settings make sense"), clock)
}

/// What has become of a task: each state with the attempt and the cause, such as `"held 2: held: for lunch"`.
pub(crate) fn story(job: &Job, task: impl Into<milepost::TaskRef>) -> Vec<String> {
    let task = job.task_snapshot(task).expect("the job has the task").task;
    let changes = drain(&mut job.task_state_changed()).into_iter();
    changes
        .filter(|change| change.task == task)
        .map(|change| match &change.cause {
            Some(cause) => format!("{} {}: {cause}", change.to, change.attempt),
            None => format!("{} {}", change.to, change.attempt),
        })
        .collect()
}

/// Polls an attempt once. True if it is over.
pub(crate) fn step(run: &mut TaskRun) -> bool {
    Pin::new(run).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The code of a task that waits until it is asked to stop, and stops.
pub(crate) async fn obeys(cx: TaskContext, _input: ()) -> Result<u32, TaskError> {
    cx.canceled().await;
    Err(TaskError::msg("stopped"))
}

/// A task that runs.
pub(crate) fn running(job: &Job, name: &str) -> TaskReporter {
    let task = job.reporter(name).expect("the job takes tasks");
    task.running().expect("a new task can run");
    task
}

/// What a manual clock shows after `n` milliseconds.
pub(crate) fn at(n: u64) -> milepost::Timestamp {
    milepost::Timestamp::from_micros(0) + Duration::from_secs(1_577_880_000) + ms(n)
}

/// All that a stream has now.
pub(crate) fn drain<E: StreamEvent>(stream: &mut EventStream<E>) -> Vec<E> {
    let all: Vec<E> = std::iter::from_fn(|| stream.try_recv()).take(10_000_000).collect();
    assert!(all.len() < 10_000_000, "a stream without an end");
    all
}

/// Waits until all callbacks have been called for what has happened.
pub(crate) fn settle(job: &Job) {
    let (last, (told, hears)) = (job.last_seq(), std::sync::mpsc::channel());
    if last > 0 {
        let call = move |event: &Event| {
            if event.seq() == Some(last) {
                told.send(()).expect("the test waits");
            }
        };
        let callback = job.on_event(call);
        hears.recv().expect("the event is called for");
        callback.unsubscribe();
    }
}

/// All that a stream of an ended job has left; it ends after it, and stays so.
pub(crate) fn rest<E: StreamEvent>(mut stream: EventStream<E>) -> Vec<E> {
    let all = drain(&mut stream);
    assert!(stream.is_ended(), "{stream:?} goes on after {} items", all.len());
    assert!(stream.try_recv().is_none() && stream.blocking_next().is_none());
    all
}

/// All lifecycle events among `events`.
pub(crate) fn lifecycle(events: Vec<Event>) -> Vec<Event> {
    events.into_iter().filter(|event| event.seq().is_some()).collect()
}

/// The progress values that were told, in order.
pub(crate) fn values(told: &[TaskProgressUpdated]) -> Vec<Option<f64>> {
    told.iter().map(|told| told.progress).collect()
}

/// Task and value, in order.
pub(crate) fn by_task(told: &[TaskProgressUpdated]) -> Vec<(usize, Option<f64>)> {
    told.iter().map(|told| (told.task.index(), told.progress)).collect()
}

/// An event's JSON, to compare events by: it has all that is told of them.
pub(crate) fn json(event: &Event) -> String {
    serde_json::to_string(event).expect("events have a JSON form")
}

pub(crate) fn jsons(events: &[Event]) -> Vec<String> {
    events.iter().map(json).collect()
}

/// What holds for whatever a merged reader has read, its first event being the one after `seq`: lifecycle events are
/// dense, their times don't go back; progress is of a task that was added and has not ended, of its present attempt,
/// and comes after no event that is still to come.
pub(crate) fn check_merged(events: &[Event], seq: u64) {
    let mut last = seq;
    let mut at = milepost::Timestamp::from_micros(0);
    let mut tasks: std::collections::HashMap<TaskId, (u32, bool)> = Default::default();
    for event in events {
        match event {
            Event::TaskProgressUpdated(told) => {
                let context = format!("{told:?} after event {last}");
                assert!(told.after <= last, "out of order: {context}");
                match tasks.get(&told.task) {
                    Some((attempt, ended)) => {
                        assert!(!ended, "progress after the end: {context}");
                        assert_eq!(*attempt, told.attempt, "another attempt's: {context}");
                    }
                    None => assert!(seq > 0, "progress before the task was added: {context}"),
                }
                continue;
            }
            Event::TaskAdded(added) => {
                assert!(tasks.insert(added.task, (1, false)).is_none(), "added twice: {added:?}");
            }
            Event::TaskStateChanged(change) => {
                tasks.insert(change.task, (change.attempt, change.to.is_terminal()));
            }
            _ => {}
        }
        assert_eq!(event.seq(), Some(last + 1), "a gap, a repetition or another order: {event:?}");
        assert!(event.at() >= at, "time goes back: {event:?}");
        (last, at) = (last + 1, event.at());
    }
}

/// Where the last progress of a task and the change to its terminal state stand among `events`.
pub(crate) fn last_progress_and_end(events: &[Event], task: TaskId) -> (Option<usize>, usize) {
    let progress = events
        .iter()
        .rposition(|event| matches!(event, Event::TaskProgressUpdated(told) if told.task == task));
    let end = events.iter().position(|event| {
        matches!(event, Event::TaskStateChanged(change)
            if change.task == task && change.to.is_terminal())
    });
    (progress, end.expect("the task has ended"))
}

/// Runs each task where it becomes ready, on the thread that made it so.
#[derive(Clone)]
pub(crate) struct Inline;

impl Scheduler for Inline {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            run.run_blocking();
        }
    }
}

/// A scheduler whose tasks the test takes by hand.
#[derive(Clone, Default)]
pub(crate) struct ByHand(pub(crate) Arc<Mutex<Vec<TaskQueue>>>);

impl Scheduler for ByHand {
    fn ready(&self, queue: TaskQueue) {
        self.0.lock().push(queue);
    }
}

/// What can be asked of a task that has not ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Verb {
    Hold,
    Release,
    Suspend,
    Resume,
    Vacate,
    VacateNow,
}

impl Verb {
    pub(crate) fn of_job(self, job: &Job) -> Controlled {
        match self {
            Verb::Hold => job.hold(""),
            Verb::Release => job.release(""),
            Verb::Suspend => job.suspend(""),
            Verb::Resume => job.resume(""),
            Verb::Vacate => job.vacate(""),
            Verb::VacateNow => job.vacate_now(""),
        }
    }

    pub(crate) fn of_task(self, job: &Job, task: TaskId) -> Result<(), ControlError> {
        match self {
            Verb::Hold => job.hold_task(task, ""),
            Verb::Release => job.release_task(task, ""),
            Verb::Suspend => job.suspend_task(task, ""),
            Verb::Resume => job.resume_task(task, ""),
            Verb::Vacate => job.vacate_task(task, ""),
            Verb::VacateNow => job.vacate_task_now(task, ""),
        }
    }
}

/// The job's first task, which was started and waits for something.
pub(crate) fn begun(job: &Job) -> (ByHand, TaskRun) {
    let hand = ByHand::default();
    job.submit(&hand).expect("a new job");
    let mut run = hand.next().expect("a task is ready");
    assert!(!step(&mut run), "it has not ended");
    (hand, run)
}

impl ByHand {
    pub(crate) fn next(&self) -> Option<TaskRun> {
        // A queue that gives no more may be followed by one that is told of at that moment.
        let queue = |n| self.0.lock().get(n).cloned();
        (0..).map_while(queue).find_map(|queue| queue.next())
    }

    /// Runs the next task. False if there is none.
    pub(crate) fn run_one(&self) -> bool {
        self.next().map(TaskRun::run_blocking).is_some()
    }
}

/// Runs `test` on a thread of its own and gives up on it before whoever runs the tests does: a reader that spins or a wait
/// that hangs fails the test then, and doesn't stop all others.
pub(crate) fn within<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let result = test();
        let _ = send.send(());
        result
    });
    let hangs = receive.recv_timeout(Duration::from_secs(45))
        == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
    assert!(!hangs, "it hangs");
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Ends of tasks that a reporter can report, with the states that they lead to.
pub(crate) const TERMINAL: [TaskState; 6] = [
    TaskState::Completed,
    TaskState::Failed,
    TaskState::Canceled,
    TaskState::TimedOut,
    TaskState::Interrupted,
    TaskState::EnvironmentError,
];

#[allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]
pub(crate) mod lives;
#[cfg(feature = "event-log")]
pub(crate) mod logs;

#[cfg(feature = "web")]
pub(crate) mod http;
