//! What progress is made of: amounts, a task's report, a job's sum. Knows no slot and no window.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Counts, Properties};

/// What a task has reported of itself. The scale is the user's own: 20 to 2500 is fine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProgressReport {
    /// How far the task is, in its own unit; none before the first report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Where `progress` ends, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What is counted: `"bytes"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Arc<str>>,
    /// What the task is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// What is noted of the task by name.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

impl ProgressReport {
    /// Progress as a share of the total, from 0 to 1; none without a positive total.
    pub fn fraction(&self) -> Option<f64> {
        fraction(self.progress, self.total)
    }
}

/// `progress / total` within 0 to 1, where both are known and the total is positive.
pub(crate) fn fraction(progress: Option<f64>, total: Option<f64>) -> Option<f64> {
    match (progress, total) {
        (Some(progress), Some(total)) if total > 0.0 => Some((progress / total).clamp(0.0, 1.0)),
        _ => None,
    }
}

/// How far a job is: the sum over its tasks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobProgress {
    /// The job's share done, from 0 to 1, weights respected; an ended task counts as whole, a running one without a
    /// total as not begun. None while the number of tasks is unknown (an open job without
    /// [`expect`](crate::OpenJob::expect)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// The sum of the tasks' progress in `unit`, or the number of ended tasks where they have no unit in common. An
    /// ended task counts its total.
    pub value: f64,
    /// Where `value` ends, once every task's total is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
    /// What `value` counts: the unit that all reporting tasks share, or `"tasks"`.
    pub unit: Arc<str>,
    /// The tasks by state.
    pub counts: Counts,
    /// The number of tasks that the job will have, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
}

/// A number that can be reported as progress: any integer or float.
///
/// Integers are counted exactly up to 2^53; beyond, a report carries the nearest `f64`.
pub trait Amount: sealed::Amount {}

mod sealed {
    pub trait Amount: Copy {
        /// The amount as a value to be stored.
        fn value(self) -> f64;
        /// The amount as a step of a counter; none for floats, which are added by value.
        fn step(self) -> Option<i64>;
    }
}

macro_rules! integers {
    ($($t:ty)*) => {$(
        impl Amount for $t {}
        impl sealed::Amount for $t {
            #[inline]
            fn value(self) -> f64 { self as f64 }
            #[inline]
            fn step(self) -> Option<i64> { i64::try_from(self).ok() }
        }
    )*};
}

macro_rules! floats {
    ($($t:ty)*) => {$(
        impl Amount for $t {}
        impl sealed::Amount for $t {
            #[inline]
            fn value(self) -> f64 { f64::from(self) }
            #[inline]
            fn step(self) -> Option<i64> { None }
        }
    )*};
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
floats!(f32 f64);
