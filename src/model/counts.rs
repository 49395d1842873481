//! How many tasks are in each state.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};

use super::TaskState;

/// The number of a job's tasks in each state. As JSON, states without a task are left out:
/// `{"completed":9,"failed":1}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    by_state: [u32; TaskState::ALL.len()],
}

impl Counts {
    /// The number of tasks in `state`.
    pub fn of(&self, state: TaskState) -> usize {
        self.by_state[state as usize] as usize
    }

    /// The number of all tasks.
    pub fn total(&self) -> usize {
        self.by_state.iter().map(|&n| n as usize).sum()
    }

    /// The number of tasks that have ended, well or not.
    pub fn ended(&self) -> usize {
        self.iter().filter(|(state, _)| state.is_terminal()).map(|(_, n)| n).sum()
    }

    /// The number of tasks that completed.
    pub fn completed(&self) -> usize {
        self.of(TaskState::Completed)
    }

    /// The number of tasks that ended as failed, timed out, interrupted or with an environment error.
    pub fn failed(&self) -> usize {
        [
            TaskState::Failed,
            TaskState::TimedOut,
            TaskState::Interrupted,
            TaskState::EnvironmentError,
        ]
        .into_iter()
        .map(|state| self.of(state))
        .sum()
    }

    /// The number of tasks that were canceled.
    pub fn canceled(&self) -> usize {
        self.of(TaskState::Canceled)
    }

    /// The number of tasks with an attempt that runs, is parked or was asked to stop.
    pub fn running(&self) -> usize {
        self.iter().filter(|(state, _)| state.is_active()).map(|(_, n)| n).sum()
    }

    /// Each state with its number of tasks, in the order of the states.
    pub fn iter(&self) -> impl Iterator<Item = (TaskState, usize)> + '_ {
        TaskState::ALL.into_iter().map(|state| (state, self.of(state)))
    }

    pub(crate) fn enter(&mut self, state: TaskState) {
        self.by_state[state as usize] += 1;
    }

    pub(crate) fn leave(&mut self, state: TaskState) {
        self.by_state[state as usize] -= 1;
    }
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (state, n) in self.iter().filter(|&(_, n)| n > 0) {
            map.serialize_entry(state.as_str(), &n)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // States of a newer version are passed over, like unknown fields elsewhere.
        let map = std::collections::BTreeMap::<String, u32>::deserialize(deserializer)?;
        let mut counts = Counts::default();
        for state in TaskState::ALL {
            counts.by_state[state as usize] = map.get(state.as_str()).copied().unwrap_or(0);
        }
        Ok(counts)
    }
}
