//! The verbs of those who manage tasks, beside `cancel`: hold and release, suspend and resume, vacate.

use std::sync::Arc;

use super::error::ControlError;
use super::ledger::{Refusal, Verb};
use super::{Job, TaskHandle};
use crate::job::core::JobCore;
use crate::model::{Cause, CauseKind, TaskId, TaskRef};

/// What has come of a verb on a whole job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Controlled {
    /// How many tasks it was asked of: all that have not ended and are not being canceled.
    pub asked: usize,
    /// Those of them that go on, as they run and can't run again, or somebody else runs them.
    pub refused: Vec<TaskId>,
}

impl Verb {
    fn cause(self, message: impl Into<Arc<str>>) -> Arc<Cause> {
        let message = Some(message.into()).filter(|message| !message.is_empty());
        let kind = match self {
            Verb::Hold => CauseKind::Held,
            Verb::Release => CauseKind::Released,
            Verb::Suspend => CauseKind::Suspended,
            Verb::Resume => CauseKind::Resumed,
            Verb::Vacate | Verb::VacateNow => CauseKind::Vacated,
        };
        Arc::new(Cause::new(kind, message))
    }
}

impl JobCore {
    fn control(
        self: &Arc<Self>,
        task: TaskId,
        verb: Verb,
        message: impl Into<Arc<str>>,
    ) -> Result<(), ControlError> {
        let cause = verb.cause(message);
        self.update(|ledger, effects| {
            ledger.control(task, verb, &cause, effects).map_err(|refusal| {
                let name = ledger.task_name(task).unwrap_or_default();
                match refusal {
                    Refusal::NotRestartable => ControlError::NotRestartable { task, name },
                    Refusal::RunElsewhere => ControlError::RunElsewhere { task, name },
                    Refusal::Over(state) => ControlError::Over { task, name, state },
                }
            })
        })
    }

    fn control_all(self: &Arc<Self>, verb: Verb, message: impl Into<Arc<str>>) -> Controlled {
        let cause = verb.cause(message);
        let (asked, refused) =
            self.update(|ledger, effects| ledger.control_all(verb, &cause, effects));
        Controlled { asked: asked + refused.len(), refused }
    }
}

