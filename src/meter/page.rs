//! 64 slots, with the details of those that have some. Knows where its marks go, not who takes them.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use super::dirty::Region;
use super::part::Part;
use super::slot::{self, Slot};
use super::window::{Rest, Suspension};
use crate::base::sync::{AtomicU64, Mutex, Ordering, compiler_fence};
use crate::base::{WakerKey, Wakers, Wakes};
use crate::model::{ProgressReport, Properties};

pub(crate) const PAGE: usize = 64;

/// To be woken by the request to stop and by the attempt's end.
pub(crate) const STOPS: u16 = 1;
/// To be woken by the requests to park and to go on, and by all of [`STOPS`].
pub(crate) const PARKS: u16 = 2;

/// Total, unit, message and properties as they were read last: shared by all who were told.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Detail {
    pub(crate) total: Option<f64>,
    pub(crate) unit: Option<Arc<str>>,
    pub(crate) message: Option<Arc<str>>,
    pub(crate) properties: Properties,
}

/// What a slot says.
#[derive(Debug, Default, Clone)]
pub(crate) struct Reading {
    pub(crate) progress: Option<f64>,
    pub(crate) detail: Option<Arc<Detail>>,
}

impl Reading {
    /// Properties without any report.
    pub(crate) fn of_properties(properties: Properties) -> Reading {
        let has_some = !properties.is_empty();
        let detail = has_some.then(|| Arc::new(Detail { properties, ..Detail::default() }));
        Reading { progress: None, detail }
    }

    /// Whether it says something else than what was told.
    pub(crate) fn is_news(&self, told: &Reading) -> bool {
        let nothing = self.is_empty() && told.is_empty();
        !(self.same(told) || nothing && self.properties() == told.properties())
    }

    /// Whether nothing was reported, properties apart. A unit alone may have been given beforehand.
    fn is_empty(&self) -> bool {
        let no_detail = |detail: &Arc<Detail>| detail.total.is_none() && detail.message.is_none();
        self.progress.is_none() && self.detail.as_ref().is_none_or(no_detail)
    }

    /// Whether it says the same. Details are shared, so that a pointer tells in most cases.
    fn same(&self, other: &Reading) -> bool {
        self.progress == other.progress
            && match (&self.detail, &other.detail) {
                (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
                (None, None) => true,
                // Details that were taken back are as good as none.
                (Some(detail), None) | (None, Some(detail)) => **detail == Detail::default(),
            }
    }

    pub(crate) fn total(&self) -> Option<f64> {
        self.detail.as_ref()?.total
    }

    pub(crate) fn properties(&self) -> Properties {
        self.detail.as_ref().map(|detail| detail.properties.clone()).unwrap_or_default()
    }

    pub(crate) fn report(&self) -> ProgressReport {
        let detail = self.detail.as_deref().cloned().unwrap_or_default();
        ProgressReport {
            progress: self.progress,
            total: detail.total,
            unit: detail.unit,
            message: detail.message,
            properties: detail.properties,
        }
    }
}

/// What a slot has beside its value; made by the first who needs it.
#[derive(Default)]
struct Extras {
    detail: Arc<Detail>,
    parts: Option<Arc<Part>>,
    /// Floats that were added to a count.
    beside: f64,
    wakers: Wakers,
}

#[repr(C, align(64))]
pub(crate) struct Page {
    slots: [Slot; PAGE],
    /// A bit for each slot that the flusher is to look at.
    pub(super) dirty: AtomicU64,
    pub(super) region: Arc<Region>,
    /// The page's number in its region.
    pub(super) number: usize,
    extras: Mutex<Vec<Extras>>,
}

impl Page {
    pub(super) fn new(region: Arc<Region>, number: usize) -> Page {
        Page {
            slots: std::array::from_fn(|_| Slot::new()),
            dirty: AtomicU64::new(0),
            region,
            number,
            extras: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index % PAGE]
    }

    /// Runs `change` on the slot's extras, which it makes if need be.
    fn with_extras<R>(&self, index: usize, change: impl FnOnce(&mut Extras) -> R) -> R {
        let (index, mut extras) = (index % PAGE, self.extras.lock());
        // Not those of all slots: most jobs have few tasks.
        if extras.len() <= index {
            extras.resize_with(index + 1, Extras::default);
        }
        change(&mut extras[index])
    }

