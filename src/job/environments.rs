//! [`Environments`]: the instances of environments, who has them, and when they go. Knows no job and no task.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;

use super::TaskError;
use super::environment::{Recipe, SetUp, SettingUp, Value, ValueType};
use crate::base::{
    Alarm, Clock, Timer, WakerKey, Wakers, Wakes, contain, drop_contained, run_on_pool,
};
use crate::model::{Failure, FailureKind};

/// Where a [`Scheduler`](crate::Scheduler) keeps instances of [`Environment`](crate::Environment)s for its tasks; see
/// [`Scheduler::environments`](crate::Scheduler::environments). Costs next to nothing while there are none. Dropping it
/// has all of them torn down, on other threads; those that tasks still have, as soon as they are through.
///
/// ```
/// use std::sync::Arc;
/// use milepost::{Environment, Environments, Job, Scheduler, TaskQueue};
///
/// /// Runs each task where it is submitted.
/// struct Inline(Environments);
///
/// impl Scheduler for Inline {
///     fn ready(&self, queue: TaskQueue) {
///         while let Some(run) = queue.next() {
///             run.run_blocking();
///         }
///     }
///
///     fn environments(&self) -> Option<&Environments> {
///         Some(&self.0)
///     }
/// }
///
/// let numbers = Environment::blocking("numbers", || Ok(vec![1, 2, 3])); // set up once
/// let job = Job::new("sums");
/// for n in 0..2 {
///     job.task("sum").environment(&numbers).add_blocking(move |cx| {
///         Ok(cx.environment::<Vec<i32>>()?.iter().sum::<i32>() + n)
///     })?;
/// }
/// job.submit(&Arc::new(Inline(Environments::new())))?;
/// assert!(job.state().is_success());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Environments {
    store: Arc<Store>,
}

impl Environments {
    /// One that has no instances.
    pub fn new() -> Environments {
        Environments::default()
    }

    pub(super) fn store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// Keeps nothing any more, has what is idle torn down, and waits until nothing is being torn down.
    #[allow(dead_code, reason = "only the local scheduler waits for it, which is a feature")]
    pub(crate) fn close(&self) -> TornDown {
        self.store.close();
        TornDown { store: self.store.clone(), key: WakerKey::default() }
    }
}

/// Ready once nothing is being torn down.
pub(crate) struct TornDown {
    store: Arc<Store>,
    key: WakerKey,
}

impl Future for TornDown {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let TornDown { store, key } = self.get_mut();
        // Cloned and dropped outside of the lock.
        let mut waker = Some(cx.waker().clone());
        let mut state = store.state.lock();
        if state.leaving == 0 {
            return Poll::Ready(());
        }
        state.wakers.register(key, u16::MAX, &mut waker);
        Poll::Pending
    }
}

impl Drop for TornDown {
    fn drop(&mut self) {
        let waker = self.store.state.lock().wakers.forget(&mut self.key);
        drop(waker);
    }
}

impl Drop for Environments {
    fn drop(&mut self) {
        self.store.close();
    }
}

impl fmt::Debug for Environments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let idle: usize = self.store.state.lock().kinds.values().map(|kind| kind.idle.len()).sum();
        write!(f, "Environments({idle} idle)")
    }
}

#[derive(Default)]
pub(super) struct Store {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By id, as long as there are instances or setups of it.
    kinds: HashMap<Arc<str>, Kind>,
    /// How many were ever kept.
    kept: u64,
    /// How many are being torn down, and who waits for that.
    leaving: usize,
    wakers: Wakers,
    closed: bool,
}

struct Kind {
    kind: ValueType,
    /// How many tasks have an instance or set one up.
    leases: usize,
    /// The last one is the one that was used last: the others may become idle for long.
    idle: Vec<Idle>,
}

struct Idle {
    instance: Instance,
    number: u64,
    clock: Clock,
    timer: Option<Timer>,
}

impl Idle {
    fn wake_up(self) -> Instance {
        if let Some(timer) = self.timer {
            self.clock.disarm(timer);
        }
        self.instance
    }
}

