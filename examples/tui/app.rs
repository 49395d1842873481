//! What is shown, and what keys do. Knows no terminal.

use std::time::SystemTime;

use milepost::tracker::TrackedEvents;
use milepost::view::tui::{RowsState, Theme};
use milepost::view::{Filter, Group, Inbox, Rows};
use milepost::{Controlled, Job, TaskId, TaskState};
use ratatui::crossterm::event::KeyCode::{self, *};

pub(crate) struct App {
    inbox: Inbox<TrackedEvents>,
    pub(crate) jobs: Vec<Shown>,
    /// The place of the selected job.
    pub(crate) at: usize,
    /// Whether keys are for its tasks, and not for the jobs.
    pub(crate) in_tasks: bool,
    pub(crate) mode: Mode,
    /// What has come of the last key, if that isn't seen otherwise.
    pub(crate) notice: String,
    pub(crate) theme: Theme,
}

/// A job with what is shown of it, and a handle to control it by.
pub(crate) struct Shown {
    pub(crate) job: Job,
    pub(crate) rows: Rows,
    pub(crate) state: RowsState,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Normal,
    /// A text is typed that names must contain.
    Filter,
    Help,
    AskCancel(Option<TaskId>),
    AskQuit,
    Over,
}

impl App {
    pub(crate) fn new(inbox: Inbox<TrackedEvents>, jobs: Vec<Job>) -> App {
        let shown = |job| Shown { job, rows: Rows::new(), state: RowsState::new() };
        let jobs = jobs.into_iter().map(shown).collect();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let theme = if no_color { Theme::plain() } else { Theme::new() };
        let (mode, notice) = (Mode::Normal, String::new());
        App { inbox, jobs, at: 0, in_tasks: false, mode, notice, theme }
    }

    /// Takes in what has come.
    pub(crate) fn update(&mut self) {
        let jobs = &mut self.jobs;
        self.inbox.drain(|event| {
            let shown = jobs.iter_mut().find(|shown| shown.job.id() == event.job());
            shown.into_iter().for_each(|shown| shown.rows.apply(&event));
        });
        for Shown { job, rows, .. } in jobs {
            job.progress().expected.into_iter().for_each(|tasks| rows.expect(tasks));
        }
    }

    pub(crate) fn live_jobs(&self) -> usize {
        self.jobs.iter().filter(|shown| !shown.job.is_ended()).count()
    }

    pub(crate) fn press(&mut self, key: KeyCode) {
        self.notice.clear();
        match self.mode {
            Mode::Filter => self.press_filter(key),
            Mode::Normal => {
                let is_done = self.in_tasks && self.press_tasks(key);
                if !is_done {
                    self.press_any(key);
                }
            }
            mode => {
                self.mode = Mode::Normal;
                match (mode, key) {
                    (Mode::AskQuit, Char('y')) => self.mode = Mode::Over,
                    (Mode::AskCancel(task), Char('y')) => self.cancel(task),
                    _ => {}
                }
            }
        }
    }

    fn press_any(&mut self, key: KeyCode) {
        let last = self.jobs.len() - 1;
        let task = self.jobs[self.at].state.selected().filter(|_| self.in_tasks);
        match key {
            Char('q') if self.live_jobs() == 0 => self.mode = Mode::Over,
            Char('q') => self.mode = Mode::AskQuit,
            Char('c') => self.mode = Mode::AskCancel(task),
            Char('?') => self.mode = Mode::Help,
            Char('/') => (self.in_tasks, self.mode) = (true, Mode::Filter),
            Char('h') => self.switch(task, TaskState::Held),
            Char('s') => self.switch(task, TaskState::Suspended),
            Tab => self.in_tasks = !self.in_tasks,
            Enter => self.in_tasks = true,
            Esc => self.in_tasks = false,
            Down | Char('j') => self.at = (self.at + 1).min(last),
            Up | Char('k') => self.at = self.at.saturating_sub(1),
            Home => self.at = 0,
            End => self.at = last,
            _ => {}
        }
    }

    /// Returns whether it is a key for tasks.
    fn press_tasks(&mut self, key: KeyCode) -> bool {
        let Shown { rows, state, .. } = &mut self.jobs[self.at];
        match key {
            Down | Char('j') => state.next(rows),
            Up | Char('k') => state.previous(rows),
            PageDown => state.page_down(rows),
            PageUp => state.page_up(rows),
            Home => state.first(rows),
            End => state.last(rows),
            Char('f') => {
                let next = next_group(state.filter().groups());
                state.filter_mut().set_groups(next);
            }
            Esc if !state.filter().is_empty() => *state.filter_mut() = Filter::new(),
            _ => return false,
        }
        true
    }

    fn press_filter(&mut self, key: KeyCode) {
        let filter = self.jobs[self.at].state.filter_mut();
        let mut text = filter.text().to_owned();
        match key {
            Char(char) => text.push(char),
            Backspace => drop(text.pop()),
            Esc => (text, self.mode) = (String::new(), Mode::Normal),
            Enter => self.mode = Mode::Normal,
            _ => {}
        }
        filter.set_text(&text);
    }

    fn cancel(&mut self, task: Option<TaskId>) {
        let job = &self.jobs[self.at].job;
        match task {
            Some(task) => drop(job.cancel_task(task, "by the user")),
            None => job.cancel("by the user"),
        }
    }

    /// Brings the task, or those of the job, into this state; or out of it, if it or one of them is in it.
    fn switch(&mut self, task: Option<TaskId>, state: TaskState) {
        let Shown { job, rows, .. } = &self.jobs[self.at];
        let (is_hold, why) = (state == TaskState::Held, "by the user");
        let now = SystemTime::now();
        let is_in = match task {
            Some(task) => rows.task(task, now).is_some_and(|row| row.state == state),
            None => rows.job(now).counts.of(state) > 0,
        };
        let Some(task) = task else {
            let (what, Controlled { asked, refused, .. }) = match (is_hold, is_in) {
                (true, false) => ("hold", job.hold(why)),
                (true, true) => ("release", job.release(why)),
                (false, false) => ("suspend", job.suspend(why)),
                (false, true) => ("resume", job.resume(why)),
            };
            let done = asked - refused.len();
            self.notice = format!("{what}: asked of {done} tasks, refused by {}", refused.len());
            return;
        };
        let done = match (is_hold, is_in) {
            (true, false) => job.hold_task(task, why),
            (true, true) => job.release_task(task, why),
            (false, false) => job.suspend_task(task, why),
            (false, true) => job.resume_task(task, why),
        };
        self.notice = done.err().map(|error| error.to_string()).unwrap_or_default();
    }
}

/// All, then each of them alone.
fn next_group(shown: &[Group]) -> Option<Group> {
    Group::ALL.into_iter().find(|next| shown.first().is_none_or(|shown| next > shown))
}
