//! Logs that a real HTCondor wrote.
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::path::PathBuf;

use milepost::condor::{Jobs, Reader, Zone};

pub(crate) fn real(name: &str) -> PathBuf {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/condor/real");
    PathBuf::from(data).join(name)
}

/// All of a log, which is sound.
pub(crate) fn fold(jobs: &mut Jobs, name: &str) {
    let path = real(name);
    for event in Reader::open(&path).unwrap().zone(Zone::utc()) {
        jobs.apply_from(&path, &event.unwrap());
    }
}
