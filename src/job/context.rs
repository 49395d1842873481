//! [`TaskContext`]: what a running task sees of its job.

use std::any::{Any, type_name};
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use serde::Serialize;

use super::core::JobCore;
use super::environment::{NoEnvironment, Value};
use crate::meter::Progress;
use crate::model::{Canceled, Cause, JobId, TaskId};

/// What a task's code is given: it reports by it, and sees by it whether to stop. A cheap clone, for use from any
/// thread; it derefs to [`Progress`], so that `&cx` is what a library that takes `&Progress` wants.
///
/// It belongs to one attempt: once that is over, reports are heard by no one and
/// [`is_canceled`](Progress::is_canceled) is true.
#[derive(Clone)]
pub struct TaskContext {
    pub(super) progress: Progress,
    pub(super) core: Arc<JobCore>,
    pub(super) task: TaskId,
    pub(super) attempt: u32,
    pub(super) environment: Option<Value>,
}

impl TaskContext {
    /// The handle to report by, as a value.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The job that the task is of.
    pub fn job_id(&self) -> JobId {
        self.core.id
    }

    /// The job's name.
    pub fn job_name(&self) -> Arc<str> {
        self.core.name.clone()
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task
    }

    /// The task's name.
    pub fn name(&self) -> Arc<str> {
        self.core.task_name(self.task).unwrap_or_default()
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Why the task was asked to stop, if it was.
    pub fn cancel_cause(&self) -> Option<Arc<Cause>> {
        self.core.cancel_cause(self.task)
    }

    /// Waits for `future`, or for the request to stop, which wins a tie.
    ///
    /// Cancel safe if `future` is. `future` is dropped if the request comes first.
    ///
    /// # Errors
    /// [`Canceled`] if the task was asked to stop before `future` was ready.
    pub async fn or_canceled<F: Future>(&self, future: F) -> Result<F::Output, Canceled> {
        let mut canceled = pin!(self.progress.canceled());
        let mut future = pin!(future);
        poll_fn(|cx| {
            if canceled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Canceled));
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// The environment that the task was added with (see
    /// [`TaskBuilder::environment`](crate::TaskBuilder::environment)). No other task has it at the same time, if what is
    /// given here isn't kept for longer than the attempt.
    ///
    /// ```
    /// use milepost::{Environment, Job, LocalScheduler};
    ///
    /// let primes = Environment::blocking("primes", || Ok(vec![2u32, 3, 5]));
    /// let job = Job::new("lookups");
    /// let last = job.task("last").environment(&primes).add_blocking(|cx| {
    ///     Ok(cx.environment::<Vec<u32>>()?.last().copied())
    /// })?;
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// assert_eq!(*last.output()?, Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The task was added without an environment, or with one of another type.
    pub fn environment<T: Any + Send + Sync>(&self) -> Result<Arc<T>, NoEnvironment> {
        let value = self.environment.clone().and_then(|value| value.downcast().ok());
        let has_other = self.environment.is_some();
        value.ok_or(NoEnvironment { wanted: type_name::<T>(), has_other })
    }

    /// Publishes the task's output as JSON, for logs and pages: it becomes part of
    /// [`TaskCompleted`](crate::TaskCompleted). The last one counts.
    ///
    /// # Errors
    /// The output has no JSON form: a map with keys that are no strings, or its own `Serialize` failed.
    pub fn publish(&self, output: &impl Serialize) -> Result<(), PublishError> {
        let value = serde_json::to_value(output).map_err(PublishError)?;
        self.core.publish(self.task, self.attempt, value);
        Ok(())
    }
}

impl Deref for TaskContext {
    type Target = Progress;

    #[inline]
    fn deref(&self) -> &Progress {
        &self.progress
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("job", &self.core.id)
            .field("task", &self.task)
            .field("attempt", &self.attempt)
            .finish()
    }
}

/// An output that has no JSON form.
#[derive(Debug)]
pub struct PublishError(serde_json::Error);

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the output can't be published: it has no JSON form")
    }
}

impl std::error::Error for PublishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
