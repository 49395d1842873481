//! Standard output and standard error: lines and outputs, past the bars if there are any. Knows no jobs.

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::collected::Collected;
use super::exit::Exit;
use crate::view::terminal::{Bars, Canvas, Line, Size, has_colors, is_drawable, size};

/// Where something is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Stdout,
    Stderr,
}

/// The terminal, or the pipes that are there in its place.
#[derive(Debug)]
pub(super) struct Screen {
    /// If standard error is a terminal that can move its cursor.
    bars: Option<Drawn>,
    stdout_is_terminal: bool,
    /// What is to be written with the next frame.
    pending: Vec<(To, Vec<u8>)>,
    pending_bytes: usize,
    /// Standard output was closed.
    no_stdout: bool,
}

/// Bars, and where what they draw is collected.
#[derive(Debug)]
struct Drawn {
    bars: Bars,
    collected: Collected,
}

/// As much is kept before it is written, about.
const MOST_PENDING: usize = 1024 * 1024;

impl Screen {
    /// `others_write`: somebody else writes to standard output, which would be in the way of bars if it is a terminal.
    pub(super) fn new(others_write: bool) -> Screen {
        let stdout_is_terminal = io::stdout().is_terminal();
        let bars =
            (is_drawable() && !(others_write && stdout_is_terminal)).then(Drawn::new).flatten();
        Screen { bars, stdout_is_terminal, pending: Vec::new(), pending_bytes: 0, no_stdout: false }
    }

    pub(super) fn has_bars(&self) -> bool {
        self.bars.is_some()
    }

    /// A line for people.
    pub(super) fn say(&mut self, line: &str) {
        self.write(To::Stderr, line.as_bytes());
        self.write(To::Stderr, b"\n");
    }

    /// What a command has printed. Where people read it, it ends with a line's end.
    pub(super) fn pass_on(&mut self, to: To, bytes: &[u8]) {
        self.write(to, bytes);
        if !bytes.is_empty()
            && !bytes.ends_with(b"\n")
            && (to == To::Stderr || self.stdout_is_terminal)
        {
            self.write(to, b"\n");
        }
    }

    fn write(&mut self, to: To, bytes: &[u8]) {
        self.pending_bytes += bytes.len();
        match self.pending.last_mut().filter(|(last, _)| *last == to) {
            Some((_, pending)) => pending.extend_from_slice(bytes),
            None => self.pending.push((to, bytes.to_vec())),
        }
    }

    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether so much waits that it should be written at once.
    pub(super) fn is_full(&self) -> bool {
        self.pending_bytes >= MOST_PENDING
    }

    /// Writes what is pending, and draws the lines below it, if there are bars.
    ///
    /// # Errors
    /// Standard output can't be written to; told once. All else is written all the same.
    pub(super) fn draw(&mut self, lines: impl FnOnce(Size) -> Vec<Line>) -> io::Result<()> {
        let size = size();
        let shares =
            self.stdout_is_terminal || self.pending.iter().any(|(to, _)| *to == To::Stderr);
        let mut frame = match &mut self.bars {
            Some(drawn) if shares && !self.pending.is_empty() => drawn.clear(),
            _ => String::new(),
        }
        .into_bytes();
        let mut result = Ok(());
        for (to, bytes) in std::mem::take(&mut self.pending) {
            match to {
                To::Stderr => frame.extend_from_slice(&bytes),
                To::Stdout if self.no_stdout => {}
                To::Stdout => {
                    to_stderr(&mut frame);
                    let mut stdout = io::stdout().lock();
                    let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
                    self.no_stdout = written.is_err();
                    result = result.and(written);
                }
            }
        }
        self.pending_bytes = 0;
        if let Some(drawn) = &mut self.bars {
            frame.extend_from_slice(drawn.draw(lines(size), size).as_bytes());
        }
        to_stderr(&mut frame);
        result
    }

    /// Writes what is pending and leaves no bars behind.
    ///
    /// # Errors
    /// As [`draw`](Screen::draw).
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(mut drawn) = self.bars.take() {
            to_stderr(&mut drawn.clear().into_bytes());
        }
        self.draw(|_| Vec::new())
    }
}

impl Drawn {
    fn new() -> Option<Drawn> {
        let collected = Collected::new(size());
        // The template is right.
        let bars = Bars::new(Canvas::on(Box::new(collected.clone())), has_colors()).ok()?;
        Some(Drawn { bars, collected })
    }

    /// What to write so that these lines are shown in place of those before.
    fn draw(&mut self, lines: Vec<Line>, size: Size) -> String {
        self.collected.resize(size);
        self.bars.draw(lines, size);
        self.collected.take()
    }

    /// What to write so that they are gone, and the cursor is where they began.
    fn clear(&mut self) -> String {
        self.bars.clear();
        self.collected.take()
    }
}

/// A line for people, where there are no bars.
pub(super) fn say(line: &str) {
    to_stderr(&mut format!("{line}\n").into_bytes());
}

/// Standard output can't be written to: says so, and how the command ends. If nobody reads it, it is as quiet as a program that
/// SIGPIPE ends.
pub(super) fn unwritten(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Exit::NoReader;
    }
    say(&format!("milepost: can't write to standard output: {error}"));
    Exit::Failure
}

/// Whether somebody may still read what is written there.
pub(super) fn is_read(output: &impl AsFd) -> bool {
    let mut watched = [PollFd::new(output, PollFlags::empty())];
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    let looked = poll(&mut watched, Some(&Timespec::default()));
    looked.is_err() || !watched[0].revents().intersects(gone)
}

/// Should nobody read it, that is no reason to stop.
fn to_stderr(text: &mut Vec<u8>) {
    if !text.is_empty() {
        let _ = io::stderr().write_all(text);
        text.clear();
    }
}
