//! What a task gives up while its code waits: its place among those that run, and what it requires. Knows not what for.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::core::JobCore;
use super::ledger::{AfterRest, Place};
use super::scheduler::{Rest, Scheduler};
use crate::base::contain;
use crate::meter::SlotRef;
use crate::model::{Resources, TaskId};

/// A wait of a task's code. Of several at the same time the first gives up the place, and the last one takes it back.
/// Dropping it takes it back at once.
pub(super) struct Resting {
    core: Arc<JobCore>,
    task: TaskId,
    slot: SlotRef,
    scheduler: Option<Arc<dyn Scheduler>>,
    /// What the place is taken back by.
    back: Option<Box<dyn Rest>>,
    over: bool,
}

impl Resting {
    /// The attempt of the task that has this slot waits.
    pub(super) fn begin(core: Arc<JobCore>, task: TaskId, slot: SlotRef) -> Resting {
        let begun = core.look(|ledger| ledger.rest_begins(task, &slot));
        let scheduler = begun.as_ref().and_then(|(place, _)| place.scheduler.clone());
        let over = begun.is_none();
        let resting = Resting { core, task, slot, scheduler, back: None, over };
        if let Some((place, true)) = begun {
            resting.give_up(place);
        }
        resting
    }

    fn give_up(&self, place: Place) {
        let Place { scheduler: Some(scheduler), resources } = place else { return };
        let rest = scheduler.rest(resources.as_deref().unwrap_or(&Resources::new()));
        let unkept = self.core.look(|ledger| ledger.keep_rest(self.task, rest));
        drop(unkept);
    }

    /// Whether the task has its place again.
    pub(super) fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.over && self.back.is_none() {
            self.back = self.core.look(|ledger| ledger.take_rest(self.task));
        }
        if let Some(back) = &mut self.back {
            ready!(back.poll_return(cx));
        }
        self.end();
        Poll::Ready(())
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let back =
            self.back.take().or_else(|| self.core.look(|ledger| ledger.take_rest(self.task)));
        let has_returned = back.is_some();
        drop(back);
        let slot = &self.slot;
        match self.core.look(|ledger| ledger.rest_ends(self.task, slot, has_returned)) {
            AfterRest::Nothing => {}
            AfterRest::GiveUp(place) => self.give_up(place),
            AfterRest::Lost => {
                if let Some(scheduler) = self.scheduler.take() {
                    contain("a scheduler", || scheduler.worker_lost());
                }
            }
        }
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.end();
    }
}
