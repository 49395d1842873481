//! Plain data: ids, states, progress, outcomes, events and snapshots.
//!
//! Nothing here holds a lock, starts a thread, awaits or does I/O.

mod counts;
mod event;
mod id;
mod outcome;
mod parsed;
mod progress;
mod properties;
mod resources;
mod snapshot;
mod state;
mod sums;
mod time;

pub use counts::Counts;
pub use event::{
    Event, EventKind, JobCompleted, JobStateChanged, ProgressWindow, PublishedError, TaskAdded,
    TaskCompleted, TaskProgressUpdated, TaskStateChanged,
};
pub use id::{JobId, ParseJobIdError, TaskId, TaskRef};
pub(crate) use outcome::Output;
pub use outcome::{CancelReason, Canceled, Cause, CauseKind, Failure, FailureKind, TaskFailed};
pub(crate) use progress::fraction;
pub use progress::{Amount, JobProgress, ProgressReport};
pub use properties::{Properties, Property};
pub use resources::Resources;
pub use snapshot::{JobSnapshot, TaskSnapshot};
pub use state::{JobState, TaskState};
pub(crate) use sums::{Counted, Share, Sums, progress_of};
pub(crate) use time::millis::serialize as serialize_millis;
pub use time::{ParseTimestampError, Timestamp};
