//! Milepost: a task-progress event bus.
#![deny(unsafe_code)]

mod base;
mod bus;
mod job;
mod meter;
mod model;
#[cfg(feature = "local")]
mod scheduler;

pub use base::{Clock, ManualClock};
pub use bus::{EventStream, StreamEvent, StreamTimeout};
pub use job::*;
pub use meter::{Progress, Track, TrackRead, TrackWrite};
pub use model::*;
#[cfg(feature = "local")]
pub use scheduler::{LocalScheduler, Shutdown, ShutdownReport};
