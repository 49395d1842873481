//! Attempts: tasks are taken from the queue, run, reported on, end, and are tried again (J3).

use std::sync::Arc;
use std::time::Duration;

use super::lanes::Head;
use super::life::{End, canceled_failure};
use super::state::Ledger;
use super::table::{Runner, TaskEntry, Vacating};
use crate::base::{Alarm, Wakes};
use crate::bus::{Shown, Update, When};
use crate::job::TransitionError;
use crate::job::alarm::{Due, TaskAlarm};
use crate::job::effects::Effects;
use crate::job::work::Work;
use crate::meter::{Reading, SlotRef};
use crate::model::{
    CancelReason, Cause, CauseKind, Failure, FailureKind, Properties, TaskId, TaskState,
};

/// An attempt that was started.
pub(crate) struct Started {
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) slot: SlotRef,
    pub(crate) work: Box<dyn Work>,
}

/// How an attempt has ended.
pub(crate) enum Finish {
    Completed(Option<crate::model::Output>),
    Failed {
        failure: Failure,
        retry: bool,
        delay: Option<Duration>,
    },
    Panicked(String),
    /// Its environment could not be set up.
    Unprepared(Failure),
    /// Whoever ran it has gone.
    Lost,
    /// Whoever waited for it has gone.
    Dropped,
}

impl Ledger {
    /// Starts the next task of those that the scheduler was told of by `head`. If there is none, it is told of others, or
    /// again when there is.
    pub(crate) fn start_next(
        &mut self,
        at: u64,
        head: &Head,
        effects: &mut Effects,
    ) -> Option<Started> {
        let started = self.start_ready(at, head, effects);
        if started.is_none() {
            self.queue.lanes.exhausted(head);
            self.tell_ready(effects);
        }
        started
    }

    /// The same, for a worker that will look again.
    pub(crate) fn start_ready(
        &mut self,
        at: u64,
        head: &Head,
        effects: &mut Effects,
    ) -> Option<Started> {
        if !self.may_start() {
            return None;
        }
        while let Some(id) = self.queue.lanes.pop(head) {
            if let Some(started) = self.start(at, id, effects) {
                // Others are to wait behind tasks that wait, not behind those that run.
                self.withdraw_empty(&head.lane, effects);
                return Some(started);
            }
        }
        None
    }

    /// Starts an attempt of a task that was submitted and has its code here.
    fn start(&mut self, at: u64, id: TaskId, effects: &mut Effects) -> Option<Started> {
        let entry = self.tasks.get_mut(id).filter(|entry| entry.state == TaskState::Submitted)?;
        let work = entry.work.take()?;
        let attempt = entry.attempt;
        let slot = self.attach(id);
        if work.environment().is_some() {
            self.enter(at, id, TaskState::Assigned, None, false, effects);
        } else {
            self.run(at, id, effects);
        }
        Some(Started { task: id, attempt, slot, work })
    }

    fn run(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        self.enter(at, id, TaskState::Running, None, false, effects);
        self.arm_timeout(id);
    }

    /// Has an attempt run whose environment is there. If it is not to, because it was asked to stop or is over, returns
    /// how it ends.
    pub(crate) fn begin(
        &mut self,
        id: TaskId,
        attempt: u32,
        effects: &mut Effects,
    ) -> Result<(), Finish> {
        let entry = self.tasks.get(id).filter(|entry| entry.attempt == attempt);
        let entry = entry.ok_or(Finish::Lost)?;
        let extra = entry.extra.as_ref();
        let vacating = extra.and_then(|extra| Some(&extra.vacating.as_ref()?.cause));
        if entry.state == TaskState::Assigned && vacating.is_none() {
            let at = self.now();
            self.run(at, id, effects);
            return Ok(());
        }
        let cause = extra.and_then(|extra| extra.canceled.as_ref()).or(vacating);
        let failure = canceled_failure(cause.ok_or(Finish::Lost)?);
        Err(Finish::Failed { failure, retry: false, delay: None })
    }

