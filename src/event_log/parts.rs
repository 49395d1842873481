//! The files of a log: which part is where. A log at `events.log` writes there; full parts are renamed to `events.log.1`,
//! `events.log.2` and so on, by the number of the part.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::record::{self, Entry, LogOpened};

/// A first line has no more bytes.
const HEAD: u64 = 16 << 10;

/// What the first line of a file says.
#[derive(Debug, Clone)]
pub(super) enum Head {
    /// The file has no whole line.
    Empty,
    /// A part of a log.
    Part(LogOpened),
    /// An event: the file was begun by somebody else, or truncated.
    Headless,
    /// No event at all.
    Other,
}

impl Head {
    /// Reads the first line of a file, from wherever it was read to.
    pub(super) fn read(file: &File) -> io::Result<Head> {
        let mut again = file;
        io::Seek::rewind(&mut again)?;
        let mut line = Vec::with_capacity(HEAD as usize);
        again.take(HEAD).read_to_end(&mut line)?;
        let Some(end) = memchr::memchr(b'\n', &line) else {
            let full = line.len() as u64 == HEAD;
            return Ok(if full { Head::of_long(&line) } else { Head::Empty });
        };
        Ok(match record::parse(&line[..end]) {
            Ok(Some(Entry::Opened(opened))) => Head::Part(opened),
            Ok(_) => Head::Headless,
            Err(_) => Head::Other,
        })
    }

    /// Only an event may be as long.
    fn of_long(line: &[u8]) -> Head {
        if line.starts_with(b"{") { Head::Headless } else { Head::Other }
    }

    /// Which log it is of, and which part: none and 1 if it doesn't say.
    pub(super) fn place(&self) -> (Option<Arc<str>>, u32) {
        match self {
            Head::Part(opened) => (Some(opened.log.clone()), opened.part),
            _ => (None, 1),
        }
    }
}

/// Opens a file to be read; none if it is not there. A directory is an error here and not only when it is read.
pub(crate) fn open(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Some(file))
}

/// The same with what its first line says.
pub(super) fn look(path: &Path) -> io::Result<Option<(File, Head)>> {
    let Some(file) = open(path)? else { return Ok(None) };
    let head = Head::read(&file)?;
    Ok(Some((file, head)))
}

/// How many links are followed; as many as systems do.
const LINKS: u32 = 40;

/// Where a log's file is, or will be: what links at its path lead to. Its parts are beside that, and not beside the link, which
/// may be on another disk.
pub(crate) fn real(log: &Path) -> PathBuf {
    let mut path = log.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

/// Where a part goes when it is full.
pub(super) fn path_of(log: &Path, part: u32) -> PathBuf {
    let mut name = real(log).into_os_string();
    name.push(format!(".{part}"));
    name.into()
}

/// The part of that log that has left the log's own file, wherever it went: where this crate puts it, or to another name
/// that begins like the log's.
pub(super) fn find(log: &Path, place: &(Option<Arc<str>>, u32)) -> Option<(PathBuf, File)> {
    place.0.as_ref()?;
    let is_it = |path: PathBuf| {
        let (file, head) = look(&path).ok()??;
        (head.place() == *place).then_some((path, file))
    };
    is_it(path_of(log, place.1)).or_else(|| siblings(log).find_map(is_it))
}

/// The full parts of that log that are beside its file, whoever has moved them there, in order.
pub(super) fn full_parts(log: &Path, id: &str) -> Vec<(u32, PathBuf)> {
    let part_of = |path: PathBuf| {
        let (id_there, part) = look(&path).ok()??.1.place();
        (id_there.as_deref() == Some(id)).then_some((part, path))
    };
    let mut parts: Vec<(u32, PathBuf)> = siblings(log).filter_map(part_of).collect();
    parts.sort_unstable();
    parts
}

/// The last part of the log if its own file isn't there, or is only being made: a full part that is where this crate puts
/// it, and the next one isn't there yet.
pub(super) fn newest(log: &Path) -> Option<(LogOpened, PathBuf)> {
    let part_of = |path: PathBuf| {
        let Head::Part(opened) = look(&path).ok()??.1 else { return None };
        (path_of(log, opened.part) == path).then_some((opened, path))
    };
    let all: Vec<_> = siblings(log).filter_map(part_of).collect();
    // Times tell logs apart, and not the parts of one: clocks are set back.
    let last = all.iter().max_by_key(|(opened, _)| opened.at)?.0.log.clone();
    let parts = all.into_iter().filter(|(opened, _)| opened.log == last);
    parts.max_by_key(|(opened, _)| opened.part)
}

/// Where a part can go when it is full: nothing is there that would be lost.
pub(super) fn free_path(log: &Path, part: u32) -> PathBuf {
    let usual = path_of(log, part);
    let others = (1..).map(|n: u32| {
        let mut name = usual.as_os_str().to_owned();
        name.push(format!("-{n}"));
        PathBuf::from(name)
    });
    let is_free = |path: &PathBuf| std::fs::symlink_metadata(path).is_err();
    std::iter::once(usual.clone()).chain(others).find(is_free).unwrap_or(usual)
}

/// Whether `file` is what is at `path`. Whether it is another file can't be told everywhere.
pub(crate) fn is_at(file: &std::fs::Metadata, path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(there) => identity(file) == identity(&there),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// What stays the same of a file, and of no other, while it is there.
pub(super) fn identity(file: &std::fs::Metadata) -> (u64, u64) {
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt as _;
        (file.dev(), file.ino())
    };
    #[cfg(not(unix))]
    let identity = (0, u64::from(file.is_dir()));
    identity
}

/// Which file, its length, and the time of its last change.
pub(crate) type Stamp = ((u64, u64), u64, Option<SystemTime>);

pub(crate) fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    (identity(metadata), metadata.len(), metadata.modified().ok())
}

/// The files beside a log's that have its name and more after a dot or dash.
fn siblings(log: &Path) -> impl Iterator<Item = PathBuf> {
    let log = real(log);
    let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten();
    entries.flatten().filter_map(move |entry| {
        let file = entry.file_name();
        file.to_str()?.strip_prefix(&name)?.strip_prefix(['.', '-'])?;
        // A pipe would be waited for.
        Some(entry.path()).filter(|path| path.is_file())
    })
}
