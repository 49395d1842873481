//! The `milepost` command. The one part of the crate that prints, and that knows a terminal.
//!
//! - `args`, `template`, `input`: what was asked for, and which commands that makes.
//! - `run`: a job of commands from beginning to end. It reads its job's events once, on the main thread, and tells the
//!   board and the printed lines of them; `feeder` adds tasks, `signals` cancels, `record` writes the event log, `page` serves the web page (feature `web`).
//! - `watch`, `log`, `status`: what logs say, as bars, as `sentence`s and as a table. `following` waits for more of
//!   them, `source` is what can't be one, `problems` is what is wrong with them, `format` which kind they are.
//! - `printer` prints what `log` reads. `condor_feed` makes of HTCondor's logs what the same is shown of; `condor_log` and `condor_sentence` print them as they are.
//! - `board`: what is known of jobs, folded from events and nothing else. So it shows a live job as well as a log.
//! - `screen`: where bars and printed lines go, `collected` being the bars' part of it. `lines`: the board where there is no terminal.
//!
//! Exit codes: see `exit`.

mod args;
mod board;
mod collected;
mod condor_feed;
mod condor_log;
mod condor_sentence;
mod exit;
mod feeder;
mod following;
mod format;
mod help;
mod input;
mod lines;
mod log;
mod main;
mod output;
#[cfg(feature = "web")]
mod page;
#[cfg(not(feature = "web"))]
#[path = "no_page.rs"]
mod page;
mod printer;
mod problems;
mod program;
mod record;
mod run;
mod screen;
mod sentence;
mod signals;
mod source;
mod status;
mod template;
mod text;
mod watch;

pub use main::main;