    /// Has an attempt that has begun to run, or goes on, ended when its time is up.
    pub(super) fn arm_timeout(&mut self, id: TaskId) {
        let Some(entry) = self.tasks.get(id) else { return };
        let left = entry.extra.as_ref().and_then(|extra| extra.time_left);
        let whole = || entry.settings().and_then(|settings| settings.timeout);
        let Some(timeout) = left.or_else(whole) else { return };
        let Some(due) = self.clock.after(timeout) else { return };
        let timer = self.clock.arm(due, self.alarm(Due::TimeOut(id, entry.attempt)));
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.extra().timer = Some(timer);
        }
    }

    pub(super) fn alarm(&self, due: Due) -> Arc<dyn Alarm> {
        // Nobody runs a task that is to be tried again, so that there may be nobody else who keeps its job.
        let kept = match due {
            Due::Retry(..) => self.itself.upgrade(),
            _ => None,
        };
        Arc::new(TaskAlarm { core: self.itself.clone(), due, kept })
    }

    /// Gives a task's attempt its slot (M1), with the unit and the properties that the task has.
    fn attach(&mut self, id: TaskId) -> SlotRef {
        let special = |entry: &TaskEntry| entry.attempt > 1 || entry.settings().is_some();
        let special = self.tasks.get(id).is_some_and(special);
        let properties =
            if special { self.told_of(id).properties() } else { Properties::default() };
        let (signal, meter) = self.windows();
        let (slot_id, slot) = meter.attach(id.raw(), signal);
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.slot = Some(slot_id);
            let unit = entry.settings().and_then(|settings| settings.unit.clone());
            if special {
                slot.set_special();
            }
            if unit.is_some() || !properties.is_empty() {
                slot.preset(unit, properties);
            }
            let own = entry.extra.as_ref().is_some_and(|extra| extra.suspended.is_some());
            if self.seldom.suspended.is_some() || own {
                // Nobody watches it yet.
                slot.suspend(true, &mut Wakes::default());
            }
        }
        slot
    }

    /// Submits a task that no scheduler runs, and gives its first attempt a slot.
    pub(crate) fn submit_driven(&mut self, id: TaskId, effects: &mut Effects) -> SlotRef {
        let at = self.now();
        self.start_job(at, effects);
        self.enter(at, id, TaskState::Submitted, None, false, effects);
        self.attach(id)
    }

    /// Takes down how an attempt has ended, and with it the task unless it is tried again. The code of a task that
    /// is tried again is kept. Returns false, without effect, if the attempt is over already (J3).
    pub(crate) fn finish(
        &mut self,
        at: u64,
        id: TaskId,
        attempt: u32,
        finish: Finish,
        work: Option<Box<dyn Work>>,
        effects: &mut Effects,
    ) -> bool {
        let present = |entry: &&mut TaskEntry| {
            let there = entry.state.is_active() || entry.state == TaskState::Assigned;
            entry.attempt == attempt && there
        };
        let Some(entry) = self.tasks.get_mut(id).filter(present) else {
            effects.drop_later(finish);
            self.return_work(id, work, effects);
            return false;
        };
        let canceling = entry.state == TaskState::Canceling;
        let repeatable = work.as_ref().is_some_and(|work| work.is_repeatable()) && !canceling;
        let vacating = entry.extra.as_mut().and_then(|extra| extra.vacating.take());
        let cause = entry.extra.as_ref().and_then(|extra| extra.canceled.clone());
        // An attempt that stops as it was asked to is neither failed nor lost.
        let counts = repeatable && vacating.is_none();
        let (end, again) = match finish {
            Finish::Completed(output) => (End { output, ..End::new(TaskState::Completed) }, None),
            Finish::Failed { failure, .. } | Finish::Unprepared(failure) if canceling => {
                (End { cause, ..End::new(TaskState::Canceled).error(failure) }, None)
            }
            Finish::Failed { failure, retry, delay } => {
                let again = if retry && counts { self.after_failure(id, delay) } else { None };
                (End::new(TaskState::Failed).error(failure), again)
            }
            Finish::Panicked(message) => {
                let failure = Failure::new(FailureKind::Panicked, message);
                let again = if counts { self.after_failure(id, None) } else { None };
                (End::new(TaskState::Failed).error(failure), again)
            }
            Finish::Unprepared(failure) => {
                (End::new(TaskState::EnvironmentError).error(failure), None)
            }
            Finish::Lost => {
                let message = "what ran the task has gone before it ended";
                let failure = Failure::new(FailureKind::Interrupted, message);
                let again = if counts { self.after_loss(id) } else { None };
                (End::new(TaskState::Interrupted).error(failure), again)
            }
            Finish::Dropped => {
                let message = "the future that ran the task was dropped";
                let cause = Arc::new(Cause::canceled(CancelReason::Dropped, Some(message.into())));
                let end = End::new(TaskState::Canceled).error(canceled_failure(&cause));
                (End { cause: Some(cause), ..end }, None)
            }
        };
        let gives_in = matches!(end.state, TaskState::Failed | TaskState::Interrupted);
        let next = match (vacating, again) {
            (Some(Vacating { to, cause }), _) if gives_in => Some((to, cause, Duration::ZERO)),
            (_, again) => again.map(|delay| {
                let message = end.error.as_ref().map(|failure| failure.message.clone());
                (TaskState::Submitted, Arc::new(Cause::new(CauseKind::Retry, message)), delay)
            }),
        };
        let Some((to, cause, delay)) = next.filter(|_| repeatable) else {
            effects.drop_work(work);
            self.end(at, id, end, effects);
            return true;
        };
        effects.drop_later(end.error);
        self.again(at, id, to, Some(cause), false, effects);
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.work = work;
        }
        if to == TaskState::Submitted {
            self.enqueue_after(id, attempt + 1, delay, effects);
        }
        true
    }

    /// After which delay a task whose attempt has failed is tried again, if it is. An error's own word counts for more than
    /// the policy's.
    fn after_failure(&mut self, id: TaskId, own: Option<Duration>) -> Option<Duration> {
        let entry = self.tasks.get_mut(id)?;
        let retry = entry.settings()?.retry?;
        let extra = entry.extra();
        extra.failed += 1;
        let failed = extra.failed;
        (failed < retry.attempts).then(|| own.unwrap_or_else(|| retry.delay_after(failed)))
    }

    /// The same for one whose attempt was lost.
    fn after_loss(&mut self, id: TaskId) -> Option<Duration> {
        let extra = self.tasks.get_mut(id)?.extra();
        extra.lost += 1;
        (extra.lost <= self.options.lost_attempts).then_some(Duration::ZERO)
    }

    fn enqueue_after(&mut self, id: TaskId, attempt: u32, delay: Duration, effects: &mut Effects) {
        if delay.is_zero() {
            return self.enqueue(id, effects);
        }
        let due = self.clock.after(delay);
        let timer = due.map(|due| self.clock.arm(due, self.alarm(Due::Retry(id, attempt))));
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.extra().timer = timer;
        }
    }

    /// Sends a task back for another attempt, which starts without progress and with the task's properties.
    pub(super) fn again(
        &mut self,
        at: u64,
        id: TaskId,
        to: TaskState,
        cause: Option<Arc<Cause>>,
        observed: bool,
        effects: &mut Effects,
    ) {
        self.end_attempt(at, id, effects);
        let told = self.board.latest.get(id);
        self.show(at, id, Default::default());
        self.board.latest.clear(id);
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.attempt += 1;
            if let Some(extra) = &mut entry.extra {
                extra.published = None;
            }
        }
        self.enter(at, id, to, cause, observed, effects);
        if let Some(Shown { reading, when }) = told {
            self.keep_properties(at, id, reading.properties(), when.stamp);
        }
    }

    /// Makes the properties that were told of the last attempt those of the present one. The stamp stays: whoever was told
    /// them is not told again. Readers of windows are not told the last update of an attempt that is over, and get this one
    /// in its place.
    fn keep_properties(&mut self, at: u64, id: TaskId, properties: Properties, stamp: u64) {
        let Some(entry) = self.tasks.get(id) else { return };
        if properties.is_empty() {
            return;
        }
        let (attempt, reading) = (entry.attempt, Reading::of_properties(properties));
        let when = When { stamp, after: self.history.last_seq(), at };
        self.board.latest.set(id, reading.clone(), when);
        if self.board.notices.has_readers() {
            self.board.last_updates.push((stamp, Update { task: id, attempt, reading }));
        }
    }

    /// What a reporter says of its task's state. Returns the slot of the new attempt if there is one.
    pub(crate) fn report(
        &mut self,
        id: TaskId,
        attempt: u32,
        report: Report,
        effects: &mut Effects,
    ) -> Result<Option<(u32, SlotRef)>, TransitionError> {
        let observed = report.observed;
        // A task that is gone has ended.
        let entry = self.tasks.get_mut(id);
        let from = entry.as_ref().map_or(TaskState::Completed, |entry| entry.state);
        let to = match from {
            TaskState::Canceling if report.gives_in => TaskState::Canceled,
            _ => report.to,
        };
        let legal = if observed { !from.is_terminal() } else { from.can_become(to) };
        let Some(entry) = entry.filter(|entry| legal && entry.attempt == attempt) else {
            effects.drop_later(report);
            let name = self.task_name(id).unwrap_or_default();
            return Err(TransitionError { task: id, name, from, to });
        };
        let Report { error, output, cause, .. } = report;
        if observed && from == to {
            effects.drop_later((error, output));
            return Ok(None);
        }
        let cause = cause.or_else(|| entry.extra.as_ref()?.canceled.clone());
        let at = self.now();
        self.start_job(at, effects);
        if to.is_terminal() {
            self.end(at, id, End { state: to, error, output, cause, observed }, effects);
            return Ok(None);
        }
        let goes_back = matches!(to, TaskState::Submitted | TaskState::Held | TaskState::Pending);
        if goes_back && from.is_active() {
            self.again(at, id, to, cause, observed, effects);
            return Ok(Some((attempt + 1, self.attach(id))));
        }
        self.enter(at, id, to, cause, observed, effects);
        match (from, to) {
            (_, TaskState::Suspended) => self.pause_timeout(id),
            (TaskState::Suspended, TaskState::Running) => self.arm_timeout(id),
            (_, TaskState::Running) if !from.is_active() => self.arm_timeout(id),
            _ => {}
        }
        Ok(None)
    }

    /// Keeps the JSON of an attempt's output.
    pub(crate) fn publish_output(&mut self, id: TaskId, attempt: u32, value: serde_json::Value) {
        if let Some(entry) = self.tasks.get_mut(id)
            && entry.attempt == attempt
            && !entry.state.is_terminal()
        {
            entry.extra().published = Some(Arc::new(value));
        }
    }

    /// A timer of a task or of the whole job has rung.
    pub(crate) fn due(&mut self, due: Due, effects: &mut Effects) {
        let at = self.now();
        let present = |ledger: &Ledger, id, attempt| {
            let entry = ledger.tasks.get(id);
            entry.filter(|entry| entry.attempt == attempt).map(|entry| entry.state)
        };
        match due {
            Due::ForceAll => self.force_all(at, effects),
            Due::Deadline => self.deadline(at, effects),
            Due::Vacate(id, attempt) => {
                if present(self, id, attempt).is_some() {
                    self.vacate_by_force(id, effects);
                }
            }
            Due::Force(id, attempt) => {
                if present(self, id, attempt) == Some(TaskState::Canceling) {
                    self.force(at, id, effects);
                }
            }
            Due::TimeOut(id, attempt) => {
                if present(self, id, attempt).is_some_and(TaskState::is_active) {
                    self.time_out(at, id, effects);
                }
            }
            Due::Retry(id, attempt) => {
                if present(self, id, attempt) == Some(TaskState::Submitted) {
                    // If it is gone, the task was held meanwhile and is queued by its release.
                    let timer = self.tasks.get_mut(id).and_then(|entry| entry.extra().timer.take());
                    if timer.is_some() {
                        self.enqueue(id, effects);
                    }
                }
            }
        }
    }

    /// Gives up the attempt: its end is the ledger's word, whatever its code does. Returns what to call that.
    pub(super) fn give_up(&mut self, id: TaskId, effects: &mut Effects) -> CauseKind {
        let Some(entry) = self.tasks.get(id) else { return CauseKind::Forced };
        let Some(slot) = entry.slot.and_then(|slot| self.board.meter.get(slot)) else {
            return CauseKind::Forced;
        };
        // Whoever reports is out of reach; other code runs on only if it is running at this moment.
        let runs_on = slot.force(&mut effects.wakes) || entry.runner == Runner::Reporter;
        if !runs_on {
            return CauseKind::Forced;
        }
        // One that rests has no place to lose; it says so itself when it goes on.
        let rests = entry.extra.as_ref().is_some_and(|extra| extra.waits.rests());
        if entry.runner.is_scheduler() && !rests {
            effects.abandoned += 1;
            // The job may have ended, and let go of it, by the time that it is told.
            effects.scheduler.clone_from(&self.queue.scheduler);
        }
        CauseKind::Abandoned
    }
}

/// What a reporter says.
pub(crate) struct Report {
    pub(crate) to: TaskState,
    pub(crate) error: Option<Failure>,
    pub(crate) output: Option<crate::model::Output>,
    pub(crate) cause: Option<Arc<Cause>>,
    pub(crate) observed: bool,
    /// If the task was asked to stop, this is how it does: it is canceled (G11).
    pub(crate) gives_in: bool,
}

impl Report {
    pub(crate) fn new(to: TaskState) -> Report {
        Report { to, error: None, output: None, cause: None, observed: false, gives_in: false }
    }
}
