//! Sets of wakers with what each waits for, and the calling of them. Whoever owns a set guards it with its own lock
//! and wakes after letting go of it: no user code runs in a critical section (G13).

use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::clock::{Alarm, Clock, Timer};
use super::contain;

/// How many wakers a thread calls itself; the ticker calls the others.
const OWN_WAKES: usize = 16;

/// As many as there are in most cases: they take no allocation.
const FEW: usize = 2;

/// Wakers on their way out of a critical section; call [`wake`](Wakes::wake) after it.
#[must_use = "taken wakers must be woken"]
#[derive(Default)]
pub(crate) struct Wakes(SmallVec<[Waker; FEW]>);

impl Wakes {
    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls the wakers, the first few here and the others on the ticker's thread; all of them here if the clock is
    /// manual, since time then stands until they are called (G13).
    pub(crate) fn wake(mut self, clock: &Clock) {
        if self.0.len() > OWN_WAKES && !clock.is_manual() {
            let rest: Vec<Waker> = self.0.drain(OWN_WAKES..).collect();
            clock.arm(clock.now(), Arc::new(Relay(Mutex::new(rest))));
        }
        for waker in self.0 {
            contain("a waker", || waker.wake());
        }
    }
}

struct Relay(Mutex<Vec<Waker>>);

impl Alarm for Relay {
    fn ring(self: Arc<Self>, _timer: Timer) {
        for waker in std::mem::take(&mut *self.0.lock()) {
            contain("a waker", || waker.wake());
        }
    }
}

/// Says which waker of a set is one's own.
#[derive(Debug, Default)]
pub(crate) struct WakerKey(Option<u64>);

impl WakerKey {
    /// Whether a waker was ever registered with it.
    pub(crate) fn is_used(&self) -> bool {
        self.0.is_some()
    }
}

/// Wakers, each with a mask of what it waits for. A waker is called once and must then be registered anew.
#[derive(Default)]
pub(crate) struct Wakers {
    waiting: Vec<Waiting>,
    last_key: u64,
}

struct Waiting {
    key: u64,
    mask: u16,
    waker: Waker,
}

impl Wakers {
    /// Takes `waker`, in place of the one that was registered with the same key, which it leaves there: cloning and
    /// dropping a waker may run user code, which the caller does outside of its lock.
    pub(crate) fn register(&mut self, key: &mut WakerKey, mask: u16, waker: &mut Option<Waker>) {
        let Some(new) = waker.take() else { return };
        if let Some(waiting) = self.waiting.iter_mut().find(|w| Some(w.key) == key.0) {
            waiting.mask = mask;
            *waker = Some(std::mem::replace(&mut waiting.waker, new));
            return;
        }
        self.last_key += 1;
        key.0 = Some(self.last_key);
        self.waiting.push(Waiting { key: self.last_key, mask, waker: new });
    }

    /// Forgets the waker of `key`; the caller drops it outside of its lock.
    #[must_use = "a waker is dropped outside of the lock"]
    pub(crate) fn forget(&mut self, key: &mut WakerKey) -> Option<Waker> {
        let key = key.0.take()?;
        let at = self.waiting.iter().position(|waiting| waiting.key == key)?;
        Some(self.waiting.swap_remove(at).waker)
    }

    /// Takes out the wakers that wait for any of `mask`.
    #[inline]
    pub(crate) fn take(&mut self, mask: u16, wakes: &mut Wakes) {
        if !self.waiting.is_empty() {
            self.take_some(mask, wakes);
        }
    }

    fn take_some(&mut self, mask: u16, wakes: &mut Wakes) {
        let mut at = 0;
        while at < self.waiting.len() {
            if self.waiting[at].mask & mask != 0 {
                wakes.push(self.waiting.swap_remove(at).waker);
            } else {
                at += 1;
            }
        }
    }
}
