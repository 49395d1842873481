//! A job at one moment.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::time::Timestamp;
use super::{Failure, JobId, JobProgress, JobState, Properties, TaskId, TaskState};

/// A job as it was after the event numbered `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobSnapshot {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// What was noted of it by name as it was built.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// Its state.
    pub state: JobState,
    /// The number of the last lifecycle event before the snapshot.
    pub seq: u64,
    /// When the job was created.
    pub created_at: Timestamp,
    /// When the job was submitted or started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the job ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How far it is, with the number of tasks by state.
    pub progress: JobProgress,
    /// Its tasks, in the order of adding.
    pub tasks: Vec<TaskSnapshot>,
}

/// A task as it was when its job's snapshot was taken. Progress and properties are as of the last flush.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task.
    pub task: TaskId,
    /// Its name.
    pub name: Arc<str>,
    /// Its state.
    pub state: TaskState,
    /// The attempt that it is in, or was in last, from 1.
    pub attempt: u32,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Where `progress` ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// What it is doing, or was doing last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// What is noted of it by name.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<Failure>>,
}
