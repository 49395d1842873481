//! [`Reader`]: from one place in a log to its end, across its files, whatever becomes of them. Waits for nothing.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cursor::{Cursor, Head};
use super::error::ReadError;
use super::files;
use super::parser::Parser;
use crate::base::Clock;
use crate::condor::events::event::Event;
use crate::condor::events::zone::Zone;
use crate::event_log::{Growing, OpenError, Stamp, is_at, open, stamp};
use crate::model::Timestamp;

/// Reads a log from its beginning, or from a [`Cursor`], to its end. It is an iterator: what is damaged is an error, after which
/// it goes on with what is sound. At the end it gives `None`; later calls give what was written since. To wait for that, see
/// [`Follower`](crate::condor::Follower).
///
/// Events come in the order in which they are in the file. While there is nothing to read, no file is open, unless what is
/// there is large and no whole event yet.
///
/// ```
/// use milepost::condor::{Body, Reader, Zone};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("jobs.log");
/// std::fs::write(&path, "\
/// 012 (114.000.000) 2026-11-21 19:10:13 Job was held.
/// \tvia condor_hold (by user ann)
/// \tCode 1 Subcode 0
/// ...
/// ")?;
/// for event in Reader::open(&path)?.zone(Zone::utc()) {
///     let event = event?;
///     assert_eq!(event.key().to_string(), "114.0");
///     assert_eq!(event.at().to_string(), "2026-11-21T19:10:13.000000Z");
///     let Body::Held { reason, code, .. } = event.body() else { panic!("{event:?}") };
///     assert_eq!((reason, code), (Some("via condor_hold (by user ann)"), 1));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    zone: Zone,
    clock: Clock,
    /// Whether nothing was read, and older files are to be read first.
    from_oldest: bool,
    /// Behind what was given out.
    cursor: Cursor,
    /// The file that the cursor is in, while there is something to read: it may be one of thousands of logs.
    open: Option<Box<Open>>,
    /// Of the log's file, when all of it was read.
    seen: Option<Stamp>,
    /// Of the file that was read last.
    last: Option<Stamp>,
    /// Whether the log is taken for whole at its end.
    tells_torn: bool,
    /// What isn't whole there was told.
    told_torn: bool,
    /// The last thing told was that the file can't be read.
    failed: bool,
}

/// More is not read twice: an event that grows and grows, or a file that is no log.
const MUCH: u64 = 64 << 10;

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    parser: Parser,
    /// Another file was seen in its place before it was read to its end.
    is_full: bool,
}

