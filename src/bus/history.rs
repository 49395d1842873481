//! The log of lifecycle events: append-only, in chunks, read by position without a lock (B1). Knows no reader.

use std::sync::Arc;

use super::record::{Packed, Record};
use crate::base::sync::{AtomicU64, AtomicUsize, OnceLock, Ordering};

const SMALLEST: usize = 4;
const LARGEST: usize = 512;

struct Chunk {
    /// The seq of the first record.
    first: u64,
    /// What times count from.
    origin: u64,
    records: Box<[[AtomicU64; 2]]>,
    /// How many records are there; set after they are.
    len: AtomicUsize,
    next: OnceLock<Arc<Chunk>>,
}

impl Chunk {
    fn new(first: u64, origin: u64, size: usize) -> Arc<Chunk> {
        Arc::new(Chunk {
            first,
            origin,
            records: (0..size).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            len: AtomicUsize::new(0),
            next: OnceLock::new(),
        })
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // One after the other: a long chain would overflow the stack.
        let mut next = self.next.take();
        while let Some(mut chunk) = next.and_then(Arc::into_inner) {
            next = chunk.next.take();
        }
    }
}

/// The writing end. Its owner guards it with a lock.
pub(crate) struct History {
    /// What times count from.
    origin: u64,
    /// Made by the first who writes or reads.
    ends: Option<Ends>,
}

struct Ends {
    head: Arc<Chunk>,
    tail: Arc<Chunk>,
}

impl History {
    /// An empty history; times count from `origin`.
    pub(crate) fn new(origin: u64) -> History {
        History { origin, ends: None }
    }

    #[inline]
    fn ends(&mut self) -> &mut Ends {
        let origin = self.origin;
        self.ends.get_or_insert_with(|| {
            let chunk = Chunk::new(1, origin, SMALLEST);
            Ends { head: chunk.clone(), tail: chunk }
        })
    }

    /// Appends a record and returns its seq.
    #[inline]
    pub(crate) fn append(&mut self, record: Record) -> u64 {
        let ends = self.ends();
        let len = ends.tail.len.load(Ordering::Relaxed);
        if len < ends.tail.records.len() {
            return ends.put(len, record);
        }
        ends.grow();
        ends.put(0, record)
    }

    /// The seq of the last record, 0 if there is none.
    pub(crate) fn last_seq(&self) -> u64 {
        let last = |ends: &Ends| ends.tail.first - 1 + ends.tail.len.load(Ordering::Relaxed) as u64;
        self.ends.as_ref().map_or(0, last)
    }

    /// The seq of the oldest record that is retained.
    pub(crate) fn first_seq(&self) -> u64 {
        self.ends.as_ref().map_or(1, |ends| ends.head.first)
    }

    /// Lets go of whole chunks before `seq`. Readers that are there keep theirs. True if some went.
    pub(crate) fn release_before(&mut self, seq: u64) -> bool {
        let Some(Ends { head, .. }) = &mut self.ends else { return false };
        let before = head.first;
        while let Some(next) = head.next.get().filter(|next| next.first <= seq).cloned() {
            *head = next;
        }
        head.first != before
    }

    /// A reader of what comes after `seq`, or after the oldest record that is retained.
    pub(crate) fn cursor_after(&mut self, seq: u64) -> Cursor {
        let last = self.last_seq();
        let Ends { head, tail } = self.ends();
        let mut chunk = if tail.first <= seq.saturating_add(1) { tail } else { head }.clone();
        let wanted = seq.saturating_add(1).clamp(chunk.first, last + 1);
        while let Some(next) = chunk.next.get().filter(|next| next.first <= wanted).cloned() {
            chunk = next;
        }
        let at = (wanted - chunk.first) as usize;
        Cursor { chunk, at, there: 0 }
    }
}

impl Ends {
    #[inline]
    fn put(&mut self, at: usize, record: Record) -> u64 {
        let Packed { who, what, .. } = record.pack(self.tail.origin);
        self.tail.records[at][0].store(who, Ordering::Relaxed);
        self.tail.records[at][1].store(what, Ordering::Relaxed);
        self.tail.len.store(at + 1, Ordering::Release);
        self.tail.first + at as u64
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.tail.records.len();
        let next =
            Chunk::new(self.tail.first + size as u64, self.tail.origin, (size * 2).min(LARGEST));
        // Only the writer sets it, once.
        let _ = self.tail.next.set(next.clone());
        self.tail = next;
    }
}

/// The reading end.
#[derive(Clone)]
pub(crate) struct Cursor {
    chunk: Arc<Chunk>,
    at: usize,
    /// How many records of the chunk were there when it was looked last.
    there: usize,
}

