//! Which of the log and the queue is right: what polls saw and what the log said, to what is to be repaired. Pure: it asks nobody,
//! changes nothing, and knows no time.
//!
//! The log says more than polls do and mostly sooner, so polls only repair what it missed. A poll and the log may each be ahead of
//! the other, so that they differ once means nothing. What counts is that they differ in the same way in polls that follow one
//! another, while the log says nothing of the job in between (C6).

use std::collections::HashMap;

use super::JobStatus;
use crate::condor::JobKey;
use crate::condor::jobs::repair::Known;
use crate::model::TaskState;

/// What was found of a job by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Found {
    /// It is in the queue.
    InQueue(JobStatus),
    /// It is not in the queue; the history has it, with that status.
    InHistory(JobStatus),
    /// It is in neither, or the history was not asked.
    Nowhere,
}

/// What is to be told of a job that the log doesn't say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Repair {
    /// It does this.
    State(JobStatus),
    /// It has left the queue so.
    End(JobStatus),
    /// It has left the queue, and nothing says how.
    Lost,
}

/// So many polls that find a job nowhere are the end of it: histories are written a little later.
const LOST: u32 = 3;

/// So many polls that find the same are believed.
const SURE: u32 = 2;

/// What polls before this one have found that the log didn't say.
#[derive(Debug, Default)]
pub(super) struct Reconciler {
    doubts: HashMap<JobKey, Doubt>,
}

#[derive(Debug)]
struct Doubt {
    known: Known,
    found: Found,
    polls: u32,
    /// How many events the log had told of the job.
    heard: u64,
}

impl Reconciler {
    /// Whether it is time to ask the history for a job that is not in the queue any more: the log may be about to say it.
    pub(super) fn is_missed(&self, key: JobKey, heard: u64) -> bool {
        self.doubts.get(&key).is_some_and(|doubt| doubt.heard == heard && doubt.is_away())
    }

    /// Judges what a poll has found of a job, of which the log has told `heard` events up to now, all that were there to be
    /// read after the poll included.
    pub(super) fn judge(
        &mut self,
        key: JobKey,
        known: Known,
        heard: u64,
        found: Found,
    ) -> Option<Repair> {
        let Some(repair) = differs(known, found) else {
            self.doubts.remove(&key);
            return None;
        };
        let before = self.doubts.remove(&key);
        let before = before.filter(|doubt| {
            let as_found = doubt.found == found || (doubt.is_away() && found.is_away());
            doubt.known == known && doubt.heard == heard && as_found
        });
        let polls = before.map_or(0, |doubt| doubt.polls) + 1;
        if polls >= if repair == Repair::Lost { LOST } else { SURE } {
            return Some(repair);
        }
        self.doubts.insert(key, Doubt { known, found, polls, heard });
        None
    }

    /// Whether another poll would tell more soon.
    pub(super) fn doubts(&self) -> bool {
        !self.doubts.is_empty()
    }

    /// Whether it is about a cluster.
    pub(super) fn doubts_any(&self, cluster: i64) -> bool {
        self.doubts.keys().any(|key| key.cluster == cluster)
    }

    /// Forgets what was doubted of jobs that are not asked for any more.
    pub(super) fn keep(&mut self, mut is_asked: impl FnMut(JobKey) -> bool) {
        self.doubts.retain(|key, _| is_asked(*key));
    }
}

impl Doubt {
    fn is_away(&self) -> bool {
        self.found.is_away()
    }
}

impl Found {
    fn is_away(self) -> bool {
        !matches!(self, Found::InQueue(_))
    }
}

