//! Work that is scheduled when somebody wakes it, as callbacks and driven futures are: none is left, and none is done by two at
//! a time.

use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::base::Phase;
use crate::base::sync::Mutant;
use crate::checker::{Model, race};

pub(crate) const MODELS: &[Model] = &[
    Model::holds("what_is_woken_for_is_done", 3, woken),
    Model::fails("mutant_phases_that_order_nothing", LEFT, Mutant::WindowRelaxed, woken),
    Model::fails("mutant_looking_before_it_begins", LEFT, Mutant::None, look_first),
];

const LEFT: &str = "something was left";

struct Work {
    phase: Phase,
    given: AtomicUsize,
    done: AtomicUsize,
    busy: AtomicUsize,
    looks_first: bool,
}

impl Work {
    fn new(looks_first: bool) -> Arc<Work> {
        let (given, done, busy) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Work { phase: Phase::new(), given, done, busy, looks_first })
    }

    /// Gives it something to do. Nothing but the phase orders that and what is done.
    fn give(&self) {
        self.given.store(1, Ordering::Relaxed);
        self.wake();
    }

    fn wake(&self) {
        if self.phase.wake() {
            self.run();
        }
    }

    fn run(&self) {
        assert_eq!(self.busy.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
        loop {
            let before = self.given.load(Ordering::Relaxed);
            self.phase.begin();
            let given = if self.looks_first { before } else { self.given.load(Ordering::Relaxed) };
            self.done.store(given, Ordering::Relaxed);
            self.busy.fetch_sub(1, Ordering::Relaxed);
            if self.phase.finish() {
                return;
            }
            assert_eq!(self.busy.fetch_add(1, Ordering::Relaxed), 0, "two at a time");
        }
    }
}

fn one_gives_and_one_wakes(looks_first: bool) {
    let work = Work::new(looks_first);
    let (gives, wakes) = (work.clone(), work.clone());
    race(vec![Box::new(move || gives.give()), Box::new(move || wakes.wake())]);
    assert_eq!(work.done.load(Ordering::Relaxed), 1, "something was left");
}

fn woken() {
    one_gives_and_one_wakes(false);
}

fn look_first() {
    one_gives_and_one_wakes(true);
}
