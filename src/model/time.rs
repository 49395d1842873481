//! [`Timestamp`]: when something happened. Reads no clock.

use std::fmt;
use std::ops::Add;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::parsed::Parsed;

/// When something happened, to the microsecond. Its text, also in JSON, is that of RFC 3339 in UTC, as in
/// `2020-01-01T12:00:00.000250Z`; what is finer than a microsecond is cut off. Additions end with the year 9999.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use milepost::Timestamp;
///
/// let at: Timestamp = "2020-01-01T12:00:00.000250Z".parse()?;
/// let later = at + Duration::from_secs(1);
/// assert_eq!(later.to_string(), "2020-01-01T12:00:01.000250Z");
/// assert_eq!(later.duration_since(at), Duration::from_secs(1));
/// assert!(SystemTime::from(at) < SystemTime::now());
/// # Ok::<(), milepost::ParseTimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The end of the year 9999: RFC 3339 goes no further.
const LAST: u64 = 253_402_300_799_999_999;

impl Timestamp {
    /// So many microseconds after the beginning of 1970 in UTC, leap seconds not counted; at most the end of the year
    /// 9999.
    pub const fn from_micros(micros: u64) -> Timestamp {
        Timestamp(if micros < LAST { micros } else { LAST })
    }

    /// The microseconds since the beginning of 1970.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time since `earlier`; zero if that is later.
    pub const fn duration_since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, by: Duration) -> Timestamp {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        Timestamp::from_micros(self.0.saturating_add(by))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(at.0)
    }
}

/// What is before 1970 is taken for its beginning.
impl From<SystemTime> for Timestamp {
    fn from(at: SystemTime) -> Timestamp {
        let since_1970 = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(0) + since_1970
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_micros(SystemTime::from(*self)).fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Timestamp, ParseTimestampError> {
        match humantime::parse_rfc3339(text) {
            Ok(at) => Ok(at.into()),
            Err(error) => {
                Err(ParseTimestampError { text: text.into(), reason: error.to_string().into() })
            }
        }
    }
}

/// A text that is no time in RFC 3339 and UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTimestampError {
    text: Box<str>,
    reason: Box<str>,
}

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time {:?}: {}", self.text, self.reason)
    }
}

impl std::error::Error for ParseTimestampError {}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_str(Parsed::new("a time in RFC 3339 and UTC"))
    }
}

/// For `elapsed_ms`: whole milliseconds.
pub(crate) mod millis {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(
        elapsed: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_beyond_its_text() {
        let last = Timestamp::from_micros(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999999Z");
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(last.to_string().parse(), Ok(last));
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)).as_micros(), 0);
    }
}
