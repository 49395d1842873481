//! [`Event`]: one event of a log. Reads no file.

use std::fmt;

use super::ad_body;
use super::body::Body;
use super::canon;
use super::event_type::EventType;
use super::key::JobKey;
use super::text;
use crate::condor::ad::value::Ad;
use crate::model::Timestamp;

/// One event of HTCondor's job event log.
#[derive(Clone)]
pub struct Event {
    pub(in crate::condor) event_type: EventType,
    pub(in crate::condor) key: JobKey,
    /// In microseconds since 1970, which may be before that.
    pub(in crate::condor) micros: i64,
    /// How far the reader's zone was ahead of UTC then, in seconds.
    pub(in crate::condor) utc_offset: i32,
    /// Bytes of its file up to its end.
    pub(in crate::condor) offset: u64,
    pub(in crate::condor) source: Source,
}

/// What it was read from.
#[derive(Clone)]
pub(in crate::condor) enum Source {
    /// Text without the terminator; what follows the time begins at `head`.
    Text { text: Box<str>, head: usize },
    /// An ad, of XML or JSON.
    Ad(Box<Ad>),
}

impl Event {
    /// What kind of event it is.
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// Which job it is of.
    pub fn key(&self) -> JobKey {
        self.key
    }

    /// When it happened; what was before 1970 is taken for its beginning.
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(u64::try_from(self.micros).unwrap_or(0))
    }

    /// How many bytes of its file there are up to its end.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The text that it was read from, without its terminator; none if it was XML or JSON. Bytes that are no UTF-8 are
    /// U+FFFD there.
    pub fn text(&self) -> Option<&str> {
        match &self.source {
            Source::Text { text, .. } => Some(text),
            Source::Ad(_) => None,
        }
    }

    /// What it says beside its header. Read from the event by each call.
    pub fn body(&self) -> Body<'_> {
        match &self.source {
            Source::Text { text, head } => text::body(self.event_type, &text[*head..]),
            Source::Ad(ad) => ad_body::of(self.event_type, ad),
        }
    }

    /// All that it says, as the ad that HTCondor makes of it: with `EventTypeNumber`, `Cluster` and so on, and `EventTime` in the zone
    /// of the reader. What an ad in the log says more is there too.
    pub fn attributes(&self) -> Ad {
        canon::attributes(self)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} of {} at {})", self.event_type, self.key, self.at())
    }
}
