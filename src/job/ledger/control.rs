//! Hold, release, suspend, resume, vacate: of one task and of all. A task that runs is asked, and goes on until its code
//! follows (G11).

use std::sync::Arc;

use super::state::Ledger;
use super::table::{Runner, TaskEntry, Vacating};
use crate::base::Timer;
use crate::job::alarm::Due;
use crate::job::effects::Effects;
use crate::job::work::Work;
use crate::model::{Cause, CauseKind, TaskId, TaskState};

/// What is asked of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Hold,
    Release,
    Suspend,
    Resume,
    Vacate,
    /// Without a grace period.
    VacateNow,
}

/// Why a task doesn't do what is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It runs, and could not run again.
    NotRestartable,
    /// Somebody else runs it.
    RunElsewhere,
    /// It has ended or is about to.
    Over(TaskState),
}

impl Ledger {
    /// Asks something of a task.
    pub(crate) fn control(
        &mut self,
        id: TaskId,
        verb: Verb,
        cause: &Arc<Cause>,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let state = self.tasks.get(id).map_or(TaskState::Completed, |entry| entry.state);
        if state.is_terminal() || state == TaskState::Canceling {
            return Err(Refusal::Over(state));
        }
        match verb {
            Verb::Hold => self.hold(id, state, cause, effects),
            Verb::Release => Ok(self.release(id, state, cause, effects)),
            Verb::Suspend | Verb::Resume => {
                let suspends = verb == Verb::Suspend;
                if state == TaskState::Suspended
                    && let Some(entry) = self.tasks.get_mut(id)
                {
                    entry.extra().resumed = (!suspends).then(|| cause.clone());
                }
                Ok(self.suspend(id, suspends.then_some(cause), effects))
            }
            Verb::Vacate | Verb::VacateNow => match state {
                TaskState::Assigned | TaskState::Running | TaskState::Suspended => {
                    let now = verb == Verb::VacateNow;
                    self.vacate(id, TaskState::Submitted, cause, now, effects)
                }
                _ => Ok(()),
            },
        }
    }

    /// Asks the same of all tasks, also of those that are added later. Returns how many it was asked of and which refused.
    pub(crate) fn control_all(
        &mut self,
        verb: Verb,
        cause: &Arc<Cause>,
        effects: &mut Effects,
    ) -> (usize, Vec<TaskId>) {
        match verb {
            _ if self.state.is_terminal() => {}
            Verb::Hold => self.seldom.held = Some(cause.clone()),
            Verb::Release => self.seldom.held = None,
            Verb::Suspend => {
                self.seldom.suspended = Some(cause.clone());
                self.withdraw_all(effects);
            }
            Verb::Resume => self.seldom.suspended = None,
            Verb::Vacate | Verb::VacateNow => {}
        }
        let (mut asked, mut refused) = (0, Vec::new());
        for id in self.tasks.ids() {
            // Tasks that wait for their scheduler won't start before the job is resumed.
            let waits = |entry: &TaskEntry| entry.slot.is_none() && !entry.state.is_terminal();
            if verb == Verb::Suspend && self.tasks.get(id).is_some_and(waits) {
                asked += 1;
                continue;
            }
            match self.control(id, verb, cause, effects) {
                Ok(()) => asked += 1,
                Err(Refusal::Over(_)) => {}
                Err(_) => refused.push(id),
            }
        }
        self.tell_ready(effects);
        (asked, refused)
    }

    fn hold(
        &mut self,
        id: TaskId,
        state: TaskState,
        cause: &Arc<Cause>,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let Some(entry) = self.tasks.get_mut(id) else { return Ok(()) };
        match state {
            // Whoever that is can't be kept from doing so.
            _ if !entry.runner.is_scheduler() => return Err(Refusal::RunElsewhere),
            TaskState::Pending => entry.extra().held = Some(cause.clone()),
            TaskState::Submitted => {
                self.dequeue(id);
                self.disarm(id);
                let at = self.now();
                self.enter(at, id, TaskState::Held, Some(cause.clone()), false, effects);
                self.withdraw(id, effects);
            }
            TaskState::Assigned | TaskState::Running | TaskState::Suspended => {
                return self.vacate(id, TaskState::Held, cause, false, effects);
            }
            _ => {}
        }
        Ok(())
    }

