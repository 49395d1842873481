//! [`TaskReporter`]: a task that somebody else runs.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Job;
use super::current::Place;
use super::error::{AddError, TransitionError};
use super::ledger::{Adder, Finish, Report, Runner};
use super::observation::Observation;
use super::options::TaskOptions;
use super::run::{Attempt, Then};
use super::work::{Work, keep};
use super::{TaskContext, TaskError, TaskHandle};
use crate::meter::{Progress, SlotRef};
use crate::model::{
    Cause, CauseKind, Failure, FailureKind, JobId, TaskFailed, TaskId, TaskRef, TaskState,
};

/// Reports what becomes of a task that runs elsewhere: on another thread pool, in another process, on another machine.
/// Every producer of events uses it. It derefs to [`Progress`], to report by.
///
/// The task is submitted when the reporter is made, which starts the job and does not seal it. A reporter that
/// is dropped before the task's end interrupts it.
///
/// States follow the [transition table](TaskState::next); anything else is an error to the reporter and never an event.
///
/// ```
/// use milepost::{Job, TaskState};
///
/// let job = Job::builder("pool").open()?;
/// let task = job.reporter("render")?;
/// task.assigned()?;
/// task.running()?;
/// task.set_total(2);
/// task.advance(1);
/// let error = task.assigned().unwrap_err();
/// assert_eq!(error.to, TaskState::Assigned);
/// task.complete("frame.png")?;
///
/// let job = job.close();
/// assert!(job.state().is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskReporter {
    /// Keeps the job open.
    job: Job,
    task: TaskId,
    attempt: u32,
    progress: Progress,
    /// Keeps the task in the job's table.
    _kept: TaskHandle<()>,
}

impl TaskReporter {
    pub(super) fn new(job: &Job, options: TaskOptions) -> Result<TaskReporter, AddError> {
        let added = job.core().update(|ledger, effects| {
            let task = ledger.add(options, None, Runner::Reporter, Adder::Producer, effects)?;
            Ok((task, ledger.submit_driven(task, effects)))
        });
        let (task, slot): (TaskId, SlotRef) =
            added.map_err(|(error, _): (AddError, Option<Box<dyn Work>>)| error)?;
        let progress = Progress::of_slot(slot);
        let kept = TaskHandle::new(job.core().clone(), task);
        Ok(TaskReporter { job: job.clone(), task, attempt: 1, progress, _kept: kept })
    }

    /// The task.
    pub fn id(&self) -> TaskId {
        self.task
    }

    /// The task's job.
    pub fn job_id(&self) -> JobId {
        self.job.id()
    }

    /// The state that the task is in.
    pub fn state(&self) -> TaskState {
        // One that is gone has ended.
        let state = self.job.core().look(|ledger| ledger.task_state(self.task));
        state.unwrap_or(TaskState::Completed)
    }

