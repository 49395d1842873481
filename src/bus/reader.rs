//! One reader's way through the history and the publications, merged in order (B3, B4). Knows a job only as a
//! [`Source`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_broadcast::{Receiver, TryRecvError};

use super::history::Cursor;
use super::latest::Shown;
use super::notice::{Batch, Update};
use super::record::{Change, Packed, Record};
use crate::base::WakerKey;
use crate::meter::Reading;
use crate::model::{Cause, Event, EventKind, JobId, JobProgress, TaskId};

/// What a reader waits for, as bits. Those of lifecycle events are in the order of the codes of packed records.
pub(crate) mod mask {
    use super::EventKind;

    pub(crate) const JOB_STATE: u16 = 1;
    pub(crate) const ADDED: u16 = 1 << 1;
    pub(crate) const TASK_STATE: u16 = 1 << 2;
    pub(crate) const COMPLETED: u16 = 1 << 3;
    pub(crate) const JOB_COMPLETED: u16 = 1 << 4;
    pub(crate) const PROGRESS: u16 = 1 << 5;
    pub(crate) const WINDOW: u16 = 1 << 6;
    /// Outputs that were set aside for a reader of them.
    pub(crate) const OUTPUT: u16 = 1 << 7;
    /// The end of the job and of its callbacks.
    pub(crate) const DONE: u16 = 1 << 8;
    pub(crate) const LIFECYCLE: u16 = JOB_STATE | ADDED | TASK_STATE | COMPLETED | JOB_COMPLETED;

    #[inline]
    pub(crate) const fn of(kind: EventKind) -> u16 {
        match kind {
            EventKind::JobStateChanged => JOB_STATE,
            EventKind::TaskAdded => ADDED,
            EventKind::TaskStateChanged => TASK_STATE,
            EventKind::TaskCompleted => COMPLETED,
            EventKind::JobCompleted => JOB_COMPLETED,
            EventKind::TaskProgressUpdated => PROGRESS,
        }
    }
}

/// Where a reader starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// With the first event that is retained, and what progress there is.
    First,
    /// With the first event after this one, and what progress there is.
    After(u64),
    /// With what happens from now on.
    Now,
}

/// What a reader gets to start with, all as of one moment.
pub(crate) struct Opened {
    /// None for a reader of progress alone: a cursor would keep history for it.
    pub(crate) cursor: Option<Cursor>,
    pub(crate) notices: Option<Receiver<Batch>>,
    pub(crate) last_seq: u64,
    pub(crate) stamp: u64,
    /// Where to say how far one has read, if that frees history: up to which lifecycle event, or, for a reader of
    /// progress alone, up to which publication.
    pub(crate) position: Option<Arc<AtomicU64>>,
}

/// What the table has newer than a reader has seen, as of one moment.
pub(crate) struct Table {
    pub(crate) shown: Vec<(TaskId, Shown)>,
    pub(crate) stamp: u64,
    pub(crate) last_seq: u64,
    pub(crate) at: u64,
    pub(crate) progress: JobProgress,
}

/// What became of a reader that found nothing to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parked {
    /// There is something to read after all.
    Ready,
    /// Its waker is registered.
    Waiting,
    /// The job has ended, and all is read.
    Ended,
}

/// A job, as readers see it. Each call is one critical section of the job's.
pub(crate) trait Source: Send + Sync {
    fn id(&self) -> JobId;
    fn last_seq(&self) -> u64;
    fn open(&self, start: Start, mask: u16) -> Opened;
    /// The event of a record, with all that the ledger keeps beside it.
    fn expand(&self, seq: u64, record: &Record) -> Event;
    fn cause(&self, seq: u64) -> Option<Arc<Cause>>;
    fn shown(&self, task: TaskId) -> Option<Shown>;
    fn table(&self, newer_than: u64, with_ended: bool) -> Table;
    /// Registers the waker if `nothing` says that there still is nothing to read (B5).
    fn park(
        &self,
        key: &mut WakerKey,
        mask: u16,
        waker: &mut Option<Waker>,
        nothing: &mut dyn FnMut() -> bool,
    ) -> Parked;
    /// Forgets a registered waker.
    fn leave(&self, key: &mut WakerKey);
}

