//! From events to jobs of Milepost's. Reads no file.

pub(super) mod builder;
pub(super) mod fold;
mod group;
pub(super) mod measure;
pub(super) mod naming;
mod noted;
mod procs;
#[cfg(unix)]
pub(super) mod repair;
pub(super) mod states;
pub(super) mod tracking;
