//! The tasks that wait for a worker, in the order in which they are to start: by priority, then as they came. Knows no
//! states.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Resources, TaskId};

/// Numbers in the order of coming, for all jobs together.
static LAST_TICKET: AtomicU64 = AtomicU64::new(0);

/// What tasks of a lane have in common: a scheduler that can run one of them now can run any.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LaneKey {
    pub(crate) priority: Reverse<i32>,
    pub(crate) resources: Option<Arc<Resources>>,
}

/// What a scheduler is told: the tasks at the head of a lane that came together, with no task of another lane or job
/// between them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Head {
    pub(crate) lane: LaneKey,
    pub(crate) ticket: u64,
    /// How often the job has told its scheduler of something: the same tasks may be told of again.
    pub(crate) told: u64,
}

#[derive(Default)]
pub(super) struct Lanes {
    lanes: BTreeMap<LaneKey, Lane>,
    /// Lanes that have tasks of which the scheduler doesn't know.
    untold: VecDeque<LaneKey>,
    told: u64,
}

#[derive(Default)]
struct Lane {
    tasks: VecDeque<TaskId>,
    runs: VecDeque<Run>,
    /// By which telling the scheduler knows of the first run; none if it is still to be told.
    told: Option<u64>,
}

/// Tasks that came together.
struct Run {
    ticket: u64,
    left: usize,
}

impl Lanes {
    /// Has a task wait behind those that have come before it.
    pub(super) fn push(&mut self, key: LaneKey, task: TaskId) {
        let lane = match self.lanes.get_mut(&key) {
            Some(lane) => lane,
            None => {
                self.untold.push_back(key.clone());
                self.lanes.entry(key).or_default()
            }
        };
        lane.tasks.push_back(task);
        match lane.runs.back_mut() {
            // Nothing else has come since, of whatever job.
            Some(last) if last.ticket == LAST_TICKET.load(Ordering::Relaxed) => last.left += 1,
            _ => {
                let ticket = LAST_TICKET.fetch_add(1, Ordering::Relaxed) + 1;
                lane.runs.push_back(Run { ticket, left: 1 });
            }
        }
    }

    /// The next task of those that the scheduler was told of by `head`.
    #[inline]
    pub(super) fn pop(&mut self, head: &Head) -> Option<TaskId> {
        let lane = self.lanes.get_mut(&head.lane)?;
        let first = lane.runs.front_mut().filter(|first| first.ticket == head.ticket)?;
        first.left = first.left.checked_sub(1)?;
        lane.tasks.pop_front()
    }

    /// The scheduler has found no more by `head`, and will be told of what follows, or of the same again.
    pub(super) fn exhausted(&mut self, head: &Head) {
        // Another worker may have been here before.
        let known = |lane: &&mut Lane| lane.told == Some(head.told);
        let Some(lane) = self.lanes.get_mut(&head.lane).filter(known) else { return };
        lane.told = None;
        while lane.runs.pop_front_if(|first| first.left == 0).is_some() {}
        if lane.runs.is_empty() {
            self.lanes.remove(&head.lane);
        } else {
            self.untold.push_back(head.lane.clone());
        }
    }

