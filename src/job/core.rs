//! The job itself, shared by its handles, streams, reporters and workers: the ledger with its lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use parking_lot::{Mutex, MutexGuard};

use super::History;
use super::callbacks::Callbacks;
use super::effects::Effects;
use super::environment::InEnvironment;
use super::error::{AddError, NoSuchTask};
use super::feed::Feeds;
use super::ledger::{Adder, Head, Ledger, Options, Runner};
use super::scheduler::{Scheduler, TaskQueue};
use super::task::NewTask;
use crate::base::{Clock, Timer, WakerKey, contain, drop_contained};
use crate::bus::{Moment, Opened, Parked, Record, Shown, Source, Start, Table};
use crate::meter::{Owner, SlotRef, Suspension};
use crate::model::{Cause, Event, JobId, TaskId, TaskRef};

/// How often a thread looks whether the critical section is free before it sleeps: for some ten microseconds. With fewer
/// looks, two busy workers at times send each other to sleep, and take twice the time.
const SPINS: u32 = 1_000;

pub(crate) struct JobCore {
    pub(crate) id: JobId,
    pub(crate) name: Arc<str>,
    pub(crate) clock: Clock,
    pub(super) callbacks: Callbacks,
    pub(super) feeds: OnceLock<Box<Feeds>>,
    /// How many handles, reporters and openings there are.
    handles: AtomicUsize,
    /// Whether it takes tasks after it was submitted.
    open: bool,
    /// Whether what nobody can ask for any more is freed.
    pub(super) frees_history: bool,
    ledger: Mutex<Ledger>,
}

impl JobCore {
    pub(super) fn new(name: Arc<str>, clock: Clock, options: Options, open: bool) -> Arc<JobCore> {
        let id = JobId::unique();
        Arc::new_cyclic(|itself: &Weak<JobCore>| {
            let frees_history = options.history == History::Unread;
            let ledger =
                Ledger::new(id, name.clone(), clock.clone(), options.shared(), itself.clone());
            JobCore {
                id,
                name,
                clock,
                callbacks: Callbacks::default(),
                feeds: OnceLock::new(),
                handles: AtomicUsize::new(0),
                open,
                frees_history,
                ledger: Mutex::new(ledger),
            }
        })
    }

    /// Runs `change` in the job's critical section, and after it what it has left to be done (J2).
    pub(crate) fn update<R>(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Ledger, &mut Effects) -> R,
    ) -> R {
        let mut effects = Effects::default();
        let result = change(&mut self.lock(), &mut effects);
        effects.run(self);
        result
    }

    /// Runs `look` in the job's critical section.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&mut Ledger) -> R) -> R {
        look(&mut self.lock())
    }

    /// Waits a moment for the critical section before it lets the system put the thread to sleep: sections are short, and
    /// to be woken takes longer than many of them.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        for _ in 0..SPINS {
            if let Some(ledger) = self.ledger.try_lock() {
                return ledger;
            }
            std::hint::spin_loop();
        }
        self.ledger.lock()
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Counts one more who can add tasks or submit.
    pub(super) fn hold(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one less; the last one seals the job.
    pub(super) fn let_go(self: &Arc<Self>) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        if self.look(|ledger| ledger.is_submitted()) {
            self.close();
        } else {
            // Nobody is left who could submit it.
            self.drop_feeds();
            self.update(|ledger, effects| ledger.seal(true, effects));
        }
    }

    pub(super) fn add(self: &Arc<Self>, task: NewTask, adder: Adder) -> Result<TaskId, AddError> {
        let NewTask { mut options, mut work } = task;
        let settings = options.settings.as_mut();
        if let Some(recipe) = settings.and_then(|settings| settings.environment.take()) {
            work = Box::new(InEnvironment { recipe, work });
        }
        let runner = Runner::of(&*work);
        let added =
            self.update(|ledger, effects| ledger.add(options, Some(work), runner, adder, effects));
        added.map_err(|(error, work)| {
            drop_contained("the drop of a task's closure", work);
            error
        })
    }

    pub(super) fn find(&self, task: TaskRef) -> Result<TaskId, NoSuchTask> {
        let TaskRef { job, task } = task;
        let of = job.filter(|job| *job != self.id);
        if of.is_some() || !self.look(|ledger| ledger.has(task)) {
            return Err(NoSuchTask { job: self.id, task, of });
        }
        Ok(task)
    }

    pub(super) fn scheduler(&self) -> Option<Arc<dyn Scheduler>> {
        self.look(|ledger| ledger.scheduler())
    }

    /// Tells the scheduler of tasks that are ready or no longer are, and of workers that it has lost; `released` is the one
    /// that the job has just let go of.
    pub(super) fn tell_scheduler(
        self: &Arc<Self>,
        released: Option<Arc<dyn Scheduler>>,
        withdrawn: Vec<Head>,
        mut ready: Vec<Head>,
        abandoned: usize,
    ) {
        let Some(scheduler) = released.or_else(|| self.scheduler()) else { return };
        for _ in 0..abandoned {
            contain("a scheduler", || scheduler.worker_lost());
        }
        for head in withdrawn {
            contain("a scheduler", || scheduler.withdrawn(TaskQueue::new(self.clone(), head)));
        }
        // The most urgent first: a worker may take the first one at once.
        ready.sort_unstable_by_key(|head| (head.lane.priority, head.ticket));
        for head in ready {
            contain("a scheduler", || scheduler.ready(TaskQueue::new(self.clone(), head)));
        }
    }

    pub(super) fn task_name(&self, task: TaskId) -> Option<Arc<str>> {
        self.look(|ledger| ledger.task_name(task))
    }

    pub(super) fn cancel_cause(&self, task: TaskId) -> Option<Arc<Cause>> {
        self.look(|ledger| ledger.cancel_cause(task))
    }

    pub(super) fn publish(&self, task: TaskId, attempt: u32, value: serde_json::Value) {
        self.look(|ledger| ledger.publish_output(task, attempt, value));
    }
}

