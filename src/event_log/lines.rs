//! Lines of a file, with bounded memory whatever is in it. Knows nothing of events.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// As long as a line may be.
pub(super) const LONGEST: usize = 32 << 20;

/// Read at once, at first and at most: many a file has only a line or two to read.
const READ: Range<usize> = 8 << 10..256 << 10;

/// What comes next in a file.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A line, without its end, as a place in the [buffer](Lines::text).
    Line(Range<usize>),
    /// A line of more than [`LONGEST`] bytes.
    TooLong,
    /// Nothing more for now; so many bytes of a line without its end are there.
    End(usize),
}

#[derive(Debug)]
pub(super) struct Lines {
    file: File,
    buffer: Vec<u8>,
    /// What of the buffer has not been given out.
    unread: Range<usize>,
    /// How much of that has no end of a line in it.
    searched: usize,
    /// Bytes of a line that is too long, which are not in the buffer any more.
    skipped: u64,
    /// Bytes and lines of the file that were given out: always whole lines.
    pub(super) offset: u64,
    pub(super) lines: u64,
}

impl Lines {
    /// The lines of `file` from `offset` on, before which there are `lines`.
    pub(super) fn new(mut file: File, offset: u64, lines: u64) -> io::Result<Lines> {
        file.seek(SeekFrom::Start(offset))?;
        let (buffer, unread) = (Vec::new(), 0..0);
        Ok(Lines { file, buffer, unread, searched: 0, skipped: 0, offset, lines })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn text(&self, line: Range<usize>) -> &[u8] {
        &self.buffer[line]
    }

    /// Whether all that was read of the file was given out.
    pub(super) fn is_drained(&self) -> bool {
        self.unread.is_empty() && self.skipped == 0
    }

    pub(super) fn next(&mut self) -> io::Result<Found> {
        loop {
            let text = &self.buffer[self.unread.clone()];
            if let Some(end) = memchr::memchr(b'\n', &text[self.searched..]) {
                let line = self.unread.start..self.unread.start + self.searched + end;
                self.unread.start = line.end + 1;
                self.searched = 0;
                let skipped = std::mem::take(&mut self.skipped);
                self.offset += skipped + line.len() as u64 + 1;
                self.lines = self.lines.saturating_add(1);
                return Ok(if skipped > 0 { Found::TooLong } else { Found::Line(line) });
            }
            self.searched = text.len();
            if self.skipped > 0 || self.searched > LONGEST {
                self.skipped += self.searched as u64;
                self.unread.start = self.unread.end;
                self.searched = 0;
            }
            if self.fill()? == 0 {
                return Ok(Found::End(self.skipped as usize + self.unread.len()));
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        if self.unread.start > 0 {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        // Twice as much as the last time.
        let wanted = self.unread.end + self.buffer.len().clamp(READ.start, READ.end);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let read = loop {
            match self.file.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.unread.end += read;
        Ok(read)
    }
}
