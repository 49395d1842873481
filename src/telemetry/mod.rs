//! Jobs and tasks as counters, gauges and histograms of the [`metrics`] facade, for whichever exporter is installed.
//!
//! [`Telemetry`] is a value, not a global: an application makes one and gives its jobs to it ([`Telemetry::watch`], or
//! [`Telemetry::scheduler`] for all that are submitted).
//!
//! | name | type | unit | labels | what |
//! |---|---|---|---|---|
//! | `milepost_tasks` | gauge | tasks | `state` | tasks that have not ended |
//! | `milepost_tasks_ended_total` | counter | tasks | `state` | tasks that have ended |
//! | `milepost_task_attempts_total` | counter | attempts | | attempts that have begun to run |
//! | `milepost_task_retries_total` | counter | attempts | `cause` | attempts that were followed by another one |
//! | `milepost_task_queue_seconds` | histogram | seconds | | how long an attempt waited before it ran |
//! | `milepost_task_run_seconds` | histogram | seconds | | how long an attempt ran |
//! | `milepost_jobs` | gauge | jobs | `state` | jobs that have not ended |
//! | `milepost_jobs_ended_total` | counter | jobs | `state` | jobs that have ended |
//! | `milepost_job_duration_seconds` | histogram | seconds | | from a job's submission or start to its end |
//!
//! - `state` is a [`TaskState`](crate::TaskState) or [`JobState`](crate::JobState) as in JSON: of the gauges one in which a task or
//!   job lives, of the counters a terminal one.
//! - `cause` is why there was another attempt, as in JSON: `retry` (the attempt failed or was lost), `held`, `vacated`, `reported`
//!   (its producer gave a reason), or `other`.
//! - An attempt *waits* while its task is `submitted` or `assigned`, a delay before a retry included, and time for which it is held
//!   not. It is told when the attempt begins to run; of one that never runs it is not.
//! - An attempt *runs* while its task is `running` or `canceling`. Time for which it is suspended does not count. It is told when the
//!   attempt is over, whether another one follows or the task has ended.
//! - A job that ends without having been submitted or started is counted and has no duration.
//! - With labels that [are set](TelemetryBuilder), all of them have those too.
//!
//! All times are those of events ([`Event::at`](crate::Event::at)), by the job's clock, and not of when they are read. A job that is
//! watched late is counted from its first event on, also if it has ended; one with [`History::Unread`](crate::History::Unread) from the
//! oldest event that is left: its tasks are then in the gauges from their next change on, and what began before is not measured.
//!
//! The gauges of a job are back at zero with its end. They are counted up and down, and the handles are kept: an exporter should
//! not be told to drop metrics that were idle for a while.

mod fold;
mod handle;
mod instruments;
mod labels;

pub use handle::{Telemetry, TelemetryBuilder};
pub use labels::LabelError;
