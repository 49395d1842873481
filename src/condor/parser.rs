//! [`Parser`]: events of bytes, however these come in pieces. Pure: it reads no file and waits for nothing.

use std::io::{self, Read};

use super::damage::Damaged;
use super::event::Event;
use super::zone::Zone;
use crate::model::Timestamp;

/// Makes events of the bytes of a log, which it is given in pieces of any size.
#[derive(Debug)]
pub struct Parser {
    buffer: Vec<u8>,
    offset: u64,
    zone: Zone,
    now: Timestamp,
    ended: bool,
}

impl Parser {
    /// For a log whose times are in `zone`; `now` is what dates without a year are before.
    pub fn new(zone: Zone, now: Timestamp) -> Parser {
        Parser { buffer: Vec::new(), offset: 0, zone, now, ended: false }
    }

    /// The same for a log that is read from `offset` on.
    pub fn at(self, offset: u64) -> Parser {
        Parser { offset, ..self }
    }

    /// Takes bytes that follow those before.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes what one call of `source.read` gives: how many bytes, 0 at its end.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let _ = (source, &self.zone, self.now);
        Ok(0)
    }

    /// Says that no more bytes follow: what isn't whole then is an error.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next event; none if there is no whole one.
    ///
    /// # Errors
    /// Bytes are no event; they are passed over.
    #[expect(clippy::should_implement_trait, reason = "more may come after none")]
    pub fn next(&mut self) -> Option<Result<Event, Damaged>> {
        None
    }

    /// How many bytes there are before what comes next: behind the last event that was given out.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are behind that which are not given out.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }
}
