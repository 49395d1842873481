//! The metrics with their names: described to a recorder, and registered with it once for each set of labels. Knows no event.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};

use crate::base::contain;
use crate::model::{CauseKind, JobState, TaskState};

const TASKS: &str = "milepost_tasks";
const TASKS_ENDED: &str = "milepost_tasks_ended_total";
const ATTEMPTS: &str = "milepost_task_attempts_total";
const RETRIES: &str = "milepost_task_retries_total";
const QUEUE: &str = "milepost_task_queue_seconds";
const RUN: &str = "milepost_task_run_seconds";
const JOBS: &str = "milepost_jobs";
const JOBS_ENDED: &str = "milepost_jobs_ended_total";
const DURATION: &str = "milepost_job_duration_seconds";

/// What leads to another attempt: the values of `cause`.
const CAUSES: [&str; 5] = ["retry", "held", "vacated", "reported", "other"];

static METADATA: Metadata<'static> =
    Metadata::new("milepost::telemetry", Level::INFO, Some("milepost::telemetry"));

/// The metrics of all jobs with the same labels. States are told apart by their codes: those of live ones come first.
pub(super) struct Instruments {
    tasks: Vec<Gauge>,
    tasks_ended: Vec<Counter>,
    attempts: Counter,
    retries: [Counter; CAUSES.len()],
    queue: Histogram,
    run: Histogram,
    jobs: Vec<Gauge>,
    jobs_ended: Vec<Counter>,
    duration: Histogram,
}

/// Each by itself: where one metric can't be recorded, the others are.
fn record(code: impl FnOnce()) {
    contain("a recorder of metrics", code);
}

impl Instruments {
    /// Says what the metrics are.
    pub(super) fn describe(recorder: &dyn Recorder) {
        let count = Some(Unit::Count);
        let gauges = [
            (TASKS, "Tasks that have not ended, by state."),
            (JOBS, "Jobs that have not ended, by state."),
        ];
        for (name, text) in gauges {
            recorder.describe_gauge(name.into(), count, text.into());
        }
        let counters = [
            (TASKS_ENDED, "Tasks that have ended, by terminal state."),
            (ATTEMPTS, "Attempts of tasks that have begun to run."),
            (RETRIES, "Attempts of tasks that were followed by another one, by cause."),
            (JOBS_ENDED, "Jobs that have ended, by terminal state."),
        ];
        for (name, text) in counters {
            recorder.describe_counter(name.into(), count, text.into());
        }
        let histograms = [
            (QUEUE, "How long attempts of tasks waited before they ran."),
            (
                RUN,
                "How long attempts of tasks ran, without the time for which they were suspended.",
            ),
            (DURATION, "How long jobs took from their submission or start to their end."),
        ];
        for (name, text) in histograms {
            recorder.describe_histogram(name.into(), Some(Unit::Seconds), text.into());
        }
    }

    pub(super) fn register(recorder: &dyn Recorder, labels: &[Label]) -> Instruments {
        let key = |name: &'static str, own: Option<(&'static str, &'static str)>| {
            let own = own.map(|(label, value)| Label::from_static_parts(label, value));
            Key::from_parts(name, labels.iter().cloned().chain(own).collect::<Vec<_>>())
        };
        let gauge =
            |name, state| recorder.register_gauge(&key(name, Some(("state", state))), &METADATA);
        let counter = |name, own| recorder.register_counter(&key(name, own), &METADATA);
        let histogram = |name| recorder.register_histogram(&key(name, None), &METADATA);
        let ended = |name, state| counter(name, Some(("state", state)));
        let (live, over): (Vec<TaskState>, Vec<_>) =
            TaskState::ALL.into_iter().partition(|state| !state.is_terminal());
        let (live_jobs, jobs_over): (Vec<JobState>, Vec<_>) =
            JobState::ALL.into_iter().partition(|state| !state.is_terminal());
        Instruments {
            tasks: live.iter().map(|state| gauge(TASKS, state.as_str())).collect(),
            tasks_ended: over.iter().map(|state| ended(TASKS_ENDED, state.as_str())).collect(),
            attempts: counter(ATTEMPTS, None),
            retries: CAUSES.map(|cause| counter(RETRIES, Some(("cause", cause)))),
            queue: histogram(QUEUE),
            run: histogram(RUN),
            jobs: live_jobs.iter().map(|state| gauge(JOBS, state.as_str())).collect(),
            jobs_ended: jobs_over.iter().map(|state| ended(JOBS_ENDED, state.as_str())).collect(),
            duration: histogram(DURATION),
        }
    }

    /// A task has left a state in which it was counted.
    pub(super) fn task_left(&self, state: TaskState) {
        record(|| self.tasks[state as usize].decrement(1.0));
    }

    pub(super) fn task_entered(&self, state: TaskState) {
        record(|| match self.tasks.get(state as usize) {
            Some(gauge) => gauge.increment(1.0),
            None => self.tasks_ended[state as usize - self.tasks.len()].increment(1),
        });
    }

    pub(super) fn attempt_began(&self) {
        record(|| self.attempts.increment(1));
    }

    /// So long an attempt has waited.
    pub(super) fn waited(&self, time: Duration) {
        record(|| self.queue.record(time));
    }

    /// So long an attempt has run.
    pub(super) fn ran(&self, time: Duration) {
        record(|| self.run.record(time));
    }

    pub(super) fn retried(&self, cause: Option<CauseKind>) {
        let cause = match cause {
            Some(CauseKind::Retry) => 0,
            Some(CauseKind::Held) => 1,
            Some(CauseKind::Vacated) => 2,
            Some(CauseKind::Reported) => 3,
            _ => 4,
        };
        record(|| self.retries[cause].increment(1));
    }

    /// A job has left a state, or is no longer told to be in it. Those that have ended are in none.
    pub(super) fn job_left(&self, state: JobState) {
        if let Some(gauge) = self.jobs.get(state as usize) {
            record(|| gauge.decrement(1.0));
        }
    }

    /// A job is in a state. That it has ended in one is [another thing](Self::job_ended).
    pub(super) fn job_is(&self, state: JobState) {
        if let Some(gauge) = self.jobs.get(state as usize) {
            record(|| gauge.increment(1.0));
        }
    }

    pub(super) fn job_ended(&self, state: JobState) {
        if let Some(ended) = (state as usize).checked_sub(self.jobs.len()) {
            record(|| self.jobs_ended[ended].increment(1));
        }
    }

    /// So long a job took.
    pub(super) fn took(&self, time: Duration) {
        record(|| self.duration.record(time));
    }
}
