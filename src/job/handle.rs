//! [`Job`]: the handle that everything starts from. Streams and callbacks are in `subscribe`.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use super::core::JobCore;
use super::current::Place;
use super::error::{AddError, NoSuchTask, SubmitError};
use super::ledger::{Adder, Finish, Report, Runner};
use super::options::TaskOptions;
use super::run::{Attempt, RunError, Then};
use super::scheduler::{Scheduler, TaskQueue};
use super::{
    CancelOnDrop, JobBuilder, Task, TaskBuilder, TaskContext, TaskError, TaskHandle, TaskReporter,
    Wait,
};
use crate::base::drop_contained;
use crate::model::{
    CancelReason, Cause, Counts, JobId, JobProgress, JobSnapshot, JobState, Properties, TaskFailed,
    TaskRef, TaskSnapshot, TaskState,
};

/// Many tasks, managed as a unit: a cheap clone, equal to its clones.
///
/// A job takes tasks until it is sealed: by [`submit`](Job::submit), or when its last handle and
/// [reporter](Job::reporter) are gone; an [`OpenJob`](crate::OpenJob) when it is closed. It ends when it is sealed and all of
/// its tasks have ended. Streams may outlive it. A job with no handle left and tasks that were never submitted
/// cancels them.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let scheduler = LocalScheduler::new(2)?;
/// let job = Job::new("thumbnails");
/// for name in ["a.png", "b.png"] {
///     job.add_blocking(name, move |cx| {
///         cx.set_total(10);
///         for _row in 0..10 {
///             cx.check()?; // stops here when the job is canceled
///             cx.advance(1);
///         }
///         Ok(name.len())
///     })?;
/// }
/// let mut done = job.task_completed();
/// job.submit(&scheduler)?;
/// while let Some(task) = done.blocking_next() {
///     println!("{}: {}", task.name, task.state);
/// }
/// job.wait_until_done().blocking()?.ok()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Job {
    core: Arc<JobCore>,
}

impl Job {
    /// A job with the default settings.
    pub fn new(name: impl Into<Arc<str>>) -> Job {
        Job::builder(name).make(false)
    }

    /// Makes a job with settings: its window, its clock, how it is canceled.
    pub fn builder(name: impl Into<Arc<str>>) -> JobBuilder {
        JobBuilder::new(name.into())
    }

    pub(crate) fn of(core: Arc<JobCore>) -> Job {
        core.hold();
        Job { core }
    }

    pub(crate) fn core(&self) -> &Arc<JobCore> {
        &self.core
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.core.id
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// What was noted of the job by name as it was built; see [`JobBuilder::property`].
    ///
    /// ```
    /// use milepost::Job;
    ///
    /// let job = Job::builder("renders").property("user", "ada").build()?;
    /// assert_eq!(job.properties().get("user").and_then(|user| user.as_str()), Some("ada"));
    /// # Ok::<(), milepost::BuildError>(())
    /// ```
    pub fn properties(&self) -> Properties {
        self.core.look(|ledger| ledger.properties())
    }

    /// The job's state.
    pub fn state(&self) -> JobState {
        self.core.look(|ledger| ledger.state())
    }

    /// Whether the job has ended.
    pub fn is_ended(&self) -> bool {
        self.state().is_terminal()
    }

    /// How many tasks are in each state.
    pub fn counts(&self) -> Counts {
        self.core.look(|ledger| ledger.counts())
    }

    /// How far the job is, as of the last flush.
    pub fn progress(&self) -> JobProgress {
        self.core.look(|ledger| ledger.progress())
    }

    /// The job and all of its tasks at this moment; progress is as of the last flush.
    pub fn snapshot(&self) -> JobSnapshot {
        self.core.look(|ledger| ledger.snapshot())
    }

    /// The number of the last lifecycle event.
    pub fn last_seq(&self) -> u64 {
        self.core.look(|ledger| ledger.last_seq())
    }

    /// A task's name.
    ///
    /// # Errors
    /// The job has no such task.
    pub fn task_name(&self, task: impl Into<TaskRef>) -> Result<Arc<str>, NoSuchTask> {
        let task = self.core.find(task.into())?;
        self.core.task_name(task).ok_or(NoSuchTask { job: self.id(), task, of: None })
    }

    /// A task at this moment.
    ///
    /// # Errors
    /// The job has no such task.
    pub fn task_snapshot(&self, task: impl Into<TaskRef>) -> Result<TaskSnapshot, NoSuchTask> {
        let task = self.core.find(task.into())?;
        let snapshot = self.core.look(|ledger| ledger.task_snapshot(task));
        snapshot.ok_or(NoSuchTask { job: self.id(), task, of: None })
    }

    /// A task to be added with more to say of it than its name: `job.task(name).weight(2.0).add(..)`.
    pub fn task(&self, name: impl Into<Arc<str>>) -> TaskBuilder<'_> {
        TaskBuilder::new(self, name.into())
    }

