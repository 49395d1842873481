//! Timers of tasks: when a grace period is over, a timeout reached, a retry due.

use std::sync::{Arc, Weak};

use super::core::JobCore;
use crate::base::{Alarm, Timer};
use crate::model::TaskId;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// The whole job's grace period is over.
    ForceAll,
    /// A task's grace period is over.
    Force(TaskId, u32),
    /// An attempt has run for as long as it may.
    TimeOut(TaskId, u32),
    /// A vacated attempt's grace period is over.
    Vacate(TaskId, u32),
    /// The job has taken as long as it may.
    Deadline,
    /// A task that is to be retried may be queued.
    Retry(TaskId, u32),
}

pub(crate) struct TaskAlarm {
    pub(super) core: Weak<JobCore>,
    pub(super) due: Due,
}

impl Alarm for TaskAlarm {
    fn ring(self: Arc<Self>, _timer: Timer) {
        if let Some(core) = self.core.upgrade() {
            core.update(|ledger, effects| ledger.due(self.due, effects));
        }
    }
}
