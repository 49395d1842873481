//! How a text event begins: `005 (114.003.000) 2024-01-02 03:04:05 `. Knows no event.

use super::dates::Date;
use super::event_type::EventType;
use super::key::JobKey;

/// No header is longer, so that a line is known to be none without its end.
pub(in crate::condor) const LONGEST: usize = 256;

/// What a text event's first line says before its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) struct Header {
    pub(in crate::condor) event_type: EventType,
    pub(in crate::condor) key: JobKey,
    pub(in crate::condor) date: Date,
    /// How many bytes it takes, up to behind the time.
    pub(in crate::condor) len: usize,
}

/// Why it is no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) enum Wrong {
    Start,
    Key,
    Time,
}

/// Whether `bytes` begin with a number and a parenthesis: none if there are too few of them to tell.
pub(in crate::condor) fn begins(bytes: &[u8]) -> Option<bool> {
    for (n, byte) in bytes.iter().take(5).enumerate() {
        let fits = match n {
            0..3 => byte.is_ascii_digit(),
            3 => *byte == b' ',
            _ => *byte == b'(',
        };
        if !fits {
            return Some(false);
        }
    }
    (bytes.len() >= 5).then_some(true)
}

/// The header that a line begins with.
///
/// # Errors
/// It begins with none.
pub(in crate::condor) fn parse(line: &[u8]) -> Result<Header, Wrong> {
    let line = &line[..line.len().min(LONGEST)];
    if begins(line) != Some(true) {
        return Err(Wrong::Start);
    }
    let number = line[..3].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let mut at = 5;
    let mut id = |end| id(line, &mut at, end).ok_or(Wrong::Key);
    let key = JobKey { cluster: id(b'.')?, proc: id(b'.')?, subproc: id(b')')? };
    let blanks = line[at..].iter().take_while(|byte| **byte == b' ').count();
    let start = at + blanks;
    let (date, len) = Date::parse(&line[start..]).ok_or(Wrong::Time)?;
    if blanks == 0 {
        return Err(Wrong::Time);
    }
    Ok(Header { event_type: EventType::new(number), key, date, len: start + len })
}

/// A number, perhaps with blanks and a sign before it, and `end` behind it.
fn id(line: &[u8], at: &mut usize, end: u8) -> Option<i64> {
    let mut bytes = line[*at..].iter();
    let mut byte = bytes.next()?;
    while *byte == b' ' {
        byte = bytes.next()?;
    }
    let negative = *byte == b'-';
    if negative || *byte == b'+' {
        byte = bytes.next()?;
    }
    let mut number: i64 = 0;
    let mut digits = 0;
    while byte.is_ascii_digit() {
        number = number.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
        digits += 1;
        byte = bytes.next()?;
    }
    *at = line.len() - bytes.as_slice().len();
    (*byte == end && digits > 0).then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_be_signed_wide_and_padded() {
        for (ids, cluster, proc, subproc) in [
            ("114.003.000", 114, 3, 0),
            ("-1.-01.-001", -1, -1, -1),
            (" 1. +2.  3", 1, 2, 3),
            ("9223372036854775807.0.2147483648", i64::MAX, 0, 2_147_483_648),
        ] {
            let line = format!("008 ({ids}) 2024-01-02 03:04:05 info");
            let header = parse(line.as_bytes()).unwrap();
            assert_eq!(header.key, JobKey { cluster, proc, subproc });
            assert_eq!(&line[header.len..], " info");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (line, wrong) in [
            ("08 (1.0.0) 2024-01-02 03:04:05", Wrong::Start),
            ("1000 (1.0.0) 2024-01-02 03:04:05", Wrong::Start),
            ("008(1.0.0) 2024-01-02 03:04:05", Wrong::Start),
            ("008 (1.0.0 ) 2024-01-02 03:04:05", Wrong::Key),
            ("008 (1.0.0.0) 2024-01-02 03:04:05", Wrong::Key),
            ("008 (a.b.c) 2024-01-02 03:04:05", Wrong::Key),
            ("008 (9223372036854775808.0.0) 2024-01-02 03:04:05", Wrong::Key),
            ("008 (1.0.0", Wrong::Key),
            ("008 (1.0.0)2024-01-02 03:04:05", Wrong::Time),
            ("008 (1.0.0) 2024-13-02 03:04:05", Wrong::Time),
            ("008 (1.0.0) ", Wrong::Time),
        ] {
            assert_eq!(parse(line.as_bytes()), Err(wrong), "{line}");
        }
    }
}
