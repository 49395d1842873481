//! The last chunks of a job's messages (W1): data alone. Knows no job, no client and no lock.

use std::collections::VecDeque;

use axum::body::Bytes;

/// How many bytes are kept, unless one chunk has more.
const KEPT: usize = 1 << 20;

/// Whole messages.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    /// The number of the last lifecycle event up to here.
    pub(super) until: u64,
    pub(super) bytes: Bytes,
}

/// What there is at a place.
#[derive(Debug)]
pub(super) enum Next {
    Chunk(Chunk),
    NotYet,
    /// No chunk will come.
    Ended,
    /// It was there and is gone.
    Lost,
}

/// Chunks by their places, which are counted from the first that there was.
#[derive(Debug, Default)]
pub(super) struct Ring {
    chunks: VecDeque<Chunk>,
    first: u64,
    bytes: usize,
    until: u64,
    ended: bool,
}

impl Ring {
    /// Begins anew, after a lifecycle event: all places that there were are gone.
    pub(super) fn restart(&mut self, until: u64) {
        self.first = self.end() + 1;
        self.chunks.clear();
        (self.bytes, self.until, self.ended) = (0, until, false);
    }

    /// Lets go of all chunks; who was at the end stays there.
    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.chunks.clear();
        self.bytes = 0;
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.bytes.len();
        self.until = chunk.until;
        self.chunks.push_back(chunk);
        while self.bytes > KEPT
            && self.chunks.len() > 1
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.first += 1;
            self.bytes -= oldest.bytes.len();
        }
    }

    /// No chunk will come.
    pub(super) fn end_all(&mut self) {
        self.ended = true;
    }

    /// The place of the next chunk to come.
    pub(super) fn end(&self) -> u64 {
        self.first + self.chunks.len() as u64
    }

    /// The number of the last lifecycle event that was in it.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    pub(super) fn at(&self, place: u64) -> Next {
        let Some(index) = place.checked_sub(self.first) else { return Next::Lost };
        let chunk = usize::try_from(index).ok().and_then(|index| self.chunks.get(index));
        match chunk {
            Some(chunk) => Next::Chunk(chunk.clone()),
            None if self.ended => Next::Ended,
            None => Next::NotYet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(until: u64, size: usize) -> Chunk {
        Chunk { until, bytes: vec![b'x'; size].into() }
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_bytes() {
        let mut ring = Ring::default();
        ring.restart(7);
        let place = ring.end();
        assert!(matches!(ring.at(place), Next::NotYet));
        for n in 0..100 {
            ring.push(chunk(8 + n, KEPT / 10));
            assert!(ring.bytes <= KEPT);
            assert_eq!(ring.end(), place + n + 1);
            assert!(matches!(ring.at(place + n), Next::Chunk(chunk) if chunk.until == 8 + n));
        }
        assert!(matches!(ring.at(place + 89), Next::Lost));
        assert!(matches!(ring.at(place + 90), Next::Chunk(chunk) if chunk.until == 98));
        assert!(matches!(ring.at(place + 100), Next::NotYet));
        ring.end_all();
        assert!(matches!(ring.at(place + 99), Next::Chunk(_)));
        assert!(matches!(ring.at(place + 100), Next::Ended));
    }

    #[test]
    fn one_chunk_is_kept_however_large_it_is() {
        let mut ring = Ring::default();
        ring.push(chunk(1, 10));
        ring.push(chunk(2, KEPT * 3));
        assert!(matches!(ring.at(0), Next::Lost));
        assert!(matches!(ring.at(1), Next::Chunk(chunk) if chunk.bytes.len() == KEPT * 3));
        ring.push(chunk(3, 10));
        assert_eq!((ring.bytes, ring.until()), (10, 3));
    }

    #[test]
    fn who_was_on_the_ring_before_it_began_anew_has_lost_it() {
        let mut ring = Ring::default();
        ring.push(chunk(1, 10));
        let (there, end) = (ring.end() - 1, ring.end());
        ring.restart(5);
        assert!(matches!(ring.at(there), Next::Lost));
        assert!(matches!(ring.at(end), Next::Lost));
        assert!(matches!(ring.at(ring.end()), Next::NotYet));
        assert_eq!(ring.until(), 5);
    }
}