impl Cursor {
    /// The next record with its seq, if there is one.
    pub(crate) fn peek(&mut self) -> Option<(u64, Packed)> {
        if self.at >= self.there && !self.look() {
            return None;
        }
        self.peek_at_hand()
    }

    /// Passes the next record of a kind in `mask` (see [`super::mask`]), and those before it. Returns it with its seq, if
    /// there is one.
    pub(crate) fn next_of(&mut self, mask: u16) -> Option<(u64, Packed)> {
        loop {
            while let Some((seq, packed)) = self.peek_at_hand() {
                self.at += 1;
                if mask >> packed.kind() & 1 != 0 {
                    return Some((seq, packed));
                }
            }
            if !self.look() {
                return None;
            }
        }
    }

    /// The same, among the records that were there when it was looked last. None also if the record has a cause, which
    /// is then still to come. It calls nothing, so that it costs next to nothing.
    #[inline(always)]
    pub(crate) fn next_at_hand(&mut self, mask: u16) -> Option<(u64, Packed)> {
        while let Some((seq, packed)) = self.peek_at_hand() {
            let wanted = mask >> packed.kind() & 1 != 0;
            if wanted && packed.is_caused() {
                return None;
            }
            self.at += 1;
            if wanted {
                return Some((seq, packed));
            }
        }
        None
    }

    #[inline(always)]
    fn peek_at_hand(&self) -> Option<(u64, Packed)> {
        let chunk = &*self.chunk;
        if self.at >= self.there {
            return None;
        }
        let [who, what] = chunk.records.get(self.at)?;
        let [who, what] = [who.load(Ordering::Relaxed), what.load(Ordering::Relaxed)];
        Some((chunk.first + self.at as u64, Packed { who, what, origin: chunk.origin }))
    }

    /// Looks for more records after those that were there. False if there are none.
    #[cold]
    fn look(&mut self) -> bool {
        while self.at >= self.chunk.len.load(Ordering::Acquire) {
            if self.at < self.chunk.records.len() {
                return false;
            }
            let Some(next) = self.chunk.next.get().cloned() else { return false };
            // It may be there before its first record is.
            (self.chunk, self.at, self.there) = (next, 0, 0);
        }
        self.there = self.chunk.len.load(Ordering::Acquire);
        true
    }

    /// Passes the record that [`peek`](Cursor::peek) has shown.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.at += 1;
    }

    /// The seq of the last record that was passed.
    #[inline]
    pub(crate) fn seq(&self) -> u64 {
        self.chunk.first + self.at as u64 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::record::Change;
    use crate::model::TaskId;

    fn added(task: u32) -> Record {
        Record { at: 5, change: Change::Added { task: TaskId::new(task) }, caused: false }
    }

    fn read(cursor: &mut Cursor) -> Vec<u64> {
        std::iter::from_fn(|| {
            let (seq, packed) = cursor.peek()?;
            assert_eq!(packed.unpack(), added(seq as u32));
            cursor.pass();
            assert_eq!(cursor.seq(), seq);
            Some(seq)
        })
        .collect()
    }

    #[test]
    fn readers_see_all_from_wherever_they_start() {
        let mut history = History::new(5);
        let mut early = history.cursor_after(0);
        for seq in 1..=3_000 {
            assert_eq!(history.append(added(seq)), u64::from(seq));
        }
        assert_eq!(read(&mut early), (1..=3_000).collect::<Vec<_>>());
        for after in [0, 1, 3, 4, 5, 11, 12, 1_019, 1_020, 2_999, 3_000, 9_999] {
            let expected: Vec<_> = (after.min(3_000) + 1..=3_000).collect();
            assert_eq!(read(&mut history.cursor_after(after)), expected, "after {after}");
        }
        history.append(added(3_001));
        assert_eq!(read(&mut early), [3_001]);
    }

    #[test]
    fn what_is_released_is_gone_for_late_readers_only() {
        let mut history = History::new(5);
        let mut early = history.cursor_after(0);
        (1..=3_000).for_each(|seq| assert_eq!(history.append(added(seq)), u64::from(seq)));
        assert!(history.release_before(2_500));
        let first = history.first_seq();
        assert!((1_900..=2_500).contains(&first), "{first}");
        assert_eq!(read(&mut history.cursor_after(0)).first(), Some(&first));
        assert_eq!(read(&mut early).len(), 3_000);
    }

    #[test]
    fn a_long_chain_is_dropped_without_recursion() {
        let mut history = History::new(5);
        let early = history.cursor_after(0);
        (1..=2_000_000).for_each(|seq| assert_eq!(history.append(added(seq)), u64::from(seq)));
        drop(history);
        drop(early);
    }
}
