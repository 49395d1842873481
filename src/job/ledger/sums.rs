//! A job's progress as running sums over its tasks, so that a window costs by what has changed.

use std::sync::{Arc, LazyLock};

use super::table::TaskEntry;
use crate::meter::Reading;
use crate::model::{Counts, JobProgress, fraction};

/// What one task adds to the sums.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Share {
    weight: f64,
    done: f64,
    value: f64,
    /// None while it is unknown.
    total: Option<f64>,
}

impl Share {
    pub(super) fn of(entry: &TaskEntry, reading: &Reading) -> Share {
        let settings = entry.settings();
        let weight = settings.and_then(|settings| settings.weight).unwrap_or(1.0);
        // A weight in a unit is a total known beforehand.
        let declared = settings.filter(|settings| settings.unit.is_some()).and_then(|s| s.weight);
        let total = reading.total().or(declared);
        let share = fraction(reading.progress, total).unwrap_or(0.0);
        // What has no unit can't be added to what has one.
        let reported = reading.detail.as_ref().is_some_and(|detail| detail.unit.is_some());
        let has_unit = reported || settings.is_some_and(|settings| settings.unit.is_some());
        let (value, total) = if has_unit { (reading.progress, total) } else { (None, None) };
        if entry.state.is_terminal() {
            let whole = total.or(value).unwrap_or(0.0);
            return Share { weight, done: weight, value: whole, total: Some(whole) };
        }
        Share { weight, done: weight * share, value: value.unwrap_or(0.0), total }
    }
}

/// The unit of a job that has no other.
fn tasks() -> Arc<str> {
    static TASKS: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("tasks"));
    TASKS.clone()
}

#[derive(Default)]
pub(super) struct Sums {
    weight: f64,
    done: f64,
    value: f64,
    total: f64,
    without_total: usize,
    unit: Option<Arc<str>>,
    mixed: bool,
}

impl Sums {
    pub(super) fn add(&mut self, share: Share) {
        self.weight += share.weight;
        self.done += share.done;
        self.value += share.value;
        match share.total {
            Some(total) => self.total += total,
            None => self.without_total += 1,
        }
    }

    pub(super) fn remove(&mut self, share: Share) {
        self.weight -= share.weight;
        self.done -= share.done;
        self.value -= share.value;
        match share.total {
            Some(total) => self.total -= total,
            None => self.without_total -= 1,
        }
    }

    /// Notes the unit of a task that reports or says one.
    pub(super) fn note_unit(&mut self, unit: Option<&Arc<str>>) {
        match (&self.unit, unit) {
            (Some(known), Some(unit)) => self.mixed |= known != unit,
            (None, Some(unit)) => self.unit = Some(unit.clone()),
            (_, None) => {}
        }
    }

    /// The job's progress; `expected` is the number of tasks that it will have, if known.
    pub(super) fn progress(&self, counts: Counts, expected: Option<usize>) -> JobProgress {
        let (added, ended) = (counts.total(), counts.ended());
        let fraction = expected.map(|expected| {
            let weight = self.weight + (expected - added) as f64;
            match (ended == expected, weight > 0.0) {
                (true, _) => 1.0,
                (false, true) => (self.done / weight).clamp(0.0, 1.0),
                (false, false) => ended as f64 / expected as f64,
            }
        });
        let (value, total, unit) = match &self.unit {
            Some(unit) if !self.mixed => {
                let all_known = self.without_total == 0 && expected == Some(added);
                (self.value, all_known.then_some(self.total), unit.clone())
            }
            _ => (ended as f64, expected.map(|n| n as f64), tasks()),
        };
        JobProgress { fraction, value, total, unit, counts, expected }
    }
}
