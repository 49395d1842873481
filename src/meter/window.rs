//! When to flush: the window of a job, opened by the first mark after quiet. Knows nothing of what is flushed.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::page::SlotRef;
use crate::base::sync::{AtomicU8, Mutex, Ordering};
use crate::base::{Alarm, Clock, Timer};

/// Nothing is marked, and no timer is armed (G9).
const QUIET: u8 = 0;
/// A window is open.
const OPEN: u8 = 1;
/// No window is open; slots are to be read once more (M4). A mark now opens a whole window.
const COOLING: u8 = 2;

/// What is left after a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rest {
    /// Nothing: back to quiet.
    Nothing,
    /// Slots that are to be read once more, a window from now.
    Cooling,
    /// Reports may come without a mark: the next window follows at once.
    Active,
}

/// Whose slots they are: who flushes when a window closes, and knows what is suspended.
pub(crate) trait Owner: Send + Sync {
    /// Called outside of all locks. The owner calls [`Signal::closing`] first and [`Signal::closed`] last, both in its
    /// own critical section.
    fn window_closes(self: Arc<Self>, timer: Timer);

    /// The code of a task, whose slot it is, has come to a place where it can be suspended. None if it isn't to be after all.
    fn parks(self: Arc<Self>, task: u32, slot: &SlotRef) -> Option<Box<dyn Suspension>> {
        let _ = (task, slot);
        None
    }
}

/// A task that is suspended. Dropping it has the task go on at once.
pub(crate) trait Suspension: Send {
    /// Whether the task goes on, which it was asked to; else the waker is called when it does.
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Opens a job's windows and has them closed in time.
pub(crate) struct Signal {
    state: AtomicU8,
    timer: Mutex<Option<Timer>>,
    clock: Clock,
    window: Duration,
    owner: Weak<dyn Owner>,
    itself: Weak<Signal>,
}

impl Signal {
    pub(crate) fn new(clock: Clock, window: Duration, owner: Weak<dyn Owner>) -> Arc<Signal> {
        Arc::new_cyclic(|itself| Signal {
            state: AtomicU8::new(QUIET),
            timer: Mutex::new(None),
            clock,
            window,
            owner,
            itself: itself.clone(),
        })
    }

    #[cfg(test)]
    pub(super) fn unowned() -> Arc<Signal> {
        struct Nobody;
        impl Owner for Nobody {
            fn window_closes(self: Arc<Self>, _timer: Timer) {}
        }
        let owner: Weak<Nobody> = Weak::new();
        Signal::new(crate::base::ManualClock::new().clock(), Duration::from_secs(1), owner)
    }

    pub(super) fn owner(&self) -> Option<Arc<dyn Owner>> {
        self.owner.upgrade()
    }

    /// Opens a window, unless one is open.
    pub(crate) fn open(&self) {
        if self.state.swap(OPEN, Ordering::AcqRel) != OPEN {
            self.arm(&mut self.timer.lock(), self.clock.after(self.window));
        }
    }

    /// Has the alarm rung at `at`, and not at the time set before.
    fn arm(&self, timer: &mut Option<Timer>, at: Option<Instant>) {
        let before = match (at, self.itself.upgrade()) {
            (Some(at), Some(itself)) => timer.replace(self.clock.arm(at, itself)),
            _ => timer.take(),
        };
        if let Some(before) = before {
            self.clock.disarm(before);
        }
    }

    /// Before a flush: from here on, marks open the next window. False if `rung` is not the timer that closes the
    /// present one: a window that was opened meanwhile has its full length (G3).
    pub(crate) fn closing(&self, rung: Timer) -> bool {
        let mut timer = self.timer.lock();
        if *timer != Some(rung) {
            return false;
        }
        *timer = None;
        self.state.swap(QUIET, Ordering::AcqRel);
        true
    }

    /// After a flush.
    pub(crate) fn closed(&self, rung: Timer, rest: Rest) {
        let next = match rest {
            Rest::Nothing => return,
            Rest::Cooling => COOLING,
            Rest::Active => OPEN,
        };
        let mut timer = self.timer.lock();
        // At least half a window lies between two looks at a slot (M4).
        let soonest = self.clock.after(self.window / 2);
        // A mark since `closing` has opened a window of its own, or is about to.
        if self.state.compare_exchange(QUIET, next, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // That one would close too soon if the flush took long.
            if timer.is_some_and(|timer| soonest.is_some_and(|soonest| timer.at < soonest)) {
                self.arm(&mut timer, soonest);
            }
        } else {
            // Back to back, unless the ticker was held up: then windows that were missed stay so.
            let on_time = rung.at.checked_add(self.window).filter(|at| Some(*at) >= soonest);
            self.arm(&mut timer, on_time.or_else(|| self.clock.after(self.window)));
        }
    }
}

impl Alarm for Signal {
    fn ring(self: Arc<Self>, timer: Timer) {
        if let Some(owner) = self.owner.upgrade() {
            owner.window_closes(timer);
        }
    }
}
