//! The ledger's fields, and the changes of state with their events.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::sums::{Share, Sums};
use super::table::{TaskEntry, TaskTable};
use crate::base::{Clock, Timer, Wakers};
use crate::bus::{Batch, Change, History, Latest, Notices, Record, Update, Updates, When, mask};
use crate::job::core::JobCore;
use crate::job::effects::Effects;
use crate::job::outputs::OutputQueue;
use crate::job::scheduler::Scheduler;
use crate::meter::{Meter, Reading, Signal};
use crate::model::{Cause, Counts, JobId, JobState, TaskFailed, TaskId, TaskState};

/// How a job was built.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) window: Duration,
    pub(crate) grace: Duration,
    pub(crate) max_failures: Option<usize>,
    pub(crate) keep_failures: usize,
    pub(crate) history: crate::job::History,
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
    pub(super) options: Options,
    pub(super) created_at: u64,

    pub(super) state: JobState,
    pub(super) sealed: bool,
    /// Only feeds still add tasks.
    pub(super) closed: bool,
    pub(super) tasks: TaskTable,
    pub(super) counts: Counts,
    /// How many tasks have ended.
    pub(super) done: usize,
    pub(super) expected: Option<usize>,
    pub(super) started: Option<(Instant, u64)>,
    pub(super) ended: Option<Ended>,
    pub(super) canceled: Option<Arc<Cause>>,
    pub(super) force_timer: Option<Timer>,
    pub(super) failures: Vec<TaskFailed>,

    /// Submitted tasks that wait for a worker.
    pub(super) ready: VecDeque<TaskId>,
    pub(super) submitted: bool,
    /// There from submission to the job's end.
    pub(super) scheduler: Option<Arc<dyn Scheduler>>,
    /// How often the scheduler was told that tasks are ready, and whether it still thinks so.
    pub(super) told: u64,
    pub(super) thinks_ready: bool,

    pub(super) history: History,
    pub(super) causes: BTreeMap<u64, Arc<Cause>>,
    pub(super) last_at: u64,
    /// How far each reader has read, where that frees history.
    pub(super) positions: Vec<Weak<AtomicU64>>,
    /// Up to which publication each reader of progress alone was told.
    pub(super) stamps: Vec<Weak<AtomicU64>>,
    /// Tasks whose progress is yet to be forgotten, with their last attempts.
    pub(super) retired: HashMap<TaskId, u32>,
    pub(super) ends_since_trim: u32,

    pub(super) signal: Arc<Signal>,
    pub(super) meter: Meter,
    pub(super) latest: Latest,
    pub(super) sums: Sums,
    pub(super) notices: Notices,
    /// How many publications there were.
    pub(super) stamp: u64,
    /// What the flush that is under way tells.
    pub(super) updates: Updates,
    /// Last updates of tasks that have ended since the last window.
    pub(super) last_updates: Vec<(u64, Update)>,
    /// Counts have changed since the last window.
    pub(super) recount: bool,

    pub(super) wakers: Wakers,
    pub(super) handle_wakers: HashMap<TaskId, Wakers>,
    pub(super) outputs: Vec<OutputQueue>,
    /// The number of the last queue of outputs that was made.
    pub(super) last_outputs: u64,
}

