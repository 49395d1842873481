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
    #[inline]
    pub(crate) fn kind(&self) -> EventKind {
        match self.change {
            Change::Job { .. } => EventKind::JobStateChanged,
            Change::Added { .. } => EventKind::TaskAdded,
            Change::Task { .. } => EventKind::TaskStateChanged,
            Change::Completed { .. } => EventKind::TaskCompleted,
            Change::JobCompleted { .. } => EventKind::JobCompleted,
        }
    }

    #[inline]
    pub(super) fn pack(self, origin: u64) -> Packed {
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
        Packed {
            who: u64::from(task) | u64::from(attempt) << 32,
            what: at | bits << TIME_BITS,
            origin,
        }
    }
}

/// A record in two words: task and attempt; and kind, states, flags and the time since `origin`. 48 bits of
/// microseconds are nine years; what is later is shown as that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    pub(super) who: u64,
    pub(super) what: u64,
    pub(super) origin: u64,
}

impl Packed {
    #[inline]
    fn bits(self) -> u64 {
        self.what >> TIME_BITS
    }

    /// The number of its kind: that of the kind's bit in a mask.
    #[inline]
    pub(super) fn kind(self) -> u32 {
        self.bits() as u32 & 0xf
    }

    #[inline]
    pub(super) fn at(self) -> u64 {
        self.origin + (self.what & ((1 << TIME_BITS) - 1))
    }

    #[inline]
    pub(super) fn task(self) -> TaskId {
        TaskId::new(self.who as u32)
    }

    #[inline]
    pub(super) fn attempt(self) -> u32 {
        (self.who >> 32) as u32
    }

    /// The state before, of a change of a task's state.
    #[inline]
    pub(super) fn from(self) -> TaskState {
        TaskState::from_code((self.bits() >> 4) as u8)
    }

    /// The state after, of a change of a task's state or its completion.
    #[inline]
    pub(super) fn to(self) -> TaskState {
        TaskState::from_code((self.bits() >> 8) as u8)
    }

    #[inline]
    pub(super) fn is_observed(self) -> bool {
        self.bits() & OBSERVED != 0
    }

    #[inline]
    pub(super) fn is_caused(self) -> bool {
        self.bits() & CAUSED != 0
    }

    /// Whether it is a change of a task's state without a cause: nothing is kept beside it.
    #[inline]
    pub(super) fn is_state_alone(self) -> bool {
        self.kind() == 2 && !self.is_caused()
    }

    pub(crate) fn unpack(self) -> Record {
        let (task, attempt) = (self.task(), self.attempt());
        let job_state = |code: u64| JobState::from_code((code & 0xf) as u8);
        let change = match self.kind() {
            0 => Change::Job { from: job_state(self.bits() >> 4), to: job_state(self.bits() >> 8) },
            1 => Change::Added { task },
            2 => {
                let (from, to, observed) = (self.from(), self.to(), self.is_observed());
                Change::Task { task, attempt, from, to, observed }
            }
            3 => Change::Completed { task, attempt, state: self.to() },
            _ => Change::JobCompleted { state: job_state(self.bits() >> 8) },
        };
        Record { at: self.at(), change, caused: self.is_caused() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::mask;

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
                let packed = record.pack(1_000_000);
                assert_eq!(packed.unpack(), record);
                assert_eq!(1 << packed.kind(), mask::of(record.kind()));
            }
        }
    }
}
