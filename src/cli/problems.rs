//! What is wrong with a log, as it is told to people: the first problems, and how many more there are.

use std::path::Path;

use super::exit::{Exit, chain};
use super::format::{Format, other_format};
use super::source::shown;
use crate::condor;
use crate::event_log;

/// As many are told one by one.
const TOLD: usize = 5;

/// Something that is wrong with a log.
#[derive(Debug)]
pub(super) struct Problem {
    text: String,
    /// There may be nothing wrong: its last entry isn't whole.
    is_torn: bool,
    /// It says what the log has, and not that nobody can know.
    is_seen: bool,
}

impl From<&event_log::ReadError> for Problem {
    fn from(error: &event_log::ReadError) -> Problem {
        let is_seen = !matches!(error, event_log::ReadError::Io { .. });
        Problem { text: chain(error), is_torn: error.is_torn(), is_seen }
    }
}

impl From<&condor::ReadError> for Problem {
    fn from(error: &condor::ReadError) -> Problem {
        let is_seen = !matches!(error, condor::ReadError::Io { .. });
        Problem { text: chain(error), is_torn: error.is_torn(), is_seen }
    }
}

impl From<&event_log::OpenError> for Problem {
    fn from(error: &event_log::OpenError) -> Problem {
        Problem { text: chain(error), is_torn: false, is_seen: false }
    }
}

/// The problems of a log so far.
#[derive(Debug)]
pub(super) struct Problems {
    format: Format,
    damages: usize,
    /// Something of the log was read, sound or not.
    is_seen: bool,
    /// Something was sound.
    has_sense: bool,
}

impl Problems {
    /// Of a log that is read in this format.
    pub(super) fn of(format: Format) -> Problems {
        Problems { format, damages: 0, is_seen: false, has_sense: false }
    }

    /// Counts a problem. Returns what is to be said of it.
    pub(super) fn note(&mut self, problem: impl Into<Problem>) -> Option<String> {
        let Problem { text, is_torn, is_seen } = problem.into();
        self.is_seen |= is_seen;
        // A log that is being written may well end within a line.
        self.damages += usize::from(!is_torn);
        (is_torn || self.damages <= TOLD).then(|| format!("milepost: {text}"))
    }

    /// That there is something that is sound.
    pub(super) fn note_sense(&mut self) {
        self.has_sense = true;
    }

    /// Whether all that was there was damaged: it is something else than an event log.
    pub(super) fn is_all(&self) -> bool {
        self.damages > 0 && !self.has_sense
    }

    /// Counts problems that are not told.
    pub(super) fn add(&mut self, more: usize) {
        self.damages += more;
    }

    /// What is to be said at the end.
    pub(super) fn rest(&self, path: &Path) -> Option<String> {
        if self.is_all() && self.is_seen {
            let more = self.damages.saturating_sub(TOLD);
            let more =
                if more > 0 { format!("and {more} more such problems; ") } else { String::new() };
            let way_out = other_format(path, self.format).unwrap_or_default();
            let (path, log) = (shown(path), self.format.log());
            return Some(format!("milepost: {more}{path} seems to be {log}{way_out}"));
        }
        let more = self.damages.checked_sub(TOLD).filter(|more| *more > 0)?;
        Some(format!("milepost: and {more} more such problems"))
    }

    /// How the command ends that has done what could be done.
    pub(super) fn exit(&self, done: Exit) -> Exit {
        if self.damages > 0 { Exit::Usage } else { done }
    }
}
