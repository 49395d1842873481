//! [`Reader`]: from one place in a log to its end, across parts, whatever is wrong with them. Waits for nothing.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::{OpenError, ReadError};
use super::lines::{Found, LONGEST, Lines};
use super::parts::{self, Head, Stamp, stamp};
use super::record::{self, Entry, LogOpened, VERSION};
use super::waiting::Growing;

/// Reads an event log from its first part, or from a [`Cursor`], to its end. It is an iterator: what is damaged is an
/// error, after which it goes on with what is sound. At the end it gives `None`; later calls give what was written since.
/// To wait for that, see [`Follower`](super::Follower).
///
/// ```
/// use milepost::Job;
/// use milepost::event_log::{Reader, Writer};
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("events.log");
/// let log = Writer::open(&path)?;
/// let job = Job::new("pages");
/// log.add(&job);
/// job.reporter("index.html")?.run_blocking(|_cx| Ok(()))?;
/// drop(job);
/// log.close().blocking()?;
///
/// let entries: Vec<_> = Reader::open(&path)?.collect::<Result<_, _>>()?;
/// let last = entries.last().and_then(|entry| entry.event()).expect("the end of the job");
/// assert_eq!(serde_json::to_value(last)?["event"], "job_completed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    /// Behind what was given out.
    cursor: Cursor,
    /// The file that the cursor is in, while there is something to read: it may be one of thousands of logs.
    open: Option<Part>,
    /// Of the log's file, when all of it was read.
    seen: Option<Stamp>,
    /// Whether a last line that isn't whole is told of: once.
    tells_torn: bool,
    told_torn: bool,
    /// The last thing told was that the file can't be read.
    failed: bool,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    lines: Lines,
    /// Another file was seen in its place before it was read to its end (E3).
    is_full: bool,
}

