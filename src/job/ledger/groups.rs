//! What of a ledger not every job needs, in groups that are made when they are: an idle job should be small.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Instant;

use super::lanes::Lanes;
use super::state::Ended;
use crate::base::{Empty, Timer, Wakers};
use crate::bus::{Latest, Notices, Update, Updates};
use crate::job::outputs::OutputQueue;
use crate::job::scheduler::Scheduler;
use crate::meter::{Meter, Signal};
use crate::model::{Cause, Sums, TaskFailed, TaskId};

/// What has to do with progress.
#[derive(Default)]
pub(crate) struct Board {
    /// Made when the first window may open.
    pub(super) signal: Option<Arc<Signal>>,
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
}

/// The tasks that wait for a worker, and who has the workers.
#[derive(Default)]
pub(crate) struct Queue {
    /// When the job was submitted or started, by both clocks.
    pub(super) started: Option<(Instant, u64)>,
    pub(super) submitted: bool,
    /// Submitted tasks that wait for a worker.
    pub(super) lanes: Lanes,
    /// What the priority of any task is at least.
    pub(super) least_priority: Option<i32>,
    /// There from submission to the job's end.
    pub(super) scheduler: Option<Arc<dyn Scheduler>>,
}

/// What few jobs have, or only at their end.
#[derive(Default)]
pub(crate) struct Seldom {
    /// How many tasks there will be, as was announced.
    pub(super) expected: Option<usize>,
    pub(super) ended: Option<Ended>,
    pub(super) canceled: Option<Arc<Cause>>,
    pub(super) force_timer: Option<Timer>,
    /// When the job has taken as long as it may.
    pub(super) deadline: Option<Timer>,
    /// It has: its tasks end by that alone.
    pub(super) is_late: bool,
    /// Tasks are held when they are submitted.
    pub(super) held: Option<Arc<Cause>>,
    /// No task starts, and all that run are asked to park.
    pub(super) suspended: Option<Arc<Cause>>,
    pub(super) failures: Vec<TaskFailed>,
    /// By seq.
    pub(super) causes: BTreeMap<u64, Arc<Cause>>,
    pub(super) handle_wakers: HashMap<TaskId, Wakers>,
    pub(super) outputs: Vec<OutputQueue>,
    /// The number of the last queue of outputs that was made.
    pub(super) last_outputs: u64,
    /// How far each reader has read, where that frees history.
    pub(super) positions: Vec<Weak<AtomicU64>>,
    /// Up to which publication each reader of progress alone was told.
    pub(super) stamps: Vec<Weak<AtomicU64>>,
    /// Tasks whose progress is yet to be forgotten, with their last attempts.
    pub(super) retired: HashMap<TaskId, u32>,
    pub(super) ends_since_trim: u32,
}

macro_rules! empty {
    ($($group:ident)*) => {$(
        impl Empty for $group {
            fn empty() -> &'static Self {
                static EMPTY: LazyLock<$group> = LazyLock::new($group::default);
                &EMPTY
            }
        }
    )*};
}

empty! { Board Queue Seldom }
