//! What is read from the ledger: events in full, snapshots, results. Changes nothing but who waits.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Waker;
use std::time::Duration;

use super::state::Ledger;
use super::table::{Extra, TaskEntry};
use crate::base::WakerKey;
use crate::bus::{Change, Moment, Opened, Parked, Record, Shown, Start, Table, mask};
use crate::job::History;
use crate::job::outputs::{OutputQueue, Taken};
use crate::job::scheduler::Scheduler;
use crate::meter::Reading;
use crate::model::{
    Cause, Counts, Event, JobCompleted, JobProgress, JobSnapshot, JobState, JobStateChanged,
    Output, Properties, TaskAdded, TaskCompleted, TaskFailed, TaskId, TaskSnapshot, TaskState,
    Timestamp, progress_of,
};

/// A task's result, for whoever holds its handle.
pub(crate) type HandleResult = Result<(Option<Output>, bool), TaskFailed>;

impl Ledger {
    pub(crate) fn last_seq(&self) -> u64 {
        self.history.last_seq()
    }

    /// The number of the oldest lifecycle event that is retained.
    #[allow(dead_code, reason = "only the web server asks for it, which is a feature")]
    pub(crate) fn first_seq(&self) -> u64 {
        self.history.first_seq()
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { last_seq: self.history.last_seq(), stamp: self.board.stamp }
    }

    pub(crate) fn properties(&self) -> Properties {
        self.options.properties.clone()
    }