impl Ledger {
    pub(crate) fn new(
        id: JobId,
        name: Arc<str>,
        clock: Clock,
        options: Options,
        signal: Arc<Signal>,
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
            state: JobState::Pending,
            sealed: false,
            closed: false,
            tasks: TaskTable::default(),
            counts: Counts::default(),
            done: 0,
            expected: None,
            started: None,
            ended: None,
            canceled: None,
            force_timer: None,
            failures: Vec::new(),
            ready: VecDeque::new(),
            submitted: false,
            scheduler: None,
            told: 0,
            thinks_ready: false,
            history: History::new(created_at),
            causes: BTreeMap::new(),
            last_at: created_at,
            positions: Vec::new(),
            stamps: Vec::new(),
            retired: HashMap::new(),
            ends_since_trim: 0,
            meter: Meter::new(signal.clone()),
            signal,
            latest: Latest::default(),
            sums: Sums::default(),
            notices: Notices::default(),
            stamp: 0,
            updates: Updates::default(),
            last_updates: Vec::new(),
            recount: false,
            wakers: Wakers::default(),
            handle_wakers: HashMap::new(),
            outputs: Vec::new(),
            last_outputs: 0,
        }
    }

    /// The time of day, which never goes back in here (G13).
    pub(crate) fn now(&mut self) -> u64 {
        self.last_at = self.last_at.max(self.clock.wall_micros());
        self.last_at
    }

    /// Appends an event, and wakes those who wait for its kind.
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
            self.causes.insert(seq, cause);
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
            self.started = Some((self.clock.now(), at));
            self.enter_job(at, JobState::Submitted, None, effects);
        }
    }

    /// Ends the present attempt: its last value is published (G4), and nothing more is heard of it (M1).
    pub(super) fn end_attempt(&mut self, at: u64, id: TaskId, effects: &mut Effects) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        if let Some(extra) = &mut entry.extra {
            for timer in [extra.timer.take(), extra.grace.take()].into_iter().flatten() {
                self.clock.disarm(timer);
            }
        }
        let attempt = entry.attempt;
        let Some(slot_id) = entry.slot.take() else { return };
        let Some(reading) = self.meter.end(slot_id, &mut effects.wakes) else { return };
        let told = self.latest.reading(id);
        if reading.is_news(&told) {
            self.stamp += 1;
            self.show(at, id, reading.clone());
            self.publish_last(at, Update { task: id, attempt, reading }, effects);
        }
    }

    /// Notes what a task is told to be at, as of the present stamp (B2).
    pub(super) fn show(&mut self, at: u64, id: TaskId, reading: Reading) {
        let Some(entry) = self.tasks.get(id) else { return };
        self.sums.remove(Share::of(entry, &self.latest.reading(id)));
        self.sums.add(Share::of(entry, &reading));
        self.sums.note_unit(reading.detail.as_ref().and_then(|detail| detail.unit.as_ref()));
        let (stamp, after) = (self.stamp, self.history.last_seq());
        self.latest.set(id, reading, When { stamp, after, at });
    }

    fn publish_last(&mut self, at: u64, update: Update, effects: &mut Effects) {
        if !self.notices.has_readers() {
            return;
        }
        self.last_updates.push((self.stamp, update.clone()));
        let when = When { stamp: self.stamp, after: self.history.last_seq(), at };
        let mut updates = Updates::default();
        updates.push(update);
        self.notices.publish(Batch { when, updates, window: None });
        self.wakers.take(mask::PROGRESS, &mut effects.wakes);
    }

    /// Tells the scheduler that tasks are ready, unless it knows.
    pub(super) fn tell_ready(&mut self, effects: &mut Effects) {
        if !self.ready.is_empty()
            && self.scheduler.is_some()
            && !self.thinks_ready
            && self.may_start()
        {
            self.thinks_ready = true;
            self.told += 1;
            effects.ready = true;
        }
    }

    /// Whether readers of outputs keep up (see [`Outputs`](crate::Outputs)).
    pub(super) fn may_start(&self) -> bool {
        self.outputs.iter().all(OutputQueue::has_room)
    }

    pub(super) fn entry(&self, id: TaskId) -> Option<&TaskEntry> {
        self.tasks.get(id).filter(|entry| !entry.is_gone())
    }

    /// The code that a task won't need any more goes after the critical section.
    pub(super) fn drop_work(&mut self, id: TaskId, effects: &mut Effects) {
        effects.drop_work(self.tasks.get_mut(id).and_then(|entry| entry.work.take()));
    }
}
