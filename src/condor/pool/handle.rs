//! [`Pool`]: the handle that users have of a pool. How its tools are run, and what they say, is others' matter.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::try_join_all;

use super::action::{Action, Done};
use super::ask::Asker;
use super::call::Call;
use super::job_ad::JobAd;
use super::query::Query;
use super::submit::{Submission, Submitted};
use super::summary::Summary;
use super::tracking::{PoolTracking, Tracked};
use super::which::Which;
use crate::base::Clock;

/// A pool of HTCondor, by its command-line tools (`condor_submit`, `condor_q`, `condor_history`, `condor_hold` and so on): they
/// know how to reach the pool and who asks, and are as old or new as the pool is. A cheap clone.
///
/// Each call runs a tool, at once and on threads of the crate; see [`Call`] for how to wait for it, and for what its drop does.
/// Tools are in process groups of their own and have no terminal to read from: one that asks for a password waits for its time
/// limit.
///
/// ```no_run
/// use milepost::condor::{JobStatus, Pool, Query, Submission};
///
/// let pool = Pool::new();
/// let batch = pool.submit(Submission::file("render.sub")).blocking()?;
/// pool.hold(&batch, "the disk is full").blocking()?;
/// assert_eq!(pool.summary(Query::of(&batch)).blocking()?.count(JobStatus::Held), batch.count());
/// pool.release(&batch, "there is room again").blocking()?;
/// # Ok::<(), milepost::condor::PoolError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a pool does nothing until it is asked"]
pub struct Pool {
    asker: Asker,
    /// Made when it is first needed; all clones of this have the same.
    tracking: Arc<OnceLock<PoolTracking>>,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new()
    }
}

impl Pool {
    /// The pool of this machine, by the tools on the `PATH`.
    pub fn new() -> Pool {
        Pool { asker: Asker::default(), tracking: Arc::default() }
    }

    /// By the tools in this folder.
    pub fn tools_in(self, folder: impl Into<PathBuf>) -> Pool {
        self.with(|asker| {
            asker.tools.folder = Some(folder.into());
        })
    }

