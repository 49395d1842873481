//! What this thread is in the middle of, so that a wait that could never end is refused.

use std::cell::RefCell;

use super::error::WouldDeadlock;
use super::lineage::is_within;
use crate::model::JobId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    AsyncTask,
    BlockingTask,
    Callback,
}

thread_local! {
    static INSIDE: RefCell<Vec<(JobId, Place)>> = const { RefCell::new(Vec::new()) };
}

/// Being in a place, until it is dropped.
pub(crate) struct Inside;

impl Inside {
    pub(crate) fn enter(job: JobId, place: Place) -> Inside {
        INSIDE.with_borrow_mut(|inside| inside.push((job, place)));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }
}

/// Whether this is a thread that Milepost runs blocking code on, which may be blocked.
pub(crate) fn on_own_thread() -> bool {
    INSIDE.with_borrow(|inside| {
        matches!(inside.last(), Some((_, Place::BlockingTask | Place::Callback)))
    })
}

/// Whether this thread may be blocked until `job` has ended.
pub(crate) fn may_wait_for(job: JobId) -> Result<(), WouldDeadlock> {
    INSIDE.with_borrow(|inside| {
        if let Some((_, place)) = inside.iter().find(|(within, _)| is_within(*within, job)) {
            return Err(WouldDeadlock::new(match place {
                Place::Callback => "in a callback of the job that is waited for",
                Place::AsyncTask | Place::BlockingTask => {
                    "in a task of the job that is waited for, or of a child of it"
                }
            }));
        }
        match inside.last() {
            Some((_, Place::AsyncTask)) => {
                Err(WouldDeadlock::new("in an async task, on a worker that other tasks need,"))
            }
            _ => Ok(()),
        }
    })
}
