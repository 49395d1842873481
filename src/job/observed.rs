//! [`ObservedScheduler`]: a scheduler whose jobs somebody learns of. Knows not what for.

use std::fmt;
use std::sync::Arc;

use super::core::JobCore;
use super::{Environments, Rest, Scheduler, SubmitError, TaskQueue, WouldDeadlock};
use crate::model::Resources;

/// Who learns of jobs.
pub(crate) trait Observer: Send + Sync {
    /// A job was accepted by its scheduler, and is about to be submitted.
    fn accepted(&self, job: &Arc<JobCore>);
}

/// A scheduler whose jobs are all tracked, logged or measured, child jobs included: made by `Tracker::scheduler`,
/// `event_log::Writer::scheduler` and `telemetry::Telemetry::scheduler`, also of one another's. It runs tasks like the scheduler
/// that it was made of, its [`inner`](ObservedScheduler::inner) one. It keeps the tracker, writer or telemetry.
#[derive(Clone)]
pub struct ObservedScheduler<S> {
    inner: S,
    observer: Arc<dyn Observer>,
}

impl<S> ObservedScheduler<S> {
    #[allow(dead_code, reason = "only features observe")]
    pub(crate) fn new(inner: S, observer: Arc<dyn Observer>) -> ObservedScheduler<S> {
        ObservedScheduler { inner, observer }
    }

    /// The scheduler that it was made of. What is submitted to that itself, nobody learns of.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The scheduler that it was made of.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Scheduler> Scheduler for ObservedScheduler<S> {
    fn ready(&self, queue: TaskQueue) {
        self.inner.ready(queue);
    }

    fn withdrawn(&self, queue: TaskQueue) {
        self.inner.withdrawn(queue);
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        self.inner.accept(queue)?;
        self.observer.accepted(&queue.core);
        Ok(())
    }

    fn worker_lost(&self) {
        self.inner.worker_lost();
    }

    fn rest(&self, resources: &Resources) -> Box<dyn Rest> {
        self.inner.rest(resources)
    }

    fn environments(&self) -> Option<&Environments> {
        self.inner.environments()
    }

    fn block(&self, wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
        self.inner.block(wait)
    }
}

impl<S: fmt::Debug> fmt::Debug for ObservedScheduler<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObservedScheduler").field(&self.inner).finish()
    }
}
