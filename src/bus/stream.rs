//! [`EventStream`]: what users read. Makes events of what a reader gives.

#![expect(private_interfaces, reason = "`Make` is sealed: nobody outside can name or call it")]

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use futures::stream::FusedStream;

use super::item::{Item, Quick, Told};
use super::reader::Reader;
use super::record::Packed;
use super::source::{Moment, Opened, Source, Start, mask};
use crate::base::{Clock, block_on};
use crate::model::{
    Cause, Event, JobCompleted, JobId, JobStateChanged, ProgressWindow, Properties, TaskAdded,
    TaskCompleted, TaskProgressUpdated, TaskStateChanged, Timestamp,
};

/// A job's events of one kind, or all of them ([`Event`]), in the order in which they happened.
///
/// A stream is subscribed when it is made, and starts with the job's first event, however late that is; see
/// [`from_now`](EventStream::from_now) and [`after`](EventStream::after). Lifecycle events are never lost, however slowly
/// they are read. Of progress, a slow or late reader gets the latest value of each task. After
/// the job's last event, every stream ends with `None`.
///
/// It works on any executor ([`next`](EventStream::next), or as a [`Stream`]) and on plain threads
/// ([`blocking_next`](EventStream::blocking_next), [`try_recv`](EventStream::try_recv)), also when all workers of a runtime
/// are blocked. Dropping it leaves the job alone; it may outlive all handles of the job.
///
/// ```
/// use milepost::{Job, TaskState};
///
/// let job = Job::new("numbers");
/// let mut changes = job.task_state_changed();
/// job.reporter("one")?.run_blocking(|_| Ok(1))?;
/// drop(job);
///
/// let states: Vec<_> = std::iter::from_fn(|| changes.blocking_next()).map(|change| change.to).collect();
/// assert_eq!(states, [TaskState::Submitted, TaskState::Running, TaskState::Completed]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct EventStream<E> {
    reader: Reader,
    clock: Clock,
    kind: PhantomData<fn() -> E>,
}

impl<E: StreamEvent> EventStream<E> {
    pub(crate) fn new(source: Arc<dyn Source>, clock: Clock) -> Self {
        let reader = Reader::new(source, E::MASK, Start::First);
        EventStream { reader, clock, kind: PhantomData }
    }

    /// What a stream of this kind waits for.
    pub(crate) const fn mask() -> u16 {
        E::MASK
    }

    pub(crate) fn following(source: Arc<dyn Source>, clock: Clock, opened: Opened) -> Self {
        let reader = Reader::following(source, E::MASK, opened);
        EventStream { reader, clock, kind: PhantomData }
    }

    /// A stream from a moment on, and of the progress that there was then.
    #[allow(dead_code, reason = "only the web server joins in, which is a feature")]
    pub(crate) fn joining(source: Arc<dyn Source>, clock: Clock, opened: Opened) -> Self {
        let reader = Reader::joining(source, E::MASK, opened);
        EventStream { reader, clock, kind: PhantomData }
    }

    /// The same stream, but only of what happens from this call on.
    pub fn from_now(mut self) -> Self {
        self.reader.restart(Start::Now);
        self
    }

    /// The same stream, but only of events with a greater number than `seq`; of progress, the present value of each
    /// task that has one, and then changes. Events that are no longer [retained](crate::History) are
    /// left out: the stream then starts with the oldest that is.
    pub fn after(mut self, seq: u64) -> Self {
        self.reader.restart(Start::After(seq));
        self
    }

    /// The next event; `None` after the job's last one.
    ///
    /// Cancel safe: an event that was not returned comes with the next call.
    pub async fn next(&mut self) -> Option<E> {
        poll_fn(|cx| self.poll_event(Some(cx))).await
    }

    /// The next event if there is one now. `None` means that there is none yet, or that there will be no more:
    /// [`is_ended`](EventStream::is_ended) tells.
    #[inline(never)]
    pub fn try_recv(&mut self) -> Option<E> {
        if let Some(quick) = E::quick(&mut self.reader) {
            return Some(E::of_quick(&self.reader, quick));
        }
        match self.poll_item(None) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Calls `each` for all events that are there now, and returns how many there were: for loops that draw frames, and the
    /// fastest way to read many events, since they need not be moved to be looked at. It ends however fast new ones
    /// come: few of them are taken along.
    ///
    /// # Panics
    /// A panic in `each` goes to the caller; the events after the one that it was called for come with the next call.
    ///
    /// ```
    /// use milepost::Job;
    ///
    /// let job = Job::new("frames");
    /// let mut changes = job.task_state_changed();
    /// job.reporter("one")?.run_blocking(|_| Ok(()))?;
    /// let mut ended = 0;
    /// assert_eq!(changes.drain(|change| ended += usize::from(change.to.is_terminal())), 3);
    /// assert_eq!(ended, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn drain(&mut self, mut each: impl FnMut(E)) -> usize {
        let mut events = 0;
        let now = self.reader.source().moment();
        loop {
            while let Some(quick) = E::quick(&mut self.reader) {
                events += 1;
                each(E::of_quick(&self.reader, quick));
            }
            // With nothing to read, it notices the job's end.
            if events > 0 && self.reader.is_past(now) {
                return events;
            }
            let Some(event) = self.try_recv() else { return events };
            events += 1;
            each(event);
        }
    }

