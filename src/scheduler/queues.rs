//! Which tasks are next, and what is free to run them. Knows no workers.

use std::collections::BTreeMap;

use crate::job::{QueueKey, TaskQueue};
use crate::model::Resources;

/// The queues of all jobs. Those whose tasks require nothing are apart: they never wait for the others.
#[derive(Default)]
pub(super) struct Queues {
    plain: Sorted,
    demanding: Sorted,
}

type Sorted = BTreeMap<QueueKey, TaskQueue>;

impl Queues {
    fn of(&mut self, queue: &TaskQueue) -> &mut Sorted {
        if queue.resources().is_nothing() { &mut self.plain } else { &mut self.demanding }
    }

    /// Adds a queue. True if there are others behind it.
    pub(super) fn insert(&mut self, queue: TaskQueue) -> bool {
        let key = queue.key();
        let before = |queues: &Sorted| queues.last_key_value().is_some_and(|(last, _)| key < *last);
        let goes_before = before(&self.plain) || before(&self.demanding);
        self.of(&queue).insert(key, queue);
        goes_before
    }

    pub(super) fn remove(&mut self, queue: &TaskQueue) {
        self.of(queue).remove(&queue.key());
    }

    /// The queue to be served next. Tasks that require something wait behind the first of them, so that none that requires
    /// much is overtaken for ever.
    pub(super) fn first(&self, capacity: &Capacity) -> Option<&TaskQueue> {
        let demanding = self.demanding.first_key_value();
        let demanding = demanding.filter(|(_, queue)| capacity.has_free(queue.resources()));
        let firsts = self.plain.first_key_value().into_iter().chain(demanding);
        firsts.min_by_key(|(key, _)| **key).map(|(_, queue)| queue)
    }

    /// The same among those whose tasks require nothing.
    pub(super) fn first_plain(&self) -> Option<&TaskQueue> {
        self.plain.first_key_value().map(|(_, queue)| queue)
    }

    /// Whether tasks wait that require something.
    pub(super) fn has_demanding(&self) -> bool {
        !self.demanding.is_empty()
    }

    /// Takes out the queues whose tasks `capacity` can never run.
    pub(super) fn take_impossible(&mut self, capacity: &Resources) -> Vec<TaskQueue> {
        let impossible =
            |_: &QueueKey, queue: &mut TaskQueue| queue.resources().beyond(capacity).is_some();
        let plain = self.plain.extract_if(.., impossible);
        let all = plain.chain(self.demanding.extract_if(.., impossible));
        all.map(|(_, queue)| queue).collect()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = TaskQueue> + use<> {
        let Queues { plain, demanding } = std::mem::take(self);
        plain.into_values().chain(demanding.into_values())
    }
}

/// What a scheduler has, and how much of it tasks have. They may have more than there is: what a task requires that goes on
/// before its turn is counted all the same.
pub(super) struct Capacity {
    pub(super) total: Resources,
    cores: u64,
    memory: u128,
}

impl Capacity {
    pub(super) fn new(total: Resources) -> Capacity {
        Capacity { total, cores: 0, memory: 0 }
    }

    pub(super) fn has_free(&self, resources: &Resources) -> bool {
        self.cores + u64::from(resources.cores) <= u64::from(self.total.cores)
            && self.memory + u128::from(resources.memory) <= u128::from(self.total.memory)
            && resources.labels.is_subset(&self.total.labels)
    }

    /// Whether a task that had them can have them again: what is no longer there at all is not waited for.
    pub(super) fn takes_back(&self, resources: &Resources) -> bool {
        self.has_free(resources) || resources.beyond(&self.total).is_some()
    }

    pub(super) fn take(&mut self, resources: &Resources) {
        self.cores += u64::from(resources.cores);
        self.memory += u128::from(resources.memory);
    }

    pub(super) fn give_back(&mut self, resources: &Resources) {
        self.cores -= u64::from(resources.cores);
        self.memory -= u128::from(resources.memory);
    }
}
