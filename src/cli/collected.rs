//! What is drawn, collected as text, so that it can be written in one piece with what is printed. Writes nothing.

use std::io;
use std::sync::Arc;

use indicatif::TermLike;
use parking_lot::Mutex;

use crate::view::terminal::Size;

/// What bars take for the terminal; a clone is the same one.
#[derive(Debug, Clone)]
pub(super) struct Collected(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    text: String,
    size: Size,
}

impl Collected {
    pub(super) fn new(size: Size) -> Collected {
        Collected(Arc::new(Mutex::new(State { text: String::new(), size })))
    }

    /// Has the terminal this size from now on.
    pub(super) fn resize(&self, size: Size) {
        self.0.lock().size = size;
    }

    /// Takes out what has been drawn.
    pub(super) fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().text)
    }

    fn push(&self, parts: &[&str]) -> io::Result<()> {
        self.0.lock().text.extend(parts.iter().copied());
        Ok(())
    }
}

impl TermLike for Collected {
    fn width(&self) -> u16 {
        u16::try_from(self.0.lock().size.width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.lock().size.height).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.push(&["\x1b[", &n.to_string(), "A"])
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.push(&["\x1b[", &n.to_string(), "B"])
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.push(&["\x1b[", &n.to_string(), "C"])
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.push(&["\x1b[", &n.to_string(), "D"])
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(&[text, "\r\n"])
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(&[text])
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push(&["\r\x1b[2K"])
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
