//! What a report costs, beside the floor (atomics) and beside what else a task could report by.
//!
//! `cargo bench --bench peers`: calls on one and two threads, a job of 1,000 tasks from its worker to 8 readers, and
//! the budgets that these are held to. `--rounds N` for more or fewer rounds, `--json` for one object a line. It never
//! fails for a figure: those of a busy machine mean nothing.

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up should end")]

mod budgets;
mod calls;
mod end_to_end;
mod floor;
#[path = "../harness/mod.rs"]
mod harness;
mod load;
mod peers;

use calls::{Calls, Layout};
use harness::{Case, flag, interleave, table};
use serde_json::json;

const ROUNDS: usize = 25;
/// A round of the whole way takes seconds.
const END_TO_END_ROUNDS: usize = 5;
/// From here on, two threads must have shared a core.
const CROWDED: f64 = 1.2;

fn main() {
    let rounds = rounds();
    let mut calls = Calls::default();
    floor::add(&mut calls);
    peers::milepost(&mut calls);
    peers::bars(&mut calls);
    peers::channels(&mut calls);
    interleave(rounds, &mut calls.cases);

    let runs = end_to_end::Runs::default();
    let mut whole = if end_to_end::can_measure() { runs.cases() } else { Vec::new() };
    interleave(rounds.min(END_TO_END_ROUNDS), &mut whole);

    if flag("--json") {
        print_json(&calls, &whole);
        return;
    }
    for layout in Layout::ALL {
        print!("{}", calls.table(layout));
    }
    print!("{}", calls.multiples());
    if whole.is_empty() {
        println!(
            "\nEnd to end: not measured, as there is no /proc to read the process's CPU time from."
        );
    } else {
        print!("{}", runs.table(&whole));
    }
    print!("{}", table("Budgets", &budgets::rows(&calls, &whole)));
    let crowding = calls.crowding();
    if crowding > CROWDED {
        println!(
            "\nThe two threads had no core each (doing nothing took {crowding:.2} times as long as on one thread):\n\
             what two threads did together says nothing. Try again on an idle machine."
        );
    }
}

/// How many rounds were asked for.
fn rounds() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--rounds");
    match arguments.nth(1) {
        Some(rounds) => rounds.parse().expect("--rounds takes a number"),
        None => ROUNDS,
    }
}

fn print_json(calls: &Calls, whole: &[Case]) {
    let base = calls.base();
    for case in &calls.cases {
        println!("{}", line(case, case.ratio_to(base)));
    }
    for case in whole {
        // The rounds are others than the base's.
        println!("{}", line(case, case.median() / base.median()));
    }
}

fn line(case: &Case, ratio: f64) -> serde_json::Value {
    let (lower, upper) = case.quartiles();
    json!({
        "case": case.name,
        "threads": case.threads,
        "ns_per_op": case.median(),
        "lower_quartile": lower,
        "upper_quartile": upper,
        "ratio_to_store_load": ratio,
    })
}
