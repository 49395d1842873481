//! A job's bars in a terminal: a line for the job, and one for each of its tasks that runs.
//!
//! - [`TerminalBars`] ([`Job::bars`](crate::Job::bars)): bars of a job that runs, drawn with `indicatif`, also among those of
//!   a program that has its own.
//! - `live`: what is shown of a job, frame by frame. `layout`: rows as lines for a terminal of a given size. `bars`: lines
//!   drawn over and over in the same place. `canvas`: where they are drawn, in one write a frame.
//! - `screen`: what the environment says of the terminal. `safe`: text that others wrote.

mod attach;
mod bars;
mod canvas;
mod layout;
mod live;
mod safe;
mod screen;

pub use attach::{TerminalBars, TerminalBarsBuilder};
#[allow(unused_imports, reason = "for the command line, which is a feature")]
pub(crate) use {
    bars::Bars,
    canvas::Canvas,
    layout::{Layout, Line, Size},
    safe::{printable, shortened},
    screen::{has_colors, is_drawable, size},
};
