//! The clock: the time, and timers that ring on the ticker's thread. The only place that reads the system's clocks.
//!
//! One ticker thread serves the whole process; it is started by the first timer and sleeps until the next one is due,
//! for ever if there is none (G9). A manual clock has no thread: [`ManualClock::advance`] rings what is due (G13).

#![allow(clippy::disallowed_methods, reason = "the one place that may read the system's clocks")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex, ReentrantMutex};

use super::contain;

/// What a timer calls, on the ticker's thread or in [`ManualClock::advance`], outside of all locks.
pub(crate) trait Alarm: Send + Sync {
    /// `timer` is what [`Clock::arm`] returned.
    fn ring(self: Arc<Self>, timer: Timer);
}

/// An armed timer; in the order of ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
    number: u64,
}

/// Where a job takes its time from: the system, or a [`ManualClock`] in tests.
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    time: Time,
    timers: Mutex<Timers>,
    sooner: Condvar,
}

enum Time {
    System,
    Manual {
        origin: Instant,
        /// The time of day there.
        since_1970: Duration,
        passed: Mutex<Duration>,
        advancing: ReentrantMutex<()>,
    },
    /// The time of day is what somebody has told, in microseconds; all else is the system's.
    Told(Arc<AtomicU64>),
}

#[derive(Default)]
struct Timers {
    armed: BTreeMap<Timer, Arc<dyn Alarm>>,
    last_number: u64,
    ticking: bool,
}

impl Clock {
    /// The system's clock, shared by the whole process: the default.
    pub fn system() -> Clock {
        static SYSTEM: OnceLock<Clock> = OnceLock::new();
        SYSTEM.get_or_init(|| Clock::new(Time::System)).clone()
    }

    fn new(time: Time) -> Clock {
        Clock(Arc::new(Inner { time, timers: Mutex::default(), sooner: Condvar::new() }))
    }

    /// One whose time of day is told; see [`ToldClock`](super::ToldClock).
    #[allow(dead_code, reason = "only features tell the time")]
    pub(super) fn told(micros: Arc<AtomicU64>) -> Clock {
        Clock::new(Time::Told(micros))
    }

    pub(crate) fn is_manual(&self) -> bool {
        matches!(self.0.time, Time::Manual { .. })
    }

    /// The monotonic time.
    pub(crate) fn now(&self) -> Instant {
        match &self.0.time {
            Time::System | Time::Told(_) => Instant::now(),
            Time::Manual { origin, passed, .. } => *origin + *passed.lock(),
        }
    }

    /// The time of day in microseconds since 1970. It may be set back; the ledger sees to it that events don't.
    pub(crate) fn wall_micros(&self) -> u64 {
        let since_1970 = match &self.0.time {
            Time::System => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            Time::Manual { since_1970, passed, .. } => *since_1970 + *passed.lock(),
            Time::Told(micros) => return micros.load(Ordering::Relaxed),
        };
        since_1970.as_secs().saturating_mul(1_000_000) + u64::from(since_1970.subsec_micros())
    }

    /// The time since a moment that both clocks have shown. `at` is the time of day now, which counts where it is told.
    pub(crate) fn elapsed(&self, since: (Instant, u64), at: u64) -> Duration {
        match &self.0.time {
            Time::Told(_) => Duration::from_micros(at.saturating_sub(since.1)),
            _ => self.now().saturating_duration_since(since.0),
        }
    }

    /// The moment `delay` from now; none if no clock reaches it.
    pub(crate) fn after(&self, delay: Duration) -> Option<Instant> {
        self.now().checked_add(delay)
    }

    /// Has `alarm` rung at `at`, or as soon as possible after.
    pub(crate) fn arm(&self, at: Instant, alarm: Arc<dyn Alarm>) -> Timer {
        if let Time::Told(_) = self.0.time {
            return Clock::system().arm(at, alarm);
        }
        let mut timers = self.0.timers.lock();
        timers.last_number += 1;
        let timer = Timer { at, number: timers.last_number };
        timers.armed.insert(timer, alarm);
        if matches!(self.0.time, Time::System) {
            if !timers.ticking {
                timers.ticking = true;
                let clock = self.clone();
                std::thread::Builder::new()
                    .name("milepost-ticker".into())
                    .spawn(move || clock.tick())
                    .map(drop)
                    .unwrap_or_else(|error| {
                        timers.ticking = false;
                        tracing::error!(%error, "no thread for the ticker; the next timer tries again");
                    });
            } else if timers.armed.first_key_value().is_some_and(|(first, _)| *first == timer) {
                self.0.sooner.notify_one();
            }
        }
        timer
    }

    /// Takes a timer back; it may be ringing already.
    pub(crate) fn disarm(&self, timer: Timer) {
        if let Time::Told(_) = self.0.time {
            return Clock::system().disarm(timer);
        }
        // What the alarm holds is dropped outside of the lock.
        let alarm = self.0.timers.lock().armed.remove(&timer);
        drop(alarm);
    }

    /// How many timers there are.
    #[cfg(test)]
    pub(crate) fn armed(&self) -> usize {
        self.0.timers.lock().armed.len()
    }

    /// A future that is ready at `at`.
    pub(crate) fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep { clock: self.clone(), at, armed: None }
    }

    /// Whether this is the ticker's thread, which must not be kept by user code.
    pub(crate) fn on_ticker() -> bool {
        ON_TICKER.get()
    }

    fn tick(&self) {
        ON_TICKER.set(true);
        let mut timers = self.0.timers.lock();
        loop {
            let Some(first) = timers.armed.first_key_value().map(|(timer, _)| *timer) else {
                self.0.sooner.wait(&mut timers);
                continue;
            };
            if first.at > Instant::now() {
                self.0.sooner.wait_until(&mut timers, first.at);
                continue;
            }
            if let Some((timer, alarm)) = timers.armed.pop_first() {
                drop(timers);
                contain("a timer", || alarm.ring(timer));
                timers = self.0.timers.lock();
            }
        }
    }
}