/// What would have to be told for the two to be the same; nothing if they may be.
fn differs(known: Known, found: Found) -> Option<Repair> {
    let state = match known {
        Known::Ended => return None,
        Known::Nothing => None,
        Known::Live(state) => Some(state),
    };
    let status = match found {
        Found::InQueue(status) => status,
        Found::InHistory(status) => return Some(Repair::End(status)),
        // Of one that the log never spoke of, it isn't even known that it was.
        Found::Nowhere => return state.map(|_| Repair::Lost),
    };
    let same = match (status, state) {
        // It is on its way out of the queue, and its end is what counts.
        (JobStatus::Removed, _) => true,
        (JobStatus::Completed, _) => return Some(Repair::End(status)),
        (_, Some(TaskState::Canceling)) => true,
        (JobStatus::Idle, Some(state)) => {
            matches!(state, TaskState::Pending | TaskState::Submitted | TaskState::Assigned)
        }
        (JobStatus::Running | JobStatus::TransferringOutput, Some(state)) => {
            state == TaskState::Running
        }
        (JobStatus::Held, Some(state)) => state == TaskState::Held,
        (JobStatus::Suspended, Some(state)) => state == TaskState::Suspended,
        (JobStatus::Other(_), _) => true,
        (_, None) => false,
    };
    (!same).then_some(Repair::State(status))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: JobKey = JobKey::new(7, 0);
    const RUNNING: Known = Known::Live(TaskState::Running);
    const HELD: Found = Found::InQueue(JobStatus::Held);

    #[test]
    fn what_differs_twice_is_repaired_and_what_differs_once_is_not() {
        let mut polls = Reconciler::default();
        assert_eq!(polls.judge(KEY, RUNNING, 2, HELD), None);
        assert!(polls.doubts());
        assert_eq!(polls.judge(KEY, RUNNING, 2, HELD), Some(Repair::State(JobStatus::Held)));
        assert!(!polls.doubts());
        assert_eq!(polls.judge(KEY, RUNNING, 2, HELD), None);
        assert_eq!(polls.judge(KEY, RUNNING, 2, Found::InQueue(JobStatus::Running)), None);
        assert_eq!(polls.judge(KEY, RUNNING, 2, HELD), None);
    }

    #[test]
    fn what_the_log_says_in_between_begins_the_doubt_anew() {
        let mut polls = Reconciler::default();
        for heard in 0..10 {
            assert_eq!(polls.judge(KEY, RUNNING, heard, HELD), None);
        }
        assert_eq!(polls.judge(KEY, Known::Live(TaskState::Held), 10, HELD), None);
        assert!(!polls.doubts());
    }

    #[test]
    fn a_job_that_left_the_queue_ends_as_the_history_says_and_is_lost_only_if_that_is_silent() {
        let mut polls = Reconciler::default();
        assert!(!polls.is_missed(KEY, 1));
        assert_eq!(polls.judge(KEY, RUNNING, 1, Found::Nowhere), None);
        assert!(polls.is_missed(KEY, 1) && !polls.is_missed(KEY, 2));
        let end = Found::InHistory(JobStatus::Removed);
        assert_eq!(polls.judge(KEY, RUNNING, 1, end), Some(Repair::End(JobStatus::Removed)));
        for _ in 1..LOST {
            assert_eq!(polls.judge(KEY, RUNNING, 1, Found::Nowhere), None);
        }
        assert_eq!(polls.judge(KEY, RUNNING, 1, Found::Nowhere), Some(Repair::Lost));
        for _ in 0..9 {
            assert_eq!(polls.judge(KEY, Known::Nothing, 0, Found::Nowhere), None);
            assert_eq!(polls.judge(KEY, Known::Ended, 1, Found::Nowhere), None);
        }
    }

    #[test]
    fn what_is_about_to_be_over_is_let_be_and_what_has_ended_in_the_queue_ends() {
        let mut polls = Reconciler::default();
        let canceling = Known::Live(TaskState::Canceling);
        for status in [JobStatus::Running, JobStatus::Held, JobStatus::Removed] {
            assert_eq!(polls.judge(KEY, canceling, 1, Found::InQueue(status)), None);
            assert!(!polls.doubts(), "{status}");
        }
        let completed = Found::InQueue(JobStatus::Completed);
        for known in [RUNNING, canceling] {
            assert_eq!(polls.judge(KEY, known, 1, completed), None);
            let end = Some(Repair::End(JobStatus::Completed));
            assert_eq!(polls.judge(KEY, known, 1, completed), end);
        }
    }

    /// What becomes of a job, with what the log and the queue say of it then.
    fn says(status: Option<JobStatus>) -> Known {
        Known::Live(match status {
            Some(JobStatus::Idle) => TaskState::Submitted,
            Some(JobStatus::Held) => TaskState::Held,
            Some(JobStatus::Suspended) => TaskState::Suspended,
            Some(_) => TaskState::Running,
            None => return Known::Ended,
        })
    }

    fn statuses() -> impl Strategy<Value = JobStatus> {
        (1i64..8).prop_filter("an end is the last", |n| *n != 3 && *n != 4).prop_map(JobStatus::new)
    }

    proptest! {
        /// A log that tells everything within the time of a poll is never repaired, whatever the polls catch.
        #[test]
        fn a_log_that_is_less_than_a_poll_late_is_never_repaired(
            story in prop::collection::vec((statuses(), 1u32..30), 1..20),
            every in 5u32..12,
            late in 0u32..5,
            phase in 0u32..12,
        ) {
            let mut times = Vec::new();
            let mut at = 0;
            for (status, lasts) in &story {
                times.push((at, Some(*status)));
                at += lasts;
            }
            times.push((at, None));
            let at_time = |now: u32| times.iter().rev().find(|(at, _)| *at <= now);
            let mut polls = Reconciler::default();
            for poll in 0..(at + 40) / every {
                let now = phase + poll * every;
                let found = match at_time(now) {
                    Some((_, Some(status))) => Found::InQueue(*status),
                    _ => Found::InHistory(JobStatus::Completed),
                };
                let told = now.checked_sub(late);
                let heard = times.iter().filter(|(at, _)| told.is_some_and(|told| *at <= told));
                let known = told.and_then(at_time).map_or(Known::Nothing, |(_, s)| says(*s));
                prop_assert_eq!(polls.judge(KEY, known, heard.count() as u64, found), None);
            }
        }

        /// Whatever the log has missed: once nothing changes any more, three polls later both say the same.
        #[test]
        fn what_a_log_has_missed_is_there_soon(
            known in prop_oneof![Just(None), statuses().prop_map(Some)],
            before in prop::collection::vec(statuses(), 0..4),
            last in prop_oneof![Just(None), Just(Some(None)), statuses().prop_map(|s| Some(Some(s)))],
        ) {
            let mut known = known.map_or(Known::Nothing, |status| says(Some(status)));
            let mut polls = Reconciler::default();
            let found = before.into_iter().map(Found::InQueue);
            let end = match last {
                None => Found::Nowhere,
                Some(None) => Found::InHistory(JobStatus::Completed),
                Some(Some(status)) => Found::InQueue(status),
            };
            for found in found.chain(std::iter::repeat_n(end, 4)) {
                match polls.judge(KEY, known, 1, found) {
                    Some(Repair::State(status)) => known = says(Some(status)),
                    Some(Repair::End(_) | Repair::Lost) => known = Known::Ended,
                    None => {}
                }
            }
            match end {
                Found::InQueue(status) => prop_assert_eq!(known, says(Some(status))),
                Found::InHistory(_) => prop_assert_eq!(known, Known::Ended),
                Found::Nowhere => prop_assert!(!matches!(known, Known::Live(_))),
            }
        }
    }
}
