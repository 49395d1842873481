//! `base` as the included files see it: loom's primitives and a clock that models ring by hand; the rest is the crate's.

pub(crate) mod clock;
#[path = "../../../src/base/contain.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod contain;
#[path = "../../../src/base/park.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod park;
#[path = "../../../src/base/phase.rs"]
mod phase;
pub(crate) mod sync;
#[path = "../../../src/base/wakers.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is used here")]
mod wakers;

pub(crate) use clock::{Alarm, Clock, ManualClock, Timer};
pub(crate) use contain::contain;
pub(crate) use park::{block_on, yield_once};
pub(crate) use phase::Phase;
pub(crate) use wakers::{WakerKey, Wakers, Wakes};
