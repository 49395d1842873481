//! What shows jobs to people: as plain data for any toolkit, and in a terminal or a browser.
//!
//! - [`Inbox`] ([`Job::inbox`](crate::Job::inbox)) and [`Job::forward`](crate::Job::forward): events for a loop that draws frames,
//!   and for any channel.
//! - [`Rows`]: what is shown of a job and its tasks, folded from its events: shares, rates, times left, messages.
//!
//! Everything here reads what any reader may read; nothing here runs tasks.

mod forward;
mod inbox;
mod rows;
#[cfg(feature = "indicatif")]
pub mod terminal;
mod text;

pub use inbox::Inbox;
pub use rows::{Group, JobRow, Keep, Rows, TaskRow};
pub use text::{amount, duration, rate};
