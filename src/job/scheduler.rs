//! What a scheduler is to a job, and a job to a scheduler.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::core::JobCore;
use super::environments::Environments;
use super::error::{SubmitError, WouldDeadlock};
use super::ledger::Head;
use super::lineage;
use super::run::TaskRun;
use crate::base::WakerKey;
use crate::model::{JobId, Resources};

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

    /// No task of a queue is ready any more, before [`TaskQueue::next`] has said so: all were taken, canceled or held, or
    /// their job was suspended. Called only if they [require](TaskQueue::resources) something: others may wait behind
    /// them.
    fn withdrawn(&self, queue: TaskQueue) {
        let _ = queue;
    }

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

    /// A running task that requires `resources` needs neither its worker nor those for a while: it is suspended, or waits
    /// for a job of its own. Others may have them, until the task asks for them by what is returned.
    fn rest(&self, resources: &Resources) -> Box<dyn Rest> {
        let _ = resources;
        Box::new(NoRest)
    }

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

    fn withdrawn(&self, queue: TaskQueue) {
        (**self).withdrawn(queue);
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        (**self).accept(queue)
    }

    fn worker_lost(&self) {
        (**self).worker_lost();
    }

    fn rest(&self, resources: &Resources) -> Box<dyn Rest> {
        (**self).rest(resources)
    }

    fn environments(&self) -> Option<&Environments> {
        (**self).environments()
    }

    fn block(&self, wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
        (**self).block(wait)
    }
}

/// The rest of a task that goes on later; see [`Scheduler::rest`]. Dropping it has the task go on at once, also where that
/// makes one more than should run.
pub trait Rest: Send {
    /// Whether the task has its worker and its resources again, which it asks for by the first call; else the waker is
    /// called when it has.
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Nobody else has had what the task gave up.
struct NoRest;

impl Rest for NoRest {
    fn poll_return(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// What queues are ordered by.
pub(crate) type QueueKey = (Reverse<i32>, u64, u64, JobId);

/// Ready tasks of a job that have the same priority, require the same, and became ready together. A cheap clone; it keeps
/// the job alive, but doesn't keep it open.
///
/// The order of queues, of whatever jobs, is that in which they are to be served: by priority, the higher first, and then
/// first come, first served.
#[derive(Clone)]
pub struct TaskQueue {
    pub(crate) core: Arc<JobCore>,
    pub(super) head: Head,
}

impl TaskQueue {
    pub(super) fn new(core: Arc<JobCore>, head: Head) -> TaskQueue {
        TaskQueue { core, head }
    }

    /// Starts the next task; the caller is to run it. After `None`, the queue gives none any more, and
    /// [`Scheduler::ready`] is called when there are others.
    pub fn next(&self) -> Option<TaskRun> {
        self.core.refill();
        let started = self.core.update(|ledger, effects| {
            let at = ledger.now();
            ledger.start_next(at, &self.head, effects)
        })?;
        Some(TaskRun::new(self.core.clone(), self.head.clone(), started))
    }

    /// The priority of the tasks.
    pub fn priority(&self) -> i32 {
        self.head.lane.priority.0
    }

    /// What each of the tasks requires.
    pub fn resources(&self) -> &Resources {
        const NOTHING: &Resources = &Resources::new();
        self.head.lane.resources.as_deref().unwrap_or(NOTHING)
    }

    /// The job.
    pub fn job_id(&self) -> JobId {
        self.core.id
    }

    /// Whether the job runs as a [child](crate::TaskContext::child) of a task, which doesn't end before it.
    pub fn is_child(&self) -> bool {
        lineage::is_child(self.core.id)
    }

    /// Whether the job has ended.
    pub fn is_ended(&self) -> bool {
        self.core.is_ended()
    }

    /// Whether it was not withdrawn, nor has given all its tasks.
    #[allow(dead_code, reason = "only the local scheduler asks for it, which is a feature")]
    pub(crate) fn is_told(&self) -> bool {
        self.core.look(|ledger| ledger.is_told(&self.head))
    }

    /// Ends the tasks of the job that are ready and won't be run as interrupted: what would have run them has gone.
    pub fn interrupt(&self) {
        self.core.update(|ledger, effects| ledger.interrupt_ready(effects));
    }

    /// Ends the tasks that wait and require what these do as failed: the scheduler will never have what they require, as
    /// `message` says.
    pub fn refuse(&self, message: impl Into<Arc<str>>) {
        let message = message.into();
        self.core.update(|ledger, effects| ledger.refuse(&self.head, message, effects));
    }

    pub(crate) fn key(&self) -> QueueKey {
        (self.head.lane.priority, self.head.ticket, self.head.told, self.core.id)
    }
}

impl PartialEq for TaskQueue {
    fn eq(&self, other: &TaskQueue) -> bool {
        self.key() == other.key()
    }
}

impl Eq for TaskQueue {}

impl PartialOrd for TaskQueue {
    fn partial_cmp(&self, other: &TaskQueue) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TaskQueue {
    fn cmp(&self, other: &TaskQueue) -> Ordering {
        self.key().cmp(&other.key())
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
        write!(f, "TaskQueue({}, {})", self.core.id, self.priority())
    }
}
