//! Why a command failed: it ran and did not end well, or it was not started. Knows no processes.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Captured;
use crate::job::TaskError;

/// A program that ended with another code than 0, or by a signal.
///
/// ```
/// use milepost::{Command, CommandFailed, Job, LocalScheduler};
///
/// let job = Job::new("checks");
/// let check = job.add_task(Command::new("sh").args(["-c", "echo no such branch >&2; exit 3"]))?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// let failure = check.output().unwrap_err().error.ok_or("it has an error")?;
/// assert_eq!(failure.to_string(), "\"sh\" exited with code 3: no such branch");
/// let error = failure.error().and_then(|error| error.downcast_ref::<CommandFailed>());
/// assert_eq!(error.and_then(|error| error.code), Some(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CommandFailed {
    /// The program, as it was given.
    pub program: Arc<str>,
    /// The code that it exited with, unless a signal killed it.
    pub code: Option<i32>,
    /// The number of the signal that killed it.
    pub signal: Option<i32>,
    /// The end of what it wrote to its standard output.
    pub stdout: Captured,
    /// The end of what it wrote to its standard error.
    pub stderr: Captured,
}

/// As much of the last line of its outputs as the message has, in characters.
const LONGEST_HINT: usize = 300;

impl fmt::Display for CommandFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.program)?;
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exited with code {code}")?,
            (None, Some(signal)) => {
                write!(f, "was killed by signal {signal}")?;
                if let Some(name) = signal_name(signal) {
                    write!(f, " ({name})")?;
                }
            }
            (None, None) => f.write_str("ended in an unknown way")?,
        }
        match last_line(&self.stderr).or_else(|| last_line(&self.stdout)) {
            Some(line) => write!(f, ": {line}"),
            None => Ok(()),
        }
    }
}

fn last_line(output: &Captured) -> Option<String> {
    let text = output.text();
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(LONGEST_HINT).collect())
}

impl Error for CommandFailed {}

fn signal_name(number: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    names.into_iter().find(|(signal, _)| signal.as_raw() == number).map(|(_, name)| name)
}

/// A program that was not started. All but [`System`](CommandNotStarted::System) would be met again: such a task is not
/// retried.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommandNotStarted {
    /// There is no such program.
    UnknownProgram {
        /// The program, as it was given.
        program: PathBuf,
    },
    /// It is there, and the system does not run it.
    NotExecutable {
        /// The program, as it was given.
        program: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The directory to run it in is not there, or is no directory.
    NoSuchDirectory {
        /// The directory, as it was given.
        directory: PathBuf,
        /// Whether there is something else of that name.
        exists: bool,
    },
    /// The file for its standard input can't be opened.
    Stdin {
        /// The file, as it was given.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// An argument or a variable can't be passed on.
    Argument {
        /// The program, as it was given.
        program: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The system refused something that it may grant another time.
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl CommandNotStarted {
    /// What `error` of starting `program` in `directory` means. That the directory is there was checked before.
    pub(super) fn of_spawn(program: &Path, directory: &Path, error: io::Error) -> Self {
        let program = program.to_owned();
        let is_path = program.components().count() > 1;
        let not_executable =
            |why| CommandNotStarted::NotExecutable { program: program.clone(), why };
        match error.kind() {
            io::ErrorKind::NotFound if is_path && directory.join(&program).exists() => {
                not_executable("its interpreter is missing: look at its first line")
            }
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                CommandNotStarted::UnknownProgram { program }
            }
            io::ErrorKind::PermissionDenied => {
                not_executable("permission is denied: make it executable, or run its interpreter")
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::ArgumentListTooLong => {
                CommandNotStarted::Argument { program, error }
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                not_executable("it is no program of this system, and no script with a `#!` line")
            }
            _ => CommandNotStarted::System { what: "start the program", error },
        }
    }

    pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> TaskError {
        move |error| CommandNotStarted::System { what, error }.into_task_error()
    }

    pub(super) fn into_task_error(self) -> TaskError {
        match self {
            CommandNotStarted::System { .. } => TaskError::from(self),
            _ => TaskError::permanent(self),
        }
    }
}

impl fmt::Display for CommandNotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandNotStarted::UnknownProgram { program } if program.components().count() > 1 => {
                write!(f, "there is no program {program:?}: check its path")
            }
            CommandNotStarted::UnknownProgram { program } => {
                write!(
                    f,
                    "there is no program {program:?} on the PATH: install it, or give its path"
                )
            }
            CommandNotStarted::NotExecutable { program, why } => {
                write!(f, "the program {program:?} can't be run: {why}")
            }
            CommandNotStarted::NoSuchDirectory { directory, exists: true } => {
                write!(f, "{directory:?} is no directory to run the program in: give another one")
            }
            CommandNotStarted::NoSuchDirectory { directory, exists: false } => {
                write!(
                    f,
                    "there is no directory {directory:?} to run the program in: create it first"
                )
            }
            CommandNotStarted::Stdin { file, .. } => {
                write!(f, "the file {file:?} can't be opened as the program's standard input")
            }
            CommandNotStarted::Argument { program, .. } => {
                write!(f, "the arguments and variables for {program:?} can't be passed on")
            }
            CommandNotStarted::System { what, .. } => write!(f, "the system refused to {what}"),
        }
    }
}

impl Error for CommandNotStarted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CommandNotStarted::Stdin { error, .. }
            | CommandNotStarted::Argument { error, .. }
            | CommandNotStarted::System { error, .. } => Some(error),
            _ => None,
        }
    }
}
