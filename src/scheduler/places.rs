//! Who runs next: a scheduler's places, of which each running task has one, and what else its tasks require.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::queues::{Capacity, Queues};
use crate::base::contain;
use crate::job::{Rest, TaskQueue, TaskRun};
use crate::model::Resources;

/// All of it is changed with the state locked; the numbers beside it are looked at without.
pub(super) struct Places {
    /// How many tasks more could run. Less than none while a task goes on before its turn.
    spare: AtomicIsize,
    /// How often what is to be served next may have become another one.
    changes: AtomicU64,
    /// How many workers were given up and are still kept by their tasks: perhaps on the runtime's own threads.
    stuck: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    queues: Queues,
    capacity: Capacity,
    /// Tasks that have rested and want to go on, in the order of asking. They go before all others.
    returning: BTreeMap<u64, Returning>,
    last_returning: u64,
    /// Tasks that require what is never there may wait for it.
    waits: bool,
    /// What could run a task has gone.
    lost: bool,
}

struct Returning {
    resources: Resources,
    waker: Waker,
}

/// What a worker has: beside its place, the queue that it serves, with what each of the queue's tasks requires.
#[derive(Default)]
pub(super) struct Claim {
    queue: Option<TaskQueue>,
    /// The number of changes when it was the first one.
    pub(super) seen: Arc<AtomicU64>,
}

impl State {
    /// The queue to be served next. A task that returns goes before all others, but doesn't keep those from running that
    /// require nothing while it waits for what it requires.
    fn first(&self) -> Option<&TaskQueue> {
        match self.returning.first_key_value() {
            None => self.queues.first(&self.capacity),
            Some((_, first)) if self.capacity.takes_back(&first.resources) => None,
            Some(_) => self.queues.first_plain(),
        }
    }
}

impl Places {
    pub(super) fn new(places: usize, capacity: Resources, waits: bool) -> Places {
        let state = State {
            queues: Queues::default(),
            capacity: Capacity::new(capacity),
            returning: BTreeMap::new(),
            last_returning: 0,
            waits,
            lost: false,
        };
        Places {
            spare: AtomicIsize::new(isize::try_from(places).unwrap_or(isize::MAX)),
            changes: AtomicU64::new(0),
            stuck: AtomicUsize::new(0),
            state: Mutex::new(state),
        }
    }

