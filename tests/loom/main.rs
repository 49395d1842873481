//! The protocols between threads, run under loom: every interleaving (up to a number of preemptions) and every value
//! that the memory model lets a load see.
//!
//! What runs is the crate's own code: the files of `src/meter`, the history and the wakers are included here, and what they
//! synchronise by (`base::sync`) is put in loom's place. The ledger is too much to include; `ledger.rs` mirrors the
//! few lines of it that matter.
//!
//! Each model has *mutants*: the same code with weaker orderings, or with a step left out. They must fail, for the
//! reason that is given; else the model would prove nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what unwraps none fails its model")]

mod arming;
mod base;
mod bus;
mod canceling;
mod checker;
mod counting;
mod fences;
mod history;
mod ledger;
mod marking;
mod phases;
mod terminal;

#[path = "../../src/meter/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "only its protocols are used here")]
mod meter;

#[path = "../../src/model/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "only what the protocols name")]
mod model;

fn main() -> std::process::ExitCode {
    checker::run(&[
        marking::MODELS,
        terminal::MODELS,
        arming::MODELS,
        canceling::MODELS,
        counting::MODELS,
        history::MODELS,
        fences::MODELS,
        phases::MODELS,
    ])
}
