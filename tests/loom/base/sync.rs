//! What the included files synchronise by, on loom: the interface is that of std and parking_lot. Here the code is mutated
//! as it runs, by [`Mutant`].

use std::cell::Cell;

pub(crate) use loom::sync::atomic::Ordering;

/// How the included code is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    None,
    /// Stores release nothing.
    StoresRelaxed,
    /// Loads acquire nothing.
    LoadsRelaxed,
    /// Read-modify-writes of 64-bit words, which the marks are, order nothing.
    MarksRelaxed,
    /// Read-modify-writes of bytes, which the state of the window is, order nothing.
    WindowRelaxed,
    /// Read-modify-writes of a slot's flags order nothing.
    FlagsRelaxed,
    /// A mark that seems to be there is not set again.
    MarkTestedFirst,
    /// A window that seems to be in a state is not put into it again.
    WindowTestedFirst,
    /// The flusher takes marks by a load and a store.
    MarksTakenInTwoSteps,
}

thread_local! {
    // loom runs all threads of a model on one.
    static MUTANT: Cell<Mutant> = const { Cell::new(Mutant::None) };
}

/// Applies to the models that this thread checks from now on.
pub(crate) fn mutate(mutant: Mutant) {
    MUTANT.set(mutant);
}

fn is(mutant: Mutant) -> bool {
    MUTANT.get() == mutant
}

fn weakened(order: Ordering, if_any: &[Mutant]) -> Ordering {
    if if_any.contains(&MUTANT.get()) { Ordering::Relaxed } else { order }
}

/// That the compiler moves nothing is below what loom models.
pub(crate) fn compiler_fence(_order: Ordering) {}

macro_rules! atomic {
    ($name:ident, $int:ty, $relaxed:expr, $tested:expr, $two_steps:expr) => {
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "each type has what any of them needs")]
        impl $name {
            pub(crate) fn new(value: $int) -> Self {
                $name(loom::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $int {
                self.0.load(weakened(order, &[Mutant::LoadsRelaxed]))
            }

            pub(crate) fn store(&self, value: $int, order: Ordering) {
                self.0.store(value, weakened(order, &[Mutant::StoresRelaxed]));
            }

            fn order(order: Ordering) -> Ordering {
                weakened(order, $relaxed)
            }

            pub(crate) fn swap(&self, value: $int, order: Ordering) -> $int {
                if $two_steps.is_some_and(is) {
                    // As fresh as a swap's, so that only the second step makes the difference.
                    let before = self.0.fetch_or(0, Ordering::AcqRel);
                    self.0.store(value, Ordering::Release);
                    return before;
                }
                if $tested.is_some_and(is) && self.0.load(Ordering::Relaxed) == value {
                    return value;
                }
                self.0.swap(value, Self::order(order))
            }

            pub(crate) fn fetch_or(&self, bits: $int, order: Ordering) -> $int {
                if $tested.is_some_and(is) {
                    let before = self.0.load(Ordering::Relaxed);
                    if before & bits == bits {
                        return before;
                    }
                }
                self.0.fetch_or(bits, Self::order(order))
            }

            pub(crate) fn fetch_and(&self, bits: $int, order: Ordering) -> $int {
                self.0.fetch_and(bits, Self::order(order))
            }

            pub(crate) fn fetch_add(&self, by: $int, order: Ordering) -> $int {
                self.0.fetch_add(by, Self::order(order))
            }

            pub(crate) fn fetch_sub(&self, by: $int, order: Ordering) -> $int {
                self.0.fetch_sub(by, Self::order(order))
            }

            pub(crate) fn compare_exchange(
                &self,
                current: $int,
                new: $int,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$int, $int> {
                self.0.compare_exchange(current, new, Self::order(success), Self::order(failure))
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                change: impl FnMut($int) -> Option<$int>,
            ) -> Result<$int, $int> {
                self.0.fetch_update(Self::order(set), Self::order(fetch), change)
            }
        }
    };
}

const NEVER: Option<Mutant> = None;
const WINDOW_TESTED: Option<Mutant> = Some(Mutant::WindowTestedFirst);
const MARK_TESTED: Option<Mutant> = Some(Mutant::MarkTestedFirst);
const TWO_STEPS: Option<Mutant> = Some(Mutant::MarksTakenInTwoSteps);

atomic!(AtomicU8, u8, &[Mutant::WindowRelaxed], WINDOW_TESTED, NEVER);
atomic!(AtomicU32, u32, &[Mutant::FlagsRelaxed], NEVER, NEVER);
atomic!(AtomicU64, u64, &[Mutant::MarksRelaxed], MARK_TESTED, TWO_STEPS);
atomic!(AtomicI64, i64, &[], NEVER, NEVER);
atomic!(AtomicUsize, usize, &[], NEVER, NEVER);

/// As parking_lot's.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("a model ends with its first panic")
    }
}

/// As std's. What is in it is visible to whoever finds it.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    set: loom::sync::atomic::AtomicBool,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        OnceLock {
            set: loom::sync::atomic::AtomicBool::new(false),
            value: std::sync::OnceLock::new(),
        }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        self.value.set(value)?;
        self.set.store(true, Ordering::Release);
        Ok(())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.set.load(Ordering::Acquire) { self.value.get() } else { None }
    }

    pub(crate) fn take(&mut self) -> Option<T> {
        self.value.take()
    }
}
