//! What an event log costs: to read it beside plain parsing of the same lines, and to write it beside not writing it. Asserts
//! nothing.
//!
//! ```sh
//! cargo bench --features event-log --bench event_log [-- --json]
//! ```

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "what unwraps none is a bench that is wrong")]

#[path = "harness/mod.rs"]
mod harness;

use std::path::Path;
use std::time::Instant;

use harness::{Case, interleave};
use milepost::event_log::{Reader, Writer, replay};
use milepost::{Event, Job};

/// A task has six events, one of progress among them.
const TASKS: usize = 170_000;

const ROUNDS: usize = 5;

/// Runs a job in which each task reports once; returns the time that took, in ns an event.
fn run(log: Option<&Writer>) -> f64 {
    let job = Job::new("bench");
    if let Some(log) = log {
        log.add(&job);
    }
    let start = Instant::now();
    for n in 0..TASKS {
        let task = job.reporter(format!("images/{n}.png")).unwrap();
        task.running().unwrap();
        task.set_total(100);
        task.set_progress(n % 101);
        task.complete(()).unwrap();
    }
    start.elapsed().as_nanos() as f64 / job.last_seq() as f64
}

/// The lines of a log that are events, and not the log's own.
fn events(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let own = |line: &&str| line.contains("\"log_opened\"") || line.contains("\"job_described\"");
    text.split_inclusive('\n').filter(|line| !own(line)).collect()
}

/// Nanoseconds a line.
fn parse<T: serde::de::DeserializeOwned>(text: &str) -> f64 {
    let start = Instant::now();
    let mut parsed = 0;
    for line in text.lines() {
        std::hint::black_box(serde_json::from_str::<T>(line).unwrap());
        parsed += 1;
    }
    start.elapsed().as_nanos() as f64 / f64::from(parsed)
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let log = Writer::open(&path).unwrap();
    run(Some(&log));
    log.close().blocking().unwrap();
    let text = events(&path);
    let entries = Reader::open(&path).unwrap().count();
    let bytes = text.len() as f64 / entries as f64;

    let each = |start: Instant| start.elapsed().as_nanos() as f64 / entries as f64;
    let mut reading = [
        Case::new("serde_json, as a Value", 1, || parse::<serde_json::Value>(&text)),
        Case::new("serde_json, nothing made of it", 1, || parse::<serde::de::IgnoredAny>(&text)),
        Case::new("serde_json, as an Event", 1, || parse::<Event>(&text)),
        Case::new("Reader", 1, || {
            let start = Instant::now();
            assert_eq!(Reader::open(&path).unwrap().filter(Result::is_ok).count(), entries);
            each(start)
        }),
        Case::new("replay, into snapshots", 1, || {
            let start = Instant::now();
            std::hint::black_box(replay(&path).unwrap().snapshots().count());
            each(start)
        }),
    ];
    interleave(ROUNDS, &mut reading);
    report(&format!("reading {entries} lines of {bytes:.0} bytes"), &reading, bytes);

    let mut writing = [
        Case::new("a job alone", 1, || run(None)),
        Case::new("a job whose events are written meanwhile", 2, || {
            let path = folder.path().join("other.log");
            let log = Writer::open(&path).unwrap();
            let taken = run(Some(&log));
            log.close().blocking().unwrap();
            std::fs::remove_file(&path).unwrap();
            taken
        }),
        Case::new("the same, until they are", 2, || {
            let path = folder.path().join("other.log");
            let log = Writer::open(&path).unwrap();
            let start = Instant::now();
            run(Some(&log));
            log.close().blocking().unwrap();
            let taken = each(start);
            std::fs::remove_file(&path).unwrap();
            taken
        }),
    ];
    interleave(ROUNDS, &mut writing);
    report("writing", &writing, bytes);
}

fn report(title: &str, cases: &[Case], bytes: f64) {
    if harness::flag("--json") {
        for case in cases {
            let (name, ns) = (&case.name, case.median());
            println!("{}", serde_json::json!({"topic": title, "case": name, "ns_an_event": ns}));
        }
        return;
    }
    let mut rows = vec![["", "ns an event", "MB/s", "/ first"].map(String::from).to_vec()];
    for case in cases {
        let ns = case.median();
        let ratio = format!("{:.2}", case.ratio_to(&cases[0]));
        rows.push(vec![
            case.name.clone(),
            format!("{ns:.0}"),
            format!("{:.0}", bytes / ns * 1e3),
            ratio,
        ]);
    }
    println!("{}", harness::table(title, &rows));
}
