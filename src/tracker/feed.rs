//! [`TrackedEvents`]: the events of all jobs of a tracker as one stream. Knows no index.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::stream::{FusedStream, SelectAll};
use futures::{Stream, StreamExt};

use super::audience::Seat;
use crate::base::{Clock, block_on};
use crate::bus::{EventStream, StreamTimeout};
use crate::model::Event;

/// The events of all jobs of a tracker, made by [`Tracker::events`](super::Tracker::events): those of each job in order, with no
/// lifecycle event lost, as in an [`EventStream`]; those of different jobs in no order, as they come.
///
/// It begins with the first event of each job that has not ended, and with all events of jobs that are tracked from
/// then on. It ends when all handles of the tracker are gone, those in its [schedulers](crate::ObservedScheduler)
/// too, and all jobs are told to their ends. Dropping it leaves the jobs alone. While it is not read it keeps them in memory, also
/// after their ends.
///
/// ```
/// use milepost::{Event, Job, Tracker};
///
/// let tracker = Tracker::new();
/// let mut events = tracker.events();
/// for name in ["a", "b"] {
///     tracker.track(&Job::new(name)); // which ends at once, as nobody has it
/// }
/// drop(tracker);
/// let ends = std::iter::from_fn(|| events.blocking_next()).filter(|event| matches!(event, Event::JobCompleted(_)));
/// assert_eq!(ends.count(), 2);
/// ```
pub struct TrackedEvents {
    seat: Arc<Seat>,
    streams: SelectAll<EventStream<Event>>,
    clock: Clock,
    ended: bool,
}

impl TrackedEvents {
    pub(super) fn new(seat: Arc<Seat>, clock: Clock) -> TrackedEvents {
        TrackedEvents { seat, streams: SelectAll::new(), clock, ended: false }
    }

    /// The same, without what happened before this call: jobs that are there begin now, and those that come later with their
    /// first event.
    pub fn from_now(mut self) -> Self {
        self.take_in(Waker::noop());
        let streams = std::mem::take(&mut self.streams);
        self.streams.extend(streams.into_iter().map(EventStream::from_now));
        self
    }

    /// The next event; `None` after the last one.
    ///
    /// Cancel safe: an event that was not returned comes with the next call.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event if there is one now. `None` means that there is none yet, or that there will be no more:
    /// [`is_ended`](TrackedEvents::is_ended) tells.
    pub fn try_recv(&mut self) -> Option<Event> {
        let again = Arc::new(Again(AtomicBool::new(false)));
        let waker = Waker::from(again.clone());
        loop {
            match self.poll_event(&mut Context::from_waker(&waker)) {
                Poll::Ready(event) => return event,
                // A set of many streams yields now and then, and asks to be polled again.
                Poll::Pending if again.0.swap(false, Ordering::AcqRel) => {}
                // Wake-ups may be on their way: each job is asked.
                Poll::Pending => {
                    return self.streams.iter_mut().find_map(|stream| stream.read(None));
                }
            }
        }
    }

    /// Waits on this thread for the next event; `None` after the last one. In async code, use [`next`](TrackedEvents::next).
    pub fn blocking_next(&mut self) -> Option<Event> {
        block_on(self.next())
    }

    /// [`blocking_next`](TrackedEvents::blocking_next) for at most `timeout`, by the tracker's clock.
    ///
    /// # Errors
    /// [`StreamTimeout`] if there was no event in that time; nothing is lost.
    pub fn blocking_next_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<Event>, StreamTimeout> {
        let Some(at) = self.clock.after(timeout) else { return Ok(self.blocking_next()) };
        let mut sleep = self.clock.sleep_until(at);
        block_on(poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_event(cx) {
                return Poll::Ready(Ok(event));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| Err(StreamTimeout))
        }))
    }

    /// Whether all trackers are gone and all events were read.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// True if no jobs will come any more.
    fn take_in(&mut self, waker: &Waker) -> bool {
        let (streams, closed) = self.seat.take(waker);
        self.streams.extend(streams);
        closed
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let closed = self.take_in(cx.waker());
        match self.streams.poll_next_unpin(cx) {
            Poll::Ready(None) if closed => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
            event => event,
        }
    }
}

struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Stream for TrackedEvents {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl FusedStream for TrackedEvents {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl fmt::Debug for TrackedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrackedEvents({} jobs)", self.streams.len())
    }
}
