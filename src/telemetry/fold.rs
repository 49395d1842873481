//! What becomes of one job, folded into metrics event by event. Knows no name of a metric; reads no clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::instruments::Instruments;
use crate::job::core::JobCore;
use crate::job::subscribe;
use crate::model::{
    JobState, JobStateChanged, TaskAdded, TaskId, TaskState, TaskStateChanged, Timestamp,
};

/// So many tasks have room in any case.
const ROOM: usize = 64;

/// A job on its way: what its next events are to be compared with.
pub(super) struct Fold {
    to: Arc<Instruments>,
    /// The state in which the job is counted.
    state: JobState,
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
    /// Folds all events of a job, from the first one that is left, by callbacks: in order, off the threads that run tasks.
    pub(super) fn begin(core: &Arc<JobCore>, to: Arc<Instruments>) {
        let (state, started) = (JobState::Pending, None);
        let fold = Fold { to, state, started, tasks: HashMap::new() };
        let fold = Arc::new(Mutex::new(fold));
        // The callbacks wait for it. They are there before the state is looked at: what follows on it is told, whatever the job frees.
        let mut first = fold.lock();
        let (job, added, changed) = (fold.clone(), fold.clone(), fold.clone());
        subscribe(core, move |event: &JobStateChanged| job.lock().job_changed(event));
        subscribe(core, move |event: &TaskAdded| added.lock().task_added(event));
        subscribe(core, move |event: &TaskStateChanged| changed.lock().task_changed(event));
        first.state = core.look(|ledger| ledger.state());
        first.to.job_is(first.state);
    }

    fn job_changed(&mut self, event: &JobStateChanged) {
        self.to.job_left(self.state);
        self.state = event.to;
        self.to.job_is(event.to);
        if event.to == JobState::Submitted {
            self.started = Some(event.at);
        }
        if event.to.is_terminal() {
            self.to.job_ended(event.to);
            if let Some(started) = self.started {
                self.to.duration.record(event.at.duration_since(started));
            }
        }
    }

    fn task_added(&mut self, event: &TaskAdded) {
        self.tasks.insert(event.task, Live::new(TaskState::Pending, 1, event.at));
        self.to.task_entered(TaskState::Pending);
    }

    fn task_changed(&mut self, event: &TaskStateChanged) {
        let before = self.tasks.get(&event.task);
        if let Some(task) = before {
            self.to.task_left(task.state);
        }
        let mut task = before.copied().unwrap_or_else(|| Live::found(event));
        task.pass(event.at);
        let is_next = event.attempt != task.attempt;
        if is_next || event.to.is_terminal() {
            if task.begun && task.whole {
                self.to.run.record(task.spent);
            }
            task = Live::new(event.to, event.attempt, event.at);
        }
        if is_next {
            self.to.retried(event.cause.as_ref().map(|cause| cause.kind));
        }
        if event.to == TaskState::Running && !task.begun {
            self.to.attempts.increment(1);
            if task.whole {
                self.to.queue.record(task.spent);
            }
            (task.begun, task.whole, task.spent) = (true, true, Duration::ZERO);
        }
        task.state = event.to;
        self.to.task_entered(event.to);
        if event.to.is_terminal() {
            self.forget(event.task);
        } else {
            self.tasks.insert(event.task, task);
        }
    }

    /// Gives memory back when most tasks have ended.
    fn forget(&mut self, task: TaskId) {
        self.tasks.remove(&task);
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

    /// A task whose first events are not there any more.
    fn found(event: &TaskStateChanged) -> Live {
        let begun = matches!(
            event.from,
            TaskState::Running | TaskState::Suspended | TaskState::Canceling
        );
        Live { begun, whole: false, ..Live::new(event.from, event.attempt, event.at) }
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
