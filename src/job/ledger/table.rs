//! The table of tasks, by id. Tasks at its front go when nobody needs them any more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::base::Timer;
use crate::job::options::TaskSettings;
use crate::job::scheduler::Rest;
use crate::job::work::Work;
use crate::meter::{Reading, SlotId};
use crate::model::{Cause, Counted, Failure, Output, Properties, TaskId, TaskState};

/// Who runs a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// A scheduler, once.
    Once,
    /// A scheduler, as often as need be.
    Repeatedly,
    /// The future that [`Job::run`](crate::Job::run) gave.
    Driven,
    /// Somebody else, who reports.
    Reporter,
}

impl Runner {
    /// Who runs `work`.
    pub(crate) fn of(work: &dyn Work) -> Runner {
        if work.is_repeatable() { Runner::Repeatedly } else { Runner::Once }
    }

    pub(crate) fn is_scheduler(self) -> bool {
        matches!(self, Runner::Once | Runner::Repeatedly)
    }
}

/// Who adds a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adder {
    /// Somebody who gets a [`TaskHandle`](crate::TaskHandle).
    Handle,
    /// Somebody who runs it, too.
    Producer,
    /// A feed.
    Feed,
}

pub(crate) struct TaskEntry {
    pub(crate) name: Arc<str>,
    /// What to run; away while it runs, gone when it won't run again.
    pub(crate) work: Option<Box<dyn Work>>,
    pub(crate) extra: Option<Box<Extra>>,
    /// The slot of the present attempt.
    pub(crate) slot: Option<SlotId>,
    pub(crate) attempt: u32,
    pub(crate) state: TaskState,
    pub(crate) runner: Runner,
    /// A [`TaskHandle`](crate::TaskHandle) may ask for it.
    pub(crate) handled: bool,
    /// All readers have passed its end.
    pub(crate) retired: bool,
}

/// What few tasks have, or only for some time.
#[derive(Default)]
pub(crate) struct Extra {
    pub(crate) settings: Option<Box<TaskSettings>>,
    pub(crate) error: Option<Arc<Failure>>,
    pub(crate) output: Option<Output>,
    pub(crate) published: Option<Arc<serde_json::Value>>,
    pub(crate) canceled: Option<Arc<Cause>>,
    /// When the attempt has run for long enough, or the next one is due.
    pub(crate) timer: Option<Timer>,
    /// When the grace period of a cancellation is over.
    pub(crate) grace: Option<Timer>,
    /// The attempt was asked to stop so that another one may follow.
    pub(crate) vacating: Option<Vacating>,
    /// The task is to be held when it is submitted.
    pub(crate) held: Option<Arc<Cause>>,
    /// The task was asked to park.
    pub(crate) suspended: Option<Arc<Cause>>,
    /// Why it was asked to go on.
    pub(crate) resumed: Option<Arc<Cause>>,
    /// What is left of the timeout of an attempt that has parked.
    pub(crate) time_left: Option<Duration>,
    pub(crate) waits: Waits,
    /// How many attempts have failed, and how many were lost.
    pub(crate) failed: u32,
    pub(crate) lost: u32,
    /// The output was handed to a reader of outputs.
    pub(crate) output_taken: bool,
}

/// An attempt that was asked to stop so that another one may follow.
pub(crate) struct Vacating {
    /// `Submitted` or `Held`.
    pub(super) to: TaskState,
    pub(super) cause: Arc<Cause>,
}

/// The waits of a task's code.
#[derive(Default)]
pub(crate) struct Waits {
    pub(super) count: u32,
    /// By which the last of them takes the place back.
    pub(super) rest: Option<Box<dyn Rest>>,
    /// It was handed out for that, and is on its way.
    pub(super) returning: bool,
}

impl Waits {
    pub(super) fn rests(&self) -> bool {
        self.count > 0
    }
}

impl TaskEntry {
    pub(crate) fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    pub(crate) fn settings(&self) -> Option<&TaskSettings> {
        self.extra.as_ref()?.settings.as_deref()
    }

    /// What was noted of it as it was added.
    pub(crate) fn properties(&self) -> Properties {
        self.settings().map(|settings| settings.properties.clone()).unwrap_or_default()
    }

    /// The same, as what is told before the first report.
    pub(crate) fn added(&self) -> Reading {
        Reading::of_properties(self.properties())
    }

    /// What it counts for its job, having reported `reading`.
    pub(crate) fn counted<'a>(&'a self, reading: &'a Reading) -> Counted<'a> {
        let settings = self.settings();
        Counted {
            weight: settings.and_then(|settings| settings.weight),
            declared_unit: settings.and_then(|settings| settings.unit.as_ref()),
            ended: self.state.is_terminal(),
            progress: reading.progress,
            total: reading.total(),
            unit: reading.detail.as_ref().and_then(|detail| detail.unit.as_ref()),
        }
    }

    /// Whether nobody can ask for it any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.retired && !self.handled
    }

    pub(crate) fn error(&self) -> Option<Arc<Failure>> {
        self.extra.as_ref()?.error.clone()
    }
}

#[derive(Default)]
pub(crate) struct TaskTable {
    entries: VecDeque<TaskEntry>,
    /// The id of the first entry.
    first: u32,
}

impl TaskTable {
    /// How many tasks were ever added.
    pub(crate) fn len(&self) -> usize {
        self.first as usize + self.entries.len()
    }

    /// The id that the next task gets; none if there are no more ids.
    pub(crate) fn next_id(&self) -> Option<TaskId> {
        u32::try_from(self.len()).ok().filter(|id| *id < u32::MAX).map(TaskId::new)
    }

    pub(crate) fn push(&mut self, entry: TaskEntry) {
        self.entries.push_back(entry);
    }

    pub(crate) fn get(&self, id: TaskId) -> Option<&TaskEntry> {
        self.entries.get(id.index().checked_sub(self.first as usize)?)
    }

    pub(crate) fn get_mut(&mut self, id: TaskId) -> Option<&mut TaskEntry> {
        self.entries.get_mut(id.index().checked_sub(self.first as usize)?)
    }

    /// The ids of the tasks that are still here.
    pub(crate) fn ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        (self.first..self.len() as u32).map(TaskId::new)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskId, &TaskEntry)> {
        self.ids().zip(&self.entries)
    }

    /// Takes out retired entries at the front.
    pub(crate) fn trim(&mut self) -> impl Iterator<Item = TaskEntry> {
        let needed = |entry: &TaskEntry| !entry.is_gone();
        let there = self.entries.iter().position(needed).unwrap_or(self.entries.len());
        self.first += there as u32;
        // Most hold nothing any more.
        self.entries.drain(..there).filter(|entry| entry.extra.is_some())
    }
}

impl TaskTable {
    /// Takes all entries out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = TaskEntry> + use<> {
        std::mem::take(&mut self.entries).into_iter()
    }
}
