//! [`UnknownJob`]: why a tracker knows nothing of a job.

use std::fmt;

use crate::model::{JobId, Timestamp};

/// Why a [`Tracker`](super::Tracker) has no record of a job. The message also says what would help.
///
/// ```
/// use milepost::{Job, Tracker};
/// use milepost::tracker::UnknownJob;
///
/// let (tracker, job) = (Tracker::new(), Job::new("untold"));
/// let unknown = tracker.get(job.id()).unwrap_err();
/// assert_eq!(unknown, UnknownJob::NeverSeen { job: job.id() });
/// assert!(unknown.to_string().ends_with("is tracked by `Tracker::track` or a scheduler of `Tracker::scheduler`"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownJob {
    /// The job was never tracked.
    NeverSeen {
        /// The job.
        job: JobId,
    },
    /// The job has ended, and its record was kept for as long as records are.
    #[non_exhaustive]
    Expired {
        /// The job.
        job: JobId,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// The job has ended, and its record had to go before its time, as there were too many.
    #[non_exhaustive]
    Evicted {
        /// The job.
        job: JobId,
        /// When it ended.
        ended_at: Timestamp,
        /// What was reached.
        limit: Limit,
    },
    /// The job was dropped before it had ended: its handles were gone, and its scheduler let go of its tasks without a word.
    Dropped {
        /// The job.
        job: JobId,
    },
    /// The job is known but has ended, and only its record is left: there is no handle of it.
    Ended {
        /// The job.
        job: JobId,
    },
    /// The job is older than all that the tracker remembers to have let go of: it may have been tracked.
    Forgotten {
        /// The job.
        job: JobId,
    },
}

/// A limit to the records of ended jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// So many jobs: [`TrackerBuilder::max_jobs`](super::TrackerBuilder::max_jobs).
    Jobs(usize),
    /// So many bytes: [`TrackerBuilder::max_bytes`](super::TrackerBuilder::max_bytes).
    Bytes(usize),
}

impl UnknownJob {
    /// The job that was asked for.
    pub fn job(&self) -> JobId {
        match self {
            UnknownJob::NeverSeen { job }
            | UnknownJob::Expired { job, .. }
            | UnknownJob::Evicted { job, .. }
            | UnknownJob::Dropped { job }
            | UnknownJob::Ended { job }
            | UnknownJob::Forgotten { job } => *job,
        }
    }
}

impl fmt::Display for UnknownJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnknownJob::NeverSeen { job } => write!(
                f,
                "job {job} is not known: it is tracked by `Tracker::track` or a scheduler of `Tracker::scheduler`"
            ),
            UnknownJob::Expired { job, ended_at } => write!(
                f,
                "job {job} ended at {ended_at}, and its record has expired: \
                 `TrackerBuilder::retention` keeps records for longer"
            ),
            UnknownJob::Evicted { job, ended_at, limit: Limit::Jobs(most) } => write!(
                f,
                "job {job} ended at {ended_at}, and its record had to go, as {most} others have ended since: \
                 `TrackerBuilder::max_jobs` keeps more"
            ),
            UnknownJob::Evicted { job, ended_at, limit: Limit::Bytes(most) } => write!(
                f,
                "job {job} ended at {ended_at}, and its record had to go, as records may take {most} bytes: \
                 `TrackerBuilder::max_bytes` keeps more"
            ),
            UnknownJob::Dropped { job } => write!(
                f,
                "job {job} was dropped before it had ended: keep a handle of it, and see to it that its scheduler keeps its \
                 tasks or calls `TaskQueue::interrupt`"
            ),
            UnknownJob::Ended { job } => {
                write!(f, "job {job} has ended: `Tracker::get` tells what became of it")
            }
            UnknownJob::Forgotten { job } => write!(
                f,
                "job {job} is older than those that the tracker remembers to have let go of: \
                 what happened that long ago is to be read elsewhere, such as in a log of events"
            ),
        }
    }
}

impl std::error::Error for UnknownJob {}
