//! [`Summary`]: how many jobs are in each state. Knows no job.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::JobState;

/// How many jobs are in each state. As JSON, states without a job are left out: `{"running":3,"failed":1}`.
///
/// ```
/// use milepost::{Job, JobState, Tracker};
/// use milepost::tracker::Query;
///
/// let tracker = Tracker::new();
/// let jobs = [Job::new("a"), Job::new("b")];
/// jobs.iter().for_each(|job| tracker.track(job));
/// jobs[0].cancel("not needed"); // it has no tasks, and ends
///
/// let summary = tracker.summary(&Query::new());
/// assert_eq!((summary.of(JobState::Pending), summary.ended(), summary.total()), (1, 1, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    by_state: [usize; JobState::ALL.len()],
}

impl Summary {
    /// The number of jobs in `state`.
    pub fn of(&self, state: JobState) -> usize {
        self.by_state[state as usize]
    }

    /// The number of all jobs.
    pub fn total(&self) -> usize {
        self.by_state.iter().sum()
    }

    /// The number of jobs that have not ended.
    pub fn live(&self) -> usize {
        self.total() - self.ended()
    }

    /// The number of jobs that have ended.
    pub fn ended(&self) -> usize {
        self.iter().filter(|(state, _)| state.is_terminal()).map(|(_, n)| n).sum()
    }

    /// Each state with its number of jobs, in the order of the states.
    pub fn iter(&self) -> impl Iterator<Item = (JobState, usize)> + '_ {
        JobState::ALL.into_iter().map(|state| (state, self.of(state)))
    }

    pub(super) fn add(&mut self, state: JobState, jobs: usize) {
        self.by_state[state as usize] += jobs;
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (state, n) in self.iter().filter(|&(_, n)| n > 0) {
            map.serialize_entry(state.as_str(), &n)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Summary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // States of a newer version are passed over, like unknown fields elsewhere.
        let map = BTreeMap::<String, usize>::deserialize(deserializer)?;
        let by_state = JobState::ALL.map(|state| map.get(state.as_str()).copied().unwrap_or(0));
        Ok(Summary { by_state })
    }
}
