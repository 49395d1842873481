//! Which jobs run for tasks of which others. Knows only their ids.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::LazyLock;

use parking_lot::Mutex;

use crate::model::JobId;

/// The jobs that run as children, each with its parent.
static PARENTS: LazyLock<Mutex<HashMap<JobId, JobId>>> = LazyLock::new(Mutex::default);

/// Keeps the parent of a job that runs as a child; none if another task runs it already.
pub(super) struct Lineage(Option<JobId>);

impl Lineage {
    /// None if the parent runs for the child itself.
    pub(super) fn begin(child: JobId, parent: JobId) -> Option<Lineage> {
        let mut parents = PARENTS.lock();
        if ancestors(&parents, parent).any(|ancestor| ancestor == child) {
            return None;
        }
        match parents.entry(child) {
            Entry::Vacant(free) => drop(free.insert(parent)),
            // It runs as a child already, and will be refused.
            Entry::Occupied(_) => return Some(Lineage(None)),
        }
        Some(Lineage(Some(child)))
    }
}

impl Drop for Lineage {
    fn drop(&mut self) {
        if let Some(child) = self.0 {
            PARENTS.lock().remove(&child);
        }
    }
}

/// A job, its parent, the parent of that one and so on.
fn ancestors(parents: &HashMap<JobId, JobId>, job: JobId) -> impl Iterator<Item = JobId> {
    std::iter::successors(Some(job), |job| parents.get(job).copied())
}

/// Whether `job` runs for a task.
pub(super) fn is_child(job: JobId) -> bool {
    PARENTS.lock().contains_key(&job)
}

/// Whether `job` is `other` or runs for a task of it, however far down.
pub(super) fn is_within(job: JobId, other: JobId) -> bool {
    job == other || ancestors(&PARENTS.lock(), job).any(|ancestor| ancestor == other)
}
