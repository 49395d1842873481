//! [`ToldClock`]: a clock whose time of day somebody tells, as whoever reads a log does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{Clock, ManualClock};

/// Tells a clock what time of day it is: that of what is read from somewhere, also if that was a week ago.
#[derive(Debug)]
pub(crate) struct ToldClock(Told);

#[derive(Debug)]
enum Told {
    /// Its timers and its monotonic time are the system's.
    Live { micros: Arc<AtomicU64>, clock: Clock },
    /// It begins at the time that it is told first.
    Replayed(OnceLock<ManualClock>),
}

impl ToldClock {
    /// A clock that shows the beginning of 1970 until it is told. Its timers ring as time passes, so that windows close while
    /// somebody looks on.
    pub(crate) fn live() -> ToldClock {
        let micros = Arc::new(AtomicU64::new(0));
        ToldClock(Told::Live { clock: Clock::told(micros.clone()), micros })
    }

    /// One whose timers ring by what it is told, so that all comes out the same each time. It doesn't go back.
    pub(crate) fn replayed() -> ToldClock {
        ToldClock(Told::Replayed(OnceLock::new()))
    }

    /// From now on it is so many microseconds after the beginning of 1970.
    pub(crate) fn tell(&self, told: u64) {
        match &self.0 {
            Told::Live { micros, .. } => micros.store(told, Ordering::Relaxed),
            Told::Replayed(clock) => {
                let clock = clock.get_or_init(|| ManualClock::at(Duration::from_micros(told)));
                let passed = told.saturating_sub(clock.clock().wall_micros());
                clock.advance(Duration::from_micros(passed));
            }
        }
    }

    /// Nothing more will be told: what is due within that time rings.
    pub(crate) fn end(&self, within: Duration) {
        if let Told::Replayed(clock) = &self.0
            && let Some(clock) = clock.get()
        {
            clock.advance(within);
        }
    }

    /// The clock to give to jobs.
    pub(crate) fn clock(&self) -> Clock {
        match &self.0 {
            Told::Live { clock, .. } => clock.clone(),
            Told::Replayed(clock) => clock.get_or_init(|| ManualClock::at(Duration::ZERO)).clock(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    #[test]
    fn the_time_of_day_and_what_has_passed_are_as_they_were_told() {
        let told = ToldClock::live();
        let clock = told.clock();
        assert_eq!(clock.wall_micros(), 0);
        told.tell(5_000_000);
        let start = (clock.now(), clock.wall_micros());
        told.tell(65_000_000);
        assert_eq!(clock.wall_micros(), 65_000_000);
        assert_eq!(clock.elapsed(start, clock.wall_micros()), Duration::from_secs(60));
        // A log may go back.
        told.tell(1_000_000);
        assert_eq!(clock.elapsed(start, clock.wall_micros()), Duration::ZERO);
    }

    #[test]
    fn its_timers_are_those_of_the_system() {
        let clock = ToldClock::live().clock();
        let at = clock.after(Duration::from_millis(1)).expect("a clock reaches it");
        crate::base::block_on(clock.sleep_until(at));
        assert_eq!(clock.armed(), 0);
    }

    #[test]
    fn what_is_replayed_rings_by_what_it_is_told() {
        let told = ToldClock::replayed();
        told.tell(5_000_000);
        let clock = told.clock();
        let start = (clock.now(), clock.wall_micros());
        assert_eq!(start.1, 5_000_000);
        let mut sleep = clock.sleep_until(start.0 + Duration::from_secs(2));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut rings = || std::pin::Pin::new(&mut sleep).poll(&mut cx).is_ready();
        told.tell(6_000_000);
        told.tell(1_000_000);
        assert_eq!((rings(), clock.wall_micros()), (false, 6_000_000));
        told.end(Duration::from_secs(1));
        assert_eq!((rings(), clock.elapsed(start, 0)), (true, Duration::from_secs(2)));
    }
}
