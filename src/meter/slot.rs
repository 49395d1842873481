//! The slot of one attempt: 24 bytes that a report is stored in. Knows only itself.

use crate::base::sync::{AtomicI64, AtomicU32, AtomicU64, Ordering, compiler_fence};

/// The reporter need not mark the slot (M2).
pub(crate) const ACTIVE: u32 = 1;
/// `count` is in use: steps were counted. A value that is set is then stored as its distance from the count.
pub(crate) const COUNTED: u32 = 1 << 1;
/// The page has details of the slot: total, unit, message or parts.
pub(crate) const DETAILED: u32 = 1 << 2;
/// The flag was taken away; the slot is read once more (M4).
pub(crate) const COOLING: u32 = 1 << 3;
/// The attempt was asked to stop.
pub(crate) const CANCELING: u32 = 1 << 4;
/// The attempt is over: nothing in the slot is read any more (M1).
pub(crate) const ENDED: u32 = 1 << 5;
/// The attempt's code is running at this moment, as opposed to waiting.
pub(crate) const POLLING: u32 = 1 << 6;
/// Someone waits for the attempt's cancellation or end.
pub(crate) const WATCHED: u32 = 1 << 7;
/// The attempt ended while its code ran on.
pub(crate) const ABANDONED: u32 = 1 << 8;

/// No value: a NaN, which no reporter can store.
const NONE: u64 = f64::NAN.to_bits();

#[derive(Debug)]
pub(crate) struct Slot {
    value: AtomicU64,
    count: AtomicI64,
    flags: AtomicU32,
    task: AtomicU32,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Slot {
            value: AtomicU64::new(NONE),
            count: AtomicI64::new(0),
            flags: AtomicU32::new(0),
            task: AtomicU32::new(u32::MAX),
        }
    }

    /// Stores a value that is no NaN. Returns whether the slot must be marked.
    #[inline]
    pub(crate) fn set(&self, value: f64) -> bool {
        if self.flags.load(Ordering::Relaxed) & COUNTED != 0 {
            // Stored here, it would for a moment be added to the count.
            return true;
        }
        self.value.store(value.to_bits(), Ordering::Relaxed);
        // The load must not be moved before the store by the compiler; that the processor may do so is what M4 is for.
        compiler_fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & ACTIVE == 0
    }

    /// Counts a step. Returns whether the slot must be marked.
    #[inline]
    pub(crate) fn step(&self, by: i64) -> bool {
        self.count.fetch_add(by, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & (ACTIVE | COUNTED) != (ACTIVE | COUNTED)
    }

    /// Stores a value beside a count, so that the two add up to it.
    pub(crate) fn set_beside_count(&self, value: f64) {
        if self.has(COUNTED) {
            let base = value - self.count.load(Ordering::Relaxed) as f64;
            self.value.store(base.to_bits(), Ordering::Relaxed);
        }
    }

    /// Adds to the value; floats take this way.
    pub(crate) fn add(&self, by: f64) {
        let added = |bits| {
            let value = f64::from_bits(bits);
            Some((if value.is_nan() { by } else { value + by }).to_bits())
        };
        // The closure always gives a value, so that this can't fail.
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    /// The progress reported so far; none before the first report. What is no number in JSON is no progress.
    pub(crate) fn progress(&self) -> Option<f64> {
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        let progress = if self.has(COUNTED) {
            let count = self.count.load(Ordering::Relaxed) as f64;
            if value.is_nan() { count } else { value + count }
        } else {
            value
        };
        progress.is_finite().then_some(progress)
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags.load(Ordering::Acquire) & flags != 0
    }

    /// Sets flags and returns those before.
    pub(crate) fn raise(&self, flags: u32) -> u32 {
        self.flags.fetch_or(flags, Ordering::AcqRel)
    }

    /// Ends the attempt, and says in the same step whether its code is running. False if it isn't.
    pub(crate) fn force(&self) -> bool {
        let forced = |flags| {
            let abandoned = if flags & POLLING != 0 { ABANDONED } else { 0 };
            Some(flags | ENDED | CANCELING | ACTIVE | abandoned)
        };
        let before = self.flags.fetch_update(Ordering::AcqRel, Ordering::Acquire, forced);
        before.is_ok_and(|flags| flags & POLLING != 0)
    }

    /// Takes flags away.
    pub(crate) fn lower(&self, flags: u32) {
        self.flags.fetch_and(!flags, Ordering::AcqRel);
    }

    /// Whose slot it is, in the numbering of tasks.
    pub(crate) fn task(&self) -> u32 {
        self.task.load(Ordering::Relaxed)
    }

    pub(crate) fn assign(&self, task: u32) {
        self.task.store(task, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_steps_add_up() {
        let slot = Slot::new();
        assert_eq!(slot.progress(), None);
        assert!(slot.set(2.5), "a fresh slot must be marked");
        slot.raise(ACTIVE);
        assert!(!slot.set(3.5), "an active one need not");
        assert!(slot.step(4), "the first step has the count noticed");
        slot.raise(COUNTED);
        assert_eq!(slot.progress(), Some(7.5));
        assert!(!slot.step(1));
        assert!(slot.set(10.0), "a value beside a count takes the long way");
        slot.set_beside_count(10.0);
        assert_eq!(slot.progress(), Some(10.0));
        slot.step(2);
        slot.add(0.5);
        assert_eq!(slot.progress(), Some(12.5));
    }

    #[test]
    fn what_is_no_number_is_no_progress() {
        let slot = Slot::new();
        slot.set(f64::INFINITY);
        assert_eq!(slot.progress(), None);
    }

    #[test]
    fn a_slot_takes_24_bytes() {
        assert_eq!(size_of::<Slot>(), 24);
    }
}
