//! The slot of one attempt: 24 bytes that a report is stored in. Knows only itself.
//!
//! A slot is counted or valued, as its first report was: steps are added to `count` as long as nothing was set, and
//! from the first value on that is set, `value` is all there is. So each report changes one cell, and a
//! reader reads one.

use crate::base::sync::{AtomicI64, AtomicU32, AtomicU64, Ordering, compiler_fence};

/// The flusher won't look at the slot: who reports must mark it (M2).
pub(crate) const IDLE: u32 = 1;
/// Nothing was set: `value` says nothing.
const UNSET: u32 = 1 << 1;
/// Steps were counted and nothing was set: `count` is what was reported.
const COUNTED: u32 = 1 << 2;
/// The page has details of the slot: total, unit, message, properties or parts.
pub(crate) const DETAILED: u32 = 1 << 3;
/// The slot was said to be idle; it is read once more (M4).
pub(crate) const COOLING: u32 = 1 << 4;
/// The attempt was asked to stop.
pub(crate) const CANCELING: u32 = 1 << 5;
/// The attempt is over: nothing in the slot is read any more (M1).
pub(crate) const ENDED: u32 = 1 << 6;
/// The attempt's code is running at this moment, as opposed to waiting.
pub(crate) const POLLING: u32 = 1 << 7;
/// Someone waits for the attempt's cancellation or end.
pub(crate) const WATCHED: u32 = 1 << 8;
/// The attempt ended while its code ran on.
pub(crate) const ABANDONED: u32 = 1 << 9;
/// There is more to its task than one attempt and a value: it has options, or was tried before.
pub(crate) const SPECIAL: u32 = 1 << 10;
/// The attempt was asked to park.
pub(crate) const SUSPENDING: u32 = 1 << 11;

/// No value: a NaN, which no reporter can store.
const NONE: u64 = f64::NAN.to_bits();

/// Value and flags side by side: in a page, that puts them on one cache line in seven cases of eight.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Slot {
    value: AtomicU64,
    flags: AtomicU32,
    task: AtomicU32,
    count: AtomicI64,
}

impl Slot {
    pub(crate) fn new() -> Self {
        Slot {
            value: AtomicU64::new(NONE),
            count: AtomicI64::new(0),
            flags: AtomicU32::new(IDLE | UNSET),
            task: AtomicU32::new(u32::MAX),
        }
    }

    /// Stores a value that is no NaN. Returns whether [`activate_valued`](Slot::activate_valued) must follow.
    #[inline]
    pub(crate) fn set(&self, value: f64) -> bool {
        self.value.store(value.to_bits(), Ordering::Relaxed);
        // The load must not be moved before the store by the compiler; that the processor may do so is what M4 is for.
        compiler_fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & (IDLE | UNSET) != 0
    }