impl Reader {
    /// Reads the log at `path`, from the oldest of the full parts beside it on.
    ///
    /// # Errors
    /// The file isn't there, is a directory, or can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, OpenError> {
        Reader::resume(path, Cursor::start())
    }

    /// Reads the log at `path` from a place that a reader [gave](Reader::cursor). If it is of another log than that, the
    /// first item is [`ReadError::Replaced`], and the log is read from its beginning.
    ///
    /// # Errors
    /// The file isn't there, is a directory, or can't be read.
    pub fn resume(path: impl AsRef<Path>, cursor: Cursor) -> Result<Reader, OpenError> {
        let path = path.as_ref();
        let found = parts::look(path).map_err(|source| OpenError::of(path, source))?;
        let is_there = found.is_some();
        let opened = match found {
            Some((_, Head::Part(opened))) => Some(opened),
            // It may be turned over just now.
            None | Some((_, Head::Empty)) => parts::newest(path).map(|(opened, _)| opened),
            _ => None,
        };
        if !is_there && opened.is_none() {
            return Err(OpenError::of(path, io::ErrorKind::NotFound.into()));
        }
        let mut reader = Reader { tells_torn: true, ..Reader::at(path, cursor) };
        if let Some(opened) = opened {
            reader.start(&opened);
        }
        Ok(reader)
    }

    /// Reads the log at `path` from its end: what is there is passed over.
    ///
    /// # Errors
    /// The file isn't there, is a directory, or can't be read.
    pub fn open_at_end(path: impl AsRef<Path>) -> Result<Reader, OpenError> {
        let path = path.as_ref();
        let found = check(path).and_then(|()| Reader::ending(path));
        let found = found.map_err(|source| OpenError::of(path, source))?;
        Ok(Reader { tells_torn: true, ..found })
    }

    /// The same of a log that need not be there yet, and whose last line may be written just now.
    pub(super) fn at(path: &Path, cursor: Cursor) -> Reader {
        Reader {
            path: path.into(),
            cursor,
            open: None,
            seen: None,
            tells_torn: false,
            told_torn: false,
            failed: false,
        }
    }

    /// Behind the last whole line of a log that need not be there yet.
    pub(super) fn ending(path: &Path) -> io::Result<Reader> {
        let (file, head) = match parts::look(path)? {
            Some((file, head)) if !matches!(head, Head::Empty) => (file, head),
            // It may be turned over just now.
            _ => match parts::newest(path).map(|(_, full)| parts::look(&full)).transpose()? {
                Some(Some(full)) => full,
                _ => return Ok(Reader::at(path, Cursor::start())),
            },
        };
        let (log, part) = head.place();
        let mut lines = Lines::new(file, 0, 0)?;
        while !matches!(lines.next()?, Found::End(_)) {}
        Ok(Reader::at(path, Cursor { log, part, lines: lines.lines, offset: lines.offset }))
    }

    /// The place behind all that was given out. To go on from there in another process, store it together with what was
    /// made of the entries before it.
    pub fn cursor(&self) -> Cursor {
        self.cursor.clone()
    }

    /// Whether a [`Writer`](super::Writer) has the log open just now, in any process: false if it was closed or killed. None
    /// if the system can't say, or something else wrote it.
    pub fn is_written(&self) -> Option<bool> {
        let (file, head) = parts::look(&self.path).ok()??;
        if !matches!(head, Head::Part(_)) {
            return None;
        }
        match file.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }

    /// The log's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            let Some(Part { path, lines, .. }) = &mut self.open else {
                match self.enter() {
                    Ok(true) => continue,
                    Ok(false) => return Ok(None),
                    Err(error) => return Err(error),
                }
            };
            let found = lines.next();
            (self.cursor.lines, self.cursor.offset) = (lines.lines, lines.offset);
            let line = lines.lines;
            match found {
                Ok(Found::Line(text)) => {
                    self.told_torn = false;
                    let text = lines.text(text).trim_ascii();
                    if text.is_empty() {
                        continue;
                    }
                    match record::parse(text) {
                        Ok(None) => {}
                        Ok(Some(Entry::Opened(opened)))
                            if line == 1 && opened.part > 1 && self.cursor.log.is_none() =>
                        {
                            // It was only being made as it was opened: the parts before it come first.
                            (self.cursor, self.open) = (Cursor::start(), None);
                        }
                        Ok(Some(Entry::Opened(opened))) => {
                            // Further down, it is a log that was appended to this one: the file stays what it is.
                            if line == 1 {
                                (self.cursor.log, self.cursor.part) =
                                    (Some(opened.log.clone()), opened.part);
                            }
                            if opened.version > VERSION {
                                let version = opened.version;
                                return Err(ReadError::Newer { file: path.clone(), version });
                            }
                            return Ok(Some(Entry::Opened(opened)));
                        }
                        Ok(entry) => return Ok(entry),
                        Err(source) => {
                            let (file, source) = (path.clone(), Arc::new(source));
                            return Err(ReadError::Damaged { file, line, source });
                        }
                    }
                }
                Ok(Found::TooLong) => {
                    return Err(ReadError::TooLong { file: path.clone(), line, longest: LONGEST });
                }
                Ok(Found::End(torn)) => {
                    if !self.leave(torn)? {
                        self.open = None;
                        return Ok(None);
                    }
                }
                Err(source) => {
                    let file = path.clone();
                    self.open = None;
                    return Err(ReadError::Io { file, source: Arc::new(source) });
                }
            }
        }
    }

    /// Opens the file that the cursor is in (E1). False if there is nothing more to read for now.
    fn enter(&mut self) -> Result<bool, ReadError> {
        if self.seen.is_some()
            && self.seen == std::fs::metadata(&self.path).ok().map(|it| stamp(&it))
        {
            return Ok(false);
        }
        self.seen = None;
        let now = parts::look(&self.path).map_err(|source| self.io_error(source))?;
        match &now {
            Some((_, Head::Part(opened))) => self.start(opened),
            // Its file is being made, or was when its writer died.
            None | Some((_, Head::Empty)) if self.cursor == Cursor::start() => {
                if let Some((opened, _)) = parts::newest(&self.path) {
                    self.start(&opened);
                }
            }
            _ => {}
        }
        let is_absent = now.is_none();
        let place = (self.cursor.log.clone(), self.cursor.part);
        let (here, head) = match now {
            Some((file, head)) if head.place() == place => (Some((self.path.clone(), file)), head),
            Some((_, head)) => (parts::find(&self.path, &place), head),
            None => (parts::find(&self.path, &place), Head::Empty),
        };
        if let Some((path, file)) = here {
            let length = file.metadata().map_err(|source| self.io_error(source))?.len();
            if length < self.cursor.offset {
                return Err(self.restart(false));
            }
            let Cursor { offset, lines, .. } = self.cursor;
            let lines = Lines::new(file, offset, lines).map_err(|source| self.io_error(source))?;
            self.open = Some(Part { path, lines, is_full: false });
            return Ok(true);
        }
        match head {
            Head::Empty if is_absent => Ok(false),
            Head::Part(opened)
                if place.0.as_ref() == Some(&opened.log) && opened.part > place.1 =>
            {
                let full = parts::full_parts(&self.path, &opened.log);
                let full = full.into_iter().map(|(part, _)| part);
                let between = full.filter(|part| *part > place.1 && *part < opened.part);
                let next = between.min().unwrap_or(opened.part);
                self.cursor = Cursor::start_of(place.0, next);
                let file = self.path.clone();
                Err(ReadError::PartsMissing { file, first: place.1, last: next - 1 })
            }
            head => Err(self.restart(matches!(head, Head::Part(_)))),
        }
    }

    /// One who has read nothing yet begins with the first part of that log that is there.
    fn start(&mut self, opened: &LogOpened) {
        if self.cursor == Cursor::start() {
            let full = parts::full_parts(&self.path, &opened.log).into_iter().map(|(part, _)| part);
            let first = full.min().map_or(opened.part, |first| first.min(opened.part));
            self.cursor = Cursor::start_of(Some(opened.log.clone()), first);
        }
    }

    /// At the end of a file: false if it is the log's end for now.
    fn leave(&mut self, torn: usize) -> Result<bool, ReadError> {
        let Some(Part { path, lines, is_full }) = &mut self.open else { return Ok(true) };
        let (file, line) = (path.clone(), lines.lines.saturating_add(1));
        let io_error = |source| ReadError::Io { file: file.clone(), source: Arc::new(source) };
        let metadata = lines.file().metadata().map_err(io_error)?;
        if metadata.len() < lines.offset {
            return Err(self.restart(false));
        }
        if metadata.len() > lines.offset + torn as u64 {
            // It has grown since the end was read.
            return Ok(true);
        }
        let head = parts::look(&self.path).map_err(io_error)?.map(|(_, head)| head);
        let place = (self.cursor.log.clone(), self.cursor.part);
        let is_last = file == self.path && head.as_ref().is_some_and(|head| head.place() == place);
        // What was written before another file took its place is read first (E3).
        if !is_last && !std::mem::replace(is_full, true) {
            return Ok(true);
        }
        if torn > 0 && self.tells_torn && !std::mem::replace(&mut self.told_torn, true) {
            return Err(ReadError::Torn { file, line, bytes: torn });
        }
        if is_last {
            self.seen = Some(stamp(&metadata));
            return Ok(false);
        }
        let (log, next) = (place.0, place.1.saturating_add(1));
        match head {
            Some(Head::Part(opened))
                if Some(&opened.log) == log.as_ref() && opened.part >= next => {}
            // Its file is being made.
            None | Some(Head::Empty) => {
                if parts::find(&self.path, &(log.clone(), next)).is_none() {
                    return Ok(false);
                }
            }
            Some(head) => return Err(self.restart(matches!(head, Head::Part(_)))),
        }
        (self.cursor, self.open) = (Cursor::start_of(log, next), None);
        Ok(true)
    }

    /// Goes to the beginning of what is there now, and says why.
    fn restart(&mut self, is_replaced: bool) -> ReadError {
        (self.cursor, self.open) = (Cursor::start(), None);
        let file = self.path.clone();
        if is_replaced { ReadError::Replaced { file } } else { ReadError::Truncated { file } }
    }

    fn io_error(&self, source: io::Error) -> ReadError {
        ReadError::Io { file: self.path.clone(), source: Arc::new(source) }
    }
}