/// What a reader reads.
pub(crate) enum Item {
    Record(u64, Packed),
    Progress(Told),
    Window(Box<WindowItem>),
}

/// A window on its way to a reader.
pub(crate) struct WindowItem {
    pub(crate) at: u64,
    pub(crate) after: u64,
    pub(crate) told: Vec<Told>,
    pub(crate) progress: JobProgress,
}

/// A task's progress on its way to a reader.
pub(crate) struct Told {
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) at: u64,
    pub(crate) after: u64,
    pub(crate) reading: Reading,
}

impl Told {
    fn update(batch: &Batch, update: &Update) -> Told {
        let Update { task, attempt, ref reading } = *update;
        Told { task, attempt, at: batch.at, after: batch.after, reading: reading.clone() }
    }

    fn shown(task: TaskId, shown: Shown) -> Told {
        let Shown { reading, attempt, after, at, .. } = shown;
        Told { task, attempt, at, after, reading }
    }
}

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

    fn opened(source: Arc<dyn Source>, mask: u16, opened: Opened, seen: u64, after: u64) -> Reader {
        let Opened { cursor, notices, last_seq, stamp, position } = opened;
        let late = seen < stamp;
        let progress = notices.map(|notices| ProgressReader {
            notices,
            seen,
            ahead: None,
            telling: Telling::Nothing,
            table: VecDeque::new(),
            missed: false,
            gap: late.then_some(last_seq),
            ended: late.then_some((u64::MAX, seen)).into_iter().collect(),
        });
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

    /// The next record of a kind in `mask` as it is, where that is all there is to do: no progress is to be told in its
    /// place, and nobody wants to know how far it was read.
    #[inline]
    pub(crate) fn next_packed(&mut self, mask: u16) -> Option<(u64, Packed)> {
        let cursor = self.cursor.as_mut().filter(|_| self.alone)?;
        loop {
            let (seq, packed) = cursor.next_of(mask)?;
            if seq > self.after {
                return Some((seq, packed));
            }
        }
    }

    fn read(&mut self) -> Option<Item> {
        if self.alone {
            let (seq, packed) = self.next_packed(self.mask)?;
            return Some(Item::Record(seq, packed));
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
                Some(progress) => progress.before_end(&*self.source, seq, &record.unpack()),
                None => None,
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

struct ProgressReader {
    notices: Receiver<Batch>,
    /// All publications up to this one were told, or newer values in their place.
    seen: u64,
    /// A notice that was received and is not due yet.
    ahead: Option<Batch>,
    telling: Telling,
    /// What was read from the table and is told as the lifecycle events that it came after are passed.
    table: VecDeque<(TaskId, Shown)>,
    /// Notices were missed, which is yet to be seen to.
    missed: bool,
    /// Notices were missed: the table is to be read after the lifecycle event of this number.
    gap: Option<u64>,
    /// Tasks that end up to the event of the first number were told up to the publication of the second, and
    /// are left out when the table is read: their last values go right before their ends (B4).
    ended: VecDeque<(u64, u64)>,
}

enum Telling {
    Nothing,
    Batch(Batch, usize),
    Window(Box<WindowItem>),
}

impl ProgressReader {
    /// Whether there is nothing to tell. Called in the critical section, and asks nothing of the source.
    fn is_idle(&mut self) -> bool {
        // The channel's own `is_empty` is about all of its readers.
        self.receive() && !self.waits_for_records() && !self.missed
    }

    /// Takes the next notice from the channel, unless there is one. True if there are no more.
    fn receive(&mut self) -> bool {
        while !self.missed && !self.waits_for_records() {
            match self.notices.try_recv() {
                Ok(batch) if batch.stamp <= self.seen => {}
                Ok(batch) => self.ahead = Some(batch),
                Err(TryRecvError::Overflowed(_)) => self.missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return true,
            }
        }
        false
    }

    fn waits_for_records(&self) -> bool {
        self.ahead.is_some() || self.gap.is_some() || !self.table.is_empty()
    }

    /// What is to be told before the lifecycle event that follows `reached`, of what was taken up already.
    fn next_told(&mut self, reached: u64) -> Option<Item> {
        if let Some((task, shown)) = self.table.pop_front_if(|(_, shown)| shown.after <= reached) {
            return Some(Item::Progress(Told::shown(task, shown)));
        }
        match &mut self.telling {
            Telling::Nothing => return None,
            Telling::Batch(batch, next) => {
                if let Some(update) = batch.updates.get(*next) {
                    *next += 1;
                    return Some(Item::Progress(Told::update(batch, update)));
                }
            }
            Telling::Window(_) => {}
        }
        match std::mem::replace(&mut self.telling, Telling::Nothing) {
            Telling::Window(window) => Some(Item::Window(window)),
            _ => None,
        }
    }

    /// Takes the next step that is due, having passed the lifecycle event `reached`. False if there is none.
    fn advance(&mut self, source: &dyn Source, mask: u16, reached: u64) -> bool {
        if !self.table.is_empty() || self.receive() {
            return false;
        }
        if std::mem::take(&mut self.missed) {
            self.gap = Some(source.last_seq());
            self.ended.push_back((u64::MAX, self.seen));
        }
        if let Some(until) = self.gap {
            if reached >= until {
                self.read_table(source, mask, reached == u64::MAX);
            }
            return reached >= until;
        }
        match self.ahead.take_if(|batch| batch.after <= reached) {
            Some(batch) => {
                self.tell(batch, mask);
                true
            }
            None => false,
        }
    }

    fn tell(&mut self, batch: Batch, mask: u16) {
        if mask & mask::WINDOW == 0 {
            self.seen = batch.stamp;
            self.telling = Telling::Batch(batch, 0);
            return;
        }
        // What tasks publish as they end comes again with their window.
        let Some(closed) = &batch.window else { return };
        let seen = std::mem::replace(&mut self.seen, batch.stamp);
        let ended = closed.ended.iter().filter(|(stamp, _)| *stamp > seen);
        let updates = batch.updates.iter().chain(ended.map(|(_, update)| update));
        let told = updates.map(|update| Told::update(&batch, update));
        self.telling = Telling::Window(Box::new(WindowItem {
            at: batch.at,
            after: batch.after,
            told: told.collect(),
            progress: closed.progress.clone(),
        }));
    }

    fn read_table(&mut self, source: &dyn Source, mask: u16, with_ended: bool) {
        let table = source.table(self.seen, with_ended);
        self.gap = None;
        self.seen = table.stamp;
        if let Some((until, _)) = self.ended.back_mut() {
            *until = table.last_seq;
        }
        if with_ended {
            self.ended.clear();
        }
        let mut shown = table.shown;
        if mask & mask::WINDOW == 0 {
            // In the order in which it was told; a task's place among those of one flush is its own.
            shown.sort_by_key(|(_, shown)| shown.after);
            self.table = shown.into();
        } else {
            let told = shown.into_iter().map(|(task, shown)| Told::shown(task, shown));
            self.telling = Telling::Window(Box::new(WindowItem {
                at: table.at,
                after: table.last_seq,
                told: told.collect(),
                progress: table.progress,
            }));
        }
    }

    /// The last progress of a task that ends with `record`, if this reader was not told it.
    fn before_end(&mut self, source: &dyn Source, seq: u64, record: &Record) -> Option<Told> {
        while self.ended.front().is_some_and(|(until, _)| *until < seq) {
            self.ended.pop_front();
        }
        let (_, told) = self.ended.front()?;
        match record.change {
            Change::Task { task, to, .. } if to.is_terminal() => {
                let shown = source.shown(task).filter(|shown| shown.stamp > *told)?;
                Some(Told::shown(task, shown))
            }
            _ => None,
        }
    }
}
