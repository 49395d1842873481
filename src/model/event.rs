//! What a job tells: lifecycle events, which are numbered and never lost, and progress, which is coalesced.
//!
//! All of them implement serde; the JSON form is one object with snake_case fields, times in RFC 3339 UTC with
//! microseconds, and no field for what is absent: `properties` are an object of booleans, numbers and strings, left out if
//! there are none. Readers should pass over fields and events that they don't know.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::outcome::Output;
use super::progress::fraction;
use super::time::{Timestamp, millis};
use super::{
    Cause, Counts, Failure, JobId, JobProgress, JobState, ProgressReport, Properties, TaskId,
    TaskRef, TaskState,
};

/// Any event of a job, in the order in which they happened.
///
/// ```
/// use milepost::{Event, Job};
///
/// let job = Job::new("empty");
/// let mut events = job.events();
/// drop(job); // a job ends when it is sealed and all its tasks have ended
/// let last = std::iter::from_fn(|| events.blocking_next()).last().unwrap();
/// let json = serde_json::to_string(&last)?;
/// assert!(json.starts_with(r#"{"event":"job_completed","job":""#));
/// assert_eq!(serde_json::from_str::<Event>(&json)?.seq(), last.seq());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The job entered another state.
    JobStateChanged(JobStateChanged),
    /// A task was added.
    TaskAdded(TaskAdded),
    /// A task entered another state.
    TaskStateChanged(TaskStateChanged),
    /// A task's progress, at most once in a window.
    TaskProgressUpdated(TaskProgressUpdated),
    /// A task has ended, in whatever state.
    TaskCompleted(TaskCompleted),
    /// The job has ended; nothing follows.
    JobCompleted(JobCompleted),
}

impl Event {
    /// What kind of event it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Event::JobStateChanged(_) => EventKind::JobStateChanged,
            Event::TaskAdded(_) => EventKind::TaskAdded,
            Event::TaskStateChanged(_) => EventKind::TaskStateChanged,
            Event::TaskProgressUpdated(_) => EventKind::TaskProgressUpdated,
            Event::TaskCompleted(_) => EventKind::TaskCompleted,
            Event::JobCompleted(_) => EventKind::JobCompleted,
        }
    }

    /// The event's number in its job, from 1; none for progress.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Event::JobStateChanged(event) => Some(event.seq),
            Event::TaskAdded(event) => Some(event.seq),
            Event::TaskStateChanged(event) => Some(event.seq),
            Event::TaskProgressUpdated(_) => None,
            Event::TaskCompleted(event) => Some(event.seq),
            Event::JobCompleted(event) => Some(event.seq),
        }
    }

    /// When it happened. Never decreases with `seq`.
    pub fn at(&self) -> Timestamp {
        match self {
            Event::JobStateChanged(event) => event.at,
            Event::TaskAdded(event) => event.at,
            Event::TaskStateChanged(event) => event.at,
            Event::TaskProgressUpdated(event) => event.at,
            Event::TaskCompleted(event) => event.at,
            Event::JobCompleted(event) => event.at,
        }
    }

    /// The job that it is of.
    pub fn job(&self) -> JobId {
        match self {
            Event::JobStateChanged(event) => event.job,
            Event::TaskAdded(event) => event.job,
            Event::TaskStateChanged(event) => event.job,
            Event::TaskProgressUpdated(event) => event.job,
            Event::TaskCompleted(event) => event.job,
            Event::JobCompleted(event) => event.job,
        }
    }

    /// The task that it is of, if it is of one.
    pub fn task(&self) -> Option<TaskId> {
        match self {
            Event::JobStateChanged(_) | Event::JobCompleted(_) => None,
            Event::TaskAdded(event) => Some(event.task),
            Event::TaskStateChanged(event) => Some(event.task),
            Event::TaskProgressUpdated(event) => Some(event.task),
            Event::TaskCompleted(event) => Some(event.task),
        }
    }
}

/// The kinds of [`Event`]. In JSON they are what an event's `event` says: `"task_completed"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// [`JobStateChanged`].
    JobStateChanged,
    /// [`TaskAdded`].
    TaskAdded,
    /// [`TaskStateChanged`].
    TaskStateChanged,
    /// [`TaskProgressUpdated`].
    TaskProgressUpdated,
    /// [`TaskCompleted`].
    TaskCompleted,
    /// [`JobCompleted`].
    JobCompleted,
}

/// The job entered another state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobStateChanged {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// The event's number in its job.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The state before.
    pub from: JobState,
    /// The state since.
    pub to: JobState,
    /// Why, for cancellations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<Cause>>,
    /// What was noted of the job by name as it was built.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

/// A task was added to its job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskAdded {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// Its name; names need not be unique.
    pub name: Arc<str>,
    /// The event's number in its job.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// How much it counts in its job's progress; 1 if nothing was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// What it counts, if that was said beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// What was noted of it by name as it was added.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