impl Store {
    /// Counts one more who has an instance: an idle one, if there is one.
    fn lease(&self, recipe: &Recipe) -> Result<Option<Instance>, Failure> {
        let mut state = self.state.lock();
        let new = || Kind { kind: recipe.kind, leases: 0, idle: Vec::new() };
        let kind = state.kinds.entry(recipe.id.clone()).or_insert_with(new);
        if kind.kind.id != recipe.kind.id {
            let (id, there, here) = (&recipe.id, kind.kind.name, recipe.kind.name);
            let message = format!(
                "environment {id:?} is a {here} here and a {there} in other tasks of the scheduler: \
                 give one of them another id"
            );
            return Err(Failure::new(FailureKind::Environment, message));
        }
        kind.leases += 1;
        let idle = kind.idle.pop();
        drop(state);
        Ok(idle.map(Idle::wake_up))
    }

    /// Keeps an instance for the next task, unless it is too late for that.
    fn keep(self: &Arc<Self>, instance: Instance, clock: &Clock) -> Option<Instance> {
        let mut state = self.state.lock();
        if state.closed {
            return Some(instance);
        }
        state.kept += 1;
        let (number, id) = (state.kept, instance.recipe.id.clone());
        let Some(kind) = state.kinds.get_mut(&id) else { return Some(instance) };
        // If it rings at once, it waits for the lock.
        let timer = clock.after(instance.recipe.idle).map(|due| {
            clock.arm(due, Arc::new(IdleFor { store: Arc::downgrade(self), id, number }))
        });
        kind.idle.push(Idle { instance, number, clock: clock.clone(), timer });
        None
    }

    /// Counts one less who has an instance. What it still has is to be torn down.
    fn leave(self: &Arc<Self>, id: &str, instance: Option<Instance>) -> Option<Leaving> {
        let mut state = self.state.lock();
        if let Some(kind) = state.kinds.get_mut(id) {
            kind.leases -= 1;
            if kind.is_unused() {
                state.kinds.remove(id);
            }
        }
        instance.map(|instance| self.leaving(&mut state, instance))
    }

    /// The instance was idle for as long as it may; none if a task has it.
    fn expire(self: &Arc<Self>, id: &str, number: u64) -> Option<Leaving> {
        let mut state = self.state.lock();
        let kind = state.kinds.get_mut(id)?;
        let at = kind.idle.iter().position(|idle| idle.number == number)?;
        let idle = kind.idle.remove(at);
        if kind.is_unused() {
            state.kinds.remove(id);
        }
        Some(self.leaving(&mut state, idle.instance))
    }

    fn close(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.closed = true;
        let mut all = Vec::new();
        state.kinds.retain(|_, kind| {
            all.append(&mut kind.idle);
            !kind.is_unused()
        });
        let all: Vec<Leaving> =
            all.into_iter().map(|idle| self.leaving(&mut state, idle.wake_up())).collect();
        drop(state);
        all.into_iter().for_each(Leaving::tear_down);
    }

    /// Counted before the lock is let go of: whoever waits for the last one sees it.
    fn leaving(self: &Arc<Self>, state: &mut State, instance: Instance) -> Leaving {
        state.leaving += 1;
        Leaving { _instance: instance, _counted: Some(Counted(self.clone())) }
    }
}

impl Kind {
    fn is_unused(&self) -> bool {
        self.leases == 0 && self.idle.is_empty()
    }
}

/// Tears an instance down that was idle for long enough.
struct IdleFor {
    store: Weak<Store>,
    id: Arc<str>,
    number: u64,
}

impl Alarm for IdleFor {
    fn ring(self: Arc<Self>, _timer: Timer) {
        let expired = self.store.upgrade().and_then(|store| store.expire(&self.id, self.number));
        match expired {
            // The ticker serves all jobs, and must not wait for code of users.
            Some(leaving) if Clock::on_ticker() => leaving.tear_down(),
            leaving => drop(leaving),
        }
    }
}

/// What a task has while it needs an environment: an instance, or the setup of one. Dropped, the instance is torn down.
pub(super) struct Lease {
    /// None if nothing is kept.
    store: Option<Arc<Store>>,
    recipe: Arc<Recipe>,
    instance: Option<Instance>,
    setting_up: Option<SettingUp>,
}

