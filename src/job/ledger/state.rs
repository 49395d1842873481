//! The ledger's fields, and the changes of state with their events.

use std::cmp::Reverse;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::groups::{Board, Queue, Seldom};
use super::lanes::{Head, LaneKey};
use super::table::{TaskEntry, TaskTable};
use crate::base::{Clock, Lazily, Wakers};
use crate::bus::{Batch, Change, History, Record, Update, Updates, When, mask};
use crate::job::alarm::Due;
use crate::job::core::JobCore;
use crate::job::effects::Effects;
use crate::job::outputs::OutputQueue;
use crate::job::watch::Watchers;
use crate::meter::{Meter, Reading, Signal};
use crate::model::{Cause, Counts, JobId, JobState, Properties, Share, TaskId, TaskState};

/// How a job was built.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Options {
    pub(crate) window: Duration,
    pub(crate) grace: Duration,
    pub(crate) max_failures: Option<usize>,
    pub(crate) keep_failures: usize,
    pub(crate) history: crate::job::History,
    /// That of tasks which have none of their own.
    pub(crate) priority: i32,
    /// How often the attempts of a task may be lost.
    pub(crate) lost_attempts: u32,
    /// How long the job may take.
    pub(crate) deadline: Option<Duration>,
    pub(crate) properties: Properties,
}

impl Options {
    /// Most jobs have the same.
    pub(crate) fn shared(self) -> Arc<Options> {
        static LAST: Mutex<Option<Arc<Options>>> = Mutex::new(None);
        if !self.properties.is_empty() {
            return Arc::new(self);
        }
        let mut last = LAST.lock();
        match &*last {
            Some(last) if **last == self => last.clone(),
            _ => last.insert(Arc::new(self)).clone(),
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) at: u64,
    pub(crate) elapsed: Duration,
}

pub(crate) struct Ledger {
    pub(super) id: JobId,
    pub(super) name: Arc<str>,
    pub(super) clock: Clock,
    pub(super) itself: Weak<JobCore>,
    pub(super) options: Arc<Options>,
    pub(super) created_at: u64,
    pub(super) last_at: u64,

    pub(super) state: JobState,
    pub(super) sealed: bool,
    /// Only feeds still add tasks.
    pub(super) closed: bool,
    pub(super) tasks: TaskTable,
    pub(super) counts: Counts,
    /// How many tasks have ended.
    pub(super) done: usize,

    pub(super) history: History,
    pub(super) wakers: Wakers,
    pub(super) queue: Lazily<Queue>,
    pub(super) board: Lazily<Board>,
    pub(super) seldom: Lazily<Seldom>,
    pub(super) watchers: Lazily<Watchers>,
}

impl Ledger {
    pub(crate) fn new(
        id: JobId,
        name: Arc<str>,
        clock: Clock,
        options: Arc<Options>,
        itself: Weak<JobCore>,
    ) -> Ledger {
        let created_at = clock.wall_micros();
        Ledger {
            id,
            name,
            clock,
            itself,
            options,
            created_at,
            last_at: created_at,
            state: JobState::Pending,
            sealed: false,
            closed: false,
            tasks: TaskTable::default(),
            counts: Counts::default(),
            done: 0,
            history: History::new(created_at),
            wakers: Wakers::default(),
            queue: Lazily::default(),
            board: Lazily::default(),
            seldom: Lazily::default(),
            watchers: Lazily::default(),
        }
    }

    /// What opens and closes the job's windows, and the slots whose marks do.
    pub(super) fn windows(&mut self) -> (&Arc<Signal>, &mut Meter) {
        let Ledger { clock, options, itself, board, .. } = self;
        let Board { signal, meter, .. } = &mut **board;
        let make = || Signal::new(clock.clone(), options.window, itself.clone());
        (signal.get_or_insert_with(make), meter)
    }

    /// The time of day, which never goes back in here (G13).
    pub(crate) fn now(&mut self) -> u64 {
        self.last_at = self.last_at.max(self.clock.wall_micros());
        self.last_at
    }

