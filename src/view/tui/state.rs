//! [`RowsState`]: which part of the rows is seen, and which is selected. Draws nothing.

use std::ops::Range;

use crate::model::TaskId;
use crate::view::{Filter, List, Rows};

/// What is seen of a [`RowsView`](super::RowsView): the first row, the selected task, the filter.
///
/// What is selected is a task, not a place. When it goes to another group, or others before it do, the list moves below it and
/// it stays on its line, as far as the ends of the list allow. If it is no row any more, the one in its place is
/// selected. Without a selection the list stays where it is scrolled to; at first that is
/// the top, where what runs is.
///
/// The methods for keys take the rows as they are then, so that what is selected is known at once: a key that comes
/// before the next drawing acts on the right task. `page_*` go by the height that was drawn last.
#[derive(Debug, Clone, Default)]
pub struct RowsState {
    /// The place of the first row that is seen.
    offset: usize,
    height: usize,
    len: usize,
    selected: Option<TaskId>,
    /// Where the selected task was last.
    place: usize,
    /// The line of the view that it has; none until it was seen.
    line: Option<usize>,
    filter: Filter,
}

impl RowsState {
    /// The top of the list, nothing selected, no filter.
    pub fn new() -> RowsState {
        RowsState::default()
    }

    /// The selected task.
    pub fn selected(&self) -> Option<TaskId> {
        self.selected
    }

    /// Selects a task, or none. The next drawing shows it, if the filter does.
    pub fn select(&mut self, task: Option<TaskId>) {
        if self.selected != task {
            (self.selected, self.line) = (task, None);
        }
    }

    /// The place of the first row that is seen.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The places of the rows that were drawn last.
    pub fn visible(&self) -> Range<usize> {
        self.offset..(self.offset + self.height).min(self.len)
    }

    /// How many rows the filter left when it was drawn last.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there was nothing to be seen when it was drawn last.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which tasks are shown.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The same, to be changed. If it then leaves out the selected task, the first one is selected.
    pub fn filter_mut(&mut self) -> &mut Filter {
        (self.place, self.line) = (0, None);
        &mut self.filter
    }

    pub(super) fn list<'a>(&'a mut self, rows: &'a Rows) -> List<'a> {
        rows.find(&mut self.filter)
    }

    /// Selects the next row; the first that is seen if none is selected.
    pub fn next(&mut self, rows: &Rows) {
        self.go(rows, |state, place| place.map_or(state.offset, |place| place + 1));
    }

    /// Selects the row before; the last that is seen if none is selected.
    pub fn previous(&mut self, rows: &Rows) {
        self.go(rows, |state, place| match place {
            Some(place) => place.saturating_sub(1),
            None => state.visible().end.saturating_sub(1),
        });
    }

    /// Selects the row that is one height further.
    pub fn page_down(&mut self, rows: &Rows) {
        self.go(rows, |state, place| place.unwrap_or(state.offset) + state.height.max(1));
    }

    /// Selects the row that is one height before.
    pub fn page_up(&mut self, rows: &Rows) {
        self.go(rows, |state, place| {
            place.unwrap_or(state.offset).saturating_sub(state.height.max(1))
        });
    }

    /// Selects the first row.
    pub fn first(&mut self, rows: &Rows) {
        self.go(rows, |_, _| 0);
    }

    /// Selects the last row.
    pub fn last(&mut self, rows: &Rows) {
        self.go(rows, |state, _| state.len.saturating_sub(1));
    }

    fn go(&mut self, rows: &Rows, to: impl FnOnce(&RowsState, Option<usize>) -> usize) {
        self.settle(rows, self.height);
        let place = to(self, self.selected.map(|_| self.place));
        self.place = place.min(self.len.saturating_sub(1));
        self.selected = rows.find(&mut self.filter).task_at(self.place);
        self.line = None;
        self.settle(rows, self.height);
    }

    /// Comes to terms with what the rows are now. Returns the selected task.
    pub(super) fn settle(&mut self, rows: &Rows, height: usize) -> Option<TaskId> {
        let list = rows.find(&mut self.filter);
        (self.height, self.len) = (height, list.len());
        if let Some(task) = self.selected {
            match list.place_of(task) {
                Some(place) => self.place = place,
                None => {
                    self.place = self.place.min(self.len.saturating_sub(1));
                    self.selected = list.task_at(self.place);
                }
            }
            let seen = height.max(1);
            if let Some(line) = self.line {
                self.offset = self.place.saturating_sub(line.min(seen - 1));
            }
            self.offset = self.offset.clamp((self.place + 1).saturating_sub(seen), self.place);
        }
        self.offset = self.offset.min(self.len.saturating_sub(height.max(1)));
        self.line = self.selected.map(|_| self.place - self.offset);
        self.selected
    }
}
