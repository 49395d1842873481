//! Waiting for a job's end, and what one learns by it (G10).

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;

use super::Job;
use super::current::{may_wait_for, on_own_thread};
use super::error::WouldDeadlock;
use crate::base::{Sleep, WakerKey, block_on};
use crate::model::{Counts, JobId, JobState, TaskFailed};

/// The least period of [`Wait::every`]: one of zero would never let go of the thread.
const LEAST_PERIOD: Duration = Duration::from_millis(1);

/// Waits for a job's end; made by [`Job::wait_until_done`]. Await it, or block on it.
///
/// It is ready once the job has ended and the callbacks that were registered before it have been called for all events.
/// Times are by the job's clock and count from the first poll. Dropping it leaves the job alone.
///
/// A task that waits for another job of its scheduler keeps its place while it does, and for ever if that job needs it: such
/// a job is to be run by [`TaskContext::child`](crate::TaskContext::child).
///
/// ```
/// use std::time::Duration;
/// use milepost::{Job, LocalScheduler, WaitEnd};
///
/// let job = Job::new("endless");
/// job.add("loop", async |cx| loop { cx.checkpoint().await? } as Result<(), _>)?;
/// job.submit(&LocalScheduler::new(1)?)?;
///
/// let mut looks = 0;
/// let summary = job
///     .wait_until_done()
///     .every(Duration::from_millis(1), |job| {
///         looks += 1;
///         if looks == 3 {
///             job.cancel("seen enough")
///         }
///     })
///     .blocking()?;
/// assert_eq!(summary.end, WaitEnd::Done);
/// assert_eq!(summary.counts.canceled(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a wait does nothing unless it is awaited or blocked on"]
pub struct Wait<'a> {
    job: Job,
    key: WakerKey,
    callbacks_before: u64,
    callbacks_key: WakerKey,
    timeout: Timer,
    every: Option<Every<'a>>,
    cancel_when: Option<(Trigger<'a>, Arc<str>)>,
}

/// A time that counts from the first poll.
#[derive(Default)]
enum Timer {
    #[default]
    Never,
    In(Duration),
    At(Sleep),
}

impl Timer {
    fn poll(&mut self, job: &Job, cx: &mut Context<'_>) -> Poll<()> {
        if let Timer::In(delay) = *self {
            let clock = &job.core().clock;
            *self = match clock.after(delay) {
                Some(at) => Timer::At(clock.sleep_until(at)),
                None => Timer::Never,
            };
        }
        match self {
            Timer::At(sleep) => Pin::new(sleep).poll(cx),
            _ => Poll::Pending,
        }
    }
}

type Trigger<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

type Callback<'a> = Box<dyn FnMut(&Job) -> ControlFlow<()> + Send + 'a>;

struct Every<'a> {
    period: Duration,
    next: Timer,
    callback: Callback<'a>,
}

impl<'a> Wait<'a> {
    pub(super) fn new(job: Job) -> Wait<'a> {
        Wait {
            key: WakerKey::default(),
            callbacks_before: job.core().callbacks.next_number(),
            callbacks_key: WakerKey::default(),
            timeout: Timer::Never,
            every: None,
            cancel_when: None,
            job,
        }
    }

    /// Stops waiting after `timeout`; the job goes on.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Timer::In(timeout);
        self
    }

    /// Calls `callback` every `period` (at least a millisecond), for the first time after one period. It may cancel the
    /// job; if it returns [`ControlFlow::Break`], waiting stops and the job goes on. Calls never overlap; those that
    /// were missed while the thread was held up stay so. A panic in it goes to whoever waits.
    pub fn every<R: Tick>(
        mut self,
        period: Duration,
        mut callback: impl FnMut(&Job) -> R + Send + 'a,
    ) -> Self {
        let period = period.max(LEAST_PERIOD);
        self.every = Some(Every {
            period,
            next: Timer::In(period),
            callback: Box::new(move |job| callback(job).flow()),
        });
        self
    }

    /// Cancels the job when `future` is ready, and goes on waiting for its end: for Ctrl-C, or a closed window.
    pub fn cancel_when<R>(
        mut self,
        future: impl Future<Output = R> + Send + 'a,
        message: impl Into<Arc<str>>,
    ) -> Self {
        let future = Box::pin(async move {
            future.await;
        });
        self.cancel_when = Some((future, message.into()));
        self
    }

    /// Waits on this thread.
    ///
    /// # Errors
    /// The job needs this thread to end: in a task or callback of the job itself, in an async task, or on the thread of
    /// the single-threaded runtime that its tasks run on.
    pub fn blocking(self) -> Result<JobSummary, WouldDeadlock> {
        may_wait_for(self.job.id())?;
        let scheduler = self.job.core().scheduler();
        let (mut wait, mut summary) = (Some(self), None);
        let mut block = || summary = wait.take().map(block_on);
        match scheduler {
            Some(scheduler) if !on_own_thread() => scheduler.block(&mut block)?,
            _ => block(),
        }
        // A scheduler that didn't call it has not said why.
        summary.ok_or(WouldDeadlock::new("where the scheduler refused it"))
    }

    fn is_done(&mut self, cx: &mut Context<'_>) -> bool {
        let core = self.job.core();
        core.poll_ended(&mut self.key, cx.waker())
            && core.callbacks.poll_called(
                self.callbacks_before,
                &mut self.callbacks_key,
                cx.waker(),
            )
    }

    fn summary(&self, end: WaitEnd) -> JobSummary {
        let core = self.job.core();
        core.look(|ledger| JobSummary {
            job: core.id,
            name: core.name.clone(),
            end,
            state: ledger.state(),
            counts: ledger.counts(),
            elapsed: ledger.elapsed(),
            failures: ledger.failures().to_vec(),
        })
    }
}

