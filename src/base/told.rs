//! [`ToldClock`]: a clock whose time of day somebody tells, as whoever follows a log does. Its timers are the system's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Clock;

/// Tells a clock what time of day it is: that of what is read from somewhere, also if that was a week ago. Its timers and
/// its monotonic time are the system's, so that windows close while somebody looks on.
#[derive(Debug, Clone)]
pub(crate) struct ToldClock {
    micros: Arc<AtomicU64>,
    clock: Clock,
}

impl ToldClock {
    /// A clock that shows the beginning of 1970 until it is told.
    pub(crate) fn new() -> ToldClock {
        let micros = Arc::new(AtomicU64::new(0));
        ToldClock { clock: Clock::told(micros.clone()), micros }
    }

    /// From now on it is so many microseconds after the beginning of 1970.
    pub(crate) fn tell(&self, micros: u64) {
        self.micros.store(micros, Ordering::Relaxed);
    }

    /// The clock to give to jobs.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_of_day_and_what_has_passed_are_as_they_were_told() {
        let told = ToldClock::new();
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
        let clock = ToldClock::new().clock();
        let at = clock.after(Duration::from_millis(1)).expect("a clock reaches it");
        crate::base::block_on(clock.sleep_until(at));
        assert_eq!(clock.armed(), 0);
    }
}