/// A task entered another state. The task's name is in [`TaskAdded`] and [`TaskCompleted`], and at any time in
/// [`Job::task_name`](crate::Job::task_name): this event is kept small, so that a thousand readers cost little.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskStateChanged {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The attempt that the task is in since, from 1.
    pub attempt: u32,
    /// The event's number in its job.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The state before.
    pub from: TaskState,
    /// The state since.
    pub to: TaskState,
    /// Whether a follower saw it of someone else's task, perhaps with states left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observed: bool,
    /// Why, where the states alone don't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<Cause>>,
}

/// The latest progress of a task: at most one in a window, and the last one before the task's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskProgressUpdated {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The attempt that reported it, from 1.
    pub attempt: u32,
    /// When it was flushed.
    pub at: Timestamp,
    /// The number of the last lifecycle event before it was flushed.
    pub after: u64,
    /// How far the task is; see [`ProgressReport::progress`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Where `progress` ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// What the task is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// All that is noted of the task by name, whether it has changed or not.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

impl TaskProgressUpdated {
    /// Progress as a share of the total, from 0 to 1; none without a positive total.
    pub fn fraction(&self) -> Option<f64> {
        fraction(self.progress, self.total)
    }
}

/// A task has ended, in whatever state: `state.is_success()` tells.
#[derive(Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskCompleted {
    /// The job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: Arc<str>,
    /// The last attempt, from 1.
    pub attempt: u32,
    /// The event's number in its job.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The terminal state.
    pub state: TaskState,
    /// The last progress that the task reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Where `progress` would have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// The task's last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// All that was noted of the task by name.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<Failure>>,
    #[serde(default, rename = "output", skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<Arc<serde_json::Value>>,
    #[serde(skip)]
    pub(crate) output: Option<Output>,
}

impl TaskCompleted {
    /// What the task returned, if it completed in this process with a `T` that nobody has taken
    /// out (see [`Job::outputs`](crate::Job::outputs)).
    pub fn output<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        // A `()` is not kept.
        let unit = || self.state.is_success().then(|| Arc::new(()) as Output);
        self.output.clone().or_else(unit)?.downcast().ok()
    }

    /// What the task [published](crate::TaskContext::publish), read as a `T`; none if it published nothing.
    ///
    /// # Errors
    /// What was published has another form than `T`.
    pub fn published<T: DeserializeOwned>(&self) -> Option<Result<T, PublishedError>> {
        let value = self.published.as_deref()?;
        Some(T::deserialize(value).map_err(PublishedError))
    }

    pub(crate) fn set_report(&mut self, report: ProgressReport) {
        let ProgressReport { progress, total, unit, message, properties } = report;
        (self.progress, self.total, self.unit, self.message) = (progress, total, unit, message);
        self.properties = properties;
    }
}

impl fmt::Debug for TaskCompleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskCompleted")
            .field("job", &self.job)
            .field("task", &self.task)
            .field("name", &self.name)
            .field("attempt", &self.attempt)
            .field("seq", &self.seq)
            .field("at", &self.at)
            .field("state", &self.state)
            .field("progress", &self.progress)
            .field("total", &self.total)
            .field("message", &self.message)
            .field("properties", &self.properties)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// What a task published has another form than was asked for.
#[derive(Debug)]
pub struct PublishedError(serde_json::Error);

impl fmt::Display for PublishedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the published output has another form than was asked for")
    }
}

impl std::error::Error for PublishedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The job has ended. It comes after the last [`TaskCompleted`] and is the last event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobCompleted {
    /// The job.
    pub job: JobId,
    /// The event's number in its job.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The terminal state.
    pub state: JobState,
    /// The tasks by terminal state.
    pub counts: Counts,
    /// The time since the job was submitted or started; in JSON, `elapsed_ms` in whole milliseconds.
    #[serde(rename = "elapsed_ms", with = "millis")]
    pub elapsed: Duration,
}

/// All progress of one window, with the job's own: what a GUI redraws on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProgressWindow {
    /// The job.
    pub job: JobId,
    /// When the window closed.
    pub at: Timestamp,
    /// The number of the last lifecycle event before it closed.
    pub after: u64,
    /// The tasks that have reported in the window or ended in it with a new value, each once.
    pub updates: Vec<TaskProgressUpdated>,
    /// The job's progress when the window closed.
    pub progress: JobProgress,
}

macro_rules! report {
    ($($event:ty)*) => {$(
        impl $event {
            /// What it tells of the task's progress.
            pub(crate) fn report(&self) -> ProgressReport {
                ProgressReport {
                    progress: self.progress,
                    total: self.total,
                    unit: self.unit.clone(),
                    message: self.message.clone(),
                    properties: self.properties.clone(),
                }
            }
        }
    )*};
}

report!(TaskProgressUpdated TaskCompleted);

macro_rules! task_ref {
    ($($event:ty)*) => {$(
        impl From<&$event> for TaskRef {
            fn from(event: &$event) -> Self {
                TaskRef::new(event.job, event.task)
            }
        }
    )*};
}

task_ref!(TaskAdded TaskStateChanged TaskProgressUpdated TaskCompleted);
