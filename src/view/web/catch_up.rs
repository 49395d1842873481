//! What a client reads itself, of what the ring doesn't have (W2). Knows no ring.

use std::sync::Arc;

use crate::bus::{EventStream, Lifecycle};
use crate::job::core::JobCore;

use super::frames;

/// How many bytes are read at a time.
const BATCH: usize = 64 << 10;

/// Messages, and up to which lifecycle event.
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) until: u64,
}

/// The lifecycle events after `pos` and up to `until`, or the first of them. None if they are not retained any more. The
/// stream is gone when it returns: who doesn't go on reading keeps no history (W4).
pub(super) fn batch(core: &Arc<JobCore>, pos: u64, until: u64) -> Option<Batch> {
    let mut batch = Batch { bytes: Vec::new(), until: pos };
    let mut stream = EventStream::<Lifecycle>::new(core.clone(), core.clock.clone()).after(pos);
    while batch.until < until && batch.bytes.len() < BATCH {
        let Lifecycle(event) = stream.try_recv()?;
        let seq = event.seq()?;
        if seq != batch.until + 1 {
            return None;
        }
        frames::event(&mut batch.bytes, &event);
        batch.until = seq;
    }
    Some(batch)
}
