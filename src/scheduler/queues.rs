//! Which tasks are next, and what is free to run them. Knows no workers.

use std::collections::BTreeMap;

use crate::job::{QueueKey, TaskQueue};
use crate::model::Resources;

/// The queues of all jobs. Those whose tasks require nothing are apart, as they never wait for the others; and so are those
/// whose tasks require what isn't there at all, as nobody waits for them.
#[derive(Default)]
pub(super) struct Queues {
    plain: Sorted,
    demanding: Sorted,
    impossible: Sorted,
}

type Sorted = BTreeMap<QueueKey, TaskQueue>;

impl Queues {
    /// Adds a queue. True if there are others behind it.
    pub(super) fn insert(&mut self, queue: TaskQueue, total: &Resources) -> bool {
        let key = queue.key();
        let before = |queues: &Sorted| queues.last_key_value().is_some_and(|(last, _)| key < *last);
        let goes_before = before(&self.plain) || before(&self.demanding);
        let queues = match queue.resources() {
            resources if resources.is_nothing() => &mut self.plain,
            resources if resources.beyond(total).is_some() => &mut self.impossible,
            _ => &mut self.demanding,
        };
        queues.insert(key, queue);
        goes_before
    }

    pub(super) fn remove(&mut self, queue: &TaskQueue) {
        for queues in [&mut self.plain, &mut self.demanding, &mut self.impossible] {
            if queues.remove(&queue.key()).is_some() {
                return;
            }
        }
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

    /// There is another total now.
    pub(super) fn sort_again(&mut self, total: &Resources) {
        let impossible = std::mem::take(&mut self.impossible);
        let all = std::mem::take(&mut self.demanding).into_values().chain(impossible.into_values());
        for queue in all {
            self.insert(queue, total);
        }
    }

    /// Takes out the queues whose tasks require what isn't there at all.
    pub(super) fn take_impossible(&mut self) -> impl Iterator<Item = TaskQueue> + use<> {
        std::mem::take(&mut self.impossible).into_values()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = TaskQueue> + use<> {
        let Queues { plain, demanding, impossible } = std::mem::take(self);
        [plain, demanding, impossible].into_iter().flat_map(BTreeMap::into_values)
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
