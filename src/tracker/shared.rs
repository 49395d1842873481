//! What all handles of a tracker share: the index with its lock, and when it is brought up to date. Knows no query.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::audience::Audience;
use super::index::{Garbage, Index, Kept, Limits};
use super::marks::Marks;
use super::record::{JobRecord, Selection};
use crate::base::{Alarm, Clock, Timer, drop_contained, run_on_pool};

pub(super) struct Shared {
    itself: Weak<Shared>,
    pub(super) clock: Clock,
    pub(super) marks: Arc<Marks>,
    index: Mutex<Index>,
    pub(super) audience: Mutex<Audience>,
}

impl Shared {
    pub(super) fn new(clock: Clock, limits: Limits) -> Arc<Shared> {
        Arc::new_cyclic(|itself: &Weak<Shared>| Shared {
            itself: itself.clone(),
            marks: Marks::new(itself.clone(), clock.clone()),
            clock,
            index: Mutex::new(Index::new(limits)),
            audience: Mutex::default(),
        })
    }

    /// Runs `look` on the index as it is now (T1).
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut Index, &mut Garbage) -> R) -> R {
        let mut garbage = Garbage::new();
        let result = self.look_leaving(&mut garbage, look);
        drop_contained("the drop of a job", garbage);
        result
    }

    /// The same, for one who has another lock and drops what is left after it (T4).
    pub(super) fn look_leaving<R>(
        &self,
        garbage: &mut Garbage,
        look: impl FnOnce(&mut Index, &mut Garbage) -> R,
    ) -> R {
        let mut index = self.index.lock();
        // Taken under the lock: what was marked first is applied first.
        index.bring_up(self.marks.take(), self.clock.now(), garbage);
        let result = look(&mut index, garbage);
        self.set_timer(&mut index);
        result
    }

    /// Has a timer as long as something is to expire (T6). It may ring early, as what it is for may have been evicted.
    fn set_timer(&self, index: &mut Index) {
        match (index.first_until(), index.timer) {
            (Some(until), None) => {
                let expiry = Arc::new(Expiry(self.itself.clone()));
                index.timer = Some(self.clock.arm(until, expiry));
            }
            (None, Some(timer)) => {
                self.clock.disarm(timer);
                index.timer = None;
            }
            _ => {}
        }
    }

    /// Applies what was marked, and makes the records of those that have ended.
    pub(super) fn settle(&self) {
        loop {
            let Some(core) = self.look(|index, _| index.next_ending()) else {
                // In this order: what others have applied before is seen by the look, and what comes after has a settling of
                // its own.
                if self.marks.rest() && !self.look(|index, _| index.has_ending()) {
                    return;
                }
                continue;
            };
            let record = JobRecord::of_job(&core, Selection::ALL, |_| true);
            if let Some(record) = record {
                let kept = Kept::new(record.without_errors());
                self.look(|index, garbage| index.keep(kept, garbage));
            }
            drop_contained("the drop of a job", core);
        }
    }

    /// The same, but not here: this may be a worker's thread or the ticker. By a manual clock it is done before time goes on.
    pub(super) fn settle_soon(self: &Arc<Self>) {
        let shared = self.clone();
        if self.clock.is_manual() || run_on_pool(move || shared.settle()).is_err() {
            self.settle();
        }
    }
}

/// Rings when the first of the ended may go.
struct Expiry(Weak<Shared>);

impl Alarm for Expiry {
    fn ring(self: Arc<Self>, timer: Timer) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut index = shared.index.lock();
        index.timer.take_if(|armed| *armed == timer);
        drop(index);
        shared.settle_soon();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(timer) = self.index.get_mut().timer {
            self.clock.disarm(timer);
        }
        drop_contained("the drop of a job", self.marks.close());
        self.audience.get_mut().close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::job::Job;
    use crate::model::JobState;
    use crate::tracker::{Order, Query};

    const LIMITS: Limits =
        Limits { retention: Duration::from_secs(60), max_jobs: 1_000, max_bytes: usize::MAX };

    fn walked(shared: &Shared, query: &Query, most: usize) -> (usize, usize) {
        shared.look(|index, _| {
            index.walked.set(0);
            let found = index.candidates(query, most).len();
            (found, index.walked.get())
        })
    }

    #[test]
    fn a_query_by_state_walks_over_its_matches_only() {
        let shared = Shared::new(crate::base::ManualClock::new().clock(), LIMITS);
        let jobs: Vec<Job> = (0..500).map(|_| Job::new("job")).collect();
        let mut reporters = Vec::new();
        for (n, job) in jobs.iter().enumerate() {
            shared.track(job.core());
            if n % 50 == 0 {
                let task = job.reporter("task").expect("it takes tasks");
                task.running().expect("a new task can run");
                reporters.push(task);
            }
        }
        let query = Query::new().state(JobState::Running);
        assert_eq!(walked(&shared, &query, usize::MAX), (10, 10));
        assert_eq!(walked(&shared, &query, 3), (3, 3));
        drop((reporters, jobs));
        let ended = Query::new().ended().order(Order::LastEndedFirst);
        // Some have failed, others completed: of each state, one is looked at ahead.
        let (found, looked_at) = walked(&shared, &ended, 7);
        assert!(found == 7 && looked_at <= 8, "{looked_at} for {found}");
        assert_eq!(walked(&shared, &query, usize::MAX), (0, 0));
    }

    #[test]
    fn there_is_one_timer_while_something_is_to_expire_and_else_none() {
        let manual = crate::base::ManualClock::new();
        let shared = Shared::new(manual.clock(), LIMITS);
        let jobs: Vec<Job> = (0..10).map(|_| Job::new("job")).collect();
        jobs.iter().for_each(|job| shared.track(job.core()));
        assert_eq!(manual.clock().armed(), 0);
        for job in jobs {
            drop(job);
            manual.advance(Duration::from_secs(1));
            assert_eq!(manual.clock().armed(), 1);
        }
        manual.advance(Duration::from_secs(50));
        assert_eq!(manual.clock().armed(), 1);
        assert_eq!(walked(&shared, &Query::new(), usize::MAX).0, 9);
        manual.advance(Duration::from_secs(9));
        assert_eq!(manual.clock().armed(), 0);
        assert_eq!(walked(&shared, &Query::new(), usize::MAX).0, 0);
        // And none is left behind.
        let last = Job::new("job");
        shared.track(last.core());
        drop(last);
        assert_eq!(manual.clock().armed(), 1);
        drop(shared);
        assert_eq!(manual.clock().armed(), 0);
    }
}
