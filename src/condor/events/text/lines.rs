//! Lines, and the few forms that are in many of them.

use memchr::memchr;

/// The lines of a text, without their ends.
#[derive(Debug, Clone, Copy)]
pub(in crate::condor) struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    pub(in crate::condor) fn of(text: &'a str) -> Lines<'a> {
        Lines(text)
    }

    /// Those that follow, as one text.
    pub(in crate::condor) fn rest(self) -> &'a str {
        self.0
    }

    /// The next one, without blanks around it.
    pub(in crate::condor) fn next_trimmed(&mut self) -> Option<&'a str> {
        self.next().map(trim)
    }

    /// The next one without blanks around it, if there is one and it isn't empty.
    pub(in crate::condor) fn next_said(&mut self) -> Option<&'a str> {
        self.next_trimmed().filter(|line| !line.is_empty())
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let text = self.0;
        if text.is_empty() {
            return None;
        }
        let (line, rest) = match memchr(b'\n', text.as_bytes()) {
            Some(end) => (&text[..end], &text[end + 1..]),
            None => (text, ""),
        };
        self.0 = rest;
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// Without blanks around it. Those of ASCII, as others are somebody's words.
#[inline]
pub(in crate::condor) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    &text[start..end]
}

/// What is not empty.
pub(in crate::condor) fn said(text: &str) -> Option<&str> {
    let text = trim(text);
    (!text.is_empty()).then_some(text)
}

/// The whole number that `text` begins with, and what follows it.
#[inline]
pub(in crate::condor) fn number(text: &str) -> Option<(i64, &str)> {
    let bytes = text.as_bytes();
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let mut end = start;
    let mut value: i64 = 0;
    while let Some(digit) = bytes.get(end).filter(|byte| byte.is_ascii_digit()) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
        end += 1;
    }
    (end > start).then(|| (if negative { -value } else { value }, &text[end..]))
}

/// The whole number that is all of `text` but blanks.
pub(in crate::condor) fn whole(text: &str) -> Option<i64> {
    number(trim(text)).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// The number that is all of `text`.
pub(in crate::condor) fn real(text: &str) -> Option<f64> {
    match number(text) {
        Some((value, "")) => Some(value as f64),
        _ => text.parse().ok(),
    }
}

/// `LABEL value`: the value after a label, whatever its case.
pub(in crate::condor) fn after<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let start = line.get(..label.len())?;
    start.eq_ignore_ascii_case(label).then(|| trim(&line[label.len()..]))
}

/// `Code 13 Subcode 2`.
pub(in crate::condor) fn codes(line: &str) -> Option<(i64, i64)> {
    let (code, rest) = number(line.strip_prefix("Code ")?)?;
    let (subcode, rest) = number(rest.strip_prefix(" Subcode ")?)?;
    rest.is_empty().then_some((code, subcode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_any_line_end() {
        let lines: Vec<_> = Lines::of("a\r\n\nb\n c").collect();
        assert_eq!(lines, ["a", "", "b", " c"]);
    }

    #[test]
    fn numbers_that_are_too_big_are_none() {
        assert_eq!(number("-12x"), Some((-12, "x")));
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(real("99999999999999999999"), Some(1e20));
        assert_eq!(real("0.25"), Some(0.25));
        assert_eq!(whole(" 7 "), Some(7));
        assert_eq!(whole("7 8"), None);
        assert_eq!(codes("Code 13 Subcode -2"), Some((13, -2)));
        assert_eq!(after("Tag: x", "tag:"), Some("x"));
        assert_eq!(after("ü", "tag:"), None);
    }
}
