//! [`PoolTracking`]: the handle of what follows submitted jobs, by their logs and their queue. Follows nothing itself.

use std::time::Duration;

use futures::channel::{mpsc, oneshot};

use super::call::Call;
use super::driver::{Driver, Request};
use super::handle::Pool;
use super::submit::Submitted;
use crate::base::drive;
use crate::condor::{JobsBuilder, Zone};
use crate::job::Job;

/// Tracks jobs of a [`Pool`] as Milepost's jobs: by their logs, which tell everything at once, and by asking the queue, which tells
/// what logs have missed. All clusters that are tracked by one of these are asked for together, once a minute unless set; while none is,
/// nobody is asked. A cheap clone; what is tracked is tracked on when all of them are dropped.
///
/// A job's states are those that [`Jobs`](crate::condor::Jobs) makes of its events. What the log doesn't say and the queue does, in two polls
/// in a row, is told as what it is: its [`Cause`](crate::Cause) is of the kind [`Repaired`](crate::CauseKind::Repaired), and says who
/// was asked. So:
/// - a job that has left the queue ends as `condor_history` says; if that doesn't know it either, in three polls in a row, it is
///   interrupted;
/// - a log that is removed, truncated, on a disk that is full, or of a job that was removed by force, costs time but no job: without any
///   log, polls alone tell. They don't see what happens between them;
/// - where the queue can't be asked, that is logged by `tracing`, and it is tried again later, up to sixteen times as late. No job ends
///   by it.
///
/// **Cancelling** the job ([`Job::cancel`]) removes it from HTCondor's queue by `condor_rm`, with the message as the reason; a
/// DAG with all of its nodes. It is done once; where it fails, it is logged and tried again, five times within eight minutes.
/// [`cancel_task`](Job::cancel_task) does so with one of them. A job that waits is called canceled at once, one that runs when
/// HTCondor says so, or after half a minute.
///
/// ```no_run
/// use milepost::condor::{Pool, Submission};
///
/// let pool = Pool::new();
/// let batch = pool.submit(Submission::file("render.sub")).blocking()?;
/// let job = pool.track(&batch).blocking()?.job();
/// job.on_task_completed(|task| println!("{}: {}", task.name, task.state));
/// job.wait_until_done().blocking()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PoolTracking {
    requests: mpsc::UnboundedSender<Request>,
}

/// Makes a [`PoolTracking`] with settings; see [`PoolTracking::builder`].
#[derive(Debug, Clone)]
#[must_use = "jobs are tracked by what build makes"]
pub struct PoolTrackingBuilder {
    pub(super) pool: Pool,
    pub(super) every: Duration,
    pub(super) zone: Zone,
    pub(super) jobs: JobsBuilder,
}

/// Jobs that are tracked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Tracked {
    /// One for each cluster that was submitted. If it was a DAG, the first one has the nodes, and the second one is DAGMan.
    pub jobs: Vec<Job>,
}

impl Tracked {
    /// The job; the first one if several clusters were submitted, and that with the nodes if it was a DAG.
    pub fn job(&self) -> Job {
        match self.jobs.first() {
            Some(job) => job.clone(),
            None => Job::new("no jobs"),
        }
    }
}

impl PoolTracking {
    /// Tracks jobs of this pool, with the usual settings.
    pub fn new(pool: &Pool) -> PoolTracking {
        PoolTracking::builder(pool).build()
    }

    /// Makes one with settings.
    pub fn builder(pool: &Pool) -> PoolTrackingBuilder {
        PoolTrackingBuilder {
            pool: pool.clone(),
            every: EVERY,
            zone: Zone::system(),
            jobs: crate::condor::Jobs::builder(),
        }
    }

    /// Tracks submitted jobs, from their beginning on. Those that are tracked already are the same jobs as before.
    ///
    /// # Errors
    /// There is no thread to do it.
    pub fn track(&self, submitted: &Submitted) -> Call<Tracked> {
        let (say, said) = oneshot::channel();
        _ = self.requests.unbounded_send(Request::Track(submitted.clone(), say));
        Call::of(said)
    }
}

impl PoolTrackingBuilder {
    /// How often the queue is asked: once a minute unless set, once a second at most. After something was found that the log didn't
    /// say, the next time is after a quarter of that.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.every = interval.max(SHORTEST);
        self
    }

    /// The zone that the times of the logs are in: this machine's unless set.
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// How events become jobs: where progress is found, for one.
    pub fn jobs(mut self, jobs: JobsBuilder) -> Self {
        self.jobs = jobs;
        self
    }

    /// Tracks nothing yet.
    pub fn build(self) -> PoolTracking {
        let (requests, received) = mpsc::unbounded();
        drive("the tracking of HTCondor's jobs", Driver::new(self, received).run());
        PoolTracking { requests }
    }
}

/// A queue serves many users; what logs miss is seldom.
const EVERY: Duration = Duration::from_secs(60);

const SHORTEST: Duration = Duration::from_secs(1);
