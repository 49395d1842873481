//! Asking a pool: one call a method, from what is asked to the tool's words, and from what it prints to what it says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::PoolError;
use super::action::{Action, Done};
use super::job_ad::JobAd;
use super::process::{NotRun, Printed, Process};
use super::query::Query;
use super::submit::{Submission, Submitted, dag_range, ranges};
use super::summary::Summary;
use super::tool::{Invocation, Tools, shown};
use super::which::Which;
use crate::base::Clock;
use crate::condor::Ad;
use crate::model::Timestamp;

/// What is known of a pool, to ask it.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) tools: Tools,
    pub(super) schedd: Option<Arc<str>>,
    pub(super) manager: Option<Arc<str>>,
    /// What the tools call it, and what it is here.
    pub(super) paths: Option<(PathBuf, PathBuf)>,
    pub(super) limit: Duration,
    pub(super) most: usize,
    pub(super) clock: Clock,
}

impl Default for Asker {
    fn default() -> Asker {
        Asker {
            tools: Tools::default(),
            schedd: None,
            manager: None,
            paths: None,
            limit: Duration::from_secs(60),
            most: 256 << 20,
            clock: Clock::system(),
        }
    }
}

/// What a tool has said.
struct Said {
    command: Arc<str>,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn succeeded(self) -> Result<Said, PoolError> {
        if self.code == Some(0) { Ok(self) } else { Err(self.failed()) }
    }

    fn failed(self) -> PoolError {
        // Some say on their standard output what is wrong.
        let said = if self.stderr.trim().is_empty() { self.stdout } else { self.stderr };
        PoolError::Failed { command: self.command, code: self.code, stderr: said.into() }
    }

    fn not_understood(self, reason: impl Into<Arc<str>>) -> PoolError {
        PoolError::NotUnderstood {
            command: self.command,
            reason: reason.into(),
            output: self.stdout.chars().take(1000).collect::<String>().into(),
        }
    }
}

impl Asker {
    async fn run(
        &self,
        invocation: Invocation,
        directory: Option<PathBuf>,
    ) -> Result<Said, PoolError> {
        let words = invocation.words(&self.tools);
        let command = shown(&words);
        let process = Process {
            words,
            directory,
            variables: self.tools.variables.clone(),
            stdin: invocation.stdin,
            most: self.most,
        };
        tracing::debug!(%command, "runs");
        let Printed { status, stdout, stderr } =
            process.run(&self.clock, self.limit).await.map_err(|error| match error {
                NotRun::NoThread(source) => PoolError::NoThread { source: Arc::new(source) },
                NotRun::NotStarted(source) => {
                    PoolError::NotStarted { command: command.clone(), source: Arc::new(source) }
                }
                NotRun::TimedOut => {
                    PoolError::TimedOut { command: command.clone(), limit: self.limit }
                }
                NotRun::TooMuch => {
                    PoolError::TooMuch { command: command.clone(), limit: self.most }
                }
                NotRun::Lost => PoolError::Lost,
            })?;
        let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        Ok(Said { command, code: status.code(), stdout: text(stdout), stderr: text(stderr) })
    }

    /// The options that say whose queue is meant.
    fn address(&self) -> Result<Vec<String>, PoolError> {
        let mut words = Vec::new();
        for (option, what, name) in
            [("-name", "the schedd", &self.schedd), ("-pool", "the central manager", &self.manager)]
        {
            if let Some(name) = name {
                words.extend([option.to_owned(), checked_name(what, name)?]);
            }
        }
        Ok(words)
    }

    /// One for each queue that a query is for.
    pub(super) fn sources(&self, query: &Query) -> Vec<Asker> {
        if query.schedds.is_empty() {
            return vec![self.clone()];
        }
        let of = |name: &Arc<str>| Asker { schedd: Some(name.clone()), ..self.clone() };
        query.schedds.iter().map(of).collect()
    }

    pub(super) async fn list(
        self,
        tool: &'static str,
        query: &Query,
    ) -> Result<Vec<JobAd>, PoolError> {
        let names = query.names()?;
        let mut base = Invocation::new(tool).args(self.address()?).arg("-json");
        // Only the queue's tool shows no others' jobs unless told.
        if query.everyones && tool == "condor_q" {
            base = base.arg("-allusers");
        }
        if query.factories {
            base = base.arg("-factory");
        }
        if query.has_attributes() {
            base = base.arg("-attributes").arg(names.join(","));
        }
        let mut jobs = Vec::new();
        if query.is_none() {
            return Ok(jobs);
        }
        for invocation in query.invocations(&base)? {
            let said = self.run(invocation, None).await?.succeeded()?;
            let ads = match read_ads(&said.stdout) {
                Ok(ads) => ads,
                Err(reason) => return Err(said.not_understood(reason)),
            };
            for ad in ads {
                match JobAd::new(ad, self.schedd.clone()) {
                    Some(job) => jobs.push(job),
                    None => return Err(said.not_understood("a job has no ClusterId")),
                }
            }
        }
        jobs.truncate(query.limit_of());
        Ok(jobs)
    }

