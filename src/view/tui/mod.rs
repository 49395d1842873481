//! Widgets for [ratatui](https://docs.rs/ratatui): a job, and its tasks as a list that scrolls.
//!
//! - [`JobView`]: a job in one line or two; lines of several jobs below one another make a list of jobs.
//! - [`RowsView`] with [`RowsState`]: the tasks of a job, a line each, scrolled, selected and filtered. It costs by what is
//!   shown, however many tasks there are.
//! - [`Theme`]: colours, of the sixteen that a terminal's user has chosen, or none.
//!
//! Each reads [`Rows`](super::Rows), for the time that it is given. They are widgets of `ratatui-core` 0.1, with any backend;
//! they draw no borders, read no keys and know no terminal. The example `tui` is an application with them.
//!
//! ```
//! use std::time::SystemTime;
//! use milepost::{Job, view::Rows, view::tui::{JobView, RowsState, RowsView}};
//! use ratatui::{Terminal, backend::TestBackend, layout::{Constraint, Layout}};
//!
//! let job = Job::new("thumbnails");
//! let (mut rows, mut inbox) = (Rows::new(), job.inbox(|| { /* have the event loop draw */ }));
//! let mut state = RowsState::new();
//! let mut terminal = Terminal::new(TestBackend::new(40, 4))?;
//! let tasks = ["a.png", "b.png"].map(|name| job.reporter(name).unwrap());
//! tasks[0].running()?;
//!
//! // Whenever the inbox or a key wakes the event loop:
//! rows.update(&mut inbox);
//! state.next(&rows); // the key for it was pressed
//! terminal.draw(|frame| {
//!     let now = SystemTime::now();
//!     let [top, list] = Layout::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(frame.area());
//!     frame.render_widget(JobView::new(&rows.job(now)), top);
//!     frame.render_stateful_widget(RowsView::new(&rows, now), list, &mut state);
//! })?;
//! assert_eq!(state.selected(), Some(tasks[0].id()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;
mod fit;
mod job_view;
mod line;
mod rows_view;
mod state;
mod theme;

pub use job_view::JobView;
pub use rows_view::RowsView;
pub use state::RowsState;
pub use theme::Theme;
