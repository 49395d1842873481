//! [`Turn`]: a change of state as it is recorded, for readers who want nothing of what the ledger keeps beside it but the
//! cause. Most are made without the ledger.

#![allow(dead_code, reason = "only features read it")]

use std::sync::Arc;

use super::item::Item;
use super::reader::Reader;
use super::record::Record;
use super::source::mask;
use super::stream::at_seq;
use super::stream::sealed::Make;
use crate::model::Cause;

/// A job or a task is in another state, or a task is there.
pub(crate) struct Turn {
    pub(crate) seq: u64,
    pub(crate) record: Record,
    pub(crate) cause: Option<Arc<Cause>>,
}

impl Make for Turn {
    const MASK: u16 = mask::JOB_STATE | mask::ADDED | mask::TASK_STATE;

    fn position(&self) -> u64 {
        at_seq(self.seq)
    }

    fn of(reader: &Reader, item: Item) -> Turn {
        let Item::Record(seq, packed) = item else {
            unreachable!("the mask lets only records through")
        };
        let record = packed.unpack();
        let cause = if record.caused { reader.source().cause(seq) } else { None };
        Turn { seq, record, cause }
    }
}
