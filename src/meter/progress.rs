//! [`Progress`]: the handle that code takes to report and to see whether it is canceled. Knows no job.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::page::{Detail, SlotRef};
use super::park;
use super::part::Part;
use super::{Track, TrackRead, TrackWrite};
use crate::base::{block_on, yield_once};
use crate::model::{Amount, Canceled, ProgressReport, Properties, Property};

/// Reports progress, and tells whether to stop: the one type that a library takes in its signatures.
///
/// Without a job it does nothing ([`Progress::none`], the default) or calls a closure ([`Progress::from_fn`]). In a
/// job's task it comes from [`TaskContext`](crate::TaskContext), which derefs to it. All methods work from any thread,
/// with or without a runtime. Clones report as one.
///
/// [`set_progress`](Progress::set_progress) and [`advance`](Progress::advance) cost about a nanosecond; they never
/// block, allocate or take a lock after the first report of a window. The other reports take a short lock.
/// Reports of a task that has ended, or of an attempt that was given up, are heard by no one.
///
/// ```
/// use milepost::{Canceled, Progress};
///
/// fn index(pages: &[&str], progress: &Progress) -> Result<usize, Canceled> {
///     let mut words = 0;
///     for page in progress.track(pages) {
///         progress.check()?;
///         words += page.split(' ').count();
///     }
///     Ok(words)
/// }
///
/// // Nobody listens:
/// assert_eq!(index(&["a b", "c"], &Progress::none())?, 3);
///
/// // Somebody does:
/// let (send, reports) = std::sync::mpsc::channel();
/// let progress = Progress::from_fn(move |report| send.send(report.fraction()).unwrap());
/// index(&["a b", "c"], &progress)?;
/// assert_eq!(reports.try_iter().last(), Some(Some(1.0)));
/// # Ok::<(), Canceled>(())
/// ```
#[derive(Clone, Default)]
pub struct Progress(Route);

/// Where reports go.
#[derive(Clone, Default)]
enum Route {
    #[default]
    Nowhere,
    Slot(SlotRef),
    Hook(Arc<Hook>),
    Part(Arc<Share>),
}

/// A part of another progress.
struct Share {
    part: Arc<Part>,
    root: Root,
}

#[derive(Clone)]
enum Root {
    Slot(SlotRef),
    Hook(Arc<Hook>),
}

impl Progress {
    /// Progress that goes nowhere: for those who don't care.
    pub const fn none() -> Progress {
        Progress(Route::Nowhere)
    }

    /// Progress that calls `report` with what has been reported so far, each time that something new is; calls never
    /// overlap, and the last one has the last report. It is never canceled.
    ///
    /// # Panics
    /// A panic in `report` goes to whoever reports.
    pub fn from_fn(report: impl Fn(&ProgressReport) + Send + Sync + 'static) -> Progress {
        Progress(Route::Hook(Arc::new(Hook { state: Mutex::default(), call: Box::new(report) })))
    }

    pub(crate) fn of_slot(slot: SlotRef) -> Progress {
        Progress(Route::Slot(slot))
    }

    /// The slot that it reports into, if it is a task's own.
    pub(crate) fn slot(&self) -> Option<&SlotRef> {
        match &self.0 {
            Route::Slot(slot) => Some(slot),
            Route::Part(share) => match &share.root {
                Root::Slot(slot) => Some(slot),
                Root::Hook(_) => None,
            },
            Route::Nowhere | Route::Hook(_) => None,
        }
    }

    /// Sets how far the work is, on a scale of the user's own. NaN is ignored.
    #[inline]
    pub fn set_progress(&self, progress: impl Amount) {
        let value = progress.value();
        if value.is_nan() {
            return;
        }
        match &self.0 {
            Route::Slot(slot) => slot.set(value),
            _ => self.set_elsewhere(value),
        }
    }

    /// Adds to how far the work is; many threads may count together. NaN is ignored.
    ///
    /// Integers cost one atomic addition as long as nothing was set by [`set_progress`](Progress::set_progress), and
    /// some more after; so do floats, and integers beyond `i64`. Floats that are added where integers were counted take a
    /// short lock.
    #[inline]
    pub fn advance(&self, by: impl Amount) {
        match (&self.0, by.step()) {
            (Route::Slot(slot), Some(step)) => slot.step(step),
            _ => self.add_elsewhere(by.value()),
        }
    }

