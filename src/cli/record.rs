//! What is recorded of a job for programs to read: an event log in a file, and the same on standard output. Shows nothing
//! to people.

use std::io::{self, Write};
use std::path::PathBuf;

use super::exit::UsageError;
use super::source::check_writable;
use crate::event_log::{OpenError, WriteError, Writer};
use crate::job::Job;

/// What to record.
#[derive(Debug, Clone, Default)]
pub(super) struct RecordOptions {
    /// Each event as a line of JSON on standard output.
    pub(super) json: bool,
    /// The same in a file.
    pub(super) event_log: Option<PathBuf>,
}

/// Nothing can be recorded.
pub(super) enum NotRecorded {
    File(UsageError),
    Stdout(OpenError),
}

/// Records the events of a job, on threads of its own.
pub(super) struct Records {
    stdout: Option<Writer>,
    file: Option<Writer>,
}

impl Records {
    /// Records the job from its first event on. Should nobody read standard output any more, it is canceled.
    ///
    /// # Errors
    /// The file can't be written, or nobody reads standard output.
    pub(super) fn start(options: &RecordOptions, job: &Job) -> Result<Records, NotRecorded> {
        let open = |path: &PathBuf| {
            check_writable(path)?;
            Writer::open(path).map_err(|error| UsageError::of("", &error))
        };
        let file = options.event_log.as_ref().map(open).transpose();
        let file = file.map_err(NotRecorded::File)?;
        let stdout = || Writer::builder().to(Stdout { job: job.clone() });
        let stdout = options.json.then(stdout).transpose().map_err(NotRecorded::Stdout)?;
        for writer in [&stdout, &file].into_iter().flatten() {
            writer.add(job);
        }
        Ok(Records { stdout, file })
    }

    /// Waits until everything is recorded, for which the job must have ended: first what is on standard output, then what
    /// is in the file.
    pub(super) fn finish(self) -> [Result<(), WriteError>; 2] {
        [self.stdout, self.file]
            .map(|writer| writer.map_or(Ok(()), |writer| writer.close().blocking()))
    }
}

/// Standard output, of a job that is canceled if it can't be written to.
struct Stdout {
    job: Job,
}

impl Stdout {
    fn checked<T>(&self, written: io::Result<T>) -> io::Result<T> {
        written.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.job.cancel(format!("standard output: {error}"));
            }
        })
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.checked(io::stdout().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.checked(io::stdout().flush())
    }
}
