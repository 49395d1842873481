//! What can be added to a job, and how: [`Task`], [`NewTask`], [`TaskBuilder`] and [`Retry`].

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::ledger::Adder;
use super::work::{BlockingOnce, BlockingWith, Implemented, Once, With, Work};
use super::{AddError, Job, TaskContext, TaskError, TaskHandle, TaskReporter};

/// A type whose values are tasks, for those who prefer it to closures. It may run more than once.
///
/// ```
/// use milepost::{Job, LocalScheduler, Task, TaskContext, TaskError};
///
/// struct Resize { name: String, width: u32 }
///
/// impl Task for Resize {
///     type Output = u32;
///
///     fn name(&self) -> String {
///         self.name.clone()
///     }
///
///     async fn run(&self, cx: TaskContext) -> Result<u32, TaskError> {
///         cx.check()?;
///         Ok(self.width / 2)
///     }
/// }
///
/// let job = Job::new("pictures");
/// let half = job.add_task(Resize { name: "a.png".into(), width: 640 })?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// job.wait_until_done().blocking()?.ok()?;
/// assert_eq!(*half.output()?, 320);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Task: Send + Sync + 'static {
    /// What the task returns.
    type Output: Any + Send + Sync;

    /// The task's name; need not be unique.
    fn name(&self) -> String;

    /// Runs the task: one attempt.
    fn run(&self, cx: TaskContext) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;
}

/// How often a task that fails is tried in all.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use milepost::{Job, LocalScheduler, Retry, TaskError};
///
/// static CALLS: AtomicU32 = AtomicU32::new(0);
///
/// let job = Job::new("flaky");
/// job.task("fetch").retry(Retry::attempts(3)).add_blocking_with("url", |_cx, url| {
///     match CALLS.fetch_add(1, Ordering::Relaxed) {
///         2 => Ok(format!("contents of {url}")),
///         _ => Err(TaskError::msg("connection reset")),
///     }
/// })?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// job.wait_until_done().blocking()?.ok()?; // the third attempt
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub(crate) attempts: u32,
}

impl Retry {
    /// At most `n` attempts in all; 0 counts as 1. The next one is queued as soon as one has failed, or after the
    /// error's own [`retry_after`](TaskError::retry_after).
    pub const fn attempts(n: u32) -> Retry {
        Retry { attempts: if n == 0 { 1 } else { n } }
    }
}

/// What is known of a task beside its code.
#[derive(Debug, Clone)]
pub(crate) struct TaskOptions {
    pub(crate) name: Arc<str>,
    pub(crate) weight: Option<f64>,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
}

impl TaskOptions {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> TaskOptions {
        TaskOptions { name: name.into(), weight: None, unit: None, retry: None, timeout: None }
    }

    /// Whether anything beside the name is set.
    pub(crate) fn is_plain(&self) -> bool {
        self.weight.is_none()
            && self.unit.is_none()
            && self.retry.is_none()
            && self.timeout.is_none()
    }
}

/// A task that is not yet in a job: what [`OpenJob::feed`](crate::OpenJob::feed) takes.
///
/// ```
/// use milepost::NewTask;
///
/// let tasks = (0..1_000_000u64).map(|n| NewTask::blocking(n.to_string(), move |_cx| Ok(n * n)));
/// # drop(tasks);
/// ```
pub struct NewTask {
    pub(crate) options: TaskOptions,
    pub(crate) work: Box<dyn Work>,
}

impl NewTask {
    /// A task that runs a blocking closure; see [`Job::add_blocking`].
    pub fn blocking<T, F>(name: impl Into<Arc<str>>, run: F) -> NewTask
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Result<T, TaskError> + Send + 'static,
    {
        NewTask { options: TaskOptions::new(name), work: Box::new(BlockingOnce(Some(run))) }
    }

