//! [`Phase`]: whether work that is done by one thread at a time is to be scheduled. Knows not what it is.

use super::sync::{AtomicU8, Ordering};

const IDLE: u8 = 0;
const SCHEDULED: u8 = 1;
const RUNNING: u8 = 2;
/// Woken while it runs.
const AGAIN: u8 = 3;

/// Where work stands: idle, scheduled, being done, or being done and wanted again. Each wake-up is followed by a beginning that
/// sees what was there to wake for, and no two threads do it at a time.
///
/// Each step is a read-modify-write, also one that changes nothing: who finds it scheduled has told what it woke for to the
/// thread that begins.
#[derive(Debug)]
pub(crate) struct Phase(AtomicU8);

impl Phase {
    pub(crate) fn new() -> Phase {
        Phase(AtomicU8::new(IDLE))
    }

    /// There is something to do. True if the caller is to have it done.
    pub(crate) fn wake(&self) -> bool {
        let next = |phase| match phase {
            IDLE => Some(SCHEDULED),
            RUNNING => Some(AGAIN),
            phase => Some(phase),
        };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE)
    }

    /// It is being done: what wakes from now on wants it done again.
    pub(crate) fn begin(&self) {
        self.0.swap(RUNNING, Ordering::AcqRel);
    }

    /// It is done. False if it is to be done again.
    pub(crate) fn finish(&self) -> bool {
        let done = self.0.compare_exchange(RUNNING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        done.is_ok()
    }
}
