//! The names of things: [`JobId`], [`TaskId`] and [`TaskRef`]. Knows no job.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::parsed::Parsed;

/// The globally unique id of a job: 128 bits, ordered by the time of creation (a UUID of version 7, RFC 9562).
///
/// It is never used again, so an old link or a saved cursor never means another job.
///
/// ```
/// use milepost::{Job, JobId};
///
/// let id = Job::new("thumbnails").id();
/// assert_eq!(id.to_string().parse::<JobId>()?, id);
/// assert!(id < Job::new("later").id());
/// # Ok::<(), milepost::ParseJobIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

impl JobId {
    pub(crate) fn unique() -> Self {
        JobId(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({})", self.0)
    }
}

impl FromStr for JobId {
    type Err = ParseJobIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(JobId).map_err(|_| ParseJobIdError { text: text.into() })
    }
}

impl Serialize for JobId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buffer = Uuid::encode_buffer();
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut buffer))
    }
}

impl<'de> Deserialize<'de> for JobId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed::new("a job id"))
    }
}

/// A text that is no [`JobId`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseJobIdError {
    text: String,
}

impl fmt::Display for ParseJobIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no job id: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057",
            self.text
        )
    }
}

impl std::error::Error for ParseJobIdError {}

/// The number of a task in its job: dense, from 0, in the order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(u32);

impl TaskId {
    /// The id of the task that was added as number `index`, from 0.
    pub const fn new(index: u32) -> Self {
        TaskId(index)
    }

    /// The position in the order of adding, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn raw(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Names a task where a job's method takes one: a [`TaskId`], or anything that also knows its job, so that a
/// task of another job is refused instead of mistaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskRef {
    pub(crate) job: Option<JobId>,
    pub(crate) task: TaskId,
}

impl TaskRef {
    /// The task `task` of the job `job`.
    pub fn new(job: JobId, task: TaskId) -> Self {
        TaskRef { job: Some(job), task }
    }
}

impl From<TaskId> for TaskRef {
    fn from(task: TaskId) -> Self {
        TaskRef { job: None, task }
    }
}
