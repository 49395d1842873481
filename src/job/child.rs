//! Child jobs: a task runs a job of its own, and gives up its place until that has ended.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::current::may_wait_for;
use super::error::{SubmitError, WouldDeadlock};
use super::lineage::{Lineage, is_within};
use super::resting::Resting;
use super::{Job, JobSummary, TaskContext, Wait};
use crate::base::block_on;
use crate::bus::EventStream;
use crate::meter::{Progress, SlotRef};
use crate::model::{CancelReason, Canceled, Cause, JobId, JobProgress, JobState, ProgressWindow};

/// Runs a job as the child of a task; made by [`TaskContext::child`]. Await it, or block on it.
///
/// The job is submitted to the scheduler that runs the task, also if that [shuts down](crate::LocalScheduler::shutdown).
/// Until it has ended, the task gives up its worker and what it [requires](crate::TaskBuilder::requires): children run also
/// where only one task runs at a time. A task that is asked to stop stops the child, with the reason
/// [`Parent`](CancelReason::Parent); one that is asked to park has it suspended, and shows that itself only when its own
/// code parks. The child's tasks have the task's priority at least. The time
/// counts for the task's [timeout](crate::TaskBuilder::timeout).
///
/// A task may wait for several children at a time: it gives its place up once, and has it again when all of them have ended;
/// code that goes on before runs beside the scheduler's limit. So does code that drops this before the child's end, which
/// cancels the child by force.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let scheduler = LocalScheduler::new(1)?;
/// let job = Job::new("archive");
/// let files = job.add_blocking("unpack and scan", |cx| {
///     let scan = Job::new("scan");
///     for name in ["a", "b", "c"] {
///         scan.add_blocking(name, |_cx| Ok(()))?;
///     }
///     let summary = cx.child(&scan).progress(&cx).blocking()?.ok()?;
///     Ok(summary.counts.completed())
/// })?;
/// job.submit(&scheduler)?;
/// assert_eq!(*files.output()?, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a child runs when it is awaited or blocked on"]
pub struct Child {
    cx: TaskContext,
    job: Job,
    progress: Option<Progress>,
}

impl TaskContext {
    /// Runs `job`, which was not submitted, as a child of this task, and waits for it: `cx.child(&job).await?`, or
    /// `.blocking()?` in blocking code. Takes effect when it is awaited or blocked on.
    pub fn child(&self, job: &Job) -> Child {
        Child { cx: self.clone(), job: job.clone(), progress: None }
    }
}

impl Child {
    /// Rolls the child's progress up into `progress`, which is the task's own or a [part](Progress::split) of it: in the
    /// child's unit if its tasks have one, else in tasks, with those that run counted by their share.
    pub fn progress(mut self, progress: &Progress) -> Self {
        self.progress = Some(progress.clone());
        self
    }

    /// Runs the child, waiting on this thread.
    ///
    /// # Errors
    /// The child could not be run, or the task was asked to stop; then the child has ended. A child whose tasks failed is
    /// no error here: see [`JobSummary::ok`].
    pub fn blocking(self) -> Result<JobSummary, ChildError> {
        if !is_within(self.cx.job_id(), self.job.id()) {
            may_wait_for(self.job.id()).map_err(ChildError::WouldDeadlock)?;
        }
        block_on(self.run())
    }

    async fn run(self) -> Result<JobSummary, ChildError> {
        let Child { cx, job, progress } = self;
        cx.check().map_err(|Canceled| ChildError::Canceled)?;
        let place = cx.core.look(|ledger| ledger.place_of(cx.task));
        let scheduler = place.and_then(|place| place.scheduler).ok_or(ChildError::NoScheduler)?;
        let Some(slot) = cx.progress.slot() else { return Err(ChildError::NoScheduler) };
        let cycle = || ChildError::Cycle { job: job.id(), name: job.name().into() };
        let _lineage = Lineage::begin(job.id(), cx.job_id()).ok_or_else(cycle)?;
        let priority = cx.core.look(|ledger| ledger.task_priority(cx.task));
        if let Some(priority) = priority.filter(|_| job.state() == JobState::Pending) {
            job.core().look(|ledger| ledger.set_least_priority(priority));
        }
        let windows = progress.as_ref().map(|_| job.progress_windows());
        job.submit(&scheduler).map_err(ChildError::Submit)?;
        let mut resting = Resting::begin(cx.core.clone(), cx.task, slot.clone());
        let wait = job.wait_until_done();
        let mut running = Running { job, wait, windows, progress, asked: Asked::default() };
        let summary = slot.watching(|cx| running.poll(cx, slot)).await;
        drop(running);
        let return_place = |cx: &mut Context<'_>| match slot.is_canceled() {
            true => Poll::Ready(Err(ChildError::Canceled)),
            false => resting.poll_return(cx).map(Ok),
        };
        slot.watching(return_place).await?;
        Ok(summary)
    }
}

