//! [`JobView`]: a job in one line or two. Knows no task.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};
use ratatui_core::widgets::Widget;

use super::fit::{Field, fit};
use super::line::{Line, counts, job_name, percent};
use super::theme::Theme;
use crate::view::{JobRow, duration};

/// A job: in one line, in the columns of [`RowsView`](super::RowsView); or where there are two or more, in two that have all of it.
///
/// Of the two, the first has the sign of the state, the name, the state and the numbers of tasks; the second a bar and the share, the
/// amount, the rate, the time left, and the time since it began. Where there is no room for all, what matters less gives way.
#[derive(Debug, Clone)]
pub struct JobView<'a> {
    row: &'a JobRow,
    theme: Theme,
    is_selected: bool,
}

impl<'a> JobView<'a> {
    /// The job as it was read.
    pub fn new(row: &'a JobRow) -> JobView<'a> {
        JobView { row, theme: Theme::default(), is_selected: false }
    }

    /// Draws it in these colours.
    pub fn theme(mut self, theme: &Theme) -> Self {
        self.theme = theme.clone();
        self
    }

    /// Draws it as the selected one of a list of jobs; in one line only.
    pub fn selected(mut self, is_selected: bool) -> Self {
        self.is_selected = is_selected;
        self
    }

    fn head(&self, field: Field, buf: &mut Buffer) {
        let (sign, color) = self.theme.job_sign(self.row.state);
        field.put(sign, color, buf);
        let field = field.after(2);
        let tasks = format!("{}/{} tasks", self.row.counts.ended(), self.row.total_tasks());
        let mut parts = vec![(1, self.row.state.as_str().to_owned()), (2, tasks)];
        parts.extend(counts(self.row));
        let name = job_name(self.row);
        // At least half of the line is the name's, as far as it needs it.
        let name = field.first(fit(&name, field.width).width.min(field.width.div_ceil(2)));
        let rest = field.after(name.width + 2);
        let bold = self.theme.name.add_modifier(Modifier::BOLD);
        name.put(&job_name(self.row), bold, buf);
        put_fitting(parts, rest, self.theme.detail, buf);
    }

    fn body(&self, field: Field, buf: &mut Buffer) {
        let JobRow { fraction, eta, elapsed, .. } = *self.row;
        let mut parts = Vec::new();
        // How many tasks there are is in the line above.
        if &*self.row.unit != "tasks" {
            parts.push((2, self.row.amount()));
        }
        parts.extend(self.row.rate_text().map(|rate| (3, rate)));
        parts.extend(eta.map(|eta| (1, format!("ETA {}", duration(eta)))));
        parts.extend(elapsed.map(|elapsed| (4, format!("elapsed {}", duration(elapsed)))));
        let mut field = field;
        if let Some(fraction) = fraction {
            let bar = field.first((field.width / 3).min(30));
            let (_, color) = self.theme.job_sign(self.row.state);
            bar.put_bar(fraction, color, self.theme.dim, buf);
            field = field.after(bar.width + 1);
            field.first(4).put_right(&percent(fraction), self.theme.detail, buf);
            field = field.after(6);
        }
        put_fitting(parts, field, self.theme.detail, buf);
    }
}

/// Puts the parts that matter most and fit, 0 most, in their order, with two blanks between.
fn put_fitting(parts: Vec<(u8, String)>, mut field: Field, style: Style, buf: &mut Buffer) {
    let mut by_matter: Vec<usize> = (0..parts.len()).collect();
    by_matter.sort_by_key(|&part| parts[part].0);
    let (mut room, mut is_kept) = (usize::from(field.width) + 2, vec![false; parts.len()]);
    for part in by_matter {
        let width = usize::from(fit(&parts[part].1, u16::MAX).width);
        if width + 2 > room {
            break;
        }
        (room, is_kept[part]) = (room - width - 2, true);
    }
    for ((_, text), _) in parts.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept) {
        let width = field.put(text, style, buf);
        field = field.after(width + 2);
    }
}

impl Widget for &JobView<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let field = Field { x: area.x, y: area.y, width: area.width };
        if area.height == 1 {
            let line = Line::of_job(self.row, &self.theme);
            line.draw(field, &self.theme, self.is_selected, buf);
        } else {
            self.head(field, buf);
            self.body(Field { y: area.y + 1, ..field }, buf);
        }
    }
}

impl Widget for JobView<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        (&self).render(area, buf);
    }
}
