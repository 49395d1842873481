//! What becomes of one job, folded into metrics event by event. Knows no name of a metric; reads no clock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::instruments::Instruments;
use crate::bus::{Change, Turn};
use crate::job::core::JobCore;
use crate::job::subscribe;
use crate::model::{JobState, TaskId, TaskState, Timestamp};

/// So many tasks have room in any case.
const ROOM: usize = 64;

/// A job on its way: what its next events are to be compared with.
pub(super) struct Fold {
    to: Arc<Instruments>,
    /// The state in which the job is counted; none while it is in none.
    state: Option<JobState>,
    started: Option<Timestamp>,
    /// Those that have not ended; each is counted in its state.
    tasks: HashMap<TaskId, Live>,
}

/// A task that has not ended, with what is known of its present attempt.
#[derive(Clone, Copy)]
struct Live {
    state: TaskState,
    since: Timestamp,
    attempt: u32,
    /// Whether the attempt has run.
    begun: bool,
    /// Whether all of `spent` was seen.
    whole: bool,
    /// How long the attempt has waited; once it has begun, how long it has run.
    spent: Duration,
}

impl Fold {
    /// Folds all events of a job, from the first one that is left, by a callback: in order, off the threads that run tasks.
    pub(super) fn begin(core: &Arc<JobCore>, to: Arc<Instruments>) {
        let fold = Arc::new(Mutex::new(Fold::new(to)));
        let folds = fold.clone();
        subscribe(core, move |turn: &Turn| folds.lock().turn(turn));
        // Now that the callback is there: what follows on this state is told to it, whatever the job frees. No lock is held
        // meanwhile, as without a thread of its own the callback is called here.
        let state = core.look(|ledger| ledger.state());
        fold.lock().found(state);
    }

    fn new(to: Arc<Instruments>) -> Fold {
        Fold { to, state: None, started: None, tasks: HashMap::new() }
    }

    /// The job was seen in a state, unless its events have told one by now.
    fn found(&mut self, state: JobState) {
        if self.state.is_none() {
            self.state = Some(state);
            self.to.job_is(state);
        }
    }

    fn turn(&mut self, turn: &Turn) {
        let at = Timestamp::from_micros(turn.record.at);
        match turn.record.change {
            Change::Job { to, .. } => self.job_entered(to, at),
            Change::Added { task } => {
                self.tasks.insert(task, Live::new(TaskState::Pending, 1, at));
                self.to.task_entered(TaskState::Pending);
            }
            Change::Task { task, attempt, from, to, .. } => {
                let mut entry = match self.tasks.entry(task) {
                    Entry::Occupied(known) => {
                        self.to.task_left(known.get().state);
                        known
                    }
                    Entry::Vacant(new) => new.insert_entry(Live::found(from, attempt, at)),
                };
                let live = entry.get_mut();
                if live.attempt != attempt {
                    self.to.retried(turn.cause.as_ref().map(|cause| cause.kind));
                }
                live.enter(attempt, to, at, &self.to);
                if to.is_terminal() {
                    entry.remove();
                    self.give_back();
                }
            }
            // They say again what the changes of state have said.
            Change::Completed { .. } | Change::JobCompleted { .. } => {}
        }
    }

    fn job_entered(&mut self, to: JobState, at: Timestamp) {
        if let Some(left) = self.state.replace(to) {
            self.to.job_left(left);
        }
        self.to.job_is(to);
        if to == JobState::Submitted {
            self.started = Some(at);
        }
        if to.is_terminal() {
            self.to.job_ended(to);
            if let Some(started) = self.started {
                self.to.took(at.duration_since(started));
            }
        }
    }

    /// Gives memory back when most tasks have ended.
    fn give_back(&mut self) {
        let room = self.tasks.capacity();
        if room > ROOM && self.tasks.len() < room / 8 {
            self.tasks.shrink_to(room / 4);
        }
    }
}

impl Live {
    fn new(state: TaskState, attempt: u32, since: Timestamp) -> Live {
        Live { state, since, attempt, begun: false, whole: true, spent: Duration::ZERO }
    }

    /// A task whose first events are not there any more, as it was when it left a state.
    fn found(state: TaskState, attempt: u32, at: Timestamp) -> Live {
        let ran = [TaskState::Running, TaskState::Suspended, TaskState::Canceling];
        Live { begun: ran.contains(&state), whole: false, ..Live::new(state, attempt, at) }
    }

    fn enter(&mut self, attempt: u32, state: TaskState, at: Timestamp, to: &Instruments) {
        self.pass(at);
        if self.attempt != attempt || state.is_terminal() {
            if self.begun && self.whole {
                to.ran(self.spent);
            }
            *self = Live::new(state, attempt, at);
        }
        if state == TaskState::Running && !self.begun {
            to.attempt_began();
            if self.whole {
                to.waited(self.spent);
            }
            (self.begun, self.whole, self.spent) = (true, true, Duration::ZERO);
        }
        to.task_entered(state);
        self.state = state;
    }

    /// Time goes on to `at`, in the present state.
    fn pass(&mut self, at: Timestamp) {
        let counts = match self.state {
            TaskState::Submitted | TaskState::Assigned => !self.begun,
            TaskState::Running | TaskState::Canceling => self.begun,
            _ => false,
        };
        if counts {
            self.spent += at.duration_since(self.since);
        }
        self.since = at;
    }
}

#[cfg(test)]
mod tests {
    use metrics::NoopRecorder;

    use super::*;

    #[test]
    fn what_events_have_told_of_a_job_is_not_undone_by_how_it_was_found() {
        let to = Arc::new(Instruments::register(&NoopRecorder, &[]));
        let mut fold = Fold::new(to);
        let (from, to) = (JobState::Pending, JobState::Submitted);
        let record = crate::bus::Record { at: 0, change: Change::Job { from, to }, caused: false };
        fold.turn(&Turn { seq: 1, record, cause: None });
        fold.found(JobState::Pending);
        assert_eq!(fold.state, Some(JobState::Submitted));
    }

    #[test]
    fn memory_is_for_tasks_that_have_not_ended() {
        let to = Arc::new(Instruments::register(&NoopRecorder, &[]));
        let mut fold = Fold::new(to);
        let mut turn = |change| {
            let record = crate::bus::Record { at: 0, change, caused: false };
            fold.turn(&Turn { seq: 1, record, cause: None });
        };
        let (from, to) = (TaskState::Pending, TaskState::Canceled);
        let all = (0..10_000).map(TaskId::new);
        all.clone().for_each(|task| turn(Change::Added { task }));
        all.skip(1).for_each(|task| {
            turn(Change::Task { task, attempt: 1, from, to, observed: false });
        });
        assert_eq!(fold.tasks.len(), 1);
        assert!(fold.tasks.capacity() <= 2 * ROOM, "room for {}", fold.tasks.capacity());
    }
}
