//! `bus` as the included files see it: the history and its records, without their readers.

#[path = "../../../src/bus/history.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod history;
#[path = "../../../src/bus/record.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod record;

pub(crate) use history::{Cursor, History};
pub(crate) use record::{Change, Record};
