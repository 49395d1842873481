//! The files of a log: the one that is written, and older ones beside it that it was renamed to. HTCondor calls these `NAME.old` if it
//! keeps one, else `NAME.1`, `NAME.2` and so on, of which `NAME.1` is the newest.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Head};
use crate::event_log::{open, real};

/// The older files that are there, the newest first.
pub(in crate::condor) fn older(log: &Path) -> Vec<PathBuf> {
    let log = real(log);
    let beside = |suffix: String| {
        let mut name = log.clone().into_os_string();
        name.push(suffix);
        // A pipe would be waited for.
        Some(PathBuf::from(name)).filter(|path| path.is_file())
    };
    let numbered = (1u32..).map_while(|number| beside(format!(".{number}")));
    numbered.chain(beside(".old".into())).collect()
}

/// How a file begins.
pub(in crate::condor) fn beginning(mut file: &File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::with_capacity(usize::from(Head::LONGEST));
    file.take(Head::LONGEST.into()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file that a cursor is in, wherever it is now; with how it begins.
pub(in crate::condor) fn find(
    log: &Path,
    cursor: &Cursor,
) -> io::Result<Option<(PathBuf, File, Head)>> {
    let is_it = |path: &Path| -> io::Result<Option<(PathBuf, File, Head)>> {
        let Some(file) = open(path)? else { return Ok(None) };
        let bytes = beginning(&file)?;
        Ok(cursor.head.matches(&bytes).then(|| (path.to_owned(), file, Head::of(&bytes))))
    };
    if let Some(found) = is_it(log)? {
        return Ok(Some(found));
    }
    // One that can't be read isn't it.
    Ok(older(log).iter().find_map(|path| is_it(path).ok().flatten()))
}