    /// Which attempt is reported on, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The handle of the present attempt to report by, as a value.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The task was given to a worker.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn assigned(&self) -> Result<(), TransitionError> {
        self.enter(TaskState::Assigned)
    }

    /// The task runs, or runs again after it was suspended.
    ///
    /// # Errors
    /// The task is in a state from which that can't be: after a cancellation, for one.
    pub fn running(&self) -> Result<(), TransitionError> {
        self.enter(TaskState::Running)
    }

    /// The task has parked.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn suspended(&self) -> Result<(), TransitionError> {
        self.enter(TaskState::Suspended)
    }

    /// The task is kept from starting. If it was running, its attempt is over, and the next one begins.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn held(&mut self, message: impl Into<Arc<str>>) -> Result<(), TransitionError> {
        let cause = Cause::new(CauseKind::Reported, Some(message.into()));
        self.turn(Report { cause: Some(Arc::new(cause)), ..Report::new(TaskState::Held) })
    }

    /// The task waits for its turn again: it was released, or its attempt was lost or failed and another one
    /// follows, which starts without progress.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn resubmitted(&mut self, message: impl Into<Arc<str>>) -> Result<(), TransitionError> {
        let cause = Cause::new(CauseKind::Retry, Some(message.into()));
        self.turn(Report { cause: Some(Arc::new(cause)), ..Report::new(TaskState::Submitted) })
    }

    /// The task completed. Whatever it gives is kept with the job.
    ///
    /// # Errors
    /// The task is in a state from which that can't be; the output is dropped.
    pub fn complete<T: Any + Send + Sync>(&self, output: T) -> Result<(), TransitionError> {
        self.report(Report { output: keep(output), ..Report::new(TaskState::Completed) })
    }

    /// The task failed. If it was asked to stop, it ends as canceled, and the error is kept.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn fail(&self, error: impl Into<TaskError>) -> Result<(), TransitionError> {
        let (failure, ..) = error.into().into_parts();
        let report = Report::new(TaskState::Failed);
        self.report(Report { error: Some(failure), gives_in: true, ..report })
    }

    /// The task ended as `state`, one of the terminal ones, for the reason given.
    ///
    /// # Errors
    /// The task is in a state from which that can't be.
    pub fn end(
        &self,
        state: TaskState,
        message: impl Into<Arc<str>>,
    ) -> Result<(), TransitionError> {
        let error = (!state.is_success()).then(|| Failure::new(kind_of(state), message));
        if state.is_terminal() {
            return self.report(Report { error, ..Report::new(state) });
        }
        let (name, from) = self.now();
        Err(TransitionError { task: self.task, name, from, to: state })
    }

    /// The task was seen in a state: for followers of someone else's tasks, who may miss states in between. Any
    /// state can follow any that is not terminal, and the event says that it was observed. Seeing the present state
    /// again is no event. What more is known is told by an [`Observation`].
    ///
    /// # Errors
    /// The task has ended.
    ///
    /// ```
    /// use milepost::{Job, Observation, TaskState};
    ///
    /// let job = Job::new("queue");
    /// let mut task = job.reporter("114.0")?;
    /// task.observed(TaskState::Running)?;
    /// task.observed(Observation::new(TaskState::Submitted).message("its machine was drained"))?;
    /// assert_eq!(task.attempt(), 2);
    /// task.observed(Observation::new(TaskState::Failed).error("exit code 3"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn observed(&mut self, seen: impl Into<Observation>) -> Result<(), TransitionError> {
        let Observation { state, cause, error, output } = seen.into();
        let error = error
            .filter(|_| state.is_terminal() && !state.is_success())
            .map(|message| Failure::new(kind_of(state), message));
        let report = Report {
            observed: true,
            error,
            output,
            cause: cause.map(Arc::new),
            ..Report::new(state)
        };
        self.turn(report)
    }

    /// Runs a blocking closure on this thread as the task: in the task's span, with panics contained, and its end
    /// reported.
    ///
    /// # Errors
    /// The task did not complete, or could not be run as it was canceled before, or its output was taken by
    /// [`Job::outputs`].
    pub fn run_blocking<T, F>(self, run: F) -> Result<Arc<T>, TaskFailed>
    where
        T: Any + Send + Sync,
        F: FnOnce(TaskContext) -> Result<T, TaskError> + Send,
    {
        let core = self.job.core();
        let (_, state) = self.now();
        if state == TaskState::Running || self.running().is_ok() {
            let (core, which, slot) = (core.clone(), (self.task, self.attempt), self.slot());
            let mut attempt = Attempt::new(core, which, slot, Place::BlockingTask, Then::Lost);
            let context = attempt.context();
            let finish = match attempt.contain(|| run(context)) {
                Ok(result) => Finish::of(result.map(keep)),
                Err(panicked) => panicked,
            };
            attempt.finish(finish, None);
        }
        match core.look(|ledger| ledger.result_now(self.task)) {
            Some(result) => TaskHandle::result(core, self.task, result),
            None => Err(self.failed()),
        }
    }

    fn failed(&self) -> TaskFailed {
        let (name, state) = self.now();
        TaskFailed {
            job: self.job.id(),
            task: self.task,
            name,
            state,
            attempts: self.attempt,
            error: None,
        }
    }

    fn now(&self) -> (Arc<str>, TaskState) {
        self.job.core().look(|ledger| {
            let state = ledger.task_state(self.task).unwrap_or(TaskState::Completed);
            (ledger.task_name(self.task).unwrap_or_default(), state)
        })
    }

    fn slot(&self) -> SlotRef {
        match self.progress.slot() {
            Some(slot) => slot.clone(),
            None => unreachable!("a reporter reports into a slot"),
        }
    }

    fn enter(&self, to: TaskState) -> Result<(), TransitionError> {
        self.report(Report::new(to))
    }

    fn report(&self, report: Report) -> Result<(), TransitionError> {
        let (task, attempt) = (self.task, self.attempt);
        let core = self.job.core();
        core.update(|ledger, effects| ledger.report(task, attempt, report, effects)).map(drop)
    }

    /// Reports what may begin a new attempt.
    fn turn(&mut self, report: Report) -> Result<(), TransitionError> {
        let (task, attempt) = (self.task, self.attempt);
        let core = self.job.core();
        let next = core.update(|ledger, effects| ledger.report(task, attempt, report, effects))?;
        if let Some((attempt, slot)) = next {
            self.attempt = attempt;
            self.progress = Progress::of_slot(slot);
        }
        Ok(())
    }
}

/// What the error of a task is called that ended in this state.
fn kind_of(state: TaskState) -> FailureKind {
    match state {
        TaskState::Canceled => FailureKind::Canceled,
        TaskState::TimedOut => FailureKind::TimedOut,
        TaskState::Interrupted => FailureKind::Interrupted,
        TaskState::EnvironmentError => FailureKind::Environment,
        _ => FailureKind::Failed,
    }
}

impl Deref for TaskReporter {
    type Target = Progress;

    #[inline]
    fn deref(&self) -> &Progress {
        &self.progress
    }
}

impl Drop for TaskReporter {
    fn drop(&mut self) {
        let state = self.job.core().look(|ledger| ledger.task_state(self.task));
        if state.is_none_or(TaskState::is_terminal) {
            return;
        }
        // An error says that the task has ended meanwhile.
        let _ = self.end(TaskState::Interrupted, "its reporter was dropped before the task's end");
    }
}

impl From<&TaskReporter> for TaskRef {
    fn from(reporter: &TaskReporter) -> Self {
        TaskRef::new(reporter.job.id(), reporter.task)
    }
}

impl fmt::Debug for TaskReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskReporter({} of {})", self.task, self.job.id())
    }
}
