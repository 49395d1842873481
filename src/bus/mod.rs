//! What is told and how it is read: the history of lifecycle events, by position and never lost; the latest progress
//! of each task; and the streams that merge the two in order.
//!
//! Invariants, cited where they are kept:
//! - **B1** The history is written in one critical section with the change that it records, and its position + 1 is
//!   the event's seq. A reader reads at its own pace; what is appended is never changed.
//! - **B2** Progress is published in the same critical section, with a stamp that counts publications: the table
//!   holds each task's latest value with the stamp of the publication that has it.
//! - **B3** A publication is read after the lifecycle events that came before it, and before those after it.
//! - **B4** A reader that missed publications, or came late, first reads the lifecycle events up to where it noticed,
//!   then what the table has newer than it has seen. A task that ended on the way has its last value told
//!   right before its end.
//! - **B5** A reader registers its waker in the critical section in which it found nothing to read.
//!
//! Knows no job: the owner of the critical section is a [`Source`].

mod history;
mod item;
mod latest;
#[allow(dead_code, reason = "only the web server reads these, which is a feature")]
mod merged;
mod notice;
mod publications;
mod reader;
mod record;
mod source;
mod stream;
mod turn;

pub(crate) use history::History;
pub(crate) use latest::{Latest, Shown, When};
#[allow(unused_imports, reason = "only the web server reads these, which is a feature")]
pub(crate) use merged::{Lifecycle, Merged};
pub(crate) use notice::{Batch, Closed, Notices, Update, Updates};
pub(crate) use record::{Change, Record};
pub(crate) use source::{Moment, Opened, Parked, Source, Start, Table, mask};
pub use stream::{EventStream, StreamEvent, StreamTimeout};
#[allow(unused_imports, reason = "only features read it")]
pub(crate) use turn::Turn;
