//! HTCondor's logs, real and made up, against what HTCondor's own reader makes of them.

#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use milepost::Timestamp;
use milepost::condor::{Damaged, Event, Parser, Zone};
use serde_json::{Value, json};

#[path = "condor_corpus/deviations.rs"]
mod deviations;

use deviations::{DEVIATIONS, Deviation};

/// 2026-11-21T23:00:00Z, for dates without a year.
const NOW: u64 = 1_795_302_000_000_000;

const ZONES: [(&str, &str); 4] = [
    ("", "UTC"),
    (".TZ_Berlin", "Europe/Berlin"),
    (".TZ_Kolkata", "Asia/Kolkata"),
    (".TZ_New_York", "America/New_York"),
];

fn logs() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/condor");
    let all =
        walkdir::WalkDir::new(data).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
    let is_log = |path: &PathBuf| {
        path.is_file() && path.extension().is_none_or(|end| end != "jsonl" && end != "md")
    };
    all.map(|entry| entry.into_path()).filter(is_log).collect()
}

/// What there is in a log, and what is wrong with it.
fn read(bytes: &[u8], zone: &str) -> Vec<Result<Event, Damaged>> {
    let mut parser = Parser::new(zone.parse::<Zone>().unwrap(), Timestamp::from_micros(NOW));
    parser.push(bytes);
    parser.end();
    std::iter::from_fn(|| parser.next()).collect()
}

/// What HTCondor's reader made of it, one a line.
fn expected(path: &Path) -> Option<Vec<Value>> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// In which ways ours is another event than theirs, if at all.
fn differences(ours: &Event, theirs: &Value) -> Vec<String> {
    let key = ours.key();
    let seconds = i64::try_from(ours.at().as_micros() / 1_000_000).unwrap();
    let mine = json!({
        "type": ours.event_type().number(), "name": ours.event_type().name(),
        "cluster": key.cluster, "proc": key.proc, "subproc": key.subproc, "offset": ours.offset(),
    });
    let mut found = Vec::new();
    for (name, mine) in mine.as_object().unwrap() {
        if *mine != theirs[name] {
            found.push(format!("{name} is {mine} and theirs {}", theirs[name]));
        }
    }
    // Times are from 1970 to 9999 here.
    match theirs["timestamp"].as_i64().map(|seconds| seconds.clamp(0, 253_402_300_799)) {
        Some(theirs) if theirs != seconds => {
            found.push(format!("timestamp is {seconds} and theirs {theirs}"));
        }
        _ => {}
    }
    let attributes = serde_json::to_value(ours.attributes()).unwrap();
    let Some(ad) = theirs["ad"].as_object() else { return found };
    for (name, theirs) in ad {
        let mine = &attributes[name];
        if !same(mine, theirs) {
            found.push(format!("{name} is {mine} and theirs {theirs}"));
        }
    }
    found
}

/// Whether two values are the same; numbers may be written in another way, and HTCondor's reals have seven digits.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) if a.is_i64() && b.is_i64() => a == b,
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-6 * a.abs()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) if a.contains_key("$expr") => match b.get("$value") {
            Some(_) => a["$expr"] == "error",
            None => a == b,
        },
        (Value::Null, Value::Object(b)) => b.get("$value") == Some(&json!("2")),
        (Value::Object(a), Value::Object(b)) => {
            b.iter().all(|(name, b)| a.get(name).is_some_and(|a| same(a, b)))
        }
        _ => ours == theirs,
    }
}

/// What is different in a log: none if nothing is.
fn compared(log: &Path, zone_end: &str, zone: &str) -> Option<String> {
    let mut name = log.as_os_str().to_owned();
    name.push(format!("{zone_end}.expected.jsonl"));
    let theirs = expected(Path::new(&name))?;
    // Where it stops within an event, ours is torn there.
    let torn = theirs.last().is_some_and(|stop| stop["offset"] != stop["size"]);
    let mut ours: BTreeMap<u64, _> = BTreeMap::new();
    for one in read(&fs::read(log).unwrap(), zone) {
        match one {
            Err(damaged) if damaged.is_torn() && torn => {}
            Err(damaged) => drop(ours.insert(damaged.offset + damaged.bytes, Err(damaged))),
            Ok(event) => drop(ours.insert(event.offset(), Ok(event))),
        }
    }
    let mut found = String::new();
    for theirs in theirs.iter().filter(|one| one.get("stop").is_none()) {
        let offset = theirs["offset"].as_u64().unwrap();
        let is_error = theirs.get("error").is_some();
        let what = match ours.remove(&offset) {
            Some(Ok(ours)) if !is_error => differences(&ours, theirs),
            Some(Err(_)) if is_error => Vec::new(),
            ours => vec![format!("{ours:?} and theirs {theirs}")],
        };
        for what in what {
            found.push_str(&format!("  up to {offset}: {what}\n"));
        }
    }
    for (offset, more) in ours {
        found.push_str(&format!("  up to {offset}: {more:?}, and theirs is nothing\n"));
    }
    (!found.is_empty()).then_some(found)
}

fn name(log: &Path) -> &str {
    log.file_name().unwrap().to_str().unwrap()
}

/// As `type cluster.proc offset` and `kind offset+bytes`, one behind the other.
fn said(log: &Path) -> String {
    let one = |one: Result<Event, Damaged>| match one {
        Ok(event) => {
            let (key, number) = (event.key(), event.event_type().number());
            format!("{number} {}.{} {}", key.cluster, key.proc, event.offset())
        }
        Err(Damaged { offset, bytes, kind, .. }) => {
            let kind = format!("{kind:?}");
            format!("{} {offset}+{bytes}", kind.split(' ').next().unwrap())
        }
    };
    let all = read(&fs::read(log).unwrap(), "UTC");
    all.into_iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn all_logs_are_read_as_htcondor_does_but_where_it_is_wrong() {
    let mut listed: BTreeMap<&str, &Deviation> =
        DEVIATIONS.iter().map(|one| (one.log, one)).collect();
    assert_eq!(listed.len(), DEVIATIONS.len(), "a log is listed once");
    let mut faults = String::new();
    for log in logs() {
        let mut differs = String::new();
        for (end, zone) in ZONES {
            if let Some(found) = compared(&log, end, zone) {
                differs.push_str(&format!(" in {zone}:\n{found}"));
            }
        }
        let said = said(&log);
        match (listed.remove(name(&log)), differs.is_empty()) {
            (None, true) => {}
            (None, false) => faults.push_str(&format!("{}{differs}  we: {said}\n", name(&log))),
            (Some(_), true) => {
                faults.push_str(&format!("{} doesn't deviate any more\n", name(&log)))
            }
            (Some(Deviation { ours, .. }), false) if *ours != said => {
                faults.push_str(&format!("{}: we read\n  {said}\nand not\n  {ours}\n", name(&log)));
            }
            (Some(_), false) => {}
        }
    }
    let left: Vec<_> = listed.keys().collect();
    assert!(faults.is_empty() && left.is_empty(), "{faults}no such logs: {left:?}");
}
