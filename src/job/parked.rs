//! A task that is suspended: what its code waits on, and what becomes of its worker meanwhile.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::JobCore;
use super::ledger::Place;
use super::scheduler::{Rest, Scheduler};
use crate::base::contain;
use crate::meter::{SlotRef, Suspension};
use crate::model::{Resources, TaskId};

impl JobCore {
    /// Suspends a task whose code has come to a place for it, if it still is to be.
    pub(super) fn suspend_here(self: Arc<Self>, task: TaskId) -> Option<Box<dyn Suspension>> {
        let parked = self.update(|ledger, effects| ledger.parked(task, effects))?;
        let Some(place) = parked else { return Some(Box::new(Beside)) };
        let Place { attempt, slot, scheduler, .. } = &place;
        let (attempt, slot, scheduler) = (*attempt, slot.clone(), scheduler.clone());
        let rest = place.rest();
        Some(Box::new(Suspended { core: self, task, attempt, slot, scheduler, rest }))
    }
}

impl Place {
    /// Gives up what a task has of its scheduler, if it has one.
    pub(super) fn rest(self) -> Option<Box<dyn Rest>> {
        let nothing = Resources::new();
        let resources = self.resources.as_deref().unwrap_or(&nothing);
        Some(self.scheduler?.rest(resources))
    }
}

/// Code that waits with that of the same task which has parked first.
struct Beside;

impl Suspension for Beside {
    fn poll_return(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

struct Suspended {
    core: Arc<JobCore>,
    task: TaskId,
    attempt: u32,
    slot: SlotRef,
    scheduler: Option<Arc<dyn Scheduler>>,
    rest: Option<Box<dyn Rest>>,
}

impl Suspension for Suspended {
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.rest {
            Some(rest) => rest.poll_return(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // Back in its place before it says that it runs.
        self.rest = None;
        let (task, attempt) = (self.task, self.attempt);
        let given_up = self.core.update(|ledger, effects| {
            ledger.unparked(task, attempt, effects);
            self.slot.is_abandoned()
        });
        // Not before it had a place again that its code can keep.
        if let Some(scheduler) = self.scheduler.take().filter(|_| given_up) {
            contain("a scheduler", || scheduler.worker_lost());
        }
    }
}
