//! How tasks end: failures, causes, cancellation. Holds no user code but boxed errors and outputs.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{JobId, TaskId, TaskState};

/// A task's output as its job keeps it.
pub(crate) type Output = Arc<dyn Any + Send + Sync>;

/// What went wrong in a task. As JSON: `{"kind":"failed","message":"..."}`.
#[derive(Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of end it was.
    pub kind: FailureKind,
    /// The error's message, followed by those of its sources: `"reading a.png: no such file"`.
    pub message: Arc<str>,
    #[serde(skip)]
    pub(crate) error: Option<Arc<dyn Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, message: impl Into<Arc<str>>) -> Self {
        Failure { kind, message: message.into(), error: None }
    }

    /// The failure that `error` is.
    pub(crate) fn of(kind: FailureKind, error: Arc<dyn Error + Send + Sync>) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            message = format!("{message}: {error}");
            source = error.source();
        }
        Failure { kind, message: message.into(), error: Some(error) }
    }

    /// The error that the task returned, as it was; none after a panic, a cancellation or a way through JSON.
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.message == other.message
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({:?}: {})", self.kind, self.message)
    }
}

/// Without the sources, which [`source`](Error::source) gives; `{:#}` has them in.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) if !f.alternate() => write!(f, "{error}"),
            _ => f.write_str(&self.message),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref()?.source()
    }
}

/// What kind of failure ended a task or an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The task returned an error.
    Failed,
    /// The task panicked; the message is the panic's.
    Panicked,
    /// The task was canceled.
    Canceled,
    /// The task was canceled and did not yield: its code may still run, and nothing that it does is heard.
    Abandoned,
    /// The task ran for longer than it may.
    TimedOut,
    /// The task was lost with what ran it.
    Interrupted,
    /// The task's environment could not be set up.
    Environment,
    /// The task requires what its scheduler will never have.
    Unsatisfiable,
    /// The task completed, and its output was taken by another reader.
    OutputTaken,
}

/// Why a state changed, where the new state alone doesn't tell.
/// As JSON: `{"kind":"canceled","reason":"user","message":"..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cause {
    /// What happened.
    pub kind: CauseKind,
    /// For cancellations: on whose account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<CancelReason>,
    /// In words: what the caller of `cancel` gave, or the error that led to a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
}

impl Cause {
    pub(crate) fn new(kind: CauseKind, message: Option<Arc<str>>) -> Self {
        Cause { kind, reason: None, message }
    }

    pub(crate) fn canceled(reason: CancelReason, message: Option<Arc<str>>) -> Self {
        Cause { kind: CauseKind::Canceled, reason: Some(reason), message }
    }

    /// The same with more to say.
    pub(crate) fn with_note(&self, note: &str) -> Self {
        let message = match &self.message {
            Some(message) => format!("{message} ({note})"),
            None => note.to_owned(),
        };
        Cause { message: Some(message.into()), ..self.clone() }
    }

    pub(crate) fn with_kind(&self, kind: CauseKind) -> Self {
        Cause { kind, ..self.clone() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            CauseKind::Canceled => "canceled",
            CauseKind::Forced => "canceled by force",
            CauseKind::Abandoned => "canceled and abandoned, as it did not yield",
            CauseKind::Retry => "to be tried again",
            CauseKind::Held => "held",
            CauseKind::Released => "released",
            CauseKind::Suspended => "suspended",
            CauseKind::Resumed => "resumed",
            CauseKind::Vacated => "vacated",
            CauseKind::Reported => "reported",
            CauseKind::Repaired => "found out by asking",
        })?;
        match (self.reason, self.message.as_deref()) {
            (Some(CancelReason::User) | None, Some(message)) => write!(f, ": {message}"),
            (Some(CancelReason::User) | None, None) => Ok(()),
            (Some(reason), None) => write!(f, " ({reason})"),
            (Some(reason), Some(message)) => write!(f, " ({reason}): {message}"),
        }
    }
}

/// What led to a change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CauseKind {
    /// Someone canceled the task or its job.
    Canceled,
    /// The grace period ran out: the task was stopped where it waited.
    Forced,
    /// The grace period ran out and the task did not yield: it was given up.
    Abandoned,
    /// The attempt failed or was lost, and another one follows.
    Retry,
    /// Someone held the task or its job.
    Held,
    /// Someone released it.
    Released,
    /// Someone suspended it.
    Suspended,
    /// Someone had it go on.
    Resumed,
    /// Someone had the attempt stopped, and another one follows.
    Vacated,
    /// A producer gave the reason in words.
    Reported,
    /// It was not told, but found out by asking.
    Repaired,
}

/// On whose account a job or task was canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CancelReason {
    /// Somebody called `cancel`.
    User,
    /// Other tasks failed; see [`JobBuilder::max_failures`](crate::JobBuilder::max_failures).
    Consequence,
    /// Whoever waited for it has gone: a dropped [`CancelOnDrop`](crate::CancelOnDrop) guard or `job.run` future, or
    /// the last handle of a job that was never submitted.
    Dropped,
    /// The task that the job was made for has stopped; see [`TaskContext::child`](crate::TaskContext::child).
    Parent,
    /// The scheduler was shut down.
    Shutdown,
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CancelReason::User => "by the user",
            CancelReason::Consequence => "as other tasks failed",
            CancelReason::Dropped => "as its owner is gone",
            CancelReason::Parent => "as the task that it was made for stopped",
            CancelReason::Shutdown => "as the scheduler shut down",
        })
    }
}

/// The error that a canceled task returns: what [`check`](crate::Progress::check) gives, to be passed on by `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canceled;

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was canceled")
    }
}

impl Error for Canceled {}

/// A task that did not complete. `{}` says which and how, `{:#}` also why in one line.
///
/// It is what [`TaskHandle`](crate::TaskHandle) and [`JobSummary`](crate::JobSummary) tell of such a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskFailed {
    /// The task's job.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The task's name.
    pub name: Arc<str>,
    /// How it ended.
    pub state: TaskState,
    /// How many attempts there were.
    pub attempts: u32,
    /// What went wrong; none for tasks that were canceled before they began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<Failure>>,
}

impl fmt::Display for TaskFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task {} ({}) {}",
            self.task,
            self.name,
            match self.state {
                TaskState::Failed => "failed",
                TaskState::Canceled => "was canceled",
                TaskState::TimedOut => "timed out",
                TaskState::Interrupted => "was interrupted",
                TaskState::EnvironmentError => "had no environment",
                _ => "did not complete",
            }
        )?;
        match &self.error {
            Some(error) if f.alternate() => write!(f, ": {error:#}"),
            _ => Ok(()),
        }
    }
}

impl Error for TaskFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_deref().map(|error| error as &(dyn Error + 'static))
    }
}
