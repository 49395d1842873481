//! How runs of a job end: [`Terminated`], [`Evicted`], and what they have taken. Plain data.

use std::time::Duration;

/// How a program has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// By itself, with this exit code.
    Exited(i64),
    /// By this signal.
    Signaled(i64),
    /// The log doesn't say.
    Unknown,
}

impl Ended {
    /// Whether it ended by itself with 0.
    pub fn is_success(self) -> bool {
        self == Ended::Exited(0)
    }
}

/// CPU time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// In the program.
    pub user: Duration,
    /// In the system, for the program.
    pub system: Duration,
}

/// What the end of a job says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Terminated<'a> {
    /// How.
    pub ended: Ended,
    /// Where the memory of the program was written to.
    pub core_file: Option<&'a str>,
    /// CPU time of the last run, where it ran.
    pub run_remote: Usage,
    /// The same where it was submitted.
    pub run_local: Usage,
    /// CPU time of all runs, where they ran.
    pub total_remote: Usage,
    /// The same where it was submitted.
    pub total_local: Usage,
    /// Bytes sent by the last run.
    pub sent: f64,
    /// Bytes received by the last run.
    pub received: f64,
    /// Bytes sent by all runs.
    pub total_sent: f64,
    /// Bytes received by all runs.
    pub total_received: f64,
    /// What it has used of what it was given.
    pub resources: Vec<Resource<'a>>,
}

/// What the end of a run says that was not the job's end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evicted<'a> {
    /// Whether it can go on from a checkpoint.
    pub checkpointed: bool,
    /// How the program has ended, if it has and is to run again: a retry.
    pub requeued: Option<Ended>,
    /// Where the memory of the program was written to.
    pub core_file: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// HTCondor's number for why.
    pub code: Option<i64>,
    /// More of it.
    pub subcode: Option<i64>,
    /// CPU time of the run, where it ran.
    pub run_remote: Usage,
    /// The same where it was submitted.
    pub run_local: Usage,
    /// Bytes sent by the run.
    pub sent: f64,
    /// Bytes received by the run.
    pub received: f64,
    /// What it has used of what it was given.
    pub resources: Vec<Resource<'a>>,
}

/// A line of the table of what a job has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Resource<'a> {
    /// What: `Cpus`, `Disk` in KiB, `Memory` in MiB, `GPUs`, `TimeExecute` in seconds ...
    pub name: &'a str,
    /// How much was used, on average or at most.
    pub used: Option<f64>,
    /// How much was asked for.
    pub requested: Option<f64>,
    /// How much was given.
    pub allocated: Option<f64>,
    /// Which ones.
    pub assigned: Option<&'a str>,
}
