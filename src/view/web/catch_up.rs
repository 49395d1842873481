//! What clients read of what the ring doesn't have (W2). Knows no ring.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use axum::body::Bytes;
use parking_lot::Mutex;

use super::frames;
use crate::bus::{EventStream, Lifecycle};
use crate::job::core::JobCore;

/// Batches end at multiples of so many events, so that clients which come from anywhere soon read the same ones.
const EVENTS: u64 = 256;

/// How many bytes are read at a time, unless one event has more.
const BYTES: usize = 64 << 10;

/// How many bytes of batches are kept for others.
const KEPT: usize = 2 << 20;

/// Messages, and up to which lifecycle event.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    pub(super) until: u64,
}

/// The last batches that were read.
#[derive(Default)]
pub(super) struct Batches(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the event that they come after.
    after: BTreeMap<u64, Batch>,
    order: VecDeque<u64>,
    bytes: usize,
}

impl Batches {
    /// The first of the lifecycle events after `pos`, up to `until` at most. None if they are not retained any more.
    pub(super) fn next(&self, core: &Arc<JobCore>, pos: u64, until: u64) -> Option<Batch> {
        if pos >= until {
            return Some(Batch { bytes: Bytes::new(), until: pos });
        }
        let end = ((pos / EVENTS + 1) * EVENTS).min(until);
        // Read in the lock: others who want the same wait for it, and don't read it too.
        let mut kept = self.0.lock();
        if let Some(batch) = kept.after.get(&pos).filter(|batch| batch.until <= end) {
            return Some(batch.clone());
        }
        let batch = read(core, pos, end)?;
        kept.keep(pos, batch.clone());
        Some(batch)
    }

    pub(super) fn clear(&self) {
        *self.0.lock() = Kept::default();
    }
}

impl Kept {
    fn keep(&mut self, pos: u64, batch: Batch) {
        self.bytes += batch.bytes.len();
        match self.after.insert(pos, batch) {
            Some(before) => self.bytes -= before.bytes.len(),
            None => self.order.push_back(pos),
        }
        while self.bytes > KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(batch) = self.after.remove(&oldest)
        {
            self.bytes -= batch.bytes.len();
        }
    }
}

/// The lifecycle events after `pos` and up to `until`, or the first of them. The stream is gone when it returns: who doesn't go
/// on reading keeps no history (W4).
fn read(core: &Arc<JobCore>, pos: u64, until: u64) -> Option<Batch> {
    let (mut bytes, mut last) = (Vec::new(), pos);
    let mut stream = EventStream::<Lifecycle>::new(core.clone(), core.clock.clone()).after(pos);
    while last < until && bytes.len() < BYTES {
        let Lifecycle(event) = stream.try_recv()?;
        let seq = event.seq()?;
        if seq != last + 1 {
            return None;
        }
        frames::event(&mut bytes, &event);
        last = seq;
    }
    Some(Batch { bytes: bytes.into(), until: last })
}
