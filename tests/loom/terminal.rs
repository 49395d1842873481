//! The end of an attempt against reports and flushes (M1, M5): what happens before the end is told, once, and nothing
//! after it.

use crate::base::sync::Mutant;
use crate::checker::{Model, Side, race};
use crate::ledger::{Flaw, Job};

pub(crate) const MODELS: &[Model] = &[
    Model::holds("the_last_value_before_the_end_is_told_once", 3, end),
    Model::holds("a_report_that_races_with_the_end_is_not_told_after_it", 2, late_report),
    Model::fails("mutant_an_end_that_does_not_read", "the last value", Mutant::None, end_unread),
];

/// The reporter's last report goes the hot way, so that no flush need have seen it.
fn end_with(flaw: Flaw) {
    let job = Job::new(flaw);
    let progress = job.task();
    progress.set_progress(1);
    let reporter: Side = Box::new({
        let job = job.clone();
        move || {
            progress.set_progress(2);
            job.end(0);
            // It goes on, and is heard by no one.
            progress.set_progress(3);
        }
    });
    race(vec![job.ring(2), reporter]);
    job.settle();
    let told = job.told(0);
    assert_eq!(job.wrong(), None);
    assert!(
        [&[1.0, 2.0][..], &[2.0]].contains(&&*told),
        "the last value was told otherwise: {told:?}"
    );
    assert_eq!(job.forgotten(), 0);
}

fn end() {
    end_with(Flaw::None);
}

fn end_unread() {
    end_with(Flaw::EndDoesNotRead);
}

/// Another thread reports into the task as it ends, and the first report of another task is made.
fn late_report() {
    let job = Job::new(Flaw::None);
    let (first, second) = (job.task(), job.task());
    first.set_progress(1);
    let racer: Side = Box::new({
        let first = first.clone();
        move || {
            first.set_progress(5);
            second.set_progress(7);
        }
    });
    let reporter: Side = Box::new({
        let job = job.clone();
        move || {
            first.set_progress(2);
            job.end(0);
        }
    });
    race(vec![job.ring(1), reporter, racer]);
    job.settle();
    let (told, other) = (job.told(0), job.told(1));
    assert_eq!(job.wrong(), None);
    // The racer's value may be before, after or in place of the last.
    assert!(told.last().is_some_and(|last| [2.0, 5.0].contains(last)), "the last value: {told:?}");
    assert_eq!(other, [7.0], "another task's value");
}
