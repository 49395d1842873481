//! `milepost log --format condor`: what HTCondor's logs say, as they say it or as what becomes of jobs. Decides no states.

use std::path::Path;
use std::task::{Context, Poll, Waker};

use super::args::{From, LogArgs};
use super::condor_feed::{CondorEvents, CondorJobs, Told};
use super::condor_sentence::sentence;
use super::exit::{Exit, UsageError};
use super::following::Following;
use super::format::only;
use super::printer::{Lines, Print, Printer, finish, follow};
use super::source::{check_present, check_readable};
use crate::condor::{Cursor, Event, Jobs, Logs, Reader};
use crate::event_log::{Entry, OpenError};

/// Prints what the arguments say.
///
/// # Errors
/// There is no such log, or it is asked for what makes no sense.
pub(super) fn log(args: &LogArgs) -> Result<Exit, UsageError> {
    for file in &args.files {
        if args.follow { check_readable(file) } else { check_present(file) }?;
    }
    if let From::Cursor(_) = args.from {
        let way_out = "--from is a place in an event log: leave --format condor out, or give BYTES:LENGTH:SUM";
        return Err(UsageError(way_out.into()));
    }
    if args.show_cursor {
        only(&args.files, "--show-cursor")?;
    }
    if let From::Condor(_) = args.from {
        only(&args.files, "--from CURSOR")?;
    }
    match (args.as_job, args.follow) {
        (false, false) => read_events(args),
        (true, false) => read_jobs(args),
        (false, true) => {
            let mut printer = Printer::new(args, Events { json: args.json });
            let mut following = Following::new(CondorEvents(followed(args)))?;
            let printed = follow(&mut following, &mut printer);
            let cursor = following.feed.0.cursor();
            Ok(finish(printer, printed, args, &cursor))
        }
        (true, true) => {
            let mut printer = Printer::new(args, Lines::new(args.json));
            let feed = CondorJobs { logs: followed(args), jobs: Told::default() };
            let mut following = Following::new(feed)?;
            let printed = follow(&mut following, &mut printer);
            let cursor = following.feed.logs.cursor();
            Ok(finish(printer, printed, args, &cursor))
        }
    }
}

fn followed(args: &LogArgs) -> Logs {
    let (mut logs, zone) = (Logs::new(), args.format.zone());
    for file in &args.files {
        match &args.from {
            From::Condor(cursor) => logs.resume(file, *cursor, &zone),
            From::Now => logs.follow_from_now(file, &zone),
            _ if args.format.older => logs.follow_with_older(file, &zone),
            From::Start | From::Cursor(_) => logs.follow(file, &zone),
        }
    }
    logs
}

fn open(args: &LogArgs, file: &Path) -> Result<Reader, OpenError> {
    let reader = match &args.from {
        From::Condor(cursor) => Reader::resume(file, *cursor),
        _ => Reader::open(file),
    };
    let mut reader = args.format.reader(reader?);
    if let From::Now = args.from {
        reader.by_ref().for_each(drop);
    }
    Ok(reader)
}

fn read_events(args: &LogArgs) -> Result<Exit, UsageError> {
    let mut printer = Printer::new(args, Events { json: args.json });
    let (mut printed, mut cursor) = (Ok(()), Cursor::default());
    for file in &args.files {
        let mut reader = match open(args, file) {
            Ok(reader) => reader,
            Err(problem) => {
                printed = printer.tell(&problem);
                continue;
            }
        };
        printed = reader.try_for_each(|read| match read {
            Ok(event) => printer.print(&event),
            Err(problem) => printer.tell(&problem),
        });
        cursor = reader.cursor();
        if printed.is_err() {
            break;
        }
    }
    Ok(finish(printer, printed, args, &cursor))
}

fn read_jobs(args: &LogArgs) -> Result<Exit, UsageError> {
    let mut printer = Printer::new(args, Lines::new(args.json));
    let (mut printed, mut cursor, mut told) = (Ok(()), Cursor::default(), Told::by_log_time());
    // Whatever there is, is there at once.
    let mut cx = Context::from_waker(Waker::noop());
    let mut print_all = |printer: &mut Printer<Lines>, told: &mut Told| {
        while let Poll::Ready(event) = told.poll(&mut cx) {
            printer.print(&Entry::Event(event))?;
        }
        Ok(())
    };
    for file in &args.files {
        let mut reader = match open(args, file) {
            Ok(reader) => reader,
            Err(problem) => {
                printed = printer.tell(&problem);
                continue;
            }
        };
        printed = reader.try_for_each(|read| match read {
            Ok(event) => {
                told.change(|jobs| jobs.apply_from(file, &event));
                print_all(&mut printer, &mut told)
            }
            Err(problem) => printer.tell(&problem),
        });
        cursor = reader.cursor();
        if printed.is_err() {
            break;
        }
    }
    if printed.is_ok() {
        told.change(Jobs::finish);
        printed = print_all(&mut printer, &mut told);
    }
    Ok(finish(printer, printed, args, &cursor))
}

/// HTCondor's events, a line each.
struct Events {
    json: bool,
}

impl Print for Events {
    type Entry = Event;

    fn json(&self) -> bool {
        self.json
    }

    fn sentence(&mut self, event: &Event) -> Option<String> {
        Some(sentence(event))
    }
}