impl Owner for JobCore {
    fn window_closes(self: Arc<Self>, timer: Timer) {
        self.update(|ledger, effects| ledger.flush(timer, effects));
    }

    fn parks(self: Arc<Self>, task: u32, slot: &SlotRef) -> Option<Box<dyn Suspension>> {
        self.suspend_here(TaskId::new(task), slot.clone())
    }
}

impl Source for JobCore {
    fn id(&self) -> JobId {
        self.id
    }

    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn moment(&self) -> Moment {
        self.look(|ledger| ledger.moment())
    }

    fn expected(&self) -> Option<usize> {
        self.look(|ledger| ledger.expected())
    }

    fn open(&self, start: Start, mask: u16) -> Opened {
        self.look(|ledger| ledger.open(start, mask))
    }

    fn expand(&self, seq: u64, record: &Record) -> Event {
        self.look(|ledger| ledger.expand(seq, record))
    }

    fn cause(&self, seq: u64) -> Option<Arc<Cause>> {
        self.look(|ledger| ledger.cause(seq))
    }

    fn shown(&self, task: TaskId) -> Option<(u32, Shown)> {
        self.look(|ledger| ledger.shown(task))
    }

    fn table(&self, newer_than: u64, with_ended: bool) -> Table {
        self.look(|ledger| ledger.table(newer_than, with_ended))
    }

    fn park(
        &self,
        key: &mut WakerKey,
        mask: u16,
        waker: &mut Option<Waker>,
        nothing: &mut dyn FnMut() -> bool,
    ) -> Parked {
        self.look(|ledger| ledger.park(key, mask, waker, nothing))
    }

    fn leave(&self, key: &mut WakerKey) {
        // Bound to a name, so that it is dropped after the lock.
        let waker = self.look(|ledger| ledger.forget(key));
        drop(waker);
    }
}

impl Drop for JobCore {
    fn drop(&mut self) {
        for watcher in self.ledger.get_mut().dismiss_watchers() {
            watcher.gone(self.id);
        }
        // Closures, outputs and errors are the user's: none may take the others along (G12).
        let (tasks, failures) = self.ledger.get_mut().dismantle();
        for task in tasks {
            drop_contained("the drop of a task", task);
        }
        for failure in failures {
            drop_contained("the drop of a task's error", failure);
        }
    }
}
