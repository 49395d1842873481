//! The alternative to the second look (M4): a fence on each side of the hot path, with which nothing rests on time. A
//! model of its own, since the code has no such fences: it mirrors `SlotRef::set` with `Page::mark`, and a sweep that
//! clears the flag before it reads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::base::sync::Mutant;
use crate::checker::{Model, Side, race};

pub(crate) const MODELS: &[Model] = &[
    Model::holds("with_two_fences_no_report_is_lost", 5, two_fences),
    Model::fails("mutant_no_fence_in_the_writer", LOST, Mutant::None, no_fence_in_the_writer),
    Model::fails("mutant_no_fence_in_the_flusher", LOST, Mutant::None, no_fence_in_the_flusher),
    Model::fails("mutant_a_weaker_fence_in_the_writer", LOST, Mutant::None, weaker_writer),
    Model::fails("mutant_a_weaker_fence_in_the_flusher", LOST, Mutant::None, weaker_flusher),
    Model::fails("mutant_the_flag_is_cleared_after_the_read", LOST, Mutant::None, read_first),
];

const LOST: &str = "a report was lost";
const FULL: Option<Ordering> = Some(Ordering::SeqCst);
const WEAK: Option<Ordering> = Some(Ordering::AcqRel);

struct Slot {
    value: AtomicU64,
    active: AtomicU32,
    marked: AtomicU32,
}

impl Slot {
    /// The slot is active, and its value 0 has been told.
    fn new() -> Arc<Slot> {
        let [active, marked] = [1, 0].map(AtomicU32::new);
        Arc::new(Slot { value: AtomicU64::new(0), active, marked })
    }

    fn set(&self, value: u64, fenced: Option<Ordering>) {
        self.value.store(value, Ordering::Relaxed);
        if let Some(order) = fenced {
            fence(order);
        }
        if self.active.load(Ordering::Relaxed) == 0 && self.active.swap(1, Ordering::AcqRel) == 0 {
            self.marked.swap(1, Ordering::AcqRel);
        }
    }

    /// The flag's read-modify-write alone is a full fence on x86, but not by the rules of the language.
    fn look(&self, fenced: Option<Ordering>) -> u64 {
        self.active.swap(0, Ordering::AcqRel);
        if let Some(order) = fenced {
            fence(order);
        }
        self.value.load(Ordering::Relaxed)
    }
}

fn report_and_look(writer: Option<Ordering>, look: fn(&Slot) -> u64) {
    let slot = Slot::new();
    let reporter: Side = Box::new({
        let slot = slot.clone();
        move || {
            slot.set(1, writer);
            slot.set(2, writer);
        }
    });
    let told = Rc::new(Cell::new(0));
    let flusher: Side = Box::new({
        let (slot, told) = (slot.clone(), told.clone());
        move || told.set(look(&slot))
    });
    race(vec![flusher, reporter]);
    let mut told = told.get();
    if slot.marked.load(Ordering::Relaxed) == 1 {
        told = slot.value.load(Ordering::Relaxed);
    }
    assert_eq!(told, 2, "a report was lost");
}

fn two_fences() {
    report_and_look(FULL, |slot| slot.look(FULL));
}

fn no_fence_in_the_writer() {
    report_and_look(None, |slot| slot.look(FULL));
}

fn no_fence_in_the_flusher() {
    report_and_look(FULL, |slot| slot.look(None));
}

fn weaker_writer() {
    report_and_look(WEAK, |slot| slot.look(FULL));
}

fn weaker_flusher() {
    report_and_look(FULL, |slot| slot.look(WEAK));
}

fn read_first() {
    report_and_look(FULL, |slot| {
        let value = slot.value.load(Ordering::Relaxed);
        fence(Ordering::SeqCst);
        slot.active.swap(0, Ordering::AcqRel);
        value
    });
}
