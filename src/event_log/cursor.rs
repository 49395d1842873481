//! [`Cursor`]: a place in an event log. Opens no file.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in an event log, after all that was read up to there. It knows its log and which part of it, so that it is not
/// mistaken when files were rotated or replaced. Its text, also in JSON, has no blanks:
/// `019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e4:1:17:3206` is the log, the part, and the lines and bytes before it.
///
/// ```
/// use milepost::event_log::Cursor;
///
/// let text = "019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e4:1:17:3206";
/// let cursor: Cursor = text.parse()?;
/// assert_eq!(cursor.to_string(), text);
/// # Ok::<(), milepost::event_log::ParseCursorError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// None of a file without a line that says so.
    pub(super) log: Option<Arc<str>>,
    pub(super) part: u32,
    /// Lines before it in its file.
    pub(super) lines: u64,
    /// Bytes before it in its file.
    pub(super) offset: u64,
}

impl Cursor {
    /// Before anything was read, of whatever log.
    pub(super) fn start() -> Cursor {
        Cursor::start_of(None, 1)
    }

    /// The beginning of a part.
    pub(super) fn start_of(log: Option<Arc<str>>, part: u32) -> Cursor {
        Cursor { log, part, lines: 0, offset: 0 }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = self.log.as_deref().unwrap_or("-");
        write!(f, "{log}:{}:{}:{}", self.part, self.lines, self.offset)
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Cursor, ParseCursorError> {
        let parse = || {
            let (rest, offset) = text.rsplit_once(':')?;
            let (rest, lines) = rest.rsplit_once(':')?;
            let (log, part) = rest.rsplit_once(':')?;
            if log.is_empty() {
                return None;
            }
            Some(Cursor {
                log: (log != "-").then(|| log.into()),
                part: part.parse().ok()?,
                lines: lines.parse().ok()?,
                offset: offset.parse().ok()?,
            })
        };
        parse().ok_or_else(|| ParseCursorError { text: text.into() })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cursor, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is no [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseCursorError {
    text: Box<str>,
}

impl fmt::Display for ParseCursorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(
            f,
            "{text:?} is no place in an event log: expected LOG:PART:LINES:BYTES, as a reader has given it"
        )
    }
}

impl std::error::Error for ParseCursorError {}
