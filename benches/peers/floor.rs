//! What the atomics alone cost: nothing that reports can be cheaper. Knows no bus.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

use crate::calls::{BASE, Calls, LOOP};

pub(crate) const FETCH_ADD_LOAD: &str = "fetch_add + load";

const ACTIVE: u32 = 1;

/// As large as a task's slot, and with the flag at as far from the value.
#[repr(C)]
struct Cell {
    value: AtomicU64,
    count: AtomicU64,
    flags: AtomicU32,
    task: AtomicU32,
}

/// Cells on the heap as slots are: the first one is used, and the others keep that of another page far away.
type Page = Box<[Cell; 64]>;

impl Cell {
    fn new() -> Cell {
        Cell {
            value: AtomicU64::new(0),
            count: AtomicU64::new(0),
            flags: AtomicU32::new(ACTIVE),
            task: AtomicU32::new(0),
        }
    }

    #[inline]
    fn check(&self) {
        compiler_fence(Ordering::SeqCst);
        if self.flags.load(Ordering::Relaxed) & ACTIVE == 0 {
            self.activate();
        }
    }

    /// The way that is never gone here, but that the compiler has to keep open.
    #[cold]
    fn activate(&self) {
        self.flags.fetch_or(ACTIVE, Ordering::AcqRel);
        self.task.fetch_add(1, Ordering::Relaxed);
    }
}

fn pages() -> Vec<Page> {
    let page = || Box::new(std::array::from_fn(|_| Cell::new()));
    vec![page(), page()]
}

/// Floats, no two alike in a row.
pub(crate) fn floats() -> [f64; 256] {
    std::array::from_fn(|n| n as f64 + 0.5)
}

pub(crate) fn integers() -> [u64; 256] {
    std::array::from_fn(|n| n as u64)
}

/// Steps of a counter.
pub(crate) fn steps() -> [u64; 256] {
    [1; 256]
}

pub(crate) fn add(calls: &mut Calls) {
    calls.add(LOOP, vec![(), ()], floats(), |(), _| {});
    calls.add("store", pages(), floats(), |page, value| {
        page[0].value.store(value.to_bits(), Ordering::Relaxed);
    });
    calls.add(BASE, pages(), floats(), |page, value| {
        page[0].value.store(value.to_bits(), Ordering::Relaxed);
        page[0].check();
    });
    calls.add("fetch_add", pages(), steps(), |page, step| {
        page[0].count.fetch_add(step, Ordering::Relaxed);
    });
    calls.add(FETCH_ADD_LOAD, pages(), steps(), |page, step| {
        page[0].count.fetch_add(step, Ordering::Relaxed);
        page[0].check();
    });
}
