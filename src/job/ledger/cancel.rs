//! Cancellation: asked for, then forced (G11); and timeouts, which are forced at once.

use std::sync::Arc;

use super::life::{End, canceled_failure};
use super::state::Ledger;
use super::table::TaskEntry;
use crate::job::alarm::Due;
use crate::job::effects::Effects;
use crate::model::{Cause, CauseKind, Failure, FailureKind, JobState, TaskId, TaskState};

impl Ledger {
    /// Asks all tasks to stop, or stops them (`now`). Without effect once the job has ended; asking twice is asking
    /// once, with the first cause.
    pub(crate) fn cancel_job(&mut self, cause: Arc<Cause>, now: bool, effects: &mut Effects) {
        if self.state.is_terminal() {
            return;
        }
        let at = self.now();
        if self.seldom.canceled.is_none() {
            self.seldom.canceled = Some(cause.clone());
            self.sealed = true;
            self.empty_lanes(effects);
            self.enter_job(at, JobState::Canceling, Some(cause.clone()), effects);
            for id in self.tasks.ids() {
                self.cancel_one(at, id, &cause, effects);
            }
            if !(now || self.state.is_terminal())
                && let Some(due) = self.clock.after(self.options.grace)
            {
                self.seldom.force_timer = Some(self.clock.arm(due, self.alarm(Due::ForceAll)));
            }
        }
        if now {
            self.force_all(at, effects);
        }
        self.settle(at, effects);
    }

    /// The same for one task.
    pub(crate) fn cancel_task(
        &mut self,
        id: TaskId,
        cause: Arc<Cause>,
        now: bool,
        effects: &mut Effects,
    ) {
        let at = self.now();
        let asked_now = self.cancel_one(at, id, &cause, effects);
        if now {
            let canceling = |entry: &TaskEntry| entry.state == TaskState::Canceling;
            if self.tasks.get(id).is_some_and(canceling) {
                self.force(at, id, effects);
            }
        } else if asked_now
            && let Some(entry) = self.tasks.get(id)
            && let Some(due) = self.clock.after(self.options.grace)
        {
            let timer = self.clock.arm(due, self.alarm(Due::Force(id, entry.attempt)));
            let entry = self.tasks.get_mut(id);
            let before = entry.and_then(|entry| entry.extra().grace.replace(timer));
            if let Some(before) = before {
                self.clock.disarm(before);
            }
        }
    }

    /// Ends a task that doesn't run; asks one that does to stop. True if it was asked just now.
    pub(super) fn cancel_one(
        &mut self,
        at: u64,
        id: TaskId,
        cause: &Arc<Cause>,
        effects: &mut Effects,
    ) -> bool {
        let Some(entry) = self.tasks.get_mut(id) else { return false };
        let has_begun = match entry.state {
            TaskState::Running | TaskState::Suspended => true,
            // Its environment is being set up.
            TaskState::Assigned => entry.runner.is_scheduler(),
            _ => false,
        };
        match entry.state {
            _ if has_begun => {
                entry.extra().canceled = Some(cause.clone());
                entry.extra().vacating = None;
                let slot = entry.slot.and_then(|slot| self.board.meter.get(slot));
                self.enter(at, id, TaskState::Canceling, Some(cause.clone()), false, effects);
                if let Some(slot) = slot {
                    slot.cancel(&mut effects.wakes);
                }
                true
            }
            TaskState::Canceling => false,
            state if state.is_terminal() => false,
            _ => {
                let end = End::new(TaskState::Canceled).error(canceled_failure(cause));
                self.end(at, id, End { cause: Some(cause.clone()), ..end }, effects);
                false
            }
        }
    }

    pub(super) fn force_all(&mut self, at: u64, effects: &mut Effects) {
        for id in self.tasks.ids() {
            if self.tasks.get(id).is_some_and(|entry| entry.state == TaskState::Canceling) {
                self.force(at, id, effects);
            }
        }
    }

    /// Ends a task that was asked to stop and has not.
    pub(super) fn force(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        let kind = self.give_up(id, effects);
        let asked = self.tasks.get(id).and_then(|entry| entry.extra.as_ref()?.canceled.clone());
        let cause = asked.map_or_else(|| Cause::new(kind, None), |asked| asked.with_kind(kind));
        let failure = match kind {
            CauseKind::Abandoned => Failure::new(FailureKind::Abandoned, cause.to_string()),
            _ => canceled_failure(&cause),
        };
        let end = End::new(TaskState::Canceled).error(failure);
        self.end(at, id, End { cause: Some(Arc::new(cause)), ..end }, effects);
    }

    /// Ends an attempt that has run for as long as it may.
    pub(super) fn time_out(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        let timeout =
            self.tasks.get(id).and_then(|entry| entry.settings()?.timeout).unwrap_or_default();
        let message = format!("ran for longer than {}", humantime::format_duration(timeout));
        self.end_late(at, id, message, effects);
    }

    /// Ends all tasks: the job has taken as long as it may.
    pub(super) fn deadline(&mut self, at: u64, effects: &mut Effects) {
        let deadline = humantime::format_duration(self.options.deadline.unwrap_or_default());
        (self.sealed, self.seldom.is_late) = (true, true);
        self.empty_lanes(effects);
        for id in self.tasks.ids() {
            let state = self.tasks.get(id).map_or(TaskState::Completed, |entry| entry.state);
            if state == TaskState::Pending {
                self.enter(at, id, TaskState::Submitted, None, false, effects);
            }
            if !state.is_terminal() {
                let message = format!("its job took longer than {deadline}");
                self.end_late(at, id, message, effects);
            }
        }
        self.settle(at, effects);
    }

    fn end_late(&mut self, at: u64, id: TaskId, mut message: String, effects: &mut Effects) {
        // Of one that somebody else runs nobody knows.
        let runs_here = |entry: &TaskEntry| entry.runner.is_scheduler();
        let runs_here = self.tasks.get(id).is_some_and(runs_here);
        if self.give_up(id, effects) == CauseKind::Abandoned && runs_here {
            message.push_str(", and its code did not yield");
        }
        let failure = Failure::new(FailureKind::TimedOut, message);
        self.end(at, id, End::new(TaskState::TimedOut).error(failure), effects);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::base::ManualClock;
    use crate::job::Job;

    #[test]
    fn g9_a_job_that_has_ended_has_no_timer_left() {
        for end in ["completed", "canceled", "dropped", "suspended"] {
            let clock = ManualClock::new();
            let limited = Job::builder("job").deadline(Duration::from_secs(9));
            let open = limited.clock(clock.clock()).open().expect("the settings make sense");
            let task = open.task("task").timeout(Duration::from_secs(5));
            let task = task.reporter().expect("the job takes tasks");
            task.running().expect("a new task can run");
            assert_eq!(clock.clock().armed(), 2);
            let job = open.close();
            match end {
                "completed" => task.complete(()).expect("it runs"),
                "canceled" => job.cancel_now(""),
                "dropped" => drop(task),
                _ => {
                    job.suspend("");
                    task.suspended().expect("it runs");
                    assert_eq!(clock.clock().armed(), 1, "its time doesn't count");
                    task.complete(()).expect("it was not ended");
                }
            }
            assert_eq!((job.is_ended(), clock.clock().armed()), (true, 0), "{end}");
        }
    }
}
