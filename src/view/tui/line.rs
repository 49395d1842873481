//! [`Line`]: a task or a job in one line. Knows no list.

use std::borrow::Cow;
use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::style::Style;

use super::columns::{AMOUNT, Columns, RATE, SIGN};
use super::fit::{Field, fit};
use super::theme::Theme;
use crate::model::TaskState;
use crate::view::{JobRow, TaskRow, amount, duration, rate};

/// Less of an error tells nothing.
const LEAST_TEXT: u16 = 8;

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
        let unit = row.unit.map(|unit| &**unit);
        Line {
            sign: theme.task_sign(row.state),
            name: Cow::Borrowed(row.name),
            // One that ended well is whole; its sign says so.
            fraction: row.fraction,
            amount: row.progress.map(|done| short_amount(done, row.total, unit)),
            rate: row.rate.map(|per_second| short_rate(per_second, unit)),
            time: if is_over { row.elapsed } else { row.eta },
            text: words(row),
            is_error: is_over && !row.state.is_success(),
        }
    }

    pub(super) fn of_job(row: &'a JobRow, theme: &Theme) -> Line<'a> {
        Line {
            sign: theme.job_sign(row.state),
            name: job_name(row),
            fraction: row.fraction,
            amount: Some(short_amount(row.value, row.total, Some(&row.unit))),
            rate: row.rate.map(|per_second| short_rate(per_second, Some(&row.unit))),
            time: if row.state.is_terminal() { row.elapsed } else { row.eta },
            text: Cow::Owned(counts(row).map(|(_, text)| text).collect::<Vec<_>>().join(", ")),
            is_error: false,
        }
    }

    pub(super) fn draw(&self, field: Field, theme: &Theme, is_selected: bool, buf: &mut Buffer) {
        let bar = self.draw_parts(field, theme, buf);
        if is_selected {
            // A bar whose colours are exchanged would look like what is left of it.
            let end = bar.x + bar.width - field.x;
            field.first(bar.x - field.x).put_style(theme.selected, buf);
            field.after(end).put_style(theme.selected, buf);
        }
    }

    /// Returns where the bar is.
    fn draw_parts(&self, field: Field, theme: &Theme, buf: &mut Buffer) -> Field {
        let columns = Columns::of(field.width);
        let (sign, color) = self.sign;
        field.put(sign, color, buf);
        let (all, mut field) = (field.after(SIGN), field.after(SIGN + columns.name + 1));
        if self.is_error && field.width < LEAST_TEXT {
            all.put(&self.name, theme.name, buf);
            return field.first(0);
        }
        all.first(columns.name).put(&self.name, theme.name, buf);
        if self.is_error {
            field.put(&self.text, color, buf);
            return field.first(0);
        }
        let share = columns.share.unwrap_or(0);
        let of_bar = columns.bar.map_or(0, |bar| bar + 1);
        let mut bar = field.first(0);
        match (self.fraction, &self.amount) {
            (Some(fraction), _) => {
                bar = field.first(columns.bar.unwrap_or(0));
                bar.put_bar(fraction, color, theme.dim, buf);
                field.after(of_bar).first(share).put_right(&percent(fraction), theme.detail, buf);
            }
            // An amount goes where the share would be, if it has no column.
            (None, Some(amount)) if columns.amount.is_none() => {
                let instead = field.first(of_bar + share);
                if fit(amount, u16::MAX).width <= instead.width {
                    instead.put_right(amount, theme.detail, buf);
                }
            }
            _ => {}
        }
        field = field.after(of_bar + share + 1);
        let time = self.time.map(duration);
        for (width, text) in
            [(columns.amount, &self.amount), (columns.rate, &self.rate), (columns.time, &time)]
        {
            let Some(width) = width else { continue };
            let text = text.as_deref().unwrap_or_default();
            field.first(width).put_right(text, theme.detail, buf);
            field = field.after(width + 1);
        }
        if columns.text.is_some() {
            field.put(&self.text, theme.detail, buf);
        }
        bar
    }
}

/// In whole percent: 100 only if it is.
pub(super) fn percent(fraction: f64) -> String {
    format!("{}%", (fraction * 100.0) as u32)
}

/// With its unit; where that has no room, without.
fn short_amount(done: f64, total: Option<f64>, unit: Option<&str>) -> String {
    let text = amount(done, total, unit);
    if fit(&text, u16::MAX).width > AMOUNT { amount(done, total, None) } else { text }
}

/// The same of a rate.
fn short_rate(per_second: f64, unit: Option<&str>) -> String {
    let text = rate(per_second, unit);
    if fit(&text, u16::MAX).width > RATE { rate(per_second, None) } else { text }
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

/// How many tasks are in which state, those of note, with how much that matters: 0 most.
pub(super) fn counts(row: &JobRow) -> impl Iterator<Item = (u8, String)> {
    let parked = row.counts.of(TaskState::Suspended);
    let parts = [
        (0, row.counts.failed(), "failed"),
        (3, row.counts.running() - parked, "running"),
        (4, parked, "suspended"),
        (4, row.counts.of(TaskState::Held), "held"),
        (5, row.counts.canceled(), "canceled"),
    ];
    let parts = parts.into_iter().filter(|(_, n, _)| *n > 0);
    parts.map(|(matters, n, what)| (matters, format!("{n} {what}")))
}
