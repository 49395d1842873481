//! [`Environment`]: what tasks need around them, and how it is set up and torn down. Knows no instance of one.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::work::{Started, Work};
use super::{TaskContext, TaskError};

/// How long an instance waits for a task unless that is set.
const IDLE: Duration = Duration::from_secs(60);

/// Something costly that tasks need, such as a connection, a loaded model or a directory: it is set up when the first task
/// needs it, used by one task after the other, and torn down.
///
/// An environment is known by its id. A scheduler keeps the instances of an id and gives each to one task at a time, so
/// that there are never more than tasks that run at the same time: one for each worker. A task that has parked or waits for
/// a child job keeps its own. Environments with the same id
/// and type share them, also those of different jobs. A scheduler that keeps none (see
/// [`Scheduler::environments`](crate::Scheduler::environments)) has each task set up its own.
///
/// A task is [`Assigned`](crate::TaskState::Assigned) while its environment is set up, which its timeout doesn't count.
/// If that fails or panics, the task ends as [`EnvironmentError`](crate::TaskState::EnvironmentError) and is not tried
/// again; the next task that needs the environment sets it up anew. A task that is canceled meanwhile ends when the
/// setup has, and the instance is kept for others; by force, an async setup is dropped and a blocking one abandoned.
///
/// An instance is torn down after [`max_tasks`](Environment::max_tasks), when it was [`idle`](Environment::idle) for
/// long enough, when a task panicked or was stopped by force in it, and when the scheduler is shut down or dropped. Each
/// instance goes by what was set on the environment that set it up.
///
/// A cheap clone; what is set on a clone is not set on the others.
///
/// ```
/// use milepost::{Environment, Job, LocalScheduler};
///
/// struct Model { scale: u32 }
///
/// let model = Environment::blocking("model", || Ok(Model { scale: 10 })) // takes long
///     .teardown(|model| println!("unloading {}", model.scale));
///
/// let job = Job::new("predictions");
/// for input in 0..100 {
///     job.task(format!("{input}")).environment(&model).add_blocking(move |cx| {
///         let model = cx.environment::<Model>()?;
///         Ok(input * model.scale)
///     })?;
/// }
/// let scheduler = LocalScheduler::new(2)?; // two instances at most
/// job.submit(&scheduler)?;
/// job.wait_until_done().blocking()?.ok()?;
/// scheduler.shutdown().blocking(); // waits for the teardown
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an environment is of use to the tasks that it is given to"]
pub struct Environment<T> {
    recipe: Arc<Recipe>,
    value: PhantomData<fn() -> T>,
}

impl<T: Any + Send + Sync> Environment<T> {
    /// An environment that a closure sets up which may block. Tasks that need it run on a thread that may block, async
    /// ones as well.
    ///
    /// ```
    /// use milepost::Environment;
    ///
    /// let words = Environment::blocking("words", || Ok(std::fs::read_to_string("words.txt")?));
    /// # drop(words);
    /// ```
    pub fn blocking<F>(id: impl Into<Arc<str>>, set_up: F) -> Environment<T>
    where
        F: Fn() -> Result<T, TaskError> + Send + Sync + 'static,
    {
        let set_up = move || set_up().map(|value| Arc::new(value) as Value);
        Environment::new::<T>(id.into(), SetUp::Blocking(Arc::new(set_up)))
    }

    /// An environment that is set up by a future, which is polled where the task runs. Dropped before it is ready, it
    /// has set up nothing that is torn down.
    ///
    /// ```
    /// use milepost::{Environment, Job, LocalScheduler};
    ///
    /// let greeting = Environment::future("greeting", async || Ok(String::from("hello")));
    /// let job = Job::new("greetings");
    /// let length = job.task("length").environment(&greeting).add(async |cx| {
    ///     Ok(cx.environment::<String>()?.len())
    /// })?;
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// assert_eq!(*length.output()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn future<F, Fut>(id: impl Into<Arc<str>>, set_up: F) -> Environment<T>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, TaskError>> + Send + 'static,
    {
        let set_up = move || -> SettingUp {
            let setting_up = set_up();
            Box::pin(async move { setting_up.await.map(|value| Arc::new(value) as Value) })
        };
        Environment::new::<T>(id.into(), SetUp::Future(Arc::new(set_up)))
    }