    /// A task that runs an async closure; see [`Job::add`].
    pub fn future<T, F, Fut>(name: impl Into<Arc<str>>, run: F) -> NewTask
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        NewTask { options: TaskOptions::new(name), work: Box::new(Once(Some(run))) }
    }

    /// A task of a type of its own; see [`Job::add_task`].
    pub fn implemented(task: impl Task) -> NewTask {
        NewTask {
            options: TaskOptions::new(task.name()),
            work: Box::new(Implemented(Arc::new(task))),
        }
    }

    /// How much the task counts in its job's progress; see [`TaskBuilder::weight`].
    pub fn weight(mut self, weight: f64) -> NewTask {
        self.options.weight = Some(weight);
        self
    }

    /// What the task counts; see [`TaskBuilder::unit`].
    pub fn unit(mut self, unit: impl Into<Arc<str>>) -> NewTask {
        self.options.unit = Some(unit.into());
        self
    }

    /// How often the task is tried; see [`TaskBuilder::retry`].
    pub fn retry(mut self, retry: Retry) -> NewTask {
        self.options.retry = Some(retry);
        self
    }

    /// How long an attempt may run; see [`TaskBuilder::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> NewTask {
        self.options.timeout = Some(timeout);
        self
    }
}

impl fmt::Debug for NewTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewTask({})", self.options.name)
    }
}

/// Adds a task with more to say of it than its name; made by [`Job::task`].
///
/// ```
/// use std::time::Duration;
/// use milepost::Job;
///
/// let job = Job::new("copies");
/// job.task("a.iso")
///     .weight(4.7e9)
///     .unit("bytes")
///     .timeout(Duration::from_secs(60))
///     .add_blocking(|cx| {
///         cx.set_total(4.7e9);
///         Ok(())
///     })?;
/// # Ok::<(), milepost::AddError>(())
/// ```
#[derive(Debug)]
#[must_use = "a task is added by one of the add methods"]
pub struct TaskBuilder<'a> {
    job: &'a Job,
    options: TaskOptions,
}

impl<'a> TaskBuilder<'a> {
    pub(super) fn new(job: &'a Job, name: Arc<str>) -> Self {
        TaskBuilder { job, options: TaskOptions::new(name) }
    }

    /// How much the task counts in its job's progress; 1 unless said. With a [`unit`](TaskBuilder::unit), the job also takes
    /// it for the task's total until the task sets one: with file sizes as weights, the job's total is known from the
    /// start.
    pub fn weight(mut self, weight: f64) -> Self {
        self.options.weight = Some(weight);
        self
    }

    /// What the task counts, such as `"bytes"`.
    pub fn unit(mut self, unit: impl Into<Arc<str>>) -> Self {
        self.options.unit = Some(unit.into());
        self
    }

    /// How often the task is tried. Only for what can run again: a [`Task`], and closures with their input apart.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// How long an attempt may run before it ends as [`TimedOut`](crate::TaskState::TimedOut); waiting in the queue
    /// doesn't count.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Adds an async closure; see [`Job::add`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    #[expect(clippy::should_implement_trait, reason = "it adds to a job")]
    pub fn add<T, F, Fut>(self, run: F) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        self.put(Box::new(Once(Some(run))))
    }

    /// Adds a blocking closure; see [`Job::add_blocking`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    pub fn add_blocking<T, F>(self, run: F) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Result<T, TaskError> + Send + 'static,
    {
        self.put(Box::new(BlockingOnce(Some(run))))
    }

    /// Adds an async closure that can run again; see [`Job::add_with`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    pub fn add_with<T, I, F, Fut>(self, input: I, run: F) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        self.put(Box::new(With(input, run)))
    }

    /// Adds a blocking closure that can run again; see [`Job::add_blocking_with`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    pub fn add_blocking_with<T, I, F>(self, input: I, run: F) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Result<T, TaskError> + Send + 'static,
    {
        self.put(Box::new(BlockingWith(input, run)))
    }

    /// Adds a task of a type of its own, under this builder's name; see [`Job::add_task`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    pub fn add_task<K: Task>(self, task: K) -> Result<TaskHandle<K::Output>, AddError> {
        self.put(NewTask::implemented(task).work)
    }

    /// Adds a task that someone else runs; see [`Job::reporter`].
    ///
    /// # Errors
    /// The job takes no more tasks, or the options don't fit the task.
    pub fn reporter(self) -> Result<TaskReporter, AddError> {
        TaskReporter::new(self.job, self.options)
    }

    fn put<T>(self, work: Box<dyn Work>) -> Result<TaskHandle<T>, AddError> {
        let core = self.job.core();
        let task = core.add(NewTask { options: self.options, work }, Adder::Handle)?;
        Ok(TaskHandle::new(core.clone(), task))
    }
}
