//! How `milepost log` prints what there is, line by line, and what is wrong with it. Folds nothing; opens no file.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::args::LogArgs;
use super::exit::Exit;
use super::following::{Feed, Following, Next};
use super::problems::{Problem, Problems};
use super::screen::{is_read, say, unwritten};
use super::sentence::Sentences;
use crate::event_log::Entry;

/// How often it is seen whether somebody reads what is printed.
const LOOK: Duration = Duration::from_secs(1);

/// Until there is a signal.
///
/// # Errors
/// Standard output can't be written to.
pub(super) fn follow<F: Feed<Entry = P::Entry>, P: Print>(
    following: &mut Following<F>,
    printer: &mut Printer<P>,
) -> io::Result<()> {
    loop {
        let goes_on = match following.next(Some(Duration::ZERO)) {
            // Before it waits, what there was is to be seen.
            Next::Nothing => {
                printer.out.flush()?;
                // Nothing that comes tells of a reader that has gone, such as `grep -m1`.
                if !is_read(&io::stdout()) {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                printer.print_next(following.next(Some(LOOK)))?
            }
            next => printer.print_next(next)?,
        };
        if !goes_on {
            return Ok(());
        }
    }
}

/// Says what is to be said at the end, also where it was.
pub(super) fn finish<P: Print>(
    mut printer: Printer<P>,
    printed: io::Result<()>,
    args: &LogArgs,
    cursor: &impl Display,
) -> Exit {
    if let Err(error) = printed.and_then(|()| printer.out.flush()) {
        return unwritten(&error);
    }
    if let Some(rest) = args.files.first().and_then(|file: &PathBuf| printer.problems.rest(file)) {
        say(&rest);
    }
    if args.show_cursor {
        say(&format!("milepost: --from {cursor}"));
    }
    printer.problems.exit(if args.follow { Exit::Canceled } else { Exit::Success })
}

/// How entries are printed.
pub(super) trait Print {
    /// What a log has.
    type Entry: Serialize;

    /// As JSON, each in a line.
    fn json(&self) -> bool;

    /// What people are told of one, if it is anything.
    fn sentence(&mut self, entry: &Self::Entry) -> Option<String>;
}

/// Those of event logs.
pub(super) struct Lines {
    json: bool,
    sentences: Sentences,
}

impl Lines {
    pub(super) fn new(json: bool) -> Lines {
        Lines { json, sentences: Sentences::default() }
    }
}

impl Print for Lines {
    type Entry = Entry;

    fn json(&self) -> bool {
        self.json
    }

    fn sentence(&mut self, entry: &Entry) -> Option<String> {
        entry.event().and_then(|event| self.sentences.of(event))
    }
}

pub(super) struct Printer<P> {
    out: BufWriter<io::Stdout>,
    print: P,
    problems: Problems,
}

impl<P: Print> Printer<P> {
    pub(super) fn new(args: &LogArgs, print: P) -> Printer<P> {
        let problems = Problems::of(args.format.format);
        Printer { out: BufWriter::new(io::stdout()), print, problems }
    }

    /// False if that was the end.
    fn print_next(&mut self, next: Next<P::Entry>) -> io::Result<bool> {
        match next {
            Next::Entry(entry) => self.print(&entry)?,
            Next::Problem(problem) => self.tell(problem)?,
            Next::Nothing => {}
            Next::Interrupted => return Ok(false),
        }
        Ok(true)
    }

    /// # Errors
    /// Standard output can't be written to.
    pub(super) fn tell(&mut self, problem: impl Into<Problem>) -> io::Result<()> {
        if let Some(told) = self.problems.note(problem) {
            self.out.flush()?;
            say(&told);
        }
        Ok(())
    }

    /// # Errors
    /// Standard output can't be written to.
    pub(super) fn print(&mut self, entry: &P::Entry) -> io::Result<()> {
        self.problems.note_sense();
        if self.print.json() {
            serde_json::to_writer(&mut self.out, entry)?;
            return self.out.write_all(b"\n");
        }
        match self.print.sentence(entry) {
            Some(sentence) => writeln!(self.out, "{sentence}"),
            None => Ok(()),
        }
    }
}