impl Reader {
    /// Reads the log at `path`: that file alone, see [`with_older`](Reader::with_older).
    ///
    /// # Errors
    /// The file isn't there, is a directory, or can't be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Reader, OpenError> {
        Reader::resume(path, Cursor::default())
    }

    /// Reads the log at `path` from a place that a reader [gave](Reader::cursor): in that file, wherever it was renamed to, then in
    /// the newer ones. If it is gone, the first item is [`ReadError::Replaced`] or [`ReadError::Truncated`], and what is there is read
    /// from its beginning.
    ///
    /// # Errors
    /// The file isn't there, is a directory, or can't be read.
    pub fn resume(path: impl AsRef<Path>, cursor: Cursor) -> Result<Reader, OpenError> {
        let path = path.as_ref();
        let found = open(path).and_then(|file| match file {
            // It may be renamed just now.
            None if files::older(path).is_empty() => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(()),
        });
        found.map_err(|source| OpenError::of(path, source))?;
        Ok(Reader { tells_torn: true, ..Reader::at(path, cursor) })
    }

    /// The same of a log that need not be there yet, and whose last event may be written just now.
    pub(in crate::condor) fn at(path: &Path, cursor: Cursor) -> Reader {
        Reader {
            path: path.into(),
            zone: Zone::system(),
            clock: Clock::system(),
            from_oldest: false,
            cursor,
            open: None,
            seen: None,
            last: None,
            tells_torn: false,
            told_torn: false,
            failed: false,
        }
    }

    /// The zone that the log's times are in: this machine's unless set, which is that of `TZ`.
    pub fn zone(self, zone: Zone) -> Self {
        Reader { zone, ..self }
    }

    /// The clock that dates without a year are by: the system's unless set.
    pub fn clock(self, clock: Clock) -> Self {
        Reader { clock, ..self }
    }

    /// Begins with the oldest of the files that the log was renamed to (`NAME.1`, `NAME.2` ... or `NAME.old`), if there are any
    /// and nothing was read yet.
    pub fn with_older(self) -> Self {
        Reader { from_oldest: self.cursor == Cursor::default(), ..self }
    }

    /// The place behind all that was given out. To go on from there in another process, store it together with what was
    /// made of the events before it.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// The log's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Passes over all that is there: what comes next is what is written from now on.
    pub(in crate::condor) fn pass_over(&mut self) {
        while self.next().is_some() {}
    }

    fn read(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            let Some(Open { path, file, parser, .. }) = self.open.as_deref_mut() else {
                if self.enter()? {
                    continue;
                }
                return Ok(None);
            };
            let parsed = parser.next();
            if parsed.is_some() {
                self.cursor.offset = parser.offset();
                self.told_torn = false;
                know_better(&mut self.cursor, file, parser);
            }
            match parsed {
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(damaged)) => {
                    self.told_torn = damaged.is_torn();
                    return Err(ReadError::Damaged { file: path.clone(), damaged });
                }
                None => {}
            }
            match parser.read_from(file) {
                Ok(0) => {
                    if !self.leave()? {
                        if !self.is_amid_much() {
                            self.open = None;
                        }
                        return Ok(None);
                    }
                }
                Ok(_) => {}
                Err(source) => {
                    let file = path.clone();
                    self.open = None;
                    return Err(ReadError::Io { file, source: Arc::new(source) });
                }
            }
        }
    }

    /// Opens the file that the cursor is in. False if there is nothing more to read for now.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let there = std::fs::metadata(&self.path).ok().map(|found| stamp(&found));
        if self.seen.is_some() && self.seen == there {
            return Ok(false);
        }
        self.seen = None;
        let from_oldest = std::mem::take(&mut self.from_oldest);
        while from_oldest && let Some(oldest) = files::older(&self.path).pop() {
            let opened = open(&oldest).map_err(|source| self.io_error(source))?;
            // All may be renamed meanwhile.
            if let Some(file) = opened.filter(|_| files::older(&self.path).last() == Some(&oldest))
            {
                return self.begin(oldest, file).map(|()| true);
            }
        }
        let found = files::find(&self.path, &self.cursor, self.last)
            .map_err(|source| self.io_error(source))?;
        match found {
            Some((path, file, head)) => {
                let length = file.metadata().map_err(|source| self.io_error(source))?.len();
                if length < self.cursor.offset {
                    return Err(self.restart(there));
                }
                self.read_on(path, file, head).map_err(|source| self.io_error(source))?;
                Ok(true)
            }
            None if there.is_none() => {
                self.from_oldest = from_oldest;
                Ok(false)
            }
            None => Err(self.restart(there)),
        }
    }

    /// Goes on at the cursor, in a file that begins so.
    fn read_on(&mut self, path: PathBuf, mut file: File, head: Head) -> io::Result<()> {
        io::Seek::seek(&mut file, io::SeekFrom::Start(self.cursor.offset))?;
        self.cursor.head = head;
        self.last = Some(stamp(&file.metadata()?));
        let now = Timestamp::from_micros(self.clock.wall_micros());
        let parser = Parser::new(self.zone.clone(), now).at(self.cursor.offset);
        self.open = Some(Box::new(Open { path, file, parser, is_full: false }));
        Ok(())
    }

    /// Goes to the beginning of a file.
    fn begin(&mut self, path: PathBuf, file: File) -> Result<(), ReadError> {
        (self.cursor, self.open, self.told_torn) = (Cursor::default(), None, false);
        let begun =
            files::beginning(&file).and_then(|bytes| self.read_on(path, file, Head::of(&bytes)));
        begun.map_err(|source| self.io_error(source))
    }

    /// At the end of a file: false if it is the log's end for now.
    fn leave(&mut self) -> Result<bool, ReadError> {
        let Some(Open { path, file, parser, is_full }) = self.open.as_deref_mut() else {
            return Ok(true);
        };
        let io_error = |source| ReadError::Io { file: path.clone(), source: Arc::new(source) };
        let metadata = file.metadata().map_err(io_error)?;
        let read = parser.offset() + parser.pending() as u64;
        let beginning = files::beginning(file).map_err(io_error)?;
        if metadata.len() < read || !self.cursor.head.matches(&beginning) {
            return Err(self.restart(Some(stamp(&metadata))));
        }
        // So that it goes on where it was.
        io::Seek::seek(file, io::SeekFrom::Start(read)).map_err(io_error)?;
        self.cursor.head = Head::of(&beginning);
        self.last = Some(stamp(&metadata));
        if metadata.len() > read {
            // It has grown since the end was read.
            return Ok(true);
        }
        let is_last = *path == self.path && is_at(&metadata, &self.path);
        // What was written before another file took its place is read first (C3).
        if !is_last && !std::mem::replace(is_full, true) {
            return Ok(true);
        }
        if parser.pending() > 0 && !self.told_torn && (self.tells_torn || !is_last) {
            // Told once: the next call finds it told.
            self.told_torn = true;
            parser.end();
            return Ok(true);
        }
        if is_last {
            self.seen = self.last;
            return Ok(false);
        }
        // None while the next file is being made.
        let Some(next) = self.newer() else { return Ok(false) };
        let (_, newer) = &next;
        let opened = open(newer).map_err(|source| {
            (self.cursor, self.open) = (Cursor::default(), None);
            ReadError::Io { file: newer.clone(), source: Arc::new(source) }
        });
        match opened? {
            // All may be renamed meanwhile, this one before the one after it.
            Some(file) if self.newer().as_ref() == Some(&next) => {
                self.begin(next.1, file).map(|()| true)
            }
            _ => Ok(true),
        }
    }

    /// Where the file is that was read, which was renamed, and the one after it.
    fn newer(&self) -> Option<(PathBuf, PathBuf)> {
        let mut files = files::all(&self.path);
        let at = files::position(&files, self.last?)?;
        let newer = files.get(at.checked_sub(1)?).filter(|path| path.exists())?.clone();
        Some((files.swap_remove(at), newer))
    }

    /// Whether so much was read that makes no event yet that it would be costly to read it again, whenever there is more.
    fn is_amid_much(&self) -> bool {
        let read = |open: &Open| open.parser.offset() + open.parser.pending() as u64;
        self.open.as_ref().is_some_and(|open| read(open) - self.cursor.offset > MUCH)
    }

    /// Goes to the beginning of what is there now, and says why. Files that were written since the one that is gone are read
    /// as well.
    fn restart(&mut self, there: Option<Stamp>) -> ReadError {
        let (last, file) = (self.last.take(), self.path.clone());
        (self.cursor, self.open, self.seen, self.told_torn) =
            (Cursor::default(), None, None, false);
        let since = last.and_then(|(.., modified)| modified);
        let is_unread = |path: &PathBuf| {
            let modified = std::fs::metadata(path).and_then(|found| found.modified()).ok();
            modified > since
        };
        if let Some(oldest) = files::older(&self.path).into_iter().take_while(is_unread).last()
            && let Ok(Some(opened)) = open(&oldest)
        {
            // If it can't be read, the next call says so.
            _ = self.begin(oldest, opened);
        }
        // Numbers of files are given again, so that it may be another one nevertheless.
        match last.is_some()
            && last.map(|(identity, ..)| identity) == there.map(|(identity, ..)| identity)
        {
            true => ReadError::Truncated { file },
            false => ReadError::Replaced { file },
        }
    }

    fn io_error(&self, source: io::Error) -> ReadError {
        ReadError::Io { file: self.path.clone(), source: Arc::new(source) }
    }
}

