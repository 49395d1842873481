//! [`Retry`]: how often and when a task that fails is tried again. Plain data; knows no task and no clock.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// How often a task that fails is tried in all, and after which delays.
///
/// Attempts that end in an error or a panic count; those that were [lost](crate::JobBuilder::lost_attempts) or
/// [vacated](crate::Job::vacate) don't, and one that timed out or was canceled is not tried again. An error that is
/// [`permanent`](crate::TaskError::permanent) ends the task, one that says
/// [`retry_after`](crate::TaskError::retry_after) names the delay itself. Each attempt has its number in the events, and
/// starts with no progress.
///
/// ```
/// use std::time::Duration;
/// use milepost::{Job, LocalScheduler, Retry, TaskError};
///
/// let job = Job::new("flaky");
/// let retry = Retry::attempts(5).exponential(Duration::from_millis(1), Duration::from_secs(60));
/// let page = job.task("fetch").retry(retry).add_blocking_with("url", |cx, url| {
///     match cx.attempt() {
///         1 | 2 => Err(TaskError::msg("connection reset")),
///         _ => Ok(format!("contents of {url}")),
///     }
/// })?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// assert_eq!(*page.output()?, "contents of url");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub(crate) attempts: u32,
    first: Duration,
    longest: Duration,
    jitter: bool,
}

/// By then a delay has doubled to more than any clock shows.
const DOUBLINGS: u32 = 128;

impl Retry {
    /// At most `n` attempts in all; 0 counts as 1. The next one is queued as soon as one has failed.
    pub const fn attempts(n: u32) -> Retry {
        let attempts = if n == 0 { 1 } else { n };
        Retry { attempts, first: Duration::ZERO, longest: Duration::ZERO, jitter: true }
    }

    /// Waits before each new attempt: for `first` at the first time, then twice as long each time, up to `longest`. To
    /// each delay, some time of up to the same length is added at random, so that tasks which failed together are not
    /// tried together.
    pub const fn exponential(mut self, first: Duration, longest: Duration) -> Retry {
        (self.first, self.longest) = (first, longest);
        self
    }

    /// Waits for the same time before each new attempt, and some time of up to the same length at random.
    pub const fn delay(self, delay: Duration) -> Retry {
        self.exponential(delay, delay)
    }

    /// Waits for just as long as was said.
    pub const fn without_jitter(mut self) -> Retry {
        self.jitter = false;
        self
    }

    /// How long to wait after so many failed attempts, from 1.
    pub(crate) fn delay_after(&self, failed: u32) -> Duration {
        if self.first.is_zero() {
            return Duration::ZERO;
        }
        let delays = ExponentialBuilder::new()
            .with_min_delay(self.first.min(self.longest))
            .with_max_delay(self.longest)
            .without_max_times();
        let mut delays = if self.jitter { delays.with_jitter().build() } else { delays.build() };
        delays.nth(failed.clamp(1, DOUBLINGS) as usize - 1).unwrap_or(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let retry = Retry::attempts(9).exponential(ms(10), ms(50)).without_jitter();
        // The crate reckons in floats, so that a nanosecond may be missing.
        let rounded = |failed| (retry.delay_after(failed).as_secs_f64() * 1e3).round() as u64;
        assert_eq!([1, 2, 3, 4, 5, u32::MAX].map(rounded), [10, 20, 40, 50, 50, 50]);
        let same = Retry::attempts(9).delay(ms(7)).without_jitter();
        assert_eq!([1, 2, 9].map(|failed| same.delay_after(failed)), [ms(7); 3]);
        assert_eq!(Retry::attempts(9).delay_after(3), Duration::ZERO);
    }

    #[test]
    fn jitter_adds_up_to_as_much_again() {
        let retry = Retry::attempts(9).exponential(ms(100), ms(1_000));
        let delays: Vec<_> = (0..200).map(|_| retry.delay_after(2)).collect();
        assert!(delays.iter().all(|delay| (ms(200)..=ms(400)).contains(delay)), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay != delays[0]), "no jitter: {delays:?}");
    }

    #[test]
    fn extreme_delays_do_no_harm() {
        let retry = Retry::attempts(9).exponential(Duration::MAX, Duration::MAX);
        for failed in [0, 1, 2, 500, u32::MAX] {
            assert!(retry.delay_after(failed) > ms(1));
        }
        let odd = Retry::attempts(9).exponential(ms(50), ms(10)).without_jitter();
        assert_eq!(odd.delay_after(1), ms(10));
    }
}
