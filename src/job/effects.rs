//! What a critical section leaves to be done after it: everything that may run user code (J2).

use std::sync::Arc;

use smallvec::SmallVec;

use super::core::JobCore;
use super::scheduler::Scheduler;
use super::work::Work;
use crate::base::{Wakes, drop_contained};

#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) wakes: Wakes,
    /// Code of tasks that won't run any more.
    pub(crate) works: SmallVec<[Box<dyn Work>; 1]>,
    /// Errors, outputs and the like that nobody will ask for.
    garbage: Vec<Box<dyn Send>>,
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
    /// Has a value dropped after the critical section.
    pub(crate) fn drop_later(&mut self, value: impl Send + 'static) {
        self.garbage.push(Box::new(value));
    }

    pub(super) fn run(self, core: &Arc<JobCore>) {
        let Effects { wakes, works, garbage, scheduler, ready, abandoned, refill } = self;
        wakes.wake();
        for work in works {
            drop_contained("the drop of a task's closure", work);
        }
        for garbage in garbage {
            drop_contained("the drop of a task's output or error", garbage);
        }
        if abandoned > 0 || ready {
            core.tell_scheduler(scheduler, ready, abandoned);
        }
        if refill {
            core.refill();
        }
    }
}
