//! Marks against the flusher's sweep (M2, M3): what was stored before its mark is told. Reporters go the cold way here,
//! each with the first report of its task; the hot path is a matter of time, which loom has none of, save in
//! [`hot_report`].

use crate::base::sync::Mutant;
use crate::checker::{Model, race};
use crate::ledger::{Flaw, Job, report};
use crate::meter::Progress;

const PAGE: usize = 64;

pub(crate) const MODELS: &[Model] = &[
    Model::holds("two_tasks_of_one_page_are_marked_during_a_sweep", 2, one_page),
    Model::holds("two_tasks_of_two_pages_are_marked_during_a_sweep", 2, two_pages),
    Model::holds("a_mark_comes_as_its_page_is_let_go", 4, page_let_go),
    Model::holds("a_mark_comes_at_the_second_look_at_its_slot", 4, second_look),
    Model::holds("a_report_sees_the_flag_and_a_second_look_sees_the_report", 3, hot_report),
    // The marks alone order a report before its look; what else the flags order isn't needed for that.
    Model {
        mutant: Mutant::FlagsRelaxed,
        ..Model::holds("flags_that_order_nothing_lose_nothing", 3, second_look)
    },
    Model {
        mutant: Mutant::LoadsRelaxed,
        ..Model::holds("loads_that_acquire_nothing_lose_nothing", 3, second_look)
    },
    Model::fails("mutant_marks_that_order_nothing", EARLY, Mutant::MarksRelaxed, page_let_go),
    Model::fails(
        "mutant_marks_tested_before_they_are_set",
        LOST,
        Mutant::MarkTestedFirst,
        second_look,
    ),
    Model::fails(
        "mutant_marks_taken_in_two_steps",
        LOST,
        Mutant::MarksTakenInTwoSteps,
        page_let_go,
    ),
    Model::fails("mutant_no_second_look", LOST, Mutant::None, hot_report_no_second_look),
];

const LOST: &str = "a report was lost";
const EARLY: &str = "a mark was taken before";

/// The task's numbers are those of its values.
fn check(job: &Job, expected: &[(usize, f64)]) {
    let told: Vec<_> = expected.iter().map(|(task, _)| job.told(*task)).collect();
    assert_eq!(job.wrong(), None);
    for ((_, value), told) in expected.iter().zip(told) {
        assert_eq!(told.last(), Some(value), "a report was lost");
    }
}

fn two_reporters(apart: usize) {
    let job = Job::new(Flaw::None);
    let tasks: Vec<Progress> = (0..=apart + 1).map(|_| job.task()).collect();
    // A window is open already.
    tasks[0].set_progress(1);
    race(vec![job.ring(1), report(&tasks[1], 2.0), report(&tasks[apart + 1], 3.0)]);
    job.settle();
    check(&job, &[(0, 1.0), (1, 2.0), (apart + 1, 3.0)]);
}

fn one_page() {
    two_reporters(1);
}

fn two_pages() {
    two_reporters(PAGE);
}

/// Nothing but the mark itself has the page looked at again: the sweep keeps none of its slots.
fn page_let_go() {
    let job = Job::new(Flaw::None);
    let (first, second) = (job.task(), job.task());
    first.set_progress(1);
    job.clock.ring();
    job.clock.ring();
    // The second look at the first task's slot.
    race(vec![job.ring(1), report(&second, 2.0)]);
    job.settle();
    check(&job, &[(0, 1.0), (1, 2.0)]);
}

/// The slot is marked still, but its flag is gone, and the reporter knows it: it marks the slot again.
fn second_look() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    task.set_progress(1);
    job.clock.ring();
    job.clock.ring();
    race(vec![job.ring(2), report(&task, 2.0)]);
    job.settle();
    check(&job, &[(0, 2.0)]);
}

/// The hot path (M4). That a store is visible a window after it is put in by hand: the window after the one that the
/// report races with closes when the reporter has ended.
fn hot_report_with(flaw: Flaw) {
    let job = Job::new(flaw);
    let task = job.task();
    task.set_progress(1);
    job.clock.ring();
    race(vec![job.ring(1), report(&task, 2.0)]);
    job.settle();
    check(&job, &[(0, 2.0)]);
}

fn hot_report() {
    hot_report_with(Flaw::None);
}

fn hot_report_no_second_look() {
    hot_report_with(Flaw::NoSecondLook);
}
