//! What can be wrong with a log.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::damage::Damaged;

/// Something about a log is not as it should be. Reading goes on after it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReadError {
    /// The system doesn't let the file be read; the next call tries again.
    #[non_exhaustive]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Bytes are no event. They are passed over.
    #[non_exhaustive]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Which bytes.
        damaged: Damaged,
    },
    /// The file has become shorter than what was read of it, or was written anew. It is read from its beginning. The system may
    /// have given another file its number: then that is the one.
    #[non_exhaustive]
    Truncated {
        /// The file.
        file: PathBuf,
    },
    /// Another file is there than the one that was read, which is nowhere beside it. It is read from its beginning.
    #[non_exhaustive]
    Replaced {
        /// The file.
        file: PathBuf,
    },
}

impl ReadError {
    /// Whether it says only that the log's last event isn't whole: there may be nothing wrong with it.
    pub fn is_torn(&self) -> bool {
        matches!(self, ReadError::Damaged { damaged, .. } if damaged.is_torn())
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { file, .. } => write!(f, "{}: can't be read", file.display()),
            ReadError::Damaged { file, damaged } => write!(f, "{}: {damaged}", file.display()),
            ReadError::Truncated { file } => {
                write!(f, "{}: was truncated; it is read from its beginning", file.display())
            }
            ReadError::Replaced { file } => write!(
                f,
                "{}: is another file now, and the one before is gone; it is read from its beginning",
                file.display()
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
