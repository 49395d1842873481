//! A task that is suspended: what its code waits on.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::JobCore;
use super::resting::Resting;
use crate::meter::{SlotRef, Suspension};
use crate::model::TaskId;

impl JobCore {
    /// Suspends a task whose code has come to a place for it, if it still is to be.
    pub(super) fn suspend_here(
        self: Arc<Self>,
        task: TaskId,
        slot: SlotRef,
    ) -> Option<Box<dyn Suspension>> {
        let parked = self.update(|ledger, effects| ledger.parked(task, effects))?;
        let Some(attempt) = parked else { return Some(Box::new(Beside)) };
        let resting = Some(Resting::begin(self.clone(), task, slot));
        Some(Box::new(Suspended { core: self, task, attempt, resting }))
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
    resting: Option<Resting>,
}

impl Suspension for Suspended {
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.resting {
            Some(resting) => resting.poll_return(cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        // Back in its place before it says that it runs.
        self.resting = None;
        let (task, attempt) = (self.task, self.attempt);
        self.core.update(|ledger, effects| ledger.unparked(task, attempt, effects));
    }
}
