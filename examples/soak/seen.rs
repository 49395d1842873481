//! What a reader has seen of its job, and what must hold of it: at each event, and once the job has ended.

use std::collections::HashMap;
use std::sync::Arc;

use milepost::{
    Event, EventStream, JobCompleted, ProgressWindow, StreamEvent, TaskCompleted, TaskId,
    TaskProgressUpdated, TaskState, TaskStateChanged, Timestamp,
};

use crate::tasks::{Last, TOO_LATE, Truths};
use crate::tools::World;

/// The kinds of lifecycle events, as places in [`Seen::kinds`].
const KINDS: usize = 5;

/// What a stream gives, of whatever kind it is.
pub(crate) trait Readable: StreamEvent + 'static {
    /// The kinds of lifecycle events among them.
    const READS: &'static [usize];

    fn see(self, seen: &mut Seen);
}

impl Readable for Event {
    const READS: &'static [usize] = &[0, 1, 2, 3, 4];

    fn see(self, seen: &mut Seen) {
        seen.event(self);
    }
}

impl Readable for ProgressWindow {
    const READS: &'static [usize] = &[];

    fn see(self, seen: &mut Seen) {
        self.updates.iter().for_each(|update| seen.told(update));
    }
}

macro_rules! readable {
    ($($event:ident: $reads:expr,)*) => {$(
        impl Readable for $event {
            const READS: &'static [usize] = &$reads;

            fn see(self, seen: &mut Seen) {
                seen.event(Event::$event(self));
            }
        }
    )*};
}

readable! {
    TaskStateChanged: [2],
    TaskProgressUpdated: [],
    TaskCompleted: [3],
    JobCompleted: [4],
}

/// Where a reader began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// With the first event: it must have seen all.
    First,
    /// With the first one after this one.
    After(u64),
    /// With the first one that was retained.
    Retained,
}

pub(crate) struct Seen {
    world: Arc<World>,
    /// Which reader of which job.
    pub(crate) name: String,
    pub(crate) from: From,
    reads: &'static [usize],
    /// It reads all kinds: sequence numbers must be dense.
    all: bool,
    pub(crate) last_seq: u64,
    at: Timestamp,
    /// How many of each kind, and the sum of their numbers.
    kinds: [(u64, u64); KINDS],
    pub(crate) told: HashMap<TaskId, Last>,
    states: HashMap<TaskId, (TaskState, u32)>,
    pub(crate) ended: HashMap<TaskId, (TaskState, Last)>,
    job_completed: bool,
    pub(crate) events: u64,
}

impl Seen {
    pub(crate) fn new<E: Readable>(world: &Arc<World>, name: String, from: From) -> Seen {
        Seen {
            world: world.clone(),
            name,
            from,
            reads: E::READS,
            all: E::READS.len() == KINDS,
            last_seq: if let From::After(seq) = from { seq } else { 0 },
            at: Timestamp::from_micros(0),
            kinds: Default::default(),
            told: HashMap::new(),
            states: HashMap::new(),
            ended: HashMap::new(),
            job_completed: false,
            events: 0,
        }
    }

    pub(crate) fn read<E: Readable>(&mut self, event: E) {
        self.events += 1;
        event.see(self);
    }

    /// Nothing says yet where it began.
    fn is_new(&self) -> bool {
        self.from == From::Retained && self.last_seq == 0
    }

    fn wrong(&self, what: &str) {
        self.world.wrong(format!("{}: {what}", self.name));
    }

