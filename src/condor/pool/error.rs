//! [`PoolError`]: why a pool gave no answer. Runs nothing.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why a tool of HTCondor gave no answer. A cheap clone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PoolError {
    /// The tool isn't there, or can't be started.
    NotStarted {
        /// The program that was to be started, with its arguments.
        command: Arc<str>,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The tool has failed.
    Failed {
        /// The program, with its arguments.
        command: Arc<str>,
        /// Its exit code; none if a signal has ended it.
        code: Option<i32>,
        /// What it has printed to say why.
        stderr: Arc<str>,
    },
    /// The tool took longer than it may, and was killed. What it was to change may have been changed.
    TimedOut {
        /// The program, with its arguments.
        command: Arc<str>,
        /// How long it may take.
        limit: Duration,
    },
    /// The tool has printed more than it may, and was killed.
    TooMuch {
        /// The program, with its arguments.
        command: Arc<str>,
        /// How many bytes it may print.
        limit: usize,
    },
    /// What the tool has printed is not understood.
    NotUnderstood {
        /// The program, with its arguments.
        command: Arc<str>,
        /// What is wrong with it.
        reason: Arc<str>,
        /// How it begins.
        output: Arc<str>,
    },
    /// What was asked for would be taken for something else by the tools: nothing was run.
    Refused {
        /// What.
        what: &'static str,
        /// The text that it was.
        text: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// The system gives no thread to run the tool.
    NoThread {
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The thread that ran the tool was lost: it has panicked, which is logged.
    Lost,
}

/// So much of what is cited is shown.
const CITED: usize = 300;

/// The beginning of a text, with its lines as one.
fn cited(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(CITED) {
        Some((at, _)) => format!("{} ...", &line[..at]),
        None => line,
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::NotStarted { command, source }
                if source.kind() == io::ErrorKind::NotFound =>
            {
                write!(
                    f,
                    "`{command}` can't be run, as there is no such program: install HTCondor, or say where its tools are by \
                     Pool::tools_in or Pool::run_by"
                )
            }
            PoolError::NotStarted { command, source } => {
                write!(f, "`{command}` can't be run: {source}")
            }
            PoolError::Failed { command, code: Some(code), stderr } if stderr.trim().is_empty() => {
                write!(f, "`{command}` has failed with exit code {code}, and doesn't say why")
            }
            PoolError::Failed { command, code: Some(code), stderr } => {
                write!(f, "`{command}` has failed with exit code {code}: {}", cited(stderr))
            }
            PoolError::Failed { command, code: None, stderr } => {
                write!(f, "`{command}` was ended by a signal")?;
                if stderr.trim().is_empty() { Ok(()) } else { write!(f, ": {}", cited(stderr)) }
            }
            PoolError::TimedOut { command, limit } => write!(
                f,
                "`{command}` was killed as it took longer than {}: the pool may be overloaded or not reached; \
                 Pool::time_limit gives more time",
                humantime::format_duration(*limit)
            ),
            PoolError::TooMuch { command, limit } => write!(
                f,
                "`{command}` was killed as it printed more than {limit} bytes: ask for fewer attributes or jobs, or allow \
                 more by Pool::output_limit"
            ),
            PoolError::NotUnderstood { command, reason, output } => {
                write!(
                    f,
                    "what `{command}` has printed is not understood: {reason} ({:?})",
                    cited(output)
                )
            }
            PoolError::Refused { what, text, reason } => write!(f, "{what} {text:?} {reason}"),
            PoolError::NoThread { source } => {
                write!(f, "there is no thread to run a tool of HTCondor: {source}")
            }
            PoolError::Lost => f.write_str("the thread that ran a tool of HTCondor was lost"),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PoolError::NotStarted { source, .. } | PoolError::NoThread { source } => Some(source),
            _ => None,
        }
    }
}
