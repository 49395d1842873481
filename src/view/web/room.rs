//! A job with its clients: the ring, the progress of its end, and who waits for more. Knows no HTTP.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use axum::body::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::catch_up::Batches;
use super::hub::Hub;
use super::pace::Pace;
use super::present::Present;
use super::pump;
use super::ring::{Chunk, Next, Ring};
use crate::base::contain;
use crate::bus::{EventStream, Merged, Start};
use crate::job::core::JobCore;

pub(super) struct Room {
    pub(super) core: Arc<JobCore>,
    pub(super) pace: Arc<Pace>,
    /// What those who catch up have read.
    pub(super) batches: Batches,
    hub: Weak<Hub>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    ring: Ring,
    present: Present,
    /// Somebody fills the ring.
    pumped: bool,
    /// Called when there are no clients any more.
    pump: Option<Waker>,
    seats: Seats,
    /// Its clients are to go.
    closed: bool,
}

/// What a client goes on with.
pub(super) struct Join {
    /// The number of the last lifecycle event before what comes next.
    pub(super) until: u64,
    /// The place of what comes next on the ring; none if the job is over.
    pub(super) place: Option<u64>,
    /// The progress at that moment.
    pub(super) present: Option<Bytes>,
}

/// How far the job is, for who comes.
pub(super) struct Reach {
    pub(super) last_seq: u64,
    pub(super) first_seq: u64,
    pub(super) ended: bool,
}

impl Room {
    pub(super) fn new(core: Arc<JobCore>, pace: Arc<Pace>, hub: Weak<Hub>) -> Arc<Room> {
        Arc::new(Room { core, pace, batches: Batches::default(), hub, inner: Mutex::default() })
    }

    pub(super) fn reach(&self) -> Reach {
        self.core.look(|ledger| Reach {
            last_seq: ledger.last_seq(),
            first_seq: ledger.first_seq(),
            ended: ledger.state().is_terminal(),
        })
    }

    /// Where a client goes on that has read up to `pos`; pending if it is ahead of the ring, until that has caught up.
    pub(super) fn poll_join(
        self: &Arc<Self>,
        seat: &mut Seat,
        pos: u64,
        cx: &mut Context<'_>,
    ) -> Poll<Join> {
        let mut inner = self.inner.lock();
        if !inner.pumped {
            let Reach { last_seq, ended, .. } = self.reach();
            if ended {
                return Poll::Ready(Join { until: last_seq, place: None, present: None });
            }
            if !self.start_pump(&mut inner) {
                return Poll::Ready(Join { until: last_seq, place: None, present: None });
            }
        }
        let Inner { ring, present, seats, .. } = &mut *inner;
        let until = ring.until();
        if until < pos {
            seats.wait(seat, Wait::Chunk, cx);
            return Poll::Pending;
        }
        let present = present.message(self.core.id, until);
        Poll::Ready(Join { until, place: Some(ring.end()), present })
    }

    /// Has the ring filled from now on. The job's moment is looked up with the stream: nothing is between them. False if there
    /// is no runtime to do it.
    fn start_pump(self: &Arc<Self>, inner: &mut Inner) -> bool {
        let Ok(runtime) = Handle::try_current() else { return false };
        let core = &self.core;
        let (last_seq, opened) = core.look(|ledger| {
            let last_seq = ledger.last_seq();
            (last_seq, ledger.open(Start::After(last_seq), EventStream::<Merged>::mask()))
        });
        let stream = EventStream::joining(core.clone(), core.clock.clone(), opened);
        inner.ring.restart(last_seq);
        inner.present = Present::default();
        inner.pumped = true;
        runtime.spawn(pump::run(self.clone(), stream, last_seq));
        true
    }

    /// What there is for a client at its place; its waker is called when there is more.
    pub(super) fn poll_at(&self, seat: &mut Seat, place: u64, cx: &mut Context<'_>) -> Poll<Next> {
        let mut inner = self.inner.lock();
        match inner.ring.at(place) {
            Next::NotYet => {
                inner.seats.wait(seat, Wait::Chunk, cx);
                Poll::Pending
            }
            next => Poll::Ready(next),
        }
    }

