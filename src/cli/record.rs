//! What is recorded of jobs for programs to read: JSON lines on standard output. Shows nothing to people.

use std::io::{self, BufWriter, Write as _};
use std::thread::{Builder, JoinHandle};

use crate::bus::EventStream;
use crate::job::Job;
use crate::model::Event;

/// What to record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordOptions {
    /// Each event as a line of JSON on standard output.
    pub(super) json: bool,
}

/// Records events of jobs from the first one on, on threads of its own.
pub(super) struct Records {
    options: RecordOptions,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Records {
    pub(super) fn start(options: RecordOptions) -> Records {
        Records { options, threads: Vec::new() }
    }

    /// Records the job; to be called before it has tasks. Should nobody read the lines any more, it is canceled.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn add(&mut self, job: &Job) -> io::Result<()> {
        if self.options.json {
            let (events, job) = (job.events(), job.clone());
            let thread = Builder::new().name("milepost-json".into()).spawn(move || {
                write_lines(events)
                    .inspect_err(|error| job.cancel(format!("standard output: {error}")))
            })?;
            self.threads.push(thread);
        }
        Ok(())
    }

    /// Waits until everything is recorded, for which all jobs must have ended.
    ///
    /// # Errors
    /// The first line that could not be written.
    pub(super) fn finish(self) -> io::Result<()> {
        let lost = |_| Err(io::Error::other("the thread that wrote JSON was lost"));
        let mut threads = self.threads.into_iter();
        threads.try_for_each(|thread| thread.join().unwrap_or_else(lost))
    }
}

fn write_lines(mut events: EventStream<Event>) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    while let Some(event) = events.blocking_next() {
        let mut next = Some(event);
        while let Some(event) = next {
            serde_json::to_writer(&mut stdout, &event)?;
            stdout.write_all(b"\n")?;
            next = events.try_recv();
        }
        stdout.flush()?;
    }
    Ok(())
}
