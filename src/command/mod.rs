//! Programs as tasks: [`Command`] runs one in a process group of its own, listens to its output and its progress, and
//! leaves no process behind. Knows nothing of schedulers, and no runtime.
//!
//! Invariants, cited where they are kept:
//! - **C1** A program is never unguarded: its group exists, with a [watchdog](watchdog::Watchdog) as its leader, before the
//!   program does, and the watchdog kills the group once this process is gone, however it went.
//! - **C2** Signals go to a group only while its leader is not reaped, so that its number can't be another's.
//! - **C3** One thread owns an attempt's processes; it alone starts and reaps them. Others only ask, by way of the
//!   [`Group`](group::Group).
//! - **C4** Whatever a program does costs bounded memory, and no program waits for a reader of its lines.
//!
//! The files `report`, `split`, `tail` and `terminal` are plain functions of bytes.

mod attempt;
mod builder;
mod error;
mod exit;
mod group;
mod lines;
mod output;
mod pump;
mod report;
mod run;
mod split;
mod tail;
mod terminal;
mod watchdog;

pub use builder::Command;
pub use error::{CommandFailed, CommandNotStarted};
pub use lines::{Line, Lines, OutputStream};
pub use output::{Captured, CommandOutput};
