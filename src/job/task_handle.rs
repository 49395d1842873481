//! [`TaskHandle`]: one task, for whoever added it.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::JobCore;
use super::handle::user_cause;
use super::ledger::HandleResult;
use super::work::kept;
use super::{Subscription, callbacks};
use crate::base::{WakerKey, block_on};
use crate::model::{
    Failure, FailureKind, JobId, TaskCompleted, TaskFailed, TaskId, TaskRef, TaskSnapshot,
    TaskState,
};

/// A task that was added; await it for its output. Dropping it leaves the task alone.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let job = Job::new("sums");
/// let two = job.add_blocking("two", |_cx| Ok(1 + 1))?;
/// let bad = job.add_blocking("bad", |_cx| Ok("x".parse::<u32>()?))?;
/// job.submit(&LocalScheduler::new(2)?)?;
/// assert_eq!(*two.output()?, 2);
/// assert_eq!(format!("{:#}", bad.output().unwrap_err()), "task 1 (bad) failed: invalid digit found in string");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskHandle<T> {
    pub(super) core: Arc<JobCore>,
    pub(super) task: TaskId,
    key: WakerKey,
    output: PhantomData<fn() -> T>,
}

impl<T> TaskHandle<T> {
    pub(super) fn new(core: Arc<JobCore>, task: TaskId) -> Self {
        TaskHandle { core, task, key: WakerKey::default(), output: PhantomData }
    }

    /// The task.
    pub fn id(&self) -> TaskId {
        self.task
    }

    /// The task's job.
    pub fn job_id(&self) -> JobId {
        self.core.id
    }

    /// The task's name.
    pub fn name(&self) -> Arc<str> {
        self.core.task_name(self.task).unwrap_or_default()
    }

    /// The task's state.
    pub fn state(&self) -> TaskState {
        // The handle keeps the task in the table.
        self.core.look(|ledger| ledger.task_state(self.task)).unwrap_or(TaskState::Completed)
    }

    /// The task as it is now; progress is as of the last flush. None if the job's history is
    /// [freed](crate::History::Unread) and the task's is gone.
    pub fn snapshot(&self) -> Option<TaskSnapshot> {
        self.core.look(|ledger| ledger.task_snapshot(self.task))
    }

    /// Asks the task to stop; see [`Job::cancel_task`](crate::Job::cancel_task).
    pub fn cancel(&self, message: impl Into<Arc<str>>) {
        let cause = user_cause(message.into());
        self.core.update(|ledger, effects| ledger.cancel_task(self.task, cause, false, effects));
    }

    /// Stops the task; see [`Job::cancel_task_now`](crate::Job::cancel_task_now).
    pub fn cancel_now(&self, message: impl Into<Arc<str>>) {
        let cause = user_cause(message.into());
        self.core.update(|ledger, effects| ledger.cancel_task(self.task, cause, true, effects));
    }

    /// Calls `callback` when the task has ended; see [`Job::on_task_completed`](crate::Job::on_task_completed).
    pub fn on_completed(
        &self,
        callback: impl FnOnce(&TaskCompleted) + Send + 'static,
    ) -> Subscription {
        let (task, mut callback) = (self.task, Some(callback));
        callbacks::subscribe(&self.core, move |event: &TaskCompleted| {
            if event.task == task
                && let Some(callback) = callback.take()
            {
                callback(event);
            }
        })
    }
}

impl<T: Any + Send + Sync> TaskHandle<T> {
    /// Waits on this thread for the task's output. In async code, await the handle instead.
    ///
    /// # Errors
    /// The task did not complete, or its output was taken by [`Job::outputs`](crate::Job::outputs).
    pub fn output(self) -> Result<Arc<T>, TaskFailed> {
        block_on(self)
    }

    pub(super) fn result(
        core: &Arc<JobCore>,
        task: TaskId,
        result: HandleResult,
    ) -> Result<Arc<T>, TaskFailed> {
        let (output, taken) = result?;
        if !taken && let Some(output) = kept(output) {
            return Ok(output);
        }
        let gone = "the output was taken by a reader of the job's outputs";
        let mut failed =
            core.look(|ledger| ledger.as_failure(task)).unwrap_or_else(|| TaskFailed {
                job: core.id,
                task,
                name: Arc::default(),
                state: TaskState::Completed,
                attempts: 1,
                error: None,
            });
        failed.error = Some(Arc::new(Failure::new(FailureKind::OutputTaken, gone)));
        Err(failed)
    }
}

/// The task's output. Cancel safe; ready at once if the task has ended. After it was ready it may be polled again.
impl<T: Any + Send + Sync> Future for TaskHandle<T> {
    type Output = Result<Arc<T>, TaskFailed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (task, key, waker) = (this.task, &mut this.key, &mut Some(cx.waker().clone()));
        match this.core.look(|ledger| ledger.result(task, key, waker)) {
            Some(result) => Poll::Ready(Self::result(&this.core, task, result)),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for TaskHandle<T> {
    fn drop(&mut self) {
        // With all history kept, the table keeps the task whether somebody holds its handle or not.
        if !self.key.is_used() && !self.core.frees_history {
            return;
        }
        let (task, key) = (self.task, &mut self.key);
        let waker = self.core.look(|ledger| ledger.forget_handle(task, key));
        drop(waker);
    }
}

impl<T> From<&TaskHandle<T>> for TaskRef {
    fn from(handle: &TaskHandle<T>) -> Self {
        TaskRef::new(handle.core.id, handle.task)
    }
}

impl<T> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskHandle({} of {})", self.task, self.core.id)
    }
}
