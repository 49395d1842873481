//! The event log: what jobs tell, in a file, one JSON object a line. To be followed while it is written, also by another
//! process, and to be read again: to see what became of jobs, and to go on with a batch where it was left.
//!
//! - A [`Writer`] appends the events of one or many jobs to a file, on a thread of its own.
//! - A [`Reader`] reads what is there; a [`Follower`] waits for more, as a stream or on a plain thread. Both go on from a
//!   [`Cursor`].
//! - [`replay`] folds a log into the [snapshots](crate::JobSnapshot) that the jobs gave themselves.
//!
//! `docs/event-log.md` in the repository describes the format, and what a writer's death leaves behind.
//!
//! # Invariants
//!
//! - **E1** A cursor is behind whole lines. It knows its log and part, and a file is read from it only if its first line
//!   says that it is the same.
//! - **E2** A batch is whole lines. What fails to be written is kept and goes on at the byte where it failed; until then
//!   no event is taken from a job, whose history keeps them.
//! - **E3** A file that isn't at the log's path any more is read to its end after that was seen, and only then the next one.
//! - **E4** What is known of a job beside its events comes before them in each part.

mod batch;
mod cursor;
mod error;
mod file;
mod fold;
mod follower;
mod lines;
mod parts;
mod reader;
mod record;
mod replay;
mod scribe;
mod waiting;
mod watch;
mod writer;

pub use cursor::{Cursor, ParseCursorError};
pub use error::{OpenError, ReadError, WriteError};
pub use file::Durability;
pub use follower::Follower;
pub use reader::Reader;
pub use record::{Entry, JobDescribed, LogOpened, VERSION};
pub use replay::{Replay, Selected, replay};
pub use writer::{Flush, Writer, WriterBuilder};

// Logs of others are followed in the same way.
#[cfg(feature = "condor")]
pub(crate) use {
    parts::{Stamp, is_at, open, real, stamp},
    waiting::{Growing, Waiting},
    watch::Watched,
};
