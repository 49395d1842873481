//! A task-progress event bus: jobs of many tasks that tell what becomes of them.
//!
//! - A [`Job`] is many tasks, managed as a unit. Tasks are closures, async or blocking, or types that implement
//!   [`Task`], or programs ([`Command`]); they run on a [`LocalScheduler`], in the caller's own future ([`Job::run`]), or elsewhere, reported on by a
//!   [`TaskReporter`].
//! - A task's code reports by its [`TaskContext`], and code that knows nothing of jobs by a [`Progress`].
//! - Whoever wants to know reads an [`EventStream`] ([`Job::task_completed`], [`Job::task_state_changed`],
//!   [`Job::task_progress_updated`], [`Job::job_completed`], [`Job::events`]), registers callbacks
//!   ([`Job::on_task_completed`]), or asks ([`Job::snapshot`], [`Job::progress`]).
//! - Whoever waits calls [`Job::wait_until_done`] and may look in and cancel meanwhile.
//! - Whoever manages tasks gives them a [priority](TaskBuilder::priority), what they [require](TaskBuilder::requires), a
//!   [policy for retries](Retry), a [timeout](TaskBuilder::timeout), an [`Environment`]; [holds](Job::hold),
//!   [suspends](Job::suspend) and [vacates](Job::vacate) them; runs programs by [`Command`], and jobs for a task by
//!   [`TaskContext::child`].
//!
//! ```
//! use milepost::{Job, LocalScheduler, Progress, TaskError};
//!
//! /// Some library's function.
//! fn count_words(text: &str, progress: &Progress) -> Result<usize, TaskError> {
//!     let mut words = 0;
//!     for _word in progress.track(text.split(' ')) {
//!         progress.check()?;
//!         words += 1;
//!     }
//!     Ok(words)
//! }
//!
//! let job = Job::new("words");
//! let words = job.add_blocking("a.txt", |cx| count_words("to be or not to be", &cx))?;
//! job.submit(&LocalScheduler::new(2)?)?;
//!
//! let summary = job.wait_until_done().blocking()?;
//! assert!(summary.state.is_success());
//! assert_eq!(*words.output()?, 6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! - Every lifecycle event reaches every subscriber, in the order of `seq`, from the job's first event on unless it asks
//!   otherwise, however slowly it reads. No subscriber slows a worker or another subscriber.
//! - Each task ends once, then the job once, then every stream.
//! - Progress is coalesced: at most one event a task and window, with the latest value; the last value before a
//!   task's end always arrives, and before the end. Slow readers get fewer, newer values.
//! - Streams and waits work on any executor and on plain threads. Timers run on a thread of their own.
//! - Cancelling may be done at any time, any number of times; code that doesn't yield is given up after a grace period.
//! - A panic in a task fails that task; one in a callback, a waker or a drop is logged and goes no further.
//!
//! # Features
//!
//! - `local` (default): [`LocalScheduler`], on tokio. Without it, the crate has no runtime in it, and all the rest works.
//! - `command` (default, on Unix): [`Command`], a program as a task. It needs no runtime.
//! - `event-log`: `event_log`, what jobs tell written to files, followed and read again.
//! - `condor`: `condor`, jobs of an HTCondor pool, by its event logs and its tools.
//! - `cli`: the `milepost` command.
//! - `tracker`: `Tracker`, which knows all jobs of a process. It needs no runtime.
//! - `indicatif`: `view::terminal`, a job's bars in a terminal.
//! - `ratatui`: `view::tui`, a job's rows as a widget.
//! - `web`: `view::web`, jobs as a web page, and as JSON and events for other programs.
//! - `metrics`: `telemetry`, jobs and tasks as counters, gauges and histograms.

#![deny(unsafe_code)]

mod base;
mod bus;
#[cfg(all(unix, feature = "cli"))]
#[doc(hidden)]
pub mod cli;
#[cfg(all(unix, feature = "command"))]
mod command;
#[cfg(feature = "condor")]
pub mod condor;
#[cfg(feature = "event-log")]
pub mod event_log;
mod job;
mod meter;
mod model;
#[cfg(feature = "local")]
mod scheduler;
#[cfg(feature = "metrics")]
pub mod telemetry;
#[cfg(feature = "tracker")]
pub mod tracker;
pub mod view;

pub use base::{Clock, ManualClock};
pub use bus::{EventStream, StreamEvent, StreamTimeout};
#[cfg(all(unix, feature = "command"))]
pub use command::{
    Captured, Command, CommandFailed, CommandNotStarted, CommandOutput, Line, Lines, OutputStream,
};
pub use job::{
    AddError, BuildError, CancelOnDrop, Child, ChildError, ControlError, Controlled, Environment,
    Environments, History, Job, JobBuilder, JobFailed, JobSummary, NewTask, NoEnvironment,
    NoSuchTask, Observation, ObservedScheduler, OpenJob, Outputs, PublishError, Rest, Retry,
    RunError, Scheduler, SubmitError, Subscription, Task, TaskBuilder, TaskContext, TaskError,
    TaskHandle, TaskOutput, TaskQueue, TaskReporter, TaskRun, Tick, TransitionError, Wait, WaitEnd,
    WouldDeadlock,
};
pub use meter::{Progress, Track, TrackRead, TrackWrite};
pub use model::{
    Amount, CancelReason, Canceled, Cause, CauseKind, Counts, Event, EventKind, Failure,
    FailureKind, JobCompleted, JobId, JobProgress, JobSnapshot, JobState, JobStateChanged,
    ParseJobIdError, ParseTimestampError, ProgressReport, ProgressWindow, Properties, Property,
    PublishedError, Resources, TaskAdded, TaskCompleted, TaskFailed, TaskId, TaskProgressUpdated,
    TaskRef, TaskSnapshot, TaskState, TaskStateChanged, Timestamp,
};
#[cfg(feature = "local")]
pub use scheduler::{LocalScheduler, LocalSchedulerBuilder, Shutdown, ShutdownReport};
#[cfg(feature = "tracker")]
pub use tracker::Tracker;

/// The README's example, as a test.
#[cfg(all(doctest, feature = "local"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The examples of the guide to programs, as tests.
#[cfg(all(doctest, unix, feature = "command"))]
#[doc = include_str!("../docs/commands.md")]
mod commands_guide {}

/// The examples of the guide to HTCondor, as tests.
#[cfg(all(doctest, unix, feature = "condor"))]
#[doc = include_str!("../docs/condor.md")]
mod condor_guide {}

/// The examples of the guide to the event log, as tests.
#[cfg(all(doctest, feature = "local", feature = "event-log"))]
#[doc = include_str!("../docs/event-log.md")]
mod event_log_guide {}

/// The examples of the guide to running tasks, as tests.
#[cfg(all(doctest, unix, feature = "local", feature = "command"))]
#[doc = include_str!("../docs/execution.md")]
mod execution_guide {}

/// The examples of the guide to the tracker, as tests.
#[cfg(all(doctest, feature = "local", feature = "tracker"))]
#[doc = include_str!("../docs/tracker.md")]
mod tracker_guide {}

/// The examples of the guide to windows, as tests.
#[cfg(all(doctest, feature = "local"))]
#[doc = include_str!("../docs/gui.md")]
mod gui_guide {}

/// The examples of the guide to jobs over HTTP, as tests.
#[cfg(all(doctest, feature = "local", feature = "web"))]
#[doc = include_str!("../docs/web.md")]
mod web_guide {}
