//! What an event is and says: its header, its time, its body, from text and from ads, and as HTCondor's own ad. Knows no log.

mod ad_body;
mod ad_ending;
pub(super) mod ad_header;
pub(super) mod body;
mod canon;
pub(super) mod dates;
pub(super) mod ending;
pub(super) mod event;
mod event_json;
pub(super) mod event_type;
pub(super) mod header;
pub(super) mod key;
mod text;
pub(super) mod zone;
