//! [`Zone`]: where a log's clock was, and the dates in logs.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;

/// The time zone that a log's times are in, which text logs don't say.
#[derive(Debug, Clone)]
pub struct Zone(pub(super) TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// This machine's: the one of `TZ` if that is set.
    pub fn system() -> Zone {
        Zone(TimeZone::system())
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
