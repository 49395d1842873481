//! Who watches a job, and what they read of it. Knows not what for.

use std::sync::Arc;
use std::time::Duration;

use super::read::snapshot_of;
use super::state::Ledger;
use crate::job::effects::Effects;
use crate::job::watch::{Made, Watcher, Watchers};
use crate::model::{JobState, TaskSnapshot, TaskState, Timestamp};

impl Ledger {
    /// Has a watcher told of all changes of state from now on. False if it is already.
    #[allow(dead_code, reason = "only the tracker watches, which is a feature")]
    pub(crate) fn watch(&mut self, watcher: &Arc<dyn Watcher>) -> bool {
        if self.watchers.0.iter().any(|other| Arc::ptr_eq(other, watcher)) {
            return false;
        }
        let made = Made {
            id: self.id,
            name: self.name.clone(),
            properties: self.properties(),
            created_at: self.created_at(),
            core: self.itself.clone(),
        };
        watcher.begins(made, self.state, self.ended_at());
        self.watchers.0.push(watcher.clone());
        true
    }

    /// Tells the watchers of a state that was entered.
    pub(super) fn tell_watchers(&mut self, at: u64, to: JobState, effects: &mut Effects) {
        for watcher in &self.watchers.0 {
            let at = Timestamp::from_micros(at);
            if let Some(waker) = watcher.changed(&self.itself, self.id, to, at) {
                effects.wakes.push(waker);
            }
        }
    }

    /// The watchers, who won't be told of anything any more, unless they were told of the job's end.
    pub(crate) fn dismiss_watchers(&mut self) -> Vec<Arc<dyn Watcher>> {
        if self.watchers.0.is_empty() || self.state.is_terminal() {
            return Vec::new();
        }
        let Watchers(watchers) = std::mem::take(&mut *self.watchers);
        watchers
    }

    pub(crate) fn created_at(&self) -> Timestamp {
        Timestamp::from_micros(self.created_at)
    }

    #[allow(dead_code, reason = "only the tracker asks for it, which is a feature")]
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        self.queue.started.map(|(_, at)| Timestamp::from_micros(at))
    }

    pub(crate) fn ended_at(&self) -> Option<Timestamp> {
        self.seldom.ended.map(|ended| Timestamp::from_micros(ended.at))
    }

    /// The time since the job was started, to its end if it has ended.
    #[allow(dead_code, reason = "only the tracker asks for it, which is a feature")]
    pub(crate) fn elapsed_if_started(&self) -> Option<Duration> {
        self.queue.started.map(|_| self.elapsed())
    }

    /// The tasks in states that are `wanted`, in the order of adding: `take` of them after the first `skip`.
    #[allow(dead_code, reason = "only the tracker asks for it, which is a feature")]
    pub(crate) fn tasks_in(
        &self,
        wanted: impl Fn(TaskState) -> bool,
        skip: usize,
        take: usize,
    ) -> Vec<TaskSnapshot> {
        let there = self.tasks.iter().filter(|(_, entry)| !entry.is_gone() && wanted(entry.state));
        let there = there.skip(skip).take(take);
        there.map(|(id, entry)| snapshot_of(id, entry, self.told_of(id))).collect()
    }
}
