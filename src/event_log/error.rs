//! What can be wrong with an event log.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::record::VERSION;

/// An event log can't be opened, to be read or to be written.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The system doesn't let it be opened.
    #[non_exhaustive]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory.
    #[non_exhaustive]
    Directory {
        /// The directory.
        file: PathBuf,
    },
    /// It is to be written, and another writer has it open.
    #[non_exhaustive]
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// It is to be written, and has something else in it than an event log.
    #[non_exhaustive]
    OtherFile {
        /// The file.
        file: PathBuf,
    },
    /// It is to be written, and its format is of a newer version.
    #[non_exhaustive]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The system gives no thread for the writer.
    #[non_exhaustive]
    NoThread {
        /// Why.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn of(file: &Path, source: io::Error) -> OpenError {
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::IsADirectory => OpenError::Directory { file },
            _ => OpenError::Io { file, source },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Io { file, .. } => write!(f, "{}: can't be opened", file.display()),
            OpenError::Directory { file } => {
                write!(f, "{}: is a directory; give the file of an event log", file.display())
            }
            OpenError::InUse { file } => write!(
                f,
                "{}: another writer has it open; close that one, or write to another file",
                file.display()
            ),
            OpenError::OtherFile { file } => write!(
                f,
                "{}: is no event log, and won't be appended to; choose another file",
                file.display()
            ),
            OpenError::Newer { file, version } => write!(
                f,
                "{}: has version {version} of the format, and this program writes version {VERSION}; choose another \
                 file, or a newer program",
                file.display()
            ),
            OpenError::NoThread { .. } => f.write_str("the system gives no thread for the writer"),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Io { source, .. } | OpenError::NoThread { source } => Some(source),
            _ => None,
        }
    }
}

/// Something in an event log is not as it should be. Reading goes on after it.
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
    /// A line is no event: it was cut short, overwritten, or is something else. It is passed over.
    #[non_exhaustive]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong with it.
        source: Arc<serde_json::Error>,
    },
    /// A line is longer than any event's. It is passed over.
    #[non_exhaustive]
    TooLong {
        /// The file.
        file: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// How many bytes a line may have.
        longest: usize,
    },
    /// The file ends within a line: its writer was killed, or writes it just now.
    #[non_exhaustive]
    Torn {
        /// The file.
        file: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// How many bytes of it there are.
        bytes: usize,
    },
    /// The file is of a newer version of the format. What of it can be read is read.
    #[non_exhaustive]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The file has become shorter than what was read of it. It is read from its beginning.
    #[non_exhaustive]
    Truncated {
        /// The file.
        file: PathBuf,
    },
    /// The file is of another log than what was read of it. It is read from its beginning.
    #[non_exhaustive]
    Replaced {
        /// The file.
        file: PathBuf,
    },
    /// Parts of the log are not there any more.
    #[non_exhaustive]
    PartsMissing {
        /// The file of the part that is there.
        file: PathBuf,
        /// The first part that is missing.
        first: u32,
        /// The last part that is missing.
        last: u32,
    },
}

impl ReadError {
    /// Whether it says only that the file's last line isn't whole: there may be nothing wrong with it.
    pub fn is_torn(&self) -> bool {
        matches!(self, ReadError::Torn { .. })
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Io { file, .. } => write!(f, "{}: can't be read", file.display()),
            ReadError::Damaged { file, line, .. } => {
                write!(f, "{}:{line}: is no event; the line is passed over", file.display())
            }
            ReadError::TooLong { file, line, longest } => write!(
                f,
                "{}:{line}: has more than {longest} bytes; the line is passed over",
                file.display()
            ),
            ReadError::Torn { file, line, bytes } => write!(
                f,
                "{}:{line}: ends within an event, of which {bytes} bytes are there: its writer was killed, or writes it just \
                 now",
                file.display()
            ),
            ReadError::Newer { file, version } => write!(
                f,
                "{}: has version {version} of the format, and this program reads version {VERSION}; what it can't read is \
                 left out",
                file.display()
            ),
            ReadError::Truncated { file } => {
                write!(f, "{}: was truncated; it is read from its beginning", file.display())
            }
            ReadError::Replaced { file } => {
                write!(f, "{}: is another log now; it is read from its beginning", file.display())
            }
            ReadError::PartsMissing { file, first, last } if first == last => {
                write!(
                    f,
                    "{}: part {first} of the log, before it, is not there any more",
                    file.display()
                )
            }
            ReadError::PartsMissing { file, first, last } => write!(
                f,
                "{}: parts {first} to {last} of the log, before it, are not there any more",
                file.display()
            ),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(&**source),
            ReadError::Damaged { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Events could not be written. They are kept, and written when that is possible again.
#[derive(Debug, Clone)]
pub struct WriteError {
    pub(super) target: Arc<str>,
    pub(super) source: Arc<io::Error>,
}

impl WriteError {
    /// What kind of error it was: [`BrokenPipe`](io::ErrorKind::BrokenPipe) if nobody reads any more what is
    /// [written to](super::WriterBuilder::to) a pipe.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: events could not be written", self.target)
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
