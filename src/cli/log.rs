//! `milepost log`: what a log says, line by line. Folds nothing.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use super::args::{From, LogArgs};
use super::exit::{Exit, UsageError};
use super::following::{Following, Next};
use super::problems::Problems;
use super::screen::{is_read, say, unwritten};
use super::sentence::Sentences;
use super::source::{check_present, check_readable};
use crate::event_log::{Cursor, Entry, Follower, ReadError, Reader};

/// How often it is seen whether somebody reads what is printed.
const LOOK: Duration = Duration::from_secs(1);

/// Prints what the arguments say.
///
/// # Errors
/// There is no such log.
pub(super) fn log(args: LogArgs) -> Result<Exit, UsageError> {
    if args.follow { check_readable(&args.file) } else { check_present(&args.file) }?;
    let mut printer = Printer {
        out: BufWriter::new(io::stdout()),
        sentences: (!args.json).then(Sentences::default),
        problems: Problems::default(),
    };
    let (printed, cursor) =
        if args.follow { follow(&args, &mut printer)? } else { read(&args, &mut printer)? };
    if let Err(error) = printed.and_then(|()| printer.out.flush()) {
        return Ok(unwritten(&error));
    }
    if let Some(rest) = printer.problems.rest(&args.file) {
        say(&rest);
    }
    if args.show_cursor {
        say(&format!("milepost: --from {cursor}"));
    }
    Ok(printer.problems.exit(if args.follow { Exit::Canceled } else { Exit::Success }))
}

type Printed = (io::Result<()>, Cursor);

fn read(args: &LogArgs, printer: &mut Printer) -> Result<Printed, UsageError> {
    let open = |path: &Path| match &args.from {
        From::Start => Reader::open(path),
        From::Now => Reader::open_at_end(path),
        From::Cursor(cursor) => Reader::resume(path, cursor.clone()),
    };
    let mut reader = open(&args.file).map_err(|error| UsageError::of("", &error))?;
    let printed = reader.try_for_each(|read| printer.print(read));
    Ok((printed, reader.cursor()))
}

/// Until there is a signal.
fn follow(args: &LogArgs, printer: &mut Printer) -> Result<Printed, UsageError> {
    let path = &args.file;
    let follower = match &args.from {
        From::Start => Ok(Follower::new(path)),
        From::Now => Follower::from_now(path),
        From::Cursor(cursor) => Ok(Follower::resume(path, cursor.clone())),
    };
    let follower = follower.map_err(|error| UsageError::of("", &error))?;
    let mut following = Following::new(follower)?;
    loop {
        let printed = match following.next(Some(Duration::ZERO)) {
            // Before it waits, what there was is to be seen.
            Next::Nothing => match printer.out.flush() {
                // Nothing that comes tells of a reader that has gone, such as `grep -m1`.
                Ok(()) if !is_read(&io::stdout()) => Err(io::ErrorKind::BrokenPipe.into()),
                Ok(()) => printer.print_next(following.next(Some(LOOK))),
                Err(error) => Err(error),
            },
            next => printer.print_next(next),
        };
        match printed {
            Ok(true) => {}
            Ok(false) => return Ok((Ok(()), following.follower.cursor())),
            Err(error) => return Ok((Err(error), following.follower.cursor())),
        }
    }
}

struct Printer {
    out: BufWriter<io::Stdout>,
    /// None if it prints JSON.
    sentences: Option<Sentences>,
    problems: Problems,
}

impl Printer {
    /// False if that was the end.
    fn print_next(&mut self, next: Next) -> io::Result<bool> {
        match next {
            Next::Entry(entry) => self.print(Ok(*entry))?,
            Next::Problem(problem) => self.print(Err(problem))?,
            Next::Nothing => {}
            Next::Interrupted => return Ok(false),
        }
        Ok(true)
    }

    fn print(&mut self, read: Result<Entry, ReadError>) -> io::Result<()> {
        if read.is_ok() {
            self.problems.note_sense();
        }
        match read {
            Err(problem) => {
                if let Some(told) = self.problems.note(&problem) {
                    self.out.flush()?;
                    say(&told);
                }
                Ok(())
            }
            Ok(entry) => match &mut self.sentences {
                None => {
                    serde_json::to_writer(&mut self.out, &entry)?;
                    self.out.write_all(b"\n")
                }
                Some(sentences) => match entry.event().and_then(|event| sentences.of(event)) {
                    Some(sentence) => writeln!(self.out, "{sentence}"),
                    None => Ok(()),
                },
            },
        }
    }
}
