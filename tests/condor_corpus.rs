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

/// What of our event is not as in theirs, as `name=value` of ours.
fn differences(ours: &Event, theirs: &Value) -> Vec<String> {
    let key = ours.key();
    let seconds = i64::try_from(ours.at().as_micros() / 1_000_000).unwrap();
    let mine = json!({
        "type": ours.event_type().number(), "name": ours.event_type().name(), "timestamp": seconds,
        "cluster": key.cluster, "proc": key.proc, "subproc": key.subproc,
    });
    let attributes = serde_json::to_value(ours.attributes()).unwrap();
    let mut pairs: Vec<(&str, &Value, Value)> = Vec::new();
    for (name, mine) in mine.as_object().unwrap() {
        // Times are from 1970 to 9999 here, and some are none for them.
        let theirs = match theirs[name].as_i64() {
            Some(seconds) if name == "timestamp" => json!(seconds.clamp(0, 253_402_300_799)),
            None if name == "timestamp" => mine.clone(),
            _ => theirs[name].clone(),
        };
        pairs.push((name, mine, theirs));
    }
    let ad = theirs["ad"].as_object().unwrap();
    pairs
        .extend(ad.iter().map(|(name, theirs)| (name.as_str(), &attributes[name], theirs.clone())));
    pairs.retain(|(_, mine, theirs)| !same(mine, theirs));
    pairs
        .into_iter()
        .map(|(name, mine, _)| format!("{name}={}", short(&mine.to_string())))
        .collect()
}

/// Long values by their length.
fn short(value: &str) -> String {
    if value.len() <= 100 { value.to_owned() } else { format!("({} bytes)", value.len()) }
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

/// What we read of a log where theirs reads something else, one a line; none if theirs was not asked about that zone.
fn deviations(log: &Path, zone_end: &str, zone: &str) -> Option<Vec<String>> {
    let mut name = log.as_os_str().to_owned();
    name.push(format!("{zone_end}.expected.jsonl"));
    let theirs = expected(Path::new(&name))?;
    // Where it stops within an event, ours is torn there.
    let torn = theirs.last().is_some_and(|stop| stop["offset"] != stop["size"]);
    let mut theirs: BTreeMap<u64, Value> = theirs
        .into_iter()
        .filter(|one| one.get("stop").is_none())
        .map(|one| (one["offset"].as_u64().unwrap(), one))
        .collect();
    let mut found = Vec::new();
    for ours in read(&fs::read(log).unwrap(), zone) {
        let end = match &ours {
            Ok(event) => event.offset(),
            Err(damaged) => damaged.offset + damaged.bytes,
        };
        let what = match (&ours, theirs.remove(&end)) {
            (Err(damaged), None) if damaged.is_torn() && torn => continue,
            (Err(_), Some(error)) if error.get("error").is_some() => continue,
            (Ok(event), Some(theirs)) if theirs.get("ad").is_some() => {
                let differences = differences(event, &theirs);
                if differences.is_empty() {
                    continue;
                }
                differences.join(" ")
            }
            _ => String::new(),
        };
        found.push(format!("{} {what}", said(&ours)).trim_end().to_owned());
    }
    found.extend(theirs.keys().map(|end| format!("nothing up to {end}")));
    Some(found)
}

/// `type cluster.proc offset`, or `kind offset+bytes`.
fn said(one: &Result<Event, Damaged>) -> String {
    match one {
        Ok(event) => {
            let (key, number) = (event.key(), event.event_type().number());
            format!("{number} {}.{} {}", key.cluster, key.proc, event.offset())
        }
        Err(Damaged { offset, bytes, kind, .. }) => {
            let kind = format!("{kind:?}");
            format!("{} {offset}+{bytes}", kind.split(' ').next().unwrap())
        }
    }
}

#[test]
fn all_logs_are_read_as_htcondor_does_but_where_it_is_wrong() {
    let mut listed: BTreeMap<&str, &[&str]> = BTreeMap::new();
    for Deviation { log, ours, .. } in DEVIATIONS {
        assert!(listed.insert(log, ours).is_none(), "{log} is listed once");
    }
    let mut faults = String::new();
    let mut compared = 0;
    for log in logs() {
        let name = log.file_name().unwrap().to_str().unwrap();
        let mut found: Vec<String> = Vec::new();
        for (end, zone) in ZONES {
            if let Some(in_zone) = deviations(&log, end, zone) {
                compared += 1;
                let new =
                    in_zone.into_iter().filter(|one| !found.contains(one)).collect::<Vec<_>>();
                found.extend(new);
            }
        }
        let expected = listed.remove(name).unwrap_or_default();
        if found != expected {
            faults.push_str(&format!(
                "{name}: we read\n{found:#?}\nwhere listed is\n{expected:#?}\n"
            ));
        }
    }
    let left: Vec<_> = listed.keys().collect();
    assert!(faults.is_empty() && left.is_empty(), "{faults}no such logs: {left:?}");
    assert!(compared > 200, "{compared}");
}
