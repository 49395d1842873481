//! [`Writer`]: the handle of an event log that is written.

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::ThreadId;

use futures::channel::{mpsc, oneshot};

use super::batch::Batch;
use super::error::{OpenError, WriteError};
use super::file::{Durability, FileOptions, LogFile, Output, Stream, first_line};
use super::scribe::{Request, Scribe, Written};
use crate::base::{Clock, block_on};
use crate::bus::EventStream;
use crate::job::core::JobCore;
use crate::job::{Job, ObservedScheduler, Observer, Scheduler};
use crate::model::EventKind;

/// Writes the events of jobs to a file, one JSON object a line: all lifecycle events, and progress as a
/// [stream](Job::events) tells it. It has a thread of its own, and doesn't slow the jobs: what it has yet to write stays in
/// their history. What has gathered is written by one call of the system, and can be read at once; see [`Durability`] for
/// what it survives.
///
/// If the file can't be written, as on a full disk, that is logged by `tracing`, [`flush`](Writer::flush) says so, and
/// nothing is lost: it is tried again each second. A cheap clone; the drop of the last one writes what has happened up to
/// then, and waits for that. Jobs that have not ended are then not written any more.
///
/// ```
/// use milepost::event_log::{Writer, replay};
/// use milepost::{Job, LocalScheduler};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.log");
/// let log = Writer::open(&path)?;
/// let job = Job::new("pages");
/// log.add(&job);
/// job.add_blocking("index.html", |_cx| Ok(()))?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// job.wait_until_done().blocking()?;
/// log.flush().blocking()?;
///
/// assert_eq!(replay(&path)?.job(job.id()), Some(job.snapshot()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    requests: Arc<Requests>,
}

/// Makes a [`Writer`] with settings; see [`Writer::builder`].
#[derive(Debug, Clone)]
#[must_use = "a writer is made by open or to"]
pub struct WriterBuilder {
    files: FileOptions,
    only: Option<Vec<EventKind>>,
    clock: Clock,
}

impl WriterBuilder {
    /// Begins a new part of the log when the file would get longer than `bytes`. The full part is renamed, from `events.log`
    /// to `events.log.1`, the next one to `events.log.2`, and so on; readers find them. No line is cut. Without it, the file
    /// grows.
    ///
    /// A part may be longer: it has at least one batch, which is some kilobytes, and up to a megabyte of a job that tells
    /// much; and where it has to say of many jobs what they are called, it has as much of events.
    pub fn rotate_at(mut self, bytes: u64) -> Self {
        self.files.rotate_at = Some(bytes);
        self
    }

    /// Keeps the newest `parts` of the full parts, and removes those before: all unless set. What was in them is lost to
    /// who reads the log later; each part says of the jobs that run what they are called.
    pub fn keep(mut self, parts: usize) -> Self {
        self.files.keep = Some(parts);
        self
    }

    /// What written events survive: the end of the process unless set.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.files.durability = durability;
        self
    }

    /// Writes events of these kinds only.
    ///
    /// Without [`TaskAdded`](EventKind::TaskAdded), the log doesn't know of tasks that have not ended. Where several tasks
    /// may have one name, [`completed_names`](super::Replay::completed_names) needs those.
    ///
    /// ```
    /// use milepost::EventKind;
    /// use milepost::event_log::Writer;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.log");
    /// // Enough to know which tasks need not run again.
    /// let log = Writer::builder().only([EventKind::TaskAdded, EventKind::TaskCompleted]).open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.only = Some(kinds.into_iter().collect());
        self
    }

    /// The clock that times of its own are by: the system's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Opens the log at `path` and goes on behind what is in it; makes it if it isn't there.
    ///
    /// # Errors
    /// The file can't be opened or written, is something else than an event log or of a newer version, or another writer
    /// has it open.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Writer, OpenError> {
        let path = path.as_ref();
        let opened = first_line(&self.clock, self.only.clone());
        let file = LogFile::open(path, opened, self.files.clone(), self.clock.clone())?;
        self.start(Box::new(file), path.display().to_string().into())
    }

    /// Writes the log to `stream`, as to [`stdout`](io::stdout).
    ///
    /// # Errors
    /// The first line can't be written.
    pub fn to(self, mut stream: impl Write + Send + 'static) -> Result<Writer, OpenError> {
        let target = "the event log's output";
        let begun = Stream::begin(&mut stream, &first_line(&self.clock, self.only.clone()));
        begun.map_err(|source| OpenError::Io { file: PathBuf::from(target), source })?;
        self.start(Box::new(Stream(stream)), target.into())
    }

    fn start(self, output: Box<dyn Output>, target: Arc<str>) -> Result<Writer, OpenError> {
        let (requests, requested) = mpsc::unbounded();
        let scribe =
            Scribe::new(requested, Batch::new(output, target.clone(), self.only), self.clock);
        let thread = std::thread::Builder::new().name("milepost-log".into());
        let spawned = thread.spawn(|| scribe.run());
        let thread = spawned.map_err(|source| OpenError::NoThread { source })?.thread().id();
        let closing = AtomicBool::new(false);
        Ok(Writer { requests: Arc::new(Requests { requests, target, thread, closing }) })
    }
}

