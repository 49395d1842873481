//! The ledger: all of a job's state, behind one lock, and the only writer of it (J1). Each file here is one
//! part of its work; none runs user code (J2).

mod attempts;
mod cancel;
mod control;
mod flush;
mod groups;
mod lanes;
mod life;
mod read;
mod rest;
mod state;
mod table;
mod trim;
mod watch;

pub(crate) use attempts::Report;
pub(crate) use attempts::{Finish, Started};
pub(crate) use control::{Refusal, Verb};
pub(crate) use lanes::Head;
pub(crate) use read::HandleResult;
pub(crate) use rest::{AfterRest, Place};
pub(crate) use state::{Ledger, Options};
pub(crate) use table::{Adder, Runner};