    pub(crate) fn state(&self) -> JobState {
        self.state
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn elapsed(&self) -> Duration {
        match (self.seldom.ended, self.queue.started) {
            (Some(ended), _) => ended.elapsed,
            (None, Some(started)) => {
                self.clock.elapsed(started, self.last_at.max(self.clock.wall_micros()))
            }
            (None, None) => Duration::ZERO,
        }
    }

    pub(crate) fn failures(&self) -> &[TaskFailed] {
        &self.seldom.failures
    }

    pub(crate) fn scheduler(&self) -> Option<Arc<dyn Scheduler>> {
        self.queue.scheduler.clone()
    }

    pub(crate) fn expect(&mut self, tasks: usize) {
        self.seldom.expected = Some(tasks);
        self.board.recount = true;
        if self.board.notices.has_readers() {
            self.windows().0.open();
        }
    }

    /// From here on, only feeds add tasks.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_submitted(&self) -> bool {
        self.queue.submitted
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many tasks have been added and have not ended.
    pub(crate) fn unfinished(&self) -> usize {
        self.tasks.len() - self.done
    }

    pub(crate) fn takes_tasks(&self) -> bool {
        !self.sealed && !self.state.is_terminal()
    }

    pub(crate) fn progress(&self) -> JobProgress {
        self.board.sums.progress(self.counts, self.expected())
    }

    /// How long progress is gathered for.
    pub(crate) fn window(&self) -> Duration {
        self.options.window
    }

    /// How many tasks there will be, if that is known.
    pub(crate) fn expected(&self) -> Option<usize> {
        let added = self.tasks.len();
        if self.sealed { Some(added) } else { self.seldom.expected.map(|n| n.max(added)) }
    }

    pub(crate) fn has(&self, id: TaskId) -> bool {
        self.entry(id).is_some()
    }

    pub(crate) fn task_name(&self, id: TaskId) -> Option<Arc<str>> {
        self.entry(id).map(|entry| entry.name.clone())
    }

    pub(crate) fn task_state(&self, id: TaskId) -> Option<TaskState> {
        self.entry(id).map(|entry| entry.state)
    }

    pub(crate) fn cancel_cause(&self, id: TaskId) -> Option<Arc<Cause>> {
        let extra = self.entry(id)?.extra.as_ref()?;
        let vacated = || extra.vacating.as_ref().map(|vacating| vacating.cause.clone());
        extra.canceled.clone().or_else(vacated)
    }

    pub(crate) fn task_snapshot(&self, id: TaskId) -> Option<TaskSnapshot> {
        self.entry(id).map(|entry| snapshot_of(id, entry, self.told_of(id)))
    }

    pub(crate) fn snapshot(&self) -> JobSnapshot {
        let there = self.tasks.iter().filter(|(_, entry)| !entry.is_gone());
        let there: Vec<_> = there.map(|(id, entry)| (id, entry, self.told_of(id))).collect();
        let progress = if there.len() < self.tasks.len() {
            self.progress()
        } else {
            // Of floats, running sums depend on the past. A snapshot is the same for whoever knows its tasks.
            let counted = there.iter().map(|(_, entry, told)| (entry.state, entry.counted(told)));
            progress_of(counted, self.expected())
        };
        let tasks = there.into_iter().map(|(id, entry, told)| snapshot_of(id, entry, told));
        JobSnapshot {
            job: self.id,
            name: self.name.clone(),
            properties: self.properties(),
            state: self.state,
            seq: self.history.last_seq(),
            created_at: self.created_at(),
            started_at: self.queue.started.map(|(_, at)| Timestamp::from_micros(at)),
            ended_at: self.seldom.ended.map(|ended| Timestamp::from_micros(ended.at)),
            progress,
            tasks: tasks.collect(),
        }
    }

    /// The result of a task that has ended; else registers the waker.
    pub(crate) fn result(
        &mut self,
        id: TaskId,
        key: &mut WakerKey,
        waker: &mut Option<Waker>,
    ) -> Option<HandleResult> {
        let result = self.result_now(id);
        if result.is_none() {
            self.seldom.handle_wakers.entry(id).or_default().register(key, 1, waker);
        }
        result
    }

    pub(crate) fn result_now(&self, id: TaskId) -> Option<HandleResult> {
        let entry = self.entry(id).filter(|entry| entry.state.is_terminal())?;
        if !entry.state.is_success() {
            return Some(Err(self.failure(id, entry)));
        }
        let extra = entry.extra.as_ref();
        let taken = extra.is_some_and(|extra| extra.output_taken);
        Some(Ok((extra.and_then(|extra| extra.output.clone()), taken)))
    }

    /// What a task is, as a failure, though it may have completed.
    pub(crate) fn as_failure(&self, id: TaskId) -> Option<TaskFailed> {
        self.entry(id).map(|entry| self.failure(id, entry))
    }

    #[must_use = "a waker is dropped outside of the lock"]
    pub(crate) fn forget_handle(&mut self, id: TaskId, key: &mut WakerKey) -> Option<Waker> {
        if let Some(entry) = self.tasks.get_mut(id) {
            entry.handled = false;
        }
        self.seldom.handle_wakers.get_mut(&id)?.forget(key)
    }

    /// Whether the job has ended; else registers the waker.
    pub(crate) fn poll_ended(&mut self, key: &mut WakerKey, waker: &mut Option<Waker>) -> bool {
        if !self.state.is_terminal() {
            self.wakers.register(key, mask::DONE, waker);
        }
        self.state.is_terminal()
    }

    #[must_use = "a waker is dropped outside of the lock"]
    pub(crate) fn forget(&mut self, key: &mut WakerKey) -> Option<Waker> {
        self.wakers.forget(key)
    }

    pub(crate) fn open(&mut self, start: Start, mask: u16) -> Opened {
        let seq = match start {
            Start::First => 0,
            Start::After(seq) => seq,
            Start::Now => self.history.last_seq(),
        };
        let cursor = (mask & mask::LIFECYCLE != 0).then(|| self.history.cursor_after(seq));
        let reads_progress = mask & (mask::PROGRESS | mask::WINDOW) != 0;
        // Readers of both find a task's last progress as long as they have not passed its end.
        let position = (self.options.history == History::Unread).then(|| {
            let (from, readers) = match &cursor {
                Some(cursor) => (cursor.seq(), &mut self.seldom.positions),
                None => (0, &mut self.seldom.stamps),
            };
            let position = Arc::new(AtomicU64::new(from));
            readers.push(Arc::downgrade(&position));
            position
        });
        Opened {
            cursor,
            notices: reads_progress.then(|| self.board.notices.subscribe()),
            last_seq: self.history.last_seq(),
            stamp: self.board.stamp,
            position,
        }
    }

    pub(crate) fn park(
        &mut self,
        key: &mut WakerKey,
        mask: u16,
        waker: &mut Option<Waker>,
        nothing: &mut dyn FnMut() -> bool,
    ) -> Parked {
        if !nothing() {
            return Parked::Ready;
        }
        if self.state.is_terminal() {
            return Parked::Ended;
        }
        self.wakers.register(key, mask, waker);
        Parked::Waiting
    }

    pub(crate) fn shown(&self, id: TaskId) -> Option<(u32, Shown)> {
        self.board.latest.get(id).map(|shown| (self.attempt_of(id), shown))
    }

    /// The attempt of a task that may have gone.
    fn attempt_of(&self, id: TaskId) -> u32 {
        let there = self.tasks.get(id).map(|entry| entry.attempt);
        there.or_else(|| self.seldom.retired.get(&id).copied()).unwrap_or(1)
    }

    pub(crate) fn table(&mut self, newer_than: u64, with_ended: bool) -> Table {
        let wanted = |id| {
            let ended = |entry: &TaskEntry| entry.state.is_terminal();
            with_ended || !self.entry(id).is_none_or(ended)
        };
        let newer = self.board.latest.newer(newer_than).filter(|(id, _)| wanted(*id));
        let shown = newer.map(|(id, shown)| (id, self.attempt_of(id), shown)).collect();
        Table {
            shown,
            stamp: self.board.stamp,
            last_seq: self.history.last_seq(),
            at: self.now(),
            progress: self.progress(),
        }
    }

    pub(crate) fn cause(&self, seq: u64) -> Option<Arc<Cause>> {
        self.seldom.causes.get(&seq).cloned()
    }

    /// The event of a record, with its name, cause, error and output.
    pub(crate) fn expand(&self, seq: u64, record: &Record) -> Event {
        let (job, at) = (self.id, Timestamp::from_micros(record.at));
        let cause = || if record.caused { self.cause(seq) } else { None };
        match record.change {
            Change::Job { from, to } => {
                let name = self.name.clone();
                Event::JobStateChanged(JobStateChanged {
                    job,
                    name,
                    seq,
                    at,
                    from,
                    to,
                    cause: cause(),
                    properties: self.properties(),
                })
            }
            Change::Added { task } => {
                let entry = self.entry(task);
                let name = entry.map(|entry| entry.name.clone()).unwrap_or_default();
                let properties = entry.map(TaskEntry::properties).unwrap_or_default();
                let settings = entry.and_then(TaskEntry::settings);
                Event::TaskAdded(TaskAdded {
                    job,
                    task,
                    name,
                    seq,
                    at,
                    weight: settings.and_then(|settings| settings.weight),
                    unit: settings.and_then(|settings| settings.unit.clone()),
                    properties,
                })
            }
            Change::Task { task, attempt, from, to, observed } => {
                Event::TaskStateChanged(crate::model::TaskStateChanged {
                    job,
                    task,
                    attempt,
                    seq,
                    at,
                    from,
                    to,
                    observed,
                    cause: cause(),
                })
            }
            Change::Completed { task, attempt, state } => {
                let entry = self.entry(task);
                let extra = entry.and_then(|entry| entry.extra.as_deref());
                let mut event = TaskCompleted {
                    job,
                    task,
                    name: entry.map(|entry| entry.name.clone()).unwrap_or_default(),
                    attempt,
                    seq,
                    at,
                    state,
                    progress: None,
                    total: None,
                    unit: None,
                    message: None,
                    properties: Properties::default(),
                    error: extra.and_then(|extra| extra.error.clone()),
                    published: extra.and_then(|extra| extra.published.clone()),
                    output: extra.and_then(|extra| extra.output.clone()),
                };
                event.set_report(self.told_of(task).report());
                Event::TaskCompleted(event)
            }
            Change::JobCompleted { state } => {
                let (counts, elapsed) = (self.counts, self.elapsed());
                Event::JobCompleted(JobCompleted { job, seq, at, state, counts, elapsed })
            }
        }
    }

    /// Sets outputs of a type aside from now on, those of ended tasks first. Returns the queue's number.
    pub(crate) fn read_outputs(&mut self, mut queue: OutputQueue) -> u64 {
        self.seldom.last_outputs += 1;
        let id = self.seldom.last_outputs;
        queue.id = id;
        for task in self.tasks.ids() {
            let Some(entry) = self.tasks.get_mut(task) else { continue };
            if !entry.state.is_success() {
                continue;
            }
            let unit: Output = Arc::new(());
            let has_output = |extra: &&mut Extra| extra.output.is_some() || extra.output_taken;
            match entry.extra.as_deref_mut().filter(has_output) {
                Some(extra) => {
                    if let Some(output) = extra.output.take_if(|output| queue.wants(output)) {
                        extra.output_taken = true;
                        queue.push(task, entry.name.clone(), output);
                    }
                }
                None if queue.wants(&unit) => queue.push(task, entry.name.clone(), unit),
                None => {}
            }
        }
        self.seldom.outputs.push(queue);
        id
    }

    /// Takes the next output of a queue; else registers the waker, unless the job has ended.
    pub(crate) fn take_output(
        &mut self,
        queue: u64,
        key: &mut WakerKey,
        waker: &mut Option<Waker>,
        effects: &mut crate::job::effects::Effects,
    ) -> Taken {
        let found = self.seldom.outputs.iter_mut().find(|outputs| outputs.id == queue);
        if let Some(output) = found.and_then(OutputQueue::pop) {
            self.tell_ready(effects);
            return Taken::Output(output);
        }
        if self.state.is_terminal() {
            return Taken::Ended;
        }
        self.wakers.register(key, mask::OUTPUT, waker);
        Taken::Nothing
    }

    /// Sets outputs of a queue aside no longer. Returns what was not taken, to be dropped outside of the lock.
    pub(crate) fn close_outputs(
        &mut self,
        queue: u64,
        effects: &mut crate::job::effects::Effects,
    ) -> Option<OutputQueue> {
        let at = self.seldom.outputs.iter().position(|outputs| outputs.id == queue)?;
        let closed = self.seldom.outputs.swap_remove(at);
        self.tell_ready(effects);
        Some(closed)
    }
}

pub(super) fn snapshot_of(task: TaskId, entry: &TaskEntry, told: Reading) -> TaskSnapshot {
    let report = told.report();
    TaskSnapshot {
        task,
        name: entry.name.clone(),
        state: entry.state,
        attempt: entry.attempt,
        progress: report.progress,
        total: report.total,
        unit: report.unit,
        message: report.message,
        properties: report.properties,
        error: entry.error(),
    }
}

impl Ledger {
    /// What holds user code, task by task, when the job goes.
    pub(crate) fn dismantle(
        &mut self,
    ) -> (impl Iterator<Item = TaskEntry> + use<>, Vec<TaskFailed>) {
        (self.tasks.drain(), std::mem::take(&mut self.seldom.failures))
    }
}
