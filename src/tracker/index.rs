//! The jobs by id, by state and by end, and which of the ended are kept. Looks at no job (T3).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::marks::{End, Mark};
use super::record::JobRecord;
use super::tombs::{Tomb, Tombs};
use super::unknown::{Limit, UnknownJob};
use crate::base::Timer;
use crate::job::core::JobCore;
use crate::job::watch::Made;
use crate::model::{JobId, JobState, Properties, Timestamp};

/// A job as it is kept.
#[derive(Clone)]
pub(super) enum Tracked {
    Live(Arc<Made>),
    /// It has ended, and its record is yet to be made.
    Ending(Arc<Made>, Arc<JobCore>),
    Ended(Arc<Kept>),
}

/// The record of a job that has ended, with the memory that it takes.
pub(super) struct Kept {
    pub(super) record: JobRecord,
    bytes: usize,
}

impl Kept {
    pub(super) fn new(record: JobRecord) -> Kept {
        Kept { bytes: record.bytes(), record }
    }
}

impl Tracked {
    /// What never changes: name, properties, time of creation.
    pub(super) fn fixed(&self) -> (&str, &Properties, Timestamp) {
        match self {
            Tracked::Live(made) | Tracked::Ending(made, _) => {
                (&made.name, &made.properties, made.created_at)
            }
            Tracked::Ended(kept) => {
                let JobRecord { name, properties, created_at, .. } = &kept.record;
                // A record that is kept has all its parts.
                let created_at = created_at.unwrap_or(Timestamp::from_micros(0));
                (name.as_deref().unwrap_or_default(), properties, created_at)
            }
        }
    }
}

/// Where a job is filed.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) state: JobState,
    /// The number of its end, or [`LIVE`].
    pub(super) end: u64,
}

/// In place of the number of an end: it sorts behind all of them.
pub(super) const LIVE: u64 = u64::MAX;

/// What is to be dropped after the lock (T4).
pub(super) type Garbage = Vec<Tracked>;

/// What is kept of the ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) retention: Duration,
    pub(super) max_jobs: usize,
    pub(super) max_bytes: usize,
}

/// A place in the queue of the ended, which they leave in order (T6).
struct Leaving {
    job: JobId,
    ended_at: Timestamp,
    /// None if that is beyond what the clock reaches.
    until: Option<Instant>,
}

pub(super) struct Index {
    limits: Limits,
    places: HashMap<JobId, Place>,
    pub(super) by_state: [BTreeMap<JobId, Tracked>; JobState::ALL.len()],
    /// Of each terminal state, by the numbers of their ends.
    pub(super) by_end: [BTreeMap<u64, JobId>; JobState::ALL.len()],
    ends: u64,
    ended: VecDeque<Leaving>,
    /// Those whose records are yet to be made.
    ending: VecDeque<JobId>,
    bytes: usize,
    tombs: Tombs,
    /// Rings when the first of the ended may go; there as long as one is to.
    pub(super) timer: Option<Timer>,
    /// How many jobs were walked over.
    #[cfg(test)]
    pub(super) walked: std::cell::Cell<usize>,
}

impl Index {
    pub(super) fn new(limits: Limits) -> Index {
        Index {
            limits,
            places: HashMap::new(),
            by_state: Default::default(),
            by_end: Default::default(),
            ends: 0,
            ended: VecDeque::new(),
            ending: VecDeque::new(),
            bytes: 0,
            tombs: Tombs::new(),
            timer: None,
            #[cfg(test)]
            walked: Default::default(),
        }
    }

    /// Applies what was marked (T1), and lets go of the ended whose time is over or that are too many.
    pub(super) fn bring_up(&mut self, marks: Vec<Mark>, now: Instant, garbage: &mut Garbage) {
        for mark in marks {
            match mark {
                Mark::New(made, state) => self.insert(made, state),
                Mark::Changed(job, state) => self.change(job, state),
                Mark::Ended(end) => self.end(end, garbage),
                Mark::Gone(job) => {
                    garbage.extend(self.take(job));
                    self.tombs.bury(job, Tomb::Dropped);
                }
            }
        }
        self.let_go(now, garbage);
    }

    fn insert(&mut self, made: Made, state: JobState) {
        let job = made.id;
        self.places.insert(job, Place { state, end: LIVE });
        self.by_state[state as usize].insert(job, Tracked::Live(Arc::new(made)));
    }

