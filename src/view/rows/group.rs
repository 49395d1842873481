//! Which rows come first: tasks in groups, each in the order of adding. Knows no row.

use std::collections::BTreeMap;

use crate::model::{TaskId, TaskState};

/// Tasks that are shown together. Their order is that in which groups are shown: what runs comes first, and then what somebody
/// should look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// They run, are parked, or were asked to stop.
    Running,
    /// They ended otherwise than well, and were not canceled.
    Failed,
    /// They have not begun, or wait for their next attempt.
    Waiting,
    /// They ended well.
    Completed,
    /// They were canceled.
    Canceled,
}

impl Group {
    /// All groups, in order.
    pub const ALL: [Group; 5] =
        [Group::Running, Group::Failed, Group::Waiting, Group::Completed, Group::Canceled];

    /// The group of the tasks in this state.
    pub fn of(state: TaskState) -> Group {
        match state {
            TaskState::Completed => Group::Completed,
            TaskState::Canceled => Group::Canceled,
            state if state.is_failure() => Group::Failed,
            state if state.is_active() => Group::Running,
            _ => Group::Waiting,
        }
    }
}

/// The tasks of each group.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups([TaskSet; Group::ALL.len()]);

impl Groups {
    pub(super) fn of(&self, group: Group) -> &TaskSet {
        &self.0[group as usize]
    }

    pub(super) fn of_mut(&mut self, group: Group) -> &mut TaskSet {
        &mut self.0[group as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|set| set.len).sum()
    }

    /// The place of a task among all, if it is there.
    pub(super) fn place(&self, task: TaskId) -> Option<usize> {
        let mut before = 0;
        self.0.iter().find_map(|set| {
            let place = set.place(task).map(|place| before + place);
            before += set.len;
            place
        })
    }

    /// All tasks, group by group, from the one at `from` on.
    pub(super) fn iter(&self, mut from: usize) -> impl Iterator<Item = TaskId> {
        self.0.iter().flat_map(move |set| {
            let skipped = from.min(set.len);
            from -= skipped;
            set.iter(skipped)
        })
    }
}

/// A set of tasks, a bit for each, in blocks of 4,096 of which only those are there that have a task: to change it, or to find
/// the task at a place, takes a look at some of the blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct TaskSet {
    blocks: BTreeMap<u32, Block>,
    len: usize,
}

#[derive(Debug, Clone)]
struct Block {
    words: [u64; 64],
    len: usize,
}

impl TaskSet {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, task: TaskId) {
        let (block, word, bit) = place(task);
        let block = self.blocks.entry(block).or_insert_with(|| Block { words: [0; 64], len: 0 });
        if block.words[word] & bit == 0 {
            block.words[word] |= bit;
            block.len += 1;
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, task: TaskId) {
        let (number, word, bit) = place(task);
        let Some(block) = self.blocks.get_mut(&number) else { return };
        if block.words[word] & bit != 0 {
            block.words[word] &= !bit;
            block.len -= 1;
            self.len -= 1;
        }
        if block.len == 0 {
            self.blocks.remove(&number);
        }
    }

    /// The place of a task in the order, if it is there.
    pub(super) fn place(&self, task: TaskId) -> Option<usize> {
        let (number, word, bit) = place(task);
        let block = self.blocks.get(&number).filter(|block| block.words[word] & bit != 0)?;
        let blocks: usize = self.blocks.range(..number).map(|(_, block)| block.len).sum();
        let words: u32 = block.words[..word].iter().map(|word| word.count_ones()).sum();
        let bits = (block.words[word] & (bit - 1)).count_ones();
        Some(blocks + (words + bits) as usize)
    }

    /// Adds all tasks of a set of others.
    pub(super) fn extend(&mut self, others: TaskSet) {
        self.len += others.len;
        for (number, others) in others.blocks {
            let Some(block) = self.blocks.get_mut(&number) else {
                self.blocks.insert(number, others);
                continue;
            };
            block.len += others.len;
            for (word, others) in block.words.iter_mut().zip(others.words) {
                *word |= others;
            }
        }
    }

    /// The tasks that are in the other one too.
    pub(super) fn and(&self, other: &TaskSet) -> TaskSet {
        self.with(other, |ours, theirs| ours & theirs)
    }

    /// The tasks that are not in the other one.
    pub(super) fn without(&self, other: &TaskSet) -> TaskSet {
        self.with(other, |ours, theirs| ours & !theirs)
    }

    /// Of these tasks, those that are left of 64 of them and the same ones of another set.
    fn with(&self, other: &TaskSet, left: impl Fn(u64, u64) -> u64) -> TaskSet {
        let mut result = TaskSet::default();
        for (number, block) in &self.blocks {
            let (mut both, others) = (block.clone(), other.blocks.get(number));
            for (at, word) in both.words.iter_mut().enumerate() {
                *word = left(*word, others.map_or(0, |block| block.words[at]));
            }
            both.len = both.words.iter().map(|word| word.count_ones() as usize).sum();
            result.len += both.len;
            if both.len > 0 {
                result.blocks.insert(*number, both);
            }
        }
        result
    }

