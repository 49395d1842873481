//! [`Waiting`]: until a file has something to read. Reads none itself.

use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::task::AtomicWaker;

use super::watch::Watched;
use crate::base::{Clock, Sleep, block_on};

/// How often a file is looked at, whether the system tells of a change or not.
const LOOK: Duration = Duration::from_secs(1);

/// With less between them, one look would follow the other without an end.
const SHORTEST_LOOK: Duration = Duration::from_millis(1);

/// What reads a file that grows: none at its end, and more later.
pub(crate) trait Growing: Iterator {
    /// Where the file is, or will be.
    fn path(&self) -> &Path;
}

/// A reader with the means to wait for more: told by the system when the file changes, and looking from time to time all
/// the same.
pub(crate) struct Waiting<R> {
    pub(crate) reader: R,
    waker: Arc<AtomicWaker>,
    /// None while the file's folder can't be watched.
    watched: Option<Watched>,
    look: Duration,
    clock: Clock,
    sleep: Option<Sleep>,
}

impl<R: Growing> Waiting<R> {
    pub(crate) fn new(reader: R) -> Waiting<R> {
        let (waker, clock) = (Arc::new(AtomicWaker::new()), Clock::system());
        Waiting { reader, waker, watched: None, look: LOOK, clock, sleep: None }
    }

    #[allow(dead_code, reason = "not all readers are changed")]
    pub(crate) fn with(self, change: impl FnOnce(R) -> R) -> Self {
        Waiting { reader: change(self.reader), ..self }
    }

    pub(crate) fn look_every(self, interval: Duration) -> Self {
        Waiting { look: interval.max(SHORTEST_LOOK), sleep: None, ..self }
    }

    pub(crate) fn by(self, clock: Clock) -> Self {
        Waiting { clock, sleep: None, ..self }
    }

    /// What the reader gives next, when it gives something.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<R::Item> {
        loop {
            if self.watched.is_none() {
                self.watched = Watched::new(self.reader.path(), &self.waker);
            }
            // Before it is looked at: what comes after that wakes.
            self.waker.register(cx.waker());
            if let Some(found) = self.reader.next() {
                return Poll::Ready(found);
            }
            let (clock, look) = (&self.clock, self.look);
            let Some(at) = clock.after(look) else { return Poll::Pending };
            let sleep = self.sleep.get_or_insert_with(|| clock.sleep_until(at));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
        }
    }

    /// Waits for that on this thread.
    pub(crate) fn blocking(&mut self) -> R::Item {
        block_on(poll_fn(|cx| self.poll(cx)))
    }

    /// Waits for that on this thread, for at most `timeout`.
    pub(crate) fn blocking_for(&mut self, timeout: Duration) -> Option<R::Item> {
        let Some(at) = self.clock.after(timeout) else { return Some(self.blocking()) };
        let mut sleep = self.clock.sleep_until(at);
        block_on(poll_fn(|cx| match self.poll(cx) {
            Poll::Ready(found) => Poll::Ready(Some(found)),
            Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
        }))
    }
}
