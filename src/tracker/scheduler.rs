//! [`TrackedScheduler`]: a scheduler whose jobs are tracked. Knows no index.

use std::ops::Deref;

use super::Tracker;
use crate::job::{Environments, Rest, Scheduler, SubmitError, TaskQueue, WouldDeadlock};
use crate::model::Resources;

/// A scheduler that tracks each job that is submitted to it, child jobs included; made by
/// [`Tracker::scheduler`](super::Tracker::scheduler). It is otherwise the scheduler that it was made of, to which it derefs.
/// It keeps the tracker.
///
/// ```
/// use milepost::{Job, LocalScheduler, Tracker};
/// use milepost::tracker::Query;
///
/// let tracker = Tracker::new();
/// let scheduler = tracker.scheduler(LocalScheduler::new(2)?);
/// let job = Job::new("sums");
/// job.add_blocking("one", |_cx| Ok(1 + 1))?;
/// job.submit(&scheduler)?;
/// job.wait_until_done().blocking()?;
/// assert_eq!(tracker.query(&Query::new().ended())[0].job, job.id());
/// scheduler.shutdown().blocking(); // of `LocalScheduler`
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrackedScheduler<S> {
    inner: S,
    tracker: Tracker,
}

impl<S: Scheduler> TrackedScheduler<S> {
    pub(super) fn new(inner: S, tracker: Tracker) -> TrackedScheduler<S> {
        TrackedScheduler { inner, tracker }
    }

    /// The scheduler that it was made of.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S> Deref for TrackedScheduler<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.inner
    }
}

impl<S: Scheduler> Scheduler for TrackedScheduler<S> {
    fn ready(&self, queue: TaskQueue) {
        self.inner.ready(queue);
    }

    fn withdrawn(&self, queue: TaskQueue) {
        self.inner.withdrawn(queue);
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        self.inner.accept(queue)?;
        self.tracker.track_core(&queue.core);
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
