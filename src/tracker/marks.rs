//! What has changed since the index was last brought up to date: the changes of jobs' states, in order, marked in the jobs' own
//! sections (T1). Knows no index.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use parking_lot::Mutex;

use super::shared::Shared;
use crate::base::Clock;
use crate::job::core::JobCore;
use crate::job::watch::{Made, Watcher};
use crate::model::{JobId, JobState, Timestamp};

/// One change.
pub(super) enum Mark {
    /// A job is tracked from now on.
    New(Made, JobState),
    /// A job has entered a state that is not its last.
    Changed(JobId, JobState),
    Ended(End),
    /// A job was dropped before it had ended.
    Gone(JobId),
}

/// The end of a job.
pub(super) struct End {
    pub(super) job: JobId,
    pub(super) state: JobState,
    pub(super) at: Timestamp,
    /// The moment by the tracker's clock, which retention counts from.
    pub(super) noted: Instant,
    /// The last reference may be the worker's: the record is yet to be made (T5).
    pub(super) core: Option<Arc<JobCore>>,
}

/// As many marks gather before somebody sees to it that they are applied, though none is of an end.
const GATHERED: usize = 1_000;

/// The marks, behind a lock that nothing else is taken under (T3).
pub(super) struct Marks {
    itself: Weak<Marks>,
    shared: Weak<Shared>,
    clock: Clock,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    marks: Vec<Mark>,
    /// Somebody is to settle, or does, and looks for marks again before it is done.
    settling: bool,
    /// There is no tracker any more.
    closed: bool,
}

impl Marks {
    pub(super) fn new(shared: Weak<Shared>, clock: Clock) -> Arc<Marks> {
        Arc::new_cyclic(|itself| Marks {
            itself: itself.clone(),
            shared,
            clock,
            list: Mutex::default(),
        })
    }

    pub(super) fn take(&self) -> Vec<Mark> {
        std::mem::take(&mut self.list.lock().marks)
    }

    /// Takes no marks any more. Those that there are go to the caller, who drops them.
    pub(super) fn close(&self) -> Vec<Mark> {
        let mut list = self.list.lock();
        list.closed = true;
        std::mem::take(&mut list.marks)
    }

    /// True if the caller is to see to it that the marks are applied.
    fn push(&self, mark: Mark) -> bool {
        let mut list = self.list.lock();
        if list.closed {
            // What they hold is held by the caller as well: nothing of a user is dropped here.
            return false;
        }
        // A job that only goes on can wait for the next question, or for others.
        let waits = matches!(mark, Mark::Changed(..)) && list.marks.len() < GATHERED;
        list.marks.push(mark);
        !waits && !std::mem::replace(&mut list.settling, true)
    }

    /// False if there are marks, which the caller applies. Else the next one has somebody settle.
    pub(super) fn rest(&self) -> bool {
        let mut list = self.list.lock();
        list.settling = !list.marks.is_empty();
        !list.settling
    }

    fn end_of(&self, job: &Weak<JobCore>, id: JobId, state: JobState, at: Timestamp) -> Mark {
        let (noted, core) = (self.clock.now(), job.upgrade());
        Mark::Ended(End { job: id, state, at, noted, core })
    }
}

impl Watcher for Marks {
    fn begins(&self, made: Made, state: JobState, ended_at: Option<Timestamp>) {
        let end = ended_at.map(|at| self.end_of(&made.core, made.id, state, at));
        // Whoever tracks a job applies the marks itself.
        let mut list = self.list.lock();
        if !list.closed {
            list.marks.push(Mark::New(made, state));
            list.marks.extend(end);
        }
    }

    fn changed(
        &self,
        job: &Weak<JobCore>,
        id: JobId,
        to: JobState,
        at: Timestamp,
    ) -> Option<Waker> {
        let mark = match to.is_terminal() {
            true => self.end_of(job, id, to, at),
            false => Mark::Changed(id, to),
        };
        let first = self.push(mark);
        self.itself.upgrade().filter(|_| first).map(Waker::from)
    }

    fn gone(&self, id: JobId) {
        if self.push(Mark::Gone(id)) {
            self.settle_soon();
        }
    }
}

impl Marks {
    fn settle_soon(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.settle_soon();
        }
    }
}

/// Has the marks applied and the records made, after the section.
impl Wake for Marks {
    fn wake(self: Arc<Self>) {
        self.settle_soon();
    }
}
