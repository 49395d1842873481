//! [`Body`]: what an event says beside its header, by its type. Plain data, borrowed from the event; others read it from text and
//! ads, and write it as attributes.

use super::ending::{Ended, Evicted, Terminated, Usage};
use crate::condor::ad::attributes::Attributes;

/// What an event says beside its header. Kinds that have no variant of their own are [`Other`](Body::Other), as is what
/// can't be understood: with all that is there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Body<'a> {
    /// A job was submitted (000).
    Submit(Submit<'a>),
    /// A job runs (001).
    Execute(Execute<'a>),
    /// A node of a parallel job runs (014).
    NodeExecute {
        /// The node, from 0.
        node: i64,
        /// Where.
        execute: Execute<'a>,
    },
    /// The job's program can't be run (002): HTCondor's number for why, 0 if it is none and 1 if it wasn't linked for HTCondor.
    ExecutableError {
        /// Why.
        code: i64,
    },
    /// The job was checkpointed (003).
    Checkpointed {
        /// CPU time of this run, where it ran.
        run_remote: Usage,
        /// The same where it was submitted.
        run_local: Usage,
        /// Bytes sent for the checkpoint.
        sent: f64,
    },
    /// The job was taken from its machine before its end (004).
    Evicted(Evicted<'a>),
    /// The job has ended (005).
    Terminated(Terminated<'a>),
    /// A node of a parallel job has ended (015).
    NodeTerminated {
        /// The node, from 0.
        node: i64,
        /// How.
        terminated: Terminated<'a>,
    },
    /// How much memory the job takes (006).
    ImageSize(ImageSize),
    /// The job's shadow, which HTCondor watches it by, has failed (007).
    ShadowException {
        /// Why.
        message: &'a str,
        /// Bytes sent in this run.
        sent: f64,
        /// Bytes received in this run.
        received: f64,
    },
    /// Whatever somebody wrote: the job itself by `condor_chirp ulog`, for one (008).
    Generic {
        /// The text: its first line.
        info: &'a str,
    },
    /// The job was removed (009).
    Aborted {
        /// Why, and by whom.
        reason: Option<&'a str>,
    },
    /// The job's processes were stopped (010).
    Suspended {
        /// How many.
        processes: i64,
    },
    /// They go on (011).
    Unsuspended,
    /// The job is held: it doesn't run until it is released (012).
    Held {
        /// Why.
        reason: Option<&'a str>,
        /// HTCondor's number for why.
        code: i64,
        /// More of it, which depends on the number.
        subcode: i64,
    },
    /// The job was released (013).
    Released {
        /// Why, and by whom.
        reason: Option<&'a str>,
    },
    /// The script after a node of a DAG has ended (016).
    PostScript {
        /// How.
        ended: Ended,
        /// The DAG's node.
        node: Option<&'a str>,
    },
    /// The connection to the machine that the job runs on is lost (022).
    Disconnected(Connection<'a>),
    /// It is there again (023).
    Reconnected(Connection<'a>),
    /// It won't be; the job runs again elsewhere (024).
    ReconnectFailed {
        /// Why.
        reason: Option<&'a str>,
        /// The machine.
        startd: Option<&'a str>,
    },
    /// Attributes of the job's ad, as they were when another event happened (028).
    AdInformation(Attributes<'a>),
    /// An attribute of the job has changed (033).
    AttributeUpdate {
        /// Its name.
        name: &'a str,
        /// The expression before; none if it was not set.
        old: Option<&'a str>,
        /// The expression since.
        new: &'a str,
    },
    /// A cluster was submitted whose jobs are made as they are needed (035).
    ClusterSubmit(Submit<'a>),
    /// No more jobs are made of a cluster (036).
    ClusterRemove(ClusterRemove<'a>),
    /// For now, no more jobs are made of a cluster (037).
    FactoryPaused {
        /// Why.
        reason: Option<&'a str>,
        /// HTCondor's number for why.
        code: i64,
        /// The number of the hold that led to it.
        hold_code: i64,
    },
    /// Jobs are made of a cluster again (038).
    FactoryResumed {
        /// Why.
        reason: Option<&'a str>,
    },
    /// Files are transferred to or from where the job runs (040).
    FileTransfer(FileTransfer<'a>),
    /// Everything else.
    Other(Attributes<'a>),
}

/// What a submission says.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Submit<'a> {
    /// Whose queue the job is in: the address of the schedd.
    pub host: Option<&'a str>,
    /// The first note: of the tool that submitted it. `DAG Node: A` if that was DAGMan.
    pub log_notes: Option<&'a str>,
    /// The second note: the user's.
    pub user_notes: Option<&'a str>,
    /// What was doubtful about the submission.
    pub warnings: Option<&'a str>,
}

/// Where a job runs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Execute<'a> {
    /// The machine's address.
    pub host: Option<&'a str>,
    /// The slot's name.
    pub slot: Option<&'a str>,
    /// What the slot has: `Cpus`, `Memory` in MiB, `Disk` in KiB and more.
    pub properties: Attributes<'a>,
}

/// How much memory a job takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageSize {
    /// Virtual memory in KiB.
    pub size: i64,
    /// What HTCondor holds against the job's request, in MiB.
    pub memory_usage: Option<i64>,
    /// Resident memory in KiB.
    pub resident: Option<i64>,
    /// The job's share of it where it is shared, in KiB.
    pub proportional: Option<i64>,
}

/// A connection that was lost or is there again.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Connection<'a> {
    /// Why it was lost.
    pub reason: Option<&'a str>,
    /// The machine's name.
    pub startd: Option<&'a str>,
    /// The machine's address.
    pub startd_address: Option<&'a str>,
    /// The address of what runs the job there.
    pub starter_address: Option<&'a str>,
}

/// How much was made of a cluster by its end.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ClusterRemove<'a> {
    /// How many jobs were made.
    pub jobs: i64,
    /// Of how many items.
    pub items: i64,
    /// 1 if that was all, 0 if not, 2 if it was paused; negative is HTCondor's number of an error.
    pub completion: i64,
    /// Why.
    pub notes: Option<&'a str>,
}

/// A transfer of a job's files.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FileTransfer<'a> {
    /// What of it: 1 input is queued, 2 input has begun, 3 input is done, 4 output is queued, 5 output has begun, 6 output is
    /// done; 0 if it is none of these.
    pub phase: i64,
    /// How long it was queued, in seconds.
    pub queued: Option<i64>,
    /// Where to, or where from.
    pub host: Option<&'a str>,
}
