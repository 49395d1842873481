//! The running of one attempt: in a span, contained, droppable where it waits (G11, G12).

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::core::JobCore;
use super::current::{Inside, Place};
use super::environments::Lease;
use super::error::AddError;
use super::ledger::{Finish, Head, Started as StartedAttempt};
use super::work::{Started, TaskFuture, TaskResult, Work};
use super::{TaskContext, TaskError};
use crate::base::{block_on, drop_contained, panic_message};
use crate::meter::{Progress, SlotRef, Stops};
use crate::model::{TaskFailed, TaskId};

/// An attempt that runs here, whatever its code is.
pub(super) struct Attempt {
    pub(super) core: Arc<JobCore>,
    pub(super) task: TaskId,
    pub(super) attempt: u32,
    pub(super) slot: SlotRef,
    span: tracing::Span,
    place: Place,
    dropped: Then,
    stops: Stops,
    over: bool,
}

impl Finish {
    /// What an attempt that returned has come to. Runs code of its error, contained.
    pub(super) fn of(result: TaskResult) -> Finish {
        match result.map_err(TaskError::into_parts) {
            Ok(output) => Finish::Completed(output),
            Err((failure, retry, delay)) => Finish::Failed { failure, retry, delay },
        }
    }
}

/// Asked in the job's critical section: whether the tasks of a queue are still the next to run.
pub(crate) type StillFirst = Arc<dyn Fn() -> bool + Send + Sync>;

/// What becomes of a task whose run is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Lost,
    Dropped,
}

impl Attempt {
    pub(super) fn new(
        core: Arc<JobCore>,
        (task, attempt): (TaskId, u32),
        slot: SlotRef,
        place: Place,
        dropped: Then,
    ) -> Attempt {
        // The name is looked up only if somebody listens.
        let span = tracing::info_span!(
            "task",
            job = %core.id,
            task = task.raw(),
            attempt,
            name = &*core.task_name(task).unwrap_or_default(),
        );
        let stops = Stops::default();
        Attempt { core, task, attempt, slot, span, place, dropped, stops, over: false }
    }

    pub(super) fn context(&self) -> TaskContext {
        TaskContext {
            progress: Progress::of_slot(self.slot.clone()),
            core: self.core.clone(),
            task: self.task,
            attempt: self.attempt,
            environment: None,
        }
    }

