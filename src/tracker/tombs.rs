//! Why a job is not known any more: remembered of the youngest that are gone, by id. Knows no live job.

use std::collections::BTreeMap;

use super::unknown::{Limit, UnknownJob};
use crate::model::{JobId, Timestamp};

/// Of how many it is remembered.
const REMEMBERED: usize = 100_000;

/// Why a job was let go of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tomb {
    Expired(Timestamp),
    Evicted(Timestamp, Limit),
    Dropped,
}

pub(super) struct Tombs {
    most: usize,
    by_id: BTreeMap<JobId, Tomb>,
    /// Ids are ordered by time: of those up to this one it is not known whether there were such jobs.
    forgotten: Option<JobId>,
}

impl Tombs {
    pub(super) fn new() -> Tombs {
        Tombs { most: REMEMBERED, by_id: BTreeMap::new(), forgotten: None }
    }

    pub(super) fn bury(&mut self, job: JobId, tomb: Tomb) {
        self.by_id.insert(job, tomb);
        if self.by_id.len() > self.most
            && let Some((oldest, _)) = self.by_id.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(oldest));
        }
    }

    pub(super) fn why(&self, job: JobId) -> UnknownJob {
        match self.by_id.get(&job) {
            Some(Tomb::Expired(ended_at)) => UnknownJob::Expired { job, ended_at: *ended_at },
            Some(Tomb::Evicted(ended_at, limit)) => {
                UnknownJob::Evicted { job, ended_at: *ended_at, limit: *limit }
            }
            Some(Tomb::Dropped) => UnknownJob::Dropped { job },
            None if self.forgotten.is_some_and(|forgotten| job <= forgotten) => {
                UnknownJob::Forgotten { job }
            }
            None => UnknownJob::NeverSeen { job },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ids_are_forgotten_and_known_to_be() {
        let mut tombs = Tombs { most: 2, ..Tombs::new() };
        let ids: Vec<JobId> = (0..5).map(|_| JobId::unique()).collect();
        // The first one lives for long: it goes last.
        for at in [1, 2, 3, 0] {
            tombs.bury(ids[at], Tomb::Dropped);
        }
        let why = |at: usize| tombs.why(ids[at]);
        assert_eq!(why(0), UnknownJob::Forgotten { job: ids[0] });
        assert_eq!(why(1), UnknownJob::Forgotten { job: ids[1] });
        assert_eq!(why(2), UnknownJob::Dropped { job: ids[2] });
        assert_eq!(why(3), UnknownJob::Dropped { job: ids[3] });
        assert_eq!(why(4), UnknownJob::NeverSeen { job: ids[4] });
    }
}