impl Writer {
    /// Opens the log at `path` and goes on behind what is in it; makes it if it isn't there. See
    /// [`WriterBuilder::open`].
    ///
    /// # Errors
    /// The file can't be opened or written, is something else than an event log or of a newer version, or another writer
    /// has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Writer, OpenError> {
        Writer::builder().open(path)
    }

    /// A writer with settings.
    pub fn builder() -> WriterBuilder {
        WriterBuilder { files: FileOptions::default(), only: None, clock: Clock::system() }
    }

    /// Writes the events of `job`, from its first one on, until it ends. To add it again does nothing while it runs. It
    /// doesn't keep the job open.
    pub fn add(&self, job: &Job) {
        self.requests.accepted(job.core());
    }

    /// A scheduler like `inner`, of which this writes all jobs, child jobs included. It keeps the writer:
    /// [`close`](Writer::close) it when all is done.
    ///
    /// ```
    /// use milepost::event_log::{Writer, replay};
    /// use milepost::{Job, LocalScheduler};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events.log");
    /// let log = Writer::open(&path)?;
    /// let scheduler = log.scheduler(LocalScheduler::new(2)?);
    /// for name in ["first", "second"] {
    ///     let job = Job::new(name);
    ///     job.add_blocking("task", |_cx| Ok(()))?;
    ///     job.submit(&scheduler)?;
    /// }
    /// scheduler.inner().shutdown().blocking();
    /// log.close().blocking()?;
    /// assert_eq!(replay(&path)?.jobs().count(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheduler<S: Scheduler>(&self, inner: S) -> ObservedScheduler<S> {
        ObservedScheduler::new(inner, self.requests.clone())
    }

    /// Writes all events up to now, and waits for that: `.await` it, or `.blocking()`. It is begun by the call; dropping it
    /// changes nothing.
    ///
    /// # Errors
    /// They can't be written now. They are kept, and written when that is possible again.
    pub fn flush(&self) -> Flush {
        self.requests.ask(Request::Flush)
    }

    /// Writes all events up to now, and no more; other clones of the writer do nothing from then on. It returns at once and
    /// waits like [`flush`](Writer::flush): what is not written when the process ends is lost to who doesn't wait.
    ///
    /// # Errors
    /// The events that have not been written can't be, and are lost.
    pub fn close(self) -> Flush {
        self.requests.closing.store(true, Ordering::Relaxed);
        self.requests.ask(Request::Close)
    }
}

#[derive(Debug)]
struct Requests {
    requests: mpsc::UnboundedSender<Request>,
    target: Arc<str>,
    /// The writer's own.
    thread: ThreadId,
    /// Somebody has asked to close it, and waits for that or doesn't want to.
    closing: AtomicBool,
}

impl Requests {
    /// A closed writer hears nothing.
    fn send(&self, request: Request) {
        _ = self.requests.unbounded_send(request);
    }

    fn ask(&self, request: fn(Written) -> Request) -> Flush {
        let (written, told) = oneshot::channel();
        self.send(request(written));
        Flush { written: told, target: self.target.clone() }
    }
}

impl Observer for Requests {
    fn accepted(&self, job: &Arc<JobCore>) {
        let events = EventStream::new(job.clone(), job.clock.clone());
        self.send(Request::Add(job.clone(), Box::new(events)));
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        let closed = self.ask(Request::Close);
        // The last one may be with a job, as an output, and go with it where the writer lets go of it.
        let is_own = std::thread::current().id() == self.thread;
        if !is_own && !*self.closing.get_mut() {
            // What can't be written was logged.
            _ = closed.blocking();
        }
    }
}

/// Waits until events are written; made by [`Writer::flush`] and [`Writer::close`]. Cancel safe.
#[derive(Debug)]
#[must_use = "whether it went well, it says when it is awaited or blocked on"]
pub struct Flush {
    written: oneshot::Receiver<Result<(), WriteError>>,
    target: Arc<str>,
}

impl Flush {
    /// Waits on this thread.
    ///
    /// # Errors
    /// The events can't be written.
    pub fn blocking(self) -> Result<(), WriteError> {
        block_on(self)
    }
}

impl Future for Flush {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.written).poll(cx).map(|told| {
            let closed = || io::Error::new(io::ErrorKind::NotConnected, "the writer is closed");
            told.unwrap_or_else(|_| {
                Err(WriteError { target: self.target.clone(), source: Arc::new(closed()) })
            })
        })
    }
}
