//! Events on their way into a log: encoded one after the other, and written at once.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::error::WriteError;
use super::file::Output;
use super::lines::LONGEST;
use super::record::{self, JobDescribed};
use crate::job::core::JobCore;
use crate::model::{Event, EventKind, JobId};

/// A batch is written when it has so many bytes, or when there is nothing more to read.
pub(super) const BATCH: usize = 1 << 20;

pub(super) struct Batch {
    output: Box<dyn Output>,
    /// How the output is called.
    target: Arc<str>,
    only: Option<Vec<EventKind>>,
    /// Those whose end was not written yet, with what was said of them.
    jobs: HashMap<JobId, (Arc<JobCore>, JobDescribed)>,
    /// Jobs that have events in the batch, perhaps several times.
    touched: Vec<JobId>,
    /// Those whose end is in the batch, or would be if it was to be written.
    ended: Vec<JobId>,
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
        let (jobs, touched, ended, lines) = Default::default();
        Batch { output, target, only, jobs, touched, ended, lines, written: 0 }
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

    /// The number of the last event of a job.
    pub(super) fn last_seq(&self, job: JobId) -> u64 {
        self.jobs.get(&job).map_or(0, |(job, _)| job.look(|ledger| ledger.last_seq()))
    }

    pub(super) fn take(&mut self, event: Event) {
        let (job, kind) = (event.job(), event.kind());
        if kind == EventKind::JobCompleted {
            self.ended.push(job);
        }
        if self.only.as_ref().is_some_and(|only| !only.contains(&kind)) {
            return;
        }
        if self.touched.last() != Some(&job) {
            self.touched.push(job);
        }
        let before = self.lines.len();
        record::write(&mut self.lines, &event);
        if self.lines.len() - before <= LONGEST {
            return;
        }
        self.lines.truncate(before);
        let mut event = event;
        tracing::warn!(%job, task = ?event.task(), "what the task published is too long for the log: it is left out");
        if let Event::TaskCompleted(event) = &mut event {
            event.published = None;
        }
        record::write(&mut self.lines, &event);
    }

    /// Has it looked at all jobs whether what was said of them has changed.
    pub(super) fn look_at_all(&mut self) {
        self.touched.clear();
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
        if self.written == 0 && self.output.is_full(self.lines.len()) {
            self.output.turn_over()?;
            let mut lines = Vec::new();
            for (_, described) in self.jobs.values() {
                record::write(&mut lines, described);
            }
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
        self.let_go();
        Ok(())
    }

    /// Forgets the jobs that have ended: all of them is written, or was not to be.
    pub(super) fn let_go(&mut self) {
        for job in self.ended.drain(..) {
            self.jobs.remove(&job);
        }
    }

    /// Says again of jobs what has changed of what was said.
    fn describe_again(&mut self) {
        self.touched.sort_unstable();
        self.touched.dedup();
        for job in std::mem::take(&mut self.touched) {
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
