//! Tasks whose code waits and that have given up their places meanwhile. Knows not how a place is given up.

use std::sync::Arc;

use super::state::Ledger;
use crate::job::scheduler::{Rest, Scheduler};
use crate::model::{Resources, TaskId};

/// What the attempt of a task has of its scheduler.
pub(crate) struct Place {
    pub(crate) scheduler: Option<Arc<dyn Scheduler>>,
    pub(crate) resources: Option<Arc<Resources>>,
}

/// The waits of a task's code.
#[derive(Default)]
pub(crate) struct Waits {
    count: u32,
    /// By which the last of them takes the place back.
    rest: Option<Box<dyn Rest>>,
    /// It was handed out for that, and is on its way.
    returning: bool,
}

impl Ledger {
    /// What a task has of its scheduler, which is none if somebody else runs it.
    pub(crate) fn place_of(&self, id: TaskId) -> Option<Place> {
        let entry = self.tasks.get(id)?;
        let scheduler = if entry.runner.is_scheduler() { self.scheduler() } else { None };
        let resources = entry.settings().and_then(|settings| settings.resources.clone());
        Some(Place { scheduler, resources })
    }

    /// The code of a task waits. Returns what is to be given up, unless it was.
    pub(crate) fn rest_begins(&mut self, id: TaskId) -> Option<Place> {
        let waits = &mut self.tasks.get_mut(id)?.extra().waits;
        waits.count += 1;
        if waits.count == 1 { self.place_of(id) } else { None }
    }

    /// Keeps that by which a place is taken back; returns it if the task has gone.
    pub(crate) fn keep_rest(&mut self, id: TaskId, rest: Box<dyn Rest>) -> Option<Box<dyn Rest>> {
        match self.tasks.get_mut(id) {
            Some(entry) => entry.extra().waits.rest.replace(rest),
            None => Some(rest),
        }
    }

    /// That by which the place is taken back, for the last wait.
    pub(crate) fn take_rest(&mut self, id: TaskId) -> Option<Box<dyn Rest>> {
        let waits = &mut self.tasks.get_mut(id)?.extra.as_mut()?.waits;
        let rest = if waits.count == 1 { waits.rest.take() } else { None };
        waits.returning |= rest.is_some();
        rest
    }

    /// A wait is over, which `has_returned` if it was the one that took the place back. If others go on though the place
    /// was taken back, returns what is to be given up again.
    pub(crate) fn rest_ends(&mut self, id: TaskId, has_returned: bool) -> Option<Place> {
        let waits = &mut self.tasks.get_mut(id)?.extra.as_mut()?.waits;
        waits.count = waits.count.saturating_sub(1);
        waits.returning &= !has_returned;
        let is_back = waits.rest.is_none() && !waits.returning;
        if waits.count > 0 && is_back { self.place_of(id) } else { None }
    }
}
