//! Callbacks: one dispatcher a job calls them all in order, on a thread of the pool that it has only while there is
//! something to call. A callback is a stream with a closure at its end.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use super::core::JobCore;
use super::current::{Inside, Place};
use crate::base::{Clock, Phase, WakerKey, Wakers, Wakes, contain, drop_contained, run_on_pool};
use crate::bus::{EventStream, StreamEvent};
use crate::model::JobId;

/// A job's callbacks; the dispatcher is made for the first one.
#[derive(Default)]
pub(super) struct Callbacks(OnceLock<Arc<Dispatcher>>);

/// A callback that was registered. Dropping it does nothing: callbacks live until the job ends.
pub struct Subscription {
    dispatcher: Arc<Dispatcher>,
    active: Arc<AtomicBool>,
}

impl Subscription {
    /// Ends the callback: once a call that is under way has returned, there is no other. May be called in the callback.
    pub fn unsubscribe(self) {
        self.active.store(false, Ordering::Release);
        self.dispatcher.wake_by_ref();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({})", self.dispatcher.job)
    }
}

/// Registers a callback for all events of a kind, from the job's first on.
pub(crate) fn subscribe<E: StreamEvent + 'static>(
    core: &Arc<JobCore>,
    call: impl FnMut(&E) + Send + 'static,
) -> Subscription {
    let stream = EventStream::new(core.clone(), core.clock.clone());
    let dispatcher = core.callbacks.0.get_or_init(|| Dispatcher::new(core));
    let active = Arc::new(AtomicBool::new(true));
    let source = Lane { stream, next: None, call };
    dispatcher.add(Box::new(source), active.clone());
    Subscription { dispatcher: dispatcher.clone(), active }
}

impl Callbacks {
    /// The number that the next callback gets.
    pub(super) fn next_number(&self) -> u64 {
        self.0.get().map_or(0, |dispatcher| dispatcher.state.lock().next)
    }

    /// Whether all callbacks with smaller numbers have been called for all events; else registers the waker.
    pub(super) fn poll_called(&self, before: u64, key: &mut WakerKey, waker: &Waker) -> bool {
        let Some(dispatcher) = self.0.get() else { return true };
        let mut waker = Some(waker.clone());
        let mut state = dispatcher.state.lock();
        let called = state.live.first().is_none_or(|first| *first >= before);
        if !called {
            state.wakers.register(key, 1, &mut waker);
        }
        called
    }

    pub(super) fn forget(&self, key: &mut WakerKey) {
        if let Some(dispatcher) = self.0.get() {
            let waker = dispatcher.state.lock().wakers.forget(key);
            drop(waker);
        }
    }
}

/// One callback with its stream.
trait Source: Send {
    /// Where the next event stands in the order of all.
    fn peek(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>>;
    /// Calls the callback for the event that was peeked at.
    fn call(&mut self);
}

struct Lane<E, F> {
    stream: EventStream<E>,
    next: Option<E>,
    call: F,
}

impl<E: StreamEvent, F: FnMut(&E) + Send> Source for Lane<E, F>
where
    EventStream<E>: Send,
    E: Send,
{
    fn peek(&mut self, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        if self.next.is_none() {
            match self.stream.poll_event(Some(cx)) {
                Poll::Ready(event) => self.next = event,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.next.as_ref().map(E::position))
    }

    fn call(&mut self) {
        if let Some(event) = self.next.take() {
            (self.call)(&event);
        }
    }
}

struct Entry {
    number: u64,
    active: Arc<AtomicBool>,
    source: Box<dyn Source>,
}

struct State {
    next: u64,
    /// Numbers of the callbacks that have not seen all.
    live: BTreeSet<u64>,
    /// Callbacks that the dispatcher has yet to take over.
    added: Vec<Entry>,
    /// All others; away while the dispatcher runs.
    entries: Vec<Entry>,
    wakers: Wakers,
}

struct Dispatcher {
    job: JobId,
    clock: Clock,
    phase: Phase,
    state: Mutex<State>,
}

impl Dispatcher {
    fn new(core: &JobCore) -> Arc<Dispatcher> {
        Arc::new(Dispatcher {
            job: core.id,
            clock: core.clock.clone(),
            phase: Phase::new(),
            state: Mutex::new(State {
                next: 0,
                live: BTreeSet::new(),
                added: Vec::new(),
                entries: Vec::new(),
                wakers: Wakers::default(),
            }),
        })
    }

    fn add(self: &Arc<Self>, source: Box<dyn Source>, active: Arc<AtomicBool>) {
        let mut state = self.state.lock();
        let number = state.next;
        state.next += 1;
        state.live.insert(number);
        state.added.push(Entry { number, active, source });
        drop(state);
        self.wake_by_ref();
    }

    fn run(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        loop {
            self.phase.begin();
            let mut entries = std::mem::take(&mut self.state.lock().entries);
            loop {
                entries.append(&mut self.state.lock().added);
                if !self.call_next(&mut entries, &mut cx) {
                    break;
                }
            }
            self.state.lock().entries = entries;
            if self.phase.finish() {
                return;
            }
        }
    }

    /// Calls the callback whose event comes first. False if there is none now.
    fn call_next(&self, entries: &mut Vec<Entry>, cx: &mut Context<'_>) -> bool {
        // Twice: what one stream got may have been preceded by what another one got after it was looked at. By the
        // second look, all that precedes what the first one found is there. What the first one missed, if it found
        // nothing, has woken the dispatcher.
        if self.look(entries, cx).is_none() {
            return false;
        }
        let Some((_, at)) = self.look(entries, cx) else { return false };
        let entry = &mut entries[at];
        if entry.active.load(Ordering::Acquire) {
            let _inside = Inside::enter(self.job, Place::Callback);
            contain("a callback", || entry.source.call());
        }
        true
    }

    /// The position of the first event and whose it is. Callbacks that are through go.
    fn look(&self, entries: &mut Vec<Entry>, cx: &mut Context<'_>) -> Option<(u64, usize)> {
        let mut first = None;
        let mut at = 0;
        while at < entries.len() {
            let entry = &mut entries[at];
            let next = if entry.active.load(Ordering::Acquire) {
                entry.source.peek(cx)
            } else {
                Poll::Ready(None)
            };
            match next {
                Poll::Ready(None) => {
                    let gone = entries.remove(at);
                    self.through(gone);
                    continue;
                }
                Poll::Ready(Some(position)) if first.is_none_or(|(least, _)| position < least) => {
                    first = Some((position, at));
                }
                _ => {}
            }
            at += 1;
        }
        first
    }

    fn through(&self, entry: Entry) {
        let number = entry.number;
        drop_contained("the drop of a callback", entry);
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        state.live.remove(&number);
        state.wakers.take(u16::MAX, &mut wakes);
        drop(state);
        wakes.wake(&self.clock);
    }
}

impl Wake for Dispatcher {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.phase.wake() {
            let dispatcher = self.clone();
            if run_on_pool(move || dispatcher.run()).is_err() {
                // Late and on a thread that isn't for it, but not never.
                self.clone().run();
            }
        }
    }
}
