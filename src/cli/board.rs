//! What is known of jobs, folded from their events and from nothing else: a live job and a log give the same board.
//! Knows no terminal and no clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::event_log::JobDescribed;
use crate::model::{
    Event, JobId, JobState, TaskCompleted, TaskId, TaskProgressUpdated, TaskState,
    TaskStateChanged, Timestamp,
};

/// Jobs, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Board {
    jobs: BTreeMap<JobId, JobView>,
}

/// What is known of a job.
#[derive(Debug)]
pub(super) struct JobView {
    pub(super) name: Option<Arc<str>>,
    pub(super) state: JobState,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    pub(super) added: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
    pub(super) canceled: usize,
    /// How many tasks there will be, if somebody said so.
    pub(super) expected: Option<usize>,
    pub(super) running: BTreeMap<TaskId, Running>,
    /// The last lifecycle event.
    seq: u64,
    /// Those that have not ended.
    tasks: HashMap<TaskId, Known>,
}

/// What is known of a task that has not ended.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    /// When its first attempt began.
    began: Option<Timestamp>,
}

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    pub(super) name: Arc<str>,
    pub(super) attempt: u32,
    pub(super) state: TaskState,
    pub(super) since: Timestamp,
    pub(super) progress: Option<f64>,
    pub(super) total: Option<f64>,
    pub(super) unit: Option<Arc<str>>,
    pub(super) message: Option<Arc<str>>,
}

/// A task that has ended just now.
#[derive(Debug, PartialEq)]
pub(super) struct Ended {
    /// It is the n-th of its job that has, from 1.
    pub(super) number: usize,
    /// From the beginning of its first attempt; none if it had none.
    pub(super) took: Option<Duration>,
}

impl Board {
    /// Takes an event in. Tells of a task that has ended by it.
    pub(super) fn apply(&mut self, event: &Event) -> Option<Ended> {
        let job = self.jobs.entry(event.job()).or_default();
        if let Some(seq) = event.seq() {
            if seq <= job.seq {
                // A log that was replaced or truncated is read again from its beginning.
                return None;
            }
            job.seq = seq;
        }
        match event {
            Event::JobStateChanged(change) => {
                job.name = Some(change.name.clone());
                job.state = change.to;
                if change.to != JobState::Pending {
                    job.started.get_or_insert(change.at);
                }
            }
            Event::TaskAdded(added) => {
                job.added += 1;
                job.tasks.insert(added.task, Known { name: added.name.clone(), began: None });
            }
            Event::TaskStateChanged(change) => job.change(change),
            Event::TaskProgressUpdated(update) => job.update(update),
            Event::TaskCompleted(ended) => return Some(job.end(ended)),
            Event::JobCompleted(ended) => {
                job.state = ended.state;
                job.ended = Some(ended.at);
                job.running.clear();
                job.tasks.clear();
            }
        }
        None
    }

    /// Says how many tasks a job will have, which no event tells.
    pub(super) fn expect(&mut self, job: JobId, tasks: usize) {
        self.jobs.entry(job).or_default().expected = Some(tasks);
    }

    /// The same of a log, which says it if it is known.
    pub(super) fn describe(&mut self, described: &JobDescribed) {
        let job = self.jobs.entry(described.job).or_default();
        job.name = Some(described.name.clone());
        job.expected = described.expected;
    }

    /// Leaves out the jobs that have ended.
    pub(super) fn forget_ended(&mut self) {
        self.jobs.retain(|_, job| !job.state.is_terminal());
    }

    pub(super) fn job(&self, job: JobId) -> Option<&JobView> {
        self.jobs.get(&job)
    }

    pub(super) fn jobs(&self) -> impl ExactSizeIterator<Item = (JobId, &JobView)> {
        self.jobs.iter().map(|(id, job)| (*id, job))
    }
}

impl JobView {
    fn change(&mut self, change: &TaskStateChanged) {
        if !change.to.is_active() {
            self.running.remove(&change.task);
            return;
        }
        let known = self.tasks.get_mut(&change.task);
        let name = known.map(|known| {
            known.began.get_or_insert(change.at);
            known.name.clone()
        });
        let begin = || Running {
            name: name.unwrap_or_else(|| format!("task {}", change.task).into()),
            attempt: change.attempt,
            state: change.to,
            since: change.at,
            progress: None,
            total: None,
            unit: None,
            message: None,
        };
        let running = self.running.entry(change.task).or_insert_with(begin);
        running.state = change.to;
    }

    fn update(&mut self, update: &TaskProgressUpdated) {
        if let Some(running) =
            self.running.get_mut(&update.task).filter(|running| running.attempt == update.attempt)
        {
            (running.progress, running.total) = (update.progress, update.total);
            (running.unit, running.message) = (update.unit.clone(), update.message.clone());
        }
    }