    /// The tasks in order, from the one at `from` on.
    pub(super) fn iter(&self, from: usize) -> impl Iterator<Item = TaskId> {
        let (mut first, mut skip) = (0, from);
        for (number, block) in &self.blocks {
            first = *number;
            if block.len > skip {
                break;
            }
            skip -= block.len;
            first += 1;
        }
        let blocks = self.blocks.range(first..);
        let tasks = blocks.flat_map(|(number, block)| {
            let words =
                (0..64).flat_map(|word| bits(block.words[word]).map(move |bit| (word, bit)));
            words.map(move |(word, bit)| TaskId::new(number << 12 | (word as u32) << 6 | bit))
        });
        tasks.skip(skip)
    }
}

/// The block, the word in it, and the bit in that.
fn place(task: TaskId) -> (u32, usize, u64) {
    let task = task.raw();
    (task >> 12, (task >> 6 & 63) as usize, 1 << (task & 63))
}

/// The places of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros());
        word &= word.wrapping_sub(1);
        bit
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_as_a_sorted_one(
            changes in prop::collection::vec((any::<bool>(), prop_oneof![0u32..20_000, (u32::MAX - 9)..=u32::MAX]), 0..400),
            from in 0usize..400,
        ) {
            let (mut set, mut model) = (TaskSet::default(), BTreeSet::new());
            for (insert, task) in changes {
                if insert {
                    set.insert(TaskId::new(task));
                    model.insert(task);
                } else {
                    set.remove(TaskId::new(task));
                    model.remove(&task);
                }
            }
            prop_assert_eq!(set.len(), model.len());
            for (place, task) in model.iter().enumerate() {
                prop_assert_eq!(set.place(TaskId::new(*task)), Some(place));
                prop_assert_eq!(set.place(TaskId::new(task ^ 1)).is_some(), model.contains(&(task ^ 1)));
            }
            let wanted: Vec<TaskId> = model.into_iter().skip(from).map(TaskId::new).collect();
            prop_assert_eq!(set.iter(from).collect::<Vec<_>>(), wanted);
        }
    }

    proptest! {
        #[test]
        fn sets_are_compared_as_sorted_ones(
            ours in prop::collection::btree_set(prop_oneof![0u32..200, 4_000u32..9_000], 0..200),
            theirs in prop::collection::btree_set(prop_oneof![0u32..200, 8_000u32..12_000], 0..200),
        ) {
            let set = |tasks: &BTreeSet<u32>| {
                let mut set = TaskSet::default();
                tasks.iter().for_each(|task| set.insert(TaskId::new(*task)));
                set
            };
            let tasks = |set: TaskSet| {
                let tasks: Vec<u32> = set.iter(0).map(TaskId::raw).collect();
                assert_eq!(set.len(), tasks.len());
                tasks
            };
            let (ours_set, theirs_set) = (set(&ours), set(&theirs));
            let both: Vec<u32> = ours.intersection(&theirs).copied().collect();
            prop_assert_eq!(tasks(ours_set.and(&theirs_set)), both);
            let only: Vec<u32> = ours.difference(&theirs).copied().collect();
            prop_assert_eq!(tasks(ours_set.without(&theirs_set)), only);
            let (mut all, all_tasks) = (ours_set, ours.union(&theirs).copied().collect::<Vec<_>>());
            all.extend(theirs_set.without(&all));
            for (place, task) in all_tasks.iter().enumerate() {
                prop_assert_eq!(all.place(TaskId::new(*task)), Some(place));
            }
            prop_assert_eq!(tasks(all), all_tasks);
        }
    }

    #[test]
    fn each_state_has_its_group() {
        use TaskState::*;

        let groups = Group::ALL.map(|group| {
            let states = TaskState::ALL.into_iter().filter(|state| Group::of(*state) == group);
            states.collect::<Vec<_>>()
        });
        assert_eq!(
            groups,
            [
                vec![Running, Suspended, Canceling],
                vec![Failed, TimedOut, Interrupted, EnvironmentError],
                vec![Pending, Submitted, Held, Assigned],
                vec![Completed],
                vec![Canceled],
            ]
        );
    }

    #[test]
    fn groups_follow_one_another() {
        let mut groups = Groups::default();
        for (group, task) in [
            (Group::Waiting, 1),
            (Group::Completed, 0),
            (Group::Running, 7),
            (Group::Failed, 3),
            (Group::Running, 2),
        ] {
            groups.of_mut(group).insert(TaskId::new(task));
        }
        let wanted = [2, 7, 3, 1, 0].map(TaskId::new);
        for from in 0..=wanted.len() {
            assert_eq!(groups.iter(from).collect::<Vec<_>>(), wanted[from..]);
        }
        for (place, task) in wanted.into_iter().enumerate() {
            assert_eq!(groups.place(task), Some(place));
        }
        assert_eq!(groups.place(TaskId::new(4)), None);
        assert_eq!(groups.len(), 5);
    }
}