thread_local! {
    static ON_TICKER: Cell<bool> = const { Cell::new(false) };
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.time {
            Time::System => "Clock(system)",
            Time::Manual { .. } => "Clock(manual)",
            Time::Told(_) => "Clock(told)",
        })
    }
}

/// Noon of 2020-01-01 UTC: where manual clocks begin.
const MANUAL_ORIGIN: Duration = Duration::from_secs(1_577_880_000);

/// Where they end: some 34,000 years on.
const MANUAL_END: Duration = Duration::from_secs(1 << 40);

/// A clock that stands still until it is told to advance: time in tests.
///
/// ```
/// use std::time::Duration;
/// use milepost::{Job, ManualClock};
///
/// let clock = ManualClock::new();
/// let job = Job::builder("index").clock(clock.clock()).build()?;
/// let mut progress = job.task_progress_updated();
///
/// let task = job.reporter("a.rs")?;
/// task.running()?;
/// for line in 0..100 {
///     task.set_progress(line);
/// }
/// assert!(progress.try_recv().is_none()); // the window is open
/// clock.advance(Duration::from_millis(200));
/// assert_eq!(progress.try_recv().unwrap().progress, Some(99.0)); // a hundred reports, one event
/// assert!(progress.try_recv().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock(Clock);

impl ManualClock {
    /// A clock that shows noon of 2020-01-01 UTC.
    #[expect(clippy::new_without_default, reason = "there is no such thing as the default time")]
    pub fn new() -> ManualClock {
        ManualClock::at(MANUAL_ORIGIN)
    }

    /// The same of another time of day, since 1970.
    pub(super) fn at(since_1970: Duration) -> ManualClock {
        ManualClock(Clock::new(Time::Manual {
            origin: Instant::now(),
            since_1970,
            passed: Mutex::default(),
            advancing: ReentrantMutex::new(()),
        }))
    }

    /// The clock to give to [`JobBuilder::clock`](crate::JobBuilder::clock).
    pub fn clock(&self) -> Clock {
        self.0.clone()
    }

    /// Lets `by` pass. All timers that come due are rung on this thread, in order and each at its own time, before it
    /// returns; timers that they arm in turn as well.
    pub fn advance(&self, by: Duration) {
        let Time::Manual { origin, passed, advancing, .. } = &self.0.0.time else { return };
        // What is rung may advance the clock in turn; other threads wait.
        let _one_at_a_time = advancing.lock();
        let until = passed.lock().saturating_add(by).min(MANUAL_END);
        loop {
            let mut timers = self.0.0.timers.lock();
            match timers.armed.first_key_value() {
                Some((timer, _)) if timer.at.saturating_duration_since(*origin) <= until => {}
                _ => break,
            }
            let Some((timer, alarm)) = timers.armed.pop_first() else { break };
            drop(timers);
            let mut passed = passed.lock();
            *passed = (*passed).max(timer.at.saturating_duration_since(*origin));
            drop(passed);
            contain("a timer", || alarm.ring(timer));
        }
        let mut passed = passed.lock();
        *passed = (*passed).max(until);
    }
}

/// A future that is ready at a given time of its clock; cheap until it is polled.
pub(crate) struct Sleep {
    clock: Clock,
    at: Instant,
    armed: Option<(Timer, Arc<Sleeper>)>,
}

struct Sleeper(Mutex<Option<Waker>>);

impl Alarm for Sleeper {
    fn ring(self: Arc<Self>, _timer: Timer) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Sleep {
    pub(crate) fn at(&self) -> Instant {
        self.at
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The waker is in place before the time is read: a ring in between wakes it.
        let (clock, at) = (self.clock.clone(), self.at);
        if clock.now() >= at {
            return Poll::Ready(());
        }
        match &self.armed {
            Some((_, sleeper)) => {
                // The old one is dropped outside of the lock: that may run user code.
                let waker = Some(cx.waker().clone());
                let before = std::mem::replace(&mut *sleeper.0.lock(), waker);
                drop(before);
            }
            None => {
                let sleeper = Arc::new(Sleeper(Mutex::new(Some(cx.waker().clone()))));
                self.armed = Some((clock.arm(at, sleeper.clone()), sleeper));
            }
        }
        if clock.now() >= at { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, _)) = self.armed.take() {
            self.clock.disarm(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Note(Mutex<Vec<u64>>, Clock);

    impl Alarm for Note {
        fn ring(self: Arc<Self>, _timer: Timer) {
            let now = self.1.wall_micros();
            self.0.lock().push(now);
        }
    }

    #[test]
    fn a_manual_clock_rings_each_timer_at_its_own_time() {
        let manual = ManualClock::new();
        let clock = manual.clock();
        let start = clock.wall_micros();
        let note = Arc::new(Note(Mutex::default(), clock.clone()));
        for ms in [30, 10, 20, 999] {
            clock.arm(clock.now() + Duration::from_millis(ms), note.clone());
        }
        let gone = clock.arm(clock.now() + Duration::from_millis(15), note.clone());
        clock.disarm(gone);
        manual.advance(Duration::from_millis(50));
        assert_eq!(*note.0.lock(), [10_000, 20_000, 30_000].map(|micros| start + micros));
        assert_eq!(clock.wall_micros(), start + 50_000);
    }
}
