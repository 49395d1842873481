//! [`Parser`]: events of bytes, however these come in pieces. Pure: it reads no file and waits for nothing.

use std::io::{self, Read};

use super::damage::{DamageKind, Damaged};
use super::junk::{Junk, damaged};
use super::split::{self, Begin, End, Format, Search};
use crate::condor::ad::json;
use crate::condor::ad::value::Ad;
use crate::condor::ad::xml;
use crate::condor::events::ad_header;
use crate::condor::events::dates::Date;
use crate::condor::events::event::{Event, Source};
use crate::condor::events::header::{self, Wrong};
use crate::condor::events::key::JobKey;
use crate::condor::events::zone::{Dates, Zone};
use crate::model::Timestamp;

/// No event has more bytes.
const LONGEST: usize = 32 << 20;

/// How much is read at once of a log that has so much.
const CHUNK: usize = 256 << 10;

/// How much is read first: most logs have no more, and a log that has grown has little that is new. Room is made by writing zeros.
const FIRST: usize = 8 << 10;

/// Makes events of the bytes of a log, which it is given in pieces of any size: these make no difference.
///
/// Events are text, XML or JSON, which may follow each other. What is nothing between them is passed over: blank lines, zeros,
/// terminators (`...`), and what is around events in XML and JSON. What is no event is told, once, and what follows is read on.
///
/// ```
/// use milepost::condor::{EventType, Parser, Zone};
/// use milepost::Timestamp;
///
/// let mut parser = Parser::new(Zone::utc(), Timestamp::from_micros(0));
/// parser.push(b"001 (114.003.000) 2024-01-02 03:04:05 Job executing on ho");
/// assert!(parser.next().is_none());
/// parser.push(b"st: <10.0.0.1>\n...\n");
/// let event = parser.next().unwrap()?;
/// assert_eq!(event.event_type(), EventType::EXECUTE);
/// assert_eq!(event.key().to_string(), "114.3");
/// # Ok::<(), milepost::condor::Damaged>(())
/// ```
#[derive(Debug)]
pub struct Parser {
    /// Bytes from `start` to `filled` are not given out; others are room.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// How much is read next.
    chunk: usize,
    /// Of the byte at `start`, in the file.
    offset: u64,
    dates: Dates,
    ended: bool,
    /// What begins at `start`, if that is known.
    doing: Doing,
    /// Whether it was told that what begins at `start` isn't whole.
    torn_told: bool,
}

#[derive(Debug)]
enum Doing {
    Nothing,
    Event(Search),
    Junk(Junk),
}

impl Parser {
    /// For a log whose times are in `zone`; `now` is what dates without a year are before.
    pub fn new(zone: Zone, now: Timestamp) -> Parser {
        let dates = Dates::new(zone, now);
        let (buffer, doing) = (Vec::new(), Doing::Nothing);
        Parser {
            buffer,
            start: 0,
            filled: 0,
            chunk: FIRST,
            offset: 0,
            dates,
            ended: false,
            doing,
            torn_told: false,
        }
    }

    /// The same for a log that is read from `offset` on.
    pub fn at(self, offset: u64) -> Parser {
        Parser { offset, ..self }
    }

