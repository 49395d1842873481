//! What is said of a task beside its code, and the methods by which it is said: the same for a task that is added at
//! once and for one that is added later. Knows no job.

use std::sync::Arc;
use std::time::Duration;

use super::environment::Recipe;
use super::ledger::Runner;
use super::{AddError, Environment, NewTask, Retry, TaskBuilder};
use crate::model::{Properties, Property, Resources};

/// What is known of a task beside its code. Most tasks have a name and nothing else, and are passed on often.
#[derive(Debug, Clone)]
pub(crate) struct TaskOptions {
    pub(crate) name: Arc<str>,
    pub(crate) settings: Option<Box<TaskSettings>>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TaskSettings {
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

/// The sum of a hundred million of them is a number too.
const HEAVIEST: f64 = 1e300;

impl TaskOptions {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> TaskOptions {
        TaskOptions { name: name.into(), settings: None }
    }

    fn settings(&mut self) -> &mut TaskSettings {
        self.settings.get_or_insert_default()
    }

    /// What of it doesn't fit a task that `runner` runs.
    pub(crate) fn misfit(&self, runner: Runner) -> Option<AddError> {
        let TaskSettings { retry, weight, environment, .. } = self.settings.as_deref()?;
        let task = self.name.clone();
        if retry.is_some() && runner != Runner::Repeatedly {
            Some(AddError::NotRestartable { task })
        } else if weight.is_some_and(|weight| !(0.0..=HEAVIEST).contains(&weight)) {
            Some(AddError::InvalidWeight { task })
        } else if environment.is_some() {
            // It would have gone to the task's code, if it had some.
            Some(AddError::EnvironmentElsewhere { task })
        } else {
            None
        }
    }
}

macro_rules! setters {
    ($type:ty) => {
        impl $type {
            /// How much the task counts in its job's progress: 1 unless set. The job's fraction is the weighted mean of those of its
            /// tasks. With a [`unit`](TaskBuilder::unit), the job also takes the weight for the task's total until the task sets
            /// one: with file sizes as weights, the job's total is known from the start. Adding a task whose weight is negative, no
            /// number, or above 1e300 is an error.
            ///
            /// ```
            /// use milepost::Job;
            ///
            /// let job = Job::builder("build").open()?;
            /// let compile = job.task("compile").weight(9.0).reporter()?;
            /// let link = job.task("link").reporter()?;
            /// job.expect(2);
            /// link.running()?;
            /// link.complete(())?;
            /// assert_eq!(job.progress().fraction, Some(0.1)); // 1 of 10
            /// # drop(compile);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn weight(mut self, weight: f64) -> Self {
                self.options.settings().weight = Some(weight);
                self
            }

            /// What the task counts, such as `"bytes"`.
            pub fn unit(mut self, unit: impl Into<Arc<str>>) -> Self {
                self.options.settings().unit = Some(unit.into());
                self
            }

            /// How often the task is tried. Only for what can run again: a [`Task`](crate::Task), and
            /// closures with their input apart; adding another one with it is an error. See [`Retry`].
            pub fn retry(mut self, retry: Retry) -> Self {
                self.options.settings().retry = Some(retry);
                self
            }

            /// How long an attempt may run before it ends as [`TimedOut`](crate::TaskState::TimedOut), and the task with it: it is
            /// stopped where it waits, a command is killed. The time in the queue, that in which its
            /// [environment](TaskBuilder::environment) is set up, and that for which it is suspended don't count.
            ///
            /// ```
            /// use std::time::Duration;
            /// use milepost::{Job, LocalScheduler, TaskState};
            ///
            /// let job = Job::new("probe");
            /// let task = job.task("host").timeout(Duration::from_millis(20)).add(async |cx| {
            ///     Ok(cx.canceled().await) // an answer that never comes
            /// })?;
            /// job.submit(&LocalScheduler::new(1)?)?;
            /// let failed = task.output().unwrap_err();
            /// assert_eq!(format!("{failed:#}"), "task 0 (host) timed out: ran for longer than 20ms");
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn timeout(mut self, timeout: Duration) -> Self {
                self.options.settings().timeout = Some(timeout);
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
                self.options.settings().priority = Some(priority);
                self
            }

            /// What the task requires of the scheduler beside a worker: nothing unless set. It waits until that is free, and those
            /// behind it that require something wait with it; tasks that require nothing don't. See [`Resources`].
            pub fn requires(mut self, resources: Resources) -> Self {
                self.options.settings().resources = Some(Arc::new(resources));
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
            pub fn property(
                mut self,
                name: impl Into<Arc<str>>,
                value: impl Into<Property>,
            ) -> Self {
                self.options.settings().properties.set(name.into(), value.into());
                self
            }

            /// What the task needs to run in: it is set up before the task, or left by an earlier one; see [`Environment`]. The
            /// task's code gets it from [`TaskContext::environment`](crate::TaskContext::environment). The last one that is given counts.
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
                self.options.settings().environment = Some(environment.recipe());
                self
            }
        }
    };
}

setters! { NewTask }
setters! { TaskBuilder<'_> }
