//! [`Theme`]: what states look like. Knows no row and no line.

use ratatui_core::style::{Color, Modifier, Style};

use crate::model::{JobState, TaskState};

/// The colours of what is drawn: of the terminal's sixteen, so that they go with its background, whichever that is; no background
/// is set. All that colours tell is told by signs and words too.
///
/// ```
/// use milepost::view::tui::Theme;
/// use ratatui::style::{Color, Style};
///
/// let mut theme = Theme::default();
/// theme.running = Style::new().fg(Color::Blue);
/// // Where the user wants no colours:
/// if std::env::var_os("NO_COLOR").is_some() {
///     theme = Theme::plain();
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Theme {
    /// The sign of what has not begun: `·`.
    pub waiting: Style,
    /// The sign of what runs, `>`, and the full part of its bar.
    pub running: Style,
    /// The sign of what is held or parked, `=`, or asked to stop, `~`.
    pub stopped: Style,
    /// The sign of what ended well, `✓`, and its bar.
    pub completed: Style,
    /// The sign of what failed, `✗`, and the error.
    pub failed: Style,
    /// The sign of what was canceled, `-`.
    pub canceled: Style,
    /// Names.
    pub name: Style,
    /// Numbers and messages.
    pub detail: Style,
    /// The rest of a bar, and what is said where there are no rows.
    pub dim: Style,
    /// The selected row, but for its bar; it is put over the others.
    pub selected: Style,
}

impl Default for Theme {
    fn default() -> Theme {
        let color = |color| Style::new().fg(color);
        Theme {
            running: color(Color::Cyan),
            stopped: color(Color::Magenta),
            completed: color(Color::Green),
            failed: color(Color::Red),
            ..Theme::plain()
        }
    }
}

impl Theme {
    /// The one with colours; the same as `default`.
    pub fn new() -> Theme {
        Theme::default()
    }

    /// No colours: the selected row is reversed, names of jobs are bold, and what matters less is dim.
    pub fn plain() -> Theme {
        let dim = Style::new().add_modifier(Modifier::DIM);
        Theme {
            waiting: Style::new(),
            running: Style::new(),
            stopped: Style::new(),
            completed: Style::new(),
            failed: Style::new(),
            canceled: dim,
            name: Style::new(),
            detail: Style::new(),
            dim,
            selected: Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    pub(super) fn task_sign(&self, state: TaskState) -> (&'static str, Style) {
        match state {
            TaskState::Pending | TaskState::Submitted => ("·", self.waiting),
            TaskState::Held | TaskState::Suspended => ("=", self.stopped),
            TaskState::Assigned | TaskState::Running => (">", self.running),
            TaskState::Canceling => ("~", self.stopped),
            TaskState::Completed => ("✓", self.completed),
            TaskState::Canceled => ("-", self.canceled),
            TaskState::Failed
            | TaskState::TimedOut
            | TaskState::Interrupted
            | TaskState::EnvironmentError => ("✗", self.failed),
        }
    }

    pub(super) fn job_sign(&self, state: JobState) -> (&'static str, Style) {
        match state {
            JobState::Pending | JobState::Submitted => ("·", self.waiting),
            JobState::Running => (">", self.running),
            JobState::Canceling => ("~", self.stopped),
            JobState::Completed => ("✓", self.completed),
            JobState::Failed => ("✗", self.failed),
            JobState::Canceled => ("-", self.canceled),
        }
    }
}
