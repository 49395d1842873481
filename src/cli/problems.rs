//! What is wrong with a log, as it is told to people: the first problems, and how many more there are.

use std::path::Path;

use super::exit::{Exit, chain};
use super::source::shown;
use crate::event_log::ReadError;

/// As many are told one by one.
const TOLD: usize = 5;

/// The problems of a log so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    damages: usize,
    /// Something was sound.
    has_sense: bool,
}

impl Problems {
    /// Counts a problem. Returns what is to be said of it.
    pub(super) fn note(&mut self, problem: &ReadError) -> Option<String> {
        // A log that is being written may well end within a line.
        self.damages += usize::from(!problem.is_torn());
        (problem.is_torn() || self.damages <= TOLD).then(|| format!("milepost: {}", chain(problem)))
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
        if self.is_all() {
            let more = self.damages.saturating_sub(TOLD);
            let more =
                if more > 0 { format!("and {more} more such problems; ") } else { String::new() };
            return Some(format!("milepost: {more}{} seems to be no event log", shown(path)));
        }
        let more = self.damages.checked_sub(TOLD).filter(|more| *more > 0)?;
        Some(format!("milepost: and {more} more such problems"))
    }

    /// How the command ends that has done what could be done.
    pub(super) fn exit(&self, done: Exit) -> Exit {
        if self.damages > 0 { Exit::Usage } else { done }
    }
}
