//! What somebody cancels of tracked jobs. Removes nothing.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt as _};

use crate::job::Job;
use crate::model::{Cause, CauseKind, JobState, TaskId};

/// Somebody has canceled this.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) which: CancelWhich,
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum CancelWhich {
    /// A whole submission, by its cluster.
    Cluster(i64),
    /// A task of it.
    Task(i64, TaskId),
}

/// What somebody cancels of a job, as it comes.
pub(super) fn canceled(job: &Job, cluster: i64) -> BoxStream<'static, Cancel> {
    let said = |cause: Option<Arc<Cause>>| {
        let cause = cause.filter(|cause| cause.kind == CauseKind::Canceled)?;
        Some(cause.message.as_deref().unwrap_or("canceled").to_owned())
    };
    let whole = job.job_state_changed().filter_map(move |event| {
        let reason = if event.to == JobState::Canceling { said(event.cause) } else { None };
        let cancel = |reason| Cancel { which: CancelWhich::Cluster(cluster), reason };
        std::future::ready(reason.map(cancel))
    });
    let core = job.clone();
    let tasks = job.task_state_changed().filter_map(move |event| {
        // With the job, all of its tasks are.
        let is_whole = core.state() == JobState::Canceling || core.is_ended();
        let reason = if is_whole { None } else { said(event.cause) };
        let which = CancelWhich::Task(cluster, event.task);
        std::future::ready(reason.map(|reason| Cancel { which, reason }))
    });
    futures::stream::select(whole, tasks).boxed()
}
