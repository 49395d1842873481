//! A job's progress as sums over its tasks. Running sums, so that a window costs by what has changed, or made of all tasks
//! anew, which gives the same but for the order in which floats are added. Knows no table of tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::progress::fraction;
use super::{Counts, JobProgress, TaskState};

/// A task, as far as it counts for its job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted<'a> {
    /// As it was added.
    pub(crate) weight: Option<f64>,
    /// As it was added.
    pub(crate) declared_unit: Option<&'a Arc<str>>,
    pub(crate) ended: bool,
    pub(crate) progress: Option<f64>,
    pub(crate) total: Option<f64>,
    pub(crate) unit: Option<&'a Arc<str>>,
}

/// What one task adds to the sums.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Share<'a> {
    weight: f64,
    done: f64,
    value: f64,
    /// None while it is unknown.
    total: Option<f64>,
    unit: Option<&'a Arc<str>>,
}

impl<'a> Share<'a> {
    pub(crate) fn of(task: Counted<'a>) -> Share<'a> {
        let weight = task.weight.unwrap_or(1.0);
        // A weight in a unit is a total known beforehand.
        let declared = task.declared_unit.and(task.weight);
        let total = task.total.or(declared);
        let share = fraction(task.progress, total).unwrap_or(0.0);
        // What has no unit can't be added to what has one.
        let unit = task.unit.or(task.declared_unit);
        let (value, total) = if unit.is_some() { (task.progress, total) } else { (None, None) };
        if task.ended {
            let whole = total.or(value).unwrap_or(0.0);
            return Share { weight, done: weight, value: whole, total: Some(whole), unit };
        }
        Share { weight, done: weight * share, value: value.unwrap_or(0.0), total, unit }
    }
}

/// The unit of a job that has no other.
fn tasks() -> Arc<str> {
    static TASKS: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("tasks"));
    TASKS.clone()
}

#[derive(Debug, Default)]
pub(crate) struct Sums {
    weight: f64,
    done: f64,
    value: f64,
    total: f64,
    without_total: usize,
    /// How many tasks have each unit.
    units: BTreeMap<Arc<str>, usize>,
}

impl Sums {
    pub(crate) fn add(&mut self, share: Share<'_>) {
        self.weight += share.weight;
        self.done += share.done;
        self.value += share.value;
        match share.total {
            Some(total) => self.total += total,
            None => self.without_total += 1,
        }
        let Some(unit) = share.unit else { return };
        match self.units.get_mut(unit) {
            Some(tasks) => *tasks += 1,
            None => drop(self.units.insert(unit.clone(), 1)),
        }
    }

    pub(crate) fn remove(&mut self, share: Share<'_>) {
        self.weight -= share.weight;
        self.done -= share.done;
        self.value -= share.value;
        match share.total {
            Some(total) => self.total -= total,
            None => self.without_total -= 1,
        }
        let Some(unit) = share.unit else { return };
        match self.units.get_mut(unit) {
            Some(tasks) if *tasks > 1 => *tasks -= 1,
            _ => drop(self.units.remove(unit)),
        }
    }

    /// How much is done, and of how much, by weight.
    pub(crate) fn done(&self) -> (f64, f64) {
        (self.done, self.weight)
    }

    /// The sum of the tasks' progress, if they have a unit in common.
    pub(crate) fn value(&self) -> Option<f64> {
        (self.units.len() == 1).then_some(self.value)
    }

    /// The job's progress; `expected` is the number of tasks that it will have, if known.
    pub(crate) fn progress(&self, counts: Counts, expected: Option<usize>) -> JobProgress {
        let (added, ended) = (counts.total(), counts.ended());
        let fraction = expected.map(|expected| {
            let weight = self.weight + expected.saturating_sub(added) as f64;
            match (ended == expected, weight > 0.0) {
                (true, _) => 1.0,
                (false, true) => (self.done / weight).clamp(0.0, 1.0),
                (false, false) => ended as f64 / expected as f64,
            }
        });
        let mut units = self.units.keys();
        let (value, total, unit) = match (units.next(), units.next()) {
            (Some(unit), None) => {
                let all_known = self.without_total == 0 && expected == Some(added);
                (self.value, all_known.then_some(self.total), unit.clone())
            }
            _ => (ended as f64, expected.map(|n| n as f64), tasks()),
        };
        JobProgress { fraction, value, total, unit, counts, expected }
    }
}

/// The progress of a job of these tasks, each with its state.
pub(crate) fn progress_of<'a>(
    tasks: impl Iterator<Item = (TaskState, Counted<'a>)>,
    expected: Option<usize>,
) -> JobProgress {
    let (mut sums, mut counts) = (Sums::default(), Counts::default());
    for (state, task) in tasks {
        counts.enter(state);
        sums.add(Share::of(task));
    }
    sums.progress(counts, expected)
}
