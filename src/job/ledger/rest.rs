//! Tasks whose code waits and that have given up their places meanwhile. Knows not how a place is given up.

use std::sync::Arc;

use super::state::Ledger;
use super::table::Waits;
use crate::job::scheduler::{Rest, Scheduler};
use crate::meter::SlotRef;
use crate::model::{Resources, TaskId};

/// What the attempt of a task has of its scheduler.
pub(crate) struct Place {
    pub(crate) scheduler: Option<Arc<dyn Scheduler>>,
    pub(crate) resources: Option<Arc<Resources>>,
}

/// What is to be done when a wait is over.
pub(crate) enum AfterRest {
    Nothing,
    /// Others go on though the place was taken back: it is to be given up again.
    GiveUp(Place),
    /// The code was given up while it waited: its scheduler has lost a worker.
    Lost,
}

impl Ledger {
    /// What a task has of its scheduler, which is none if somebody else runs it.
    pub(crate) fn place_of(&self, id: TaskId) -> Option<Place> {
        let entry = self.tasks.get(id)?;
        let scheduler = if entry.runner.is_scheduler() { self.scheduler() } else { None };
        let resources = entry.settings().and_then(|settings| settings.resources.clone());
        Some(Place { scheduler, resources })
    }

    /// The code of the attempt that has this slot waits. Returns what it has, and whether that is to be given up, unless it
    /// was. None if the attempt is over: then it has no place any more.
    pub(crate) fn rest_begins(&mut self, id: TaskId, slot: &SlotRef) -> Option<(Place, bool)> {
        if slot.is_ended() {
            return None;
        }
        let waits = &mut self.tasks.get_mut(id)?.extra().waits;
        waits.count += 1;
        let is_first = waits.count == 1;
        Some((self.place_of(id)?, is_first))
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

    /// A wait of the attempt that has this slot is over, which `has_returned` if it was the one that took the place back.
    pub(crate) fn rest_ends(
        &mut self,
        id: TaskId,
        slot: &SlotRef,
        has_returned: bool,
    ) -> AfterRest {
        // Of a task that has gone nothing else waits.
        let mut gone = Waits { count: 1, ..Waits::default() };
        let extra = self.tasks.get_mut(id).and_then(|entry| entry.extra.as_mut());
        let waits = extra.map_or(&mut gone, |extra| &mut extra.waits);
        waits.count = waits.count.saturating_sub(1);
        waits.returning &= !has_returned;
        let is_back = waits.rest.is_none() && !waits.returning;
        match waits.count {
            0 if slot.is_abandoned() => AfterRest::Lost,
            1.. if is_back => self.place_of(id).map_or(AfterRest::Nothing, AfterRest::GiveUp),
            _ => AfterRest::Nothing,
        }
    }
}
