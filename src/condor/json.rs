//! JSON events: where one ends, and what is in it.

use super::value::Ad;

/// Where the object that `bytes` begin with ends, behind its last brace. `searched` is how far the search has come, so that it goes on
/// there if not all is there yet.
pub(super) fn end(bytes: &[u8], searched: &mut Search) -> Option<usize> {
    let _ = (bytes, searched);
    None
}

/// How far the search for an object's end has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    pub(super) at: usize,
}

/// The ad in the object.
///
/// # Errors
/// It is no JSON: why.
pub(super) fn parse(bytes: &[u8]) -> Result<Ad, Box<str>> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string().into())
}
