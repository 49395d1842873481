//! What everything else stands on: the clock with its ticker, wakers, parking, containment of panics and a pool of
//! threads. Knows no task and no job.

mod clock;
mod contain;
mod drive;
mod lazily;
mod park;
mod phase;
mod pool;
pub(crate) mod sync;
#[cfg(feature = "condor")]
mod told;
mod wakers;

pub(crate) use clock::{Alarm, Sleep, Timer};
pub use clock::{Clock, ManualClock};
pub(crate) use contain::{contain, drop_contained, panic_message};
pub(crate) use drive::drive;
pub(crate) use lazily::{Empty, Lazily};
pub(crate) use park::{block_on, yield_once};
pub(crate) use phase::Phase;
pub(crate) use pool::run_on_pool;
#[cfg(feature = "condor")]
pub(crate) use told::ToldClock;
pub(crate) use wakers::{WakerKey, Wakers, Wakes};
