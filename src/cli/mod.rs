//! The `milepost` command. The one part of the crate that prints, and that knows a terminal.
//!
//! - `args`, `template`, `input`: what was asked for, and which commands that makes.
//! - `run`: a job of commands from beginning to end. It reads its job's events once, on the main thread, and tells the
//!   board and the printed lines of them; `feeder` adds tasks, `signals` cancels, `record` writes JSON.
//! - `board`: what is known of jobs, folded from events and nothing else. So it shows a live job as well as a log.
//! - `frame`: the board as lines of a given width. `bars`: lines on a terminal. `lines`: the board where there is none.
//!
//! Exit codes: see `exit`.

mod args;
mod bars;
mod board;
mod exit;
mod feeder;
mod frame;
mod input;
mod lines;
mod main;
mod output;
mod program;
mod record;
mod run;
mod screen;
mod signals;
mod template;
mod text;

pub use main::main;
