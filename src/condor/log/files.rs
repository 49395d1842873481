//! The files of a log: the one that is written, and older ones beside it that it was renamed to. HTCondor calls these `NAME.old` if it
//! keeps one, else `NAME.1`, `NAME.2` and so on, of which `NAME.1` is the newest.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Head};
use crate::event_log::{Stamp, open, real, stamp};

/// The older files that are there, the newest first.
pub(in crate::condor) fn older(log: &Path) -> Vec<PathBuf> {
    let log = real(log);
    let beside = |suffix: String| {
        let mut name = log.clone().into_os_string();
        name.push(suffix);
        // A pipe would be waited for.
        Some(PathBuf::from(name)).filter(|path| path.is_file())
    };
    let mut missing = 0;
    let numbered = (1u32..).map(|number| beside(format!(".{number}"))).take_while(|there| {
        // One is missing while the others are renamed.
        missing = if there.is_some() { 0 } else { missing + 1 };
        missing < 2
    });
    let mut files: Vec<PathBuf> = numbered.flatten().collect();
    if let Some(old) = beside(".old".into()) {
        // One of the two kinds was left by a pool that was told to keep more, or fewer.
        let modified = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
        let is_older = |path: &PathBuf| modified(path) < modified(&old);
        let at = files.iter().position(is_older).unwrap_or(files.len());
        files.insert(at, old);
    }
    files
}

/// All files of the log, the newest first; its own is not there if it is being made.
pub(in crate::condor) fn all(log: &Path) -> Vec<PathBuf> {
    let mut files = older(log);
    files.insert(0, log.to_owned());
    files
}

/// Which of the files is that one.
pub(in crate::condor) fn position(files: &[PathBuf], file: Stamp) -> Option<usize> {
    let there = |path: &PathBuf| path.metadata().ok().map(|found| stamp(&found).0);
    files.iter().position(|path| there(path) == Some(file.0))
}

/// How a file begins.
pub(in crate::condor) fn beginning(mut file: &File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::with_capacity(usize::from(Head::LONGEST));
    file.take(Head::LONGEST.into()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file that a cursor is in, wherever it is now; with how it begins. `last` is what it was when it was read, if it was.
pub(in crate::condor) fn find(
    log: &Path,
    cursor: &Cursor,
    last: Option<Stamp>,
) -> io::Result<Option<(PathBuf, File, Head)>> {
    let is_it = |path: &Path| -> io::Result<Option<(PathBuf, File, Head)>> {
        let Some(file) = open(path)? else { return Ok(None) };
        let bytes = beginning(&file)?;
        Ok(cursor.head.matches(&bytes).then(|| (path.to_owned(), file, Head::of(&bytes))))
    };
    // One that was empty is known by nothing else.
    if let Some(last) = last.filter(|_| cursor.head == Head::default()) {
        let mut files = all(log);
        let at = position(&files, last);
        if let Some(found) = at.and_then(|at| is_it(&files.swap_remove(at)).ok().flatten()) {
            return Ok(Some(found));
        }
    }
    if let Some(found) = is_it(log)? {
        return Ok(Some(found));
    }
    // One that can't be read isn't it. Twice, as all may be renamed meanwhile.
    let among_older = || older(log).iter().find_map(|path| is_it(path).ok().flatten());
    Ok(among_older().or_else(among_older))
}
