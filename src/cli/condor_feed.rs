//! What HTCondor's logs say, as events of theirs or as entries of Milepost's own log. Prints nothing.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream as _;
use futures::stream::SelectAll;

use super::following::Feed;
use super::problems::Problem;
use crate::bus::EventStream;
use crate::condor::{self, Jobs, Logs, Next};
use crate::event_log::{Entry, JobDescribed};
use crate::job::Job;
use crate::model::Event;

/// The events of logs, as HTCondor has them.
pub(super) struct CondorEvents(pub(super) Logs);

impl Feed for CondorEvents {
    type Entry = condor::Event;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<condor::Event, Problem>> {
        loop {
            match self.0.poll(cx) {
                Poll::Ready(Next::Read(log, read)) if log.is_asked_for() => {
                    return Poll::Ready(read.map_err(|error| Problem::from(&error)));
                }
                Poll::Ready(_) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// HTCondor opens a log for each event.
    fn is_written(&self) -> Option<bool> {
        None
    }
}

/// The jobs that the events of logs tell of, as entries of an event log.
pub(super) struct CondorJobs {
    pub(super) logs: Logs,
    pub(super) jobs: Told,
}

/// Jobs with their events.
#[derive(Default)]
pub(super) struct Told {
    jobs: Jobs,
    streams: SelectAll<EventStream<Event>>,
    /// Those of which it was not said yet how many tasks they will have.
    undescribed: Vec<Job>,
    descriptions: Vec<JobDescribed>,
}

impl Told {
    /// Of logs that are read afterwards.
    pub(super) fn by_log_time() -> Told {
        Told { jobs: Jobs::builder().by_log_time().build(), ..Told::default() }
    }

    /// Takes what was read of a log.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Jobs)) {
        change(&mut self.jobs);
        for job in self.jobs.opened() {
            self.streams.push(job.events());
            self.undescribed.push(job);
        }
    }

    /// All that is there was read.
    fn caught_up(&mut self) {
        self.jobs.caught_up_and_forget();
        let described = self.undescribed.drain(..).map(|job| JobDescribed::of(job.core()));
        self.descriptions.extend(described);
    }

    /// What has become of the jobs since.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        match Pin::new(&mut self.streams).poll_next(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Feed for CondorJobs {
    type Entry = Entry;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Entry, Problem>> {
        loop {
            if let Poll::Ready(event) = self.jobs.poll(cx) {
                return Poll::Ready(Ok(Entry::Event(event)));
            }
            if let Some(described) = self.jobs.descriptions.pop() {
                return Poll::Ready(Ok(Entry::Job(described)));
            }
            match self.logs.poll(cx) {
                Poll::Ready(Next::Read(log, Ok(event))) => {
                    self.jobs.change(|jobs| jobs.apply_of(&log, &event));
                }
                Poll::Ready(Next::Read(_, Err(error))) => {
                    return Poll::Ready(Err(Problem::from(&error)));
                }
                Poll::Ready(Next::CaughtUp) => self.jobs.caught_up(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_written(&self) -> Option<bool> {
        None
    }
}
