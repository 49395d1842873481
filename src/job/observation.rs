//! [`Observation`]: what a follower has seen of someone else's task. Changes nothing.

use std::any::Any;
use std::sync::Arc;

use super::work::keep;
use crate::model::{Cause, CauseKind, Output, TaskState};

/// What was seen of a task that someone else runs, for [`TaskReporter::observed`](crate::TaskReporter::observed): its state, and
/// what is known beside that. A [`TaskState`] is one, without more.
///
/// ```
/// use milepost::{Cause, CauseKind, Event, Job, Observation, TaskState};
///
/// let job = Job::new("queue");
/// let mut task = job.reporter("114.0")?;
/// let mut events = job.task_state_changed().from_now();
/// task.observed(Observation::new(TaskState::Held).message("disk full").repaired())?;
/// let cause = events.try_recv().and_then(|event| event.cause).expect("there is one");
/// assert_eq!(cause.kind, CauseKind::Repaired);
/// assert_eq!(cause.to_string(), "found out by asking: disk full");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "it is told to a reporter"]
pub struct Observation {
    pub(super) state: TaskState,
    pub(super) cause: Option<Cause>,
    pub(super) error: Option<Arc<str>>,
    pub(super) output: Option<Output>,
}

impl Observation {
    /// The task was seen in this state.
    pub fn new(state: TaskState) -> Observation {
        Observation { state, cause: None, error: None, output: None }
    }

    /// Why, in words: the message of the event's [`Cause`]. That is of the kind [`Retry`](CauseKind::Retry) if the task waits
    /// for its turn again, and else [`Reported`](CauseKind::Reported), unless it was [`repaired`](Observation::repaired).
    pub fn message(mut self, message: impl Into<Arc<str>>) -> Self {
        self.cause_mut().message = Some(message.into());
        self
    }

    /// It was not told, but found out by asking: the event's cause is of the kind [`Repaired`](CauseKind::Repaired).
    pub fn repaired(mut self) -> Self {
        self.cause_mut().kind = CauseKind::Repaired;
        self
    }

    /// What went wrong: the message of the task's [`Failure`](crate::Failure), if the state is a terminal one other than
    /// [`Completed`](TaskState::Completed).
    pub fn error(mut self, message: impl Into<Arc<str>>) -> Self {
        self.error = Some(message.into());
        self
    }

    /// What the task gave, kept with the job if this is its end.
    pub fn output<T: Any + Send + Sync>(mut self, output: T) -> Self {
        self.output = keep(output);
        self
    }

    /// What led to it, where that is neither a retry nor a mere report.
    #[allow(dead_code, reason = "only features follow tasks of others")]
    pub(crate) fn because(mut self, kind: CauseKind) -> Self {
        self.cause_mut().kind = kind;
        self
    }

    fn cause_mut(&mut self) -> &mut Cause {
        let kind = match self.state {
            TaskState::Submitted => CauseKind::Retry,
            _ => CauseKind::Reported,
        };
        self.cause.get_or_insert_with(|| Cause::new(kind, None))
    }
}

impl From<TaskState> for Observation {
    fn from(state: TaskState) -> Observation {
        Observation::new(state)
    }
}

impl std::fmt::Debug for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observation")
            .field("state", &self.state)
            .field("cause", &self.cause)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
