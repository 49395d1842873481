//! [`Zone`]: where a log's clock was; and what its dates are in UTC. Reads no text.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::dates::{self, Date};
use crate::model::Timestamp;

/// The time zone that a log's times are in, which text logs don't say.
///
/// ```
/// use milepost::condor::Zone;
///
/// let zone: Zone = "Europe/Berlin".parse()?;
/// assert_eq!(zone.to_string(), "Europe/Berlin");
/// assert_eq!(Zone::utc().to_string(), "UTC");
/// assert!("Europe/Atlantis".parse::<Zone>().is_err());
/// # Ok::<(), milepost::condor::ParseZoneError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Zone(pub(in crate::condor) TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// This machine's: the one of `TZ` if that is set; UTC if there is none. So it is if `TZ` says what is no time zone, which
    /// [`try_system`](Zone::try_system) refuses.
    pub fn system() -> Zone {
        Zone(TimeZone::system())
    }

    /// This machine's: the one of `TZ` if that is set; UTC if there is none.
    ///
    /// # Errors
    /// `TZ` is set, and is no time zone.
    pub fn try_system() -> Result<Zone, ParseZoneError> {
        let named = std::env::var_os("TZ");
        match (TimeZone::try_system(), named) {
            (Ok(zone), _) => Ok(Zone(zone)),
            (Err(_), None) => Ok(Zone::utc()),
            (Err(_), Some(name)) => Err(ParseZoneError { name: name.to_string_lossy().into() }),
        }
    }
}

/// Its name, as `Europe/Berlin`; `local` if it has none, as it may be for [`Zone::system`].
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("local"))
    }
}

impl FromStr for Zone {
    type Err = ParseZoneError;

    fn from_str(name: &str) -> Result<Zone, ParseZoneError> {
        TimeZone::get(name).map(Zone).map_err(|_| ParseZoneError { name: name.into() })
    }
}

/// A name that is no time zone's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseZoneError {
    name: Box<str>,
}

impl fmt::Display for ParseZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        write!(
            f,
            "{name:?} is no time zone: give a name such as Europe/Berlin, America/New_York or UTC"
        )
    }
}

impl std::error::Error for ParseZoneError {}

const MINUTE: i64 = 60_000_000;

/// Makes times of a log's dates.
#[derive(Debug)]
pub(in crate::condor) struct Dates {
    zone: Zone,
    /// The reader's clock when dates without a year were before: minutes since 1970 in the zone.
    now: i64,
    last: Option<Minute>,
}

/// What was found out of a minute. Events come many in a minute, and looking up a zone takes longer than all else about a date.
#[derive(Debug, Clone, Copy)]
struct Minute {
    clock: i64,
    written_offset: Option<i32>,
    time: Time,
}

/// A time, and how far the reader's zone was ahead of UTC then, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) struct Time {
    pub(in crate::condor) micros: i64,
    pub(in crate::condor) utc_offset: i32,
}

impl Dates {
    pub(in crate::condor) fn new(zone: Zone, now: Timestamp) -> Dates {
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let ahead = i64::from(offset_at(&zone, micros));
        let now = micros.div_euclid(MINUTE) + ahead.div_euclid(60);
        Dates { zone, now, last: None }
    }

    /// The time of a date.
    pub(in crate::condor) fn time(&mut self, date: &Date) -> Time {
        let year = date.year.unwrap_or_else(|| self.year_of(date));
        let clock = date.minutes_in(year);
        let minute = match self.last {
            Some(last) if last.clock == clock && last.written_offset == date.offset => last.time,
            _ => {
                let time = self.minute(clock, date.offset);
                self.last = Some(Minute { clock, written_offset: date.offset, time });
                time
            }
        };
        Time { micros: minute.micros + i64::from(date.micros), ..minute }
    }

    /// The last year that doesn't make it later than tomorrow.
    fn year_of(&self, date: &Date) -> i64 {
        let (year, ..) = dates::civil(self.now.div_euclid(1440));
        let mut year = year + 1;
        while date.minutes_in(year) > self.now + 1440 {
            year -= 1;
        }
        // The leap day was in a leap year, which may be eight years ago.
        while (date.month, date.day) == (2, 29) && !dates::is_leap(year) {
            year -= 1;
        }
        year
    }

