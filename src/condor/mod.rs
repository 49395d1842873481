//! HTCondor: what becomes of jobs on a pool, read from the event logs that HTCondor writes, and asked of its queue.

mod ad_body;
mod ad_ending;
mod ad_header;
mod attributes;
mod body;
mod canon;
mod damage;
mod dates;
mod ending;
mod event;
mod event_type;
mod header;
mod json;
mod junk;
mod key;
mod literal;
mod parser;
mod split;
mod text;
mod value;
mod xml;
mod xml_ad;
mod zone;

pub use attributes::Attributes;
pub use body::{Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit};
pub use damage::{DamageKind, Damaged};
pub use ending::{Ended, Evicted, Resource, Terminated, Usage};
pub use event::Event;
pub use event_type::EventType;
pub use key::JobKey;
pub use parser::Parser;
pub use value::{Ad, Value};
pub use zone::{ParseZoneError, Zone};