    /// Takes bytes that follow those before.
    pub fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.take(bytes.len());
    }

    /// Takes what one call of `source.read` gives: how many bytes, 0 at its end.
    ///
    /// # Errors
    /// Those of `source`.
    pub fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        let read = source.read(self.room(self.chunk))?;
        self.take(read);
        if read >= self.chunk {
            self.chunk = (self.chunk * 2).min(CHUNK);
        }
        Ok(read)
    }

    /// Room for so many bytes at least.
    fn room(&mut self, bytes: usize) -> &mut [u8] {
        let pending = self.pending();
        if self.start >= pending {
            // Each byte is moved only after as many were given out.
            self.buffer.copy_within(self.start..self.filled, 0);
            (self.start, self.filled) = (0, pending);
        }
        let needed = self.filled + bytes;
        if self.buffer.len() < needed {
            self.buffer.resize(needed.max(self.buffer.len() * 2), 0);
        } else if self.buffer.len() > 16 * CHUNK && needed < 2 * CHUNK {
            self.buffer.truncate(2 * CHUNK);
            self.buffer.shrink_to_fit();
        }
        &mut self.buffer[self.filled..]
    }

    fn take(&mut self, bytes: usize) {
        self.filled += bytes;
        self.ended &= bytes == 0;
    }

    /// Says that no more bytes follow: what isn't whole then is an error, which is told once. If bytes follow nevertheless, it is read on
    /// with them.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next event; none if there is no whole one.
    ///
    /// # Errors
    /// Bytes are no event; they are passed over. Those of an event that isn't whole ([`Damaged::is_torn`]) are kept, as the rest may
    /// follow.
    #[expect(clippy::should_implement_trait, reason = "more may come after none")]
    pub fn next(&mut self) -> Option<Result<Event, Damaged>> {
        loop {
            let bytes = &self.buffer[self.start..self.filled];
            match &mut self.doing {
                Doing::Nothing if bytes.is_empty() => return None,
                Doing::Nothing => match split::begin(bytes) {
                    Begin::More => return self.torn().map(Err),
                    Begin::Nothing(some) => self.pass(some),
                    Begin::Event(format) => self.doing = Doing::Event(Search::new(format)),
                    Begin::Junk => {
                        self.doing = Doing::Junk(Junk::new(self.offset, DamageKind::NoEvent));
                    }
                },
                Doing::Event(search) => {
                    let some = &bytes[..bytes.len().min(LONGEST)];
                    let format = search.format();
                    if let Some(end) = search.end(some, self.ended && some.len() == bytes.len()) {
                        return Some(self.event(format, end));
                    } else if some.len() < LONGEST {
                        return self.torn().map(Err);
                    }
                    let mut junk = Junk::new(self.offset, DamageKind::TooLong);
                    junk.add(some);
                    self.pass(LONGEST);
                    self.doing = Doing::Junk(junk);
                }
                Doing::Junk(junk) => {
                    let (mut taken, mut whole) = junk.take(bytes);
                    if !whole && self.ended {
                        taken += junk.rest(&bytes[taken..]);
                        whole = true;
                    }
                    let doing = std::mem::replace(&mut self.doing, Doing::Nothing);
                    self.pass(taken);
                    match doing {
                        Doing::Junk(junk) if whole => return Some(Err(junk.into_damaged())),
                        going_on => self.doing = going_on,
                    }
                    return None;
                }
            }
        }
    }

    /// That the last event isn't whole, if it is the end and wasn't told.
    fn torn(&mut self) -> Option<Damaged> {
        let bytes = &self.buffer[self.start..self.filled];
        let nothing = matches!(bytes[0], b'.' | b' ' | b'\t' | 0xef);
        if !self.ended || self.torn_told || nothing {
            return None;
        }
        self.torn_told = true;
        Some(damaged(self.offset, bytes, DamageKind::Torn))
    }

    fn pass(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
        self.torn_told = false;
        self.doing = Doing::Nothing;
    }

    fn event(&mut self, format: Format, end: End) -> Result<Event, Damaged> {
        let bytes = &self.buffer[self.start..self.start + end.event];
        let made = match format {
            Format::Text => text(bytes, &mut self.dates),
            _ if end.cut_off => Err(bad_ad("another event begins within it")),
            Format::Json => json::parse(bytes).map_err(bad_ad).and_then(|ad| self.dates.ad(ad)),
            Format::Xml => xml::parse(bytes).map_err(bad_ad).and_then(|ad| self.dates.ad(ad)),
        };
        let (start, next) = (self.offset, self.offset + end.next as u64);
        let made = match made {
            Ok(event) => Ok(Event { offset: next, ..event }),
            Err(kind) => {
                let all = &self.buffer[self.start..self.start + end.next];
                Err(damaged(start, all, kind))
            }
        };
        self.pass(end.next);
        made
    }

    /// How many bytes there are before what comes next: behind the last event that was given out, and what is nothing after it.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there are behind that which are not given out.
    pub fn pending(&self) -> usize {
        self.filled - self.start
    }
}

/// An event of text; its offset is set later.
fn text(bytes: &[u8], dates: &mut Dates) -> Result<Event, DamageKind> {
    let header = header::parse(bytes).map_err(|wrong| match wrong {
        Wrong::Start => DamageKind::NoEvent,
        Wrong::Key => DamageKind::BadKey,
        Wrong::Time => DamageKind::BadTime,
    })?;
    let text: Box<str> = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes).into(),
    };
    let time = dates.time(&header.date);
    let key = if header.event_type.is_slot() { NO_JOB } else { header.key };
    Ok(Event {
        event_type: header.event_type,
        key,
        micros: time.micros,
        utc_offset: time.utc_offset,
        offset: 0,
        source: Source::Text { text, head: header.len },
    })
}

const NO_JOB: JobKey = JobKey { cluster: -1, proc: -1, subproc: -1 };

fn bad_ad(reason: impl Into<Box<str>>) -> DamageKind {
    DamageKind::BadAd { reason: reason.into() }
}

