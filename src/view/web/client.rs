//! One client's way through a job's messages: the body of its answer (W2, W4). Knows no routes.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use futures::Stream;

use super::credit::Credit;
use super::frames::RETRY;
use super::hub::Attached;
use super::ring::Next;
use crate::base::Sleep;

/// The messages of a job after one that the client has.
pub(super) struct Client {
    attached: Attached,
    /// The number of the last lifecycle event that was given out.
    pos: u64,
    at: At,
    credit: Arc<Credit>,
    /// What is given out next.
    pieces: Vec<Bytes>,
    /// Until when it catches up no further (W5).
    rest: Option<Sleep>,
}

enum At {
    CatchingUp,
    /// The next chunk is the one at this place.
    Ring(u64),
    Over,
}

impl Client {
    pub(super) fn new(attached: Attached, pos: u64) -> Client {
        let pieces = vec![Bytes::from_static(RETRY.as_bytes())];
        Client { attached, pos, at: At::CatchingUp, credit: Arc::default(), pieces, rest: None }
    }

    /// Finds what is next, or that it is over.
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Attached { room, seat, .. } = &mut self.attached;
        while self.pieces.is_empty() {
            match self.at {
                At::Over => return Poll::Ready(()),
                At::Ring(place) => match ready!(room.poll_at(seat, place, cx)) {
                    Next::Chunk(chunk) => {
                        self.pos = chunk.until;
                        self.at = At::Ring(place + 1);
                        self.pieces.push(chunk.bytes);
                    }
                    Next::Ended => self.at = At::Over,
                    Next::Lost | Next::NotYet => self.at = At::CatchingUp,
                },
                At::CatchingUp => {
                    if let Some(rest) = &mut self.rest {
                        ready!(Pin::new(rest).poll(cx));
                        self.rest = None;
                    }
                    let join = ready!(room.poll_join(seat, self.pos, cx));
                    let Some(batch) = room.batches.next(&room.core, self.pos, join.until) else {
                        // It comes again, and is told that it has to load the job.
                        self.at = At::Over;
                        continue;
                    };
                    self.pos = batch.until;
                    if self.pos == join.until {
                        self.at = join.place.map_or(At::Over, At::Ring);
                        self.pieces.extend(join.present);
                    }
                    if !batch.bytes.is_empty() {
                        let through = room.pace.give(1, batch.bytes.len());
                        self.rest = through.map(|at| room.pace.clock().sleep_until(at));
                        self.pieces.push(batch.bytes);
                    }
                }
            }
        }
        Poll::Ready(())
    }
}

impl Stream for Client {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let client = &mut *self;
        let Attached { room, seat, .. } = &mut client.attached;
        let closed = room.poll_closed(seat, cx).is_ready();
        if client.credit.poll(cx).is_pending() {
            // Who doesn't read would keep the connection from its end.
            let unread = || io::Error::other("the client has not read what it was sent");
            return if closed { Poll::Ready(Some(Err(unread()))) } else { Poll::Pending };
        }
        if closed {
            return Poll::Ready(None);
        }
        ready!(client.poll_pieces(cx));
        Poll::Ready(client.pieces.pop().map(|piece| Ok(client.credit.lend(piece))))
    }
}