    #[cold]
    fn set_elsewhere(&self, value: f64) {
        match &self.0 {
            Route::Nowhere | Route::Slot(_) => {}
            Route::Hook(hook) => hook.report(|state| state.report.progress = Some(value)),
            Route::Part(share) => {
                share.part.set(value);
                share.touch();
            }
        }
    }

    #[cold]
    fn add_elsewhere(&self, by: f64) {
        if by.is_nan() {
            return;
        }
        match &self.0 {
            Route::Nowhere => {}
            Route::Slot(slot) => slot.add(by),
            Route::Hook(hook) => hook.report(|state| {
                state.report.progress = Some(state.report.progress.unwrap_or(0.0) + by);
            }),
            Route::Part(share) => {
                share.part.add(by);
                share.touch();
            }
        }
    }

    /// Sets where progress ends, in the same unit. What is no finite number takes the total back.
    pub fn set_total(&self, total: impl Amount) {
        let total = total.value();
        match &self.0 {
            Route::Part(share) => {
                share.part.set_total(total);
                share.touch();
            }
            _ => self.set_detail(|detail| detail.total = total.is_finite().then_some(total)),
        }
    }

    /// Sets what is counted, such as `"bytes"`; bytes are shown as such. A part's unit is its own affair and not
    /// reported.
    pub fn set_unit(&self, unit: impl AsRef<str>) {
        if !matches!(self.0, Route::Part(_) | Route::Nowhere) {
            let unit: Arc<str> = unit.as_ref().into();
            self.set_detail(|detail| detail.unit = Some(unit));
        }
    }

    /// Says what the work is at. The same words again are no report. A part's message is reported as the whole's.
    pub fn set_message(&self, message: impl AsRef<str>) {
        if !matches!(self.0, Route::Nowhere) {
            let message: Arc<str> = message.as_ref().into();
            self.set_detail(|detail| detail.message = Some(message));
        }
    }

