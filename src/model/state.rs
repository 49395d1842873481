//! The states of tasks and jobs and the one transition table of each.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a task stands.
///
/// The path of a task that succeeds: `Pending`, `Submitted`, (`Assigned`,) `Running`, `Completed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TaskState {
    /// Added, not submitted.
    Pending,
    /// Waits for its turn.
    Submitted,
    /// Kept from starting until it is released.
    Held,
    /// Given to a worker, not yet running.
    Assigned,
    /// An attempt runs.
    Running,
    /// The attempt has parked.
    Suspended,
    /// Asked to stop; it still runs.
    Canceling,
    /// Ended well.
    Completed,
    /// Ended with an error or a panic.
    Failed,
    /// Ended by a cancellation.
    Canceled,
    /// Ran for longer than it may.
    TimedOut,
    /// Lost with its host or process, retries used up.
    Interrupted,
    /// Its environment could not be set up.
    EnvironmentError,
}

use TaskState::*;

impl TaskState {
    /// Every state, in order.
    pub const ALL: [TaskState; 13] = [
        Pending,
        Submitted,
        Held,
        Assigned,
        Running,
        Suspended,
        Canceling,
        Completed,
        Failed,
        Canceled,
        TimedOut,
        Interrupted,
        EnvironmentError,
    ];

    /// Whether the state is final.
    pub const fn is_terminal(self) -> bool {
        self as u8 >= Completed as u8
    }

    /// Whether the task ended well.
    pub const fn is_success(self) -> bool {
        matches!(self, Completed)
    }

    /// Whether the task ended otherwise than well and was not canceled.
    pub(crate) const fn is_failure(self) -> bool {
        self.is_terminal() && !matches!(self, Completed | Canceled)
    }

    /// Whether an attempt exists that may report.
    pub const fn is_active(self) -> bool {
        matches!(self, Running | Suspended | Canceling)
    }

    /// The states that a task may enter from this one: the transition table.
    ///
    /// A follower of someone else's tasks may skip states; see [`TaskReporter::observed`](crate::TaskReporter::observed).
    pub const fn next(self) -> &'static [TaskState] {
        match self {
            Pending => &[Submitted, Canceled, Interrupted],
            Submitted => &[Assigned, Running, Held, Canceled, Failed, TimedOut, Interrupted],
            Held => &[Submitted, Canceled, Failed, TimedOut, Interrupted],
            Assigned => &[
                Running,
                Submitted,
                Held,
                Canceling,
                Canceled,
                Failed,
                TimedOut,
                EnvironmentError,
                Interrupted,
            ],
            Running => &[
                Completed,
                Failed,
                TimedOut,
                Interrupted,
                Canceling,
                Canceled,
                Suspended,
                Held,
                Submitted,
            ],
            Suspended => &[
                Running,
                Completed,
                Failed,
                Canceling,
                Canceled,
                Held,
                Submitted,
                Interrupted,
                TimedOut,
            ],
            Canceling => &[Canceled, Completed, Failed, TimedOut, Interrupted],
            Completed | Failed | Canceled | TimedOut | Interrupted | EnvironmentError => &[],
        }
    }

    /// Whether the table has a transition from this state to `to`.
    ///
    /// ```
    /// use milepost::TaskState::{Completed, Running, Submitted};
    ///
    /// assert!(Running.can_become(Completed));
    /// assert!(!Submitted.can_become(Completed));
    /// ```
    pub fn can_become(self, to: TaskState) -> bool {
        self.next().contains(&to)
    }

    /// The state whose number it is; of the 16 codes, those beyond the last state are never given out.
    #[inline]
    pub(crate) fn from_code(code: u8) -> TaskState {
        const CODES: [TaskState; 16] = {
            let mut codes = [EnvironmentError; 16];
            let mut code = 0;
            while code < TaskState::ALL.len() {
                codes[code] = TaskState::ALL[code];
                code += 1;
            }
            codes
        };
        CODES[usize::from(code & 0xf)]
    }

    /// The name in JSON: `"timed_out"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Pending => "pending",
            Submitted => "submitted",
            Held => "held",
            Assigned => "assigned",
            Running => "running",
            Suspended => "suspended",
            Canceling => "canceling",
            Completed => "completed",
            Failed => "failed",
            Canceled => "canceled",
            TimedOut => "timed_out",
            Interrupted => "interrupted",
            EnvironmentError => "environment_error",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum JobState {
    /// Not submitted.
    Pending,
    /// Submitted or started; no task has run yet.
    Submitted,
    /// A task has started to run.
    Running,
    /// Asked to stop; some tasks have not ended.
    Canceling,
    /// Ended, every task completed.
    Completed,
    /// Ended, some task failed.
    Failed,
    /// Ended by a cancellation.
    Canceled,
}

impl JobState {
    /// Every state, in order.
    pub const ALL: [JobState; 7] = [
        JobState::Pending,
        JobState::Submitted,
        JobState::Running,
        JobState::Canceling,
        JobState::Completed,
        JobState::Failed,
        JobState::Canceled,
    ];

    /// Whether the state is final.
    pub const fn is_terminal(self) -> bool {
        self as u8 >= JobState::Completed as u8
    }

    /// Whether every task completed.
    pub const fn is_success(self) -> bool {
        matches!(self, JobState::Completed)
    }

    pub(crate) fn from_code(code: u8) -> JobState {
        JobState::ALL[usize::from(code)]
    }

    /// The name in JSON: `"canceling"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobState::Pending => "pending",
            JobState::Submitted => "submitted",
            JobState::Running => "running",
            JobState::Canceling => "canceling",
            JobState::Completed => "completed",
            JobState::Failed => "failed",
            JobState::Canceled => "canceled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_names_and_order_agree() {
        for (code, state) in TaskState::ALL.into_iter().enumerate() {
            assert_eq!(TaskState::from_code(code as u8), state);
            assert_eq!(serde_json::to_value(state).expect("a state is a string"), state.as_str());
            assert_eq!(state.is_terminal(), state.next().is_empty());
        }
        for (code, state) in JobState::ALL.into_iter().enumerate() {
            assert_eq!(JobState::from_code(code as u8), state);
            assert_eq!(serde_json::to_value(state).expect("a state is a string"), state.as_str());
        }
    }
}
