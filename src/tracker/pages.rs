//! The walk over the index that finds the jobs of a query, in its order. Looks at no job (T3).

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use super::index::{Index, Kept, LIVE, Tracked};
use super::query::{Order, Query};
use super::summary::Summary;
use crate::job::core::JobCore;
use crate::model::{JobId, JobState};

/// A job that may be wanted, to be judged without the index.
pub(super) enum Candidate {
    Job(Arc<JobCore>),
    Record(Arc<Kept>),
}

impl Candidate {
    /// None if the job is gone, of which there is a mark by now or in a moment.
    pub(super) fn of(tracked: &Tracked) -> Option<Candidate> {
        Some(match tracked {
            Tracked::Live(made) => Candidate::Job(made.core.upgrade()?),
            Tracked::Ending(_, core) => Candidate::Job(core.clone()),
            Tracked::Ended(kept) => Candidate::Record(kept.clone()),
        })
    }
}

/// Where a job stands in the order: the number of its end if that counts, and its id, which is ordered by creation.
type Rank = (u64, JobId);

type Walk<'a> = Box<dyn Iterator<Item = (Rank, &'a Tracked)> + 'a>;

impl Index {
    /// The first `most` jobs that are in the states of the query and fit it by what never changes, in its order.
    pub(super) fn candidates(&self, query: &Query, most: usize) -> Vec<Candidate> {
        self.walk(query).filter_map(|(_, tracked)| Candidate::of(tracked)).take(most).collect()
    }

    /// How many jobs are in each state of the query, and fit it by what never changes.
    pub(super) fn count(&self, query: &Query) -> Summary {
        let mut summary = Summary::default();
        if query.is_by_state() {
            for state in query.states_to_look_in() {
                summary.add(state, self.by_state[state as usize].len());
            }
        } else if query.ids.is_some() {
            for ((_, job), _) in self.walk(query) {
                if let Some(place) = self.place(job) {
                    summary.add(place.state, 1);
                }
            }
        } else {
            for state in query.states_to_look_in() {
                let jobs = self.by_state[state as usize].values();
                summary.add(state, jobs.filter(|tracked| self.fits(query, tracked)).count());
            }
        }
        summary
    }

    /// The jobs in the states of a query that fit it by what never changes, in its order.
    fn walk<'a>(&'a self, query: &'a Query) -> Walk<'a> {
        let order = query.order;
        if let Some(ids) = &query.ids {
            return self.walk_ids(ids, query);
        }
        // Ruled out before they are merged, which costs more.
        let fitting = |state| -> Walk<'a> {
            let walk = self.walk_state(state, order);
            Box::new(walk.filter(|(_, tracked)| self.fits(query, tracked)))
        };
        let walks = query.states_to_look_in().map(|state| fitting(state).peekable());
        Box::new(Merged { walks: walks.collect(), descends: order.descends() })
    }

    fn walk_ids<'a>(&'a self, ids: &[JobId], query: &Query) -> Walk<'a> {
        let states: Vec<JobState> = query.states_to_look_in().collect();
        let find = |job: &JobId| {
            let place = self.place(*job).filter(|place| states.contains(&place.state))?;
            let end = if query.order.by_end() { place.end } else { LIVE };
            let tracked = self.find(*job).filter(|tracked| self.fits(query, tracked))?;
            Some(((end, *job), tracked))
        };
        let mut found: Vec<(Rank, &Tracked)> = ids.iter().filter_map(find).collect();
        found.sort_unstable_by_key(|(rank, _)| *rank);
        directed(found.into_iter(), query.order)
    }

    fn fits(&self, query: &Query, tracked: &Tracked) -> bool {
        #[cfg(test)]
        self.walked.set(self.walked.get() + 1);
        let (name, properties, created_at) = tracked.fixed();
        query.fits(name, properties, created_at)
    }

    /// The jobs in one state.
    fn walk_state(&self, state: JobState, order: Order) -> Walk<'_> {
        let by_id: &BTreeMap<JobId, Tracked> = &self.by_state[state as usize];
        if order.by_end() && state.is_terminal() {
            let ends = self.by_end[state as usize].iter();
            let ranked = ends.filter_map(|(end, job)| Some(((*end, *job), by_id.get(job)?)));
            return directed(ranked, order);
        }
        directed(by_id.iter().map(|(job, tracked)| ((LIVE, *job), tracked)), order)
    }
}

fn directed<'a>(
    walk: impl DoubleEndedIterator<Item = (Rank, &'a Tracked)> + 'a,
    order: Order,
) -> Walk<'a> {
    if order.descends() { Box::new(walk.rev()) } else { Box::new(walk) }
}

/// Sorted walks as one.
struct Merged<'a> {
    walks: Vec<Peekable<Walk<'a>>>,
    descends: bool,
}

impl<'a> Iterator for Merged<'a> {
    type Item = (Rank, &'a Tracked);

    fn next(&mut self) -> Option<Self::Item> {
        let mut first: Option<(Rank, usize)> = None;
        for (at, walk) in self.walks.iter_mut().enumerate() {
            let Some((rank, _)) = walk.peek() else { continue };
            let goes_first = first.is_none_or(|(other, _)| (*rank < other) != self.descends);
            if goes_first {
                first = Some((*rank, at));
            }
        }
        self.walks[first?.1].next()
    }
}
