//! The moving of bytes between an attempt's program and this process, on one thread, until the program has ended. Knows
//! neither groups nor what becomes of the task.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::Captured;
use super::lines::{Line, LineWriter, OutputStream};
use super::report::Report;
use super::split::{Long, Splitter};
use super::tail::Tail;
use super::terminal::{Piece, Terminal};
use crate::meter::Progress;

/// What is read at once: as much as a pipe holds unless it was made larger.
const CHUNK: usize = 64 * 1024;

/// How many chunks are read of what is left once the program has ended: 1 MiB, which is as much as an ordinary user's pipe
/// can hold. A process that has left the group may write on for ever (C4).
const CHUNKS_LEFT: usize = 16;

/// All that goes to and comes from a program.
pub(super) struct Pump {
    pub(super) exit: OwnedFd,
    pub(super) reports: Reports,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) stdin: Input,
}

impl Pump {
    /// Moves bytes until the program has ended.
    pub(super) fn until_exit(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let [exit, reports, stdout, stderr, stdin] = ready([
                Some((self.exit.as_fd(), PollFlags::IN)),
                Some((self.reports.file.as_fd(), PollFlags::IN)),
                self.stdout.pipe.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
                self.stderr.pipe.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::IN)),
                self.stdin.pipe.as_ref().map(|pipe| (pipe.as_fd(), PollFlags::OUT)),
            ])?;
            if exit {
                return Ok(());
            }
            if reports {
                self.reports.read(&mut buffer);
            }
            if stdout {
                self.stdout.read(&mut buffer);
            }
            if stderr {
                self.stderr.read(&mut buffer);
            }
            if stdin {
                self.stdin.write();
            }
        }
    }

    /// Takes what the program has left in its pipes; gives the ends of stdout and stderr.
    pub(super) fn finish(mut self) -> (Captured, Captured) {
        let buffer = &mut vec![0; CHUNK];
        rest(|| self.reports.read(buffer));
        rest(|| self.stdout.read(buffer));
        rest(|| self.stderr.read(buffer));
        self.reports.finish();
        (self.stdout.finish(), self.stderr.finish())
    }
}

/// Reads on until there is no more, or too much.
fn rest(mut read: impl FnMut() -> bool) {
    let mut chunks = 0;
    while chunks < CHUNKS_LEFT && read() {
        chunks += 1;
    }
}

/// Waits until one of `files` is ready, or closed at its other end. Says which are.
fn ready<const N: usize>(files: [Option<(BorrowedFd<'_>, PollFlags)>; N]) -> io::Result<[bool; N]> {
    let mut polled: Vec<PollFd<'_>> = files
        .iter()
        .flatten()
        .map(|(file, flags)| PollFd::from_borrowed_fd(*file, *flags))
        .collect();
    while let Err(error) = poll(&mut polled, None) {
        if error != Errno::INTR {
            return Err(error.into());
        }
    }
    let mut polled = polled.iter();
    Ok(files.map(|file| {
        file.is_some() && polled.next().is_some_and(|polled| !polled.revents().is_empty())
    }))
}

/// Reads what is there. `None`: nothing yet; 0: there will be no more.
fn read(file: impl AsFd, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match rustix::io::read(&file, &mut *buffer) {
            Ok(length) => return Some(length),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return None,
            Err(_) => return Some(0),
        }
    }
}

/// The end of a pipe, set so that it never blocks.
fn without_blocking(pipe: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
    let pipe = pipe.into();
    fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
    Ok(pipe)
}

/// The progress file, which stays open here however often programs open and close it.
pub(super) struct Reports {
    file: OwnedFd,
    lines: Splitter,
    progress: Progress,
}

impl Reports {
    /// Of a file that was opened without blocking.
    pub(super) fn new(file: OwnedFd, progress: Progress) -> Reports {
        Reports { file, lines: Splitter::new(Long::Skip), progress }
    }

    /// True if there may be more.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let Some(length) = read(&self.file, buffer).filter(|length| *length > 0) else {
            return false;
        };
        self.lines.feed(&buffer[..length], &mut |line| report(line, &self.progress));
        true
    }

    fn finish(mut self) {
        self.lines.finish(&mut |line| report(line, &self.progress));
    }
}

