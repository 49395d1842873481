//! HTCondor: what becomes of jobs on a pool, read from the event logs that HTCondor writes, and asked of its queue.
//!
//! - A [`Reader`] reads a log, a [`Follower`] waits for more; both give [`Event`]s, across renaming, truncation and torn ends.
//!   A [`Parser`] does it for bytes from anywhere.
//! - [`Jobs`] makes [`Job`](crate::Job)s of events, a task for each of HTCondor's jobs. [`Tracking`] does that live, for one log
//!   or thousands.
//! - A `Pool` submits, asks and acts by HTCondor's own tools, and tracks jobs by their log and the queue together.
//!
//! `docs/condor.md` in the repository is the guide.
//!
//! # Invariants
//!
//! - **C1** What a parser gives doesn't depend on how bytes are cut. It decides nothing by bytes that aren't there yet.
//! - **C2** A cursor is behind whole events. It knows its file by how that begins, wherever it was renamed to.
//! - **C3** A file that isn't at the log's path any more is read to its end after that was seen, and only then the next one.
//! - **C4** Events of a job have the times of their log, never the clock's.
//! - **C5** A state that is final stays, whatever is told later.
//! - **C6** What polls find out counts only if the log, read to its end, says nothing of that job; it is told as repaired.

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
pub use log::parser::Parser;
pub use log::reader::Reader;
#[cfg(unix)]
pub use pool::{
    Acted, Action, Call, Done, JobAd, JobRange, JobStatus, Pool, PoolError, PoolTracking,
    PoolTrackingBuilder, Query, Submission, Submitted, Summary, Tracked, Which,
};

#[allow(unused_imports, reason = "only the command reads logs by itself, which is a feature")]
pub(crate) use log::logs::{Logs, Next};