    /// Waits on this thread for the next event; `None` after the job's last one. In async code, use
    /// [`next`](EventStream::next): this would keep the executor's thread from its work.
    pub fn blocking_next(&mut self) -> Option<E> {
        block_on(self.next())
    }

    /// [`blocking_next`](EventStream::blocking_next) for at most `timeout`, by the job's clock.
    ///
    /// # Errors
    /// [`StreamTimeout`] if there was no event in that time; nothing is lost.
    pub fn blocking_next_timeout(&mut self, timeout: Duration) -> Result<Option<E>, StreamTimeout> {
        let Some(at) = self.clock.after(timeout) else { return Ok(self.blocking_next()) };
        let mut sleep = self.clock.sleep_until(at);
        block_on(poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_event(Some(cx)) {
                return Poll::Ready(Ok(event));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| Err(StreamTimeout))
        }))
    }

    /// Whether the job has ended and all its events were read.
    pub fn is_ended(&self) -> bool {
        self.reader.is_ended()
    }

    /// The job whose events these are.
    pub fn job(&self) -> JobId {
        self.reader.job()
    }

    /// How far the job is now.
    #[allow(dead_code, reason = "only the event log asks for it, which is a feature")]
    pub(crate) fn moment(&self) -> Moment {
        self.reader.source().moment()
    }

    /// The job's name.
    pub(crate) fn name(&self) -> Arc<str> {
        self.reader.source().name()
    }

    /// How many tasks the job will have, if that is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        self.reader.source().expected()
    }

    /// The next event if there is one now, for one who waits for more as well: who is to be woken stays so. With a moment,
    /// only if not all of what there was then was read.
    #[allow(dead_code, reason = "only what reads many jobs does so, which are features")]
    pub(crate) fn read(&mut self, until: Option<Moment>) -> Option<E> {
        if until.is_some_and(|moment| self.reader.is_past(moment)) {
            return None;
        }
        if let Some(quick) = E::quick(&mut self.reader) {
            return Some(E::of_quick(&self.reader, quick));
        }
        self.reader.read().map(|item| E::of(&self.reader, item))
    }

    // Inlined, the event would be copied once or twice on its way, which costs more than to make it.
    #[inline(never)]
    pub(crate) fn poll_event(&mut self, cx: Option<&mut Context<'_>>) -> Poll<Option<E>> {
        if let Some(quick) = E::quick(&mut self.reader) {
            return Poll::Ready(Some(E::of_quick(&self.reader, quick)));
        }
        self.poll_item(cx)
    }

    #[cold]
    fn poll_item(&mut self, cx: Option<&mut Context<'_>>) -> Poll<Option<E>> {
        match self.reader.poll(cx) {
            Poll::Ready(Some(item)) => Poll::Ready(Some(E::of(&self.reader, item))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<E: StreamEvent> Stream for EventStream<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.poll_event(Some(cx))
    }
}

impl<E: StreamEvent> FusedStream for EventStream<E> {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl<E> fmt::Debug for EventStream<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = std::any::type_name::<E>().rsplit("::").next().unwrap_or_default();
        write!(f, "EventStream<{kind}>({})", self.reader.job())
    }
}

/// There was no event in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTimeout;

impl fmt::Display for StreamTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there was no event in time")
    }
}

impl std::error::Error for StreamTimeout {}

/// What an [`EventStream`] can be of: [`Event`], each of its variants, and [`ProgressWindow`].
pub trait StreamEvent: sealed::Make + Send {}

pub(super) mod sealed {
    use super::{Item, Quick, Reader};

    pub trait Make: Sized {
        const MASK: u16;

        /// Where the event stands in the order of all.
        fn position(&self) -> u64;

        /// The next item, if it is one that takes no detour to find.
        #[inline]
        fn quick(reader: &mut Reader) -> Option<Quick> {
            reader.next_at_hand(Self::MASK).map(|(seq, packed)| Quick::Record(seq, packed))
        }

        /// Makes the event of it.
        #[inline]
        fn of_quick(reader: &Reader, quick: Quick) -> Self {
            match quick {
                Quick::Record(seq, packed) => Self::of(reader, Item::Record(seq, packed)),
                Quick::Plain(..) => unreachable!("the mask lets only records through"),
            }
        }

        /// Makes the event of an item that the mask lets through.
        fn of(reader: &Reader, item: Item) -> Self;
    }
}

use sealed::Make;

/// Progress stands between the lifecycle event that it came after and the next one.
pub(super) const fn at_seq(seq: u64) -> u64 {
    seq * 2
}

