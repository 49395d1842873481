//! A global allocator that counts each thread's allocations. Knows nothing of jobs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Initialised at compile time and without a destructor, so that looking at it allocates nothing.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count() {
    // A thread that is going has no count any more, and nobody who would ask for it.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator with the arguments as they came, and returns what that returns.
// Counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller vouches for the layout, as it does to us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller vouches that `block` is one of ours, which are all the system's, and for its layout.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often this thread allocates or grows memory in `run`, and what that returns.
pub(crate) fn allocations<R>(run: impl FnOnce() -> R) -> (usize, R) {
    let before = COUNT.get();
    let result = run();
    (COUNT.get() - before, result)
}

/// Asserts that `run` doesn't allocate on this thread.
#[track_caller]
pub(crate) fn no_allocation<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let (count, result) = allocations(run);
    assert_eq!(count, 0, "allocations by {what}");
    result
}
