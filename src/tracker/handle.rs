//! [`Tracker`]: the handle that all is asked of. Judges candidates outside of the index's lock.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::index::Limits;
use super::pages::Candidate;
use super::record::{JobRecord, Selection, Standing};
use super::shared::Shared;
use super::{Field, Query, Summary, TrackedEvents, UnknownJob};
use crate::base::Clock;
use crate::job::core::JobCore;
use crate::job::{Job, ObservedScheduler, Observer, Scheduler};
use crate::model::JobId;

const RETENTION: Duration = Duration::from_secs(30 * 60);
const MAX_JOBS: usize = 100_000;
const MAX_BYTES: usize = 256 << 20;

/// Knows all jobs that it was given, and answers for them, also for a while after their end: a cheap clone.
///
/// It keeps no job: one whose handles are gone ends as it would, and is replaced by a record of what became of it. A record
/// goes after 30 minutes, or earlier if there are more than a [limit](Tracker::builder). What is answered of a live job is as
/// of that moment: whoever has seen a job in some state finds it by that state.
///
/// ```
/// use milepost::{Job, JobState, LocalScheduler, Tracker};
/// use milepost::tracker::Query;
///
/// let tracker = Tracker::new();
/// let scheduler = tracker.scheduler(LocalScheduler::new(2)?);
/// let job = Job::new("thumbnails");
/// job.add_blocking("a.png", |_cx| Ok(()))?;
/// job.submit(&scheduler)?;
/// job.wait_until_done().blocking()?;
/// let id = job.id();
/// drop(job);
///
/// assert_eq!(tracker.get(id)?.state, Some(JobState::Completed));
/// assert_eq!(tracker.query(&Query::new().name("thumb*")).len(), 1);
/// assert_eq!(tracker.summary(&Query::new()).total(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tracker {
    shared: Arc<Shared>,
}

impl Tracker {
    /// A tracker with the default settings.
    pub fn new() -> Tracker {
        Tracker::builder().build()
    }

    /// Makes a tracker with settings: for how long records are kept, and how many.
    pub fn builder() -> TrackerBuilder {
        let limits = Limits { retention: RETENTION, max_jobs: MAX_JOBS, max_bytes: MAX_BYTES };
        TrackerBuilder { limits, clock: Clock::system() }
    }

    /// Tracks a job from now on, whatever state it is in; once, however often it is called.
    pub fn track(&self, job: &Job) {
        self.track_core(job.core());
    }

    pub(super) fn track_core(&self, core: &Arc<JobCore>) {
        self.shared.track(core);
    }

