//! What is known of several jobs, folded from their events and from nothing else: a live job and a log give the same board.
//! Knows no terminal and no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::event_log::JobDescribed;
use crate::model::{Event, JobId};
use crate::view::{Keep, Rows};

/// Jobs, in the order in which they were made. Of tasks, it knows those that have not ended.
#[derive(Debug, Default)]
pub(super) struct Board {
    jobs: BTreeMap<JobId, Known>,
}

/// What is known of a job.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) rows: Rows,
    /// How many tasks were to come, also if there are fewer in the end.
    pub(super) expected: Option<usize>,
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
    /// Takes an event in. Tells of a task that has ended by it, once: a log that was replaced or truncated is read again from
    /// its beginning.
    pub(super) fn apply(&mut self, event: &Event) -> Option<Ended> {
        let rows = &mut self.known(event.job()).rows;
        let Event::TaskCompleted(ended) = event else {
            rows.apply(event);
            return None;
        };
        let took = rows.task(ended.task, ended.at).and_then(|row| row.elapsed);
        let before = rows.version();
        rows.apply(event);
        let number = rows.counts().ended();
        (rows.version() != before).then_some(Ended { number, took })
    }

    /// Says how many tasks a job will have, which no event tells.
    pub(super) fn expect(&mut self, job: JobId, tasks: usize) {
        let known = self.known(job);
        known.expected = Some(tasks);
        known.rows.expect(tasks);
    }

    /// The same of a log, which says it if it is known.
    pub(super) fn describe(&mut self, described: &JobDescribed) {
        self.known(described.job).rows.call(described.name.clone());
        if let Some(tasks) = described.expected {
            self.expect(described.job, tasks);
        }
    }

    /// Leaves out the jobs that have ended.
    pub(super) fn forget_ended(&mut self) {
        self.jobs.retain(|_, job| !job.rows.state().is_terminal());
    }

    pub(super) fn job(&self, job: JobId) -> Option<&Known> {
        self.jobs.get(&job)
    }

    pub(super) fn jobs(&self) -> impl ExactSizeIterator<Item = (JobId, &Known)> {
        self.jobs.iter().map(|(id, job)| (*id, job))
    }

    /// The rows of all.
    pub(super) fn rows(&self) -> impl Iterator<Item = (JobId, &Rows)> {
        self.jobs().map(|(id, job)| (id, &job.rows))
    }

    fn known(&mut self, job: JobId) -> &mut Known {
        let new = || Known { rows: Rows::new().keep(Keep::Live), expected: None };
        self.jobs.entry(job).or_insert_with(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::job::{Job, TaskError};
    use crate::model::JobState;

    const SECOND: Duration = Duration::from_secs(1);

    fn fold(board: &mut Board, job: &Job) -> Vec<Ended> {
        let mut events = job.events();
        std::iter::from_fn(|| events.try_recv()).filter_map(|event| board.apply(&event)).collect()
    }

    #[test]
    fn an_end_is_told_once() {
        let clock = ManualClock::new();
        let job = Job::builder("copy").clock(clock.clock()).build().expect("it makes sense");
        let (a, b) = (job.reporter("a").expect("taken"), job.reporter("b").expect("taken"));
        a.running().expect("it can");
        clock.advance(SECOND);
        a.fail(TaskError::msg("no")).expect("it can");
        let mut board = Board::default();
        assert_eq!(fold(&mut board, &job), [Ended { number: 1, took: Some(SECOND) }]);
        assert_eq!(fold(&mut board, &job), []);
        drop(b);
        assert_eq!(fold(&mut board, &job), [Ended { number: 2, took: None }]);
        let known = board.job(job.id()).expect("it is known");
        assert!(known.rows.is_empty(), "what has ended takes no memory");
    }

    #[test]
    fn tasks_that_never_came_are_not_forgotten() {
        let open = Job::builder("copy").open().expect("it makes sense");
        let job = open.job();
        let mut board = Board::default();
        board.expect(job.id(), 5);
        job.reporter("a").expect("taken").run_blocking(|_| Ok(())).expect("it can");
        job.cancel("enough");
        drop(open);
        fold(&mut board, &job);
        let known = board.job(job.id()).expect("it is known");
        assert_eq!((known.expected, known.rows.state().is_terminal()), (Some(5), true));
        let now = crate::model::Timestamp::from_micros(0);
        assert_eq!(known.rows.job(now).expected, Some(1));
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
        let (_, known) = board.jobs().next().expect("one job");
        let row = known.rows.job(crate::model::Timestamp::from_micros(0));
        assert_eq!((row.counts.ended(), row.total_tasks(), row.counts.running()), (1, 1, 0));
        assert_eq!(row.state, JobState::Completed);
    }
}