    fn change(&mut self, job: JobId, state: JobState) {
        let Some(place) = self.places.get_mut(&job) else { return };
        let from = std::mem::replace(&mut place.state, state);
        if let Some(tracked) = self.by_state[from as usize].remove(&job) {
            self.by_state[state as usize].insert(job, tracked);
        }
    }

    fn end(&mut self, end: End, garbage: &mut Garbage) {
        let End { job, state, at, noted, core } = end;
        // A job is marked as new before, and as ended once, by a section of its own, in which it is there.
        let (Some(Tracked::Live(made)), Some(core)) = (self.take(job), core) else { return };
        self.ends += 1;
        self.places.insert(job, Place { state, end: self.ends });
        self.by_end[state as usize].insert(self.ends, job);
        self.by_state[state as usize].insert(job, Tracked::Ending(made, core));
        let until = noted.checked_add(self.limits.retention);
        self.ended.push_back(Leaving { job, ended_at: at, until });
        self.ending.push_back(job);
        self.evict(garbage);
    }

    /// Takes a job out, wherever it is filed.
    fn take(&mut self, job: JobId) -> Option<Tracked> {
        let Place { state, end } = self.places.remove(&job)?;
        if end != LIVE {
            self.by_end[state as usize].remove(&end);
        }
        let tracked = self.by_state[state as usize].remove(&job)?;
        if let Tracked::Ended(kept) = &tracked {
            self.bytes -= kept.bytes;
        }
        Some(tracked)
    }

    fn let_go(&mut self, now: Instant, garbage: &mut Garbage) {
        while let Some(first) = self.ended.front()
            && first.until.is_some_and(|until| until <= now)
        {
            self.bury_first(Tomb::Expired, garbage);
        }
        self.evict(garbage);
    }

    fn evict(&mut self, garbage: &mut Garbage) {
        let Limits { max_jobs, max_bytes, .. } = self.limits;
        while self.ended.len() > max_jobs {
            self.bury_first(|at| Tomb::Evicted(at, Limit::Jobs(max_jobs)), garbage);
        }
        while self.bytes > max_bytes && !self.ended.is_empty() {
            self.bury_first(|at| Tomb::Evicted(at, Limit::Bytes(max_bytes)), garbage);
        }
    }

    fn bury_first(&mut self, tomb: impl FnOnce(Timestamp) -> Tomb, garbage: &mut Garbage) {
        if let Some(Leaving { job, ended_at, .. }) = self.ended.pop_front() {
            garbage.extend(self.take(job));
            self.tombs.bury(job, tomb(ended_at));
        }
    }

    /// When the first of the ended may go.
    pub(super) fn first_until(&self) -> Option<Instant> {
        self.ended.front()?.until
    }

    /// Whether records are to be made.
    pub(super) fn has_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// The next job that has ended whose record is to be made; it is given out once.
    pub(super) fn next_ending(&mut self) -> Option<Arc<JobCore>> {
        loop {
            let job = self.ending.pop_front()?;
            if let Some(Tracked::Ending(_, core)) = self.find(job) {
                return Some(core.clone());
            }
        }
    }

    /// Puts the record of a job that has ended in its place (T5).
    pub(super) fn keep(&mut self, kept: Kept, garbage: &mut Garbage) {
        let (job, bytes) = (kept.record.job, kept.bytes);
        let Some(place) = self.places.get(&job) else { return };
        if let Some(tracked) = self.by_state[place.state as usize].get_mut(&job) {
            garbage.push(std::mem::replace(tracked, Tracked::Ended(Arc::new(kept))));
            self.bytes += bytes;
            self.evict(garbage);
        }
    }

    pub(super) fn place(&self, job: JobId) -> Option<Place> {
        self.places.get(&job).copied()
    }

    pub(super) fn find(&self, job: JobId) -> Option<&Tracked> {
        self.by_state[self.place(job)?.state as usize].get(&job)
    }

    pub(super) fn why_unknown(&self, job: JobId) -> UnknownJob {
        self.tombs.why(job)
    }

    /// The jobs that have not ended.
    pub(super) fn live(&self) -> Vec<Arc<JobCore>> {
        let tracked = self.by_state.iter().flat_map(BTreeMap::values);
        let live = tracked.filter_map(|tracked| match tracked {
            Tracked::Live(made) => made.core.upgrade(),
            _ => None,
        });
        live.collect()
    }
}
