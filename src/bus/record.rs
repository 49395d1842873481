//! A lifecycle event, packed into 16 bytes. Names, errors and causes are kept by the ledger.

use crate::model::{EventKind, JobState, TaskId, TaskState};

/// What a lifecycle event says, without what the ledger keeps beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// Microseconds since 1970.
    pub(crate) at: u64,
    pub(crate) change: Change,
    /// Whether the ledger has a cause for it.
    pub(crate) caused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Job { from: JobState, to: JobState },
    Added { task: TaskId },
    Task { task: TaskId, attempt: u32, from: TaskState, to: TaskState, observed: bool },
    Completed { task: TaskId, attempt: u32, state: TaskState },
    JobCompleted { state: JobState },
}

const TIME_BITS: u32 = 48;
const CAUSED: u64 = 1 << 12;
const OBSERVED: u64 = 1 << 13;

impl Record {
    pub(crate) fn kind(&self) -> EventKind {
        match self.change {
            Change::Job { .. } => EventKind::JobStateChanged,
            Change::Added { .. } => EventKind::TaskAdded,
            Change::Task { .. } => EventKind::TaskStateChanged,
            Change::Completed { .. } => EventKind::TaskCompleted,
            Change::JobCompleted { .. } => EventKind::JobCompleted,
        }
    }

    /// Task and attempt in one word; kind, states, flags and the time since `origin` in the other. 48 bits of
    /// microseconds are nine years; what is later is shown as that.
    #[inline]
    pub(super) fn pack(self, origin: u64) -> [u64; 2] {
        let (kind, task, attempt, from, to, observed) = match self.change {
            Change::Job { from, to } => (0, 0, 0, from as u8, to as u8, false),
            Change::Added { task } => (1, task.raw(), 0, 0, 0, false),
            Change::Task { task, attempt, from, to, observed } => {
                (2, task.raw(), attempt, from as u8, to as u8, observed)
            }
            Change::Completed { task, attempt, state } => {
                (3, task.raw(), attempt, 0, state as u8, false)
            }
            Change::JobCompleted { state } => (4, 0, 0, 0, state as u8, false),
        };
        let bits = kind
            | u64::from(from) << 4
            | u64::from(to) << 8
            | if self.caused { CAUSED } else { 0 }
            | if observed { OBSERVED } else { 0 };
        let at = self.at.saturating_sub(origin).min((1 << TIME_BITS) - 1);
        [u64::from(task) | u64::from(attempt) << 32, at | bits << TIME_BITS]
    }

    #[inline]
    pub(super) fn unpack([who, what]: [u64; 2], origin: u64) -> Record {
        let task = TaskId::new(who as u32);
        let attempt = (who >> 32) as u32;
        let bits = what >> TIME_BITS;
        let from = (bits >> 4 & 0xf) as u8;
        let to = (bits >> 8 & 0xf) as u8;
        let change = match bits & 0xf {
            0 => Change::Job { from: JobState::from_code(from), to: JobState::from_code(to) },
            1 => Change::Added { task },
            2 => Change::Task {
                task,
                attempt,
                from: TaskState::from_code(from),
                to: TaskState::from_code(to),
                observed: bits & OBSERVED != 0,
            },
            3 => Change::Completed { task, attempt, state: TaskState::from_code(to) },
            _ => Change::JobCompleted { state: JobState::from_code(to) },
        };
        Record { at: origin + (what & ((1 << TIME_BITS) - 1)), change, caused: bits & CAUSED != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_packing() {
        let task = TaskId::new(u32::MAX);
        let changes = [
            Change::Job { from: JobState::Pending, to: JobState::Canceled },
            Change::Added { task },
            Change::Task {
                task,
                attempt: u32::MAX,
                from: TaskState::Running,
                to: TaskState::EnvironmentError,
                observed: true,
            },
            Change::Completed { task, attempt: 7, state: TaskState::Interrupted },
            Change::JobCompleted { state: JobState::Failed },
        ];
        for change in changes {
            for caused in [false, true] {
                let record = Record { at: 1_234_567, change, caused };
                assert_eq!(Record::unpack(record.pack(1_000_000), 1_000_000), record);
            }
        }
    }
}