    /// Has the tasks of a queue wait for their turn; those that can't ever run end.
    pub(super) fn wait(&self, queue: TaskQueue) {
        let mut state = self.state.lock();
        if state.lost {
            drop(state);
            return queue.interrupt();
        }
        if !state.waits
            && let Some(beyond) = queue.resources().beyond(&state.capacity.total)
        {
            drop(state);
            return queue.refuse(never(&beyond));
        }
        let demanding = Some(&queue).filter(|queue| !queue.resources().is_nothing()).cloned();
        let State { queues, capacity, .. } = &mut *state;
        if queues.insert(queue, &capacity.total) {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
        drop(state);
        // It may have been withdrawn before it was here.
        if let Some(queue) = demanding.filter(|queue| !queue.is_told()) {
            self.forget(&queue);
        }
    }

    /// Has nobody wait behind a queue that has no tasks any more.
    pub(super) fn forget(&self, queue: &TaskQueue) {
        let mut state = self.state.lock();
        state.queues.remove(queue);
        if state.queues.has_demanding() {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Takes a place for one more worker, if there is one and a task that could run.
    pub(super) fn take_place(&self) -> bool {
        if self.spare.load(Ordering::Relaxed) <= 0 {
            return false;
        }
        let state = self.state.lock();
        let taken = self.spare.load(Ordering::Relaxed) > 0 && state.first().is_some();
        if taken {
            self.spare.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    /// The next task for a worker. After `None` its place is no longer its own.
    pub(super) fn next(&self, claim: &mut Claim) -> Option<TaskRun> {
        loop {
            let mut is_empty = false;
            if let Some(queue) = &claim.queue
                && self.is_first(&claim.seen)
            {
                match queue.next() {
                    Some(run) => return Some(run),
                    None => is_empty = true,
                }
            }
            if !self.choose(claim, is_empty) {
                return None;
            }
        }
    }

    /// Whether nothing has come before the queue that a worker serves.
    pub(super) fn is_first(&self, seen: &AtomicU64) -> bool {
        self.changes.load(Ordering::Acquire) == seen.load(Ordering::Relaxed)
    }

    /// Has a worker serve the first queue, instead of the one that it has. False if there is none: then its place is given
    /// back in the same moment, so that a job that becomes ready finds the room.
    fn choose(&self, claim: &mut Claim, is_empty: bool) -> bool {
        // Dropped after the lock: it may be the last that keeps its job, whose drop runs code of users.
        let before = claim.queue.take();
        let mut state = self.state.lock();
        if let Some(queue) = &before {
            if is_empty {
                state.queues.remove(queue);
            }
            self.give_back(&mut state, queue.resources());
        }
        // With less than none to spare, this worker's place is the one too many.
        let may_go_on = self.spare.load(Ordering::Relaxed) >= 0;
        let Some(first) = state.first().filter(|_| may_go_on).cloned() else {
            self.free(state, 1, &Resources::new());
            return false;
        };
        state.capacity.take(first.resources());
        claim.seen.store(self.changes.load(Ordering::Relaxed), Ordering::Relaxed);
        claim.queue = Some(first);
        true
    }

    fn give_back(&self, state: &mut State, resources: &Resources) {
        state.capacity.give_back(resources);
        if !resources.is_nothing() && state.queues.has_demanding() {
            self.changes.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// There are so many places more, and these resources: tasks that have rested have them first.
    fn free(&self, mut guard: MutexGuard<'_, State>, places: isize, resources: &Resources) {
        self.give_back(&mut guard, resources);
        let State { capacity, returning, .. } = &mut *guard;
        let mut spare = self.spare.load(Ordering::Relaxed) + places;
        let mut wakers = Vec::new();
        while spare > 0
            && let Some(first) = returning.first_entry()
            && capacity.takes_back(&first.get().resources)
        {
            let Returning { resources, waker } = first.remove();
            capacity.take(&resources);
            spare -= 1;
            wakers.push(waker);
        }
        self.spare.store(spare, Ordering::Relaxed);
        drop(guard);
        for waker in wakers {
            contain("a waker", || waker.wake());
        }
    }

    /// A worker ends: it gives back what it has, and its place unless it has lost that.
    pub(super) fn leave(&self, claim: &mut Claim, has_place: bool) {
        let queue = claim.queue.take();
        let resources = queue.as_ref().map(TaskQueue::resources);
        let places = isize::from(has_place);
        self.free(self.state.lock(), places, resources.unwrap_or(&Resources::new()));
    }

    /// A worker was lost to its task: another one may have its place. What the task requires stays its own.
    pub(super) fn lose_worker(&self) {
        self.stuck.fetch_add(1, Ordering::AcqRel);
        self.free(self.state.lock(), 1, &Resources::new());
    }

    /// A worker that was lost is through with its task.
    pub(super) fn come_back(&self) {
        self.stuck.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether threads of the runtime may be kept by tasks that were given up, so that workers had better not rely on
    /// them.
    pub(super) fn is_short_of_threads(&self) -> bool {
        self.stuck.load(Ordering::Acquire) > 0
    }

    /// What could run a task has gone: tasks that wait won't run.
    pub(super) fn lose(&self) {
        let mut state = self.state.lock();
        state.lost = true;
        let queues = state.queues.take_all();
        drop(state);
        queues.for_each(|queue| queue.interrupt());
    }

    pub(super) fn is_lost(&self) -> bool {
        self.state.lock().lost
    }

    pub(super) fn resources(&self) -> Resources {
        self.state.lock().capacity.total.clone()
    }

    pub(super) fn set_resources(&self, total: Resources) {
        let mut state = self.state.lock();
        state.capacity.total = total;
        self.changes.fetch_add(1, Ordering::AcqRel);
        let total = state.capacity.total.clone();
        state.queues.sort_again(&total);
        let impossible = if state.waits { None } else { Some(state.queues.take_impossible()) };
        self.free(state, 0, &Resources::new());
        for queue in impossible.into_iter().flatten() {
            queue.refuse(never(&queue.resources().beyond(&total).unwrap_or_default()));
        }
    }

    /// A running task gives up its place and what it requires for a while.
    pub(super) fn rest(self: &Arc<Self>, resources: &Resources) -> impl Rest + use<> {
        self.free(self.state.lock(), 1, resources);
        Resting { places: self.clone(), resources: resources.clone(), asked: None }
    }
}

/// Why tasks are refused.
fn never(beyond: &str) -> String {
    format!(
        "the scheduler will never have what the task requires: {beyond}; \
         give it more (LocalScheduler::builder), or have it wait for more (wait_for_resources)"
    )
}

/// A task that has given up its place.
struct Resting {
    places: Arc<Places>,
    resources: Resources,
    /// Its number among those that want to go on.
    asked: Option<u64>,
}

impl Rest for Resting {
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Cloned and dropped outside of the lock: that may run user code.
        let waker = cx.waker().clone();
        let mut state = self.places.state.lock();
        let mut replaced = None;
        let id = match self.asked {
            Some(id) => {
                let Some(returning) = state.returning.get_mut(&id) else { return Poll::Ready(()) };
                replaced = Some(std::mem::replace(&mut returning.waker, waker));
                id
            }
            None => {
                state.last_returning += 1;
                let id = state.last_returning;
                let returning = Returning { resources: self.resources.clone(), waker };
                state.returning.insert(id, returning);
                *self.asked.insert(id)
            }
        };
        // It may be there already; else workers that choose see that a task waits.
        self.places.changes.fetch_add(1, Ordering::AcqRel);
        self.places.free(state, 0, &Resources::new());
        drop(replaced);
        if self.places.state.lock().returning.contains_key(&id) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        let mut state = self.places.state.lock();
        let waits = match self.asked {
            Some(asked) => state.returning.remove(&asked),
            None => None,
        };
        if waits.is_some() || self.asked.is_none() {
            // It goes on all the same.
            self.places.spare.fetch_sub(1, Ordering::Relaxed);
            state.capacity.take(&self.resources);
            // Workers see that there may be one too many.
            self.places.changes.fetch_add(1, Ordering::AcqRel);
        }
        // Those who have waited behind it may have what it waited for in vain.
        self.places.free(state, 0, &Resources::new());
        drop(waits);
    }
}
