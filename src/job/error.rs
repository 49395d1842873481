//! The errors of jobs: one type an operation. Knows only the model.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::model::{JobId, TaskId, TaskState};

/// A job or a scheduler can't be made as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The window has no length.
    ZeroWindow,
    /// No task could ever run.
    ZeroConcurrency,
    /// The system gave no threads.
    NoThreads {
        /// What the system said.
        message: Arc<str>,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::ZeroWindow => f.write_str(
                "a window of zero length would send every report as an event: give it a length, such as 1 ms",
            ),
            BuildError::ZeroConcurrency => {
                f.write_str("with a concurrency of 0 no task would ever run: give at least 1")
            }
            BuildError::NoThreads { message } => {
                write!(f, "the system gave no threads to run tasks on: {message}")
            }
        }
    }
}

impl Error for BuildError {}

/// A task can't be added. The job is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddError {
    /// The job was submitted, closed, canceled, or has ended.
    Sealed {
        /// The job.
        job: JobId,
        /// The job's name.
        name: Arc<str>,
    },
    /// A retry policy on a task that can run only once.
    NotRestartable {
        /// The task's name.
        task: Arc<str>,
    },
    /// A weight that is negative, no number, or above 1e300.
    InvalidWeight {
        /// The task's name.
        task: Arc<str>,
    },
    /// An environment for a task whose code runs elsewhere.
    EnvironmentElsewhere {
        /// The task's name.
        task: Arc<str>,
    },
    /// The job has as many tasks as there are ids: 4,294,967,295.
    TooManyTasks,
}

impl fmt::Display for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddError::Sealed { job, name } => write!(
                f,
                "job {name:?} ({job}) takes no more tasks: it was submitted, closed or canceled, or its deadline has passed; \
                 to add tasks later, make it with JobBuilder::open"
            ),
            AddError::NotRestartable { task } => write!(
                f,
                "task {task:?} has a retry policy but can run only once, as its closure consumes what it captured: \
                 add it with add_with or add_blocking_with"
            ),
            AddError::InvalidWeight { task } => {
                write!(
                    f,
                    "task {task:?} has a weight that is negative, no number, or above 1e300: give it a share, such as 1"
                )
            }
            AddError::EnvironmentElsewhere { task } => write!(
                f,
                "task {task:?} has an environment but is run by whoever has its reporter, who sets up what it needs: \
                 add its code to the job, or add it without the environment"
            ),
            AddError::TooManyTasks => f.write_str("a job can have 4294967295 tasks at most"),
        }
    }
}

impl Error for AddError {}

/// A job can't be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubmitError {
    /// It was submitted before.
    AlreadySubmitted {
        /// The job.
        job: JobId,
        /// The job's name.
        name: Arc<str>,
    },
    /// It was canceled or has ended.
    Ended {
        /// The job.
        job: JobId,
        /// The job's name.
        name: Arc<str>,
    },
    /// The scheduler takes no more jobs.
    ShutDown,
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubmitError::AlreadySubmitted { job, name } => write!(
                f,
                "job {name:?} ({job}) was submitted before; to run the same tasks again, make another job"
            ),
            SubmitError::Ended { job, name } => {
                write!(
                    f,
                    "job {name:?} ({job}) was canceled or has ended, nothing is left to submit"
                )
            }
            SubmitError::ShutDown => f.write_str(
                "the scheduler was shut down and takes no more jobs: submit it to another one",
            ),
        }
    }
}

impl Error for SubmitError {}

/// The job has no such task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoSuchTask {
    /// The job that was asked.
    pub job: JobId,
    /// The task.
    pub task: TaskId,
    /// The job that the task is of, if that is another one.
    pub of: Option<JobId>,
}

impl fmt::Display for NoSuchTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Some(of) => write!(f, "task {} is of job {of}, not of job {}", self.task, self.job),
            None => write!(f, "job {} has no task {}, or no longer", self.job, self.task),
        }
    }
}

impl Error for NoSuchTask {}

/// A task doesn't do what is asked of it: it is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// The job has no such task.
    NoSuchTask(NoSuchTask),
    /// The task runs, and could not run again.
    NotRestartable {
        /// The task.
        task: TaskId,
        /// The task's name.
        name: Arc<str>,
    },
    /// Somebody else runs the task, by a [`TaskReporter`](crate::TaskReporter) or [`Job::run`](crate::Job::run).
    RunElsewhere {
        /// The task.
        task: TaskId,
        /// The task's name.
        name: Arc<str>,
    },
    /// The task has ended, or is being canceled.
    Over {
        /// The task.
        task: TaskId,
        /// The task's name.
        name: Arc<str>,
        /// The state that it is in.
        state: TaskState,
    },
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlError::NoSuchTask(error) => error.fmt(f),
            ControlError::NotRestartable { task, name } => write!(
                f,
                "task {task} ({name}) can run only once and can't be stopped to start over: add it with add_with, \
                 add_blocking_with or add_task, or suspend or cancel it"
            ),
            ControlError::RunElsewhere { task, name } => write!(
                f,
                "task {task} ({name}) is run by somebody else, who alone can stop it to start over: suspend or cancel it"
            ),
            ControlError::Over { task, name, state } => {
                write!(f, "task {task} ({name}) is {state} and does nothing else any more")
            }
        }
    }
}

impl Error for ControlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ControlError::NoSuchTask(error) => Some(error),
            _ => None,
        }
    }
}

/// A reporter reported what can't be: the task's state is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransitionError {
    /// The task.
    pub task: TaskId,
    /// The task's name.
    pub name: Arc<str>,
    /// The state that it is in.
    pub from: TaskState,
    /// The state that was reported.
    pub to: TaskState,
}

impl fmt::Display for TransitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task {} ({}) is {} and can't become {}",
            self.task, self.name, self.from, self.to
        )?;
        if self.from.is_terminal() {
            f.write_str(": it has ended")
        } else {
            let next: Vec<_> = self.from.next().iter().map(|state| state.as_str()).collect();
            write!(f, ", only {}", next.join(", "))
        }
    }
}

impl Error for TransitionError {}

/// Waiting here would never end, since what is waited for waits for this thread.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WouldDeadlock {
    pub(crate) place: &'static str,
}

impl WouldDeadlock {
    /// For a [`Scheduler`](crate::Scheduler) that can't have this thread blocked; `place` says where it is:
    /// `"on the thread of a single-threaded runtime"`.
    pub fn new(place: &'static str) -> WouldDeadlock {
        WouldDeadlock { place }
    }
}

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "blocking {} would wait for ever: await the wait instead, or wait elsewhere",
            self.place
        )
    }
}

impl Error for WouldDeadlock {}
