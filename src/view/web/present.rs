//! The progress of a job's tasks as of the end of its ring (W3), for those who join there. Knows no clients.

use std::collections::BTreeMap;

use axum::body::Bytes;

use super::frames;
use crate::bus::Merged;
use crate::model::{
    Event, JobId, JobProgress, Properties, TaskId, TaskProgressUpdated, TaskStateChanged, Timestamp,
};

/// What was last told of each task that has not ended.
#[derive(Default)]
pub(super) struct Present {
    tasks: BTreeMap<TaskId, TaskProgressUpdated>,
    /// The job's own, with the time of its window.
    last: Option<(Timestamp, JobProgress)>,
    /// The message, if nothing has changed since it was made.
    message: Option<Bytes>,
}

impl Present {
    /// Takes in what was told.
    pub(super) fn tell(&mut self, told: Merged) {
        self.message = None;
        match told {
            Merged::Window(window) => {
                self.last = Some((window.at, window.progress));
                for update in window.updates {
                    self.tasks.insert(update.task, update);
                }
            }
            Merged::Event(Event::TaskStateChanged(change)) => self.change(&change),
            // Nothing follows.
            Merged::Event(Event::JobCompleted(_)) => *self = Present::default(),
            Merged::Event(_) => {}
        }
    }

    fn change(&mut self, change: &TaskStateChanged) {
        let Some(told) = self.tasks.get_mut(&change.task) else { return };
        if change.to.is_terminal() {
            self.tasks.remove(&change.task);
        } else if change.attempt != told.attempt {
            // Properties are the task's, all else is the attempt's.
            told.attempt = change.attempt;
            (told.progress, told.total, told.unit, told.message) = (None, None, None, None);
            if told.properties == Properties::default() {
                self.tasks.remove(&change.task);
            }
        }
    }

    /// The message that tells it, after a lifecycle event; none if nothing was told yet. Made once for all who join there.
    pub(super) fn message(&mut self, job: JobId, after: u64) -> Option<Bytes> {
        let (at, progress) = self.last.as_ref()?;
        if self.message.is_none() {
            let updates: Vec<&TaskProgressUpdated> = self.tasks.values().collect();
            let mut out = Vec::new();
            frames::progress_window(&mut out, job, *at, after, &updates, progress);
            self.message = Some(out.into());
        }
        self.message.clone()
    }
}
