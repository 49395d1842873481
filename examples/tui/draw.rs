//! What it looks like: the jobs, below them the selected one with its tasks, and a line for what is asked.

use std::time::SystemTime;

use milepost::view::tui::{JobView, RowsView};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::app::{App, Mode, Shown};

const KEYS: &str = "\
j k, arrows   one up or down
PgUp PgDn     a page of tasks up or down
Home End      the first, the last
Tab, Enter    jobs or tasks
/             tasks with a text in their names
f             tasks of one group
Esc           all tasks; back to the jobs
c             cancel the job or the task
h             hold it, release it
s             suspend it, resume it
q             quit";

impl App {
    pub(crate) fn draw(&mut self, frame: &mut Frame) {
        let jobs = (self.jobs.len() as u16 + 2).min((frame.area().height / 3).max(3));
        let heights = [Constraint::Length(jobs), Constraint::Fill(1), Constraint::Length(1)];
        let [jobs, tasks, line] = Layout::vertical(heights).areas(frame.area());
        self.draw_jobs(frame, jobs);
        self.draw_tasks(frame, tasks);
        frame.render_widget(self.line(), line);
        if self.mode == Mode::Help {
            let (width, height) = (Constraint::Length(48), Constraint::Length(13));
            let area = frame.area().centered(width, height);
            frame.render_widget(Clear, area);
            frame.render_widget(Paragraph::new(KEYS).block(block(" keys ".into(), true)), area);
        }
    }

    fn draw_jobs(&self, frame: &mut Frame, area: Rect) {
        let title = format!(" {} jobs, {} live ", self.jobs.len(), self.live_jobs());
        let block = block(title, !self.in_tasks);
        let lines = block.inner(area);
        frame.render_widget(block, area);
        // So that the selected one is seen.
        let first = (self.at + 1).saturating_sub(usize::from(lines.height));
        for ((at, shown), area) in self.jobs.iter().enumerate().skip(first).zip(lines.rows()) {
            let row = shown.rows.job(SystemTime::now());
            let view = JobView::new(&row).theme(&self.theme).selected(at == self.at);
            frame.render_widget(view, area);
        }
    }

    fn draw_tasks(&mut self, frame: &mut Frame, area: Rect) {
        let (now, in_tasks) = (SystemTime::now(), self.in_tasks);
        let Shown { rows, state, .. } = &mut self.jobs[self.at];
        let parts = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]);
        let [head, list] = parts.areas(block(String::new(), in_tasks).inner(area));
        frame.render_widget(JobView::new(&rows.job(now)).theme(&self.theme), head);
        let view = RowsView::new(rows, now).theme(&self.theme);
        frame.render_stateful_widget(view, list, state);
        // Now it is known what is seen.
        let (seen, filter) = (state.visible(), state.filter());
        let mut title = format!(" tasks {}-{} of {} ", seen.start + 1, seen.end, state.len());
        if seen.is_empty() {
            title = format!(" {} tasks ", state.len());
        }
        filter.groups().iter().for_each(|group| title.push_str(&format!("· {group:?} ")));
        if !filter.text().is_empty() {
            title.push_str(&format!("· {:?} ", filter.text()));
        }
        frame.render_widget(block(title, in_tasks), area);
    }

    /// What is asked or was answered, or which keys there are.
    fn line(&self) -> Line<'_> {
        let Shown { job, state, .. } = &self.jobs[self.at];
        let asked = match self.mode {
            Mode::AskQuit => format!("{} jobs are live. Quit? (y/n)", self.live_jobs()),
            Mode::AskCancel(None) => format!("Cancel the job {}? (y/n)", job.name()),
            Mode::AskCancel(Some(task)) => {
                let task = job.task_name(task).unwrap_or_default();
                format!("Cancel the task {task} of {}? (y/n)", job.name())
            }
            Mode::Filter => format!("/{}_", state.filter().text()),
            _ if !self.notice.is_empty() => return Line::raw(&*self.notice),
            _ => {
                let keys = "? keys  / filter  c cancel  h hold  s suspend  q quit";
                return Line::styled(keys, self.theme.dim);
            }
        };
        Line::styled(asked, Style::new().add_modifier(Modifier::BOLD))
    }
}

fn block(title: String, has_keys: bool) -> Block<'static> {
    let modifier = if has_keys { Modifier::BOLD } else { Modifier::DIM };
    Block::bordered().title(title).border_style(Style::new().add_modifier(modifier))
}
