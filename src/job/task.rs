//! What can be added to a job, and how: [`Task`], [`NewTask`], [`TaskBuilder`] and their options.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::environment::Recipe;
use super::ledger::Adder;
use super::work::{BlockingOnce, BlockingWith, Implemented, Once, With, Work};
use super::{AddError, Environment, Job, Retry, TaskContext, TaskError, TaskHandle, TaskReporter};
use crate::model::{Properties, Property, Resources};

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

/// What is known of a task beside its code.
#[derive(Debug, Clone)]
pub(crate) struct TaskOptions {
    pub(crate) name: Arc<str>,
    pub(crate) weight: Option<f64>,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) priority: Option<i32>,
    pub(crate) resources: Option<Arc<Resources>>,
    pub(crate) properties: Properties,
    /// Goes to the task's code as it is added.
    pub(crate) environment: Option<Arc<Recipe>>,
}

impl TaskOptions {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> TaskOptions {
        TaskOptions {
            name: name.into(),
            weight: None,
            unit: None,
            retry: None,
            timeout: None,
            priority: None,
            resources: None,
            properties: Properties::default(),
            environment: None,
        }
    }

    /// Whether anything beside the name is set.
    pub(crate) fn is_plain(&self) -> bool {
        self.weight.is_none()
            && self.unit.is_none()
            && self.retry.is_none()
            && self.timeout.is_none()
            && self.priority.is_none()
            && self.resources.is_none()
            && self.properties.is_empty()
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

    /// Whether the task goes before others; see [`TaskBuilder::priority`].
    pub fn priority(mut self, priority: i32) -> NewTask {
        self.options.priority = Some(priority);
        self
    }

    /// What the task requires; see [`TaskBuilder::requires`].
    pub fn requires(mut self, resources: Resources) -> NewTask {
        self.options.resources = Some(Arc::new(resources));
        self
    }

    /// What is noted of the task by name; see [`TaskBuilder::property`].
    ///
    /// ```
    /// use milepost::NewTask;
    ///
    /// let task = NewTask::blocking("a.png", |_cx| Ok(())).property("path", "/pictures/a.png");
    /// # drop(task);
    /// ```
    pub fn property(mut self, name: impl Into<Arc<str>>, value: impl Into<Property>) -> NewTask {
        self.options.properties.set(name.into(), value.into());
        self
    }

    /// What the task needs to run in; see [`TaskBuilder::environment`].
    ///
    /// ```
    /// use milepost::{Environment, NewTask};
    ///
    /// let db = Environment::blocking("db", || Ok(String::from("a connection")));
    /// let tasks = (0..1_000u64).map(move |n| {
    ///     NewTask::blocking(n.to_string(), |cx| Ok(cx.environment::<String>()?.len()))
    ///         .environment(&db)
    /// });
    /// # drop(tasks);
    /// ```
    pub fn environment<E>(mut self, environment: &Environment<E>) -> NewTask {
        self.options.environment = Some(environment.recipe());
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

    /// Whether the task starts before others that wait for the same scheduler, of whatever job: those of a higher
    /// priority do, and among equals the one that came first. Its job's [priority](crate::JobBuilder::priority) unless
    /// set, which is 0 unless set. A task that runs is not interrupted.
    ///
    /// ```
    /// # use milepost::{Job, LocalScheduler};
    /// let job = Job::new("mail");
    /// job.add_blocking("newsletter", |_cx| Ok(()))?;
    /// job.task("password reset").priority(10).add_blocking(|_cx| Ok(()))?; // goes first
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn priority(mut self, priority: i32) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// What the task requires of the scheduler beside a worker: nothing unless set. It waits until that is free, and those
    /// behind it that require something wait with it; tasks that require nothing don't. See [`Resources`].
    pub fn requires(mut self, resources: Resources) -> Self {
        self.options.resources = Some(Arc::new(resources));
        self
    }

    /// Notes something of the task by name. It is part of [`TaskAdded`](crate::TaskAdded), and from then on of all that
    /// is told of the task. Of two values for one name, the last one counts; NaN and infinite numbers are ignored.
    ///
    /// What is known only when the task runs, it notes itself: [`Progress::set_property`](crate::Progress::set_property).
    ///
    /// ```
    /// use milepost::Job;
    ///
    /// let job = Job::new("renders");
    /// job.task("frame 1").property("scene", "forest").property("gpus", 2).add_blocking(|cx| {
    ///     cx.set_property("host", "node3");
    ///     Ok(())
    /// })?;
    /// let added = job.task_added().blocking_next().expect("a task was added");
    /// assert_eq!(serde_json::to_string(&added.properties)?, r#"{"gpus":2,"scene":"forest"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn property(mut self, name: impl Into<Arc<str>>, value: impl Into<Property>) -> Self {
        self.options.properties.set(name.into(), value.into());
        self
    }

    /// What the task needs to run in: it is set up before the task, or left by an earlier one; see [`Environment`]. The
    /// task's code gets it from [`TaskContext::environment`]. The last one that is given counts.
    ///
    /// ```
    /// use milepost::{Environment, Job, LocalScheduler};
    ///
    /// let db = Environment::blocking("db", || Ok(vec!["a", "b"]));
    /// let job = Job::new("queries");
    /// let rows = job.task("rows").environment(&db).add_blocking(|cx| {
    ///     Ok(cx.environment::<Vec<&str>>()?.len())
    /// })?;
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// assert_eq!(*rows.output()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn environment<E>(mut self, environment: &Environment<E>) -> Self {
        self.options.environment = Some(environment.recipe());
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
