//! A clock that rings when a model says so. It stands for the ticker and for any time that may pass.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sync::Mutex;

pub(crate) trait Alarm: Send + Sync {
    fn ring(self: Arc<Self>, timer: Timer);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
    number: u64,
}

/// Its lock is loom's, so that what depends on who comes first is tried both ways.
#[derive(Clone)]
pub(crate) struct Clock(Arc<Mutex<Timers>>);

struct Timers {
    now: Instant,
    armed: Vec<(Timer, Arc<dyn Alarm>)>,
    last_number: u64,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        #[allow(clippy::disallowed_methods, reason = "any moment will do")]
        let now = Instant::now();
        Clock(Arc::new(Mutex::new(Timers { now, armed: Vec::new(), last_number: 0 })))
    }

    pub(crate) fn is_manual(&self) -> bool {
        true
    }

    pub(crate) fn now(&self) -> Instant {
        self.0.lock().now
    }

    pub(crate) fn after(&self, delay: Duration) -> Option<Instant> {
        self.now().checked_add(delay)
    }

    pub(crate) fn arm(&self, at: Instant, alarm: Arc<dyn Alarm>) -> Timer {
        let mut timers = self.0.lock();
        timers.last_number += 1;
        let timer = Timer { at, number: timers.last_number };
        timers.armed.push((timer, alarm));
        timer
    }

    pub(crate) fn disarm(&self, timer: Timer) {
        self.0.lock().armed.retain(|(armed, _)| *armed != timer);
    }

    /// When the next timer is due, if any is armed.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.lock().armed.iter().map(|(timer, _)| timer.at).min()
    }

    /// Lets time pass without ringing: as if the ticker were busy.
    pub(crate) fn pass(&self, by: Duration) {
        self.0.lock().now += by;
    }

    /// Lets the time come at which the next timer is due, and rings it. False if none is armed.
    pub(crate) fn ring(&self) -> bool {
        let (timer, alarm) = {
            let mut timers = self.0.lock();
            let Some(first) = (0..timers.armed.len()).min_by_key(|n| timers.armed[*n].0) else {
                return false;
            };
            let (timer, alarm) = timers.armed.swap_remove(first);
            timers.now = timers.now.max(timer.at);
            (timer, alarm)
        };
        alarm.ring(timer);
        true
    }
}

/// Named by what the included files' own tests share, which don't run here.
pub(crate) struct ManualClock;

impl ManualClock {
    pub(crate) fn new() -> ManualClock {
        ManualClock
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::new()
    }
}
