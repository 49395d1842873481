//! Events as JSON: one object each.

use jiff::Timestamp;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::event::Event;

/// With its number and name, its job, when it was (in RFC 3339 and UTC, with microseconds), the bytes of its file up to its end, and all
/// that it says as attributes: `{"type":5,"name":"JOB_TERMINATED","cluster":114,"proc":0,"subproc":0,
/// "at":"2026-11-21T19:10:18.000000Z","offset":4711,"attributes":{...}}`.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (event_type, key) = (self.event_type(), self.key());
        // Out of jiff's years it is cut off as all else is.
        let at = match Timestamp::from_microsecond(self.micros) {
            Ok(at) => format!("{at:.6}"),
            Err(_) => self.at().to_string(),
        };
        let mut event = serializer.serialize_struct("Event", 8)?;
        event.serialize_field("type", &event_type.number())?;
        event.serialize_field("name", event_type.name())?;
        event.serialize_field("cluster", &key.cluster)?;
        event.serialize_field("proc", &key.proc)?;
        event.serialize_field("subproc", &key.subproc)?;
        event.serialize_field("at", &at)?;
        event.serialize_field("offset", &self.offset())?;
        event.serialize_field("attributes", &self.attributes())?;
        event.end()
    }
}