    /// Notes a property of the task: what has a name and a value, such as the host that it runs on. It is told with the
    /// progress of its window, and replaces one of the same name; an equal value is no report. NaN and infinite numbers
    /// are ignored. A part's property is noted of the whole.
    ///
    /// Properties are the task's: unlike progress, they are kept when it is tried again.
    ///
    /// ```
    /// use milepost::Job;
    ///
    /// let job = Job::new("renders");
    /// let task = job.task("frame 1").property("gpus", 2).reporter()?;
    /// task.running()?;
    /// task.set_property("host", "node3");
    /// task.complete(())?;
    /// let end = job.task_completed().blocking_next().expect("the task has ended");
    /// assert_eq!(serde_json::to_string(&end.properties)?, r#"{"gpus":2,"host":"node3"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_property(&self, name: impl AsRef<str>, value: impl Into<Property>) {
        if !matches!(self.0, Route::Nowhere) {
            let value = value.into();
            self.set_detail(|detail| detail.properties.set(name.as_ref(), value));
        }
    }

    /// A property as it is now, told or not; see [`properties`](Progress::properties).
    ///
    /// ```
    /// use milepost::{Job, LocalScheduler};
    ///
    /// let job = Job::new("renders");
    /// let task = job.task("frame 1").property("gpus", 2);
    /// let gpus = task.add_blocking(|cx| Ok(cx.property("gpus").and_then(|gpus| gpus.as_i64())))?;
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// assert_eq!(*gpus.output()?, Some(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn property(&self, name: &str) -> Option<Property> {
        self.properties().get(name).cloned()
    }

    /// The properties as they are now, told or not: those that the task was added with and those that were set since.
    /// Without a job and a closure there are none.
    ///
    /// ```
    /// use milepost::Progress;
    ///
    /// let progress = Progress::from_fn(|report| println!("{:?}", report.properties));
    /// progress.set_property("files", 3);
    /// assert_eq!(progress.properties().len(), 1);
    /// assert!(Progress::none().properties().is_empty());
    /// ```
    pub fn properties(&self) -> Properties {
        let hook = match &self.0 {
            Route::Nowhere => return Properties::default(),
            Route::Slot(slot) => return slot.properties(),
            Route::Hook(hook) => hook,
            Route::Part(share) => match &share.root {
                Root::Slot(slot) => return slot.properties(),
                Root::Hook(hook) => hook,
            },
        };
        hook.state.lock().report.properties.clone()
    }

    fn set_detail(&self, change: impl FnOnce(&mut Detail)) {
        let root = match &self.0 {
            Route::Nowhere => return,
            Route::Slot(slot) => Root::Slot(slot.clone()),
            Route::Hook(hook) => Root::Hook(hook.clone()),
            Route::Part(share) => share.root.clone(),
        };
        match root {
            Root::Slot(slot) => slot.set_detail(change),
            Root::Hook(hook) => hook.report(|state| {
                let ProgressReport { total, unit, message, properties, .. } = state.report.clone();
                let mut detail = Detail { total, unit, message, properties };
                change(&mut detail);
                state.report.total = detail.total;
                state.report.unit = detail.unit;
                state.report.message = detail.message;
                state.report.properties = detail.properties;
            }),
        }
    }

    /// Whether the work was asked to stop, or is over. Without a job never.
    #[inline]
    pub fn is_canceled(&self) -> bool {
        self.slot().is_some_and(SlotRef::is_canceled)
    }

    /// Errs once the work was asked to stop: `progress.check()?` in a loop makes it cancelable.
    ///
    /// # Errors
    /// [`Canceled`], to be passed on.
    #[inline]
    pub fn check(&self) -> Result<(), Canceled> {
        if self.is_canceled() { Err(Canceled) } else { Ok(()) }
    }

    /// [`check`](Progress::check) for async code that computes for long between its awaits: also lets the executor
    /// run other work once, and gives a forced cancellation a place to end the task at. A task that was asked to is
    /// suspended here, until it is resumed or asked to stop.
    ///
    /// Cancel safe: it has no effect of its own. Dropped while the task is suspended, it has the task go on.
    ///
    /// # Errors
    /// [`Canceled`], to be passed on.
    pub async fn checkpoint(&self) -> Result<(), Canceled> {
        self.check()?;
        yield_once().await;
        if self.is_suspending()
            && let Some(slot) = self.slot()
        {
            // In a box: it is seldom needed, and every task that calls this would have room for it.
            Box::pin(park::park(slot)).await;
        }
        self.check()
    }

    /// The same for blocking code, which it doesn't have yield.
    ///
    /// # Errors
    /// [`Canceled`], to be passed on.
    pub fn blocking_checkpoint(&self) -> Result<(), Canceled> {
        if self.is_suspending()
            && let Some(slot) = self.slot()
        {
            block_on(park::park(slot));
        }
        self.check()
    }

    /// Waits until the work is asked to stop; without a job for ever. Cancel safe.
    pub async fn canceled(&self) {
        let Some(slot) = self.slot() else { return std::future::pending().await };
        park::until(slot, SlotRef::is_canceled).await;
    }

    /// Whether the work was asked to park: it does so at its next [`checkpoint`](Progress::checkpoint).
    #[inline]
    pub fn is_suspending(&self) -> bool {
        self.slot().is_some_and(SlotRef::is_suspending)
    }

    /// Waits until the work is asked to park, which it then does by [`checkpoint`](Progress::checkpoint): for code that has
    /// something of its own to stop first, such as another process. Without a job for ever. Cancel safe.
    pub async fn suspending(&self) {
        let Some(slot) = self.slot() else { return std::future::pending().await };
        park::until(slot, SlotRef::is_suspending).await;
    }

    /// Splits this progress into weighted parts, each with a total of its own; from then on this progress is the sum of
    /// the parts' weights done, and its total the sum of the weights. A part without a total takes its progress as a
    /// share from 0 to 1. Weights that are negative or no numbers count as 0. Parts may be split in turn.
    ///
    /// The names are for the reader of the code; a part that wants its name seen sets it as its message.
    ///
    /// ```
    /// use milepost::Progress;
    ///
    /// let progress = Progress::from_fn(|report| println!("{:?}", report.fraction()));
    /// let [scan, parse] = progress.split([("scan", 1.0), ("parse", 8.0)]);
    /// scan.set_progress(1.0); // one of nine done
    /// parse.set_total(200);
    /// parse.advance(100); // five of nine
    /// ```
    pub fn split<const N: usize>(&self, parts: [(&str, f64); N]) -> [Progress; N] {
        let weights = || parts.iter().map(|(_, weight)| *weight);
        let (whole, root) = match &self.0 {
            Route::Nowhere => return std::array::from_fn(|_| Progress::none()),
            Route::Slot(slot) => (Arc::new(Part::new(1.0)), Root::Slot(slot.clone())),
            Route::Hook(hook) => (Arc::new(Part::new(1.0)), Root::Hook(hook.clone())),
            Route::Part(share) => (share.part.clone(), share.root.clone()),
        };
        let shares = whole.split(weights()).to_vec();
        match &self.0 {
            Route::Slot(slot) => slot.set_parts(whole),
            Route::Hook(hook) => hook.report(|state| state.parts = Some(whole)),
            Route::Part(share) => share.touch(),
            Route::Nowhere => {}
        }
        // A part that was split before keeps its parts; more than it has go nowhere.
        std::array::from_fn(|n| match shares.get(n) {
            Some(part) => {
                Progress(Route::Part(Arc::new(Share { part: part.clone(), root: root.clone() })))
            }
            None => Progress::none(),
        })
    }

    /// Counts the items of `iter` as they are taken, and sets the total if the iterator knows its length.
    pub fn track<I: IntoIterator>(&self, iter: I) -> Track<I::IntoIter> {
        Track::new(self.clone(), iter.into_iter())
    }

    /// Counts the bytes that are read. The unit is set to `"bytes"` unless there is one. Once the work was asked to
    /// stop, reading gives an error that carries [`Canceled`].
    pub fn track_read<R>(&self, reader: R) -> TrackRead<R> {
        TrackRead::new(self.counting_bytes(), reader)
    }

    /// Counts the bytes that are written; else as [`track_read`](Progress::track_read).
    pub fn track_write<W>(&self, writer: W) -> TrackWrite<W> {
        TrackWrite::new(self.counting_bytes(), writer)
    }

    fn counting_bytes(&self) -> Progress {
        let has_unit = match &self.0 {
            Route::Slot(slot) => slot.has_unit(),
            Route::Hook(hook) => hook.state.lock().report.unit.is_some(),
            Route::Nowhere | Route::Part(_) => true,
        };
        if !has_unit {
            self.set_unit("bytes");
        }
        self.clone()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Route::Nowhere => "Progress(none)",
            Route::Slot(_) => "Progress(task)",
            Route::Hook(_) => "Progress(fn)",
            Route::Part(_) => "Progress(part)",
        })
    }
}

