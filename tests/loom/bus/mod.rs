//! `bus` as the included files see it: the history and its records, without their readers.

#[path = "../../../src/bus/history.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod history;
#[path = "../../../src/bus/record.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod record;

pub(crate) use history::{Cursor, History};
pub(crate) use record::{Change, Record};

/// Named by the included files' own tests, which don't run here.
pub(crate) mod mask {
    #[allow(dead_code, reason = "see above")]
    pub(crate) const fn of(_kind: crate::model::EventKind) -> u16 {
        0
    }
}
