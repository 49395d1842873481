//! Whether a path can be an event log, before anything waits for it. Reads nothing.

use std::io;
use std::path::Path;

use super::exit::UsageError;
use crate::view::terminal::printable;

/// Refuses what is there and no file: opening a pipe waits for somebody to write to it, and devices have no end.
///
/// # Errors
/// It is a directory, a pipe or a device.
pub(super) fn check_readable(path: &Path) -> Result<(), UsageError> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(refused(path, "is a directory")),
        Ok(found) if !found.is_file() => {
            Err(refused(path, "is no regular file, in which alone there can be an event log"))
        }
        // Its absence and the like are told by what opens it, or waits for it.
        _ => Ok(()),
    }
}

/// The same of a log that is to be written, and that may be nothing: `/dev/null`.
///
/// # Errors
/// It is a directory, a pipe or a device.
pub(super) fn check_writable(path: &Path) -> Result<(), UsageError> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() && !found.is_dir() && path != Path::new("/dev/null") => {
            let way_out = "is no regular file, in which alone there can be an event log; --json prints the same";
            Err(UsageError(format!("{}: {way_out}", shown(path))))
        }
        _ => Ok(()),
    }
}

/// There must be such a file by now.
///
/// # Errors
/// There is none, or it is something else.
pub(super) fn check_present(path: &Path) -> Result<(), UsageError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(UsageError(format!("{}: there is no such file", shown(path))))
        }
        _ => check_readable(path),
    }
}

fn refused(path: &Path, why: &str) -> UsageError {
    UsageError(format!("{}: {why}; give the file of an event log", shown(path)))
}

/// A path, safe for a terminal.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("there is room");
        let (file, none) = (folder.path().join("a"), folder.path().join("none"));
        std::fs::write(&file, "").expect("there is room");
        assert_eq!(check_present(&file), Ok(()));
        assert!(check_present(&none).is_err_and(|error| error.0.ends_with("no such file")));
        assert_eq!(check_readable(&none), Ok(()));
        assert!(check_readable(folder.path()).is_err_and(|error| error.0.contains("directory")));
        assert!(check_readable(Path::new("/dev/zero")).is_err());
        assert!(check_writable(Path::new("/dev/zero")).is_err());
        assert_eq!(check_writable(Path::new("/dev/null")), Ok(()));
    }
}