impl Share {
    fn touch(&self) {
        match &self.root {
            Root::Slot(slot) => slot.touch(),
            Root::Hook(hook) => hook.report(|_| {}),
        }
    }
}

/// A closure that is told of each report.
struct Hook {
    state: Mutex<HookState>,
    call: Box<dyn Fn(&ProgressReport) + Send + Sync>,
}

#[derive(Default)]
struct HookState {
    report: ProgressReport,
    parts: Option<Arc<Part>>,
    /// Somebody is calling the closure, and sees to what comes meanwhile.
    calling: bool,
    changed: bool,
}

impl Hook {
    /// Changes the report and calls the closure, outside of the lock and one call at a time.
    fn report(&self, change: impl FnOnce(&mut HookState)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.changed = true;
        if std::mem::replace(&mut state.calling, true) {
            return;
        }
        loop {
            if !std::mem::take(&mut state.changed) {
                state.calling = false;
                return;
            }
            if let Some((done, all)) = state.parts.as_ref().map(|parts| parts.sums()) {
                (state.report.progress, state.report.total) = (Some(done), Some(all));
            }
            let report = state.report.clone();
            drop(state);
            let unwinding = Calling(self);
            (self.call)(&report);
            std::mem::forget(unwinding);
            state = self.state.lock();
        }
    }
}

/// Ends a call that panics, so that later reports are told again.
struct Calling<'a>(&'a Hook);

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.0.state.lock().calling = false;
    }
}