    fn release(&mut self, id: TaskId, state: TaskState, cause: &Arc<Cause>, effects: &mut Effects) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if let Some(extra) = &mut entry.extra {
            extra.held = None;
            if let Some(vacating) = &mut extra.vacating
                && vacating.to == TaskState::Held
            {
                *vacating = Vacating { to: TaskState::Submitted, cause: cause.clone() };
            }
        }
        if state == TaskState::Held && entry.runner.is_scheduler() {
            let is_there = entry.work.is_some();
            let at = self.now();
            self.enter(at, id, TaskState::Submitted, Some(cause.clone()), false, effects);
            // Else it is still in the hands of the last attempt.
            if is_there {
                self.enqueue(id, effects);
            }
        }
    }

    /// Asks a task to park, for the reason given, or to go on. One that doesn't run yet will park when it does.
    fn suspend(&mut self, id: TaskId, cause: Option<&Arc<Cause>>, effects: &mut Effects) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if cause.is_some() || entry.extra.is_some() {
            entry.extra().suspended = cause.cloned();
        }
        if let Some(slot) = entry.slot.and_then(|slot| self.board.meter.get(slot)) {
            slot.suspend(cause.is_some(), &mut effects.wakes);
        }
    }

    /// The task's code has come to a place where it can be suspended. Returns the attempt, if no other code of the task has
    /// parked before; none if it isn't to be suspended any more.
    pub(crate) fn parked(&mut self, id: TaskId, effects: &mut Effects) -> Option<Option<u32>> {
        let parks =
            |entry: &&TaskEntry| matches!(entry.state, TaskState::Running | TaskState::Suspended);
        let entry = self.tasks.get(id).filter(parks)?;
        let slot = self.board.meter.get(entry.slot?)?;
        if !slot.is_suspending() || slot.is_canceled() {
            return None;
        }
        if entry.state == TaskState::Suspended {
            return Some(None);
        }
        let own = entry.extra.as_ref().and_then(|extra| extra.suspended.clone());
        let cause = own.or_else(|| self.seldom.suspended.clone());
        let attempt = entry.attempt;
        self.pause_timeout(id);
        let at = self.now();
        self.enter(at, id, TaskState::Suspended, cause, false, effects);
        Some(Some(attempt))
    }

    /// The attempt's code goes on.
    pub(crate) fn unparked(&mut self, id: TaskId, attempt: u32, effects: &mut Effects) {
        let parked = |entry: &&TaskEntry| {
            entry.state == TaskState::Suspended
                && entry.attempt == attempt
                && entry.extra.as_ref().is_none_or(|extra| extra.vacating.is_none())
        };
        if self.tasks.get(id).filter(parked).is_some() {
            let at = self.now();
            let cause = self.tasks.get_mut(id).and_then(|entry| entry.extra().resumed.take());
            self.enter(at, id, TaskState::Running, cause, false, effects);
            self.arm_timeout(id);
        }
    }

    /// Asks an attempt to stop so that another one may follow.
    fn vacate(
        &mut self,
        id: TaskId,
        to: TaskState,
        cause: &Arc<Cause>,
        now: bool,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let due = if now { None } else { self.clock.after(self.options.grace) };
        let alarm = |attempt| self.alarm(Due::Vacate(id, attempt));
        let alarm = self.tasks.get(id).map(|entry| alarm(entry.attempt));
        let Some(entry) = self.tasks.get_mut(id) else { return Ok(()) };
        match entry.runner {
            Runner::Repeatedly => {}
            Runner::Once => return Err(Refusal::NotRestartable),
            Runner::Driven | Runner::Reporter => return Err(Refusal::RunElsewhere),
        }
        let slot = entry.slot.and_then(|slot| self.board.meter.get(slot));
        let extra = entry.extra();
        match &mut extra.vacating {
            // Once it is to be held, that stays so until it is released.
            Some(vacating) if to == TaskState::Held => {
                *vacating = Vacating { to, cause: cause.clone() };
            }
            Some(_) => {}
            None => {
                extra.vacating = Some(Vacating { to, cause: cause.clone() });
                if let (Some(due), Some(alarm)) = (due, alarm) {
                    extra.grace = Some(self.clock.arm(due, alarm));
                }
            }
        }
        if let Some(slot) = slot {
            slot.cancel(&mut effects.wakes);
        }
        if now {
            self.vacate_by_force(id, effects);
        }
        Ok(())
    }

    /// Ends an attempt that was asked to stop and has not. The next one begins when its code is back.
    pub(super) fn vacate_by_force(&mut self, id: TaskId, effects: &mut Effects) {
        let vacating = self.tasks.get_mut(id).and_then(|entry| entry.extra().vacating.take());
        if let Some(Vacating { to, cause }) = vacating {
            let kind = self.give_up(id, effects);
            let cause = match kind {
                CauseKind::Abandoned => Arc::new(cause.with_note("its code did not yield")),
                _ => cause,
            };
            let at = self.now();
            self.again(at, id, to, Some(cause), false, effects);
        }
    }

    /// The code of an attempt that was vacated by force is there for the next one.
    pub(super) fn return_work(
        &mut self,
        id: TaskId,
        work: Option<Box<dyn Work>>,
        effects: &mut Effects,
    ) {
        let waits = |entry: &&mut TaskEntry| {
            matches!(entry.state, TaskState::Submitted | TaskState::Held)
                && entry.runner == Runner::Repeatedly
                && entry.work.is_none()
        };
        match self.tasks.get_mut(id).filter(waits) {
            Some(entry) if work.is_some() => {
                entry.work = work;
                if entry.state == TaskState::Submitted {
                    self.enqueue(id, effects);
                }
            }
            _ => effects.drop_work(work),
        }
    }

    /// Stops the clock of an attempt's timeout.
    pub(super) fn pause_timeout(&mut self, id: TaskId) {
        let now = self.clock.now();
        if let Some(timer) = self.disarm(id)
            && let Some(entry) = self.tasks.get_mut(id)
        {
            entry.extra().time_left = Some(timer.at.saturating_duration_since(now));
        }
    }

    /// Takes back the task's timer: of its timeout, or of its next attempt.
    fn disarm(&mut self, id: TaskId) -> Option<Timer> {
        let timer = self.tasks.get_mut(id)?.extra.as_mut()?.timer.take()?;
        self.clock.disarm(timer);
        Some(timer)
    }
}
