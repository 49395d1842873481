//! Events as lines for people. Makes text; prints nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::lines::outcomes;
use super::text::{progress, took};
use crate::model::{Cause, Event, JobId, TaskId, Timestamp};
use crate::view::terminal::{printable, shortened};

/// The longest name in a line, in characters.
const LONGEST: usize = 120;

/// Tells events, and remembers what tasks and jobs are called that have not ended.
#[derive(Debug, Default)]
pub(super) struct Sentences {
    jobs: HashMap<JobId, Arc<str>>,
    tasks: HashMap<(JobId, TaskId), Arc<str>>,
}

impl Sentences {
    /// What is to be told of an event; nothing if the next one tells more.
    pub(super) fn of(&mut self, event: &Event) -> Option<String> {
        let job = event.job();
        let (what, of) = match event {
            Event::JobStateChanged(change) => {
                self.jobs.insert(job, change.name.clone());
                if change.to.is_terminal() {
                    return None;
                }
                (change.to.to_string(), format!("the job{}", because(change.cause.as_deref())))
            }
            Event::TaskAdded(added) => {
                self.tasks.insert((job, added.task), added.name.clone());
                ("added".into(), self.task(job, added.task))
            }
            Event::TaskStateChanged(change) => {
                if change.to.is_terminal() {
                    return None;
                }
                let attempt = if change.attempt > 1 {
                    format!(" (attempt {})", change.attempt)
                } else {
                    String::new()
                };
                let because = because(change.cause.as_deref());
                (
                    change.to.to_string(),
                    format!("{}{attempt}{because}", self.task(job, change.task)),
                )
            }
            Event::TaskProgressUpdated(update) => {
                let (unit, message) = (update.unit.as_deref(), update.message.as_deref());
                let told = progress(update.progress, update.total, unit, message);
                let told = told.collect::<Vec<_>>().join("  ");
                if told.is_empty() {
                    // Only properties have changed.
                    return None;
                }
                ("progress".into(), format!("{}: {told}", self.task(job, update.task)))
            }
            Event::TaskCompleted(ended) => {
                self.tasks.insert((job, ended.task), ended.name.clone());
                let error =
                    ended.error.as_ref().map(|error| format!(": {}", printable(&error.message)));
                let told = format!("{}{}", self.task(job, ended.task), error.unwrap_or_default());
                self.tasks.remove(&(job, ended.task));
                (ended.state.to_string(), told)
            }
            Event::JobCompleted(ended) => {
                let counts = ended.counts;
                let all = outcomes([
                    (counts.completed(), "ok"),
                    (counts.failed(), "failed"),
                    (counts.canceled(), "canceled"),
                ]);
                let gap = if all.is_empty() { "no tasks" } else { "" };
                (
                    ended.state.to_string(),
                    format!("the job, in {}: {all}{gap}", took(ended.elapsed)),
                )
            }
        };
        let name = match self.jobs.get(&job) {
            Some(name) => shortened(name, LONGEST).into_owned(),
            None => format!("job {job}"),
        };
        if let Event::JobCompleted(_) = event {
            self.jobs.remove(&job);
        }
        Some(format!("{}  {what:<9}  {name}: {of}", time(event.at())))
    }

    fn task(&self, job: JobId, task: TaskId) -> String {
        match self.tasks.get(&(job, task)) {
            Some(name) => shortened(name, LONGEST).into_owned(),
            None => format!("task {task}"),
        }
    }
}

/// To the millisecond, in UTC.
fn time(at: Timestamp) -> String {
    humantime::format_rfc3339_millis(at.into()).to_string()
}

fn because(cause: Option<&Cause>) -> String {
    cause.map(|cause| format!(": {}", printable(&cause.to_string()))).unwrap_or_default()
}