    fn event(&mut self, event: Event) {
        if self.job_completed {
            self.wrong(&format!("after the job's completion: {event:?}"));
        }
        if let Some(seq) = event.seq() {
            let gap = self.all && seq != self.last_seq + 1 && !self.is_new();
            if gap || seq <= self.last_seq {
                self.wrong(&format!("{event:?} comes after the event {}", self.last_seq));
            }
            if event.at() < self.at {
                self.wrong(&format!("time goes back: {event:?}"));
            }
            (self.last_seq, self.at) = (seq, event.at());
        }
        let kind = match &event {
            Event::TaskProgressUpdated(update) => {
                if self.all && update.after > self.last_seq && !self.is_new() {
                    self.wrong(&format!("before the event that it came after: {update:?}"));
                }
                return self.told(update);
            }
            Event::JobStateChanged(_) => 0,
            Event::TaskAdded(_) => 1,
            Event::TaskStateChanged(change) => {
                let before = self.states.insert(change.task, (change.to, change.attempt));
                let expected = before.map_or(TaskState::Pending, |(state, _)| state);
                let known = before.is_some() || self.from == From::First;
                if known && change.from != expected {
                    self.wrong(&format!("the task was {expected}: {change:?}"));
                }
                2
            }
            Event::TaskCompleted(end) => {
                let last = Last {
                    attempt: end.attempt,
                    progress: end.progress,
                    total: end.total,
                    message: end.message.clone(),
                };
                if self.ended.insert(end.task, (end.state, last)).is_some() {
                    self.wrong(&format!("a second completion: {end:?}"));
                }
                3
            }
            Event::JobCompleted(_) => {
                self.job_completed = true;
                4
            }
            _ => return self.wrong(&format!("an unknown event: {event:?}")),
        };
        self.kinds[kind].0 += 1;
        self.kinds[kind].1 += event.seq().unwrap_or_default();
    }

    fn told(&mut self, update: &TaskProgressUpdated) {
        let last = Last {
            attempt: update.attempt,
            progress: update.progress,
            total: update.total,
            message: update.message.clone(),
        };
        if last.progress == Some(TOO_LATE) {
            self.wrong(&format!("a report after the attempt's end was told: {update:?}"));
        }
        if let Some((state, attempt)) = self.states.get(&update.task)
            && (state.is_terminal() || *attempt != update.attempt)
        {
            self.wrong(&format!("the task is {state} in attempt {attempt}: {update:?}"));
        }
        if let Some(before) = self.told.insert(update.task, last)
            && (before.attempt, before.progress) > (update.attempt, update.progress)
        {
            self.wrong(&format!("progress goes back from {before:?}: {update:?}"));
        }
    }

    /// What must hold for this reader once it is through, by what the first reader of all events has seen.
    pub(crate) fn check(&self, all: &Seen, reads_progress: bool) {
        if self.from == From::First {
            for &kind in self.reads {
                let (mine, all) = (self.kinds[kind], all.kinds[kind]);
                if mine != all {
                    self.wrong(&format!(
                        "events of kind {kind}: {mine:?} (number, sum) of {all:?}"
                    ));
                }
            }
        }
        if reads_progress {
            for (task, (state, last)) in &all.ended {
                self.check_last(*task, *state, last);
            }
        }
    }

    /// Whether the last progress of a task that is in its completion was told (G4, G5).
    fn check_last(&self, task: TaskId, state: TaskState, last: &Last) {
        let told = self.told.get(&task);
        let right = if last.is_empty() {
            told.is_none_or(|told| told.attempt < last.attempt)
        } else {
            told == Some(last)
        };
        if !right && (self.from == From::First || told.is_some()) {
            self.wrong(&format!("{task} ({state}) ended with {last:?}; told was {told:?}"));
        }
    }

    /// What must hold of the job, by the first reader of all its events.
    pub(crate) fn check_job(&self, tasks: usize, last_seq: u64, truths: &Truths) {
        if (self.last_seq, self.job_completed) != (last_seq, true) {
            let last = self.last_seq;
            self.wrong(&format!("it ended at the event {last} of {last_seq}, without the job's"));
        }
        let counts = (self.kinds[1].0 as usize, self.kinds[3].0 as usize, self.kinds[4].0);
        if counts != (tasks, tasks, 1) || self.ended.len() != tasks {
            self.wrong(&format!("{counts:?} tasks added, tasks and jobs ended, of {tasks} tasks"));
        }
        for (task, (state, last)) in &self.ended {
            if state.is_success() && truths.get(*task).as_ref() != Some(last) {
                let truth = truths.get(*task);
                self.wrong(&format!("{task} completed with {last:?}; it reported {truth:?}"));
            }
        }
    }
}

/// The events that a stream has now.
pub(crate) fn now<E: Readable>(stream: &mut EventStream<E>, seen: &mut Seen) {
    while let Some(event) = stream.try_recv() {
        seen.read(event);
    }
}
