//! [`Line`]: a task or a job in one line. Knows no list.

use std::borrow::Cow;
use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::style::Style;

use super::columns::{Columns, SIGN};
use super::fit::Field;
use super::theme::Theme;
use crate::model::TaskState;
use crate::view::{JobRow, TaskRow, duration};

/// What is drawn in a line.
pub(super) struct Line<'a> {
    sign: (&'static str, Style),
    name: Cow<'a, str>,
    fraction: Option<f64>,
    amount: Option<String>,
    rate: Option<String>,
    /// What is left of it, or took it to its end.
    time: Option<Duration>,
    text: Cow<'a, str>,
    /// Whether the text is worth more than the numbers.
    is_error: bool,
}

impl<'a> Line<'a> {
    pub(super) fn of_task(row: &TaskRow<'a>, theme: &Theme) -> Line<'a> {
        let is_over = row.state.is_terminal();
        let error = row.error.filter(|_| is_over);
        Line {
            sign: theme.task_sign(row.state),
            name: Cow::Borrowed(row.name),
            // One that ended well is whole; its sign says so.
            fraction: row.fraction,
            amount: row.amount(),
            rate: row.rate_text(),
            time: if is_over { row.elapsed } else { row.eta },
            text: words(row),
            is_error: error.is_some() || (is_over && !row.state.is_success()),
        }
    }

    pub(super) fn of_job(row: &'a JobRow, theme: &Theme) -> Line<'a> {
        Line {
            sign: theme.job_sign(row.state),
            name: job_name(row),
            fraction: row.fraction,
            amount: Some(row.amount()),
            rate: row.rate_text(),
            time: if row.state.is_terminal() { row.elapsed } else { row.eta },
            text: Cow::Owned(counts(row)),
            is_error: false,
        }
    }

    pub(super) fn draw(&self, field: Field, theme: &Theme, is_selected: bool, buf: &mut Buffer) {
        let columns = Columns::of(field.width);
        let over = if is_selected { theme.selected } else { Style::new() };
        if is_selected {
            buf.set_stringn(
                field.x,
                field.y,
                " ".repeat(usize::from(field.width)),
                usize::from(field.width),
                over,
            );
        }
        let (sign, color) = self.sign;
        field.put(sign, color.patch(over), buf);
        let mut field = field.after(SIGN);
        field.first(columns.name).put(&self.name, theme.name.patch(over), buf);
        field = field.after(columns.name + 1);
        if self.is_error {
            field.put(&self.text, color.patch(over), buf);
            return;
        }
        let detail = theme.detail.patch(over);
        // An amount without a share goes where the share would be, if it has no column.
        let share = columns.share.unwrap_or(0);
        let of_bar = columns.bar.map_or(0, |bar| bar + 1);
        match (self.fraction, &self.amount) {
            (Some(fraction), _) => {
                if let Some(bar) = columns.bar {
                    field.first(bar).put_bar(fraction, color, theme.dim, buf);
                }
                // Whole only when it is.
                let percent = format!("{}%", (fraction * 100.0) as u32);
                field.after(of_bar).first(share).put_right(&percent, detail, buf);
            }
            (None, Some(amount)) if columns.amount.is_none() => {
                field.first(of_bar + share).put_right(amount, detail, buf);
            }
            _ => {}
        }
        field = field.after(of_bar + share + 1);
        let time = self.time.map(duration);
        for (width, text) in
            [(columns.amount, &self.amount), (columns.rate, &self.rate), (columns.time, &time)]
        {
            let Some(width) = width else { continue };
            field.first(width).put_right(text.as_deref().unwrap_or_default(), detail, buf);
            field = field.after(width + 1);
        }
        if columns.text.is_some() {
            field.put(&self.text, detail, buf);
        }
    }
}

/// What is said of a task: what went wrong, or what it does; and which attempt it is in, if not the first.
fn words<'a>(row: &TaskRow<'a>) -> Cow<'a, str> {
    let state = match row.state {
        TaskState::Held | TaskState::Suspended | TaskState::Canceling => row.state.as_str(),
        _ => "",
    };
    let error = row.error.filter(|_| row.state.is_terminal()).map(|error| &*error.message);
    let said = match (error, row.message) {
        (Some(error), _) => error,
        (None, _) if row.state.is_terminal() && !row.state.is_success() => row.state.as_str(),
        (None, message) => message.map_or("", |message| message),
    };
    if state.is_empty() && row.attempt == 1 {
        return Cow::Borrowed(said);
    }
    let attempt = if row.attempt > 1 { format!("attempt {}", row.attempt) } else { String::new() };
    let parts = [state, &attempt, said];
    Cow::Owned(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

pub(super) fn job_name(row: &JobRow) -> Cow<'_, str> {
    match (&row.name, row.job) {
        (Some(name), _) => Cow::Borrowed(name),
        (None, Some(job)) => Cow::Owned(job.to_string()),
        (None, None) => Cow::Borrowed(""),
    }
}

/// How many tasks are in which state, those of note: `3 failed, 2 running`.
pub(super) fn counts(row: &JobRow) -> String {
    let held = row.counts.of(TaskState::Held);
    let parts = [
        (row.counts.failed(), "failed"),
        (row.counts.running(), "running"),
        (held, "held"),
        (row.counts.canceled(), "canceled"),
    ];
    let parts = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    parts.collect::<Vec<_>>().join(", ")
}
