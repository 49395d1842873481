//! [`Junk`]: bytes that are no event, passed over up to where one may begin, however many they are. Keeps only how they begin.

use memchr::memchr;

use super::damage::{DamageKind, Damaged};
use super::split;
use crate::condor::events::header::LONGEST;

/// So much of what is damaged is told.
const TOLD: usize = 120;

/// Bytes that are passed over, so far.
#[derive(Debug)]
pub(in crate::condor) struct Junk {
    offset: u64,
    bytes: u64,
    kind: DamageKind,
    /// The first of them.
    told: Vec<u8>,
    /// Whether it goes on at the beginning of a line, which may be that of an event.
    at_line: bool,
}

impl Junk {
    /// Bytes from `offset` on; those of the line there are no event's.
    pub(in crate::condor) fn new(offset: u64, kind: DamageKind) -> Junk {
        Junk { offset, bytes: 0, kind, told: Vec::new(), at_line: false }
    }

    /// Takes bytes that belong to it, and end within a line.
    pub(in crate::condor) fn add(&mut self, bytes: &[u8]) {
        let more = TOLD.saturating_sub(self.told.len()).min(bytes.len());
        self.told.extend_from_slice(&bytes[..more]);
        self.bytes += bytes.len() as u64;
    }

    /// How many of the bytes belong to it, and whether that is all. They follow those of the last call.
    pub(in crate::condor) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        let whole = loop {
            let rest = &bytes[at..];
            if self.at_line {
                let some = &rest[..rest.len().min(LONGEST)];
                let end = memchr(b'\n', some);
                if end.is_none() && some.len() < LONGEST {
                    break false;
                }
                if split::begins_anew(&some[..end.unwrap_or(some.len())]) {
                    break true;
                }
            }
            self.at_line = false;
            match memchr(b'\n', rest) {
                Some(newline) => {
                    at += newline + 1;
                    self.at_line = true;
                }
                None => {
                    at = bytes.len();
                    break false;
                }
            }
        };
        self.add(&bytes[..at]);
        (at, whole)
    }

    /// The rest of the bytes at the end of all, of which [`take`](Junk::take) has taken some: how many more belong to it.
    pub(in crate::condor) fn rest(&mut self, bytes: &[u8]) -> usize {
        let none = bytes.is_empty() || split::begin(bytes) != split::Begin::Junk;
        let taken = if none { 0 } else { bytes.len() };
        self.add(&bytes[..taken]);
        taken
    }

    pub(in crate::condor) fn into_damaged(self) -> Damaged {
        Damaged { bytes: self.bytes, ..damaged(self.offset, &self.told, self.kind) }
    }
}

/// Bytes that are no event.
pub(in crate::condor) fn damaged(offset: u64, bytes: &[u8], kind: DamageKind) -> Damaged {
    let told = &bytes[..bytes.len().min(TOLD)];
    let told = match std::str::from_utf8(told) {
        // A letter that was cut is not one that is wrong.
        Err(error) if error.error_len().is_none() && told.len() == TOLD => {
            &told[..error.valid_up_to()]
        }
        _ => told,
    };
    let text = String::from_utf8_lossy(told).trim_end().into();
    Damaged { offset, bytes: bytes.len() as u64, kind, text }
}