const fn after_seq(seq: u64) -> u64 {
    seq * 2 + 1
}

fn progress(reader: &Reader, told: Told) -> TaskProgressUpdated {
    let report = told.reading.report();
    TaskProgressUpdated {
        job: reader.job(),
        task: told.task,
        attempt: told.attempt,
        at: Timestamp::from_micros(told.at),
        after: told.after,
        progress: report.progress,
        total: report.total,
        unit: report.unit,
        message: report.message,
        properties: report.properties,
    }
}

impl Make for Event {
    const MASK: u16 = mask::LIFECYCLE | mask::PROGRESS;

    fn position(&self) -> u64 {
        match self {
            Event::TaskProgressUpdated(event) => event.position(),
            _ => at_seq(self.seq().unwrap_or_default()),
        }
    }

    fn of(reader: &Reader, item: Item) -> Event {
        match item {
            Item::Record(seq, packed) if packed.is_state_alone() => {
                Event::TaskStateChanged(state_changed(reader, seq, packed, None))
            }
            Item::Record(seq, packed) => reader.source().expand(seq, &packed.unpack()),
            Item::Progress(told) => Event::TaskProgressUpdated(progress(reader, told)),
            Item::Window(_) => unreachable!("windows are only read by those who ask for them"),
        }
    }
}

impl Make for TaskStateChanged {
    const MASK: u16 = mask::TASK_STATE;

    fn position(&self) -> u64 {
        at_seq(self.seq)
    }

    #[inline(always)]
    fn of_quick(reader: &Reader, quick: Quick) -> TaskStateChanged {
        match quick {
            Quick::Record(seq, packed) => state_changed(reader, seq, packed, None),
            Quick::Plain(..) => unreachable!("the mask lets only records through"),
        }
    }

    fn of(reader: &Reader, item: Item) -> TaskStateChanged {
        let Item::Record(seq, packed) = item else {
            unreachable!("the mask lets only records through")
        };
        let cause = if packed.is_caused() { reader.source().cause(seq) } else { None };
        state_changed(reader, seq, packed, cause)
    }
}

/// Made here and not by the ledger, so that most need no lock.
#[inline(always)]
fn state_changed(
    reader: &Reader,
    seq: u64,
    packed: Packed,
    cause: Option<Arc<Cause>>,
) -> TaskStateChanged {
    TaskStateChanged {
        job: reader.job(),
        task: packed.task(),
        attempt: packed.attempt(),
        seq,
        at: Timestamp::from_micros(packed.at()),
        from: packed.from(),
        to: packed.to(),
        observed: packed.is_observed(),
        cause,
    }
}

impl Make for TaskProgressUpdated {
    const MASK: u16 = mask::PROGRESS;

    fn position(&self) -> u64 {
        after_seq(self.after)
    }

    #[inline]
    fn quick(reader: &mut Reader) -> Option<Quick> {
        reader.next_plain()
    }

    #[inline(always)]
    fn of_quick(reader: &Reader, quick: Quick) -> TaskProgressUpdated {
        let Quick::Plain(when, task, value) = quick else {
            unreachable!("the mask lets only progress through")
        };
        TaskProgressUpdated {
            job: reader.job(),
            task,
            attempt: 1,
            at: Timestamp::from_micros(when.at),
            after: when.after,
            progress: Some(value),
            total: None,
            unit: None,
            message: None,
            properties: Properties::default(),
        }
    }

    fn of(reader: &Reader, item: Item) -> TaskProgressUpdated {
        match item {
            Item::Progress(told) => progress(reader, told),
            _ => unreachable!("the mask lets only progress through"),
        }
    }
}

impl Make for ProgressWindow {
    const MASK: u16 = mask::WINDOW;

    fn position(&self) -> u64 {
        after_seq(self.after)
    }

    fn of(reader: &Reader, item: Item) -> ProgressWindow {
        match item {
            Item::Window(window) => ProgressWindow {
                job: reader.job(),
                at: Timestamp::from_micros(window.at),
                after: window.after,
                updates: window.told.into_iter().map(|told| progress(reader, told)).collect(),
                progress: window.progress,
            },
            _ => unreachable!("the mask lets only windows through"),
        }
    }
}

macro_rules! expanded {
    ($($event:ident: $mask:ident,)*) => {$(
        impl Make for $event {
            const MASK: u16 = mask::$mask;

            fn position(&self) -> u64 {
                at_seq(self.seq)
            }

            fn of(reader: &Reader, item: Item) -> $event {
                match Event::of(reader, item) {
                    Event::$event(event) => event,
                    _ => unreachable!("the mask lets only this kind through"),
                }
            }
        }
    )*};
}

expanded! {
    JobStateChanged: JOB_STATE,
    TaskAdded: ADDED,
    TaskCompleted: COMPLETED,
    JobCompleted: JOB_COMPLETED,
}

impl<T: sealed::Make + Send> StreamEvent for T {}
