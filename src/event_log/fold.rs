//! A job as its events tell it, one after the other. The same as the job's ledger shows, without what drives it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::record::JobDescribed;
use crate::model::{
    Counted, Event, JobId, JobSnapshot, JobState, Properties, TaskAdded, TaskCompleted, TaskId,
    TaskProgressUpdated, TaskSnapshot, TaskState, TaskStateChanged, Timestamp, progress_of,
};

#[derive(Debug, Clone)]
pub(super) struct JobFold {
    id: JobId,
    name: Arc<str>,
    properties: Properties,
    state: JobState,
    /// The last lifecycle event.
    seq: u64,
    missing: u64,
    created_at: Option<Timestamp>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    expected: Option<usize>,
    /// A log whose beginning is lost has not all of them.
    tasks: BTreeMap<TaskId, TaskFold>,
}

#[derive(Debug, Clone)]
struct TaskFold {
    shown: TaskSnapshot,
    weight: Option<f64>,
    declared_unit: Option<Arc<str>>,
}

impl TaskFold {
    fn new(task: TaskId) -> TaskFold {
        let shown = TaskSnapshot {
            task,
            name: Arc::default(),
            state: TaskState::Pending,
            attempt: 1,
            progress: None,
            total: None,
            unit: None,
            message: None,
            properties: Properties::default(),
            error: None,
        };
        TaskFold { shown, weight: None, declared_unit: None }
    }

    fn counted(&self) -> Counted<'_> {
        Counted {
            weight: self.weight,
            declared_unit: self.declared_unit.as_ref(),
            ended: self.shown.state.is_terminal(),
            progress: self.shown.progress,
            total: self.shown.total,
            unit: self.shown.unit.as_ref(),
        }
    }
}

impl JobFold {
    pub(super) fn new(id: JobId) -> JobFold {
        JobFold {
            id,
            name: Arc::default(),
            properties: Properties::default(),
            state: JobState::Pending,
            seq: 0,
            missing: 0,
            created_at: None,
            started_at: None,
            ended_at: None,
            expected: None,
            tasks: BTreeMap::new(),
        }
    }

    pub(super) fn id(&self) -> JobId {
        self.id
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    pub(super) fn describe(&mut self, described: &JobDescribed) {
        let JobDescribed { name, properties, created_at, expected, .. } = described;
        (self.name, self.properties) = (name.clone(), properties.clone());
        self.created_at = Some(*created_at);
        // A later part may say again what was known before the end, which knows better.
        if self.ended_at.is_none() {
            self.expected = *expected;
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        if let Some(seq) = event.seq() {
            if seq <= self.seq {
                return;
            }
            self.missing += seq - self.seq - 1;
            self.seq = seq;
        }
        // A log without a description has nothing better.
        self.created_at.get_or_insert(event.at());
        match event {
            Event::JobStateChanged(event) => {
                (self.name, self.properties) = (event.name.clone(), event.properties.clone());
                self.state = event.to;
                // One that is canceled before it begins has not begun.
                if event.from == JobState::Pending
                    && matches!(event.to, JobState::Submitted | JobState::Running)
                {
                    self.started_at = Some(event.at);
                }
            }
            Event::JobCompleted(event) => {
                (self.state, self.ended_at) = (event.state, Some(event.at));
                self.expected = Some(event.counts.total());
            }
            Event::TaskAdded(event) => self.add(event),
            Event::TaskStateChanged(event) => self.change(event),
            Event::TaskProgressUpdated(event) => self.update(event),
            Event::TaskCompleted(event) => self.complete(event),
        }
    }

    fn task(&mut self, id: TaskId) -> &mut TaskFold {
        self.tasks.entry(id).or_insert_with(|| TaskFold::new(id))
    }

    fn add(&mut self, event: &TaskAdded) {
        let task = self.task(event.task);
        task.shown.name = event.name.clone();
        task.shown.properties = event.properties.clone();
        (task.weight, task.declared_unit) = (event.weight, event.unit.clone());
    }

    fn change(&mut self, event: &TaskStateChanged) {
        let shown = &mut self.task(event.task).shown;
        shown.state = event.to;
        if shown.attempt != event.attempt {
            shown.attempt = event.attempt;
            // Reports are of an attempt, properties of the task.
            (shown.progress, shown.total, shown.unit, shown.message) = (None, None, None, None);
        }
    }

    fn update(&mut self, event: &TaskProgressUpdated) {
        let shown = &mut self.task(event.task).shown;
        // Another telling of the job may be behind.
        if event.attempt < shown.attempt || shown.state.is_terminal() {
            return;
        }
        let TaskProgressUpdated { progress, total, unit, message, properties, .. } = event;
        (shown.progress, shown.total) = (*progress, *total);
        (shown.unit, shown.message) = (unit.clone(), message.clone());
        shown.properties = properties.clone();
    }

    fn complete(&mut self, event: &TaskCompleted) {
        let TaskCompleted { name, attempt, state, progress, total, unit, .. } = event;
        let shown = &mut self.task(event.task).shown;
        (shown.name, shown.attempt, shown.state) = (name.clone(), *attempt, *state);
        (shown.progress, shown.total, shown.unit) = (*progress, *total, unit.clone());
        (shown.message, shown.error) = (event.message.clone(), event.error.clone());
        shown.properties = event.properties.clone();
    }

    /// The names of which all tasks have completed.
    pub(super) fn completed_names(&self) -> BTreeSet<Arc<str>> {
        let all = || self.tasks.values().map(|task| &task.shown);
        let open: BTreeSet<_> =
            all().filter(|task| !task.state.is_success()).map(|task| &task.name).collect();
        let completed = all().filter(|task| task.state.is_success() && !open.contains(&task.name));
        completed.map(|task| task.name.clone()).collect()
    }

    pub(super) fn snapshot(&self) -> JobSnapshot {
        let counted = self.tasks.values().map(|task| (task.shown.state, task.counted()));
        let expected = self.expected.map(|expected| expected.max(self.tasks.len()));
        JobSnapshot {
            job: self.id,
            name: self.name.clone(),
            properties: self.properties.clone(),
            state: self.state,
            seq: self.seq,
            created_at: self.created_at.unwrap_or(Timestamp::from_micros(0)),
            started_at: self.started_at,
            ended_at: self.ended_at,
            progress: progress_of(counted, expected),
            tasks: self.tasks.values().map(|task| task.shown.clone()).collect(),
        }
    }
}
