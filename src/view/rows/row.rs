//! [`JobRow`] and [`TaskRow`]: what is shown of a job and of a task at a moment. Plain data.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{Counts, Failure, JobId, JobState, Properties, TaskId, TaskState};
use crate::view::text::{amount, rate};

/// What is shown of a job.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct JobRow {
    /// The job; none before its first event.
    pub job: Option<JobId>,
    /// Its name; none while no event has told it.
    pub name: Option<Arc<str>>,
    /// Its state.
    pub state: JobState,
    /// Its share done, from 0 to 1; none while the number of its tasks is unknown. A task that was canceled counts as far as it
    /// came, other than in [`JobProgress`](crate::JobProgress): a bar is to stay where it is, and not to fill up, when
    /// its job is canceled.
    pub fraction: Option<f64>,
    /// What is done, in `unit`.
    pub value: f64,
    /// Where `value` ends, if that is known.
    pub total: Option<f64>,
    /// What `value` counts: the unit that all reporting tasks share, or `"tasks"`.
    pub unit: Arc<str>,
    /// How many of `unit` a second: lately while it goes on, on the whole once it has ended. None if it isn't known yet, or nothing
    /// goes on.
    pub rate: Option<f64>,
    /// The time left, if it goes on like this; none if nobody can know.
    pub eta: Option<Duration>,
    /// The time since it was submitted or started, to its end if it has ended.
    pub elapsed: Option<Duration>,
    /// The tasks by state.
    pub counts: Counts,
    /// How many tasks it will have, if that is known.
    pub expected: Option<usize>,
    /// What was noted of it by name.
    pub properties: Properties,
}

impl JobRow {
    /// How many tasks there are, as far as that is known.
    pub fn total_tasks(&self) -> usize {
        self.expected.unwrap_or(0).max(self.counts.total())
    }

    /// What is done, for people: `12.0/40.0 MiB`, `3/10 tasks`.
    pub fn amount(&self) -> String {
        amount(self.value, self.total, Some(&self.unit))
    }

    /// The rate, for people: `1.5 MiB/s`, `3.2 tasks/s`.
    pub fn rate_text(&self) -> Option<String> {
        self.rate.map(|per_second| rate(per_second, Some(&self.unit)))
    }
}

/// What is shown of a task.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TaskRow<'a> {
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: &'a Arc<str>,
    /// Its state.
    pub state: TaskState,
    /// The attempt that it is in, or was in last, from 1.
    pub attempt: u32,
    /// Its share done, from 0 to 1; none if it has not said where it ends. One that completed is whole.
    pub fraction: Option<f64>,
    /// How far it is.
    pub progress: Option<f64>,
    /// Where `progress` ends.
    pub total: Option<f64>,
    /// What is counted.
    pub unit: Option<&'a Arc<str>>,
    /// What it is doing, or was doing last.
    pub message: Option<&'a Arc<str>>,
    /// What was noted of it by name.
    pub properties: &'a Properties,
    /// How many of its unit a second: lately while it runs, on the whole once it has ended. None if it isn't known yet, or nothing goes
    /// on.
    pub rate: Option<f64>,
    /// The time left, if it goes on like this; none if nobody can know.
    pub eta: Option<Duration>,
    /// The time since its first attempt began, to its end if it has ended; none if none has.
    pub elapsed: Option<Duration>,
    /// What went wrong.
    pub error: Option<&'a Arc<Failure>>,
}

impl TaskRow<'_> {
    /// How far it is, for people: `3.5/10.0 MiB`, `42/100`; none if it has not said.
    pub fn amount(&self) -> Option<String> {
        self.progress.map(|progress| amount(progress, self.total, self.unit.map(|unit| &**unit)))
    }

    /// The rate, for people: `1.5 MiB/s`, `3.2 rows/s`, `10/s`.
    pub fn rate_text(&self) -> Option<String> {
        self.rate.map(|per_second| rate(per_second, self.unit.map(|unit| &**unit)))
    }
}
