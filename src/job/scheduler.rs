//! What a scheduler is to a job, and a job to a scheduler.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::core::JobCore;
use super::environments::Environments;
use super::error::{SubmitError, WouldDeadlock};
use super::run::TaskRun;
use crate::base::WakerKey;
use crate::model::JobId;

/// Runs the tasks of jobs that are submitted to it. [`LocalScheduler`](crate::LocalScheduler) is one.
///
/// A job tells its scheduler when tasks become ready, and the scheduler takes them from the job one by one, as it has
/// workers for them. All methods are called outside of the job's lock, and should return soon.
///
/// ```
/// use milepost::{Job, Scheduler, TaskQueue};
///
/// /// Runs each task where it is submitted.
/// struct Inline;
///
/// impl Scheduler for Inline {
///     fn ready(&self, queue: TaskQueue) {
///         while let Some(run) = queue.next() {
///             run.run_blocking();
///         }
///     }
/// }
///
/// let job = Job::new("sums");
/// let sum = job.add_blocking("one", |_cx| Ok(1 + 1))?;
/// job.submit(&std::sync::Arc::new(Inline))?;
/// assert_eq!(*sum.output()?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Scheduler: Send + Sync + 'static {
    /// Tasks of a job are ready that were not. Take them by [`TaskQueue::next`] until there is none; then this is
    /// called again when there is.
    fn ready(&self, queue: TaskQueue);

    /// A job is about to be submitted.
    ///
    /// # Errors
    /// The scheduler doesn't take it, and the job is as it was.
    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        let _ = queue;
        Ok(())
    }

    /// A worker was lost to a task's code that doesn't yield: another one may take its place. When the code returns
    /// after all, its [`TaskRun`] says so.
    fn worker_lost(&self) {}

    /// Where instances of [`Environment`](crate::Environment)s are kept from one task to the next. Without it, each task
    /// sets up and tears down its own.
    fn environments(&self) -> Option<&Environments> {
        None
    }

    /// Runs `wait`, which blocks this thread until a job of this scheduler has ended.
    ///
    /// # Errors
    /// The job needs this thread to end; `wait` is not called.
    fn block(&self, wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
        wait();
        Ok(())
    }
}

impl<S: Scheduler + ?Sized> Scheduler for Arc<S> {
    fn ready(&self, queue: TaskQueue) {
        (**self).ready(queue);
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        (**self).accept(queue)
    }

    fn worker_lost(&self) {
        (**self).worker_lost();
    }

    fn environments(&self) -> Option<&Environments> {
        (**self).environments()
    }

    fn block(&self, wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
        (**self).block(wait)
    }
}

/// A job's ready tasks, for its scheduler. A cheap clone; it keeps the job alive, but doesn't keep it open.
#[derive(Clone)]
pub struct TaskQueue {
    pub(crate) core: Arc<JobCore>,
    told: u64,
}

impl TaskQueue {
    pub(super) fn new(core: Arc<JobCore>, told: u64) -> TaskQueue {
        TaskQueue { core, told }
    }

    /// Starts the next task; the caller is to run it. After `None`, [`Scheduler::ready`] is called when there are
    /// tasks again.
    pub fn next(&self) -> Option<TaskRun> {
        self.core.refill();
        let started = self.core.update(|ledger, effects| {
            let at = ledger.now();
            ledger.start_next(at, effects)
        })?;
        Some(TaskRun::new(self.core.clone(), started))
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.core.id
    }

    /// Whether both are of the same job and `other` was announced by the same or an earlier call of
    /// [`Scheduler::ready`]: once this one gave no task, that one has none either.
    pub fn covers(&self, other: &TaskQueue) -> bool {
        self.core.id == other.core.id && other.told <= self.told
    }

    /// Whether the job has ended.
    pub fn is_ended(&self) -> bool {
        self.core.is_ended()
    }

    /// Ends the tasks that are ready and won't be run as interrupted: what would have run them has gone.
    pub fn interrupt(&self) {
        self.core.update(|ledger, effects| ledger.interrupt_ready(effects));
    }
}

impl JobCore {
    pub(crate) fn is_ended(&self) -> bool {
        self.look(|ledger| ledger.state()).is_terminal()
    }

    /// Whether the job has ended; else the waker is called when it has.
    pub(crate) fn poll_ended(&self, key: &mut WakerKey, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        self.look(|ledger| ledger.poll_ended(key, &mut waker))
    }
}

impl fmt::Debug for TaskQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskQueue({})", self.core.id)
    }
}
