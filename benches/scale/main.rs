//! What many tasks, jobs and readers cost, beside what one would take instead. Asserts nothing about time: the budgets
//! are listed at the end, with what was measured.
//!
//! ```sh
//! cargo bench --bench scale [-- [--json] [windows] [memory] [running] [rows] [idle] [fanout] [latency] [tracker]]
//! ```
//!
//! `tracker` takes `--features tracker`.
//!
//! Without a topic, all of them run, which takes some four minutes.

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "what unwraps none is a bench that is wrong")]

mod alloc;
mod channels;
mod fanout;
#[path = "../harness/mod.rs"]
mod harness;
mod idle;
mod latency;
mod memory;
mod report;
mod rows;
mod running;
#[cfg(feature = "tracker")]
mod tracker;
mod windows;

use report::Report;

#[global_allocator]
static COUNTING: alloc::Counting = alloc::Counting;

type Topic = (&'static str, fn(&mut Report));

fn main() {
    // Idle comes first, for which the process should have done nothing yet.
    let topics: &[Topic] = &[
        ("idle", idle::run),
        ("latency", latency::run),
        ("windows", windows::run),
        ("memory", memory::run),
        ("running", running::run),
        ("rows", rows::run),
        ("fanout", fanout::run),
        #[cfg(feature = "tracker")]
        ("tracker", tracker::run),
    ];
    let mut report = Report::new(harness::flag("--json"));
    let all = !topics.iter().any(|(topic, _)| harness::flag(topic));
    for &(topic, run) in topics {
        if all || harness::flag(topic) {
            report.begin(topic);
            run(&mut report);
        }
    }
    report.budgets();
}