    /// Counts a step. Returns whether [`activate_counted`](Slot::activate_counted) must follow.
    #[inline]
    pub(crate) fn step(&self, by: i64) -> bool {
        // Released, so that whoever reads the step sees what its thread had done to the flags before.
        self.count.fetch_add(by, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        self.flags.load(Ordering::Relaxed) & (IDLE | COUNTED) != COUNTED
    }

    /// Has the value count from now on, which was set. Returns whether the slot must be marked.
    pub(crate) fn activate_valued(&self) -> bool {
        self.change(|flags| Some(flags & !(IDLE | UNSET | COUNTED))) & IDLE != 0
    }

    /// Has the count be told, to which a step was added; or adds the step to the value if there is one. Returns
    /// whether the slot must be marked.
    pub(crate) fn activate_counted(&self, by: i64) -> bool {
        let before = self.change(|flags| (flags & UNSET != 0).then_some(flags & !IDLE | COUNTED));
        if before & UNSET != 0 {
            return before & IDLE != 0;
        }
        self.add_to_value(by as f64);
        self.activate()
    }

    /// Adds to the value, unless the slot is counted. Returns whether it did.
    pub(crate) fn add(&self, by: f64) -> bool {
        let before = self.change(|flags| (flags & COUNTED == 0).then_some(flags & !UNSET));
        let valued = before & COUNTED == 0;
        if valued {
            self.add_to_value(by);
        }
        valued
    }

    fn add_to_value(&self, by: f64) {
        let added = |bits| {
            let value = f64::from_bits(bits);
            Some((if value.is_nan() { by } else { value + by }).to_bits())
        };
        // The closure always gives a value, so that this can't fail.
        let _ = self.value.fetch_update(Ordering::AcqRel, Ordering::Acquire, added);
    }

    /// Says that the slot was reported to. Returns whether it must be marked.
    pub(crate) fn activate(&self) -> bool {
        self.lower(IDLE) & IDLE != 0
    }

    /// The progress reported so far; none before the first report. What is no number in JSON is no progress.
    /// `beside` is what was added to a count beside its steps.
    pub(crate) fn progress(&self, beside: f64) -> Option<f64> {
        let progress = self.value(self.flags.load(Ordering::Acquire), beside);
        progress.is_finite().then_some(progress)
    }

    /// The progress of a slot without details, if the rest is plain as well. NaN or infinite if there is none.
    #[inline]
    pub(crate) fn plain(&self) -> Option<f64> {
        let flags = self.flags.load(Ordering::Acquire);
        (flags & (DETAILED | SPECIAL) == 0).then(|| self.value(flags, 0.0))
    }

    #[inline]
    fn value(&self, flags: u32, beside: f64) -> f64 {
        if flags & COUNTED != 0 {
            let count = self.count.load(Ordering::Acquire) as f64;
            // Looked once more: steps that came after a value was set are not to be told with those before it.
            if self.has(COUNTED) {
                return count + beside;
            }
        }
        f64::from_bits(self.value.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn has(&self, flags: u32) -> bool {
        self.flags.load(Ordering::Acquire) & flags != 0
    }

    /// Sets flags and returns those before.
    pub(crate) fn raise(&self, flags: u32) -> u32 {
        self.flags.fetch_or(flags, Ordering::AcqRel)
    }

    /// Takes flags away and returns those before.
    pub(crate) fn lower(&self, flags: u32) -> u32 {
        self.flags.fetch_and(!flags, Ordering::AcqRel)
    }

    /// Ends the attempt, by force or not, and returns the flags before. Forced, it says in the same step whether its
    /// code is running. Never idle again, so that further reports are stores alone.
    pub(crate) fn end(&self, by_force: bool) -> u32 {
        self.change(|flags| {
            let abandoned = if by_force && flags & POLLING != 0 { ABANDONED } else { 0 };
            Some(flags & !(IDLE | UNSET) | ENDED | CANCELING | abandoned)
        })
    }

    /// Changes the flags in one step, unless `change` gives none. Returns those before.
    fn change(&self, change: impl FnMut(u32) -> Option<u32>) -> u32 {
        match self.flags.fetch_update(Ordering::AcqRel, Ordering::Acquire, change) {
            Ok(before) | Err(before) => before,
        }
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
    fn a_value_takes_the_place_of_a_count_and_is_added_to() {
        let slot = Slot::new();
        assert_eq!(slot.progress(0.0), None);
        assert!(slot.step(4), "the first step has the count noticed");
        assert!(slot.activate_counted(4), "a fresh slot must be marked");
        assert!(!slot.step(1), "an active one need not");
        assert_eq!(slot.progress(0.5), Some(5.5));
        assert!(!slot.add(0.5), "floats are kept beside a count");
        assert!(slot.set(2.5), "the first value has the value noticed");
        assert_eq!(slot.progress(0.0), Some(5.0), "until then the count is what was reported");
        assert!(!slot.activate_valued());
        assert_eq!(slot.progress(0.5), Some(2.5));
        assert!(!slot.set(3.5));
        assert!(slot.step(2), "from then on steps are added to the value");
        assert!(!slot.activate_counted(2));
        assert_eq!(slot.progress(0.0), Some(5.5));
        assert!(slot.add(0.5));
        assert_eq!(slot.progress(0.0), Some(6.0));
    }

    #[test]
    fn floats_may_come_first() {
        let slot = Slot::new();
        assert!(slot.add(0.5));
        assert!(slot.step(1));
        slot.activate_counted(1);
        assert_eq!(slot.progress(0.0), Some(1.5));
    }

    #[test]
    fn what_is_no_number_is_no_progress() {
        let slot = Slot::new();
        slot.set(f64::INFINITY);
        slot.activate_valued();
        assert_eq!(slot.progress(0.0), None);
    }

    #[test]
    fn a_slot_takes_24_bytes() {
        assert_eq!(size_of::<Slot>(), 24);
    }
}
