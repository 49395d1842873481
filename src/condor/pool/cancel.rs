//! What somebody cancels of tracked jobs. Removes nothing.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt as _};

use crate::condor::JobKey;
use crate::job::Job;
use crate::model::{Cause, CauseKind, Event, JobState, Property, TaskId};

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
    /// One of its jobs, or of its nodes if it is a DAG.
    Job(i64, JobKey),
    /// None any more: a job that the submission is has ended, and all was heard that was said of it.
    Over(i64),
}

/// What somebody cancels of a job, as it comes, and that nothing more comes.
pub(super) fn canceled(job: &Job, cluster: i64) -> BoxStream<'static, Cancel> {
    let said = |cause: Option<Arc<Cause>>| {
        let cause = cause.filter(|cause| cause.kind == CauseKind::Canceled)?;
        Some(cause.message.as_deref().unwrap_or("canceled").to_owned())
    };
    let (told, mut is_whole) = (job.clone(), false);
    let cancels = job.events().filter_map(move |event| {
        std::future::ready(match event {
            Event::JobStateChanged(event) if event.to == JobState::Canceling => {
                is_whole = true;
                let which = CancelWhich::Cluster(cluster);
                said(event.cause).map(|reason| Cancel { which, reason })
            }
            // With the job, all of its tasks are.
            Event::TaskStateChanged(event) if !is_whole => said(event.cause).and_then(|reason| {
                let which = CancelWhich::Job(cluster, key_of(&told, event.task)?);
                Some(Cancel { which, reason })
            }),
            _ => None,
        })
    });
    let over = Cancel { which: CancelWhich::Over(cluster), reason: String::new() };
    cancels.chain(futures::stream::iter([over])).boxed()
}

/// Which of HTCondor's jobs a task is, by what is noted of it; none if it is a node that runs nothing.
fn key_of(job: &Job, task: TaskId) -> Option<JobKey> {
    let noted = job.task_snapshot(task).ok()?.properties;
    let number = |name| match noted.get(name)? {
        Property::Int(number) => Some(*number),
        _ => None,
    };
    Some(JobKey::new(number("cluster").filter(|cluster| *cluster > 0)?, number("proc")?))
}
