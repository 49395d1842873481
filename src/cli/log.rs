//! `milepost log`: what a log says, line by line. Folds nothing.

use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::args::{From, LogArgs};
use super::condor_log;
use super::exit::{Exit, UsageError};
use super::following::{Feed, Following, Next};
use super::format::{Format, only};
use super::problems::{Problem, Problems};
use super::screen::{is_read, say, unwritten};
use super::sentence::Sentences;
use super::source::{check_present, check_readable};
use crate::event_log::{Entry, Follower, Reader};

/// How often it is seen whether somebody reads what is printed.
const LOOK: Duration = Duration::from_secs(1);

/// Prints what the arguments say.
///
/// # Errors
/// There is no such log, or it is asked for what makes no sense.
pub(super) fn log(args: LogArgs) -> Result<Exit, UsageError> {
    args.format.check()?;
    if args.format.format == Format::Condor {
        return condor_log::log(&args);
    }
    let file = only(&args.files, "log of event logs")?;
    if args.as_job {
        let way_out =
            "an event log tells of jobs as it is: leave --as-job out, or give --format condor";
        return Err(UsageError(way_out.into()));
    }
    if let From::Condor(_) = args.from {
        let way_out = "--from is a place in a log of HTCondor's: give --format condor, or LOG:PART:LINES:BYTES";
        return Err(UsageError(way_out.into()));
    }
    if args.follow { check_readable(file) } else { check_present(file) }?;
    let mut printer = Printer::new(&args, Lines::new(args.json));
    if !args.follow {
        let reader = match &args.from {
            From::Now => Reader::open_at_end(file),
            From::Cursor(cursor) => Reader::resume(file, cursor.clone()),
            From::Start | From::Condor(_) => Reader::open(file),
        };
        let mut reader = reader.map_err(|error| UsageError::of("", &error))?;
        let printed = reader.try_for_each(|read| match read {
            Ok(entry) => printer.print(&entry),
            Err(problem) => printer.tell(&problem),
        });
        return Ok(finish(printer, printed, &args, &reader.cursor()));
    }
    let follower = match &args.from {
        From::Now => Follower::from_now(file),
        From::Cursor(cursor) => Ok(Follower::resume(file, cursor.clone())),
        From::Start | From::Condor(_) => Ok(Follower::new(file)),
    };
    let follower = follower.map_err(|error| UsageError::of("", &error))?;
    let mut following = Following::new(follower)?;
    let printed = follow(&mut following, &mut printer);
    Ok(finish(printer, printed, &args, &following.feed.cursor()))
}

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