    /// What is done with an instance before it is dropped, once for each that was set up: on a thread that may block,
    /// outside of any runtime's context. It may still be going on when the next instance is set up. A panic in it is
    /// logged and contained.
    ///
    /// The value is dropped after it, unless someone has kept what
    /// [`TaskContext::environment`](crate::TaskContext::environment) gave.
    ///
    /// ```
    /// use milepost::Environment;
    /// use std::path::PathBuf;
    ///
    /// let scratch = Environment::blocking("scratch", || {
    ///     let path = std::env::temp_dir().join("scratch");
    ///     std::fs::create_dir_all(&path)?;
    ///     Ok(path)
    /// })
    /// .teardown(|path: &PathBuf| {
    ///     if let Err(error) = std::fs::remove_dir_all(path) {
    ///         eprintln!("{}: {error}", path.display());
    ///     }
    /// });
    /// # drop(scratch);
    /// ```
    pub fn teardown(mut self, tear_down: impl Fn(&T) + Send + Sync + 'static) -> Environment<T> {
        Arc::make_mut(&mut self.recipe).tear_down = Some(Arc::new(move |value: &Value| {
            if let Some(value) = value.downcast_ref() {
                tear_down(value);
            }
        }));
        self
    }

    /// After how many tasks an instance is torn down; without it, any number may use it. 0 counts as 1.
    ///
    /// ```
    /// use milepost::Environment;
    ///
    /// let leaky = Environment::blocking("renderer", || Ok(())).max_tasks(100);
    /// # drop(leaky);
    /// ```
    pub fn max_tasks(mut self, tasks: u64) -> Environment<T> {
        Arc::make_mut(&mut self.recipe).max_tasks = tasks.max(1);
        self
    }

    /// After how long without a task an instance is torn down, by the clock of the job that used it last: 60 seconds
    /// unless set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use milepost::Environment;
    ///
    /// let connection = Environment::blocking("db", || Ok(())).idle(Duration::from_secs(5));
    /// # drop(connection);
    /// ```
    pub fn idle(mut self, idle: Duration) -> Environment<T> {
        Arc::make_mut(&mut self.recipe).idle = idle;
        self
    }

    /// The id that it is known by.
    ///
    /// ```
    /// use milepost::Environment;
    ///
    /// assert_eq!(Environment::blocking("db", || Ok(())).id(), "db");
    /// ```
    pub fn id(&self) -> &str {
        &self.recipe.id
    }
}

impl<T> Environment<T> {
    fn new<V: Any>(id: Arc<str>, set_up: SetUp) -> Environment<T> {
        let kind = ValueType { id: TypeId::of::<V>(), name: type_name::<V>() };
        let recipe = Recipe { id, kind, set_up, tear_down: None, max_tasks: u64::MAX, idle: IDLE };
        Environment { recipe: Arc::new(recipe), value: PhantomData }
    }

    pub(super) fn recipe(&self) -> Arc<Recipe> {
        self.recipe.clone()
    }
}

impl<T> Clone for Environment<T> {
    fn clone(&self) -> Self {
        Environment { recipe: self.recipe.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for Environment<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({:?}, {})", self.recipe.id, self.recipe.kind.name)
    }
}

/// What was set up, its type erased.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

pub(super) type SettingUp = Pin<Box<dyn Future<Output = Result<Value, TaskError>> + Send>>;

type TearDown = Arc<dyn Fn(&Value) + Send + Sync>;

#[derive(Clone)]
pub(super) enum SetUp {
    Blocking(Arc<dyn Fn() -> Result<Value, TaskError> + Send + Sync>),
    Future(Arc<dyn Fn() -> SettingUp + Send + Sync>),
}

/// The type of a value, with its name for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueType {
    pub(super) id: TypeId,
    pub(super) name: &'static str,
}

/// An environment, its type erased.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(super) id: Arc<str>,
    pub(super) kind: ValueType,
    pub(super) set_up: SetUp,
    pub(super) tear_down: Option<TearDown>,
    pub(super) max_tasks: u64,
    pub(super) idle: Duration,
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipe({:?}, {})", self.id, self.kind.name)
    }
}

/// The code of a task that needs an environment.
pub(super) struct InEnvironment {
    pub(super) recipe: Arc<Recipe>,
    pub(super) work: Box<dyn Work>,
}

impl Work for InEnvironment {
    fn is_repeatable(&self) -> bool {
        self.work.is_repeatable()
    }

    fn is_blocking(&self) -> bool {
        self.work.is_blocking() || matches!(self.recipe.set_up, SetUp::Blocking(_))
    }

    fn start(&mut self, cx: TaskContext) -> Started {
        self.work.start(cx)
    }

    fn environment(&self) -> Option<&Arc<Recipe>> {
        Some(&self.recipe)
    }
}

/// The task has no environment of that type; what
/// [`TaskContext::environment`](crate::TaskContext::environment) gives then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEnvironment {
    pub(super) wanted: &'static str,
    pub(super) has_other: bool,
}

impl fmt::Display for NoEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.has_other {
            true => write!(f, "the task's environment is no {}", self.wanted),
            false => write!(
                f,
                "the task has no environment, and so no {}: add it with TaskBuilder::environment",
                self.wanted
            ),
        }
    }
}

impl std::error::Error for NoEnvironment {}
