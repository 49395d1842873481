//! The progress path: the slot that a report is stored in, the bitmap of slots to look at, the window that says when.
//!
//! Invariants, cited where they are kept:
//! - **M1** A slot belongs to one attempt and is never used again; an ended one takes stores and is not read.
//! - **M2** A reporter only stores, unless it then finds its slot flagged idle: then it takes the flag away, marks the
//!   slot bottom up, and opens the window if there is none.
//! - **M3** The flusher takes marks top down, and takes a mark before it reads the slot: a mark set meanwhile stays for
//!   the next window.
//! - **M4** A slot that was unchanged for a window is flagged idle *and is read once more*, half a window later at the
//!   least, before it is let go: by then every store whose thread did not see the flag is visible.
//! - **M5** The end of an attempt reads the slot itself; what happens before the end is in the slot.
//!
//! Knows no job; the owner of a [`Meter`] is what a [`Signal`] calls when a window closes.

mod dirty;
mod page;
mod park;
mod part;
mod progress;
mod slot;
mod track;
mod window;

pub(crate) use dirty::{Meter, SlotId};
#[allow(unused_imports, reason = "only the models of protocols name it")]
pub(crate) use page::STOPS;
pub(crate) use page::{Detail, Reading, SlotRef, Visit};
pub(crate) use park::Stops;
pub use progress::Progress;
pub use track::{Track, TrackRead, TrackWrite};
pub(crate) use window::{Owner, Rest, Signal, Suspension};
