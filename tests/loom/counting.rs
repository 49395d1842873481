//! Steps beside values: there is a cell for either, and flags say which is told. Steps of several threads are all counted,
//! and what is told should be what somebody has reported.

use crate::checker::{Model, Side, race};
use crate::ledger::{Flaw, Job};
use crate::meter::Progress;

pub(crate) const MODELS: &[Model] = &[
    Model::holds("steps_of_two_threads_add_up", 3, two_steps),
    Model::holds("a_value_that_is_set_as_the_first_step_comes_is_told", 3, first_step),
    Model::holds("a_value_that_is_set_beside_steps_is_told", 3, beside),
    Model::holds("a_first_step_after_a_message_is_told_once_it_is_there", 3, after_message),
    Model::holds("a_value_set_between_two_looks_is_not_told", 3, set_back),
];

/// What was told of a task in a window that closes as some report, and after it.
fn told(before: fn(&Progress), sides: &[fn(&Progress)]) -> Vec<f64> {
    let job = Job::new(Flaw::None);
    let task = job.task();
    before(&task);
    job.open();
    let side = |act: fn(&Progress)| -> Side {
        let task = task.clone();
        Box::new(move || act(&task))
    };
    race(std::iter::once(job.ring(1)).chain(sides.iter().copied().map(side)).collect());
    job.settle();
    job.told(0)
}

fn check(told: &[f64], last: &[f64], ever: &[f64]) {
    assert!(told.last().is_some_and(|told| last.contains(told)), "a report was lost: {told:?}");
    assert!(told.iter().all(|told| ever.contains(told)), "nobody reported that: {told:?}");
}

fn two_steps() {
    let told = told(|_| {}, &[|task| task.advance(1), |task| task.advance(1)]);
    check(&told, &[2.0], &[1.0, 2.0]);
    assert!(told.is_sorted());
}

fn first_step() {
    let told = told(|_| {}, &[|task| task.set_progress(10), |task| task.advance(1)]);
    check(&told, &[10.0, 11.0], &[1.0, 10.0, 11.0]);
}

/// One reporter begins anew and goes on.
fn set_back() {
    let anew = |task: &Progress| {
        task.set_progress(0);
        task.advance(3);
    };
    check(&told(|task| task.advance(5), &[anew]), &[3.0], &[5.0, 0.0, 3.0]);
}

fn beside() {
    let sides: [fn(&Progress); 2] = [|task| task.set_progress(10), |task| task.advance(1)];
    check(&told(|task| task.advance(5), &sides), &[10.0, 11.0], &[5.0, 6.0, 10.0, 11.0]);
}

/// The slot is looked at already, for its message.
fn after_message() {
    check(&told(|task| task.set_message("scan"), &[|task| task.advance(1)]), &[1.0], &[1.0]);
}