impl Dates {
    /// An event of an ad; its offset is set later.
    fn ad(&mut self, ad: Ad) -> Result<Event, DamageKind> {
        let header = ad_header::header(&ad).map_err(bad_ad)?;
        let (date, len) = Date::parse(header.time.as_bytes()).ok_or(DamageKind::BadTime)?;
        if len < header.time.len() {
            return Err(DamageKind::BadTime);
        }
        let time = self.time(&date);
        let (event_type, key) = (header.event_type, header.key);
        let (micros, utc_offset) = (time.micros, time.utc_offset);
        let source = Source::Ad(Box::new(ad));
        Ok(Event { event_type, key, micros, utc_offset, offset: 0, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "008 (1.0.0) 2024-01-02 03:04:05 info\n...\n";

    fn parser() -> Parser {
        Parser::new(Zone::utc(), Timestamp::from_micros(0))
    }

    /// `008 at 43` for events, and the damage with where it is.
    fn all(parser: &mut Parser) -> Vec<String> {
        let one = |one: Result<Event, Damaged>| match one {
            Ok(event) => format!("{} at {}", event.event_type().number(), event.offset()),
            Err(damaged) => format!("{:?} {}+{}", damaged.kind, damaged.offset, damaged.bytes),
        };
        std::iter::from_fn(|| parser.next()).map(one).collect()
    }

    #[test]
    fn an_event_that_is_torn_is_told_once_and_comes_when_it_is_whole() {
        let mut parser = parser();
        for cut in 1..EVENT.len() {
            parser.push(&EVENT.as_bytes()[..cut]);
            assert!(parser.next().is_none(), "{cut}");
            let start = parser.offset();
            parser.end();
            let last = cut == EVENT.len() - 1;
            let told = all(&mut parser);
            if last {
                assert_eq!(
                    told,
                    [format!("8 at {}", start + cut as u64)],
                    "it is whole at the end of all"
                );
            } else {
                assert_eq!(told, [format!("Torn {start}+{cut}")]);
                parser.end();
                assert!(parser.next().is_none(), "it was told");
            }
            parser.push(&EVENT.as_bytes()[cut..]);
            let end = start + EVENT.len() as u64;
            let expected = if last { Vec::new() } else { vec![format!("8 at {end}")] };
            assert_eq!(all(&mut parser), expected, "{cut}");
            assert_eq!((parser.offset(), parser.pending()), (end, 0));
        }
    }

    #[test]
    fn what_is_nothing_at_the_end_is_no_damage() {
        for rest in ["", "\n", "..", "...", "...\r", " \t", "\0\0\n", "</classads>\n", "]\n"] {
            let mut parser = parser();
            parser.push(EVENT.as_bytes());
            parser.push(rest.as_bytes());
            parser.end();
            assert_eq!(all(&mut parser), [format!("8 at {}", EVENT.len())], "{rest:?}");
        }
    }

    #[test]
    fn junk_at_the_end_is_told_without_what_may_be_an_event() {
        let mut parser = parser().at(1000);
        parser.push(b"hello\nworld\n00");
        assert!(parser.next().is_none());
        parser.end();
        assert_eq!(all(&mut parser), ["NoEvent 1000+12", "Torn 1012+2"]);
        parser.push(&EVENT.as_bytes()[2..]);
        assert_eq!(all(&mut parser), [format!("8 at {}", 1012 + EVENT.len())]);
    }

    #[test]
    fn an_event_without_an_end_takes_no_more_memory_than_the_longest() {
        for (start, line) in [
            ("008 (1.0.0) 2024-01-02 03:04:05 long\n", "\tand longer\n"),
            ("008 (1.0.0) 2024-01-02 03:04:05 long", "and longer"),
            ("{\n", "  \"A\": 1,\n"),
            ("<c>\n", "  <a n=\"A\"><i>1</i></a>\n"),
            ("junk\n", "and more\n"),
            ("junk", "and more"),
        ] {
            let mut parser = parser();
            parser.push(start.as_bytes());
            let chunk = line.repeat(100_000);
            let mut bytes = start.len();
            while bytes < LONGEST * 2 {
                parser.push(chunk.as_bytes());
                bytes += chunk.len();
                assert!(parser.next().is_none());
                assert!(parser.buffer.len() < LONGEST * 3, "{}", parser.buffer.len());
            }
            parser.push(b"\n");
            parser.push(EVENT.as_bytes());
            let kind = if start.starts_with("junk") { "NoEvent" } else { "TooLong" };
            let end = bytes + 1;
            let expected = [format!("{kind} 0+{end}"), format!("8 at {}", end + EVENT.len())];
            assert_eq!(all(&mut parser), expected, "{start:?}");
            parser.push(EVENT.as_bytes());
            assert!(parser.buffer.len() < LONGEST, "room is given back");
        }
    }

    #[test]
    fn an_ad_that_is_torn_takes_no_other_with_it() {
        let whole = "{\n\"EventTypeNumber\": 8,\n\"EventTime\": \"2024-01-02T03:04:05Z\"\n}\n";
        let xml = "<c>\n<a n=\"EventTypeNumber\"><i>8</i></a><a n=\"EventTime\"><s>2024-01-02T03:04:05</s></a>\n</c>\n";
        for (torn, next) in [
            (&whole[..20], whole),
            (&whole[..27], whole),
            (&whole[..20], EVENT),
            (&xml[..20], xml),
            (&xml[..20], EVENT),
        ] {
            let mut parser = parser();
            let text = format!("{torn}\n{next}");
            for byte in text.as_bytes() {
                parser.push(&[*byte]);
            }
            let first = parser.next().unwrap().unwrap_err();
            let bytes = usize::try_from(first.bytes).unwrap();
            assert!(
                first.offset == 0 && (torn.len()..=torn.len() + 1).contains(&bytes),
                "{first:?}"
            );
            assert!(matches!(first.kind, DamageKind::BadAd { .. }), "{first:?}");
            let end = usize::try_from(parser.next().unwrap().unwrap().offset()).unwrap();
            assert!(end >= text.len() - 1, "{text}");
        }
    }
}
