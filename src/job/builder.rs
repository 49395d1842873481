//! [`JobBuilder`]: a job with settings of its own.

use std::sync::Arc;
use std::time::Duration;

use super::core::JobCore;
use super::error::BuildError;
use super::ledger::Options;
use super::{Job, OpenJob};
use crate::base::Clock;
use crate::model::{Properties, Property};

const WINDOW: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(30);
const KEEP_FAILURES: usize = 1_000;
const LOST_ATTEMPTS: u32 = 5;

/// What a job remembers of its past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum History {
    /// All events and outputs, for as long as the job has handles: whoever comes late sees them all.
    #[default]
    All,
    /// What some stream or callback has yet to read; the rest is freed, with the names and outputs of the tasks that
    /// ended in it: snapshots leave them out. Whoever comes late starts with the oldest event that is left. For jobs of
    /// millions of tasks.
    Unread,
}

/// Makes a job with settings; see [`Job::builder`].
///
/// ```
/// use std::time::Duration;
/// use milepost::{Job, JobBuilder};
///
/// let job = Job::builder("index")
///     .window(Duration::from_millis(50))
///     .grace(Duration::from_secs(5))
///     .max_failures(10)
///     .build()?;
///
/// let error = Job::builder("index").window(Duration::ZERO).build().unwrap_err();
/// assert!(error.to_string().starts_with("a window of zero length"));
/// # Ok::<(), milepost::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a job is made by build or open"]
pub struct JobBuilder {
    name: Arc<str>,
    clock: Clock,
    options: Options,
}

impl JobBuilder {
    pub(super) fn new(name: Arc<str>) -> JobBuilder {
        JobBuilder {
            name,
            clock: Clock::system(),
            options: Options {
                window: WINDOW,
                grace: GRACE,
                max_failures: None,
                keep_failures: KEEP_FAILURES,
                history: History::All,
                priority: 0,
                lost_attempts: LOST_ATTEMPTS,
                deadline: None,
                properties: Properties::default(),
            },
        }
    }

    /// The time in which a task's reports become one event: 200 ms unless set.
    pub fn window(mut self, window: Duration) -> Self {
        self.options.window = window;
        self
    }

    /// How long a canceled task may take to stop before it is stopped by force: 30 s unless set.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// Cancels the other tasks once `n` have failed, timed out, were interrupted or had no environment; 0 counts as 1.
    pub fn max_failures(mut self, n: usize) -> Self {
        self.options.max_failures = Some(n.max(1));
        self
    }

    /// Cancels the other tasks as soon as one has failed: [`max_failures(1)`](JobBuilder::max_failures).
    pub fn cancel_on_task_failure(self) -> Self {
        self.max_failures(1)
    }

    /// How many failed tasks a [`JobSummary`](crate::JobSummary) lists: the first 1,000 unless set. They are
    /// counted all the same.
    pub fn keep_failures(mut self, n: usize) -> Self {
        self.options.keep_failures = n;
        self
    }

    /// What the job remembers: everything unless set.
    pub fn history(mut self, history: History) -> Self {
        self.options.history = history;
        self
    }

    /// The priority of tasks that have [none of their own](crate::TaskBuilder::priority): 0 unless set.
    pub fn priority(mut self, priority: i32) -> Self {
        self.options.priority = priority;
        self
    }

    /// How often an attempt of a task may be lost with what ran it before the task ends as
    /// [`Interrupted`](crate::TaskState::Interrupted): 5 unless set. Until then another attempt follows at once, if the task
    /// can run again; one that runs a closure only once is interrupted by the first loss.
    pub fn lost_attempts(mut self, n: u32) -> Self {
        self.options.lost_attempts = n;
        self
    }

    /// How long the job may take from its submission or start on: after that its tasks end as
    /// [`TimedOut`](crate::TaskState::TimedOut), whatever they are at, and no more are taken. No limit unless set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use milepost::{Job, LocalScheduler, TaskState};
    ///
    /// let job = Job::builder("backup").deadline(Duration::from_millis(20)).build()?;
    /// let endless = job.add("loop", async |cx| loop { cx.checkpoint().await? } as Result<(), _>)?;
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// let failed = endless.output().unwrap_err();
    /// assert_eq!(failed.state, TaskState::TimedOut);
    /// assert!(format!("{failed:#}").contains("its job took longer than 20ms"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Notes something of the job by name, for as long as it lives: it is part of
    /// [`JobStateChanged`](crate::JobStateChanged), of snapshots and of [`Job::properties`]. Of two values for one name,
    /// the last one counts; NaN and infinite numbers are ignored.
    ///
    /// ```
    /// use milepost::Job;
    ///
    /// let job = Job::builder("renders").property("user", "ada").property("priority", 5).build()?;
    /// assert_eq!(job.snapshot().properties, job.properties());
    /// # Ok::<(), milepost::BuildError>(())
    /// ```
    pub fn property(mut self, name: impl Into<Arc<str>>, value: impl Into<Property>) -> Self {
        self.options.properties.set(name.into(), value.into());
        self
    }

    /// The clock that the job's windows, timeouts and times come from: the system's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a job that takes tasks until it is submitted.
    ///
    /// # Errors
    /// A setting makes no sense; the error says which.
    pub fn build(self) -> Result<Job, BuildError> {
        self.checked().map(|builder| builder.make(false))
    }

    /// Makes a job that takes tasks until it is closed.
    ///
    /// # Errors
    /// A setting makes no sense; the error says which.
    pub fn open(self) -> Result<OpenJob, BuildError> {
        self.checked().map(|builder| OpenJob::new(builder.make(true)))
    }

    fn checked(self) -> Result<JobBuilder, BuildError> {
        if self.options.window.is_zero() { Err(BuildError::ZeroWindow) } else { Ok(self) }
    }

    /// Makes a job of settings that make sense.
    pub(super) fn make(self, open: bool) -> Job {
        Job::of(JobCore::new(self.name, self.clock, self.options, open))
    }
}
