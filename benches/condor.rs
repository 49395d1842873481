//! What it costs to read HTCondor's logs of text: bytes to events, to what they say, to the ads that HTCondor makes of them, and to jobs.
//! Asserts nothing.
//!
//! ```sh
//! cargo bench --features condor --bench condor [-- --json]
//! cargo bench --features condor --bench condor -- --write FILE    # the log, for other readers
//! ```

#![allow(clippy::disallowed_methods, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, reason = "what unwraps none is a bench that is wrong")]

#[path = "harness/mod.rs"]
mod harness;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use harness::{Case, interleave};
use milepost::Timestamp;
use milepost::condor::{Event, EventType, Jobs, Parser, Zone};

const EVENTS: usize = 1_000_000;

const ROUNDS: usize = 5;

/// Real events of one job and another, again and again with other ids and later times. A job that runs for long tells its size often.
fn log() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/condor/real/many.log");
    let real = std::fs::read_to_string(path).unwrap();
    let mut wanted = vec![EventType::SUBMIT, EventType::EXECUTE];
    wanted.extend([EventType::IMAGE_SIZE; 8]);
    wanted.push(EventType::JOB_TERMINATED);
    // What follows the ids and the time of the first event with that number.
    let body = |kind: &EventType| {
        let start = format!("{:03} (", kind.number());
        let found = real.split_inclusive("\n...\n").find(|event| event.starts_with(&start));
        (kind.number(), found.unwrap()["000 (144.000.000) 2026-11-21 19:13:10".len()..].to_owned())
    };
    let bodies: Vec<_> = wanted.iter().map(body).collect();
    let mut log = String::new();
    for n in 0..EVENTS {
        let (number, body) = &bodies[n % bodies.len()];
        let job = n / bodies.len();
        let second = n / 100;
        let (cluster, proc) = (100 + job / 50, job % 50);
        let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let time = format_args!("2026-11-21 {hour:02}:{minute:02}:{second:02}");
        write!(log, "{number:03} ({cluster:03}.{proc:03}.000) {time}{body}").unwrap();
    }
    log
}

/// Reads the log as a reader of files does; returns the time, in ns an event.
fn read(log: &str, mut each: impl FnMut(&Event)) -> f64 {
    let start = Instant::now();
    let zone = "Europe/Berlin".parse::<Zone>().unwrap();
    let mut parser = Parser::new(zone, Timestamp::from_micros(0));
    let mut bytes = log.as_bytes();
    let mut events = 0;
    while parser.read_from(&mut bytes).unwrap() > 0 {
        while let Some(event) = parser.next() {
            each(&event.unwrap());
            events += 1;
        }
    }
    assert_eq!(events, EVENTS);
    start.elapsed().as_nanos() as f64 / events as f64
}

fn main() {
    let log = log();
    if let Some(path) = std::env::args().skip_while(|argument| argument != "--write").nth(1) {
        return std::fs::write(path, log).unwrap();
    }
    let bytes = log.len() as f64 / EVENTS as f64;
    let mut cases = [
        Case::new("events", 1, || read(&log, |event| _ = black_box(event.key()))),
        Case::new("and what they say", 1, || read(&log, |event| _ = black_box(event.body()))),
        Case::new("and their ads", 1, || read(&log, |event| _ = black_box(event.attributes()))),
        Case::new("and what becomes of jobs", 1, || {
            let mut jobs = Jobs::new();
            read(&log, |event| jobs.apply(event))
        }),
    ];
    interleave(ROUNDS, &mut cases);
    let title = format!("reading {EVENTS} events of {bytes:.0} bytes");
    if harness::flag("--json") {
        for case in &cases {
            let (name, ns) = (&case.name, case.median());
            println!("{}", serde_json::json!({"topic": title, "case": name, "ns_an_event": ns}));
        }
        return;
    }
    let mut rows = vec![["", "ns an event", "MB/s"].map(String::from).to_vec()];
    for case in &cases {
        let ns = case.median();
        rows.push(vec![case.name.clone(), format!("{ns:.0}"), format!("{:.0}", bytes / ns * 1e3)]);
    }
    println!("{}", harness::table(&title, &rows));
}