    fn minute(&self, clock: i64, written_offset: Option<i32>) -> Time {
        if let Some(offset) = written_offset {
            let micros = clock * MINUTE - i64::from(offset) * 1_000_000;
            return Time { micros, utc_offset: offset_at(&self.zone, micros) };
        }
        let known = date_time(clock).and_then(|date| {
            // The earlier one of two hours of the same name: HTCondor takes that as well.
            let found = self.zone.0.to_ambiguous_timestamp(date).compatible().ok()?;
            Some(found.as_microsecond())
        });
        match known {
            Some(micros) => Time { micros, utc_offset: offset_at(&self.zone, micros) },
            None => {
                let utc_offset = offset_at(&self.zone, clock * MINUTE);
                Time { micros: clock * MINUTE - i64::from(utc_offset) * 1_000_000, utc_offset }
            }
        }
    }
}

/// How far the zone was ahead of UTC then; what is too far off is as the last day that is not.
fn offset_at(zone: &Zone, micros: i64) -> i32 {
    let at = jiff::Timestamp::from_microsecond(micros).unwrap_or(match micros {
        ..0 => jiff::Timestamp::MIN,
        0.. => jiff::Timestamp::MAX,
    });
    zone.0.to_offset(at).seconds()
}

fn date_time(minutes: i64) -> Option<DateTime> {
    let (year, month, day) = dates::civil(minutes.div_euclid(1440));
    let minute = minutes.rem_euclid(1440);
    let (year, month, day) = (year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
    let (hour, minute) = ((minute / 60).try_into().ok()?, (minute % 60).try_into().ok()?);
    DateTime::new(year, month, day, hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(zone: &str, now: &str, text: &str) -> String {
        let zone = zone.parse().unwrap();
        let utc: jiff::Timestamp = now.parse().unwrap();
        let now = Timestamp::from_micros(u64::try_from(utc.as_microsecond()).unwrap());
        let mut all = Dates::new(zone, now);
        let (date, _) = Date::parse(text.as_bytes()).unwrap();
        let first = all.time(&date);
        assert_eq!(all.time(&date), first, "the minute is known now");
        dates::written(first.micros)
    }

    #[test]
    fn a_date_without_a_year_is_not_later_than_tomorrow() {
        for (zone, now, text, expected) in [
            ("UTC", "2026-01-05T00:00:00Z", "12/31 23:59:59", "2025-12-31T23:59:59"),
            ("UTC", "2026-01-05T00:00:00Z", "01/04 23:59:59", "2026-01-04T23:59:59"),
            ("UTC", "2026-01-05T00:00:00Z", "01/06 00:00:00", "2026-01-06T00:00:00"),
            ("UTC", "2026-01-05T00:00:00Z", "01/06 00:01:00", "2025-01-06T00:01:00"),
            ("UTC", "2025-12-31T23:59:00Z", "01/01 00:00:01", "2026-01-01T00:00:01"),
            ("UTC", "2026-11-21T00:00:00Z", "02/29 12:00:00", "2024-02-29T12:00:00"),
            ("UTC", "2026-11-21T00:00:00Z", "02/30 12:00:00", "2026-03-02T12:00:00"),
            ("Asia/Kolkata", "2026-12-31T19:00:00Z", "01/01 00:10:00", "2026-12-31T18:40:00"),
        ] {
            assert_eq!(utc(zone, now, text), expected, "{text} at {now} in {zone}");
        }
    }

    #[test]
    fn an_hour_that_is_twice_is_the_first_and_one_that_is_not_is_later() {
        let now = "2026-01-01T00:00:00Z";
        assert_eq!(utc("Europe/Berlin", now, "2024-10-27 02:30:00"), "2024-10-27T00:30:00");
        assert_eq!(utc("Europe/Berlin", now, "2024-03-31 02:30:00"), "2024-03-31T01:30:00");
        assert_eq!(utc("Europe/Berlin", now, "2024-07-01 02:30:00+05:30"), "2024-06-30T21:00:00");
    }

    #[test]
    fn dates_that_no_zone_knows_are_dates_as_well() {
        let now = "2026-01-01T00:00:00Z";
        assert_eq!(utc("America/New_York", now, "9999-12-31 23:59:59"), "10000-01-01T04:59:59");
        assert_eq!(utc("UTC", now, "0000-01-01 00:00:00"), "0000-01-01T00:00:00");
        assert_eq!(utc("UTC", now, "9999-12-31 24:00:00-2359"), "10000-01-01T23:59:00");
    }
}
