//! Timers of tasks: when a grace period is over, a timeout reached, a retry due.

use std::sync::{Arc, Weak};

use super::core::JobCore;
use crate::base::{Alarm, Clock, Timer, run_on_pool};
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
    /// The job, if nothing else may keep it until then.
    pub(super) kept: Option<Arc<JobCore>>,
}

impl Alarm for TaskAlarm {
    fn ring(self: Arc<Self>, _timer: Timer) {
        if let Some(core) = self.core.upgrade() {
            core.update(|ledger, effects| ledger.due(self.due, effects));
            if self.kept.is_some() && Clock::on_ticker() {
                // This may be the last of the job, and the ticker must not wait for the drop of what users gave to it.
                let _ = run_on_pool(move || drop((core, self)));
            }
        }
    }
}
