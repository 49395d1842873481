//! [`Damaged`]: bytes of a log that are no event.

use std::fmt;

/// Bytes of a log that are no event. They are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// Where they begin: how many bytes there are before them in the file.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// What is wrong with them.
    pub kind: DamageKind,
    /// How they begin, with U+FFFD for what is no UTF-8.
    pub text: Box<str>,
}

/// What is wrong with bytes that are no event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// They don't begin as an event does.
    NoEvent,
    /// They begin as an event does, and its ids are none.
    BadKey,
    /// They begin as an event does, and its time is none.
    BadTime,
    /// They are an object or element without an event's number or time, or none at all.
    BadAd {
        /// Why.
        reason: Box<str>,
    },
    /// They are longer than any event.
    TooLong,
    /// The log ends within an event: its writer was killed, or writes it just now.
    Torn,
}

impl Damaged {
    /// Whether it says only that the last event isn't whole: there may be nothing wrong with it.
    pub fn is_torn(&self) -> bool {
        self.kind == DamageKind::Torn
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damaged { offset, bytes, text, .. } = self;
        write!(f, "byte {offset}: {bytes} bytes ")?;
        match &self.kind {
            DamageKind::NoEvent => f.write_str("are no event"),
            DamageKind::BadKey => f.write_str("are an event of no job: its ids can't be read"),
            DamageKind::BadTime => f.write_str("are an event at no time: its date can't be read"),
            DamageKind::BadAd { reason } => write!(f, "are no event's ad: {reason}"),
            DamageKind::TooLong => f.write_str("are more than an event has"),
            DamageKind::Torn => f.write_str(
                "are the beginning of an event: its writer was killed, or writes it just now",
            ),
        }?;
        write!(f, " ({text:?}); they are passed over")
    }
}

impl std::error::Error for Damaged {}