    pub(super) async fn summary(self, query: &Query) -> Result<Summary, PoolError> {
        let mut base = Invocation::new("condor_q").args(self.address()?);
        if query.everyones {
            base = base.arg("-allusers");
        }
        let mut summary = Summary::default();
        if query.is_none() {
            return Ok(summary);
        }
        for invocation in query.invocations(&base)? {
            // Last, as it takes all names that follow.
            let said = self.run(invocation.args(["-af", "JobStatus"]), None).await?.succeeded()?;
            match Summary::parse(&said.stdout) {
                Ok(part) => summary.add(part),
                Err(reason) => return Err(said.not_understood(reason)),
            }
        }
        Ok(summary)
    }

    pub(super) async fn act(
        &self,
        action: Action,
        which: &Which,
        reason: Option<&str>,
    ) -> Result<Done, PoolError> {
        let base = action.invocation(reason).args(self.address()?);
        let mut done = Done::default();
        for which in which.arguments()? {
            let said = self.run(base.clone().args(which), None).await?;
            // A tool that could do it to none says so by its exit code too.
            match Done::parse(&said.stdout) {
                Some(part) => done.jobs.extend(part.jobs),
                None if said.code == Some(0) => {
                    return Err(said.not_understood("it doesn't say what was done"));
                }
                None => return Err(said.failed()),
            }
        }
        Ok(done)
    }

    pub(super) async fn submit(&self, submission: Submission) -> Result<Submitted, PoolError> {
        self.address()?;
        let invocation = submission.invocation(self.schedd.as_deref(), self.manager.as_deref());
        let said = self.run(invocation, submission.directory.clone()).await?.succeeded()?;
        let dag = submission.is_dag();
        let found = if dag { dag_range(&said.stdout) } else { ranges(&said.stdout) };
        let Some(jobs) = found else {
            return Err(said.not_understood("it doesn't say which jobs were submitted"));
        };
        let mut submitted =
            Submitted { jobs, dag, schedd: self.schedd.clone(), ..Submitted::default() };
        match self.logs(&submitted).await {
            Ok((logs, at)) => (submitted.logs, submitted.at) = (logs, at),
            Err(error) => tracing::warn!(
                %error, clusters = ?submitted.jobs, "it isn't known which logs the events of submitted jobs are in"
            ),
        }
        Ok(if dag { submitted.with_log_of_nodes() } else { submitted })
    }

    /// The logs of submitted jobs, each once, and when they were submitted.
    async fn logs(
        &self,
        submitted: &Submitted,
    ) -> Result<(Vec<PathBuf>, Option<Timestamp>), PoolError> {
        let query = Query::of(submitted).attributes(["UserLog", "Iwd", "QDate"]);
        let mut jobs = self.clone().list("condor_q", &query).await?;
        if jobs.is_empty() {
            // They were quick.
            jobs = self.clone().list("condor_history", &query).await?;
        }
        let mut logs: Vec<PathBuf> =
            jobs.iter().filter_map(JobAd::log).map(|log| self.here(&log)).collect();
        logs.sort_unstable();
        logs.dedup();
        Ok((logs, jobs.iter().filter_map(JobAd::submitted).min()))
    }

    /// What a path of the tools is here.
    fn here(&self, path: &Path) -> PathBuf {
        let mapped = self.paths.as_ref().and_then(|(there, here)| {
            let below = path.strip_prefix(there).ok()?;
            Some(here.join(below))
        });
        mapped.unwrap_or_else(|| path.into())
    }
}

fn checked_name(what: &'static str, name: &Arc<str>) -> Result<String, PoolError> {
    let reason = match &**name {
        "" => "is empty",
        name if name.starts_with('-') => "would be taken for an option",
        name if name.contains(['\0', '\n']) => "has characters that no name has",
        name => return Ok(name.to_owned()),
    };
    Err(PoolError::Refused { what, text: name.clone(), reason })
}

/// The ads in an array; where there are none, some tools print nothing.
fn read_ads(printed: &str) -> Result<Vec<Ad>, String> {
    if printed.trim().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(printed).map_err(|error| error.to_string())
}
