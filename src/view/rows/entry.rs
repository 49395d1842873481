//! What is kept of a task for its row. Knows no other task.

use std::sync::{Arc, LazyLock};

use super::pace::Pace;
use super::row::TaskRow;
use crate::model::{
    Counted, Failure, ProgressReport, Share, TaskId, TaskState, Timestamp, fraction,
};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) state: TaskState,
    pub(super) attempt: u32,
    /// Most of a job's tasks have not begun.
    pub(super) details: Option<Box<Details>>,
}

#[derive(Debug, Default)]
pub(super) struct Details {
    /// As it was added.
    pub(super) weight: Option<f64>,
    /// As it was added.
    pub(super) unit: Option<Arc<str>>,
    pub(super) report: ProgressReport,
    /// When the first attempt began, and the last one.
    pub(super) began: Option<Timestamp>,
    pub(super) attempt_began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) pace: Pace,
    pub(super) error: Option<Arc<Failure>>,
}

impl Details {
    /// Those of a task that has not begun.
    fn nothing() -> &'static Details {
        static NOTHING: LazyLock<Details> = LazyLock::new(Details::default);
        &NOTHING
    }

    fn total(&self) -> Option<f64> {
        // A weight in a unit is a total known beforehand.
        self.report.total.or(self.unit.as_ref().and(self.weight))
    }

    fn fraction(&self) -> Option<f64> {
        fraction(self.report.progress, self.total())
    }
}

impl Entry {
    pub(super) fn new(name: Arc<str>) -> Entry {
        let state = TaskState::Pending;
        Entry { name, state, attempt: 1, details: None }
    }

    pub(super) fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// Those that there are.
    fn known(&self) -> &Details {
        self.details.as_deref().unwrap_or(Details::nothing())
    }

    /// Another attempt has begun to be waited for: of the last one, what was noted of the task remains.
    pub(super) fn begin_anew(&mut self) {
        if let Some(details) = &mut self.details {
            let properties = std::mem::take(&mut details.report.properties);
            details.report = ProgressReport { properties, ..ProgressReport::default() };
            (details.attempt_began, details.pace) = (None, Pace::default());
        }
    }

    pub(super) fn share(&self) -> Share<'_> {
        let details = self.known();
        Share::of(Counted {
            weight: details.weight,
            declared_unit: details.unit.as_ref(),
            ended: self.state.is_terminal(),
            progress: details.report.progress,
            total: details.report.total,
            unit: details.report.unit.as_ref(),
        })
    }

    /// The weight of what it has not done, if it was canceled.
    pub(super) fn missed(&self) -> f64 {
        if self.state != TaskState::Canceled {
            return 0.0;
        }
        let details = self.known();
        details.weight.unwrap_or(1.0) * (1.0 - details.fraction().unwrap_or(0.0))
    }

    pub(super) fn row(&self, task: TaskId, now: Timestamp) -> TaskRow<'_> {
        let details = self.known();
        let ProgressReport { progress, ref message, ref unit, ref properties, .. } = details.report;
        let (total, fraction) = (details.total(), details.fraction());
        let since =
            |at: Option<Timestamp>| at.map(|at| details.ended.unwrap_or(now).duration_since(at));
        let (mut rate, mut eta) = (None, None);
        if self.state.is_terminal() {
            let seconds = since(details.attempt_began).map(|time| time.as_secs_f64());
            rate = progress.zip(seconds.filter(|seconds| *seconds > 0.0)).map(|(done, s)| done / s);
        } else if self.state == TaskState::Running {
            rate = details.pace.per_second(now);
            eta = total.and_then(|total| details.pace.until(total, now));
        }
        TaskRow {
            task,
            name: &self.name,
            state: self.state,
            attempt: self.attempt,
            fraction: if self.state.is_success() { Some(1.0) } else { fraction },
            progress,
            total,
            unit: unit.as_ref().or(details.unit.as_ref()),
            message: message.as_ref(),
            properties,
            rate,
            eta,
            elapsed: since(details.began),
            error: details.error.as_ref(),
        }
    }
}