/// A file that was nearly empty when it was opened is known by more of its beginning once that was read.
fn know_better(cursor: &mut Cursor, file: &File, parser: &Parser) {
    if cursor.head.length >= Head::LONGEST || u64::from(cursor.head.length) >= cursor.offset {
        return;
    }
    let read = parser.offset() + parser.pending() as u64;
    let beginning = files::beginning(file);
    // What can't be read now, or is another beginning, is found at the end.
    if let (Ok(bytes), Ok(_)) =
        (beginning, io::Seek::seek(&mut { file }, io::SeekFrom::Start(read)))
        && cursor.head.matches(&bytes)
    {
        cursor.head = Head::of(&bytes);
    }
}

impl Growing for Reader {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Iterator for Reader {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Result<Event, ReadError>> {
        let read = self.read();
        // There may be nothing more, and it may be one of thousands.
        let is_done = |open: &Open| !open.is_full && open.parser.pending() == 0;
        if self.open.as_deref().is_some_and(is_done) && !self.is_amid_much() {
            self.open = None;
        }
        // A file that can't be read is told of once.
        if self.failed && matches!(read, Err(ReadError::Io { .. })) {
            return None;
        }
        self.failed = matches!(read, Err(ReadError::Io { .. }));
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "008 (1.0.0) 2024-01-02 03:04:05 info\n...\n";

    #[test]
    fn a_file_that_is_written_just_as_it_is_opened_is_known_by_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.log");
        std::fs::write(&path, "").unwrap();
        let mut reader = Reader::at(&path, Cursor::default());
        assert!(reader.enter().unwrap());
        std::fs::write(&path, EVENT.repeat(2)).unwrap();
        assert!(reader.next().unwrap().is_ok());
        assert_eq!(reader.cursor().head, Head::of(EVENT.repeat(2).as_bytes()));
        assert!(reader.next().unwrap().is_ok() && reader.next().is_none());
    }

    #[test]
    fn what_is_no_event_yet_is_read_again_only_if_it_is_little() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.log");
        let junk = "no event\n".repeat(10_000);
        for (text, is_kept) in [(&junk[..], true), (&junk[..90], false), ("", false)] {
            std::fs::write(&path, [EVENT, text].concat()).unwrap();
            let mut reader = Reader::at(&path, Cursor::default());
            assert!(reader.next().unwrap().is_ok() && reader.next().is_none());
            assert_eq!(reader.open.is_some(), is_kept, "{}", text.len());
            let cursor = reader.cursor();
            std::fs::write(&path, [EVENT, text, EVENT].concat()).unwrap();
            let rest: Vec<bool> = reader.map(|read| read.is_ok()).collect();
            assert_eq!(rest, if text.is_empty() { vec![true] } else { vec![false, true] });
            assert_eq!(cursor.offset(), EVENT.len() as u64);
        }
    }
}
