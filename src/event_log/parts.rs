//! The files of a log: which part is where. A log at `events.log` writes there; full parts are renamed to `events.log.1`,
//! `events.log.2` and so on, by the number of the part.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let mut line = Vec::new();
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
pub(super) fn open(path: &Path) -> io::Result<Option<File>> {
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

/// Where a part goes when it is full.
pub(super) fn path_of(log: &Path, part: u32) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
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
    is_it(path_of(log, place.1)).or_else(|| siblings(log).map(|(path, _)| path).find_map(is_it))
}

/// The numbers of the full parts of that log that are beside its file, in order.
pub(super) fn full_parts(log: &Path, id: &str) -> Vec<u32> {
    let part_of = |(path, rest): (PathBuf, String)| {
        let part = rest.parse::<u32>().ok()?;
        let (id_there, part_there) = look(&path).ok()??.1.place();
        (id_there.as_deref() == Some(id) && part_there == part).then_some(part)
    };
    let mut parts: Vec<u32> = siblings(log).filter_map(part_of).collect();
    parts.sort_unstable();
    parts
}

/// What the last of the full parts beside a log's file says, whatever log it is of.
pub(super) fn last_full(log: &Path) -> Option<LogOpened> {
    let opened = |(path, rest): (PathBuf, String)| match look(&path).ok()?? {
        (_, Head::Part(opened)) if rest.parse() == Ok(opened.part) => Some(opened),
        _ => None,
    };
    siblings(log).filter_map(opened).max_by_key(|opened| opened.part)
}

/// The files beside a log's that have its name and more, with what is after the dot or dash.
fn siblings(log: &Path) -> impl Iterator<Item = (PathBuf, String)> {
    let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).into_iter().flatten();
    entries.flatten().filter_map(move |entry| {
        let file = entry.file_name();
        let rest = file.to_str()?.strip_prefix(&name)?.strip_prefix(['.', '-'])?.to_owned();
        Some((entry.path(), rest))
    })
}
