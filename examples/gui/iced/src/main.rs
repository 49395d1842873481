//! A job in a window of iced: a bar for the job, one for each running task, and what has failed.
//!
//! ```sh
//! cd examples/gui && cargo run -p thumbnails-iced
//! ```
//!
//! iced draws after each message. The job's events come in batches, one a window of progress: each is one message, however
//! much has happened in it. While the job rests, and once it has ended, the program does nothing.

use std::error::Error;
use std::time::SystemTime;

use iced::futures::Stream;
use iced::futures::channel::mpsc;
use iced::widget::{button, column, container, progress_bar, row, rule, scrollable, space, text};
use iced::{Center, Element, Fill, Subscription};
use milepost::Job;
use milepost::view::{Batch, Rows};

/// How wide the columns of names and messages are, in pixels.
const COLUMN: u32 = 110;

#[derive(Debug, Clone)]
enum Message {
    Happened(Batch),
    Cancel,
}

struct Window {
    job: Job,
    rows: Rows,
}

fn main() -> Result<(), Box<dyn Error>> {
    let job = thumbnails::start()?;
    let _guard = job.cancel_on_drop(); // when the window is closed
    iced::application(move || Window::new(&job), Window::update, Window::view)
        .title("Thumbnails")
        .window_size((560.0, 460.0))
        .subscription(|window| Subscription::run_with(window.job.clone(), batches))
        .run()?;
    Ok(())
}

/// A job's events, as messages. Of one job there is one subscription, since jobs are told apart by their ids.
fn batches(job: &Job) -> impl Stream<Item = Message> + use<> {
    let (tx, rx) = mpsc::unbounded();
    job.forward(move |batch| tx.unbounded_send(Message::Happened(batch)).is_ok());
    rx
}

impl Window {
    fn new(job: &Job) -> Window {
        Window { job: job.clone(), rows: Rows::new() }
    }

    fn update(&mut self, message: Message) {
        match message {
            Message::Happened(batch) => self.rows.take(&batch),
            Message::Cancel => self.job.cancel("the user pressed Cancel"),
        }
    }

    fn view(&self) -> Element<'_, Message> {
        let now = SystemTime::now();
        let content = column![
            self.job(now),
            container(self.running(now)).height(Fill),
            rule::horizontal(1),
            text("Failed").size(14),
            scrollable(self.failed(now)).width(Fill).height(110),
        ];
        content.spacing(12).padding(16).into()
    }

    fn job(&self, now: SystemTime) -> Element<'_, Message> {
        let job = self.rows.job(now);
        let cancel = (!job.state.is_terminal()).then_some(Message::Cancel);
        let top = row![
            text(job.name.as_deref().unwrap_or_default().to_owned()).size(22),
            space::horizontal(),
            text(job.state.to_string()).size(14),
            button(text("Cancel").size(14)).on_press_maybe(cancel),
        ];
        column![
            top.spacing(12).align_y(Center),
            progress_bar(0.0..=1.0, job.fraction.unwrap_or(0.0) as f32).girth(18),
            text(thumbnails::status(&job)).size(14),
        ]
        .spacing(8)
        .into()
    }

    fn running(&self, now: SystemTime) -> Element<'_, Message> {
        let rows = self.rows.running(now).take(thumbnails::AT_A_TIME).map(|task| {
            let message = task.message.map_or("", |message| message);
            let fraction = task.fraction.unwrap_or(0.0) as f32;
            row![
                text(&**task.name).size(14).width(COLUMN),
                progress_bar(0.0..=1.0, fraction).girth(12),
                text(message).size(14).width(COLUMN),
            ]
            .spacing(10)
            .align_y(Center)
            .into()
        });
        column(rows).spacing(8).into()
    }

    fn failed(&self, now: SystemTime) -> Element<'_, Message> {
        let rows = self.rows.failed(now).take(100).map(|task| {
            let error = task.error.map_or("", |error| &*error.message);
            row![
                text(&**task.name).size(14).width(COLUMN),
                text(error).size(14).style(text::danger),
            ]
            .spacing(10)
            .into()
        });
        column(rows).spacing(4).into()
    }
}
