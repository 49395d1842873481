//! [`CancelOnDrop`]: a job that ends with its owner.

use super::Job;
use crate::model::{CancelReason, Cause};

/// Cancels its job when it is dropped; made by [`Job::cancel_on_drop`]. Has no effect once the job has ended.
#[derive(Debug)]
#[must_use = "dropping the guard cancels the job"]
pub struct CancelOnDrop {
    job: Option<Job>,
}

impl CancelOnDrop {
    pub(super) fn new(job: Job) -> CancelOnDrop {
        CancelOnDrop { job: Some(job) }
    }

    /// Leaves the job alone after all.
    pub fn disarm(mut self) {
        self.job = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let cause = Cause::canceled(CancelReason::Dropped, None);
            job.core().update(|ledger, effects| ledger.cancel_job(cause.into(), false, effects));
        }
    }
}