    /// Adds an async closure. It runs once and may move what it captures.
    ///
    /// # Errors
    /// The job takes no more tasks.
    ///
    /// ```
    /// # use milepost::Job;
    /// let job = Job::new("pages");
    /// let page = job.add("index.html", async move |cx| {
    ///     cx.checkpoint().await?;
    ///     Ok("<html>".len())
    /// })?;
    /// # Ok::<(), milepost::AddError>(())
    /// ```
    pub fn add<T, F, Fut>(
        &self,
        name: impl Into<Arc<str>>,
        run: F,
    ) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        self.task(name).add(run)
    }

    /// Adds a closure that blocks the thread it runs on: one that computes, or does blocking I/O. It runs once and may
    /// move what it captures.
    ///
    /// # Errors
    /// The job takes no more tasks.
    pub fn add_blocking<T, F>(
        &self,
        name: impl Into<Arc<str>>,
        run: F,
    ) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Result<T, TaskError> + Send + 'static,
    {
        self.task(name).add_blocking(run)
    }

    /// Adds an async closure that can run again, with its input apart, of which each attempt gets a clone.
    ///
    /// # Errors
    /// The job takes no more tasks.
    pub fn add_with<T, I, F, Fut>(
        &self,
        name: impl Into<Arc<str>>,
        input: I,
        run: F,
    ) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        self.task(name).add_with(input, run)
    }

    /// Adds a blocking closure that can run again, with its input apart, of which each attempt gets a clone.
    ///
    /// # Errors
    /// The job takes no more tasks.
    pub fn add_blocking_with<T, I, F>(
        &self,
        name: impl Into<Arc<str>>,
        input: I,
        run: F,
    ) -> Result<TaskHandle<T>, AddError>
    where
        T: Any + Send + Sync,
        I: Clone + Send + 'static,
        F: Fn(TaskContext, I) -> Result<T, TaskError> + Send + 'static,
    {
        self.task(name).add_blocking_with(input, run)
    }

    /// Adds a task of a type of its own.
    ///
    /// # Errors
    /// The job takes no more tasks.
    pub fn add_task<K: Task>(&self, task: K) -> Result<TaskHandle<K::Output>, AddError> {
        let id = self.core.add(super::NewTask::implemented(task), Adder::Handle)?;
        Ok(TaskHandle::new(self.core.clone(), id))
    }

    /// Adds a task that somebody else runs, who reports what becomes of it. Starts the job without sealing it.
    ///
    /// # Errors
    /// The job takes no more tasks.
    pub fn reporter(&self, name: impl Into<Arc<str>>) -> Result<TaskReporter, AddError> {
        self.task(name).reporter()
    }

    /// Runs a task inside the caller's own future: needs no scheduler, and may borrow. Starts the job without sealing
    /// it. The output goes to the caller and is not kept.
    ///
    /// Not cancel safe, in that dropping the future cancels the task.
    ///
    /// # Errors
    /// The job takes no more tasks, or the task did not complete.
    ///
    /// ```
    /// # use milepost::Job;
    /// # futures::executor::block_on(async {
    /// let words = vec!["a", "b"];
    /// let job = Job::new("count");
    /// let n = job.run("words", async |cx| {
    ///     cx.set_total(words.len());
    ///     Ok(words.len())
    /// }).await?;
    /// assert_eq!(n, 2);
    /// # Ok::<(), milepost::RunError>(())
    /// # }).unwrap();
    /// ```
    pub async fn run<T, F, Fut>(&self, name: impl Into<Arc<str>>, run: F) -> Result<T, RunError>
    where
        F: FnOnce(TaskContext) -> Fut,
        Fut: Future<Output = Result<T, TaskError>>,
    {
        let options = TaskOptions::new(name);
        let name = options.name.clone();
        let added = self.core.update(|ledger, effects| {
            let task = ledger.add(options, None, Runner::Driven, Adder::Producer, effects)?;
            let slot = ledger.submit_driven(task, effects);
            // A task that was just submitted can run.
            let _ = ledger.report(task, 1, Report::new(TaskState::Running), effects);
            Ok((task, slot))
        });
        let (task, slot) = added.map_err(|(error, _): (_, Option<_>)| RunError::Add(error))?;
        // Keeps the task in the job's table.
        let _kept = TaskHandle::<()>::new(self.core.clone(), task);
        let place = Place::AsyncTask;
        let mut attempt = Attempt::new(self.core.clone(), (task, 1), slot, place, Then::Dropped);
        let mut begin = Some((run, attempt.context()));
        let mut output = None;
        let mut future = pin!(None::<Fut>);
        let finish = poll_fn(|cx| {
            attempt.poll(cx, |cx| {
                if let Some((run, context)) = begin.take() {
                    future.set(Some(run(context)));
                }
                match future.as_mut().as_pin_mut() {
                    Some(future) => future.poll(cx).map_ok(|value| {
                        output = Some(value);
                        None
                    }),
                    None => Poll::Pending,
                }
            })
        })
        .await;
        drop_contained("the drop of a task's closure", begin);
        attempt.contain(|| future.set(None)).unwrap_or_else(|_| {
            tracing::error!("a panic in the drop of a task's future was contained");
        });
        let returned = matches!(finish, Finish::Completed(_));
        attempt.finish(finish, None);
        let failed = || self.core.look(|ledger| ledger.as_failure(task));
        match (output.filter(|_| returned), failed()) {
            (Some(output), Some(TaskFailed { state: TaskState::Completed, .. }) | None) => {
                Ok(output)
            }
            (_, Some(failed)) => Err(RunError::Task(failed)),
            (None, None) => Err(RunError::Task(TaskFailed {
                job: self.id(),
                task,
                name,
                state: TaskState::Canceled,
                attempts: 1,
                error: None,
            })),
        }
    }

    /// Submits the tasks to a scheduler, once, and seals the job unless it is open.
    ///
    /// # Errors
    /// The job was submitted before or has ended, or the scheduler doesn't take it. The job is as it was.
    pub fn submit(&self, scheduler: &(impl Scheduler + Clone)) -> Result<(), SubmitError> {
        // Asked first, so that a scheduler doesn't wait for a job that it won't get.
        self.core.look(|ledger| ledger.may_submit())?;
        scheduler.accept(&TaskQueue::new(self.core.clone(), Default::default()))?;
        let mut scheduler: Option<Arc<dyn Scheduler>> = Some(Arc::new(scheduler.clone()));
        let core = &self.core;
        core.update(|ledger, effects| ledger.submit(&mut scheduler, !core.is_open(), effects))
    }

    /// Waits until the job has ended: `job.wait_until_done().timeout(..).every(..).await`, or `.blocking()`.
    pub fn wait_until_done<'a>(&self) -> Wait<'a> {
        Wait::new(self.clone())
    }

    /// Asks all tasks to stop and takes no more. Tasks that don't run end as canceled at once; running ones may take the
    /// job's [grace](JobBuilder::grace) period to stop, before they are stopped by force.
    ///
    /// May be called at any time, from anywhere, and again. The first message counts. The outcome is in the job's
    /// events: a task that completes all the same is completed.
    pub fn cancel(&self, message: impl Into<Arc<str>>) {
        let cause = user_cause(message.into());
        self.core.update(|ledger, effects| ledger.cancel_job(cause, false, effects));
    }

    /// Stops all tasks, without a grace period: async tasks are dropped where they wait; code that doesn't yield is given
    /// up, and nothing that it still does is heard.
    pub fn cancel_now(&self, message: impl Into<Arc<str>>) {
        let cause = user_cause(message.into());
        self.core.update(|ledger, effects| ledger.cancel_job(cause, true, effects));
    }

    /// Asks one task to stop; else as [`cancel`](Job::cancel).
    ///
    /// # Errors
    /// The job has no such task.
    pub fn cancel_task(
        &self,
        task: impl Into<TaskRef>,
        message: impl Into<Arc<str>>,
    ) -> Result<(), NoSuchTask> {
        let (task, cause) = (self.core.find(task.into())?, user_cause(message.into()));
        self.core.update(|ledger, effects| ledger.cancel_task(task, cause, false, effects));
        Ok(())
    }

    /// Stops one task; else as [`cancel_now`](Job::cancel_now).
    ///
    /// # Errors
    /// The job has no such task.
    pub fn cancel_task_now(
        &self,
        task: impl Into<TaskRef>,
        message: impl Into<Arc<str>>,
    ) -> Result<(), NoSuchTask> {
        let (task, cause) = (self.core.find(task.into())?, user_cause(message.into()));
        self.core.update(|ledger, effects| ledger.cancel_task(task, cause, true, effects));
        Ok(())
    }

    /// A guard that cancels the job when it is dropped.
    pub fn cancel_on_drop(&self) -> CancelOnDrop {
        CancelOnDrop::new(self.clone())
    }
}

/// Why a user's call cancels.
pub(super) fn user_cause(message: Arc<str>) -> Arc<Cause> {
    let message = (!message.is_empty()).then_some(message);
    Arc::new(Cause::canceled(CancelReason::User, message))
}

impl Clone for Job {
    fn clone(&self) -> Job {
        Job::of(self.core.clone())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.core.let_go();
    }
}

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Job {}

impl Hash for Job {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({:?}, {})", self.name(), self.id())
    }
}
