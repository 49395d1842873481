//! Before an attempt runs: its environment is taken or set up, and it is no longer merely assigned.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::environments::{Lease, Store};
use super::ledger::Finish;
use super::run::TaskRun;
use crate::base::contain;
use crate::model::{Failure, FailureKind};

impl TaskRun {
    /// Gets the attempt to where its own code may run, or tells how it has ended.
    pub(super) fn prepare(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Finish>> {
        let Some(recipe) = self.work.as_ref().and_then(|work| work.environment()) else {
            return Poll::Ready(Ok(()));
        };
        let lease = match &mut self.lease {
            Some(lease) => lease,
            None => match Lease::new(self.attempt.store(), recipe.clone()) {
                Ok(lease) => self.lease.insert(Box::new(lease)),
                Err(failure) => return Poll::Ready(Err(Finish::Unprepared(failure))),
            },
        };
        if lease.value().is_none() {
            let set_up = self.attempt.poll(cx, |cx| lease.poll_set_up(cx).map_ok(|()| None));
            match ready!(set_up) {
                Finish::Completed(_) => {}
                Finish::Failed { mut failure, .. } => {
                    failure.kind = FailureKind::Environment;
                    return Poll::Ready(Err(Finish::Unprepared(failure)));
                }
                Finish::Panicked(message) => {
                    let failure = Failure::new(FailureKind::Environment, message);
                    return Poll::Ready(Err(Finish::Unprepared(failure)));
                }
                finish => return Poll::Ready(Err(finish)),
            }
        }
        let begun = self.attempt.begin();
        if begun.is_ok() {
            lease.used();
        }
        Poll::Ready(begun)
    }

    /// Lets go of the environment: for others, unless the attempt may have broken it.
    pub(super) fn leave_environment(&mut self, finish: &Finish) {
        let Some(lease) = self.lease.take() else { return };
        let returned = matches!(finish, Finish::Completed(_) | Finish::Failed { .. });
        if returned && !self.attempt.slot.is_ended() {
            lease.give_back(&self.attempt.core.clock);
        }
    }
}

impl super::run::Attempt {
    /// Where instances are kept, if anywhere.
    fn store(&self) -> Option<Arc<Store>> {
        let scheduler = self.core.scheduler()?;
        contain("a scheduler", || scheduler.environments().map(|kept| kept.store())).flatten()
    }

    /// Has the attempt run from now on, unless it was asked to stop or is over.
    fn begin(&self) -> Result<(), Finish> {
        let (task, attempt) = (self.task, self.attempt);
        self.core.update(|ledger, effects| ledger.begin(task, attempt, effects))
    }
}
