//! The pump: reads a job's events once for all of its clients and makes chunks of them (W1, W5). Knows no HTTP.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::frames;
use super::ring::Chunk;
use super::room::Room;
use crate::base::{Clock, yield_once};
use crate::bus::{EventStream, Merged};
use crate::model::Event;

/// How many bytes a chunk has before it is full. A message may be longer.
const FULL: usize = 64 << 10;

/// How long messages gather, once the first of them went out at once.
const GATHER: Duration = Duration::from_millis(100);

/// After so much quiet, a comment is sent.
const QUIET: Duration = Duration::from_secs(15);

/// Fills a room's ring from its stream, which begins after the lifecycle event `until`, as long as there are clients.
pub(super) async fn run(room: Arc<Room>, stream: EventStream<Merged>, until: u64) {
    let clock = room.pace.clock().clone();
    let pump = Pump { clock, stream, until, over: false, out: Vec::new(), told: Vec::new() };
    pump.run(Filling { room: Some(room) }).await;
}

/// Says so if the pump goes with its runtime: the clients that are left start another one.
struct Filling {
    room: Option<Arc<Room>>,
}

impl Drop for Filling {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            room.stopped(false);
        }
    }
}

struct Pump {
    clock: Clock,
    stream: EventStream<Merged>,
    /// The number of the last lifecycle event that was read.
    until: u64,
    /// That was the job's end.
    over: bool,
    out: Vec<u8>,
    told: Vec<Merged>,
}

/// What comes next.
enum Next {
    Told(Merged),
    Ended,
    Quiet,
    Nobody,
}

impl Pump {
    async fn run(mut self, mut filling: Filling) {
        let Some(room) = filling.room.clone() else { return };
        let mut not_before = self.clock.now();
        loop {
            match self.next(&room).await {
                Next::Told(told) => self.take(told),
                Next::Quiet => self.out.extend_from_slice(frames::KEEP_ALIVE),
                Next::Ended => {
                    filling.room = None;
                    return room.stopped(true);
                }
                Next::Nobody => {
                    filling.room = None;
                    return;
                }
            }
            self.sleep(not_before).await;
            while self.out.len() < FULL
                && let Some(told) = self.stream.try_recv()
            {
                self.take(told);
            }
            let (bytes, more) = (self.out.len(), self.out.len() >= FULL);
            if bytes == 0 {
                continue;
            }
            let chunk = Chunk { until: self.until, bytes: std::mem::take(&mut self.out).into() };
            let clients = room.append(chunk, std::mem::take(&mut self.told));
            let through = room.pace.give(clients, bytes);
            let gathered = if more { None } else { self.clock.after(GATHER) };
            not_before = through.max(gathered).unwrap_or(not_before);
            yield_once().await;
        }
    }

    fn take(&mut self, told: Merged) {
        match &told {
            Merged::Event(event) => {
                frames::event(&mut self.out, event);
                self.until = event.seq().unwrap_or(self.until);
                self.over = matches!(event, Event::JobCompleted(_));
            }
            // A reader that has missed windows makes up for them when it has read all else; nothing follows the job's end.
            Merged::Window(_) if self.over => return,
            Merged::Window(window) => frames::window(&mut self.out, window),
        }
        self.told.push(told);
    }

    async fn next(&mut self, room: &Room) -> Next {
        let mut quiet = pin!(self.clock.after(QUIET).map(|at| self.clock.sleep_until(at)));
        poll_fn(|cx| {
            if room.poll_empty(cx).is_ready() {
                return Poll::Ready(Next::Nobody);
            }
            if let Poll::Ready(told) = self.stream.poll_event(Some(cx)) {
                return Poll::Ready(told.map_or(Next::Ended, Next::Told));
            }
            match quiet.as_mut().as_pin_mut() {
                Some(quiet) => quiet.poll(cx).map(|()| Next::Quiet),
                None => Poll::Pending,
            }
        })
        .await
    }

    async fn sleep(&self, until: Instant) {
        if self.clock.now() < until {
            self.clock.sleep_until(until).await;
        }
    }
}