fn report(line: &[u8], progress: &Progress) {
    match Report::of_line(line) {
        Some(report) => report.apply(progress),
        None => {
            let line = String::from_utf8_lossy(&line[..line.len().min(200)]);
            tracing::debug!(%line, "a line of the progress file is no report");
        }
    }
}

/// Standard output or standard error.
pub(super) struct Output {
    pipe: Option<OwnedFd>,
    terminal: Terminal,
    kept: Kept,
}

/// Where the text of an output goes.
struct Kept {
    tail: Tail,
    progress: Progress,
    /// None if nobody reads lines.
    lines: Option<Splitter>,
    read: Vec<Line>,
    writers: Vec<Arc<LineWriter>>,
    stream: OutputStream,
    attempt: u32,
}

impl Output {
    pub(super) fn new(
        pipe: Option<impl Into<OwnedFd>>,
        (stream, attempt): (OutputStream, u32),
        capture: usize,
        progress: Progress,
        writers: &[Arc<LineWriter>],
    ) -> io::Result<Output> {
        let lines = writers.iter().any(|writer| writer.is_read());
        let kept = Kept {
            tail: Tail::new(capture),
            progress,
            lines: lines.then(|| Splitter::new(Long::Cut)),
            read: Vec::new(),
            writers: writers.to_vec(),
            stream,
            attempt,
        };
        let pipe = pipe.map(without_blocking).transpose()?;
        Ok(Output { pipe, terminal: Terminal::default(), kept })
    }

    /// True if there may be more.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let Some(length) = self.pipe.as_ref().and_then(|pipe| read(pipe, buffer)) else {
            return false;
        };
        if length == 0 {
            self.pipe = None;
            return false;
        }
        self.terminal.feed(&buffer[..length], &mut |piece| self.kept.take(piece));
        self.kept.pass_on();
        true
    }

    fn finish(mut self) -> Captured {
        self.terminal.finish(&mut |piece| self.kept.take(piece));
        self.kept.finish()
    }
}

impl Kept {
    fn take(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Report(report) => report.apply(&self.progress),
            Piece::Text(text) => {
                self.tail.push(text);
                if let Some(mut lines) = self.lines.take() {
                    lines.feed(text, &mut |line| self.line(line));
                    self.lines = Some(lines);
                }
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).into_owned();
        self.read.push(Line { stream: self.stream, text, attempt: self.attempt, missed: 0 });
    }

    /// Gives the lines of a chunk to all readers at once.
    fn pass_on(&mut self) {
        if let Some((last, others)) = self.writers.split_last() {
            for writer in others {
                writer.write(self.read.iter().cloned());
            }
            last.write(self.read.drain(..));
        }
    }

    fn finish(mut self) -> Captured {
        if let Some(mut lines) = self.lines.take() {
            lines.finish(&mut |line| self.line(line));
            self.pass_on();
        }
        let (bytes, cut) = self.tail.finish();
        Captured { bytes, cut }
    }
}

/// Standard input, if bytes are to be written to it.
pub(super) struct Input {
    pipe: Option<OwnedFd>,
    bytes: Arc<[u8]>,
    written: usize,
}

impl Input {
    pub(super) fn new(pipe: Option<impl Into<OwnedFd>>, bytes: Arc<[u8]>) -> io::Result<Input> {
        let pipe = pipe.map(without_blocking).transpose()?;
        Ok(Input { pipe, bytes, written: 0 })
    }

    /// Writes as much as there is room for; closes the pipe after the last byte, or if nobody reads.
    fn write(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let rest = &self.bytes[self.written..];
        match rustix::io::write(pipe, rest) {
            Ok(length) => self.written += length,
            Err(Errno::INTR | Errno::AGAIN) => return,
            Err(_) => self.pipe = None,
        }
        if self.written == self.bytes.len() {
            self.pipe = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_read_up_to_a_limit() {
        let count = |chunks: usize| {
            let mut read = 0;
            rest(|| {
                read += 1;
                read < chunks
            });
            read
        };
        assert_eq!([count(1), count(3), count(1_000_000)], [1, 3, CHUNKS_LEFT]);
    }
}
