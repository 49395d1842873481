//! `milepost log`: what a log says, line by line. Folds nothing.

use super::args::{From, LogArgs};
use super::condor_log;
use super::exit::{Exit, UsageError};
use super::following::Following;
use super::format::{Format, only};
use super::printer::{Lines, Printer, finish, follow};
use super::source::{check_present, check_readable};
use crate::event_log::{Follower, Reader};

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
