//! A job's life: tasks are added, the job is submitted and sealed, tasks end, the job ends (J4).

use std::collections::HashSet;
use std::sync::Arc;

use super::lanes::Head;
use super::state::{Ended, Ledger};
use super::table::{Adder, Runner, TaskEntry};
use crate::bus::{Batch, Change, Closed, Update, When, mask};
use crate::job::effects::Effects;
use crate::job::options::TaskOptions;
use crate::job::scheduler::Scheduler;
use crate::job::work::Work;
use crate::job::{AddError, History, SubmitError};
use crate::meter::Reading;
use crate::model::{
    CancelReason, Cause, Failure, FailureKind, JobState, Output, Share, TaskFailed, TaskId,
    TaskState,
};

/// How a task ends.
pub(super) struct End {
    pub(super) state: TaskState,
    pub(super) error: Option<Failure>,
    pub(super) output: Option<Output>,
    pub(super) cause: Option<Arc<Cause>>,
    pub(super) observed: bool,
}

impl End {
    pub(super) fn new(state: TaskState) -> End {
        End { state, error: None, output: None, cause: None, observed: false }
    }

    pub(super) fn error(self, error: Failure) -> End {
        End { error: Some(error), ..self }
    }
}

impl Ledger {
    pub(crate) fn add(
        &mut self,
        options: TaskOptions,
        work: Option<Box<dyn Work>>,
        runner: Runner,
        adder: Adder,
        effects: &mut Effects,
    ) -> Result<TaskId, (AddError, Option<Box<dyn Work>>)> {
        let sealed = self.sealed || (self.closed && adder != Adder::Feed);
        let error = if sealed || self.state.is_terminal() {
            Some(AddError::Sealed { job: self.id, name: self.name.clone() })
        } else {
            options.misfit(runner)
        };
        let id = match (error, self.tasks.next_id()) {
            (None, Some(id)) => id,
            (error, _) => return Err((error.unwrap_or(AddError::TooManyTasks), work)),
        };
        let at = self.now();
        let TaskOptions { name, settings } = options;
        let mut entry = TaskEntry {
            name,
            work,
            extra: None,
            slot: None,
            attempt: 1,
            state: TaskState::Pending,
            runner,
            handled: adder != Adder::Feed && self.options.history == History::Unread,
            retired: false,
        };
        if let Some(settings) = settings {
            entry.extra().settings = Some(settings);
        }
        if let Some(cause) = self.seldom.held.clone().filter(|_| runner.is_scheduler()) {
            entry.extra().held = Some(cause);
        }
        self.board.sums.add(Share::of(entry.counted(&Reading::default())));
        self.tasks.push(entry);
        self.counts.enter(TaskState::Pending);
        self.append(at, Change::Added { task: id }, None, effects);
        if self.queue.scheduler.is_some() && runner.is_scheduler() {
            self.submit_task(at, id, effects);
        }
        Ok(id)
    }

    pub(crate) fn may_submit(&self) -> Result<(), SubmitError> {
        let (job, name) = (self.id, self.name.clone());
        if self.queue.submitted {
            return Err(SubmitError::AlreadySubmitted { job, name });
        }
        if self.state.is_terminal() || self.seldom.canceled.is_some() {
            return Err(SubmitError::Ended { job, name });
        }
        Ok(())
    }

    /// Takes `scheduler` unless it errs.
    pub(crate) fn submit(
        &mut self,
        scheduler: &mut Option<Arc<dyn Scheduler>>,
        seal: bool,
        effects: &mut Effects,
    ) -> Result<(), SubmitError> {
        self.may_submit()?;
        self.queue.scheduler = scheduler.take();
        self.queue.submitted = true;
        let at = self.now();
        self.start_job(at, effects);
        for id in self.tasks.ids() {
            let mine = |entry: &&TaskEntry| {
                entry.state == TaskState::Pending && entry.runner.is_scheduler()
            };
            if self.tasks.get(id).filter(mine).is_some() {
                self.submit_task(at, id, effects);
            }
        }
        self.sealed |= seal;
        self.settle(at, effects);
        Ok(())
    }

    fn submit_task(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        self.enter(at, id, TaskState::Submitted, None, false, effects);
        match self.tasks.get_mut(id).and_then(|entry| entry.extra.as_mut()?.held.take()) {
            Some(cause) => self.enter(at, id, TaskState::Held, Some(cause), false, effects),
            None => self.enqueue(id, effects),
        }
    }

