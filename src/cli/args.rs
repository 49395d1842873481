//! What the command line says. Parses; does nothing.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::format::FormatArgs;
use super::help::{COMPLETIONS_HELP, LOG_HELP, RUN_HELP, STATUS_HELP, WATCH_HELP};
use crate::condor;
use crate::event_log;

/// Runs many commands at a time, and shows how far they are.
#[derive(Debug, Parser)]
#[command(name = "milepost", version, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Run commands, several at a time
    #[command(after_help = RUN_HELP)]
    Run(RunArgs),
    /// Print what a log says
    #[command(after_help = LOG_HELP)]
    Log(LogArgs),
    /// Show the bars of jobs that others run, from their logs, until they end
    #[command(after_help = WATCH_HELP)]
    Watch(WatchArgs),
    /// Print what has become of the jobs of a log
    #[command(after_help = STATUS_HELP)]
    Status(StatusArgs),
    /// Print a script that completes milepost's arguments in a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// How many commands run at a time [default: the number of cores]
    #[arg(short, long, value_name = "N", value_parser = jobs)]
    pub(super) jobs: Option<usize>,

    /// The job's name [default: FILE, or the program]
    #[arg(long)]
    pub(super) name: Option<String>,

    /// How often a command that fails is run again, after 1 s, 2 s, 4 s ... and some more at random, up to 60 s
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, value_parser = retries)]
    pub(super) retries: u32,

    /// How long a command may run before it is killed, such as 90s or "1h 30m"; it is not run again then
    #[arg(long, value_name = "DURATION", value_parser = timeout)]
    pub(super) timeout: Option<Duration>,

    /// Cancel the rest as soon as a command has failed
    #[arg(long)]
    pub(super) fail_fast: bool,

    /// Write the job's events to a file, for `log`, `watch` and `status`; if it is there, behind what is in it
    #[arg(long, value_name = "FILE")]
    pub(super) event_log: Option<PathBuf>,

    /// Print the same to standard output, a JSON object a line; outputs go to standard error
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) page: PageArgs,

    /// Which commands' outputs are printed, as each ends
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    pub(super) output: Outputs,

    /// Where the commands or arguments are, one a line; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// A command to be run once for each argument
    #[arg(last = true, value_name = "COMMAND [::: ARGUMENT...]")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct PageArgs {
    /// Show the job in a web page at this address, such as 127.0.0.1:8080, or a port of this machine alone
    #[arg(long, value_name = "ADDRESS")]
    pub(super) web: Option<String>,

    /// Let whoever has the link that is printed cancel, hold and suspend the job there
    #[arg(long, requires = "web")]
    pub(super) web_control: bool,
}

#[derive(Debug, Args)]
pub(super) struct LogArgs {
    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// Wait for more, until there is a signal; the file need not be there yet
    #[arg(short, long)]
    pub(super) follow: bool,

    /// Where to begin: `start`, `now`, or where --show-cursor said that it ended
    #[arg(long, value_name = "CURSOR", default_value = "start", value_parser = from)]
    pub(super) from: From,

    /// Print each entry as a line of JSON: of an event log, its lines as they are
    #[arg(long)]
    pub(super) json: bool,

    /// Print what becomes of the jobs of an HTCondor log as milepost tells of its own
    #[arg(long)]
    pub(super) as_job: bool,

    /// Say at the end, on standard error, where it ended
    #[arg(long)]
    pub(super) show_cursor: bool,

    /// The log; several with --format condor
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

/// Where in a log to begin.
#[derive(Debug, Clone)]
pub(super) enum From {
    Start,
    Now,
    Cursor(event_log::Cursor),
    Condor(condor::Cursor),
}

fn from(text: &str) -> Result<From, String> {
    let condor = || text.parse().map(From::Condor).ok();
    match text {
        "start" => Ok(From::Start),
        "now" => Ok(From::Now),
        _ => text.parse().map(From::Cursor).ok().or_else(condor).ok_or_else(|| {
            "give `start`, `now`, or a place such as --show-cursor prints: LOG:PART:LINES:BYTES, or BYTES:LENGTH:SUM of \
             an HTCondor log"
                .into()
        }),
    }
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// The logs; they need not be there yet
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// Print each job's snapshot as a line of JSON
    #[arg(long)]
    pub(super) json: bool,

    /// List all tasks, and not only those that failed or run
    #[arg(long)]
    pub(super) tasks: bool,

    /// The log; several with --format condor
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Outputs {
    /// Those that failed
    #[default]
    Failed,
    /// All, up to the last 1 MiB of each
    All,
    /// None
    None,
}

/// Each command that runs takes a few threads and processes.
const MOST_JOBS: usize = 10_000;

/// With a minute between them: most of a week.
const MOST_RETRIES: u32 = 10_000;

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("nothing would ever run: give at least 1".into()),
        Ok(n) if n <= MOST_JOBS => Ok(n),
        _ => Err(format!("give a number from 1 to {MOST_JOBS}")),
    }
}

fn retries(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n) if n <= MOST_RETRIES => Ok(n),
        _ => Err(format!("give a number from 0 to {MOST_RETRIES}")),
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => {
            Err("every command would time out at once: give more, or leave it out".into())
        }
        Ok(timeout) => Ok(timeout),
        Err(error) => {
            Err(format!("{error}: give a number and a unit, such as 90s, 5m or \"1h 30m\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_make_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_way_out() {
        for (text, way_out) in
            [("0", "at least 1"), ("x", "from 1 to"), ("-1", "from 1 to"), ("10001", "from 1 to")]
        {
            assert!(jobs(text).unwrap_err().contains(way_out), "{text}");
        }
        assert_eq!(jobs("10000"), Ok(10_000));
        for text in ["x", "-1", "10001", "99999999999"] {
            assert!(retries(text).unwrap_err().contains("from 0 to"), "{text}");
        }
        assert_eq!(retries("3"), Ok(3));
        for text in ["", "5parsecs", "90", "99999999999999999999s"] {
            assert!(timeout(text).unwrap_err().contains("such as 90s"), "{text}");
        }
        assert!(timeout("0s").unwrap_err().contains("at once"));
        assert_eq!(timeout("1h 30m"), Ok(Duration::from_secs(5_400)));
    }
}
