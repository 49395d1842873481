//! [`Replay`]: jobs as their log tells them. Folds entries into snapshots; reads no file but by a [`Reader`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::{OpenError, ReadError};
use super::fold::JobFold;
use super::reader::Reader;
use super::record::Entry;
use crate::model::{Event, JobId, JobSnapshot};

/// As many problems as are kept.
const KEPT: usize = 1_000;

/// What a log says of its jobs: made by [`replay`], or entry by entry with [`apply`](Replay::apply).
///
/// Once a [`Writer`](super::Writer) has flushed, its log gives the same snapshots as the jobs themselves do, to the last byte
/// of their JSON; but for jobs that free their [history](crate::History), whose snapshots leave tasks out.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    jobs: BTreeMap<JobId, JobFold>,
    problems: Vec<ReadError>,
    more_problems: usize,
    entries: u64,
    cursor: Option<Cursor>,
    /// The log leaves kinds of events out, so that numbers that are missing are no loss.
    partial: bool,
}

/// Reads a log from its first part to its end. What is damaged is passed over, and is among the
/// [`problems`](Replay::problems).
///
/// # Errors
/// The file isn't there, is a directory, or can't be read.
///
/// ```
/// use milepost::Job;
/// use milepost::event_log::{self, Writer};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.log");
/// let log = Writer::open(&path)?;
/// let job = Job::new("pages");
/// log.add(&job);
/// job.reporter("index.html")?.run_blocking(|_cx| Ok(()))?;
/// log.flush().blocking()?;
///
/// let replay = event_log::replay(&path)?;
/// assert_eq!(replay.job(job.id()), Some(job.snapshot()));
/// assert!(replay.completed_names("pages").contains("index.html"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replay(path: impl AsRef<Path>) -> Result<Replay, OpenError> {
    Ok(Replay::of(&mut Reader::open(path)?))
}

impl Replay {
    /// Nothing so far.
    pub fn new() -> Replay {
        Replay::default()
    }

    /// What a reader has yet to read.
    pub(crate) fn of(reader: &mut Reader) -> Replay {
        let mut replay = Replay::default();
        for entry in reader.by_ref() {
            match entry {
                Ok(entry) => replay.apply(&entry),
                Err(error) => replay.note(error),
            }
        }
        replay.cursor = Some(reader.cursor());
        replay
    }

    /// Takes the next entry of a log. Events that were there before change nothing: a log may tell a job twice.
    pub fn apply(&mut self, entry: &Entry) {
        self.entries += 1;
        match entry {
            Entry::Opened(opened) => self.partial |= opened.only.is_some(),
            Entry::Job(described) => {
                self.jobs
                    .entry(described.job)
                    .or_insert_with(|| JobFold::new(described.job))
                    .describe(described);
            }
            Entry::Event(event) => self.apply_event(event),
        }
    }

    /// The same for an event that comes from elsewhere, as from a stream of a job.
    pub fn apply_event(&mut self, event: &Event) {
        let job = event.job();
        self.jobs.entry(job).or_insert_with(|| JobFold::new(job)).apply(event);
    }

    /// Forgets a job, as one that has ended and was seen to: who follows a log for ever would else keep them all. Returns its
    /// last snapshot.
    pub fn forget(&mut self, job: JobId) -> Option<JobSnapshot> {
        self.jobs.remove(&job).map(|job| job.snapshot())
    }

    /// Keeps what a reader or follower says is wrong with the log, as one of its [problems](Replay::problems).
    pub fn note(&mut self, problem: ReadError) {
        if self.problems.len() < KEPT {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }

    /// The jobs of the log, in the order of their creation.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.keys().copied()
    }

    /// A snapshot of a job, as of the last event of the log.
    pub fn job(&self, job: JobId) -> Option<JobSnapshot> {
        self.jobs.get(&job).map(JobFold::snapshot)
    }

    /// Snapshots of all jobs, in the order of their creation.
    pub fn snapshots(&self) -> impl Iterator<Item = JobSnapshot> + '_ {
        self.jobs.values().map(JobFold::snapshot)
    }

    /// The names of the tasks that have completed, of one job or of all jobs of a name: what a batch that is begun again can
    /// leave out. A name that several tasks of a job have is among them once all of those have completed, as far as the log
    /// knows of them: it has to have [`TaskAdded`](crate::EventKind::TaskAdded) for that, or each task a name of its own.
    ///
    /// That is safe if what a task does is durable before it returns, since it may run again when its completion was not
    /// logged any more; and if a name stands for the same work each time.
    pub fn completed_names(&self, jobs: impl Into<Selected>) -> BTreeSet<Arc<str>> {
        let selected = jobs.into();
        let is_selected = |job: &&JobFold| match &selected {
            Selected::Id(id) => job.id() == *id,
            Selected::Name(name) => job.name() == &**name,
        };
        self.jobs.values().filter(is_selected).flat_map(JobFold::completed_names).collect()
    }

    /// How many of a job's lifecycle events are not in the log, though later ones are: a writer that was killed and a part
    /// that was removed lose some. None if the log leaves kinds of events out on purpose.
    pub fn missing(&self, job: JobId) -> Option<u64> {
        let job = self.jobs.get(&job).filter(|_| !self.partial)?;
        Some(job.missing())
    }

    /// What was wrong with the log: the first 1,000 problems.
    pub fn problems(&self) -> &[ReadError] {
        &self.problems
    }

    /// How many problems there were beyond those.
    pub fn more_problems(&self) -> usize {
        self.more_problems
    }

    /// How many entries the log has.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Where the log ended, to be followed from there. None if it was not [read](replay) from a file.
    pub fn cursor(&self) -> Option<Cursor> {
        self.cursor.clone()
    }
}

/// Which jobs are meant: one by its id, or all of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selected {
    /// That job.
    Id(JobId),
    /// All jobs of that name.
    Name(Arc<str>),
}

impl From<JobId> for Selected {
    fn from(id: JobId) -> Selected {
        Selected::Id(id)
    }
}

impl From<String> for Selected {
    fn from(name: String) -> Selected {
        Selected::Name(name.into())
    }
}

impl From<Arc<str>> for Selected {
    fn from(name: Arc<str>) -> Selected {
        Selected::Name(name)
    }
}

impl From<&str> for Selected {
    fn from(name: &str) -> Selected {
        Selected::Name(name.into())
    }
}
