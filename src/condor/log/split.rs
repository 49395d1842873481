//! Where the pieces of a log begin and end: events in text, XML and JSON, and what is nothing between them. Makes no event.
//!
//! No answer depends on bytes that aren't there yet (C1): what can't be told is asked again when there are more.

use memchr::{memchr, memchr_iter};

use crate::condor::ad::json;
use crate::condor::ad::xml;
use crate::condor::events::header;

/// What begins at a place where nothing else is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) enum Begin {
    /// It takes more bytes to tell.
    More,
    /// So many bytes mean nothing.
    Nothing(usize),
    /// An event.
    Event(Format),
    /// What is no event.
    Junk,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) enum Format {
    Text,
    Xml,
    Json,
}

/// How many blanks may be before an event, and how long a tag may be that is none.
const MOST: usize = 256;

/// What `bytes` begin with, of which there is one at least.
pub(in crate::condor) fn begin(bytes: &[u8]) -> Begin {
    match bytes[0] {
        b'0'..=b'9' => match header::begins(bytes) {
            Some(true) => Begin::Event(Format::Text),
            Some(false) => Begin::Junk,
            None => Begin::More,
        },
        b'{' => Begin::Event(Format::Json),
        b'<' => tag(bytes),
        b'[' | b']' | b',' => Begin::Nothing(1),
        0 | b'\n' | b'\r' => {
            let blank = |byte: &&u8| matches!(byte, 0 | b'\n' | b'\r');
            Begin::Nothing(bytes.iter().take_while(blank).count())
        }
        b' ' | b'\t' => blanks(bytes),
        b'.' => one_of(bytes, &[b"...\n", b"...\r\n"]),
        0xef => one_of(bytes, &[b"\xef\xbb\xbf"]),
        _ => Begin::Junk,
    }
}

/// Blanks are nothing before what is no text; a line of text that is indented begins no event.
fn blanks(bytes: &[u8]) -> Begin {
    let some = &bytes[..bytes.len().min(MOST)];
    match some.iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
        Some(n) if matches!(some[n], 0 | b'\n' | b'\r' | b'{' | b'<' | b'[' | b']' | b',') => {
            Begin::Nothing(n)
        }
        None if some.len() < MOST => Begin::More,
        _ => Begin::Junk,
    }
}

fn one_of(bytes: &[u8], wanted: &[&[u8]]) -> Begin {
    match wanted.iter().find(|wanted| bytes.starts_with(wanted)) {
        Some(found) => Begin::Nothing(found.len()),
        None if wanted.iter().any(|wanted| wanted.starts_with(bytes)) => Begin::More,
        None => Begin::Junk,
    }
}

/// An element that is an ad, or a tag around those.
fn tag(bytes: &[u8]) -> Begin {
    const AROUND: [&[u8]; 4] = [b"<?", b"<!", b"<classads", b"</classads"];
    if is_element(bytes) {
        return Begin::Event(Format::Xml);
    }
    if !AROUND.iter().any(|tag| bytes.starts_with(tag)) {
        let may_be = bytes == b"<c" || AROUND.iter().any(|tag| tag.starts_with(bytes));
        return if may_be { Begin::More } else { Begin::Junk };
    }
    let some = &bytes[..bytes.len().min(MOST)];
    match some.iter().position(|byte| matches!(byte, b'>' | b'\n')) {
        Some(n) if some[n] == b'>' => Begin::Nothing(n + 1),
        None if some.len() < MOST => Begin::More,
        _ => Begin::Junk,
    }
}

fn is_element(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<c>") || bytes.starts_with(b"<c ")
}

/// Whether something new begins with the line, whatever was before. The line is all there, or [`header::LONGEST`] bytes of it.
pub(in crate::condor) fn begins_anew(line: &[u8]) -> bool {
    match line.first() {
        Some(b'0'..=b'9') => header::parse(line).is_ok(),
        Some(b'{' | 0) => true,
        Some(b'.') => is_terminator(line),
        Some(b'<') => matches!(tag(line), Begin::Event(_) | Begin::Nothing(_)),
        Some(0xef) => line.starts_with(b"\xef\xbb\xbf"),
        _ => false,
    }
}

fn is_terminator(line: &[u8]) -> bool {
    matches!(line, b"..." | b"...\r")
}

