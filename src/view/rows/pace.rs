//! [`Pace`]: how fast a value grows, smoothed, and when it will be there. Knows no task.

use std::time::Duration;

use crate::model::Timestamp;

/// After so many microseconds, what was counts half.
const HALF_LIFE: f64 = 5e6;

/// What comes within it is taken as one.
const GRAIN: u64 = 50_000;

/// What was seen for a shorter time tells nothing.
const ENOUGH: u64 = 1_000_000;

/// Silent for so much longer than is usual, it has come to a stop: less than a thousandth of the pace is left.
const STOPPED: u64 = 60_000_000;

/// Nobody plans for more than that.
const LONGEST: f64 = 100.0 * 86_400.0;

/// A mean of the recent growth of a value: a moment counts the less the longer ago it is, by half every five seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    /// Up to where growth is in the mean.
    counted: Seen,
    last: Seen,
    first: Option<u64>,
    /// Growth in a microsecond, and the weight of all that is in it.
    mean: f64,
    weight: f64,
    /// The time between the last two values: so long, silence is nothing unusual.
    gap: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    at: u64,
    value: f64,
}

impl Pace {
    /// Whether the value would be less than the last one.
    pub(super) fn goes_back(&self, value: f64) -> bool {
        self.first.is_some() && value < self.last.value
    }

    /// The value at a time.
    pub(super) fn note(&mut self, at: Timestamp, value: f64) {
        let at = at.as_micros().max(self.last.at);
        if self.first.is_none() {
            (self.counted, self.first) = (Seen { at, value }, Some(at));
        }
        if at > self.last.at && self.last.at > 0 {
            self.gap = at - self.last.at;
        }
        if self.last.at >= self.counted.at + GRAIN {
            self.count();
        }
        self.last = Seen { at, value };
    }

    /// Takes the growth since what was counted into the mean.
    fn count(&mut self) {
        let time = (self.last.at - self.counted.at) as f64;
        if time > 0.0 {
            let growth = (self.last.value - self.counted.value) / time;
            self.blend(time, growth);
            self.counted = self.last;
        }
    }

    fn blend(&mut self, time: f64, growth: f64) {
        let kept = 0.5_f64.powf(time / HALF_LIFE);
        self.mean = self.mean * kept + growth * (1.0 - kept);
        self.weight = self.weight * kept + (1.0 - kept);
    }

    /// The growth in a second; none if it was not seen for long enough, or if it has come to a stop.
    pub(super) fn per_second(&self, now: Timestamp) -> Option<f64> {
        let mut pace = *self;
        pace.count();
        let silence = now.as_micros().saturating_sub(pace.last.at).saturating_sub(pace.gap);
        pace.blend(silence as f64, 0.0);
        let seen = pace.last.at.saturating_sub(pace.first?) + silence;
        let rate = pace.mean / pace.weight * 1e6;
        (seen >= ENOUGH && silence < STOPPED && rate > 0.0 && rate.is_finite()).then_some(rate)
    }

    /// How long it takes from now on until the value is `goal`, if it goes on like this. None where that isn't known, or is so
    /// far away that nobody would wait.
    pub(super) fn until(&self, goal: f64, now: Timestamp) -> Option<Duration> {
        let rate = self.per_second(now)?;
        let since = now.as_micros().saturating_sub(self.last.at).min(self.gap) as f64 / 1e6;
        let left = ((goal - self.last.value) / rate - since).max(0.0);
        (left <= LONGEST).then(|| Duration::from_secs_f64(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::from_micros((seconds * 1e6) as u64)
    }

    fn is_about(value: f64, wanted: f64) -> bool {
        (value - wanted).abs() <= wanted * 0.02
    }

    /// Ten a second, told five times a second, for so long.
    fn steady(seconds: u32) -> Pace {
        let mut pace = Pace::default();
        for n in 0..=seconds * 5 {
            pace.note(at(f64::from(n) * 0.2), f64::from(n) * 2.0);
        }
        pace
    }

    #[test]
    fn a_steady_pace_is_told_as_it_is() {
        for seconds in [1, 2, 10, 100] {
            let (pace, now) = (steady(seconds), at(f64::from(seconds)));
            let rate = pace.per_second(now).expect("it was seen for long enough");
            assert!(is_about(rate, 10.0), "{rate} after {seconds} s");
            let left = pace.until(f64::from(seconds) * 10.0 + 300.0, now).expect("it goes on");
            assert!(is_about(left.as_secs_f64(), 30.0), "{left:?} after {seconds} s");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        assert_eq!(Pace::default().per_second(at(5.0)), None);
        let mut pace = Pace::default();
        pace.note(at(1.0), 5.0);
        assert_eq!(pace.until(10.0, at(1.5)), None);
        pace.note(at(1.4), 6.0);
        assert_eq!(pace.until(10.0, at(1.5)), None, "it was seen for half a second");
        // So slow that the end is years away.
        let mut slow = Pace::default();
        (0..10).for_each(|n| slow.note(at(f64::from(n)), f64::from(n) * 1e-9));
        assert!(slow.per_second(at(10.0)).is_some());
        assert_eq!(slow.until(1.0, at(10.0)), None);
    }

    #[test]
    fn it_follows_a_change_within_seconds() {
        let mut pace = steady(60);
        for n in 1..=100 {
            pace.note(at(60.0 + f64::from(n) * 0.2), 600.0 + f64::from(n) * 0.2);
        }
        let rate = pace.per_second(at(80.0)).expect("it goes on");
        assert!((1.0..2.0).contains(&rate), "{rate}: four half-lives after ten became one");
    }

    #[test]
    fn a_stall_takes_the_pace_away_and_the_time_left_grows() {
        let pace = steady(20);
        let left = |seconds| pace.until(400.0, at(seconds));
        let (at_once, later) = (left(20.0).expect("it goes on"), left(30.0).expect("it is slow"));
        assert!(later > at_once * 3, "{at_once:?}, {later:?}");
        assert_eq!(left(1_000.0), None);
        assert_eq!([79.0, 81.0].map(|now| pace.per_second(at(now)).is_some()), [true, false]);
    }

    #[test]
    fn seldom_reports_are_no_stall() {
        let mut pace = Pace::default();
        (0..10).for_each(|n| pace.note(at(f64::from(n) * 30.0), f64::from(n) * 300.0));
        let rate = pace.per_second(at(295.0)).expect("it goes on");
        assert!(is_about(rate, 10.0), "{rate}");
        let left = pace.until(3_000.0, at(280.0)).expect("it goes on");
        assert!(is_about(left.as_secs_f64(), 20.0), "{left:?}");
    }

    #[test]
    fn what_comes_in_bursts_counts_by_the_time_between() {
        let mut pace = Pace::default();
        for second in 0..=20u32 {
            for n in 0..10 {
                pace.note(at(f64::from(second)), f64::from(second * 10 + n));
            }
        }
        let rate = pace.per_second(at(20.0)).expect("it goes on");
        assert!(is_about(rate, 10.0), "{rate}");
    }

    #[test]
    fn what_goes_back_is_no_pace() {
        let mut pace = steady(10);
        assert!(pace.goes_back(99.0) && !pace.goes_back(100.0));
        pace.note(at(10.2), 0.0);
        assert_eq!(pace.per_second(at(10.3)), None);
    }
}