    /// Adds a chunk and what it tells, and wakes the clients. How many there are.
    pub(super) fn append(&self, chunk: Chunk, told: Vec<Merged>) -> usize {
        let mut inner = self.inner.lock();
        inner.ring.push(chunk);
        told.into_iter().for_each(|told| inner.present.tell(told));
        let clients = inner.seats.taken;
        let wakers = inner.seats.take_wakers(Wait::Chunk);
        drop(inner);
        wake(wakers);
        clients
    }

    /// Whether the pump may stop, as nobody is there; else its waker is called then.
    pub(super) fn poll_empty(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        if inner.seats.taken > 0 && !inner.closed {
            inner.pump = Some(cx.waker().clone());
            return Poll::Pending;
        }
        inner.pumped = false;
        Poll::Ready(())
    }

    /// The pump has stopped, having told all there was if the job has `ended`. Else the clients begin anew.
    pub(super) fn stopped(&self, ended: bool) {
        let mut inner = self.inner.lock();
        inner.pumped = false;
        if ended {
            inner.ring.end_all();
        } else {
            inner.ring.restart(0);
        }
        let wakers = inner.seats.take_wakers(Wait::Chunk);
        drop(inner);
        wake(wakers);
        if let Some(hub) = self.hub.upgrade().filter(|_| ended) {
            hub.keep_for_now(self.core.id);
        }
    }

    /// Has all clients go, now and from now on.
    pub(super) fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let wakers = inner.seats.take_wakers(Wait::Close);
        let pump = inner.pump.take();
        drop(inner);
        wake(wakers);
        wake(pump);
    }

    /// Whether the clients are to go. Else the waker is called when they are, and for the client's chunks if it waits for those
    /// already.
    pub(super) fn poll_closed(&self, seat: &mut Seat, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Poll::Ready(());
        }
        inner.seats.wait(seat, Wait::Close, cx);
        Poll::Pending
    }

    pub(super) fn sit(&self) -> Seat {
        self.inner.lock().seats.sit()
    }

    /// A client goes. True if it was the last one.
    pub(super) fn leave(&self, seat: &mut Seat) -> bool {
        let mut inner = self.inner.lock();
        let waker = inner.seats.leave(seat);
        let last = inner.seats.taken == 0;
        let pump = if last { inner.pump.take() } else { None };
        if last {
            inner.ring.clear();
        }
        drop(inner);
        if last {
            self.batches.clear();
        }
        drop(waker);
        wake(pump);
        last
    }

    /// How many clients there are.
    pub(super) fn clients(&self) -> usize {
        self.inner.lock().seats.taken
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        contain("a waker", || waker.wake());
    }
}

/// Which waker is a client's own.
pub(super) struct Seat(usize);

/// What a client waits for.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// The next chunk, or that it is to go.
    Chunk,
    /// That it is to go, alone: it has not read what it was given yet.
    Close,
}

/// The clients' wakers, each in a place of its own: a thousand of them register after each chunk.
#[derive(Default)]
struct Seats {
    wakers: Vec<Option<(Wait, Waker)>>,
    free: Vec<usize>,
    taken: usize,
}

impl Seats {
    fn sit(&mut self) -> Seat {
        self.taken += 1;
        Seat(self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        }))
    }

    fn wait(&mut self, seat: &Seat, wait: Wait, cx: &Context<'_>) {
        let place = &mut self.wakers[seat.0];
        match place {
            Some((before, waker)) if waker.will_wake(cx.waker()) => *before = wait,
            _ => *place = Some((wait, cx.waker().clone())),
        }
    }

    fn leave(&mut self, seat: &Seat) -> Option<Waker> {
        self.taken -= 1;
        self.free.push(seat.0);
        self.wakers[seat.0].take().map(|(_, waker)| waker)
    }

    /// The wakers of those who wait for no more than `reason`.
    fn take_wakers(&mut self, reason: Wait) -> Vec<Waker> {
        let called = |(wait, _): &mut (Wait, Waker)| reason == Wait::Close || *wait == reason;
        let taken = self.wakers.iter_mut().filter_map(|place| place.take_if(called));
        taken.map(|(_, waker)| waker).collect()
    }
}
