//! [`JobStatus`]: HTCondor's numbers of what a job in the queue does. Asks nobody.

use std::fmt;

/// What a job does, by HTCondor's number: the attribute `JobStatus`.
///
/// ```
/// use milepost::condor::JobStatus;
///
/// assert_eq!(JobStatus::new(5), JobStatus::Held);
/// assert_eq!(JobStatus::Held.number(), 5);
/// assert_eq!(JobStatus::new(12), JobStatus::Other(12));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum JobStatus {
    /// It waits for a machine (1).
    Idle,
    /// It runs (2).
    Running,
    /// It was removed; while it is in the queue, it is being cleaned up (3).
    Removed,
    /// It has ended by itself (4).
    Completed,
    /// It waits for being released (5).
    Held,
    /// It has ended on its machine, and its output is on the way (6).
    TransferringOutput,
    /// It is stopped, on its machine (7).
    Suspended,
    /// A number that has no name here.
    Other(i64),
}

impl JobStatus {
    /// The status with that number.
    pub const fn new(number: i64) -> JobStatus {
        match number {
            1 => JobStatus::Idle,
            2 => JobStatus::Running,
            3 => JobStatus::Removed,
            4 => JobStatus::Completed,
            5 => JobStatus::Held,
            6 => JobStatus::TransferringOutput,
            7 => JobStatus::Suspended,
            other => JobStatus::Other(other),
        }
    }

    /// Its number.
    pub const fn number(self) -> i64 {
        match self {
            JobStatus::Idle => 1,
            JobStatus::Running => 2,
            JobStatus::Removed => 3,
            JobStatus::Completed => 4,
            JobStatus::Held => 5,
            JobStatus::TransferringOutput => 6,
            JobStatus::Suspended => 7,
            JobStatus::Other(number) => number,
        }
    }

    /// Whether it won't run any more.
    pub const fn is_ended(self) -> bool {
        matches!(self, JobStatus::Removed | JobStatus::Completed)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobStatus::Idle => "idle",
            JobStatus::Running => "running",
            JobStatus::Removed => "removed",
            JobStatus::Completed => "completed",
            JobStatus::Held => "held",
            JobStatus::TransferringOutput => "transferring output",
            JobStatus::Suspended => "suspended",
            JobStatus::Other(number) => return write!(f, "status {number}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept() {
        for number in -1..10 {
            assert_eq!(JobStatus::new(number).number(), number);
        }
    }
}
