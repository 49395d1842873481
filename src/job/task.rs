//! What can be added to a job, and how: [`Task`], [`NewTask`], [`TaskBuilder`] and their options.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::ledger::Adder;
use super::options::TaskOptions;
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

    /// The same for one that can run again; see [`Job::add_blocking_with`].
    pub fn blocking_with<T, I, F>(name: impl Into<Arc<str>>, input: I, run: F) -> NewTask
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Result<T, TaskError> + Send + 'static,
    {
        NewTask { options: TaskOptions::new(name), work: Box::new(BlockingWith(input, run)) }
    }

    /// The same for one that can run again; see [`Job::add_with`].
    pub fn future_with<T, I, F, Fut>(name: impl Into<Arc<str>>, input: I, run: F) -> NewTask
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        NewTask { options: TaskOptions::new(name), work: Box::new(With(input, run)) }
    }

    /// A task of a type of its own; see [`Job::add_task`].
    pub fn implemented(task: impl Task) -> NewTask {
        NewTask {
            options: TaskOptions::new(task.name()),
            work: Box::new(Implemented(Arc::new(task))),
        }
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
    pub(super) options: TaskOptions,
}

impl<'a> TaskBuilder<'a> {
    pub(super) fn new(job: &'a Job, name: Arc<str>) -> Self {
        TaskBuilder { job, options: TaskOptions::new(name) }
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