    /// Runs code of the task: in its span, with its panics contained. It counts as running until the attempt ends or
    /// [`rests`](Attempt::rests).
    pub(super) fn contain<R>(&self, code: impl FnOnce() -> R) -> Result<R, Finish> {
        if !self.slot.begin_polling() {
            return Err(Finish::Lost);
        }
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _inside = Inside::enter(self.core.id, self.place);
            let _span = self.span.enter();
            code()
        }));
        result.map_err(|payload| Finish::Panicked(panic_message(payload)))
    }

    /// The code waits, and could be dropped where it does.
    fn rests(&self) {
        self.slot.end_polling();
    }

    /// Runs the task's code as far as it goes; it is ready once the attempt is over.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<TaskResult>,
    ) -> Poll<Finish> {
        loop {
            if self.slot.is_ended() {
                // Ended by force: the code is dropped where it waits.
                return Poll::Ready(Finish::Lost);
            }
            match self.contain(|| step(cx)) {
                Ok(Poll::Ready(result)) => return Poll::Ready(Finish::of(result)),
                Ok(Poll::Pending) => self.rests(),
                Err(panicked) => return Poll::Ready(panicked),
            }
            self.stops.watch(&self.slot, cx.waker());
            // The order matters: an end since then finds the waker.
            if !self.slot.is_ended() {
                return Poll::Pending;
            }
        }
    }

    /// Takes the end of the attempt down, once; `work` is kept if there is to be another one.
    pub(super) fn finish(&mut self, finish: Finish, work: Option<Box<dyn Work>>) {
        self.finish_and(finish, work, None);
    }

    /// The same, and in the same critical section starts the next task, if that is wanted and the end was the task's.
    fn finish_and(
        &mut self,
        finish: Finish,
        work: Option<Box<dyn Work>>,
        next: Option<(&Head, &StillFirst)>,
    ) -> Option<StartedAttempt> {
        if std::mem::replace(&mut self.over, true) {
            return None;
        }
        let _span = self.span.enter();
        match &finish {
            Finish::Failed { failure, .. } => {
                tracing::debug!(error = &*failure.message, "the task failed");
            }
            Finish::Panicked(message) => tracing::warn!(message, "the task panicked"),
            Finish::Unprepared(failure) => {
                tracing::warn!(error = &*failure.message, "the task's environment was not set up");
            }
            _ => {}
        }
        let (task, attempt) = (self.task, self.attempt);
        self.core.update(|ledger, effects| {
            let at = ledger.now();
            let counts = ledger.finish(at, task, attempt, finish, work, effects);
            // What was started runs once the effects have: it must not wait for code of users.
            let (head, still_first) = next?;
            let at_once = counts && !effects.may_take_long(&self.core) && still_first();
            at_once.then(|| ledger.start_ready(at, head, effects)).flatten()
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.finish(
            match self.dropped {
                Then::Lost => Finish::Lost,
                Then::Dropped => Finish::Dropped,
            },
            None,
        );
        self.stops.unwatch(&self.slot);
    }
}

/// An attempt of a task that was started and is to be run: awaited if it is async, on whatever executor, or by
/// [`run_blocking`](TaskRun::run_blocking).
///
/// Its output is true if the task was given up while its code ran on: then the scheduler was told that it
/// [lost a worker](crate::Scheduler::worker_lost), and this one is one too many. Dropping it interrupts the task.
#[must_use = "a task that was started must be run"]
pub struct TaskRun {
    pub(super) attempt: Attempt,
    pub(super) work: Option<Box<dyn Work>>,
    /// The environment, if it needs one, from the first poll on.
    pub(super) lease: Option<Box<Lease>>,
    future: Option<TaskFuture>,
    begun: bool,
    /// The tasks among which this one was.
    head: Head,
    /// Whether the next of them is to be started as this one ends, and under which condition; and that task.
    starts_next: Option<StillFirst>,
    next: Option<StartedAttempt>,
}

impl TaskRun {
    pub(super) fn new(core: Arc<JobCore>, head: Head, started: StartedAttempt) -> TaskRun {
        let StartedAttempt { task, attempt, slot, work } = started;
        let place = if work.is_blocking() { Place::BlockingTask } else { Place::AsyncTask };
        TaskRun {
            attempt: Attempt::new(core, (task, attempt), slot, place, Then::Lost),
            work: Some(work),
            lease: None,
            future: None,
            begun: false,
            head,
            starts_next: None,
            next: None,
        }
    }

    /// Has the next task of its queue started in the moment in which this one ends, if that queue is still the first one
    /// then; this saves going to the job twice. Whoever asks for it must take it by [`take_next`](TaskRun::take_next).
    #[allow(dead_code, reason = "only the local scheduler asks for it, which is a feature")]
    pub(crate) fn start_next(&mut self, still_first: StillFirst) {
        self.starts_next = Some(still_first);
    }

    /// The task that was started as this one ended, if there was one.
    pub(crate) fn take_next(&mut self) -> Option<TaskRun> {
        let started = self.next.take()?;
        Some(TaskRun::new(self.attempt.core.clone(), self.head.clone(), started))
    }

    /// Whether the task, or the setup of its [`Environment`](crate::Environment), blocks the thread that runs it.
    pub fn is_blocking(&self) -> bool {
        self.attempt.place == Place::BlockingTask
    }

    /// Runs the task on this thread, an async one as well. Returns true if the task was given up meanwhile; see the
    /// type.
    pub fn run_blocking(mut self) -> bool {
        self.run_here()
    }

    pub(crate) fn run_here(&mut self) -> bool {
        if self.is_blocking() {
            // It is through when it returns, so that nothing has to be woken.
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(abandoned) = Pin::new(&mut *self).poll(&mut cx) {
                return abandoned;
            }
        }
        block_on(self)
    }
}

impl Future for TaskRun {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let run = self.get_mut();
        if !run.begun
            && let Err(finish) = ready!(run.prepare(cx))
        {
            return Poll::Ready(run.end(finish));
        }
        let TaskRun { attempt, work, lease, future, begun, .. } = run;
        let mut context = (!std::mem::replace(begun, true)).then(|| TaskContext {
            environment: lease.as_ref().and_then(|lease| lease.value().cloned()),
            ..attempt.context()
        });
        let step = |cx: &mut Context<'_>| {
            if let (Some(context), Some(work)) = (context.take(), &mut *work) {
                match work.start(context) {
                    Started::Done(result) => return Poll::Ready(result),
                    Started::Future(started) => *future = Some(started),
                }
            }
            match &mut *future {
                Some(future) => future.as_mut().poll(cx),
                None => Poll::Pending,
            }
        };
        let finish = ready!(attempt.poll(cx, step));
        Poll::Ready(run.end(finish))
    }
}

impl TaskRun {
    /// Takes the end of the attempt down. Returns whether it had been given up.
    fn end(&mut self, finish: Finish) -> bool {
        // Whoever sees the task's end may count on what its future held being gone.
        if let Some(future) = self.future.take() {
            drop_contained("the drop of a task's future", future);
        }
        // So may the next task, which may start in the moment in which this one ends.
        self.leave_environment(&finish);
        // Code that can't run again goes now, so that it is not in the way of the next task.
        if let Some(work) = self.work.take_if(|work| !work.is_repeatable()) {
            drop_contained("the drop of a task's closure", work);
        }
        debug_assert!(self.next.is_none(), "a task ends once");
        let wanted = self.starts_next.as_ref().map(|still_first| (&self.head, still_first));
        self.next = self.attempt.finish_and(finish, self.work.take(), wanted);
        self.attempt.slot.is_abandoned()
    }
}

impl Drop for TaskRun {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            drop_contained("the drop of a task's future", future);
        }
        drop(self.lease.take());
        self.attempt.finish(Finish::Lost, self.work.take());
        // Interrupted as well, if nobody has taken it.
        drop(self.take_next());
    }
}

impl fmt::Debug for TaskRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskRun")
            .field("job", &self.attempt.core.id)
            .field("task", &self.attempt.task)
            .field("attempt", &self.attempt.attempt)
            .finish_non_exhaustive()
    }
}

/// Why [`Job::run`](crate::Job::run) gave no output.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The task was not added, and its code not run.
    Add(AddError),
    /// The task did not complete.
    Task(TaskFailed),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Add(_) => f.write_str("the task could not be added"),
            RunError::Task(failed) => failed.fmt(f),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunError::Add(error) => Some(error),
            RunError::Task(failed) => failed.source(),
        }
    }
}
