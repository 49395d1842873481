//! Windows (G3, G9): a mark that races with the closing of one leaves a timer that will find it. Of time, that half a
//! window lies between two looks at a slot (M4).

use std::sync::Arc;

use crate::base::sync::Mutant;
use crate::checker::{Model, race};
use crate::ledger::{Flaw, Job, WINDOW, report};

pub(crate) const MODELS: &[Model] = &[
    Model::holds("a_mark_that_races_with_a_closing_has_its_timer", 3, closing),
    Model::holds("a_mark_that_races_with_the_return_to_quiet_has_its_timer", 3, to_quiet),
    Model::holds("a_mark_that_races_with_a_window_without_news_has_its_timer", 4, without_news),
    Model::holds("two_marks_that_race_with_a_closing_have_their_timer", 2, two_marks),
    Model::holds("two_looks_at_a_slot_lie_half_a_window_apart", 2, two_looks),
    Model::fails("mutant_closing_after_the_sweep", FORGOTTEN, Mutant::None, closing_late),
    Model::fails(
        "mutant_a_window_that_orders_nothing",
        FORGOTTEN,
        Mutant::WindowRelaxed,
        without_news,
    ),
    Model::fails(
        "mutant_a_window_tested_first",
        FORGOTTEN,
        Mutant::WindowTestedFirst,
        without_news,
    ),
];

const FORGOTTEN: &str = "a mark without a timer";

/// The first task's slot is marked, and left after some windows; then the others' marks race with the closing of others.
fn mark(settled: usize, rings: usize, reporters: usize) {
    let job = Job::new(Flaw::None);
    let first = job.task();
    first.set_progress(1);
    for _ in 0..settled {
        assert!(job.clock.ring());
    }
    race_with_closing(&job, rings, reporters);
}

fn race_with_closing(job: &Arc<Job>, rings: usize, reporters: usize) {
    let tasks = job.tasks()..job.tasks() + reporters;
    let mut sides = vec![job.ring(rings)];
    sides.extend(tasks.clone().map(|_| report(&job.task(), 2.0)));
    race(sides);
    assert_eq!(job.forgotten(), 0, "a mark without a timer");
    job.settle();
    let told: Vec<_> = tasks.map(|task| job.told(task)).collect();
    assert_eq!(job.wrong(), None);
    assert!(told.iter().all(|told| *told == [2.0]), "a report was lost: {told:?}");
    assert_eq!(job.forgotten(), 0, "a mark without a timer");
}

fn closing() {
    mark(0, 2, 1);
}

/// The window closes that finds nothing to be kept.
fn to_quiet() {
    mark(2, 2, 1);
}

fn two_marks() {
    mark(2, 1, 2);
}

/// A window was opened without a mark, and closes as the first mark comes.
fn without_news() {
    without_news_with(Flaw::None);
}

fn closing_late() {
    without_news_with(Flaw::ClosingAfterSweep);
}

fn without_news_with(flaw: Flaw) {
    let job = Job::new(flaw);
    job.open();
    race_with_closing(&job, 1, 1);
}

/// A flush takes longer than a window, and while it goes on another task opens the next one. That a second look right
/// after the first loses reports is shown in `tests/store_buffer.rs`.
fn two_looks() {
    let job = Job::new(Flaw::None);
    job.task().set_progress(1);
    job.clock.ring();
    job.flush_takes(2 * WINDOW);
    job.clock.ring();
    let soonest = job.clock.now() + WINDOW / 2;
    assert!(job.clock.next().is_some_and(|next| next >= soonest), "the second look comes at once");
}
