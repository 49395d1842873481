//! What shows jobs to people: as plain data for any toolkit, and in a terminal or a browser.
//!
//! - [`Inbox`] ([`Job::inbox`](crate::Job::inbox)) and [`Job::forward`](crate::Job::forward): events for a loop that draws frames,
//!   and for any channel.
//! - [`Rows`]: what is shown of a job and its tasks, folded from its events: shares, rates, times left, messages.
//! - `terminal` (feature `indicatif`): a job's bars in a terminal.
//! - `tui` (feature `ratatui`): a job and its rows as widgets.
//! - `web` (feature `web`): jobs as a web page, and as JSON and events for other programs.
//!
//! Everything here reads what any reader may read; nothing here runs tasks.

mod forward;
mod inbox;
mod rows;
#[cfg(feature = "indicatif")]
pub mod terminal;
mod text;
#[cfg(feature = "ratatui")]
pub mod tui;
#[cfg(feature = "web")]
pub mod web;

pub use forward::Batch;
pub use inbox::Inbox;
pub use rows::{Filter, Group, JobRow, Keep, List, Rows, TaskRow};
pub use text::{amount, duration, rate};
