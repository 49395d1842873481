//! [`Lines`]: a program's output as it comes, line by line, for a reader that may be slow. Knows no processes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;
use futures::stream::FusedStream;
use parking_lot::Mutex;

use crate::base::{block_on, contain};

/// What the unread lines of one reader may take, in bytes.
const MOST_UNREAD: usize = 1024 * 1024;

/// What a line takes beside its text, about.
const OVERHEAD: usize = 64;

/// Which of a program's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line that a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Where it was printed.
    pub stream: OutputStream,
    /// The line without its end; what is no UTF-8 is replaced. One of more than 64 KiB comes in pieces.
    pub text: String,
    /// In which attempt of the task, from 1.
    pub attempt: u32,
    /// How many lines before it were lost, since they were not read in time.
    pub missed: u64,
}

/// The lines that a [`Command`](crate::Command) prints, as they come; made by
/// [`Command::lines`](crate::Command::lines).
///
/// Up to 1 MiB of unread lines is kept. A reader that is slower than that loses the oldest ones, and is told by
/// [`Line::missed`] how many; the program never waits for it. Lines of one output are in order; those of the two outputs
/// are in the order in which they were read, which may be another one than that of writing.
///
/// It ends once nothing can print any more: when the command, its clones and the attempts that run are gone. A job lets go of a
/// command when its task has ended. It works on any executor and on plain threads.
///
/// ```
/// use milepost::{Command, Job, LocalScheduler};
///
/// let job = Job::new("listing");
/// let mut command = Command::new("printf").arg("one\ntwo\n");
/// let mut lines = command.lines();
/// job.add_task(command)?;
/// job.submit(&LocalScheduler::new(1)?)?;
///
/// let texts: Vec<String> = std::iter::from_fn(|| lines.blocking_next()).map(|line| line.text).collect();
/// assert_eq!(texts, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lines(Arc<Mutex<Unread>>);

#[derive(Default)]
struct Unread {
    lines: VecDeque<Line>,
    size: usize,
    /// How many were lost since the last one that was read.
    missed: u64,
    waker: Option<Waker>,
    /// Nobody can write any more.
    ended: bool,
    /// Nobody reads any more.
    left: bool,
}

impl Lines {
    /// The next line; `None` after the last one.
    ///
    /// Cancel safe: a line that was not returned comes with the next call.
    pub async fn next(&mut self) -> Option<Line> {
        poll_fn(|cx| self.poll_line(cx)).await
    }

    /// The next line if there is one now. `None` means that there is none yet, or that there will be no more:
    /// [`is_ended`](Lines::is_ended) tells.
    pub fn try_recv(&mut self) -> Option<Line> {
        self.0.lock().pop()
    }

    /// Waits on this thread for the next line; `None` after the last one.
    pub fn blocking_next(&mut self) -> Option<Line> {
        block_on(self.next())
    }

    /// Whether nothing can print any more and all lines were read.
    pub fn is_ended(&self) -> bool {
        let unread = self.0.lock();
        unread.ended && unread.lines.is_empty()
    }

    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<Option<Line>> {
        // Cloned and dropped outside of the lock: that may run user code.
        let mut waker = Some(cx.waker().clone());
        let mut unread = self.0.lock();
        let line = unread.pop();
        if line.is_some() || unread.ended {
            return Poll::Ready(line);
        }
        std::mem::swap(&mut unread.waker, &mut waker);
        drop(unread);
        Poll::Pending
    }
}

impl Unread {
    fn pop(&mut self) -> Option<Line> {
        let mut line = self.lines.pop_front()?;
        self.size -= line.text.len() + OVERHEAD;
        line.missed = std::mem::take(&mut self.missed);
        Some(line)
    }

    fn push(&mut self, line: Line) {
        self.size += line.text.len() + OVERHEAD;
        self.lines.push_back(line);
        while self.size > MOST_UNREAD && self.lines.len() > 1 {
            let missed = self.missed + 1;
            self.pop();
            self.missed = missed;
        }
    }
}

impl Stream for Lines {
    type Item = Line;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Line>> {
        self.poll_line(cx)
    }
}

impl FusedStream for Lines {
    fn is_terminated(&self) -> bool {
        self.is_ended()
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut unread = self.0.lock();
        unread.left = true;
        let (lines, waker) = (std::mem::take(&mut unread.lines), unread.waker.take());
        unread.size = 0;
        drop(unread);
        drop((lines, waker));
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = self.0.lock();
        f.debug_struct("Lines")
            .field("unread", &unread.lines.len())
            .field("ended", &unread.ended)
            .finish()
    }
}

/// The writing end of [`Lines`], shared by all that may print; the last one's drop ends them.
pub(super) struct LineWriter(Arc<Mutex<Unread>>);

/// A reader, and the end to write to.
pub(super) fn lines() -> (LineWriter, Lines) {
    let unread = Arc::<Mutex<Unread>>::default();
    (LineWriter(unread.clone()), Lines(unread))
}

impl LineWriter {
    /// Whether somebody reads.
    pub(super) fn is_read(&self) -> bool {
        !self.0.lock().left
    }

    pub(super) fn write(&self, lines: impl ExactSizeIterator<Item = Line>) {
        let mut unread = self.0.lock();
        if unread.left || lines.len() == 0 {
            return;
        }
        for line in lines {
            unread.push(line);
        }
        self.wake(unread.waker.take(), unread);
    }

    /// Calls a waker after the section.
    fn wake(&self, waker: Option<Waker>, section: impl Sized) {
        drop(section);
        if let Some(waker) = waker {
            contain("a waker", || waker.wake());
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        let mut unread = self.0.lock();
        unread.ended = true;
        self.wake(unread.waker.take(), unread);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line { stream: OutputStream::Stdout, text: text.into(), attempt: 1, missed: 0 }
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_is_told() {
        let (writer, mut lines) = lines();
        let text = "x".repeat(1000);
        let written = 10_000;
        for n in 0..written {
            writer.write([line(&format!("{n} {text}"))].into_iter());
        }
        assert!(lines.0.lock().size <= MOST_UNREAD);
        let first = lines.try_recv().expect("the latest are kept");
        assert!(first.text.starts_with(&format!("{} ", first.missed)), "{}", first.missed);
        let rest: Vec<Line> = std::iter::from_fn(|| lines.try_recv()).collect();
        assert!(rest.iter().all(|line| line.missed == 0));
        assert_eq!(first.missed + 1 + rest.len() as u64, written);
        assert!(!lines.is_ended());
        drop(writer);
        assert!(lines.is_ended() && lines.blocking_next().is_none());
    }

    #[test]
    fn nothing_is_kept_for_one_who_left() {
        let (writer, lines) = lines();
        writer.write([line("a")].into_iter());
        drop(lines);
        writer.write([line("b")].into_iter());
        assert!(!writer.is_read() && writer.0.lock().lines.is_empty());
    }
}
