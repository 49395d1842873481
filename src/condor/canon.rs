//! The ad that HTCondor makes of an event, from what was understood of it.

use super::event::Event;
use super::value::Ad;

pub(super) fn attributes(event: &Event) -> Ad {
    let _ = event.utc_offset;
    Ad::new()
}