impl IntoFuture for Child {
    type Output = Result<JobSummary, ChildError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A child that was submitted. It is stopped by force when it is dropped before its end.
struct Running {
    job: Job,
    wait: Wait<'static>,
    windows: Option<EventStream<ProgressWindow>>,
    progress: Option<Progress>,
    asked: Asked,
}

/// What of the task's requests was passed on.
#[derive(Default)]
struct Asked {
    suspended: bool,
    canceled: bool,
    stopped: bool,
}

impl Running {
    fn poll(&mut self, cx: &mut Context<'_>, parent: &SlotRef) -> Poll<JobSummary> {
        self.pass_on(parent);
        if let (Some(windows), Some(progress)) = (&mut self.windows, &self.progress) {
            let mut last = None;
            while let Poll::Ready(Some(window)) = Pin::new(&mut *windows).poll_next(cx) {
                last = Some(window.progress);
            }
            last.iter().for_each(|last| roll_up(last, progress));
        }
        let summary = std::task::ready!(Pin::new(&mut self.wait).poll(cx));
        if let Some(progress) = &self.progress {
            roll_up(&self.job.progress(), progress);
        }
        Poll::Ready(summary)
    }

    /// Asks of the child what was asked of the task.
    fn pass_on(&mut self, parent: &SlotRef) {
        let Asked { suspended, canceled, stopped } = &mut self.asked;
        if parent.is_suspending() != *suspended {
            *suspended = !*suspended;
            let message = "the task that it was made for";
            let _ = if *suspended { self.job.suspend(message) } else { self.job.resume(message) };
        }
        if parent.is_ended() && !std::mem::replace(stopped, true) {
            cancel(&self.job, true);
        }
        if parent.is_canceled() && !std::mem::replace(canceled, true) {
            cancel(&self.job, false);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        cancel(&self.job, true);
    }
}

fn cancel(job: &Job, now: bool) {
    let cause = Arc::new(Cause::canceled(CancelReason::Parent, None));
    job.core().update(|ledger, effects| ledger.cancel_job(cause, now, effects));
}

fn roll_up(child: &JobProgress, progress: &Progress) {
    let JobProgress { fraction, value, total, unit, .. } = child;
    let in_tasks = &**unit == "tasks";
    if !in_tasks {
        progress.set_unit(unit);
    }
    match (fraction, total) {
        (Some(fraction), Some(total)) if in_tasks => {
            progress.set_total(*total);
            progress.set_progress(fraction * total);
        }
        (_, total) => {
            total.iter().for_each(|total| progress.set_total(*total));
            progress.set_progress(*value);
        }
    }
}

/// A child job was not run to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChildError {
    /// The task runs for that job itself, which would wait for its own end.
    Cycle {
        /// The job.
        job: JobId,
        /// The job's name.
        name: Arc<str>,
    },
    /// The scheduler doesn't take the job.
    Submit(SubmitError),
    /// The task was asked to stop, and the child with it.
    Canceled,
    /// No scheduler runs the task: it is driven by [`Job::run`] or a reporter, or has ended.
    NoScheduler,
    /// This thread may not be blocked.
    WouldDeadlock(WouldDeadlock),
}

impl fmt::Display for ChildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChildError::Cycle { job, name } => write!(
                f,
                "job {name:?} ({job}) can't be a child of its own task: it would wait for its own end; \
                 make another job"
            ),
            ChildError::Submit(_) => f.write_str("the child job was not submitted"),
            ChildError::Canceled => f.write_str("the task was canceled, and its child job with it"),
            ChildError::NoScheduler => f.write_str(
                "the task is not run by a scheduler that could run a child job: submit the job to one and wait for it",
            ),
            ChildError::WouldDeadlock(error) => error.fmt(f),
        }
    }
}

impl Error for ChildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ChildError::Submit(error) => Some(error),
            _ => None,
        }
    }
}
