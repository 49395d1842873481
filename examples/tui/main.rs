//! An application in the terminal that shows all jobs of a process and controls them, with ratatui:
//! `cargo run --features ratatui,tracker --example tui`.
//!
//! It draws when something came: a key, or the inbox's wake-up. Both come by one channel, so that the loop waits in one
//! place; while a job runs it also draws once a second, as time goes on. Nothing happens while nothing happens.
//!
//! - `app`: what is shown and what keys do. - `draw`: what it looks like. - `demo`: jobs to be shown.

#![allow(
    clippy::disallowed_methods,
    reason = "an application reads the clock, and its demo passes the time"
)]

mod app;
mod demo;
mod draw;

use std::error::Error;
use std::panic;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use milepost::view::Inbox;
use milepost::{LocalScheduler, Tracker};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};

use app::{App, Mode};

/// Nobody sees more of a second.
const FRAME: Duration = Duration::from_millis(33);

enum Message {
    Key(KeyCode),
    /// Something is to be drawn: the inbox has events, or the terminal has another size.
    Wake,
}

fn main() -> Result<(), Box<dyn Error>> {
    let tracker = Tracker::new();
    let (sender, messages) = mpsc::channel();
    let wake = sender.clone();
    // One inbox for all jobs.
    let inbox = Inbox::new(tracker.events(), move || drop(wake.send(Message::Wake)));
    let jobs = demo::jobs()?;
    for job in &jobs {
        // Workers for each, so that all go on.
        job.submit(&tracker.scheduler(LocalScheduler::new(3)?))?;
    }
    let mut app = App::new(inbox, jobs);

    let mut terminal = ratatui::try_init()?;
    contain_panics();
    thread::spawn(move || read_terminal(&sender));
    let result = run(&mut terminal, &mut app, &messages);
    ratatui::restore();
    result
}

fn run(
    terminal: &mut DefaultTerminal,
    app: &mut App,
    messages: &Receiver<Message>,
) -> Result<(), Box<dyn Error>> {
    while app.mode != Mode::Over {
        app.update();
        terminal.draw(|frame| app.draw(frame))?;
        for message in wait(messages, app.live_jobs() > 0)? {
            if let Message::Key(key) = message {
                app.press(key);
            }
        }
    }
    Ok(())
}

/// Waits until something is to be drawn. Returns what has come.
fn wait(messages: &Receiver<Message>, is_live: bool) -> Result<Vec<Message>, RecvTimeoutError> {
    let limit = if is_live { Duration::from_secs(1) } else { Duration::MAX };
    let mut came = match messages.recv_timeout(limit) {
        Err(RecvTimeoutError::Timeout) => return Ok(Vec::new()),
        first => vec![first?],
    };
    // A key is answered at once. What a job tells waits for more of it; before it is drained, it doesn't wake again.
    if let Message::Wake = came[0] {
        came.extend(messages.recv_timeout(FRAME).ok());
    }
    came.extend(messages.try_iter());
    Ok(came)
}

fn read_terminal(sender: &Sender<Message>) {
    while let Ok(event) = event::read() {
        let message = match event {
            Event::Key(key) if !key.is_press() => continue,
            // No signal comes from a terminal that gives all keys.
            Event::Key(key) if key.modifiers.contains(KeyModifiers::CONTROL) => match key.code {
                KeyCode::Char('c') => Message::Key(KeyCode::Char('q')),
                _ => continue,
            },
            Event::Key(key) => Message::Key(key.code),
            Event::Resize(..) => Message::Wake,
            _ => continue,
        };
        if sender.send(message).is_err() {
            break;
        }
    }
}

/// The hook that ratatui has set gives the terminal back, which is right for a panic of this thread. One of a task fails the
/// task, with its message, and the application goes on: it must not write over the screen.
fn contain_panics() {
    let (restore, main) = (panic::take_hook(), thread::current().id());
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == main {
            restore(panic);
        }
    }));
}