impl Lease {
    /// Takes an idle instance, if there is one.
    ///
    /// # Errors
    /// The id is that of an environment of another type.
    pub(super) fn new(store: Option<Arc<Store>>, recipe: Arc<Recipe>) -> Result<Lease, Failure> {
        let instance = match &store {
            Some(store) => store.lease(&recipe)?,
            None => None,
        };
        Ok(Lease { store, recipe, instance, setting_up: None })
    }

    /// What was set up.
    pub(super) fn value(&self) -> Option<&Value> {
        self.instance.as_ref().map(|instance| &instance.value)
    }

    /// Runs the setup as far as it goes, if there is no instance yet. It is code of the user.
    pub(super) fn poll_set_up(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TaskError>> {
        if self.instance.is_some() {
            return Poll::Ready(Ok(()));
        }
        let value = match (&mut self.setting_up, &self.recipe.set_up) {
            (Some(setting_up), _) => ready!(setting_up.as_mut().poll(cx)),
            (None, SetUp::Blocking(set_up)) => set_up(),
            (None, SetUp::Future(set_up)) => {
                self.setting_up = Some(set_up());
                return self.poll_set_up(cx);
            }
        }?;
        // In place before the future is dropped, which may panic.
        self.instance = Some(Instance { value, recipe: self.recipe.clone(), tasks: 0 });
        self.setting_up = None;
        Poll::Ready(Ok(()))
    }

    /// Counts the task.
    pub(super) fn used(&mut self) {
        if let Some(instance) = &mut self.instance {
            instance.tasks += 1;
        }
    }

    /// Leaves the instance to the next task, if it may have one and comes by `clock` in time.
    pub(super) fn give_back(mut self, clock: &Clock) {
        let Some(store) = &self.store else { return };
        let lasts = |instance: &mut Instance| instance.tasks < instance.recipe.max_tasks;
        if let Some(instance) = self.instance.take_if(lasts) {
            self.instance = store.keep(instance, clock);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(setting_up) = self.setting_up.take() {
            drop_contained("the drop of an environment's setup", setting_up);
        }
        let instance = self.instance.take();
        let leaving = match &self.store {
            Some(store) => store.leave(&self.recipe.id, instance),
            None => instance.map(|instance| Leaving { _instance: instance, _counted: None }),
        };
        if let Some(leaving) = leaving {
            leaving.tear_down();
        }
    }
}

/// What was set up. Dropped, it is torn down: wherever it gets lost, that happens once.
struct Instance {
    value: Value,
    recipe: Arc<Recipe>,
    /// How many tasks have used it.
    tasks: u64,
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(tear_down) = &self.recipe.tear_down {
            contain("the teardown of an environment", || tear_down(&self.value));
        }
        let value = std::mem::replace(&mut self.value, Arc::new(()));
        drop_contained("the drop of an environment", value);
    }
}

/// An instance that is to be torn down, which is counted until it is.
struct Leaving {
    _instance: Instance,
    _counted: Option<Counted>,
}

impl Leaving {
    /// Tears it down on a thread that may block; on this one if there is none.
    fn tear_down(self) {
        if let Err(error) = run_on_pool(move || drop(self)) {
            tracing::debug!(%error, "an environment was torn down without a thread of its own");
        }
    }
}

struct Counted(Arc<Store>);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut wakes = Wakes::default();
        let mut state = self.0.state.lock();
        state.leaving -= 1;
        if state.leaving == 0 {
            state.wakers.take(u16::MAX, &mut wakes);
        }
        drop(state);
        wakes.wake(&Clock::system());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::job::Environment;

    #[test]
    fn a_timer_is_armed_only_while_an_instance_is_idle() {
        let clock = ManualClock::new();
        let environments = Environments::new();
        let store = environments.store();
        let recipe = Environment::blocking("id", || Ok(())).recipe();
        // Timers know the store, and nothing else does.
        let timers = || Arc::weak_count(&store);
        for _ in 0..3 {
            let mut lease = Lease::new(Some(store.clone()), recipe.clone()).expect("one type");
            assert_eq!(timers(), 0);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(lease.poll_set_up(&mut cx).is_ready());
            lease.give_back(&clock.clock());
            assert_eq!(timers(), 1);
        }
        environments.close();
        assert_eq!(timers(), 0);
        assert!(store.state.lock().kinds.is_empty());
    }
}
