//! [`Cursor`]: a place in a log, and how the file is known again (C2). Opens no file.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A place in a log, behind an event. It knows its file by how that begins, and so finds it when it was renamed, and isn't
/// mistaken when another one has its name. Its text, also in JSON, has no blanks: `3206:1024:9f3c5e8d` is how many bytes are
/// before it, and the check sum of so many bytes at the file's beginning.
///
/// ```
/// use milepost::condor::Cursor;
///
/// let cursor: Cursor = "3206:1024:9f3c5e8d".parse()?;
/// assert_eq!((cursor.offset(), cursor.to_string().as_str()), (3206, "3206:1024:9f3c5e8d"));
/// # Ok::<(), milepost::condor::ParseCursorError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursor {
    pub(in crate::condor) offset: u64,
    pub(in crate::condor) head: Head,
}

/// What a file is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::condor) struct Head {
    /// So many bytes at its beginning; 0 before there are any: it is whatever file is there.
    pub(in crate::condor) length: u16,
    pub(in crate::condor) sum: u32,
}

impl Head {
    /// As many bytes tell files apart: they begin with the time and the job of their first event.
    pub(in crate::condor) const LONGEST: u16 = 1024;

    /// That of a file that begins with `bytes`.
    pub(in crate::condor) fn of(bytes: &[u8]) -> Head {
        let bytes = &bytes[..bytes.len().min(usize::from(Head::LONGEST))];
        Head { length: bytes.len() as u16, sum: crc32fast::hash(lasting(bytes)) }
    }

    /// Whether a file that begins with `bytes` may be it.
    pub(in crate::condor) fn matches(self, bytes: &[u8]) -> bool {
        bytes.get(..usize::from(self.length)).is_some_and(|bytes| Head::of(bytes) == self)
    }
}

/// HTCondor writes the first event of its global logs again when it renames them, with another size and time: of these,
/// only the log's own name is looked at.
fn lasting(head: &[u8]) -> &[u8] {
    let find = |text: &str| memchr::memmem::find(head, text.as_bytes());
    match (find("Global JobLog: "), find(" size=")) {
        (Some(from), Some(until)) if from < until => &head[from..until],
        _ => head,
    }
}

impl Cursor {
    /// How many bytes of its file are before it.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cursor { offset, head: Head { length, sum } } = self;
        write!(f, "{offset}:{length}:{sum:08x}")
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Cursor, ParseCursorError> {
        let parse = || {
            let (offset, head) = text.split_once(':')?;
            let (length, sum) = head.split_once(':')?;
            let length = length.parse().ok().filter(|length| *length <= Head::LONGEST)?;
            let sum = u32::from_str_radix(sum, 16).ok()?;
            Some(Cursor { offset: offset.parse().ok()?, head: Head { length, sum } })
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
            "{text:?} is no place in a log: expected BYTES:LENGTH:SUM, as a reader has given it"
        )
    }
}

impl std::error::Error for ParseCursorError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_global_log_is_known_again_after_its_first_event_was_written_again() {
        let log = |date: &str, size: u32| {
            format!(
                "008 (-01.-01.-01) {date} Global JobLog: ctime=1 id=0.2 sequence=4 size={size} events=0 \n...\n"
            )
        };
        let head = Head::of(log("11/21 19:31:50", 0).as_bytes());
        assert!(head.matches(log("11/21 19:31:51", 7).as_bytes()));
        assert!(!head.matches(log("11/21 19:31:51", 7).replace("=4", "=5").as_bytes()));
    }

    #[test]
    fn a_file_may_have_grown_and_not_shrunk() {
        let head = Head::of(b"000 (1");
        assert!(head.matches(b"000 (114") && !head.matches(b"000 (") && !head.matches(b"000 (2"));
        assert!(Head::default().matches(b"") && Head::default().matches(b"anything"));
    }
}