/// Whether there is a file that can be read.
fn check(path: &Path) -> io::Result<()> {
    parts::look(path)?.map(drop).ok_or(io::ErrorKind::NotFound.into())
}

impl Growing for Reader {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Result<Entry, ReadError>> {
        if std::mem::take(&mut self.failed) {
            return None;
        }
        let read = self.read();
        // There may be nothing more, and it may be one of thousands.
        if self.open.as_ref().is_some_and(|part| part.lines.is_drained()) {
            self.open = None;
        }
        // A file that can't be read is no endless list of errors.
        self.failed = matches!(read, Err(ReadError::Io { .. }));
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_comes_as_the_end_is_looked_at_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("events.log");
        let line = format!(r#"{{"event":"log_opened","version":{VERSION},"log":"a","part":1,"#);
        let line = format!("{line}\"at\":\"2026-07-01T12:00:00.000000Z\",\"writer\":\"test\"}}\n");
        std::fs::write(&path, &line).expect("it is written");
        let mut reader = Reader::open(&path).expect("it is there");
        assert!(matches!(reader.next(), Some(Ok(Entry::Opened(_)))));
        assert!(reader.enter().expect("it can be read"));
        let lines = &mut reader.open.as_mut().expect("it is read").lines;
        assert_eq!(lines.next().expect("it can be read"), Found::End(0));
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("it is written");
        assert!(reader.leave(0).expect("it can be looked at"), "there is more");
        assert!(matches!(reader.next(), Some(Ok(Entry::Opened(_)))));
        assert!(reader.next().is_none());
    }
}
