//! [`List`]: rows in the order in which they are shown. Knows not why some are left out.

use std::ops::Range;

use super::fold::Rows;
use super::group::Groups;
use super::row::TaskRow;
use crate::model::{TaskId, Timestamp};

#[cfg(test)]
thread_local! {
    /// How many rows were read, for tests of what does not read more than it shows.
    pub(in crate::view) static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The rows of all tasks ([`Rows::all`]) or of those that a filter leaves ([`Rows::find`]), in the order in which they are shown.
///
/// A task has a place in it, from 0, which changes as the task and those before it go from group to group. To go from
/// one to the other costs little, however many there are.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    rows: &'a Rows,
    groups: &'a Groups,
}

impl<'a> List<'a> {
    pub(super) fn new(rows: &'a Rows, groups: &'a Groups) -> List<'a> {
        List { rows, groups }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows at these places; fewer if the list ends before.
    pub fn page(
        self,
        places: Range<usize>,
        now: impl Into<Timestamp>,
    ) -> impl Iterator<Item = TaskRow<'a>> {
        let (rows, now) = (self.rows, now.into());
        let tasks = self.groups.iter(places.start).take(places.len());
        let page = tasks.filter_map(move |task| rows.task(task, now));
        #[cfg(test)]
        let page = page.inspect(|_| READ.set(READ.get() + 1));
        page
    }

    /// The task at a place.
    pub fn task_at(&self, place: usize) -> Option<TaskId> {
        self.groups.iter(place).next()
    }

    /// The place of a task, if it is in the list.
    pub fn place_of(&self, task: TaskId) -> Option<usize> {
        self.groups.place(task)
    }
}