    /// Appends an event, and wakes those who wait for its kind. Inlined, for the kind is known where it is called.
    #[inline(always)]
    pub(super) fn append(
        &mut self,
        at: u64,
        change: Change,
        cause: Option<Arc<Cause>>,
        effects: &mut Effects,
    ) {
        let record = Record { at, change, caused: cause.is_some() };
        let seq = self.history.append(record);
        if let Some(cause) = cause {
            self.seldom.causes.insert(seq, cause);
        }
        self.wakers.take(mask::of(record.kind()), &mut effects.wakes);
    }

    pub(super) fn enter_job(
        &mut self,
        at: u64,
        to: JobState,
        cause: Option<Arc<Cause>>,
        effects: &mut Effects,
    ) {
        let from = std::mem::replace(&mut self.state, to);
        // First: readers of history take no lock, and see the event as soon as it is there.
        self.tell_watchers(at, to, effects);
        self.append(at, Change::Job { from, to }, cause, effects);
    }

    /// Puts a task into a state, with its event. What else the state means is the caller's.
    pub(super) fn enter(
        &mut self,
        at: u64,
        id: TaskId,
        to: TaskState,
        cause: Option<Arc<Cause>>,
        observed: bool,
        effects: &mut Effects,
    ) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        let from = std::mem::replace(&mut entry.state, to);
        let attempt = entry.attempt;
        self.counts.leave(from);
        self.counts.enter(to);
        self.append(at, Change::Task { task: id, attempt, from, to, observed }, cause, effects);
        if to == TaskState::Running && self.state < JobState::Running {
            self.enter_job(at, JobState::Running, None, effects);
        }
    }

    /// Starts the job, if it hasn't been.
    pub(super) fn start_job(&mut self, at: u64, effects: &mut Effects) {
        if self.state == JobState::Pending {
            let now = self.clock.now();
            self.queue.started = Some((now, at));
            if let Some(due) = self.options.deadline.and_then(|deadline| now.checked_add(deadline))
            {
                let timer = self.clock.arm(due, self.alarm(Due::Deadline));
                self.seldom.deadline = Some(timer);
            }
            self.enter_job(at, JobState::Submitted, None, effects);
        }
    }

    /// Ends the present attempt: its last value is published (G4), and nothing more is heard of it (M1).
    pub(super) fn end_attempt(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if let Some(extra) = &mut entry.extra {
            (extra.vacating, extra.time_left, extra.resumed) = (None, None, None);
            for timer in [extra.timer.take(), extra.grace.take()].into_iter().flatten() {
                self.clock.disarm(timer);
            }
        }
        let attempt = entry.attempt;
        let Some(slot_id) = entry.slot.take() else { return };
        let Some(reading) = self.board.meter.end(slot_id, &mut effects.wakes) else { return };
        if reading.is_news(&self.told_of(id)) {
            self.board.stamp += 1;
            self.show(at, id, reading.clone());
            self.publish_last(at, Update { task: id, attempt, reading }, effects);
        }
    }

    /// Notes what a task is told to be at, as of the present stamp (B2).
    pub(super) fn show(&mut self, at: u64, id: TaskId, reading: Reading) {
        let Some(entry) = self.tasks.get(id) else { return };
        let before = self.board.latest.reading(id);
        self.board.sums.remove(Share::of(entry.counted(&before)));
        self.board.sums.add(Share::of(entry.counted(&reading)));
        let (stamp, after) = (self.board.stamp, self.history.last_seq());
        self.board.latest.set(id, reading, When { stamp, after, at });
    }

    /// What is told of a task's present attempt; before the first report, that is what was noted of it as it was added.
    pub(super) fn told_of(&self, id: TaskId) -> Reading {
        let added = || self.tasks.get(id).map(TaskEntry::added).unwrap_or_default();
        self.board.latest.get(id).map_or_else(added, |shown| shown.reading)
    }

    fn publish_last(&mut self, at: u64, update: Update, effects: &mut Effects) {
        if !self.board.notices.has_readers() {
            return;
        }
        let stamp = self.board.stamp;
        self.board.last_updates.push((stamp, update.clone()));
        let when = When { stamp, after: self.history.last_seq(), at };
        let mut updates = Updates::default();
        updates.push(update);
        self.board.notices.publish(Batch { when, updates, window: None });
        self.wakers.take(mask::PROGRESS, &mut effects.wakes);
    }

