//! What a critical section leaves to be done after it: everything that may run user code (J2).

use std::sync::Arc;

use parking_lot::Mutex;

use super::core::JobCore;
use super::ledger::Head;
use super::scheduler::Scheduler;
use super::work::Work;
use crate::base::{Clock, Wakes, drop_contained, run_on_pool};

#[derive(Default)]
pub(crate) struct Effects {
    pub(crate) wakes: Wakes,
    /// Code of tasks that won't run any more.
    works: Vec<Box<dyn Work>>,
    /// Errors, outputs and the like that nobody will ask for.
    garbage: Vec<Box<dyn Send>>,
    /// The job has ended and needs its scheduler no longer.
    pub(crate) scheduler: Option<Arc<dyn Scheduler>>,
    /// What the scheduler is to be told of tasks that are ready.
    pub(crate) ready: Vec<Head>,
    /// What the scheduler is to forget of that.
    pub(crate) withdrawn: Vec<Head>,
    /// How many workers the scheduler has lost to code that doesn't yield.
    pub(crate) abandoned: usize,
    /// A task has ended: lazily fed ones may follow.
    pub(crate) refill: bool,
}

impl Effects {
    /// Has a task's code dropped after the critical section.
    pub(crate) fn drop_work(&mut self, work: Option<Box<dyn Work>>) {
        if let Some(work) = work {
            self.works.push(work);
        }
    }

    /// Has a value dropped after the critical section.
    pub(crate) fn drop_later(&mut self, value: impl Send + 'static) {
        self.garbage.push(Box::new(value));
    }

    fn runs_user_code(&self) -> bool {
        !(self.ready.is_empty() && self.withdrawn.is_empty())
            || self.refill
            || !(self.works.is_empty() && self.garbage.is_empty())
    }

    /// Whether code of users will run that may take its time.
    pub(super) fn may_take_long(&self, core: &JobCore) -> bool {
        !self.works.is_empty() || !self.garbage.is_empty() || (self.refill && core.has_feeds())
    }

    /// Does what is to be done; most sections leave nothing.
    #[inline]
    pub(super) fn run(&mut self, core: &Arc<JobCore>) {
        if self.runs_user_code() || self.abandoned > 0 || !self.wakes.is_empty() {
            self.run_some(core);
        }
    }

    fn run_some(&mut self, core: &Arc<JobCore>) {
        if !self.wakes.is_empty() {
            std::mem::take(&mut self.wakes).wake(&core.clock);
        }
        if !(Clock::on_ticker() && self.runs_user_code()) {
            return self.run_here(core);
        }
        // The ticker serves all jobs, and must not wait for the code of one.
        let (core, effects) = (core.clone(), Arc::new(Mutex::new(std::mem::take(self))));
        let run = move |effects: &Mutex<Effects>| {
            let mut effects = std::mem::take(&mut *effects.lock());
            effects.run_here(&core);
        };
        let (there, run_there) = (effects.clone(), run.clone());
        if run_on_pool(move || run_there(&there)).is_err() {
            run(&effects);
        }
    }

    fn run_here(&mut self, core: &Arc<JobCore>) {
        while let Some(work) = self.works.pop() {
            drop_contained("the drop of a task's closure", work);
        }
        while let Some(garbage) = self.garbage.pop() {
            drop_contained("the drop of a task's output or error", garbage);
        }
        if self.abandoned > 0 || !(self.ready.is_empty() && self.withdrawn.is_empty()) {
            let withdrawn = std::mem::take(&mut self.withdrawn);
            let ready = std::mem::take(&mut self.ready);
            core.tell_scheduler(self.scheduler.take(), withdrawn, ready, self.abandoned);
        }
        if self.refill {
            core.refill();
        }
    }
}
