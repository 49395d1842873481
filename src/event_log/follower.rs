//! [`Follower`]: a reader that waits for more.

use std::fmt;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::FusedStream;

use super::cursor::Cursor;
use super::error::{OpenError, ReadError};
use super::reader::Reader;
use super::record::Entry;
use super::waiting::Waiting;
use crate::base::Clock;

/// Follows an event log while it is written, from its beginning, from a [`Cursor`], or from what comes now on. It is a
/// [`Stream`], works on any executor ([`next`](Follower::next)) and on plain threads
/// ([`blocking_next`](Follower::blocking_next), [`try_next`](Follower::try_next)), and never ends: the log's jobs say when
/// they have.
///
/// What was appended is read within milliseconds, as the system tells of it (inotify and its like), and within a second
/// where the system doesn't, as for network file systems. The file need not be there yet, and may be rotated, truncated or
/// replaced. A line that is being written is waited for. While there is nothing to read, no file is open, so that thousands
/// of logs can be followed; one watcher serves them all.
///
/// Reading is done in the call, or where it is polled. It reads some hundred kilobytes at a time, which local files take
/// well below a millisecond for.
///
/// ```
/// use milepost::Job;
/// use milepost::event_log::{Follower, Writer};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events.log");
/// let mut follower = Follower::new(&path); // nothing is there yet
/// assert!(follower.try_next().is_none());
///
/// let log = Writer::open(&path)?;
/// let job = Job::new("pages");
/// log.add(&job);
/// drop(job);
/// loop {
///     let entry = follower.blocking_next()?;
///     if let Some(milepost::Event::JobCompleted(end)) = entry.event() {
///         assert!(end.state.is_success());
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Follower {
    waiting: Waiting<Reader>,
}

impl Follower {
    /// Follows the log at `path` from the beginning of its first part. It need not be there yet.
    pub fn new(path: impl AsRef<Path>) -> Follower {
        Follower::resume(path, Cursor::start())
    }

    /// Follows the log at `path` from a place that a reader or follower gave. If it is of another log than that, the first
    /// item is [`ReadError::Replaced`], and the log is followed from its beginning.
    pub fn resume(path: impl AsRef<Path>, cursor: Cursor) -> Follower {
        Follower::by(Reader::at(path.as_ref(), cursor))
    }

    /// Follows the log at `path`, but only what comes from this call on. It need not be there yet.
    ///
    /// # Errors
    /// It is there and is a directory or can't be read.
    pub fn from_now(path: impl AsRef<Path>) -> Result<Follower, OpenError> {
        let path = path.as_ref();
        let reader = Reader::ending(path).map_err(|source| OpenError::of(path, source))?;
        Ok(Follower::by(reader))
    }

    fn by(reader: Reader) -> Follower {
        Follower { waiting: Waiting::new(reader) }
    }

    /// How often the file is looked at, whether the system tells of a change or not: once a second unless set, at most once
    /// a millisecond.
    pub fn look_every(self, interval: Duration) -> Self {
        Follower { waiting: self.waiting.look_every(interval) }
    }

    /// The clock that this is by: the system's unless set.
    pub fn clock(self, clock: Clock) -> Self {
        Follower { waiting: self.waiting.by(clock) }
    }

    /// The next entry. What is wrong with the log is an error, after which it goes on.
    ///
    /// Cancel safe: an entry that was not returned comes with the next call.
    ///
    /// # Errors
    /// Part of the log can't be read, or another one is there.
    pub async fn next(&mut self) -> Result<Entry, ReadError> {
        poll_fn(|cx| self.waiting.poll(cx)).await
    }

    /// The next entry if there is one now.
    ///
    /// # Errors
    /// Part of the log can't be read, or another one is there.
    pub fn try_next(&mut self) -> Option<Result<Entry, ReadError>> {
        self.waiting.reader.next()
    }

    /// Waits on this thread for the next entry.
    ///
    /// # Errors
    /// Part of the log can't be read, or another one is there.
    pub fn blocking_next(&mut self) -> Result<Entry, ReadError> {
        self.waiting.blocking()
    }

    /// [`blocking_next`](Follower::blocking_next) for at most `timeout`; `None` if there was nothing in that time.
    ///
    /// # Errors
    /// Part of the log can't be read, or another one is there.
    pub fn blocking_next_timeout(&mut self, timeout: Duration) -> Option<Result<Entry, ReadError>> {
        self.waiting.blocking_for(timeout)
    }

    /// The place behind all that was given out; see [`Reader::cursor`].
    pub fn cursor(&self) -> Cursor {
        self.waiting.reader.cursor()
    }

    /// Whether a writer has the log open just now; see [`Reader::is_written`].
    pub fn is_written(&self) -> Option<bool> {
        self.waiting.reader.is_written()
    }

    /// The log's file.
    pub fn path(&self) -> PathBuf {
        self.waiting.reader.path().into()
    }
}

impl Stream for Follower {
    type Item = Result<Entry, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.waiting.poll(cx).map(Some)
    }
}

impl FusedStream for Follower {
    fn is_terminated(&self) -> bool {
        false
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Follower({}, {})",
            self.waiting.reader.path().display(),
            self.waiting.reader.cursor()
        )
    }
}
