//! One reader's way through the history and the publications, merged in order (B3). Knows a job only as a [`Source`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use super::history::Cursor;
use super::item::{Item, Quick};
use super::publications::ProgressReader;
use super::record::Packed;
use super::source::{Moment, Opened, Parked, Source, Start, mask};
use crate::base::WakerKey;
use crate::model::JobId;

pub(crate) struct Reader {
    source: Arc<dyn Source>,
    job: JobId,
    mask: u16,
    key: WakerKey,
    cursor: Option<Cursor>,
    /// Events up to this one are passed over.
    after: u64,
    position: Option<Arc<AtomicU64>>,
    progress: Option<ProgressReader>,
    /// A record whose task's last progress goes first.
    held: Option<(u64, Packed)>,
    /// It reads lifecycle events only, and history is kept whether it does or not.
    alone: bool,
    ended: bool,
}

impl Reader {
    pub(crate) fn new(source: Arc<dyn Source>, mask: u16, start: Start) -> Reader {
        let opened = source.open(start, mask);
        let (seen, after) = match start {
            Start::First => (0, 0),
            Start::After(seq) => (0, seq),
            Start::Now => (opened.stamp, 0),
        };
        Reader::opened(source, mask, opened, seen, after)
    }

    /// A reader from a moment of which one has a snapshot.
    pub(crate) fn following(source: Arc<dyn Source>, mask: u16, opened: Opened) -> Reader {
        let seen = opened.stamp;
        Reader::opened(source, mask, opened, seen, 0)
    }

    /// A reader from a moment of which one knows no progress.
    pub(crate) fn joining(source: Arc<dyn Source>, mask: u16, opened: Opened) -> Reader {
        Reader::opened(source, mask, opened, 0, 0)
    }

    fn opened(source: Arc<dyn Source>, mask: u16, opened: Opened, seen: u64, after: u64) -> Reader {
        let Opened { cursor, notices, last_seq, stamp, position } = opened;
        let progress = notices.map(|notices| ProgressReader::new(notices, seen, stamp, last_seq));
        Reader {
            alone: progress.is_none() && position.is_none(),
            job: source.id(),
            source,
            mask,
            key: WakerKey::default(),
            cursor,
            after,
            position,
            progress,
            held: None,
            ended: false,
        }
    }

    pub(crate) fn restart(&mut self, start: Start) {
        self.source.leave(&mut self.key);
        *self = Reader::new(self.source.clone(), self.mask, start);
    }

    pub(crate) fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// The job that it reads.
    #[inline]
    pub(crate) fn job(&self) -> JobId {
        self.job
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// The next item; without a context, pending means that there is nothing now.
    #[inline]
    pub(crate) fn poll(&mut self, cx: Option<&mut Context<'_>>) -> Poll<Option<Item>> {
        match self.read() {
            Some(item) => Poll::Ready(Some(item)),
            None => self.park(cx),
        }
    }

    /// Waits for something to read, which there was none of.
    #[cold]
    fn park(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<Option<Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let waker = cx.as_deref_mut().map_or(Waker::noop(), |cx| cx.waker());
            let mut waker = Some(waker.clone());
            let (cursor, progress) = (&mut self.cursor, &mut self.progress);
            let mut nothing = || {
                let no_record = cursor.as_mut().is_none_or(|cursor| cursor.peek().is_none());
                no_record && progress.as_mut().is_none_or(ProgressReader::is_idle)
            };
            let mask = self.mask;
            match self.source.park(&mut self.key, mask, &mut waker, &mut nothing) {
                Parked::Ready => {
                    if let Some(item) = self.read() {
                        return Poll::Ready(Some(item));
                    }
                }
                Parked::Waiting => return Poll::Pending,
                Parked::Ended => {
                    self.ended = true;
                    self.progress = None;
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// The next record of a kind in `mask`, if it is at hand and all there is to do is to make an event of it: no progress is
    /// to be told in its place, and nobody wants to know how far it was read.
    #[inline(always)]
    pub(crate) fn next_at_hand(&mut self, mask: u16) -> Option<(u64, Packed)> {
        let cursor = self.cursor.as_mut().filter(|_| self.alone)?;
        loop {
            let (seq, packed) = cursor.next_at_hand(mask)?;
            if seq > self.after {
                return Some((seq, packed));
            }
        }
    }

    /// Whether it has read all that there was at `moment`, and is through with what it has begun to tell.
    pub(crate) fn is_past(&self, moment: Moment) -> bool {
        let records = self.cursor.as_ref().is_none_or(|cursor| cursor.seq() >= moment.last_seq);
        let progress = self.progress.as_ref().is_none_or(|progress| progress.is_past(moment));
        records && progress && self.held.is_none()
    }

    fn next_packed(&mut self) -> Option<Item> {
        loop {
            let (seq, packed) = self.cursor.as_mut()?.next_of(self.mask)?;
            if seq > self.after {
                return Some(Item::Record(seq, packed));
            }
        }
    }

    /// The next of the updates that are being told, if it is a plain one.
    #[inline]
    pub(crate) fn next_plain(&mut self) -> Option<Quick> {
        self.progress.as_mut().filter(|_| self.held.is_none())?.next_plain()
    }

    /// The next item if there is one now. Neither registers a waker nor notices the job's end.
    pub(crate) fn read(&mut self) -> Option<Item> {
        if self.alone {
            return self.next_packed();
        }
        loop {
            if let Some((seq, record)) = self.held.take() {
                return Some(Item::Record(seq, record));
            }
            // Only now: what was given out before is an event by now and needs the ledger no longer.
            if let Some(position) = &self.position {
                let read = match (&self.cursor, &self.progress) {
                    (Some(cursor), _) => cursor.seq(),
                    (None, progress) => progress.as_ref().map_or(0, |progress| progress.seen),
                };
                position.store(read, Ordering::Release);
            }
            // Before the notices: a publication that came before this record is among them (B3).
            let next = self.cursor.as_mut().and_then(Cursor::peek);
            if let Some(progress) = &mut self.progress {
                let reached = self.cursor.as_ref().map_or(u64::MAX, Cursor::seq);
                if let Some(item) = progress.next_told(reached) {
                    return Some(item);
                }
                if progress.advance(&*self.source, self.mask, reached) {
                    continue;
                }
            }
            let Some((seq, record)) = next else {
                // Progress that waits for later records has them there by now.
                match &self.progress {
                    Some(progress) if progress.waits_for_records() => continue,
                    _ => return None,
                }
            };
            if let Some(cursor) = &mut self.cursor {
                cursor.pass();
            }
            let last = match &mut self.progress {
                // In a window it would come too late, and the task's completion has it.
                Some(progress) if self.mask & mask::PROGRESS != 0 => {
                    progress.before_end(&*self.source, seq, &record.unpack())
                }
                _ => None,
            };
            let wanted = self.mask >> record.kind() & 1 != 0 && seq > self.after;
            match last {
                Some(told) if seq > self.after => {
                    self.held = wanted.then_some((seq, record));
                    return Some(Item::Progress(told));
                }
                _ if wanted => return Some(Item::Record(seq, record)),
                _ => {}
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.ended {
            self.source.leave(&mut self.key);
        }
    }
}
