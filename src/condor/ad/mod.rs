//! HTCondor's ads: named values, and how they are written in text, JSON and XML. Knows no events.

pub(super) mod attributes;
pub(super) mod json;
pub(super) mod literal;
pub(super) mod value;
pub(super) mod xml;
mod xml_ad;
