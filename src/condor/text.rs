//! The bodies of text events.

use super::attributes::Attributes;
use super::body::Body;
use super::event_type::EventType;

/// `text` is what follows the time in the event's first line, and all other lines.
pub(super) fn body(event_type: EventType, text: &str) -> Body<'_> {
    let _ = event_type;
    Body::Other(Attributes::lines(text))
}
