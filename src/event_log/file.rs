//! The file that a writer appends to: whole batches, parts that are turned over, and what survives what.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

use super::error::OpenError;
use super::parts::{self, Head};
use super::record::{self, LogOpened, VERSION};
use crate::base::{Clock, block_on, contain};
use crate::model::{EventKind, Timestamp};

/// What written events survive. In each case a batch is written by one call of the system, and a reader sees it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Written events survive the end of the process, also `kill -9`: the system has them. They don't survive a loss of
    /// power or a crash of the system within the next half a minute or so.
    #[default]
    Process,
    /// Events survive a loss of power as well once [`flush`](super::Writer::flush) or [`close`](super::Writer::close) has
    /// returned, which wait for the disk.
    Flush,
    /// All written events survive a loss of power: each batch waits for the disk. While it does, events gather for the next
    /// batch; the job doesn't wait.
    Power,
}

/// How often and after what time a lock is tried again.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_millis(5);

/// Where batches go.
pub(super) trait Output: Send {
    /// Appends some of `batch`, and returns how much.
    fn write(&mut self, batch: &[u8]) -> io::Result<usize>;
    /// Has what was written survive a loss of power, if that was asked for: `flushed` by the user, or a batch is whole.
    fn sync(&mut self, flushed: bool) -> io::Result<()>;
    /// Whether the next batch of so many bytes goes to a new part.
    fn is_full(&self, batch: usize) -> bool;
    /// Begins a new part with its first line, behind which comes so much that is said again. After an error it is full, to be
    /// turned over again.
    fn turn_over(&mut self, said_again: usize) -> io::Result<()>;
}

/// Something else than a file.
pub(super) struct Stream<W>(pub(super) W);

impl<W: Write> Stream<W> {
    /// Writes the first line.
    pub(super) fn begin(stream: &mut W, opened: &LogOpened) -> io::Result<()> {
        let mut line = Vec::new();
        record::write(&mut line, opened);
        stream.write_all(&line)?;
        stream.flush()
    }
}

impl<W: Write + Send> Output for Stream<W> {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        contained(|| self.0.write(batch))
    }

    fn sync(&mut self, _flushed: bool) -> io::Result<()> {
        contained(|| self.0.flush())
    }

    fn is_full(&self, _batch: usize) -> bool {
        false
    }

    fn turn_over(&mut self, _said_again: usize) -> io::Result<()> {
        Ok(())
    }
}

/// Runs code of the user's: a panic is an error of the output (G12).
fn contained<R>(code: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    contain("an event log's output", code)
        .unwrap_or_else(|| Err(io::Error::other("a panic in the output")))
}

/// What is asked of the files of a log.
#[derive(Debug, Clone, Default)]
pub(super) struct FileOptions {
    pub(super) rotate_at: Option<u64>,
    pub(super) keep: Option<usize>,
    pub(super) durability: Durability,
}

/// A log's file.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
    opened: LogOpened,
    clock: Clock,
    /// Length after the first line: a part has more than that before it is full. None while that is still to be written.
    empty: Option<u64>,
    /// How much in the part was said before, in other parts.
    said_again: u64,
    options: FileOptions,
    /// Full parts that are where they were put, oldest first.
    full: VecDeque<PathBuf>,
}

/// The first line of a new log.
pub(super) fn first_line(clock: &Clock, only: Option<Vec<EventKind>>) -> LogOpened {
    LogOpened {
        version: VERSION,
        log: Uuid::now_v7().to_string().into(),
        part: 1,
        at: Timestamp::from_micros(clock.wall_micros()),
        writer: concat!("milepost ", env!("CARGO_PKG_VERSION")).into(),
        only,
    }
}

impl LogFile {
    /// Opens the log at `path`, to go on behind what is there, or begins it with `opened`.
    pub(super) fn open(
        path: &Path,
        mut opened: LogOpened,
        options: FileOptions,
        clock: Clock,
    ) -> Result<LogFile, OpenError> {
        let failed = |source| OpenError::of(path, source);
        let (file, metadata, there) = loop {
            let file = open_append(path).map_err(failed)?;
            let there = claim(path, &file)?;
            let metadata = file.metadata().map_err(failed)?;
            // A writer may have turned it over just before it went.
            if parts::is_at(&metadata, path) {
                break (file, metadata, there);
            }
        };
        let length = metadata.len();
        match there {
            Head::Part(there) => (opened.log, opened.part) = (there.log, there.part),
            Head::Empty if let Some((last, _)) = parts::newest(path) => {
                // A writer was killed as it turned it over.
                (opened.log, opened.part) = (last.log, last.part.saturating_add(1));
            }
            _ => {}
        }
        let is_usual =
            |(part, full): (u32, PathBuf)| (parts::path_of(path, part) == full).then_some(full);
        let full = parts::full_parts(path, &opened.log).into_iter().filter_map(is_usual).collect();
        let path = path.to_owned();
        let mut log = LogFile {
            path,
            file,
            length,
            opened,
            clock,
            empty: None,
            said_again: 0,
            options,
            full,
        };
        log.begin().map_err(|source| OpenError::of(&log.path, source))?;
        Ok(log)
    }