/// The verbs that a queue's operators know. Each may be said at any time and again; what is already so stays so.
///
/// | verb | a task that waits | a task that runs |
/// |---|---|---|
/// | [`hold`](Job::hold) | won't start: `Held` | is vacated, then `Held` |
/// | [`release`](Job::release) | `Held` becomes `Submitted`, at the back of the queue | a hold that was asked for is taken back |
/// | [`suspend`](Job::suspend) | parks as soon as it runs (a job's: won't start) | parks at its next [`checkpoint`](crate::Progress::checkpoint) or [`blocking_checkpoint`](crate::Progress::blocking_checkpoint): `Suspended` |
/// | [`resume`](Job::resume) | as if nothing was asked | goes on where it parked |
/// | [`vacate`](Job::vacate) | stays | stops as if it was canceled, and is tried again: `Submitted`, the next attempt |
/// | remove: [`cancel`](Job::cancel), at once: [`cancel_now`](Job::cancel_now) | `Canceled` | `Canceling`, then `Canceled` |
///
/// A suspension stays until it is taken back: a task that is vacated meanwhile parks again. What is said of a whole job counts
/// for all of its tasks, also where something else was said of one before. Somebody has to keep a handle: a job whose tasks are
/// held or suspended doesn't end, and without a handle nobody can let them go on.
///
/// A task that is held while it waits for its next attempt starts as soon as it is released, whatever is left of the delay.
///
/// A task that has parked gives up its worker and what it [requires](crate::TaskBuilder::requires) until it goes on, and the
/// time doesn't count for its [timeout](crate::TaskBuilder::timeout). Tasks that run and can't run again, as their closures
/// run only once, refuse to be held or vacated.
///
/// ```
/// use milepost::{Job, LocalScheduler, TaskState};
///
/// let scheduler = LocalScheduler::new(1)?;
/// let job = Job::new("nightly");
/// let report = job.add_blocking("report", |_cx| Ok("done"))?;
/// report.hold("until the data is there")?;
/// job.submit(&scheduler)?;
/// assert_eq!(report.state(), TaskState::Held);
/// report.release("")?;
/// assert_eq!(*report.output()?, "done");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Suspended, a task waits where it is:
///
/// ```
/// use milepost::{Event, Job, LocalScheduler, TaskState};
///
/// let job = Job::new("scan");
/// let mut changes = job.task_state_changed();
/// let scan = job.add_blocking("disk", |cx| {
///     for _block in 0..1_000_000 {
///         cx.blocking_checkpoint()?;
///         cx.advance(1);
///     }
///     Ok(())
/// })?;
/// scan.suspend("somebody is at the keyboard")?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// while changes.blocking_next().unwrap().to != TaskState::Suspended {}
/// scan.resume("")?;
/// scan.output()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl Job {
    /// Keeps the tasks from starting, also those that are added later, and sends those that run back to wait.
    pub fn hold(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::Hold, message)
    }

    /// Lets held tasks start.
    pub fn release(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::Release, message)
    }

    /// Has the tasks that run park, and starts no others.
    pub fn suspend(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::Suspend, message)
    }

    /// Has parked tasks go on and others start.
    pub fn resume(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::Resume, message)
    }

    /// Has the tasks that run stop and start over: those whose code doesn't follow in the job's
    /// [grace](crate::JobBuilder::grace) period are stopped by force.
    pub fn vacate(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::Vacate, message)
    }

    /// Has the tasks that run start over, without a grace period.
    pub fn vacate_now(&self, message: impl Into<Arc<str>>) -> Controlled {
        self.core().control_all(Verb::VacateNow, message)
    }
}

macro_rules! task_verbs {
    ($($verb:ident $of_task:ident $which:ident: $what:literal, $errors:literal;)*) => {
        /// The same for one task.
        impl Job {$(
            #[doc = concat!($what, "; see [`Job::", stringify!($verb), "`].")]
            ///
            /// # Errors
            /// The job has no such task.
            #[doc = $errors]
            pub fn $of_task(
                &self,
                task: impl Into<TaskRef>,
                message: impl Into<Arc<str>>,
            ) -> Result<(), ControlError> {
                let task = self.core().find(task.into()).map_err(ControlError::NoSuchTask)?;
                self.core().control(task, Verb::$which, message)
            }
        )*}

        /// The verbs of those who manage tasks; see [`Job::hold`].
        impl<T> TaskHandle<T> {$(
            #[doc = concat!($what, "; see [`Job::", stringify!($verb), "`].")]
            ///
            /// # Errors
            #[doc = $errors]
            pub fn $verb(&self, message: impl Into<Arc<str>>) -> Result<(), ControlError> {
                self.core.control(self.task, Verb::$which, message)
            }
        )*}
    };
}

task_verbs! {
    hold hold_task Hold: "Keeps the task from starting, or sends it back to wait",
        "It has ended or is being canceled; or it runs, and can't run again or is run by somebody else.";
    release release_task Release: "Lets the task start if it is held",
        "It has ended or is being canceled.";
    suspend suspend_task Suspend: "Has the task park",
        "It has ended or is being canceled.";
    resume resume_task Resume: "Has the task go on if it has parked",
        "It has ended or is being canceled.";
    vacate vacate_task Vacate: "Has the task stop and start over if it runs",
        "It has ended or is being canceled; or it runs, and can't run again or is run by somebody else.";
    vacate_now vacate_task_now VacateNow: "Has the task start over, without a grace period, if it runs",
        "It has ended or is being canceled; or it runs, and can't run again or is run by somebody else.";
}
