//! The progress that programs show in the terminal's own bar: the sequence `ESC ] 9 ; 4 ; state ; percent`, ended by BEL
//! or `ESC \`. Takes it out of an output, however that comes in pieces. Knows not whose output it is.

use memchr::memchr;

use super::report::Report;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const START: &[u8] = b"\x1b]9;4;";

/// What an output consists of.
pub(super) enum Piece<'a> {
    Text(&'a [u8]),
    Report(Report),
}

/// Finds the sequences in what it is fed. Whatever is none is text, byte by byte as it was.
#[derive(Default)]
pub(super) struct Terminal {
    /// What may be the beginning of a sequence: a few bytes.
    held: Vec<u8>,
}

/// What bytes that begin with ESC are.
enum Found {
    Sequence {
        length: usize,
        percent: Option<u8>,
    },
    /// Perhaps a sequence whose end is to come.
    Begun,
    Nothing,
}

impl Terminal {
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        if self.held.is_empty() {
            self.scan(bytes, each);
        } else {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(bytes);
            self.scan(&joined, each);
        }
    }

    /// There is no more: what was begun is text.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            each(Piece::Text(&held));
        }
    }

    fn scan(&mut self, bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
        let mut text = 0;
        let mut at = 0;
        while let Some(next) = memchr(ESC, &bytes[at..]) {
            let start = at + next;
            match sequence(&bytes[start..]) {
                Found::Nothing => at = start + 1,
                Found::Begun => {
                    self.held.extend_from_slice(&bytes[start..]);
                    return text_in(&bytes[text..start], each);
                }
                Found::Sequence { length, percent } => {
                    text_in(&bytes[text..start], each);
                    if let Some(percent) = percent {
                        each(Piece::Report(Report::Percent(percent)));
                    }
                    at = start + length;
                    text = at;
                }
            }
        }
        text_in(&bytes[text..], each);
    }
}

fn text_in(bytes: &[u8], each: &mut impl FnMut(Piece<'_>)) {
    if !bytes.is_empty() {
        each(Piece::Text(bytes));
    }
}

/// Looks whether a sequence is at the beginning of `bytes`.
fn sequence(bytes: &[u8]) -> Found {
    let Some(rest) = bytes.strip_prefix(START) else {
        return if START.starts_with(bytes) { Found::Begun } else { Found::Nothing };
    };
    let (shows, rest) = match rest {
        [] => return Found::Begun,
        // Running, failed and paused have a value; "remove" and "indeterminate" have none.
        [b'1' | b'2' | b'4', rest @ ..] => (true, rest),
        [b'0' | b'3', rest @ ..] => (false, rest),
        _ => return Found::Nothing,
    };
    let (digits, rest) = match rest.strip_prefix(b";") {
        Some(rest) => {
            let digits = rest.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
            rest.split_at(digits)
        }
        None => (&[][..], rest),
    };
    let rest = match rest {
        [] | [ESC] => return Found::Begun,
        [BEL, rest @ ..] | [ESC, b'\\', rest @ ..] => rest,
        _ => return Found::Nothing,
    };
    let value = digits.iter().fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    let percent = (shows && !digits.is_empty()).then_some(value.min(100) as u8);
    Found::Sequence { length: bytes.len() - rest.len(), percent }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(chunks: &[&[u8]]) -> (Vec<u8>, Vec<Report>) {
        let (mut text, mut reports) = (Vec::new(), Vec::new());
        let mut terminal = Terminal::default();
        let mut each = |piece: Piece<'_>| match piece {
            Piece::Text(bytes) => text.extend_from_slice(bytes),
            Piece::Report(report) => reports.push(report),
        };
        for chunk in chunks {
            terminal.feed(chunk, &mut each);
        }
        terminal.finish(&mut each);
        (text, reports)
    }

    #[test]
    fn sequences_are_taken_out_and_told() {
        let (text, reports) = parse(&[
            b"a\x1b]9;4;1;7\x07b\x1b]9;4;2;50\x1b\\c\x1b]9;4;4;250\x07\x1b]9;4;3;\x07\x1b]9;4;0\x1b\\\x1b]9;4;1\x07d",
        ]);
        assert_eq!(text, b"abcd");
        assert_eq!(reports, [7, 50, 100].map(Report::Percent));
    }

    #[test]
    fn what_is_no_sequence_stays() {
        for text in [
            &b"\x1b[1mbold\x1b[0m"[..],
            b"\x1b]9;4;5;1\x07",
            b"\x1b]9;4;1;1000\x07",
            b"\x1b]9;4;1;x\x07",
            b"\x1b]9;4;150\x07",
            b"\x1b]9;4;1;1\x1bx",
            b"\x1b]9;4;1;1",
            b"\x1b]0;title\x07",
            b"\x1b",
        ] {
            assert_eq!(parse(&[text]), (text.to_vec(), vec![]), "{text:?}");
        }
        // One may begin where another breaks off.
        let (text, reports) = parse(&[b"\x1b]9;4;1;\x1b]9;4;1;3\x07"]);
        assert_eq!((&*text, &*reports), (&b"\x1b]9;4;1;"[..], &[Report::Percent(3)][..]));
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(
            parts in proptest::collection::vec(prop_oneof![
                Just(&b"\x1b]9;4;1;42\x07"[..]), Just(&b"\x1b]9;4;2;5\x1b\\"[..]), Just(&b"\x1b]9;4;"[..]),
                Just(&b"\x1b"[..]), Just(&b"]"[..]), Just(&b"1;9"[..]), Just(&b"\x07"[..]), Just(&b"text"[..]),
            ], 0..12),
            size in 1usize..9,
        ) {
            let whole = parts.concat();
            let chunks: Vec<&[u8]> = whole.chunks(size).collect();
            prop_assert_eq!(parse(&chunks), parse(&[&whole]));
        }
    }
}