    /// No more tasks are added. Without a scheduler and with no one left to name one (`orphaned`), tasks that wait for
    /// it won't ever run.
    pub(crate) fn seal(&mut self, orphaned: bool, effects: &mut Effects) {
        if self.state.is_terminal() {
            return;
        }
        self.sealed = true;
        let at = self.now();
        if orphaned && self.queue.scheduler.is_none() {
            let message = "its job was never submitted";
            let cause = Arc::new(Cause::canceled(CancelReason::Dropped, Some(message.into())));
            for id in self.tasks.ids() {
                if self.tasks.get(id).is_some_and(|entry| entry.state == TaskState::Pending) {
                    self.cancel_one(at, id, &cause, effects);
                }
            }
        }
        self.settle(at, effects);
    }

    /// Ends a task: last progress, terminal state, completion (J4).
    pub(super) fn end(&mut self, at: u64, id: TaskId, end: End, effects: &mut Effects) {
        let End { state, error, output, cause, observed } = end;
        self.end_attempt(at, id, effects);
        let reading = self.board.latest.reading(id);
        let Some(entry) = self.tasks.get_mut(id) else { return };
        self.board.sums.remove(Share::of(entry.counted(&reading)));
        if let Some(error) = error {
            entry.extra().error = Some(Arc::new(error));
        }
        if let Some(output) = output {
            match set_aside(&mut self.seldom.outputs, id, &entry.name, output) {
                Some(output) => entry.extra().output = Some(output),
                None => entry.extra().output_taken = true,
            }
        } else if state.is_success() && !self.seldom.outputs.is_empty() {
            set_aside(&mut self.seldom.outputs, id, &entry.name, Arc::new(()));
        }
        let (attempt, waited) = (entry.attempt, entry.state == TaskState::Submitted);
        self.drop_work(id, effects);
        self.enter(at, id, state, cause, observed, effects);
        if waited {
            self.withdraw(id, effects);
        }
        self.append(at, Change::Completed { task: id, attempt, state }, None, effects);
        self.done += 1;
        if let Some(entry) = self.tasks.get(id) {
            self.board.sums.add(Share::of(entry.counted(&reading)));
            if state.is_failure() {
                let failed = self.failure(id, entry);
                if self.seldom.failures.len() < self.options.keep_failures {
                    self.seldom.failures.push(failed);
                }
            }
        }
        if !self.seldom.handle_wakers.is_empty()
            && let Some(mut wakers) = self.seldom.handle_wakers.remove(&id)
        {
            wakers.take(u16::MAX, &mut effects.wakes);
        }
        if !self.seldom.outputs.is_empty() {
            self.wakers.take(mask::OUTPUT, &mut effects.wakes);
        }
        self.board.recount = true;
        if self.board.notices.has_readers() {
            self.windows().0.open();
        }
        effects.refill = true;
        self.trim_now_and_then(effects);
        if let Some(most) = self.options.max_failures
            && self.counts.failed() >= most
            && self.seldom.canceled.is_none()
            && !self.seldom.is_late
        {
            let message = format!("{most} failed, which is as many as may");
            let cause = Cause::canceled(CancelReason::Consequence, Some(message.into()));
            self.cancel_job(Arc::new(cause), false, effects);
        }
        self.settle(at, effects);
    }

    pub(super) fn failure(&self, id: TaskId, entry: &TaskEntry) -> TaskFailed {
        TaskFailed {
            job: self.id,
            task: id,
            name: entry.name.clone(),
            state: entry.state,
            attempts: entry.attempt,
            error: entry.error(),
        }
    }

