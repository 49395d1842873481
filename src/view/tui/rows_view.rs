//! [`RowsView`]: the tasks of a job, a line each. Knows no key.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::widgets::StatefulWidget;

use super::fit::Field;
use super::line::Line;
use super::state::RowsState;
use super::theme::Theme;
use crate::model::Timestamp;
use crate::view::Rows;

/// The tasks of a job as a list, a line each, in the order of [`Rows`]: what runs comes first.
///
/// A line has a sign for the state, the name, and as far as there is room a bar and a share, an amount, a rate, the time left (or, at the
/// end, that it took), and what the task says of itself; where one failed, the error takes the place of the numbers. What is
/// not known is left blank. The columns are the same whatever is in them, so that nothing jumps; of 20 columns and less, the name and
/// the share are left. Names and messages are cut to what fits, and can do nothing to the terminal.
///
/// To draw it takes as long as the lines that are seen, and reads no other row. It sets no cell where it has nothing to draw.
/// See [`RowsState`] for what is shown of it.
#[derive(Debug, Clone)]
pub struct RowsView<'a> {
    rows: &'a Rows,
    now: Timestamp,
    theme: Theme,
}

impl<'a> RowsView<'a> {
    /// The rows as they are at this time.
    pub fn new(rows: &'a Rows, now: impl Into<Timestamp>) -> RowsView<'a> {
        RowsView { rows, now: now.into(), theme: Theme::default() }
    }

    /// Draws it in these colours.
    pub fn theme(mut self, theme: &Theme) -> Self {
        self.theme = theme.clone();
        self
    }
}

impl StatefulWidget for &RowsView<'_> {
    type State = RowsState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut RowsState) {
        let area = area.intersection(buf.area);
        let selected = state.settle(self.rows, usize::from(area.height));
        if area.is_empty() {
            return;
        }
        let places = state.visible();
        let list = state.list(self.rows);
        if list.is_empty() {
            let nothing = if self.rows.is_empty() { "no tasks" } else { "no task is like that" };
            Field { x: area.x, y: area.y, width: area.width }.put(nothing, self.theme.dim, buf);
        }
        for (row, y) in list.page(places, self.now).zip(area.top()..area.bottom()) {
            let field = Field { x: area.x, y, width: area.width };
            let is_selected = selected == Some(row.task);
            Line::of_task(&row, &self.theme).draw(field, &self.theme, is_selected, buf);
        }
    }
}

impl StatefulWidget for RowsView<'_> {
    type State = RowsState;

    fn render(self, area: Rect, buf: &mut Buffer, state: &mut RowsState) {
        (&self).render(area, buf, state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Event, JobId, TaskAdded, TaskId};
    use crate::view::rows::READ;

    const TASKS: u32 = 1_000_000;
    const SCREEN: Rect = Rect::new(0, 0, 120, 50);

    /// Rows of so many tasks, of which all wait.
    fn rows() -> Rows {
        let (mut rows, job) = (Rows::new(), JobId::unique());
        let properties = Default::default();
        let mut added = TaskAdded {
            job,
            task: TaskId::new(0),
            name: "".into(),
            seq: 0,
            at: Timestamp::from_micros(0),
            weight: None,
            unit: None,
            properties,
        };
        for task in 0..TASKS {
            added.task = TaskId::new(task);
            added.seq = u64::from(task) + 1;
            added.name = format!("task {task}").into();
            rows.apply(&Event::TaskAdded(added.clone()));
        }
        rows
    }

    fn draw(rows: &Rows, state: &mut RowsState) -> (usize, String) {
        let mut buf = Buffer::empty(SCREEN);
        READ.set(0);
        RowsView::new(rows, Timestamp::from_micros(0)).render(SCREEN, &mut buf, state);
        let last = (0..20).map(|x| buf[(x, SCREEN.height - 1)].symbol()).collect();
        (READ.get(), last)
    }

    #[test]
    fn of_a_million_tasks_those_are_read_that_are_seen() {
        let (rows, mut state) = (rows(), RowsState::new());
        let height = usize::from(SCREEN.height);
        assert_eq!(draw(&rows, &mut state).0, height);
        READ.set(0);
        state.last(&rows);
        state.page_up(&rows);
        state.next(&rows);
        state.select(Some(TaskId::new(500_000)));
        assert_eq!(READ.get(), 0, "keys read no row");
        let (read, last) = draw(&rows, &mut state);
        assert!(read == height && last.trim_end() == "· task 500049", "{read} {last}");
        state.last(&rows);
        let (read, last) = draw(&rows, &mut state);
        assert!(read == height && last.trim_end() == "· task 999999", "{read} {last}");

        state.filter_mut().set_text("99");
        let (read, last) = draw(&rows, &mut state);
        assert!(read == height && last.trim_end() == "· task 999999", "{read} {last}");
        assert_eq!(state.len(), 45_739, "so many numbers below a million have 99 in them");
    }
}
