//! HTCondor: what becomes of jobs on a pool, read from the event logs that HTCondor writes, and asked of its queue.

mod ad_body;
mod ad_ending;
mod ad_header;
mod attributes;
mod body;
mod canon;
mod cursor;
mod damage;
mod dates;
mod ending;
mod error;
mod event;
mod event_json;
mod event_type;
mod files;
mod follower;
mod group;
mod header;
mod jobs;
mod jobs_builder;
mod json;
mod junk;
mod key;
mod literal;
mod logs;
mod measure;
mod naming;
mod noted;
mod parser;
#[cfg(unix)]
mod pool;
mod procs;
mod reader;
#[cfg(unix)]
mod repair;
mod split;
mod states;
mod text;
mod tracking;
mod value;
mod xml;
mod xml_ad;
mod zone;

pub use attributes::Attributes;
pub use body::{Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit};
pub use cursor::{Cursor, ParseCursorError};
pub use damage::{DamageKind, Damaged};
pub use ending::{Ended, Evicted, Resource, Terminated, Usage};
pub use error::ReadError;
pub use event::Event;
pub use event_type::EventType;
pub use follower::Follower;
pub use jobs::Jobs;
pub use jobs_builder::JobsBuilder;
pub use key::JobKey;
#[allow(unused_imports, reason = "only the command reads logs by itself, which is a feature")]
pub(crate) use logs::{Logs, Next};
pub use measure::PatternError;
pub use parser::Parser;
#[cfg(unix)]
pub use pool::{
    Acted, Action, Call, Done, JobAd, JobRange, JobStatus, Pool, PoolError, PoolTracking,
    PoolTrackingBuilder, Query, Submission, Submitted, Summary, Tracked, Which,
};
pub use reader::Reader;
pub use tracking::Tracking;
pub use value::{Ad, Value};
pub use zone::{ParseZoneError, Zone};
