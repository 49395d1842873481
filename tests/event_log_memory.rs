//! What a log takes of memory, whatever is in it. A test program of its own: other tests take memory too.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs;
use std::io::Write as _;

use common::logs::{append, check_rest, folder, read, sample};

#[test]
fn a_line_without_an_end_costs_no_memory() {
    let (_folder, path) = folder();
    let lines = sample(3);
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&lines[..4].concat()).unwrap();
    for _ in 0..100 {
        file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    file.write_all(b"\n").unwrap();
    file.write_all(&lines[4..].concat()).unwrap();
    let before = peak();
    check_rest(&path, &lines, &["TooLong 5"]);
    assert!(peak() - before < 200 << 20, "{} MB", (peak() - before) >> 20);
    // And at the end, where its end may still come.
    let torn = path.with_file_name("torn");
    fs::write(&torn, [lines[..4].concat(), vec![b'x'; 40 << 20]].concat()).unwrap();
    assert_eq!(read(&torn).problems, ["Torn 5"]);
    append(&torn, [b"\n", &lines[4..].concat()[..]].concat());
    check_rest(&torn, &lines, &["TooLong 5"]);
}

/// The most memory that this process has had at a time, in bytes; 0 where that isn't told.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024)
}
