//! Bytes into lines, however they come in pieces. Knows not what lines mean.

use memchr::memchr;

/// The longest line, and the longest piece of one.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// What becomes of lines that are longer than [`LONGEST_LINE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// They are left out.
    Skip,
    /// They come in pieces.
    Cut,
}

/// Splits what it is fed at each line feed. A carriage return before it is taken off.
pub(super) struct Splitter {
    long: Long,
    /// The beginning of a line whose end is to come.
    begun: Vec<u8>,
    /// That line is too long, and is left out.
    skipping: bool,
}

impl Splitter {
    pub(super) fn new(long: Long) -> Splitter {
        Splitter { long, begun: Vec::new(), skipping: false }
    }

    /// Calls `each` for every line that ends in `bytes`.
    pub(super) fn feed(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&[u8])) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.add(&bytes[..end], each);
            if !std::mem::take(&mut self.skipping) {
                each(self.begun.strip_suffix(b"\r").unwrap_or(&self.begun));
            }
            self.begun.clear();
            bytes = &bytes[end + 1..];
        }
        self.add(bytes, each);
    }

    /// Calls `each` for a last line without an end.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(&[u8])) {
        if !self.begun.is_empty() {
            each(&self.begun);
            self.begun.clear();
        }
    }

    fn add(&mut self, mut bytes: &[u8], each: &mut impl FnMut(&[u8])) {
        if self.skipping {
            return;
        }
        while self.begun.len() + bytes.len() > LONGEST_LINE {
            if self.long == Long::Skip {
                self.skipping = true;
                self.begun.clear();
                return;
            }
            let (piece, rest) = bytes.split_at(LONGEST_LINE - self.begun.len());
            self.begun.extend_from_slice(piece);
            each(&self.begun);
            self.begun.clear();
            bytes = rest;
        }
        self.begun.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(long: Long, chunks: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new(long);
        let mut lines = Vec::new();
        let mut each = |line: &[u8]| lines.push(line.to_vec());
        for chunk in chunks {
            splitter.feed(chunk, &mut each);
        }
        splitter.finish(&mut each);
        lines
    }

    #[test]
    fn lines_end_at_line_feeds() {
        let found = lines(Long::Cut, &[b"a\nb\r\n\nc\rd", b"\ne"]);
        assert_eq!(found, [&b"a"[..], b"b", b"", b"c\rd", b"e"]);
    }

    #[test]
    fn long_lines_are_left_out_or_come_in_pieces() {
        let long = [&vec![b'x'; LONGEST_LINE + 1][..], b"\nb\n"].concat();
        assert_eq!(lines(Long::Skip, &[&long]), [b"b"]);
        let pieces: Vec<usize> = lines(Long::Cut, &[&long]).iter().map(Vec::len).collect();
        assert_eq!(pieces, [LONGEST_LINE, 1, 1]);
        // One that just fits is whole.
        assert_eq!(lines(Long::Skip, &[&long[1..]]).len(), 2);
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'x')], 0..64),
            at in 0usize..64,
            long in prop_oneof![Just(Long::Skip), Just(Long::Cut)],
        ) {
            // Made long by repetition, so that lines are around the limit.
            let text: Vec<u8> = text.iter().flat_map(|byte| match byte {
                b'x' => vec![b'x'; LONGEST_LINE / 8],
                byte => vec![*byte],
            }).collect();
            let (left, right) = text.split_at(at * 4096 % (text.len() + 1));
            prop_assert_eq!(lines(long, &[left, right]), lines(long, &[&text]));
        }
    }
}
