//! Events on their way into a log: encoded one after the other, and written at once.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use super::error::WriteError;
use super::file::Output;
use super::lines::LONGEST;
use super::record::{self, JobDescribed};
use crate::base::drop_contained;
use crate::job::core::JobCore;
use crate::model::{Event, EventKind, JobId};

/// A batch is written when it has so many bytes, or when there is nothing more to read.
pub(super) const BATCH: usize = 1 << 20;

pub(super) struct Batch {
    output: Box<dyn Output>,
    /// How the output is called.
    target: Arc<str>,
    only: Option<Vec<EventKind>>,
    /// Those that it has not let go of since their end was written, with what was said of them.
    jobs: HashMap<JobId, (Arc<JobCore>, JobDescribed)>,
    /// Jobs that had events since it was looked at them.
    touched: HashSet<JobId>,
    /// The one that had the last of them.
    last: Option<JobId>,
    /// Those whose end was taken.
    ended: HashSet<JobId>,
    lines: Vec<u8>,
    /// How many bytes of the lines were written before it failed.
    written: usize,
}

impl Batch {
    pub(super) fn new(
        output: Box<dyn Output>,
        target: Arc<str>,
        only: Option<Vec<EventKind>>,
    ) -> Batch {
        let (jobs, touched, last, ended, lines) = Default::default();
        Batch { output, target, only, jobs, touched, last, ended, lines, written: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Says of a job what is known of it before its events. False if that was said before.
    pub(super) fn begin_job(&mut self, job: Arc<JobCore>) -> bool {
        if self.jobs.contains_key(&job.id) {
            return false;
        }
        let described = JobDescribed::of(&job);
        record::write(&mut self.lines, &described);
        self.jobs.insert(job.id, (job, described));
        true
    }

    pub(super) fn take(&mut self, event: Event) {
        let (job, kind) = (event.job(), event.kind());
        if self.last != Some(job) {
            self.touched.insert(job);
            self.last = Some(job);
        }
        if kind == EventKind::JobCompleted {
            self.ended.insert(job);
        }
        if self.only.as_ref().is_none_or(|only| only.contains(&kind)) {
            self.encode(&event);
        }
        // It may be the last to have what a task returned.
        drop_contained("the drop of an event", event);
    }

    fn encode(&mut self, event: &Event) {
        let before = self.lines.len();
        record::write(&mut self.lines, event);
        if self.is_sound(before) {
            return;
        }
        let (job, task) = (event.job(), event.task());
        tracing::warn!(%job, ?task, "what the task published is too long for the log: it is left out");
        self.lines.truncate(before);
        let mut event = event.clone();
        if let Event::TaskCompleted(event) = &mut event {
            event.published = None;
        }
        record::write(&mut self.lines, &event);
        if !self.is_sound(before) {
            tracing::warn!(%job, ?task, "an event is too long for the log: its texts are shortened");
            self.lines.truncate(before);
            record::write_shortened(&mut self.lines, &event);
        }
    }

    /// Whether what was appended can be read again.
    fn is_sound(&self, before: usize) -> bool {
        self.lines.len() - before <= LONGEST
    }

    /// Lets go of jobs whose end is written. Who added one again before it ended has been heard by then.
    pub(super) fn forget_ended(&mut self) {
        if self.lines.is_empty() {
            for job in self.ended.drain() {
                self.jobs.remove(&job);
            }
        }
    }

    /// Has it looked at all jobs whether what was said of them has changed.
    pub(super) fn look_at_all(&mut self) {
        self.touched.extend(self.jobs.keys());
    }

    /// Writes the batch. After an error, it goes on where it was.
    pub(super) fn write(&mut self, flushed: bool) -> Result<(), WriteError> {
        self.describe_again();
        self.try_write(flushed).map_err(|source| {
            let source = Arc::new(source);
            WriteError { target: self.target.clone(), source }
        })
    }

    fn try_write(&mut self, flushed: bool) -> io::Result<()> {
        if self.lines.len() > self.written
            && self.written == 0
            && self.output.is_full(self.lines.len())
        {
            let mut lines = Vec::new();
            for (_, described) in self.jobs.values() {
                record::write(&mut lines, described);
            }
            self.output.turn_over(lines.len())?;
            lines.append(&mut self.lines);
            self.lines = lines;
        }
        while self.written < self.lines.len() {
            match self.output.write(&self.lines[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.sync(flushed)?;
        self.written = 0;
        self.lines.clear();
        Ok(())
    }

    /// Says again of jobs what has changed of what was said.
    fn describe_again(&mut self) {
        self.last = None;
        for job in self.touched.drain() {
            // An end says all by itself, and nothing of a job is behind it.
            let Some((job, said)) = self.jobs.get_mut(&job).filter(|_| !self.ended.contains(&job))
            else {
                continue;
            };
            let described = JobDescribed::of(job);
            if described != *said {
                record::write(&mut self.lines, &described);
                *said = described;
            }
        }
    }
}
