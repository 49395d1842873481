//! What readers see of a job: a [`Source`] of events. Whoever owns the critical section is one.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Waker;

use super::history::Cursor;
use super::latest::Shown;
use super::notice::Subscribed;
use super::record::Record;
use crate::base::WakerKey;
use crate::model::{Cause, Event, EventKind, JobId, JobProgress, TaskId};

/// What a reader waits for, as bits. Those of lifecycle events are in the order of the codes of packed records.
pub(crate) mod mask {
    use super::EventKind;

    pub(crate) const JOB_STATE: u16 = 1;
    pub(crate) const ADDED: u16 = 1 << 1;
    pub(crate) const TASK_STATE: u16 = 1 << 2;
    pub(crate) const COMPLETED: u16 = 1 << 3;
    pub(crate) const JOB_COMPLETED: u16 = 1 << 4;
    pub(crate) const PROGRESS: u16 = 1 << 5;
    pub(crate) const WINDOW: u16 = 1 << 6;
    /// Outputs that were set aside for a reader of them.
    pub(crate) const OUTPUT: u16 = 1 << 7;
    /// The end of the job and of its callbacks.
    pub(crate) const DONE: u16 = 1 << 8;
    pub(crate) const LIFECYCLE: u16 = JOB_STATE | ADDED | TASK_STATE | COMPLETED | JOB_COMPLETED;

    #[inline]
    pub(crate) const fn of(kind: EventKind) -> u16 {
        match kind {
            EventKind::JobStateChanged => JOB_STATE,
            EventKind::TaskAdded => ADDED,
            EventKind::TaskStateChanged => TASK_STATE,
            EventKind::TaskCompleted => COMPLETED,
            EventKind::JobCompleted => JOB_COMPLETED,
            EventKind::TaskProgressUpdated => PROGRESS,
        }
    }
}

/// Where a reader starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With the first event that is retained, and what progress there is.
    First,
    /// With the first event after this one, and what progress there is.
    After(u64),
    /// With what happens from now on.
    Now,
}

/// What a reader gets to start with, all as of one moment.
pub(crate) struct Opened {
    /// None for a reader of progress alone: a cursor would keep history for it.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) notices: Option<Subscribed>,
    pub(crate) last_seq: u64,
    pub(crate) stamp: u64,
    /// Where to say how far one has read, if that frees history: up to which lifecycle event, or, for a reader of
    /// progress alone, up to which publication.
    pub(crate) position: Option<Arc<AtomicU64>>,
}

/// A moment of a job: the last lifecycle event, and the last publication.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) last_seq: u64,
    pub(crate) stamp: u64,
}

/// What the table has newer than a reader has seen, by task and attempt, as of one moment.
pub(crate) struct Table {
    pub(crate) shown: Vec<(TaskId, u32, Shown)>,
    pub(crate) stamp: u64,
    pub(crate) last_seq: u64,
    pub(crate) at: u64,
    pub(crate) progress: JobProgress,
}

/// What became of a reader that found nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    /// There is something to read after all.
    Ready,
    /// Its waker is registered.
    Waiting,
    /// The job has ended, and all is read.
    Ended,
}

/// A job, as readers see it. Each call is one critical section of the job's.
pub(crate) trait Source: Send + Sync {
    fn id(&self) -> JobId;
    fn name(&self) -> Arc<str>;
    /// The present.
    fn moment(&self) -> Moment;
    /// How many tasks it will have, if that is known.
    fn expected(&self) -> Option<usize>;
    fn open(&self, start: Start, mask: u16) -> Opened;
    /// The event of a record, with all that the ledger keeps beside it.
    fn expand(&self, seq: u64, record: &Record) -> Event;
    fn cause(&self, seq: u64) -> Option<Arc<Cause>>;
    /// The latest progress of a task that was told, and of which attempt it is.
    fn shown(&self, task: TaskId) -> Option<(u32, Shown)>;
    fn table(&self, newer_than: u64, with_ended: bool) -> Table;
    /// Registers the waker if `nothing` says that there still is nothing to read (B5).
    fn park(
        &self,
        key: &mut WakerKey,
        mask: u16,
        waker: &mut Option<Waker>,
        nothing: &mut dyn FnMut() -> bool,
    ) -> Parked;
    /// Forgets a registered waker.
    fn leave(&self, key: &mut WakerKey);
}