    /// Runs each tool by a program that is given the tool and its arguments as arguments of its own, after these words: `env`,
    /// `sudo -u ann`, or a program that enters a container.
    pub fn run_by(self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Pool {
        self.with(|asker| {
            asker.tools.prefix = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
            asker.tools.shell = false;
        })
    }

    /// Runs each tool by a program that is given the whole command as one argument, after these words, and has a POSIX shell
    /// run it: `ssh submit.example.org`, or `sh -c`. Arguments are quoted for that shell.
    pub fn run_by_shell(self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Pool {
        self.run_by(words).with(|asker| asker.tools.shell = true)
    }

    /// Sets a variable of the tools' environment: `CONDOR_CONFIG`, for one.
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Pool {
        self.with(|asker| {
            let variable = (name.as_ref().to_owned(), value.as_ref().to_owned());
            asker.tools.variables.push(variable);
        })
    }

    /// Asks another schedd than the machine's own: by its name, as `condor_status -schedd` shows it.
    pub fn schedd(self, name: impl Into<Arc<str>>) -> Pool {
        self.with(|asker| {
            asker.schedd = Some(name.into());
        })
    }

    /// Finds the schedds of queries and actions by another central manager.
    pub fn central_manager(self, host: impl Into<Arc<str>>) -> Pool {
        self.with(|asker| {
            asker.manager = Some(host.into());
        })
    }

    /// Says that what the tools call `there` is `here` in this process: for tools that run in a container or on another machine,
    /// whose files are seen from here too. Logs are then found.
    pub fn paths(self, there: impl AsRef<Path>, here: impl AsRef<Path>) -> Pool {
        self.with(|asker| {
            asker.paths = Some((there.as_ref().into(), here.as_ref().into()));
        })
    }

    /// How long a tool may take: a minute unless set. One that takes longer is killed.
    pub fn time_limit(self, limit: Duration) -> Pool {
        self.with(|asker| {
            asker.limit = limit;
        })
    }

    /// How many bytes a tool may print: 256 MiB unless set. One that prints more is killed.
    pub fn output_limit(self, bytes: usize) -> Pool {
        self.with(|asker| {
            asker.most = bytes;
        })
    }

    /// The clock that this is by: the system's unless set.
    pub fn clock(self, clock: Clock) -> Pool {
        self.with(|asker| {
            asker.clock = clock;
        })
    }

    /// With other settings, by which others are tracked.
    fn with(mut self, change: impl FnOnce(&mut Asker)) -> Pool {
        change(&mut self.asker);
        Pool { asker: self.asker, tracking: Arc::default() }
    }

    pub(super) fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Submits jobs, and asks the queue which logs their events are in. If only the latter can't be had, that is logged by
    /// `tracing`, and there are no logs in what is returned.
    ///
    /// # Errors
    /// The tool can't be run, or doesn't take the description. After [`PoolError::TimedOut`](super::PoolError::TimedOut), jobs may
    /// have been submitted.
    pub fn submit(&self, submission: Submission) -> Call<Submitted> {
        let asker = self.asker.clone();
        Call::acting(async move { asker.submit(submission).await })
    }

    /// The jobs that are in the queue.
    ///
    /// # Errors
    /// The queue can't be asked, or the query is refused; if several are asked, any of them.
    pub fn queue(&self, query: Query) -> Call<Vec<JobAd>> {
        self.list("condor_q", query)
    }

    /// The jobs that have left the queue, the last one first. Histories may be long: say which jobs, or a
    /// [limit](Query::limit). A job is there soon after it has left the queue, and for as long as the pool keeps it.
    ///
    /// # Errors
    /// The history can't be asked, or the query is refused; if several are asked, any of them.
    pub fn history(&self, query: Query) -> Call<Vec<JobAd>> {
        self.list("condor_history", query)
    }

    fn list(&self, tool: &'static str, query: Query) -> Call<Vec<JobAd>> {
        let asker = self.asker.clone();
        Call::asking(async move {
            let lists = asker.sources(&query).into_iter().map(|source| source.list(tool, &query));
            Ok(try_join_all(lists).await?.into_iter().flatten().collect())
        })
    }

    /// How many jobs in the queue are in which state.
    ///
    /// # Errors
    /// The queue can't be asked, or the query is refused; if several are asked, any of them.
    pub fn summary(&self, query: Query) -> Call<Summary> {
        let asker = self.asker.clone();
        Call::asking(async move {
            let parts = asker.sources(&query).into_iter().map(|source| source.summary(&query));
            let mut summary = Summary::default();
            try_join_all(parts).await?.into_iter().for_each(|part| summary.add(part));
            Ok(summary)
        })
    }

    /// Does something to jobs in the queue. HTCondor notes the reason where it [takes one](Action::takes_reason).
    ///
    /// That it can't be done to any of them, as they have ended or are in another state, is no error: [`Done`] says so.
    ///
    /// # Errors
    /// The queue can't be asked, or doesn't understand which jobs are meant.
    pub fn act<'r>(
        &self,
        action: Action,
        which: impl Into<Which>,
        reason: impl Into<Option<&'r str>>,
    ) -> Call<Done> {
        let (asker, which) = (self.asker.clone(), which.into());
        let reason = reason.into().map(str::to_owned);
        Call::acting(async move { asker.act(action, &which, reason.as_deref()).await })
    }

    /// Tracks submitted jobs as Milepost's, by their log and by asking the queue; see [`PoolTracking`], which also has settings. All that is
    /// tracked by a pool and its clones is asked for together.
    ///
    /// # Errors
    /// There is no thread to do it.
    pub fn track(&self, submitted: &Submitted) -> Call<Tracked> {
        // What is tracked has no pool that would keep its own tracking.
        let own = || Pool { asker: self.asker.clone(), tracking: Arc::default() };
        self.tracking.get_or_init(|| PoolTracking::new(&own())).track(submitted)
    }

    /// Keeps jobs from running until they are released. Those that run are stopped.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn hold<'r>(
        &self,
        which: impl Into<Which>,
        reason: impl Into<Option<&'r str>>,
    ) -> Call<Done> {
        self.act(Action::Hold, which, reason)
    }

    /// Lets held jobs wait for a machine again.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn release<'r>(
        &self,
        which: impl Into<Which>,
        reason: impl Into<Option<&'r str>>,
    ) -> Call<Done> {
        self.act(Action::Release, which, reason)
    }

    /// Ends jobs, and has them leave the queue.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn remove<'r>(
        &self,
        which: impl Into<Which>,
        reason: impl Into<Option<&'r str>>,
    ) -> Call<Done> {
        self.act(Action::Remove, which, reason)
    }

    /// Forgets removed jobs whose machines don't answer.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn remove_forced<'r>(
        &self,
        which: impl Into<Which>,
        reason: impl Into<Option<&'r str>>,
    ) -> Call<Done> {
        self.act(Action::RemoveForced, which, reason)
    }

    /// Stops running jobs gracefully; they wait for a machine again.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn vacate(&self, which: impl Into<Which>) -> Call<Done> {
        self.act(Action::Vacate, which, None)
    }

    /// Kills running jobs; they wait for a machine again.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn vacate_fast(&self, which: impl Into<Which>) -> Call<Done> {
        self.act(Action::VacateFast, which, None)
    }

    /// Stops the processes of running jobs where they are.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn suspend(&self, which: impl Into<Which>) -> Call<Done> {
        self.act(Action::Suspend, which, None)
    }

    /// Lets suspended jobs go on.
    ///
    /// # Errors
    /// As [`act`](Pool::act) has.
    pub fn resume(&self, which: impl Into<Which>) -> Call<Done> {
        self.act(Action::Resume, which, None)
    }
}
