//! [`OpenJob`]: a job that takes tasks while it runs.

use std::ops::Deref;
use std::sync::Arc;

use super::feed::Feed;
use super::{Job, NewTask};

/// A job that takes tasks until it is closed, also while it runs; it derefs to [`Job`]. Tasks that are added after
/// [`submit`](Job::submit) are submitted at once. It is closed by [`close`](OpenJob::close), or when its last clone
/// is dropped.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let job = Job::builder("crawl").open()?;
/// job.submit(&LocalScheduler::new(2)?)?;
/// for page in ["a", "b"] {
///     job.add(page, move |_cx| async move { Ok(page.len()) })?;
/// }
/// let summary = job.close().wait_until_done().blocking()?;
/// assert_eq!(summary.counts.completed(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenJob {
    opening: Arc<Opening>,
}

impl OpenJob {
    pub(super) fn new(job: Job) -> OpenJob {
        OpenJob { opening: Arc::new(Opening { job }) }
    }

    /// Closes the job, whatever clones there are: no more tasks are taken, but for those of its
    /// [feeds](OpenJob::feed), and it ends when all of its tasks have.
    pub fn close(self) -> Job {
        let job = self.opening.job.clone();
        job.core().close();
        job
    }

    /// The job, without keeping it open.
    pub fn job(&self) -> Job {
        self.opening.job.clone()
    }

    /// Says how many tasks the job will have, so that its progress has a fraction from the start. More may be added.
    pub fn expect(&self, tasks: usize) {
        self.opening.job.core().look(|ledger| ledger.expect(tasks));
    }

    /// Adds the tasks of `tasks` one by one, so that at most `ahead` (at least 1) of the job's tasks are there that have
    /// not ended. The iterator is asked on the threads that end tasks, never on two at once, and keeps the job open
    /// until it has given its last task. A panic in it is logged and ends it. A task that can't be added as it is, because
    /// its retry policy or its weight doesn't fit, fails for that reason when its turn comes.
    ///
    /// ```
    /// use milepost::{Job, LocalScheduler, NewTask};
    ///
    /// let job = Job::builder("squares").open()?;
    /// job.feed((0..1_000u64).map(|n| NewTask::blocking(n.to_string(), move |_cx| Ok(n * n))), 16);
    /// job.submit(&LocalScheduler::new(2)?)?;
    /// let summary = job.close().wait_until_done().blocking()?;
    /// assert_eq!(summary.counts.completed(), 1_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn feed<I>(&self, tasks: I, ahead: usize)
    where
        I: IntoIterator<Item = NewTask>,
        I::IntoIter: Send + 'static,
    {
        let feed = Feed::new(tasks.into_iter(), ahead.max(1));
        self.opening.job.core().feed(feed);
    }
}

impl Deref for OpenJob {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.opening.job
    }
}

/// Keeps a job open.
#[derive(Debug)]
pub(super) struct Opening {
    job: Job,
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.job.core().close();
    }
}