    /// Brings the file into a state in which whole lines can be appended.
    fn begin(&mut self) -> io::Result<()> {
        let head = Head::read(&self.file)?;
        if matches!(head, Head::Empty) && self.length > 0 {
            // A first line that was cut short would not be the first any more.
            self.file.set_len(0)?;
            self.length = 0;
        }
        if self.length > 0 && !ends_with_line(&self.file)? {
            // What was cut short stays a line of its own, that readers pass over.
            self.append(b"\n")?;
        }
        // Who reads it has to know if kinds are left out from here on.
        let is_other = matches!(&head, Head::Part(there) if there.only != self.opened.only);
        if is_other || matches!(head, Head::Empty) {
            let mut line = Vec::new();
            record::write(&mut line, &self.opened);
            self.append(&line)?;
        }
        self.empty = Some(self.length);
        self.sync(false)?;
        if self.options.durability != Durability::Process {
            sync_folder(&parts::real(&self.path))?;
        }
        Ok(())
    }

    /// Whether the file is where it was, and has all that was written: others move and truncate it.
    fn is_as_left(&self) -> io::Result<bool> {
        let metadata = self.file.metadata()?;
        Ok(metadata.len() >= self.length && parts::is_at(&metadata, &self.path))
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write(bytes)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

impl Output for LogFile {
    fn write(&mut self, batch: &[u8]) -> io::Result<usize> {
        let written = self.file.write(batch)?;
        self.length += written as u64;
        Ok(written)
    }

    fn sync(&mut self, flushed: bool) -> io::Result<()> {
        match self.options.durability {
            Durability::Power => self.file.sync_data(),
            Durability::Flush if flushed => self.file.sync_data(),
            _ => Ok(()),
        }
    }

    fn is_full(&self, batch: usize) -> bool {
        let limit = self.options.rotate_at.unwrap_or(u64::MAX);
        let is_over = self.length.saturating_add(batch as u64) > limit;
        // As much that is new as was said again: else many jobs would have each batch turned over, to say all of it again.
        let least = |empty: u64| empty.saturating_add(self.said_again.saturating_mul(2));
        let is_full =
            self.empty.is_none_or(|e| self.length > e && self.length >= least(e) && is_over);
        is_full || !self.is_as_left().unwrap_or(true)
    }

    fn turn_over(&mut self, said_again: usize) -> io::Result<()> {
        // What fails is done again by the next call, which begins with what has failed.
        if self.empty.is_some() {
            if self.is_as_left()? {
                self.sync(true)?;
                let full = parts::free_path(&self.path, self.opened.part);
                std::fs::rename(parts::real(&self.path), &full)?;
                self.full.push_back(full);
            }
            // One that was truncated, as after it was copied, goes on where it is.
            if !parts::is_at(&self.file.metadata()?, &self.path) {
                let file = open_append(&self.path)?;
                claim(&self.path, &file).map_err(io::Error::other)?;
                self.file = file;
            }
            (self.length, self.empty) = (self.file.metadata()?.len(), None);
            match Head::read(&self.file)? {
                Head::Part(there) => (self.opened.log, self.opened.part) = (there.log, there.part),
                _ => self.opened.part = self.opened.part.saturating_add(1),
            }
            self.opened.at = Timestamp::from_micros(self.clock.wall_micros());
        }
        self.begin()?;
        self.said_again = said_again as u64;
        while self.options.keep.is_some_and(|keep| self.full.len() > keep) {
            let Some(oldest) = self.full.pop_front() else { break };
            if let Err(error) = std::fs::remove_file(&oldest) {
                let file = oldest.display();
                tracing::warn!(%file, %error, "an old part of an event log can't be removed");
            }
        }
        Ok(())
    }
}

/// Takes the lock that one writer at a time has; it goes with the file. False if another one has it.
fn lock(file: &File) -> io::Result<bool> {
    let clock = Clock::system();
    for attempt in 0.. {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            // Somebody may look just now whether there is a writer.
            Err(TryLockError::WouldBlock) if attempt < LOOKS => {
                if let Some(at) = clock.after(LOOK) {
                    block_on(clock.sleep_until(at));
                }
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => break,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(true)
}

fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).open(path)
}

/// Locks a file that was opened at `path`, and looks whether a log can go on in it.
fn claim(path: &Path, file: &File) -> Result<Head, OpenError> {
    let failed = |source| OpenError::of(path, source);
    if !lock(file).map_err(failed)? {
        return Err(OpenError::InUse { file: path.into() });
    }
    match Head::read(file).map_err(failed)? {
        Head::Part(there) if there.version > VERSION => {
            Err(OpenError::Newer { file: path.into(), version: there.version })
        }
        // A first line that was cut short is one of ours.
        Head::Empty if !is_begun(file).map_err(failed)? => {
            Err(OpenError::OtherFile { file: path.into() })
        }
        Head::Other => Err(OpenError::OtherFile { file: path.into() }),
        head => Ok(head),
    }
}

fn ends_with_line(mut file: &File) -> io::Result<bool> {
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Whether a file without a whole line is empty or has the beginning of a log's first line.
fn is_begun(mut file: &File) -> io::Result<bool> {
    const BEGINNING: &[u8] = br#"{"event":"log_opened""#;
    file.rewind()?;
    let mut there = Vec::new();
    file.take(BEGINNING.len() as u64).read_to_end(&mut there)?;
    Ok(BEGINNING.starts_with(&there))
}

/// Has the names in a file's folder survive a loss of power; where folders can't be synced, that is the system's matter.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) => folder.sync_all().or(Ok(())),
        Err(_) => Ok(()),
    }
}