/// Where an event ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) struct End {
    /// Behind its last byte.
    pub(in crate::condor) event: usize,
    /// Behind its terminator, which is where the next one may begin.
    pub(in crate::condor) next: usize,
    /// Whether another one has begun before it ended.
    pub(in crate::condor) cut_off: bool,
}

/// The search for the end of an event, which goes on where it was when there are more bytes.
#[derive(Debug)]
pub(in crate::condor) struct Search {
    within: Within,
    /// Where the first line begins that was not looked at.
    line: usize,
    /// How far its end was searched for.
    searched: usize,
}

#[derive(Debug)]
enum Within {
    Text,
    Json(json::Search),
    Xml(xml::Search),
}

impl Search {
    pub(in crate::condor) fn new(format: Format) -> Search {
        let within = match format {
            Format::Text => Within::Text,
            Format::Json => Within::Json(json::Search::default()),
            Format::Xml => Within::Xml(xml::Search::default()),
        };
        Search { within, line: 0, searched: 0 }
    }

    pub(in crate::condor) fn format(&self) -> Format {
        match self.within {
            Within::Text => Format::Text,
            Within::Json(_) => Format::Json,
            Within::Xml(_) => Format::Xml,
        }
    }

    /// Where the event ends that `bytes` begin with, if that is there; `ended` says that no more will follow.
    pub(in crate::condor) fn end(&mut self, bytes: &[u8], ended: bool) -> Option<End> {
        let end = match &mut self.within {
            Within::Text => return self.text(bytes, ended),
            Within::Json(search) => json::end(bytes, search),
            Within::Xml(search) => xml::end(bytes, search),
        };
        // One that is torn would take all that follow with it.
        if let Some(next) = self.next_ad(&bytes[..end.unwrap_or(bytes.len())]) {
            return Some(End { event: next, next, cut_off: true });
        }
        let end = end?;
        // One that breaks off within a line may do so because the line is another event's.
        let line = &bytes[self.line..end];
        let broken_by = match line.first() {
            Some(b'0'..=b'9') if self.line > 0 => {
                line.last() != Some(&b'}') || header::parse(line).is_ok()
            }
            _ => false,
        };
        Some(match broken_by {
            true => End { event: self.line, next: self.line, cut_off: true },
            false => End { event: end, next: end, cut_off: false },
        })
    }

    /// Where the text event ends. If another one has begun within a line of it, that one was torn and the other written behind it.
    fn text(&mut self, bytes: &[u8], ended: bool) -> Option<End> {
        let end = self.text_end(bytes, ended)?;
        Some(match glued(&bytes[..end.event]) {
            Some(next) => End { event: next, next, cut_off: true },
            None => end,
        })
    }

    fn text_end(&mut self, bytes: &[u8], ended: bool) -> Option<End> {
        let from = self.searched;
        for newline in memchr_iter(b'\n', &bytes[from..]) {
            let newline = from + newline;
            let start = self.line;
            self.line = newline + 1;
            let line = &bytes[start..newline];
            match line.first() {
                Some(b'.') if is_terminator(line) => {
                    return Some(End { event: start, next: newline + 1, cut_off: false });
                }
                Some(b'0'..=b'9' | 0) if start > 0 => {
                    // A hole that a crash has left may be before it.
                    let zeros = line.iter().take_while(|byte| **byte == 0).count();
                    if header::parse(&line[zeros..]).is_ok() {
                        let next = start + zeros;
                        return Some(End { event: start, next, cut_off: true });
                    }
                }
                _ => {}
            }
        }
        self.searched = bytes.len();
        let bare = ended && self.line > 0 && &bytes[self.line..] == b"...";
        bare.then_some(End { event: self.line, next: bytes.len(), cut_off: false })
    }

    /// Where another event begins at the beginning of a line within an ad. No ad has such a line: HTCondor indents ads in ads.
    fn next_ad(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let line = bytes.get(self.line..)?;
            let new = match (self.line, line.first()) {
                (1.., Some(b'{')) => true,
                (1.., Some(b'<')) => matches!(self.within, Within::Xml(_)) && is_element(line),
                _ => false,
            };
            if new {
                return Some(self.line);
            }
            let from = self.searched.max(self.line);
            let Some(newline) = memchr(b'\n', bytes.get(from..)?) else {
                self.searched = bytes.len();
                return None;
            };
            let end = from + newline;
            if self.line > 0 && header::parse(&bytes[self.line..end]).is_ok() {
                return Some(self.line);
            }
            self.line = end + 1;
        }
    }
}