    /// Takes a task out before its turn.
    pub(super) fn remove(&mut self, key: &LaneKey, task: TaskId) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let Some(mut place) = lane.tasks.iter().position(|other| *other == task) else { return };
        lane.tasks.remove(place);
        for run in &mut lane.runs {
            if place < run.left {
                run.left -= 1;
                return;
            }
            place -= run.left;
        }
    }

    /// Takes out the tasks at the head of a lane that don't wait any more. If none is left of those that the scheduler was
    /// told of, returns what it is to forget.
    pub(super) fn withdraw(
        &mut self,
        key: &LaneKey,
        waits: impl Fn(TaskId) -> bool,
    ) -> Option<Head> {
        let lane = self.lanes.get_mut(key)?;
        let (told, first) = (lane.told?, lane.runs.front_mut()?);
        while first.left > 0 && lane.tasks.pop_front_if(|task| !waits(*task)).is_some() {
            first.left -= 1;
        }
        if first.left > 0 {
            return None;
        }
        let head = Head { lane: key.clone(), ticket: first.ticket, told };
        self.exhausted(&head);
        Some(head)
    }

    /// What the scheduler is to forget of all lanes whose tasks require something. It will be told of them again.
    pub(super) fn withdraw_all(&mut self) -> Vec<Head> {
        let mut heads = Vec::new();
        for (key, lane) in self.lanes.iter_mut().filter(|(key, _)| key.resources.is_some()) {
            if let (Some(told), Some(first)) = (lane.told.take(), lane.runs.front()) {
                heads.push(Head { lane: key.clone(), ticket: first.ticket, told });
                self.untold.push_back(key.clone());
            }
        }
        heads
    }

    /// Whether the scheduler is still to know what it was told.
    pub(super) fn is_told(&self, head: &Head) -> bool {
        self.lanes.get(&head.lane).is_some_and(|lane| lane.told == Some(head.told))
    }

    /// Takes all tasks of a lane out.
    pub(super) fn take_lane(&mut self, key: &LaneKey) -> VecDeque<TaskId> {
        self.untold.retain(|untold| untold != key);
        self.lanes.remove(key).unwrap_or_default().tasks
    }

    /// Takes all tasks out.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = TaskId> + use<> {
        self.untold.clear();
        std::mem::take(&mut self.lanes).into_values().flat_map(|lane| lane.tasks)
    }

    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// What the scheduler is to be told next.
    pub(super) fn tell(&mut self) -> Option<Head> {
        loop {
            let key = self.untold.pop_front()?;
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            // All of a run may have been taken out.
            while lane.runs.pop_front_if(|first| first.left == 0).is_some() {}
            let Some(first) = lane.runs.front() else {
                self.lanes.remove(&key);
                continue;
            };
            self.told += 1;
            lane.told = Some(self.told);
            return Some(Head { lane: key, ticket: first.ticket, told: self.told });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(priority: i32) -> LaneKey {
        LaneKey { priority: Reverse(priority), resources: None }
    }

    fn all(lanes: &mut Lanes) -> Vec<u32> {
        let mut heads = std::collections::BTreeMap::new();
        let mut order = Vec::new();
        loop {
            while let Some(head) = lanes.tell() {
                let before = heads.insert((head.lane.priority, head.ticket, head.told), head);
                assert!(before.is_none(), "told of twice");
            }
            let Some((_, head)) = heads.pop_first() else { return order };
            while let Some(task) = lanes.pop(&head) {
                order.push(task.raw());
            }
            lanes.exhausted(&head);
        }
    }

    #[test]
    fn tasks_start_by_priority_and_then_as_they_came() {
        let mut lanes = Lanes::default();
        for (n, priority) in [0, 5, 0, -1, 5, 0].into_iter().enumerate() {
            lanes.push(key(priority), TaskId::new(n as u32));
        }
        assert_eq!(all(&mut lanes), [1, 4, 0, 2, 5, 3]);
        assert!(lanes.lanes.is_empty() && lanes.untold.is_empty());
    }

    #[test]
    fn lanes_of_a_priority_take_turns_as_their_tasks_came() {
        let mut lanes = Lanes::default();
        let big = LaneKey { resources: Some(Arc::new(Resources::new().cores(4))), ..key(0) };
        for n in 0..9 {
            let key = if n % 3 == 1 { big.clone() } else { key(0) };
            lanes.push(key, TaskId::new(n));
        }
        assert_eq!(all(&mut lanes), (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_taken_out_does_not_start() {
        let mut lanes = Lanes::default();
        for n in 0..4 {
            lanes.push(key(0), TaskId::new(n));
            LAST_TICKET.fetch_add(u64::from(n % 2), Ordering::Relaxed);
        }
        lanes.remove(&key(0), TaskId::new(2));
        lanes.remove(&key(0), TaskId::new(3));
        lanes.remove(&key(0), TaskId::new(7));
        lanes.push(key(0), TaskId::new(2));
        assert_eq!(all(&mut lanes), [0, 1, 2]);
        lanes.push(key(0), TaskId::new(5));
        lanes.remove(&key(0), TaskId::new(5));
        assert_eq!(all(&mut lanes), [0; 0]);
        lanes.push(key(0), TaskId::new(6));
        assert_eq!(lanes.take_lane(&key(0)), [TaskId::new(6)]);
        assert!(lanes.tell().is_none());
    }

    #[test]
    fn what_was_told_of_is_told_of_again_if_it_was_left() {
        let mut lanes = Lanes::default();
        lanes.push(key(0), TaskId::new(0));
        let first = lanes.tell().expect("a task came");
        lanes.push(key(0), TaskId::new(1));
        assert!(!lanes.has_untold(), "the scheduler looks at this lane");
        lanes.exhausted(&first);
        let again = lanes.tell().expect("it was left");
        assert!(again.told > first.told);
        assert_eq!(lanes.pop(&again), Some(TaskId::new(0)));
    }
}
