//! [`Table`]: something for each task, by its place in the order of adding. Knows not what.

use std::collections::BTreeMap;

use crate::model::TaskId;

/// As many tasks are side by side.
const PAGE: usize = 256;

/// A map of tasks: they come one after the other, so that no hash and no search for each is needed. Only those pages are there of
/// which a task has something: neither tasks that are gone nor a task with a huge number, as a damaged log may have, take
/// memory.
#[derive(Debug)]
pub(super) struct Table<T> {
    pages: BTreeMap<u32, Page<T>>,
}

#[derive(Debug)]
struct Page<T> {
    entries: Vec<Option<T>>,
    len: usize,
}

impl<T> Table<T> {
    pub(super) fn get(&self, task: TaskId) -> Option<&T> {
        let (page, entry) = place(task);
        self.pages.get(&page)?.entries.get(entry)?.as_ref()
    }

    /// The entry of a task, made if there is none; and whether it was.
    pub(super) fn get_or_insert(
        &mut self,
        task: TaskId,
        make: impl FnOnce() -> T,
    ) -> (&mut T, bool) {
        let (page, entry) = place(task);
        let page = self.pages.entry(page).or_insert(Page { entries: Vec::new(), len: 0 });
        if page.entries.len() <= entry {
            page.entries.resize_with(entry + 1, || None);
        }
        let is_new = page.entries[entry].is_none();
        page.len += usize::from(is_new);
        (page.entries[entry].get_or_insert_with(make), is_new)
    }

    pub(super) fn remove(&mut self, task: TaskId) {
        let (number, entry) = place(task);
        let Some(page) = self.pages.get_mut(&number) else { return };
        let removed = page.entries.get_mut(entry).and_then(Option::take);
        page.len -= usize::from(removed.is_some());
        if page.len == 0 {
            self.pages.remove(&number);
        }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { pages: BTreeMap::new() }
    }
}

fn place(task: TaskId) -> (u32, usize) {
    let task = task.index();
    ((task / PAGE) as u32, task % PAGE)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_is_as_a_map(
            changes in prop::collection::vec((any::<bool>(), prop_oneof![0u32..1_000, Just(u32::MAX)]), 0..400),
        ) {
            let (mut table, mut model) = (Table::default(), HashMap::new());
            for (n, (insert, task)) in changes.into_iter().enumerate() {
                let id = TaskId::new(task);
                if insert {
                    let (value, is_new) = table.get_or_insert(id, || n);
                    prop_assert_eq!((*value, is_new), (*model.entry(task).or_insert(n), *value == n));
                } else {
                    table.remove(id);
                    model.remove(&task);
                }
                prop_assert_eq!(table.get(id), model.get(&task));
            }
            prop_assert_eq!(table.pages.values().map(|page| page.len).sum::<usize>(), model.len());
            model.into_keys().for_each(|task| table.remove(TaskId::new(task)));
            prop_assert!(table.pages.is_empty());
        }
    }
}
