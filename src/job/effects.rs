//! What a critical section leaves to be done after it: everything that may run user code (J2).

use std::sync::Arc;

use super::core::JobCore;
use super::ledger::Extra;
use super::scheduler::Scheduler;
use super::work::Work;
use crate::base::{Wakes, drop_contained};

#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) wakes: Wakes,
    /// Code of tasks that won't run any more.
    pub(crate) works: Vec<Box<dyn Work>>,
    /// Errors and outputs that nobody will ask for.
    pub(crate) extras: Vec<Option<Box<Extra>>>,
    /// The job has ended and needs its scheduler no longer.
    pub(crate) scheduler: Option<Arc<dyn Scheduler>>,
    /// The scheduler is to be told that tasks are ready.
    pub(crate) ready: bool,
    /// How many workers the scheduler has lost to code that doesn't yield.
    pub(crate) abandoned: usize,
    /// A task has ended: lazily fed ones may follow.
    pub(crate) refill: bool,
}

impl Effects {
    pub(super) fn run(self, core: &Arc<JobCore>) {
        let Effects { wakes, works, extras, scheduler, ready, abandoned, refill } = self;
        wakes.wake();
        for work in works {
            drop_contained("the drop of a task's closure", work);
        }
        for extra in extras {
            drop_contained("the drop of a task's output or error", extra);
        }
        if abandoned > 0 || ready {
            core.tell_scheduler(scheduler, ready, abandoned);
        }
        if refill {
            core.refill();
        }
    }
}