    /// A scheduler like `inner`, of which this tracks all jobs, child jobs included.
    ///
    /// ```
    /// use milepost::{Job, LocalScheduler, Tracker};
    /// use milepost::tracker::Query;
    ///
    /// let tracker = Tracker::new();
    /// let scheduler = tracker.scheduler(LocalScheduler::new(2)?);
    /// let job = Job::new("sums");
    /// job.add_blocking("one", |_cx| Ok(1 + 1))?;
    /// job.submit(&scheduler)?;
    /// job.wait_until_done().blocking()?;
    /// assert_eq!(tracker.query(&Query::new().ended())[0].job, job.id());
    /// scheduler.inner().shutdown().blocking();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheduler<S: Scheduler>(&self, inner: S) -> ObservedScheduler<S> {
        ObservedScheduler::new(inner, Arc::new(self.clone()))
    }

    /// A job as it is now, with everything but its tasks. For those, or for less, [query](Tracker::query) its
    /// [id](Query::ids).
    ///
    /// # Errors
    /// The job is not known; the error says why, and what would help.
    pub fn get(&self, job: JobId) -> Result<JobRecord, UnknownJob> {
        let found = self.shared.look(|index, _| match index.find(job) {
            // One that is gone has its mark in a moment.
            Some(tracked) => Candidate::of(tracked).ok_or(UnknownJob::Dropped { job }),
            None => Err(index.why_unknown(job)),
        })?;
        match found {
            Candidate::Record(kept) => Ok(kept.record.part(Selection::default())),
            Candidate::Job(core) => JobRecord::of_job(&core, Selection::default(), |_| true)
                .ok_or(UnknownJob::Dropped { job }),
        }
    }

    /// A handle of a job that has not ended: to cancel it, say, or to read its [events](Job::events). It counts as a handle: a
    /// job that was not sealed is when the last one goes. It revives nothing: a job whose other handles are gone takes no tasks,
    /// and one that ends in this moment has ended.
    ///
    /// # Errors
    /// The job is not known, or has ended; the error says so.
    ///
    /// ```
    /// use milepost::{Job, Tracker};
    ///
    /// let (tracker, job) = (Tracker::new(), Job::new("thumbnails"));
    /// tracker.track(&job);
    /// tracker.job(job.id())?.cancel("not needed");
    /// let error = tracker.job(job.id()).unwrap_err();
    /// assert!(error.to_string().contains("has ended"));
    /// # Ok::<(), milepost::tracker::UnknownJob>(())
    /// ```
    pub fn job(&self, job: JobId) -> Result<Job, UnknownJob> {
        let core = self.core(job)?.filter(|core| !core.look(|ledger| ledger.state().is_terminal()));
        core.map(Job::of).ok_or(UnknownJob::Ended { job })
    }

    /// A job itself, as long as it is there; none if only its record is.
    pub(crate) fn core(&self, job: JobId) -> Result<Option<Arc<JobCore>>, UnknownJob> {
        let found = self.shared.look(|index, _| match index.find(job) {
            Some(tracked) => Candidate::of(tracked).ok_or(UnknownJob::Dropped { job }),
            None => Err(index.why_unknown(job)),
        })?;
        Ok(match found {
            Candidate::Job(core) => Some(core),
            Candidate::Record(_) => None,
        })
    }

    /// What retention is counted by.
    #[allow(dead_code, reason = "only the web server asks for it, which is a feature")]
    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The jobs that a query asks for, in its order. It takes time by the number of jobs in the states that it asks for, and
    /// less if a limit is reached before.
    pub fn query(&self, query: &Query) -> Vec<JobRecord> {
        let (found, all) = self.judge(query, query.limit);
        if all || found.len() >= query.limit {
            return found;
        }
        // Some of those that come first began at another time, or have changed in this moment. The walk is made anew, so
        // that all are of one moment.
        self.judge(query, usize::MAX).0
    }

    /// The wanted ones among the first `most` candidates, and whether those were all.
    fn judge(&self, query: &Query, most: usize) -> (Vec<JobRecord>, bool) {
        let candidates = self.shared.look(|index, _| index.candidates(query, most));
        let records = candidates.iter().filter_map(|candidate| judge(query, candidate));
        (records.take(query.limit).collect(), candidates.len() < most)
    }

    /// How many jobs that a query asks for are in each state, whatever its limit is. If it asks by state alone, the time that it
    /// takes doesn't depend on the number of jobs.
    pub fn summary(&self, query: &Query) -> Summary {
        if !query.is_by_times() {
            return self.shared.look(|index, _| index.count(query));
        }
        let states = query.clone().select([Field::State]).limit(usize::MAX);
        let mut summary = Summary::default();
        for record in self.judge(&states, usize::MAX).0 {
            record.state.into_iter().for_each(|state| summary.add(state, 1));
        }
        summary
    }

    /// The events of all tracked jobs, and of those that will be: see [`TrackedEvents`].
    pub fn events(&self) -> TrackedEvents {
        TrackedEvents::new(self.shared.seat(), self.shared.clock.clone())
    }
}

/// What is wanted of a candidate, if it is wanted (T2).
fn judge(query: &Query, candidate: &Candidate) -> Option<JobRecord> {
    match candidate {
        Candidate::Job(core) => {
            JobRecord::of_job(core, query.selection, |standing| query.wants(standing))
        }
        Candidate::Record(kept) => {
            let JobRecord { state, started_at, ended_at, .. } = kept.record;
            let wanted = query.wants(Standing { state: state?, started_at, ended_at });
            wanted.then(|| kept.record.part(query.selection))
        }
    }
}

impl Observer for Tracker {
    fn accepted(&self, job: &Arc<JobCore>) {
        self.track_core(job);
    }
}

impl Default for Tracker {
    fn default() -> Tracker {
        Tracker::new()
    }
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary(&Query::new());
        write!(f, "Tracker({} jobs, {} ended)", summary.total(), summary.ended())
    }
}

/// Makes a tracker with settings; see [`Tracker::builder`]. The limits count jobs that have ended, and those that ended first go
/// first; a job that has not ended is never let go of.
///
/// ```
/// use std::time::Duration;
/// use milepost::Tracker;
///
/// let tracker = Tracker::builder()
///     .retention(Duration::from_secs(24 * 60 * 60))
///     .max_jobs(1_000_000)
///     .max_bytes(1 << 30)
///     .build();
/// # drop(tracker);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a tracker is made by build"]
pub struct TrackerBuilder {
    limits: Limits,
    clock: Clock,
}

impl TrackerBuilder {
    /// For how long a job is known after its end: 30 minutes unless set.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.limits.retention = retention;
        self
    }

    /// Of how many jobs that have ended there are records at most: 100,000 unless set.
    pub fn max_jobs(mut self, n: usize) -> Self {
        self.limits.max_jobs = n;
        self
    }

    /// How many bytes of memory the records of jobs that have ended take at most, as it is estimated: 256 MiB unless set. A
    /// record takes some 400 bytes, and for each task some 130 and its texts.
    pub fn max_bytes(mut self, n: usize) -> Self {
        self.limits.max_bytes = n;
        self
    }

    /// The clock that retention is counted by: the system's unless set. With a manual one, what is due is let go of before
    /// [`ManualClock::advance`](crate::ManualClock::advance) returns.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the tracker.
    pub fn build(self) -> Tracker {
        Tracker { shared: Shared::new(self.clock, self.limits) }
    }
}
