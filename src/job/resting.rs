//! What a task gives up while its code waits: its place among those that run, and what it requires. Knows not what for.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::core::JobCore;
use super::ledger::Place;
use super::scheduler::Rest;
use crate::model::{Resources, TaskId};

/// A wait of a task's code. Of several at the same time the first gives up the place, and the last one takes it back.
/// Dropping it takes it back at once.
pub(super) struct Resting {
    core: Arc<JobCore>,
    task: TaskId,
    /// What the place is taken back by.
    back: Option<Box<dyn Rest>>,
    over: bool,
}

impl Resting {
    pub(super) fn begin(core: Arc<JobCore>, task: TaskId) -> Resting {
        let place = core.look(|ledger| ledger.rest_begins(task));
        let resting = Resting { core, task, back: None, over: false };
        resting.give_up(place);
        resting
    }

    fn give_up(&self, place: Option<Place>) {
        let Some(Place { scheduler: Some(scheduler), resources }) = place else { return };
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
        // Another wait may have begun while this one took the place back.
        let others = self.core.look(|ledger| ledger.rest_ends(self.task, has_returned));
        self.give_up(others);
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        self.end();
    }
}