    /// Tells the scheduler of tasks that are ready and that it doesn't know of.
    pub(super) fn tell_ready(&mut self, effects: &mut Effects) {
        if self.queue.lanes.has_untold() && self.queue.scheduler.is_some() && self.may_start() {
            effects.ready.extend(std::iter::from_fn(|| self.queue.lanes.tell()));
        }
    }

    /// Has a task that was submitted wait for its turn, behind those that came before it.
    pub(super) fn enqueue(&mut self, id: TaskId, effects: &mut Effects) {
        let Some(entry) = self.tasks.get(id) else { return };
        let lane = self.lane_of(entry);
        self.queue.lanes.push(lane, id);
        self.tell_ready(effects);
    }

    /// Has it wait no longer.
    pub(super) fn dequeue(&mut self, id: TaskId) {
        let Some(entry) = self.tasks.get(id) else { return };
        let lane = self.lane_of(entry);
        self.queue.lanes.remove(&lane, id);
    }

    /// A task that was ready is not any more. If the scheduler knows of no other one beside it, it is told, since tasks
    /// wait behind those that require something.
    pub(super) fn withdraw(&mut self, id: TaskId, effects: &mut Effects) {
        let Some(entry) = self.tasks.get(id) else { return };
        let lane = self.lane_of(entry);
        self.withdraw_empty(&lane, effects);
    }

    /// The scheduler is told if no task waits of those of the lane that it knows of.
    pub(super) fn withdraw_empty(&mut self, lane: &LaneKey, effects: &mut Effects) {
        if lane.resources.is_none() {
            return;
        }
        let Ledger { queue, tasks, .. } = self;
        let waits = |id| tasks.get(id).is_some_and(|entry| entry.state == TaskState::Submitted);
        if let Some(head) = queue.lanes.withdraw(lane, waits) {
            effects.withdrawn.push(head);
            self.tell_ready(effects);
        }
    }

    /// The same for all tasks.
    pub(super) fn withdraw_all(&mut self, effects: &mut Effects) {
        effects.withdrawn.extend(self.queue.lanes.withdraw_all());
    }

    /// No task waits any more, as all are about to end.
    pub(super) fn empty_lanes(&mut self, effects: &mut Effects) {
        self.withdraw_all(effects);
        drop(self.queue.lanes.take_all());
    }

    /// Whether the scheduler is still to know of what it was told.
    pub(crate) fn is_told(&self, head: &Head) -> bool {
        self.queue.lanes.is_told(head)
    }

    fn lane_of(&self, entry: &TaskEntry) -> LaneKey {
        let resources = entry.settings().and_then(|settings| settings.resources.clone());
        LaneKey { priority: Reverse(self.priority_of(entry)), resources }
    }

    fn priority_of(&self, entry: &TaskEntry) -> i32 {
        let own = entry.settings().and_then(|settings| settings.priority);
        let priority = own.unwrap_or(self.options.priority);
        self.queue.least_priority.map_or(priority, |least| priority.max(least))
    }

    /// The job runs for a task of this priority, which is not to wait for those of a lower one.
    pub(crate) fn set_least_priority(&mut self, priority: i32) {
        self.queue.least_priority = Some(priority);
    }

    pub(crate) fn task_priority(&self, id: TaskId) -> Option<i32> {
        self.tasks.get(id).map(|entry| self.priority_of(entry))
    }

    /// Whether readers of outputs keep up (see [`Outputs`](crate::Outputs)), and the job is not suspended.
    pub(super) fn may_start(&self) -> bool {
        self.seldom.suspended.is_none() && self.seldom.outputs.iter().all(OutputQueue::has_room)
    }

    pub(super) fn entry(&self, id: TaskId) -> Option<&TaskEntry> {
        self.tasks.get(id).filter(|entry| !entry.is_gone())
    }

    /// The code that a task won't need any more goes after the critical section.
    pub(super) fn drop_work(&mut self, id: TaskId, effects: &mut Effects) {
        effects.drop_work(self.tasks.get_mut(id).and_then(|entry| entry.work.take()));
    }
}