    /// What the slot says now.
    pub(crate) fn read(&self, index: usize) -> Reading {
        let slot = self.slot(index);
        if !slot.has(slot::DETAILED) {
            return Reading { progress: slot.progress(0.0), detail: None };
        }
        self.with_extras(index, |extras| {
            let progress = match &extras.parts {
                Some(parts) => {
                    let (done, all) = parts.sums();
                    if extras.detail.total != Some(all) {
                        Arc::make_mut(&mut extras.detail).total = Some(all);
                    }
                    Some(done)
                }
                None => slot.progress(extras.beside),
            };
            Reading { progress, detail: Some(extras.detail.clone()) }
        })
    }

    /// Ends the attempt: whoever waits on it is woken, and nothing more is heard of it (M1).
    pub(super) fn end(&self, index: usize, wakes: &mut Wakes) {
        let before = self.slot(index).end(false);
        self.wake(index, before, STOPS | PARKS, wakes);
    }

    /// Wakes those who wait for any of `mask`; `before` are the flags from before it happened.
    fn wake(&self, index: usize, before: u32, mask: u16, wakes: &mut Wakes) {
        // Whoever registers a waker raises this flag after it, and then looks whether these flags were raised before.
        if before & slot::WATCHED != 0 {
            self.with_extras(index, |extras| extras.wakers.take(mask, wakes));
        }
    }

    /// Marks the slot for the flusher, bottom up (M2).
    #[cold]
    pub(super) fn mark(&self, index: usize) {
        self.dirty.fetch_or(1 << (index % PAGE), Ordering::AcqRel);
        self.region.mark(self.number);
    }
}

/// A slot, for whoever reports into it or reads it.
#[derive(Clone)]
pub(crate) struct SlotRef {
    pub(super) page: Arc<Page>,
    pub(super) index: usize,
}

impl SlotRef {
    #[inline]
    pub(crate) fn slot(&self) -> &Slot {
        self.page.slot(self.index)
    }

    /// A value to be reported. It is no NaN.
    #[inline]
    pub(super) fn set(&self, value: f64) {
        if self.slot().set(value) {
            self.set_cold();
        }
    }

    #[cold]
    fn set_cold(&self) {
        if self.slot().activate_valued() {
            self.page.mark(self.index);
        }
    }

    #[inline]
    pub(super) fn step(&self, by: i64) {
        if self.slot().step(by) {
            self.step_cold(by);
        }
    }

    #[cold]
    fn step_cold(&self, by: i64) {
        if self.slot().activate_counted(by) {
            self.page.mark(self.index);
        }
    }

    pub(super) fn add(&self, by: f64) {
        if !self.slot().add(by) {
            self.page.with_extras(self.index, |extras| extras.beside += by);
            self.slot().raise(slot::DETAILED);
        }
        self.touch();
    }

    /// Has the flusher look at the slot, if it won't already.
    pub(super) fn touch(&self) {
        // As in a slot's `set`: what was stored before is not to be moved after the look by the compiler.
        compiler_fence(Ordering::SeqCst);
        if self.slot().has(slot::IDLE) && self.slot().activate() {
            self.page.mark(self.index);
        }
    }

    /// Changes total, unit, message or properties; equal ones are no report.
    pub(super) fn set_detail(&self, change: impl FnOnce(&mut Detail)) {
        let changed = self.page.with_extras(self.index, |extras| {
            let mut detail = Detail::clone(&extras.detail);
            change(&mut detail);
            let changed = detail != *extras.detail;
            if changed {
                extras.detail = Arc::new(detail);
            }
            changed
        });
        if changed {
            self.slot().raise(slot::DETAILED);
            self.touch();
        }
    }

    /// Says that the flusher must look at more than the value.
    pub(crate) fn set_special(&self) {
        self.slot().raise(slot::SPECIAL);
    }

    /// Gives unit and properties beforehand, which is no report.
    pub(crate) fn preset(&self, unit: Option<Arc<str>>, properties: Properties) {
        self.page.with_extras(self.index, |extras| {
            extras.detail = Arc::new(Detail { unit, properties, ..Detail::default() });
        });
        self.slot().raise(slot::DETAILED);
    }

    /// The root of the slot's parts, in place of a value of its own.
    pub(super) fn set_parts(&self, parts: Arc<Part>) {
        self.page.with_extras(self.index, |extras| extras.parts = Some(parts));
        self.slot().raise(slot::DETAILED);
        self.touch();
    }

    pub(super) fn has_unit(&self) -> bool {
        self.slot().has(slot::DETAILED)
            && self.page.with_extras(self.index, |extras| extras.detail.unit.is_some())
    }

