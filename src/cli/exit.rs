//! How the command ends: exit codes, and errors that end it before it has begun. Prints nothing.

use std::fmt;
use std::process::ExitCode;

use crate::view::terminal::printable;

/// What the command's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All that was asked for is done.
    Success,
    /// Some task failed, or the outcome could not be written.
    Failure,
    /// It was asked for what can't be done.
    Usage,
    /// It was canceled by a signal.
    Canceled,
    /// Nobody reads standard output any more: the code of a program that SIGPIPE ends.
    NoReader,
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Canceled => 130,
            Exit::NoReader => 141,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

/// What was asked for can't be done: names the thing and a way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UsageError(pub(super) String);

impl UsageError {
    /// An error with its causes, after what was to be done, if that isn't said by the error.
    pub(super) fn of(what: &str, error: &dyn std::error::Error) -> UsageError {
        let gap = if what.is_empty() { "" } else { ": " };
        UsageError(format!("{what}{gap}{}", chain(error)))
    }
}

/// An error with its causes on one line, safe for a terminal.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    printable(&text).into_owned()
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}