    /// Ends the job if it is sealed and all its tasks have ended.
    pub(super) fn settle(&mut self, at: u64, effects: &mut Effects) {
        if !self.sealed || self.done < self.tasks.len() || self.state.is_terminal() {
            return;
        }
        let by_user = |cause: &Arc<Cause>| cause.reason == Some(CancelReason::User);
        let canceled_by_user = self.seldom.canceled.as_ref().is_some_and(by_user);
        let state = if canceled_by_user && self.counts.completed() < self.tasks.len() {
            JobState::Canceled
        } else if self.counts.failed() > 0 {
            JobState::Failed
        } else if self.counts.canceled() > 0 {
            JobState::Canceled
        } else {
            JobState::Completed
        };
        let elapsed = match self.queue.started {
            Some(started) => self.clock.elapsed(started, at),
            None => std::time::Duration::ZERO,
        };
        self.publish_window(at, effects);
        self.board.notices.rest();
        self.enter_job(at, state, None, effects);
        self.append(at, Change::JobCompleted { state }, None, effects);
        self.seldom.ended = Some(Ended { at, elapsed });
        let timers = [self.seldom.force_timer.take(), self.seldom.deadline.take()];
        for timer in timers.into_iter().flatten() {
            self.clock.disarm(timer);
        }
        drop(self.queue.lanes.take_all());
        effects.scheduler = self.queue.scheduler.take().or(effects.scheduler.take());
        self.wakers.take(u16::MAX, &mut effects.wakes);
    }

    /// Ends the tasks that wait for a worker: there won't be one.
    pub(crate) fn interrupt_ready(&mut self, effects: &mut Effects) {
        let failure =
            Failure::new(FailureKind::Interrupted, "what would have run the task has gone");
        for id in self.queue.lanes.take_all() {
            self.end_ready(id, TaskState::Interrupted, &failure, effects);
        }
    }

    /// Ends the tasks of a lane, which the scheduler can't ever run.
    pub(crate) fn refuse(&mut self, head: &Head, message: Arc<str>, effects: &mut Effects) {
        let failure = Failure::new(FailureKind::Unsatisfiable, message);
        for id in self.queue.lanes.take_lane(&head.lane) {
            self.end_ready(id, TaskState::Failed, &failure, effects);
        }
    }

    fn end_ready(
        &mut self,
        id: TaskId,
        state: TaskState,
        failure: &Failure,
        effects: &mut Effects,
    ) {
        if self.tasks.get(id).is_some_and(|entry| entry.state == TaskState::Submitted) {
            let at = self.now();
            self.end(at, id, End::new(state).error(failure.clone()), effects);
        }
    }

    /// The last updates of attempts that have ended in the window and are not outdone by newer ones.
    fn take_last_updates(&mut self) -> Vec<(u64, Update)> {
        let mut ended = std::mem::take(&mut self.board.last_updates);
        if !ended.is_empty() {
            let mut told: HashSet<TaskId> = self.board.updates.tasks().collect();
            let present = |update: &Update| {
                // One that has gone has ended for good.
                self.tasks.get(update.task).is_none_or(|entry| entry.attempt == update.attempt)
            };
            ended.reverse();
            ended.retain(|(_, update)| present(update) && told.insert(update.task));
            ended.reverse();
        }
        ended
    }

    /// Tells readers of windows what has changed since the last one, with the job's progress.
    pub(super) fn publish_window(&mut self, at: u64, effects: &mut Effects) {
        let ended = self.take_last_updates();
        let recount = std::mem::take(&mut self.board.recount);
        let changed = recount || !self.board.updates.is_empty() || !ended.is_empty();
        if !changed || !self.board.notices.has_readers() {
            self.board.updates.clear();
            return;
        }
        if self.board.updates.is_empty() {
            self.board.stamp += 1;
        }
        let when = When { stamp: self.board.stamp, after: self.history.last_seq(), at };
        let (updates, progress) = (std::mem::take(&mut self.board.updates), self.progress());
        let window = Some(Closed { ended, progress });
        self.board.notices.publish(Batch { when, updates, window });
        self.wakers.take(mask::PROGRESS | mask::WINDOW, &mut effects.wakes);
    }
}

/// Gives an output to the reader that wants its type; returns it if none does.
fn set_aside(
    outputs: &mut [crate::job::outputs::OutputQueue],
    id: TaskId,
    name: &Arc<str>,
    output: Output,
) -> Option<Output> {
    match outputs.iter_mut().find(|queue| queue.wants(&output)) {
        Some(queue) => {
            queue.push(id, name.clone(), output);
            None
        }
        None => Some(output),
    }
}

/// What a cancellation is as a failure.
pub(super) fn canceled_failure(cause: &Cause) -> Failure {
    Failure::new(FailureKind::Canceled, cause.to_string())
}