    /// The properties as they are now.
    pub(super) fn properties(&self) -> Properties {
        let has_detail = self.slot().has(slot::DETAILED);
        let read = |extras: &mut Extras| extras.detail.properties.clone();
        if has_detail { self.page.with_extras(self.index, read) } else { Properties::default() }
    }

    #[inline]
    pub(crate) fn is_canceled(&self) -> bool {
        self.slot().has(slot::CANCELING)
    }

    #[inline]
    pub(crate) fn is_ended(&self) -> bool {
        self.slot().has(slot::ENDED)
    }

    /// Says that the attempt's code runs from now on. False if the attempt is over.
    pub(crate) fn begin_polling(&self) -> bool {
        let before = self.slot().raise(slot::POLLING);
        if before & slot::ENDED != 0 {
            self.slot().lower(slot::POLLING);
        }
        before & slot::ENDED == 0
    }

    /// Says that it has stopped to.
    pub(crate) fn end_polling(&self) {
        self.slot().lower(slot::POLLING);
    }

    /// Ends the attempt by force. True if its code is running at this very moment, and so abandoned.
    pub(crate) fn force(&self, wakes: &mut Wakes) -> bool {
        let before = self.slot().end(true);
        self.page.wake(self.index, before, STOPS | PARKS, wakes);
        before & slot::POLLING != 0
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.slot().has(slot::ABANDONED)
    }

    /// Asks the attempt to stop. The wakers of those who wait for that are added to `wakes`.
    pub(crate) fn cancel(&self, wakes: &mut Wakes) {
        let before = self.slot().raise(slot::CANCELING);
        // Who was woken by it once waits for the end only, and must not miss that.
        if before & slot::CANCELING == 0 {
            self.page.wake(self.index, before, STOPS | PARKS, wakes);
        }
    }

    /// Asks the attempt to park, or to go on. Those who wait for that are woken.
    pub(crate) fn suspend(&self, suspends: bool, wakes: &mut Wakes) {
        let before = if suspends {
            self.slot().raise(slot::SUSPENDING)
        } else {
            self.slot().lower(slot::SUSPENDING)
        };
        self.page.wake(self.index, before, PARKS, wakes);
    }

    #[inline]
    pub(crate) fn is_suspending(&self) -> bool {
        self.slot().has(slot::SUSPENDING)
    }

    /// Has the task suspended, by whom it belongs to, if it still is to be.
    pub(super) fn park(&self) -> Option<Box<dyn Suspension>> {
        self.page.region.owner()?.parks(self.slot().task(), self)
    }

    /// Registers a waker for what is in `mask`. The caller looks once more after it.
    pub(crate) fn watch(&self, mask: u16, key: &mut WakerKey, waker: &Waker) {
        let mut waker = Some(waker.clone());
        self.page.with_extras(self.index, |extras| {
            extras.wakers.register(key, mask, &mut waker);
        });
        self.slot().raise(slot::WATCHED);
    }

    pub(crate) fn unwatch(&self, key: &mut WakerKey) {
        let waker = self.page.with_extras(self.index, |extras| extras.wakers.forget(key));
        drop(waker);
    }
}

impl fmt::Debug for SlotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.slot().fmt(f)
    }
}

/// The flusher's look at a marked slot.
pub(crate) struct Visit<'a> {
    page: &'a Page,
    index: usize,
}

impl<'a> Visit<'a> {
    pub(crate) fn new(page: &'a Page, index: usize) -> Self {
        Visit { page, index }
    }

    pub(crate) fn task(&self) -> u32 {
        self.page.slot(self.index).task()
    }

    pub(crate) fn read(&self) -> Reading {
        self.page.read(self.index)
    }

    /// Its value, if there is no more to say of it.
    #[inline]
    pub(crate) fn plain(&self) -> Option<f64> {
        self.page.slot(self.index).plain().filter(|value| value.is_finite())
    }

    /// What becomes of the slot, in which there was something new or not (M4).
    pub(crate) fn leave(&self, changed: bool) -> Rest {
        let slot = self.page.slot(self.index);
        if changed {
            // Only the flusher raises it, so that a look tells.
            if slot.has(slot::COOLING) {
                slot.lower(slot::COOLING);
            }
            return Rest::Active;
        }
        if slot.has(slot::IDLE) && slot.has(slot::COOLING) {
            // It has been read once more, and no store came late.
            slot.lower(slot::COOLING);
            return Rest::Nothing;
        }
        slot.raise(slot::IDLE | slot::COOLING);
        Rest::Cooling
    }
}