/// Where within a line of a text event another event's header is. What somebody writes into the log (008) may be about others,
/// and so may lines that are indented.
fn glued(event: &[u8]) -> Option<usize> {
    if event.starts_with(b"008") {
        return None;
    }
    // Only so far is looked that the time doesn't grow with the square of a line.
    let is_header = |start: &usize| {
        let (before, rest) = event.split_at(*start);
        let line = &rest[..rest.len().min(header::LONGEST)];
        let said = before.trim_ascii_end();
        header::begins(line) == Some(true)
            && !said.is_empty()
            && !before[said.len()..].contains(&b'\n')
            && header::parse(&line[..memchr(b'\n', line).unwrap_or(line.len())]).is_ok()
    };
    let mut parentheses = memchr_iter(b'(', event).filter_map(|at| at.checked_sub(b"005 ".len()));
    parentheses.find(is_header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_is_told_as_soon_as_it_can_be() {
        for (bytes, expected) in [
            ("005 (", Begin::Event(Format::Text)),
            ("005 ", Begin::More),
            ("00 (", Begin::Junk),
            ("1000 (", Begin::Junk),
            ("{", Begin::Event(Format::Json)),
            ("<c>", Begin::Event(Format::Xml)),
            ("<c", Begin::More),
            ("<classads>", Begin::Nothing(10)),
            ("</classads", Begin::More),
            ("<?xml version=\"1.0\"?>\n", Begin::Nothing(21)),
            ("<?xml\n?>", Begin::Junk),
            ("<a>", Begin::Junk),
            ("...", Begin::More),
            ("...\n", Begin::Nothing(4)),
            ("...\r", Begin::More),
            ("...\r\n", Begin::Nothing(5)),
            ("....", Begin::Junk),
            ("\n\r\n\0\0x", Begin::Nothing(5)),
            (" \t", Begin::More),
            (" \t\n", Begin::Nothing(2)),
            ("  {", Begin::Nothing(2)),
            ("  005 (1.0.0) 2024-01-02 03:04:05", Begin::Junk),
            ("hello", Begin::Junk),
        ] {
            assert_eq!(begin(bytes.as_bytes()), expected, "{bytes:?}");
        }
        assert_eq!(begin(b"\xef\xbb"), Begin::More);
        assert_eq!(begin(b"\xef\xbb\xbf0"), Begin::Nothing(3));
        assert_eq!(begin(&[b' '; MOST]), Begin::Junk);
    }

    #[test]
    fn an_event_without_a_terminator_ends_where_the_next_begins() {
        let torn = "001 (1.0.0) 2024-01-02 03:04:05 Job exec\n";
        let next = "005 (1.0.0) 2024-01-02 03:04:06 Job terminated.\n...\n";
        let end = |text: String| Search::new(Format::Text).end(text.as_bytes(), false);
        let found = end(format!("{torn}{next}")).unwrap();
        assert_eq!((found.event, found.next, found.cut_off), (torn.len(), torn.len(), true));
        let found = end(format!("{torn}\0\0{next}")).unwrap();
        assert_eq!((found.event, found.next, found.cut_off), (torn.len(), torn.len() + 2, true));
        // Not by what only looks like a header.
        for line in [
            "005 (1.0.0) 2024-13-02 03:04:06",
            "005 (a.0.0) 2024-01-02 03:04:06",
            " 005 (1.0.0) 2024-01-02 03:04:06",
        ] {
            let found = end(format!("{torn}{line}\n...\n")).unwrap();
            assert!(!found.cut_off, "{line}");
        }
        // In the middle of a line.
        let torn = "006 (1.0.0) 2024-01-02 03:04:05 Image size of jo";
        let found = end(format!("{torn}{next}")).unwrap();
        assert_eq!((found.event, found.next, found.cut_off), (torn.len(), torn.len(), true));
        let said = format!("008 (1.0.0) 2024-01-02 03:04:05 as {next}");
        assert!(!end(said).unwrap().cut_off);
        // Its line isn't all there.
        assert_eq!(end(format!("{torn}005 (1.0.0) 2024-01-02 03:04:0")), None);
    }
}
