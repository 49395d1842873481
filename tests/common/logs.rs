//! Event logs of the tests: sound ones to be spoiled, and what a reader says of them in short.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use milepost::event_log::{Entry, Follower, ReadError, Reader, Writer, replay};
use milepost::{Event, Job, JobId};

/// What was read of a log.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// Lifecycle events: which job, which event.
    pub(crate) events: Vec<(JobId, u64)>,
    /// The names of the problems.
    pub(crate) problems: Vec<String>,
    /// First lines of parts.
    pub(crate) parts: Vec<u32>,
    /// Descriptions of jobs.
    pub(crate) described: usize,
}

impl Told {
    pub(crate) fn take(&mut self, entry: Result<Entry, ReadError>) {
        match entry {
            Ok(Entry::Opened(opened)) => self.parts.push(opened.part),
            Ok(Entry::Job(_)) => self.described += 1,
            Ok(entry) => self.events.extend(entry.event().and_then(Event::seq).map(|seq| {
                let job = entry.event().map(Event::job);
                (job.expect("it is an event"), seq)
            })),
            Err(error) => self.problems.push(name_of(&error)),
        }
    }

    pub(crate) fn seqs(&self) -> Vec<u64> {
        self.events.iter().map(|(_, seq)| *seq).collect()
    }
}

/// The name of a problem, with the line if it has one: `"Damaged 3"`.
pub(crate) fn name_of(error: &ReadError) -> String {
    match error {
        ReadError::Damaged { line, .. } => format!("Damaged {line}"),
        ReadError::TooLong { line, .. } => format!("TooLong {line}"),
        ReadError::Torn { line, .. } => format!("Torn {line}"),
        ReadError::PartsMissing { first, last, .. } => format!("PartsMissing {first} {last}"),
        ReadError::Newer { version, .. } => format!("Newer {version}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().into(),
    }
}

/// All that can be read now. A log that has no end fails.
pub(crate) fn told(entries: impl Iterator<Item = Result<Entry, ReadError>>) -> Told {
    let mut told = Told::default();
    for (n, entry) in entries.enumerate() {
        assert!(n < 3_000_000, "a log without an end: {:?}", told.problems.last());
        told.take(entry);
    }
    told
}

/// The lines, with their ends, of a sound log of one job that has ended: its first line, the description, and the events.
pub(crate) fn sample(tasks: usize) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.log");
    let log = Writer::open(&path).expect("a new log");
    let job = Job::new("sample");
    log.add(&job);
    for n in 0..tasks {
        let task = job.reporter(format!("task {n}")).expect("a task");
        task.run_blocking(|_| Ok(())).expect("it completes");
    }
    drop(job);
    log.close().blocking().expect("the log is written");
    let bytes = fs::read(&path).expect("the log is there");
    let mut lines: Vec<Vec<u8>> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    // It may be said again that no task is added any more.
    let mut n = 0;
    lines.retain(|line| {
        n += 1;
        n <= 2 || !line.starts_with(b"{\"event\":\"job_described")
    });
    lines
}

/// Appends as another process does.
pub(crate) fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.expect("it can be opened").write_all(bytes.as_ref()).expect("it can be written");
}

/// The first line as that of another part, or of another log.
pub(crate) fn head(line: &[u8], log: Option<&str>, part: u32) -> Vec<u8> {
    let mut head: serde_json::Value = serde_json::from_slice(line).expect("a first line");
    head["part"] = part.into();
    if let Some(log) = log {
        head["log"] = log.into();
    }
    let mut line = b"{\"event\":\"log_opened\",".to_vec();
    head.as_object_mut().expect("an object").remove("event");
    line.extend(&serde_json::to_vec(&head).expect("it is JSON")[1..]);
    line.push(b'\n');
    line
}

/// A folder, and where in it a log is to be.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("events.log");
    (folder, path)
}

/// All of the log at `path`.
pub(crate) fn read(path: &Path) -> Told {
    told(Reader::open(path).expect("it is there"))
}

/// Adds tasks that complete at once.
pub(crate) fn add_tasks(job: &Job, tasks: usize) {
    for n in 0..tasks {
        let task = job.reporter(n.to_string()).expect("the job takes tasks");
        task.run_blocking(|_| Ok(())).expect("it completes");
    }
}

/// All that is sound in it is there, whatever is around it.
pub(crate) fn check_rest(path: &Path, lines: &[Vec<u8>], problems: &[&str]) {
    let seen = read(path);
    assert_eq!(seen.problems, problems);
    assert_eq!(seen.events.len(), lines.len() - 2);
    assert_eq!(replay(path).expect("it is there").problems().len(), problems.len());
    let mut follower = Follower::new(path);
    assert_eq!(told(std::iter::from_fn(|| follower.try_next())).events, seen.events);
}
