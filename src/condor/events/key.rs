//! [`JobKey`]: which of HTCondor's jobs. Parses nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of HTCondor's jobs an event is of: its cluster, the number in that (its proc), and a third number. That is 0 but for
/// the nodes of parallel jobs, and for nodes of DAGs that run nothing, which differ in it alone.
///
/// Numbers are negative where an event is of no job (`-1.-1.-1`), or of a whole cluster (`141.-1`).
///
/// ```
/// use milepost::condor::JobKey;
///
/// assert_eq!(JobKey::new(114, 3).to_string(), "114.3");
/// assert_eq!(JobKey { subproc: 2, ..JobKey::new(0, 7) }.to_string(), "0.7.2");
/// assert!(JobKey::new(141, -1).is_cluster());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobKey {
    /// The number of the submission.
    pub cluster: i64,
    /// The job's number in its cluster, from 0; negative if it is all of it.
    pub proc: i64,
    /// 0 for nearly all jobs.
    pub subproc: i64,
}

impl JobKey {
    /// A job by its cluster and its number in that.
    pub const fn new(cluster: i64, proc: i64) -> JobKey {
        JobKey { cluster, proc, subproc: 0 }
    }

    /// Whether it is a whole cluster.
    pub const fn is_cluster(self) -> bool {
        self.cluster >= 0 && self.proc < 0
    }

    /// Whether it is no job at all: events of the log itself.
    pub const fn is_none(self) -> bool {
        self.cluster < 0
    }
}

/// As HTCondor's tools take it: the third number only if it is another one than 0.
impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.cluster, self.proc)?;
        if self.subproc > 0 { write!(f, ".{}", self.subproc) } else { Ok(()) }
    }
}
