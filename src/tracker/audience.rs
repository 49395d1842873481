//! Who is told of new jobs: the feeds of a tracker. Knows no index.

use std::sync::{Arc, Weak};
use std::task::Waker;

use parking_lot::Mutex;

use super::shared::Shared;
use crate::base::contain;
use crate::bus::EventStream;
use crate::job::core::JobCore;
use crate::job::watch::Watcher;
use crate::model::Event;

/// The feeds that there are.
#[derive(Default)]
pub(super) struct Audience {
    seats: Vec<Weak<Seat>>,
}

/// Where a feed gets the streams of new jobs from.
#[derive(Default)]
pub(super) struct Seat(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    streams: Vec<EventStream<Event>>,
    waker: Option<Waker>,
    /// There is no tracker any more.
    closed: bool,
}

impl Seat {
    /// The streams of new jobs, and whether there will be no others; else the waker is called when there are.
    pub(super) fn take(&self, waker: &Waker) -> (Vec<EventStream<Event>>, bool) {
        let mut waker = Some(waker.clone());
        let mut waiting = self.0.lock();
        std::mem::swap(&mut waiting.waker, &mut waker);
        let taken = (std::mem::take(&mut waiting.streams), waiting.closed);
        drop(waiting);
        drop(waker);
        taken
    }

    fn join(&self, streams: impl IntoIterator<Item = EventStream<Event>>) -> Option<Waker> {
        let mut waiting = self.0.lock();
        waiting.streams.extend(streams);
        waiting.waker.take()
    }

    fn close(&self) -> Option<Waker> {
        let mut waiting = self.0.lock();
        waiting.closed = true;
        waiting.waker.take()
    }
}

impl Audience {
    /// Calls the feeds' wakers: there will be no new jobs.
    pub(super) fn close(&mut self) {
        for seat in self.seats.drain(..).filter_map(|seat| seat.upgrade()) {
            wake(seat.close());
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain("a waker", || waker.wake());
    }
}

fn stream(core: &Arc<JobCore>) -> EventStream<Event> {
    EventStream::new(core.clone(), core.clock.clone())
}

impl Shared {
    /// Tracks a job and announces it to the feeds, once (T7).
    pub(super) fn track(self: &Arc<Self>, core: &Arc<JobCore>) {
        let marks: Arc<dyn Watcher> = self.marks.clone();
        // Feeds that go in this moment are dropped with their streams after the lock (T4).
        let mut seats = Vec::new();
        let mut wakers = Vec::new();
        let mut audience = self.audience.lock();
        if !core.look(|ledger| ledger.watch(&marks)) {
            return;
        }
        audience.seats.retain(|seat| {
            let seat = seat.upgrade();
            let is_there = seat.is_some();
            seats.extend(seat);
            is_there
        });
        for seat in &seats {
            wakers.extend(seat.join([stream(core)]));
        }
        drop(audience);
        drop(seats);
        for waker in wakers {
            wake(Some(waker));
        }
        if self.look(|index, _| index.has_ending()) {
            self.settle_soon();
        }
    }

    /// A seat with the streams of all jobs that have not ended (T7).
    pub(super) fn seat(&self) -> Arc<Seat> {
        let (seat, mut garbage) = (Arc::new(Seat::default()), Vec::new());
        let mut audience = self.audience.lock();
        let live = self.look_leaving(&mut garbage, |index, _| index.live());
        seat.join(live.iter().map(stream));
        audience.seats.retain(|seat| seat.strong_count() > 0);
        audience.seats.push(Arc::downgrade(&seat));
        drop(audience);
        drop((live, garbage));
        seat
    }
}