impl Future for Wait<'_> {
    type Output = JobSummary;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<JobSummary> {
        let this = self.get_mut();
        loop {
            // First, so that the end wins a tie.
            if this.is_done(cx) {
                return Poll::Ready(this.summary(WaitEnd::Done));
            }
            if let Some((future, message)) = &mut this.cancel_when
                && future.as_mut().poll(cx).is_ready()
            {
                let message = message.clone();
                this.cancel_when = None;
                this.job.cancel(message);
                continue;
            }
            if let Some(every) = &mut this.every
                && every.next.poll(&this.job, cx).is_ready()
            {
                let due = match &every.next {
                    Timer::At(sleep) => sleep.at(),
                    _ => this.job.core().clock.now(),
                };
                if (every.callback)(&this.job).is_break() {
                    return Poll::Ready(this.summary(WaitEnd::Stopped));
                }
                every.next = next_tick(&this.job, due, every.period);
                continue;
            }
            if this.timeout.poll(&this.job, cx).is_ready() {
                return Poll::Ready(this.summary(WaitEnd::TimedOut));
            }
            return Poll::Pending;
        }
    }
}

/// The first multiple of the period after `due` that is still to come.
fn next_tick(job: &Job, due: std::time::Instant, period: Duration) -> Timer {
    let clock = &job.core().clock;
    let late = clock.now().saturating_duration_since(due);
    let missed = late.as_nanos() / period.as_nanos();
    let periods = u32::try_from(missed + 1).unwrap_or(u32::MAX);
    match due.checked_add(period.saturating_mul(periods)) {
        Some(at) => Timer::At(clock.sleep_until(at)),
        None => Timer::Never,
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let core = self.job.core();
        let waker = core.look(|ledger| ledger.forget(&mut self.key));
        drop(waker);
        core.callbacks.forget(&mut self.callbacks_key);
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({:?})", self.job)
    }
}

/// What a callback of [`Wait::every`] may return: `()` to go on, or a [`ControlFlow`].
pub trait Tick: sealed::Tick {}

mod sealed {
    use std::ops::ControlFlow;

    pub trait Tick {
        fn flow(self) -> ControlFlow<()>;
    }

    impl Tick for () {
        fn flow(self) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
    }

    impl Tick for ControlFlow<()> {
        fn flow(self) -> ControlFlow<()> {
            self
        }
    }
}

impl<T: sealed::Tick> Tick for T {}

/// Why waiting has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitEnd {
    /// The job has ended.
    Done,
    /// The timeout has passed; the job goes on.
    TimedOut,
    /// The callback stopped it; the job goes on.
    Stopped,
}

/// What has become of a job, or is so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobSummary {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// Why waiting has ended.
    pub end: WaitEnd,
    /// The job's state.
    pub state: JobState,
    /// The tasks by state.
    pub counts: Counts,
    /// The time since the job was submitted or started, to its end if it has ended.
    #[serde(rename = "elapsed_ms", serialize_with = "crate::model::serialize_millis")]
    pub elapsed: Duration,
    /// The tasks that failed, timed out, were interrupted or had no environment, in the order of their ends: the first
    /// ones, up to [`keep_failures`](crate::JobBuilder::keep_failures).
    pub failures: Vec<TaskFailed>,
}

impl JobSummary {
    /// Errs unless the job has ended and every task completed.
    ///
    /// # Errors
    /// [`JobFailed`], with the summary.
    pub fn ok(self) -> Result<JobSummary, JobFailed> {
        if self.state.is_success() { Ok(self) } else { Err(JobFailed { summary: Box::new(self) }) }
    }
}

/// A job that has not completed; its source is the first task that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFailed {
    summary: Box<JobSummary>,
}

impl JobFailed {
    /// The summary that it was made from.
    pub fn summary(&self) -> &JobSummary {
        &self.summary
    }
}

impl fmt::Display for JobFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobSummary { name, state, counts, .. } = &*self.summary;
        if !state.is_terminal() {
            return write!(f, "job {name:?} has not ended: it is {state}");
        }
        let (all, ended_well) = (counts.total(), counts.completed());
        write!(
            f,
            "job {name:?} {}: ",
            if *state == JobState::Canceled { "was canceled" } else { "failed" }
        )?;
        write!(f, "{} of {all} tasks did not complete", all - ended_well)
    }
}

impl Error for JobFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.summary.failures.first().map(|failed| failed as &(dyn Error + 'static))
    }
}
