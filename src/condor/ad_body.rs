//! What an ad says as an event's body.

use super::attributes::Attributes;
use super::body::Body;
use super::event_type::EventType;
use super::value::Ad;

pub(super) fn of(event_type: EventType, ad: &Ad) -> Body<'_> {
    let _ = event_type;
    Body::Other(Attributes::ad(ad))
}
