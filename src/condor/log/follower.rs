//! [`Follower`]: a reader that waits for more.

use std::fmt;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::FusedStream;

use super::cursor::Cursor;
use super::error::ReadError;
use super::reader::Reader;
use crate::base::Clock;
use crate::condor::events::event::Event;
use crate::condor::events::zone::Zone;
use crate::event_log::{OpenError, Waiting, open};

/// Follows a log while HTCondor writes it, from its beginning, from a [`Cursor`], or from what comes now on. It is a [`Stream`],
/// works on any executor ([`next`](Follower::next)) and on plain threads ([`blocking_next`](Follower::blocking_next),
/// [`blocking_next_timeout`](Follower::blocking_next_timeout), [`try_next`](Follower::try_next)), and never ends: a log doesn't say
/// that nothing more comes.
///
/// What was appended is read within milliseconds, as the system tells of it (inotify and its like), and within a second
/// where the system doesn't, as for network file systems. The file need not be there yet, and may be renamed, truncated or made
/// anew. An event that is being written is waited for. While there is nothing to read, no file is open, so that thousands
/// of logs can be followed; one watcher serves them all.
///
/// Reading is done in the call, or where it is polled.
///
/// ```
/// use std::io::Write;
/// use std::time::Duration;
/// use milepost::condor::{EventType, Follower, Zone};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.log");
/// let mut log = Follower::new(&path).zone(Zone::utc()); // nothing is there yet
/// assert!(log.try_next().is_none());
///
/// let mut file = std::fs::File::create(&path)?;
/// writeln!(file, "013 (114.000.000) 2026-11-21 19:10:13 Job was released.")?;
/// assert!(log.blocking_next_timeout(Duration::from_millis(1)).is_none()); // it isn't whole
/// writeln!(file, "...")?;
/// assert_eq!(log.blocking_next()?.event_type(), EventType::JOB_RELEASED);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Follower {
    waiting: Waiting<Reader>,
}

impl Follower {
    /// Follows the log at `path` from its beginning. It need not be there yet. What it was renamed to before it was looked at first
    /// is not read; see [`with_older`](Follower::with_older).
    pub fn new(path: impl AsRef<Path>) -> Follower {
        Follower::resume(path, Cursor::default())
    }

    /// Follows the log at `path` from a place that a reader or follower gave; see [`Reader::resume`].
    pub fn resume(path: impl AsRef<Path>, cursor: Cursor) -> Follower {
        Follower { waiting: Waiting::new(Reader::at(path.as_ref(), cursor)) }
    }

    /// Follows the log at `path`, but only what comes from this call on. It need not be there yet.
    ///
    /// # Errors
    /// It is there and is a directory or can't be read.
    pub fn from_now(path: impl AsRef<Path>) -> Result<Follower, OpenError> {
        let path = path.as_ref();
        open(path).map_err(|source| OpenError::of(path, source))?;
        let mut follower = Follower::new(path);
        follower.waiting.reader.pass_over();
        Ok(follower)
    }

    /// The zone that the log's times are in: this machine's unless set, which is that of `TZ`.
    pub fn zone(self, zone: Zone) -> Self {
        self.with(|reader| reader.zone(zone))
    }

    /// Begins with the older files of the log, as [`Reader::with_older`] does.
    pub fn with_older(self) -> Self {
        self.with(Reader::with_older)
    }

    /// How often the file is looked at, whether the system tells of a change or not: once a second unless set, at most once
    /// a millisecond.
    pub fn look_every(self, interval: Duration) -> Self {
        Follower { waiting: self.waiting.look_every(interval) }
    }

    /// The clock that this is by, also for dates without a year: the system's unless set.
    pub fn clock(self, clock: Clock) -> Self {
        let Follower { waiting } = self.with(|reader| reader.clock(clock.clone()));
        Follower { waiting: waiting.by(clock) }
    }

    fn with(self, change: impl FnOnce(Reader) -> Reader) -> Self {
        Follower { waiting: self.waiting.with(change) }
    }

    /// The next event. What is wrong with the log is an error, after which it goes on.
    ///
    /// Cancel safe: an event that was not returned comes with the next call.
    ///
    /// # Errors
    /// Part of the log can't be read or is no event, or another file is there.
    pub async fn next(&mut self) -> Result<Event, ReadError> {
        poll_fn(|cx| self.waiting.poll(cx)).await
    }

    /// The next event if there is one now.
    ///
    /// # Errors
    /// Part of the log can't be read or is no event, or another file is there.
    pub fn try_next(&mut self) -> Option<Result<Event, ReadError>> {
        self.waiting.reader.next()
    }

    /// Waits on this thread for the next event.
    ///
    /// # Errors
    /// Part of the log can't be read or is no event, or another file is there.
    pub fn blocking_next(&mut self) -> Result<Event, ReadError> {
        self.waiting.blocking()
    }

    /// [`blocking_next`](Follower::blocking_next) for at most `timeout`; `None` if there was nothing in that time.
    ///
    /// # Errors
    /// Part of the log can't be read or is no event, or another file is there.
    pub fn blocking_next_timeout(&mut self, timeout: Duration) -> Option<Result<Event, ReadError>> {
        self.waiting.blocking_for(timeout)
    }

    /// The place behind all that was given out; see [`Reader::cursor`].
    pub fn cursor(&self) -> Cursor {
        self.waiting.reader.cursor()
    }

    /// The log's file.
    pub fn path(&self) -> &Path {
        self.waiting.reader.path()
    }
}

impl Stream for Follower {
    type Item = Result<Event, ReadError>;

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
        write!(f, "Follower({}, {})", self.path().display(), self.cursor())
    }
}
