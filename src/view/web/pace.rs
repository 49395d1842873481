//! How fast all clients together are served (W5). Knows no clients.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::base::Clock;

/// What is sent to all clients together.
const BYTES_PER_MICRO: u64 = 128;

/// What it takes to give a client a piece of no length, as bytes.
const PER_PIECE: u64 = 32 << 10;

/// How far it may run ahead: short work waits for nothing.
const AHEAD: Duration = Duration::from_millis(10);

pub(super) struct Pace {
    clock: Clock,
    /// When all that was given out will have been sent.
    through: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(clock: Clock) -> Pace {
        Pace { through: Mutex::new(clock.now()), clock }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Notes that a piece is given to so many clients. When those who have more to give should go on; none if at once.
    pub(super) fn give(&self, clients: usize, bytes: usize) -> Option<Instant> {
        let sent = clients as u64 * (bytes as u64 + PER_PIECE);
        let now = self.clock.now();
        let mut through = self.through.lock();
        *through = (*through).max(now) + Duration::from_micros(sent / BYTES_PER_MICRO);
        let go_on = *through - AHEAD;
        (go_on > now).then_some(go_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;

    #[test]
    fn few_are_served_at_once_and_many_at_a_steady_rate() {
        let manual = ManualClock::new();
        let pace = Pace::new(manual.clock());
        assert_eq!(pace.give(1, 1 << 16), None);
        manual.advance(Duration::from_secs(1));
        let start = manual.clock().now();
        let mut last = start;
        for _ in 0..100 {
            last = pace.give(1_000, 1 << 16).expect("it takes its time");
        }
        let sent = 100 * 1_000 * ((1 << 16) + PER_PIECE);
        let expected = Duration::from_micros(sent / BYTES_PER_MICRO);
        assert!((last - start).abs_diff(expected) < Duration::from_millis(20));
        manual.advance(expected);
        assert_eq!(pace.give(1, 100), None);
    }
}