    fn end(&mut self, task: &TaskCompleted) -> Ended {
        self.running.remove(&task.task);
        let began = self.tasks.remove(&task.task).and_then(|known| known.began);
        match task.state {
            TaskState::Completed => self.completed += 1,
            TaskState::Canceled => self.canceled += 1,
            _ => self.failed += 1,
        }
        Ended { number: self.ended(), took: began.map(|began| task.at.duration_since(began)) }
    }

    /// How many tasks have ended.
    pub(super) fn ended(&self) -> usize {
        self.completed + self.failed + self.canceled
    }

    /// How many tasks there are, as far as that is known.
    pub(super) fn total(&self) -> usize {
        self.expected.unwrap_or(0).max(self.added).max(self.ended() + self.running.len())
    }

    /// The time that the job has run for.
    pub(super) fn elapsed(&self, now: Timestamp) -> Duration {
        let started = self.started.unwrap_or(now);
        self.ended.unwrap_or(now).duration_since(started)
    }

    /// Which share of its tasks is done, those that run counted by their progress; none while their number is unknown.
    pub(super) fn fraction(&self) -> Option<f64> {
        self.expected?;
        let running: f64 = self.running.values().filter_map(Running::fraction).sum();
        let total = self.total().max(1);
        Some(((self.ended() as f64 + running) / total as f64).min(1.0))
    }

    /// How long it will take from now on, if it goes on as before.
    pub(super) fn left(&self, now: Timestamp) -> Option<Duration> {
        let fraction =
            self.fraction().filter(|fraction| *fraction > 0.0 && self.ended.is_none())?;
        let left = self.elapsed(now).as_secs_f64() * (1.0 - fraction) / fraction;
        Duration::try_from_secs_f64(left).ok()
    }
}

impl Running {
    /// Its share done, if it has said where it ends.
    pub(super) fn fraction(&self) -> Option<f64> {
        match (self.progress, self.total) {
            (Some(progress), Some(total)) if total > 0.0 => {
                Some((progress / total).clamp(0.0, 1.0))
            }
            _ => None,
        }
    }
}

impl Default for JobView {
    fn default() -> JobView {
        JobView {
            name: None,
            state: JobState::Pending,
            started: None,
            ended: None,
            added: 0,
            completed: 0,
            failed: 0,
            canceled: 0,
            expected: None,
            running: BTreeMap::new(),
            seq: 0,
            tasks: HashMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::job::{Job, TaskError};

    const SECOND: Duration = Duration::from_secs(1);

    fn fold(board: &mut Board, job: &Job) -> Vec<Ended> {
        let mut events = job.events();
        std::iter::from_fn(|| events.try_recv()).filter_map(|event| board.apply(&event)).collect()
    }

    #[test]
    fn a_board_is_what_the_events_say() {
        let clock = ManualClock::new();
        let job = Job::builder("copy").clock(clock.clock()).build().expect("it makes sense");
        let now = || Timestamp::from_micros(clock.clock().wall_micros());
        let (a, b) = (job.reporter("a").expect("taken"), job.reporter("b").expect("taken"));
        let _waits = job.reporter("c").expect("taken");
        a.running().expect("it can");
        b.running().expect("it can");
        b.set_total(4);
        b.set_progress(1);
        b.set_message("reading");
        clock.advance(SECOND);
        a.fail(TaskError::msg("no")).expect("it can");

        let mut board = Board::default();
        assert_eq!(fold(&mut board, &job), [Ended { number: 1, took: Some(SECOND) }]);
        let view = board.job(job.id()).expect("it is known");
        assert_eq!(view.name.as_deref(), Some("copy"));
        assert_eq!((view.total(), view.failed, view.running.len()), (3, 1, 1));
        let running = view.running.values().next().expect("one runs");
        assert_eq!((&*running.name, running.fraction()), ("b", Some(0.25)));
        assert_eq!(running.message.as_deref(), Some("reading"));
        assert_eq!((view.elapsed(now()), view.left(now())), (SECOND, None));

        // One and a quarter of four in a second.
        board.expect(job.id(), 5);
        let view = board.job(job.id()).expect("it is known");
        assert_eq!((view.fraction(), view.left(now())), (Some(0.25), Some(SECOND * 3)));
    }

    #[test]
    fn a_log_without_its_beginning_does_no_harm() {
        let job = Job::new("late");
        let task = job.reporter("a").expect("taken");
        task.running().expect("it can");
        let mut events = job.events().after(2);
        task.complete(()).expect("it can");
        drop((task, job));
        let mut board = Board::default();
        let ended: Vec<_> = std::iter::from_fn(|| events.try_recv())
            .filter_map(|event| board.apply(&event))
            .collect();
        assert_eq!(ended.len(), 1);
        let (_, view) = board.jobs().next().expect("one job");
        assert_eq!((view.ended(), view.total(), view.running.len()), (1, 1, 0));
        assert_eq!(view.state, JobState::Completed);
    }
}
