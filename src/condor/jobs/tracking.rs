//! [`Tracking`]: the jobs of logs that are followed on threads of the crate's own. What events mean is decided elsewhere.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::mpsc::{self, UnboundedReceiver, UnboundedSender};
use futures::{FutureExt as _, Stream};
use parking_lot::Mutex;

use super::fold::Jobs;
use crate::base::{Clock, block_on, drive};
use crate::condor::events::zone::Zone;
use crate::condor::log::error::ReadError;
use crate::condor::log::logs::{Logs, Next};
use crate::job::Job;

/// As many problems are kept.
const KEPT: usize = 1_000;

/// Follows logs while HTCondor writes them, and gives each job that it finds: made by [`Jobs::follow`]. It is a [`Stream`] of
/// [`Job`]s, which begin with their first event, and works on any executor and on plain threads
/// ([`blocking_next`](Tracking::blocking_next), [`try_next`](Tracking::try_next)). It never ends, as logs don't say that no
/// more jobs come.
///
/// Logs are read on threads of the crate, whether somebody asks for jobs or not, as long as this is kept. When it is dropped, tasks that
/// have not ended are interrupted. Jobs that have ended are let go of, so that only handles keep them.
///
/// The files need not be there yet. They may be thousands: while there is nothing to read, none is open, and one watcher and one timer
/// serve all. What is written is read within milliseconds where the system tells of it, and else within a second; of more
/// than 1,000 logs, each second 1,000 are looked at. With `d.dag.nodes.log`, `d.dag.dagman.log` beside it is read for the end of the DAG.
///
/// ```
/// use milepost::condor::{Jobs, Zone};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.log");
/// std::fs::write(&path, "\
/// 000 (114.000.000) 2026-11-21 19:10:13 Job submitted from host: <127.0.0.1:9618>
/// ...
/// 009 (114.000.000) 2026-11-21 19:10:14 Job was aborted.
/// \tvia condor_rm (by user ann)
/// ...
/// ")?;
/// let mut tracking = Jobs::new().follow(Zone::utc(), [&path]);
/// let job = tracking.blocking_next();
/// let summary = job.wait_until_done().blocking()?;
/// assert_eq!((job.name(), summary.counts.canceled()), ("cluster 114", 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tracking {
    jobs: UnboundedReceiver<Job>,
    /// Whoever reads the logs ends with it.
    more: UnboundedSender<PathBuf>,
    problems: Problems,
}

type Problems = Arc<Mutex<VecDeque<ReadError>>>;

impl Jobs {
    /// Follows the logs from their beginnings, whose times are in `zone`.
    pub fn follow<P: AsRef<Path>>(self, zone: Zone, logs: impl IntoIterator<Item = P>) -> Tracking {
        let (found, jobs) = mpsc::unbounded();
        let (more, paths) = mpsc::unbounded();
        let problems = Problems::default();
        let mut reading = Reading {
            jobs: self,
            logs: Logs::new(),
            zone,
            paths,
            found,
            problems: problems.clone(),
        };
        for log in logs {
            reading.logs.follow(log.as_ref(), &reading.zone);
        }
        drive("what follows HTCondor's logs", poll_fn(move |cx| reading.poll(cx)));
        Tracking { jobs, more, problems }
    }
}

impl Tracking {
    /// Follows one more log, from its beginning. It need not be there yet. One that is followed already is not read again.
    pub fn add(&self, log: impl Into<PathBuf>) {
        // Whoever reads them ends with this.
        _ = self.more.unbounded_send(log.into());
    }

    /// The next job that is found.
    ///
    /// Cancel safe: a job that was not returned comes with the next call.
    pub async fn next(&mut self) -> Job {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The next job, if one was found.
    pub fn try_next(&mut self) -> Option<Job> {
        self.next().now_or_never()
    }

    /// Waits on this thread for the next job.
    pub fn blocking_next(&mut self) -> Job {
        block_on(self.next())
    }

    /// [`blocking_next`](Tracking::blocking_next) for at most `timeout`; `None` if none was found in that time.
    pub fn blocking_next_timeout(&mut self, timeout: Duration) -> Option<Job> {
        let clock = Clock::system();
        let Some(at) = clock.after(timeout) else { return Some(self.blocking_next()) };
        let mut sleep = clock.sleep_until(at);
        block_on(poll_fn(|cx| match self.poll(cx) {
            Poll::Ready(job) => Poll::Ready(Some(job)),
            Poll::Pending => sleep.poll_unpin(cx).map(|()| None),
        }))
    }

    /// Takes out what was wrong with the logs since the last call, the last 1,000 problems at most. They are logged as well.
    pub fn problems(&self) -> Vec<ReadError> {
        self.problems.lock().drain(..).collect()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Job> {
        match Pin::new(&mut self.jobs).poll_next(cx) {
            Poll::Ready(Some(job)) => Poll::Ready(job),
            // Whoever reads has panicked: nothing more comes.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Stream for Tracking {
    type Item = Job;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Job>> {
        self.poll(cx).map(Some)
    }
}

impl fmt::Debug for Tracking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracking")
    }
}

/// What reads the logs.
struct Reading {
    jobs: Jobs,
    logs: Logs,
    zone: Zone,
    paths: UnboundedReceiver<PathBuf>,
    found: UnboundedSender<Job>,
    problems: Problems,
}

impl Reading {
    /// Reads all that is there. Ready when nobody is there any more for whom.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.paths).poll_next(cx) {
                Poll::Ready(Some(log)) => {
                    self.logs.follow(&log, &self.zone);
                    continue;
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            match self.logs.poll(cx) {
                Poll::Ready(Next::Read(log, Ok(event))) => self.jobs.apply_of(&log, &event),
                Poll::Ready(Next::Read(_, Err(problem))) => self.note(problem),
                Poll::Ready(Next::CaughtUp) => self.jobs.caught_up_and_forget(),
                Poll::Pending => return Poll::Pending,
            }
            for job in self.jobs.opened() {
                // If nobody takes it, its events are for nobody.
                _ = self.found.unbounded_send(job);
            }
        }
    }

    fn note(&self, problem: ReadError) {
        tracing::warn!(%problem, "a log of HTCondor's");
        let mut problems = self.problems.lock();
        if problems.len() == KEPT {
            problems.pop_front();
        }
        problems.push_back(problem);
    }
}
