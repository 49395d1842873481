//! [`Attributes`]: the named values of an event, read only if somebody asks. Borrowed from the event.

use std::borrow::Cow;

use super::literal;
use super::value::{Ad, Value};

/// Named values in an event: lines of its text as `Cpus = 1`, or an ad. Text is read by each call, as few ask.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a>(Source<'a>);

#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Lines(&'a str),
    Ad(&'a Ad),
    None,
}

impl<'a> Attributes<'a> {
    pub(in crate::condor) const NONE: Attributes<'static> = Attributes(Source::None);

    /// Those of lines, of which others than `name = value` are passed over.
    pub(in crate::condor) fn lines(text: &'a str) -> Attributes<'a> {
        Attributes(Source::Lines(text))
    }

    pub(in crate::condor) fn ad(ad: &'a Ad) -> Attributes<'a> {
        Attributes(Source::Ad(ad))
    }

    /// The value with that name, whatever its case; the last one if there are several.
    pub fn get(&self, name: &str) -> Option<Cow<'a, Value>> {
        match self.0 {
            Source::Ad(ad) => ad.get(name).map(Cow::Borrowed),
            Source::Lines(text) => {
                let mut all =
                    assignments(text).filter(|(there, _)| there.eq_ignore_ascii_case(name));
                all.next_back().map(|(_, value)| Cow::Owned(literal::parse(value)))
            }
            Source::None => None,
        }
    }

    /// All of them.
    pub fn to_ad(&self) -> Ad {
        match self.0 {
            Source::Ad(ad) => ad.clone(),
            Source::Lines(text) => {
                assignments(text).map(|(name, value)| (name, literal::parse(value))).collect()
            }
            Source::None => Ad::new(),
        }
    }
}

/// The lines that are `name = value`.
fn assignments(text: &str) -> impl DoubleEndedIterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        (!name.is_empty() && name.chars().all(is_name)).then_some((name, value.trim()))
    })
}
