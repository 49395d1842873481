//! HTCondor: what becomes of jobs on a pool, read from the event logs that HTCondor writes, and asked of its queue.

mod ad;
mod events;
mod jobs;
mod log;
#[cfg(unix)]
mod pool;

pub use ad::attributes::Attributes;
pub use ad::value::{Ad, Value};
pub use events::body::{Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit};
pub use events::ending::{Ended, Evicted, Resource, Terminated, Usage};
pub use events::event::Event;
pub use events::event_type::EventType;
pub use events::key::JobKey;
pub use events::zone::{ParseZoneError, Zone};
pub use jobs::builder::JobsBuilder;
pub use jobs::fold::Jobs;
pub use jobs::measure::PatternError;
pub use jobs::tracking::Tracking;
pub use log::cursor::{Cursor, ParseCursorError};
pub use log::damage::{DamageKind, Damaged};
pub use log::error::ReadError;
pub use log::follower::Follower;
#[allow(unused_imports, reason = "only the command reads logs by itself, which is a feature")]
pub(crate) use log::logs::{Logs, Next};
pub use log::parser::Parser;
pub use log::reader::Reader;
#[cfg(unix)]
pub use pool::{
    Acted, Action, Call, Done, JobAd, JobRange, JobStatus, Pool, PoolError, PoolTracking,
    PoolTrackingBuilder, Query, Submission, Submitted, Summary, Tracked, Which,
};
