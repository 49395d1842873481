//! The orderly end of a scheduler.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::LocalScheduler;
use crate::base::{Clock, WakerKey, block_on};
use crate::job::core::JobCore;
use crate::model::{CancelReason, Cause, JobId};

/// Shuts a scheduler down; made by [`LocalScheduler::shutdown`]. Await it, or block on it.
///
/// ```
/// use std::time::Duration;
/// use milepost::{Job, LocalScheduler, SubmitError};
///
/// let scheduler = LocalScheduler::new(1)?;
/// let job = Job::new("last");
/// job.add_blocking("task", |_cx| Ok(()))?;
/// job.submit(&scheduler)?;
/// let report = scheduler.shutdown().timeout(Duration::from_secs(60)).blocking();
/// assert_eq!((report.finished.len(), report.canceled.len()), (1, 0));
/// assert_eq!(Job::new("late").submit(&scheduler), Err(SubmitError::ShutDown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a shutdown does nothing unless it is awaited or blocked on"]
pub struct Shutdown {
    scheduler: LocalScheduler,
    timeout: Option<Duration>,
    clock: Clock,
}

/// What a shutdown has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Jobs that ended by themselves since the shutdown began, and perhaps some that had ended shortly before.
    pub finished: Vec<JobId>,
    /// Jobs that were canceled, as the time was up.
    pub canceled: Vec<JobId>,
}

impl Shutdown {
    pub(super) fn new(scheduler: LocalScheduler) -> Shutdown {
        Shutdown { scheduler, timeout: None, clock: Clock::system() }
    }

    /// Cancels jobs that have not ended after `timeout` and waits for their end, which takes their grace periods at most.
    /// Without it, jobs may take as long as they need, which is for ever if their tasks are held or suspended. The teardown of environments isn't limited by it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The clock that the timeout is by: the system's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Shuts down, waiting on this thread: not on one that runs the scheduler's tasks.
    pub fn blocking(self) -> ShutdownReport {
        block_on(self.into_future())
    }

    async fn run(self) -> ShutdownReport {
        let jobs = self.scheduler.close();
        let timeout = self.timeout.and_then(|timeout| self.clock.after(timeout));
        let mut time_up = timeout.map(|at| self.clock.sleep_until(at));
        let mut waiting: Vec<Waiting> = jobs.into_iter().map(Waiting::new).collect();
        let mut report = ShutdownReport { finished: Vec::new(), canceled: Vec::new() };
        poll_fn(|cx| {
            if let Some(sleep) = &mut time_up
                && Pin::new(sleep).poll(cx).is_ready()
            {
                time_up = None;
                for Waiting { job, canceled, .. } in &mut waiting {
                    *canceled = !job.is_ended();
                    job.shut_down();
                }
            }
            waiting.retain_mut(|Waiting { job, key, canceled }| {
                let ended = job.poll_ended(key, cx.waker());
                if ended {
                    let ended = if *canceled { &mut report.canceled } else { &mut report.finished };
                    ended.push(job.id);
                }
                !ended
            });
            if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.scheduler.shared.environments.close().await;
        report
    }
}

impl IntoFuture for Shutdown {
    type Output = ShutdownReport;
    type IntoFuture = Pin<Box<dyn Future<Output = ShutdownReport> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// A job whose end is waited for.
struct Waiting {
    job: Arc<JobCore>,
    key: WakerKey,
    canceled: bool,
}

impl Waiting {
    fn new(job: Arc<JobCore>) -> Waiting {
        Waiting { job, key: WakerKey::default(), canceled: false }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.job.forget_waker(&mut self.key);
    }
}

impl JobCore {
    /// Cancels the job as its scheduler shuts down.
    fn shut_down(self: &Arc<Self>) {
        let cause = Arc::new(Cause::canceled(CancelReason::Shutdown, None));
        self.update(|ledger, effects| ledger.cancel_job(cause, false, effects));
    }

    fn forget_waker(&self, key: &mut WakerKey) {
        let waker = self.look(|ledger| ledger.forget(key));
        drop(waker);
    }
}
