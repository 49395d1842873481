//! Drives `milepost log`, `watch` and `status` on HTCondor's logs: what they print, exit codes, cursors, zones, and logs that are none.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs::{self, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::process::Output;

use common::cli::*;
use common::condor::real;
use common::within;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The events of a job, as text.
const SUBMIT: &str = "000 (114.000.000) 2026-11-21 19:10:13 Job submitted from host: <127.0.0.1:9618?addrs=x>\n...\n";
const EXECUTE: &str = "001 (114.000.000) 2026-11-21 19:10:18 Job executing on host: <10.0.0.7:9618>\n\tSlotName: slot1_1@node\n...\n";
const HELD: &str = "012 (114.000.000) 2026-11-21 19:10:20 Job was held.\n\tdisk \u{1b}[2Jfull\n\tCode 6 Subcode 8\n...\n";
const REMOVED: &str = "009 (114.000.000) 2026-11-21 19:10:30.250 Job was aborted.\n\tvia condor_rm (by user ann)\n...\n";
const TERMINATED: &str = "005 (114.000.000) 2026-11-21 19:10:28 Job terminated.\n\t(1) Normal termination (return value 0)\n...\n";

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

fn append(path: &str, text: &str) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn condor(args: &[&str]) -> Output {
    run(&[&args[..1], &["--format", "condor", "--tz", "UTC"], &args[1..]].concat(), "")
}

fn log_of(name: &str) -> String {
    real(name).display().to_string()
}

fn objects(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_are_lines_or_objects() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    append(&log, &[SUBMIT, EXECUTE, HELD, REMOVED].concat());
    let output = condor(&["log", &log]);
    ends(&output, 0);
    assert_eq!(
        text(&output.stdout),
        "\
2026-11-21T19:10:13.000Z  114.0      000 SUBMIT
2026-11-21T19:10:18.000Z  114.0      001 EXECUTE  slot1_1@node
2026-11-21T19:10:20.000Z  114.0      012 JOB_HELD  disk \\u{1b}[2Jfull
2026-11-21T19:10:30.250Z  114.0      009 JOB_ABORTED  via condor_rm (by user ann)
"
    );
    let told = objects(&condor(&["log", "--json", &log]));
    let mut held = told[2].clone();
    let attributes = held.as_object_mut().unwrap().remove("attributes").unwrap();
    assert_eq!(
        held,
        json!({"type": 12, "name": "JOB_HELD", "cluster": 114, "proc": 0, "subproc": 0,
            "at": "2026-11-21T19:10:20.000000Z", "offset": SUBMIT.len() + EXECUTE.len() + HELD.len()})
    );
    assert_eq!(attributes["HoldReason"], "disk \u{1b}[2Jfull");
    assert_eq!(told[3]["at"], "2026-11-21T19:10:30.250000Z");
    // What HTCondor's own reader says of a log.
    let expected = fs::read_to_string(log_of("xfer.log.expected.jsonl")).unwrap();
    let expected = expected.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected: Vec<Value> = expected.filter(|event| event["type"].is_number()).collect();
    let told = objects(&condor(&["log", "--json", &log_of("xfer.log")]));
    assert_eq!(told.len(), expected.len());
    for (told, expected) in told.iter().zip(&expected) {
        for field in ["type", "name", "cluster", "proc", "subproc", "offset"] {
            assert_eq!(told[field], expected[field], "{told}");
        }
    }
}

#[test]
fn times_are_in_the_zone_that_is_given_or_that_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    append(&log, SUBMIT);
    let given = ["log", "--format", "condor", "--json", "--tz", "Europe/Berlin", &log];
    assert_eq!(objects(&run(&given, ""))[0]["at"], "2026-11-21T18:10:13.000000Z");
    let mut command = milepost(&["log", "--format", "condor", "--json", &log]);
    let output = within(move || command.env("TZ", "Asia/Kolkata").output().unwrap());
    assert_eq!(objects(&output)[0]["at"], "2026-11-21T13:40:13.000000Z");
    for command in ["log", "status", "watch"] {
        let mut command = milepost(&[command, "--format", "condor", &log]);
        let output = within(move || command.env("TZ", "Mars/Olympus").output().unwrap());
        ends(&output, 2);
        let told = text(&output.stderr);
        assert!(told.contains("$TZ: \"Mars/Olympus\" is no time zone"), "{told}");
    }
}

#[test]
fn progress_is_told_by_the_times_of_the_log() {
    let output = condor(&["log", "--as-job", "--json", &log_of("chirp.log")]);
    let mut told = Vec::new();
    for line in text(&output.stdout).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        if event["event"] == "task_progress_updated" && event["task"] == 0 {
            told.push((
                event["progress"].as_f64(),
                event["at"].as_str().unwrap()[11..23].to_owned(),
            ));
        }
    }
    let at = |percent, at: &str| (Some(percent), at.to_owned());
    let expected = [
        at(0.0, "19:11:01.200"),
        at(25.0, "19:11:04.200"),
        at(50.0, "19:11:07.200"),
        at(75.0, "19:11:10.200"),
        at(100.0, "19:11:13.200"),
        // What is noted of its end.
        at(100.0, "19:11:17.000"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn older_files_come_first_if_that_is_asked_for() {
    let log =
        |name: &str| format!("{}/tests/data/condor/rotated/{name}", env!("CARGO_MANIFEST_DIR"));
    let lines = |args: &[&str]| objects(&condor(&[&["log", "--json"], args].concat())).len();
    let files = ["EventLog.4", "EventLog.3", "EventLog.2", "EventLog.1", "EventLog"].map(log);
    let each: usize = files.iter().map(|file| lines(&[file])).sum();
    assert_eq!(lines(&["--older", &files[4]]), each);
    let status = |args: &[&str]| {
        let told = objects(&condor(&[&["status", "--json"], args].concat()));
        told.into_iter().map(|job| (job["name"].clone(), job["tasks"].clone())).collect::<Vec<_>>()
    };
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(status(&["--older", &files[4]]), status(&all));
    let refused = run(&["log", "--older", &files[4]], "");
    ends(&refused, 2);
    assert!(text(&refused.stderr).contains("leave --older out"));
}

#[test]
fn as_jobs_it_is_an_event_log_that_the_other_commands_read() {
    let output = condor(&["log", "--as-job", "--json", &log_of("fmt_json.log")]);
    ends(&output, 0);
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "events.log");
    append(&log, &text(&output.stdout));
    let statuses = |output: &Output| {
        let told = objects(output).into_iter();
        let told =
            told.map(|job| (job["name"].clone(), job["state"].clone(), job["tasks"].clone()));
        told.collect::<Vec<_>>()
    };
    let from_events = run(&["status", "--json", &log], "");
    ends(&from_events, 0);
    let itself = condor(&["status", "--json", &log_of("fmt_json.log")]);
    ends(&itself, 0);
    assert_eq!(statuses(&from_events), statuses(&itself));
    let jobs = objects(&itself);
    assert_eq!(jobs[0]["progress"]["counts"], json!({"completed": 2, "failed": 2, "canceled": 1}));
    assert_eq!(jobs[0]["ended_at"], "2026-11-21T19:17:12.000000Z");
    let told = text(&condor(&["log", "--as-job", &log_of("basic.log")]).stdout);
    assert!(told.contains("failed     cluster 114: 114.3: killed by signal 11\n"), "{told}");
    assert!(told.ends_with("cluster 114: the job, in 7.0s: 2 ok, 3 failed\n"), "{told}");
}

#[test]
fn what_has_not_ended_is_not_called_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    append(&log, &[SUBMIT, EXECUTE].concat());
    let job = &objects(&condor(&["status", "--json", &log]))[0];
    assert_eq!((&job["state"], &job["tasks"][0]["state"]), (&json!("running"), &json!("running")));
    let told = text(&condor(&["log", "--as-job", &log]).stdout);
    assert!(told.ends_with("running    cluster 114: the job\n"), "{told}");
    let told = text(&condor(&["status", &log]).stdout);
    assert!(told.contains("\nrunning      1   -        1 "), "{told}");
}

#[test]
fn the_status_is_a_table_of_all_logs() {
    let output = condor(&["status", &log_of("d.dag.nodes.log"), &log_of("late.log")]);
    ends(&output, 0);
    let told = text(&output.stdout);
    assert!(
        told.contains("failed         9   4       5  50.0s  2026-11-21T19:12:08Z  d.dag\n"),
        "{told}"
    );
    assert!(
        told.contains("completed      5   5       -  1m24s  2026-11-21T19:10:14Z  cluster 124\n"),
        "{told}"
    );
    assert!(told.contains("\nd.dag:\n  failed  B  exit code 3\n"), "{told}");
}

#[test]
fn a_cursor_gives_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    append(&log, SUBMIT);
    let output = condor(&["log", "--show-cursor", &log]);
    let told = text(&output.stderr);
    let cursor = told.trim().strip_prefix("milepost: --from ").unwrap().to_owned();
    append(&log, EXECUTE);
    let rest = condor(&["log", "--json", "--from", &cursor, &log]);
    let types: Vec<Value> = objects(&rest).iter().map(|event| event["type"].clone()).collect();
    assert_eq!(types, [1]);
    let nothing = condor(&["log", "--from", "now", &log]);
    ends(&nothing, 0);
    assert!(nothing.stdout.is_empty(), "{nothing:?}");
}

#[test]
fn following_shows_what_is_appended_and_ends_by_a_signal() {
    for (args, first, last) in [
        (&["log"][..], "012 JOB_HELD", "009 JOB_ABORTED"),
        (&["log", "--as-job"], "held ", "canceled   cluster 114: the job"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (log, other) = (path(&folder, "jobs.log"), path(&folder, "other.log"));
        let follow = ["--format", "condor", "--follow", &log, &other];
        let mut child = milepost(&[args, &follow].concat()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        append(&log, &[SUBMIT, EXECUTE, HELD].concat());
        let (_, stdout) = wait_for(stdout, first);
        // In pieces.
        append(&log, &REMOVED[..20]);
        append(&log, &REMOVED[20..]);
        let (_, stdout) = wait_for(stdout, last);
        append(&other, &SUBMIT.replace("114.", "115."));
        let (_, _stdout) = wait_for(stdout, "115");
        signal(&child, Signal::INT);
        assert_eq!(code(child), Some(130));
    }
}

#[test]
fn watching_ends_when_all_jobs_have() {
    let folder = tempfile::tempdir().unwrap();
    let (log, other) = (path(&folder, "jobs.log"), path(&folder, "other.log"));
    let failed = TERMINATED.replace("value 0", "value 3").replace("114.000", "114.001");
    append(&log, &[SUBMIT, EXECUTE, &failed].concat());
    let args = ["watch", "--format", "condor", "--tz", "UTC", &log, &other];
    let mut child = milepost(&args).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (told, stderr) = wait_for(stderr, "waiting");
    assert!(told.contains("other.log is not there yet"), "{told}");
    // What has failed before is told when all was read.
    let (_, stderr) = wait_for(stderr, "failed (exit 3)");
    append(&other, &[SUBMIT, EXECUTE].concat().replace("114.", "115."));
    append(&log, TERMINATED);
    let (_, mut stderr) = wait_for(stderr, "ok      10.0s  114.0");
    append(&other, &REMOVED.replace("114.", "115."));
    let told = within(move || {
        let mut told = String::new();
        stderr.read_to_string(&mut told).unwrap();
        told
    });
    assert!(told.contains("cluster 115: 1 task in "), "{told}");
    assert_eq!(code(child), Some(1));
    let output = condor(&["watch", &log]);
    ends(&output, 1);
    assert!(text(&output.stderr).contains("cluster 114: 2 tasks in "), "{output:?}");
}

#[test]
fn what_is_held_is_shown_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    let held = HELD.replace("114.000", "114.001");
    append(&log, &[SUBMIT, &SUBMIT.replace("114.000", "114.001"), HELD, &held].concat());
    let told = text(&condor(&["status", &log]).stdout);
    assert!(told.contains("  HELD  ") && told.contains("     2  "), "{told}");
    let line = "  held  114.0  disk \\u{1b}[2Jfull (code 6, subcode 8)\n";
    assert!(told.contains(line), "{told}");
    let released = "013 (114.000.000) 2026-11-21 19:10:21 Job was released.\n\tby ann\n...\n";
    append(&log, released);
    let told = text(&condor(&["status", &log]).stdout);
    assert!(!told.contains(line), "{told}");
    let args = ["watch", "--format", "condor", "--tz", "UTC", &log];
    let mut child = milepost(&args).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (told, stderr) = wait_for(stderr, "held: 114.1: disk \\u{1b}[2Jfull (code 6, subcode 8)");
    assert!(!told.contains("114.0"), "it was released before: {told}");
    append(&log, &[EXECUTE, HELD].concat());
    let (_, stderr) = wait_for(stderr, "held: 114.0: disk");
    signal(&child, Signal::INT);
    let (_, _stderr) = wait_for(stderr, "2 held");
    assert_eq!(code(child), Some(130));
}

#[test]
fn damaged_parts_are_told_of_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    append(&log, &[SUBMIT, "what is this?\n...\n", TERMINATED].concat());
    for args in [&["log"][..], &["log", "--as-job"], &["status"], &["watch"]] {
        let output = condor(&[args, &[&log]].concat());
        ends(&output, 2);
        let told = text(&output.stderr);
        assert!(told.contains("are no event (\"what is this?"), "{args:?}: {told}");
    }
    let jobs = objects(&condor(&["status", "--json", &log]));
    assert_eq!(jobs[0]["state"], "completed");
}

#[test]
fn a_log_that_cannot_be_read_is_not_called_none() {
    let folder = tempfile::tempdir().unwrap();
    // A loop of links: no user can read that.
    let log = path(&folder, "loop.log");
    std::os::unix::fs::symlink(&log, &log).unwrap();
    let mut child = milepost(&["log", "--follow", "--format", "condor", &log]).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (_, mut stderr) = wait_for(stderr, "can't be read");
    signal(&child, Signal::INT);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("seems to be no log"), "{rest}");
    assert_eq!(code(child), Some(2));
}

#[test]
fn many_jobs_are_summed_up_together() {
    let folder = tempfile::tempdir().unwrap();
    let log = path(&folder, "jobs.log");
    for cluster in 200..225 {
        let events = [SUBMIT, EXECUTE, TERMINATED].concat();
        append(&log, &events.replace("114.", &format!("{cluster}.")));
    }
    let output = condor(&["watch", &log]);
    ends(&output, 0);
    let told = text(&output.stderr);
    assert!(told.ends_with("\n25 jobs, 25 tasks: 25 ok\n"), "{told}");
}

#[test]
fn a_log_that_cannot_be_opened_costs_the_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, none) = (path(&folder, "jobs.log"), path(&folder, "loop.log"));
    append(&log, &[SUBMIT, EXECUTE, TERMINATED].concat());
    std::os::unix::fs::symlink(&none, &none).unwrap();
    for (args, said) in [
        (&["log"][..], "005 JOB_TERMINATED"),
        (&["log", "--as-job"], "the job, in 15.0s: 1 ok"),
        (&["status"], "cluster 114"),
    ] {
        let output = condor(&[args, &[&none, &log]].concat());
        ends(&output, 2);
        let told = text(&output.stderr);
        assert!(told.contains("loop.log: can't be opened") && !told.contains("no log"), "{told}");
        assert!(text(&output.stdout).contains(said), "{output:?}");
    }
}

#[test]
fn logs_that_are_not_there_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let logs: Vec<String> = (0..7).map(|n| path(&folder, &format!("{n}.log"))).collect();
    let mut args = vec!["watch", "--format", "condor"];
    args.extend(logs.iter().map(String::as_str));
    let mut child = milepost(&args).spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (told, _stderr) = wait_for(stderr, "and 2 more are not there yet");
    assert!(told.contains("4.log is not there") && !told.contains("5.log"), "{told}");
    signal(&child, Signal::INT);
    assert_eq!(code(child), Some(130));
}

#[test]
fn a_log_of_the_other_format_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["log", "status", "watch"] {
        let output = run(&[command, &log_of("basic.log")], "");
        ends(&output, 2);
        let told = text(&output.stderr);
        assert!(told.contains("a log of HTCondor's, which --format condor reads"), "{told}");
    }
    let own = path(&folder, "events.log");
    ends(&run(&["run", "--event-log", &own, "--", "echo", ":::", "1"], ""), 0);
    for command in ["log", "status", "watch"] {
        let output = condor(&[command, &own]);
        ends(&output, 2);
        assert!(text(&output.stderr).contains("leave --format condor out"), "{output:?}");
    }
    for (file, told) in [("none.log", "there is no such file"), ("", "is a directory")] {
        let output = condor(&["status", &path(&folder, file)]);
        ends(&output, 2);
        assert!(text(&output.stderr).contains(told), "{output:?}");
    }
}

#[test]
fn several_event_logs_are_watched_together() {
    let folder = tempfile::tempdir().unwrap();
    let logs = ["a.log", "b.log"].map(|name| path(&folder, name));
    for log in &logs {
        ends(&run(&["run", "--event-log", log, "--name", log, "--", "echo", ":::", "1"], ""), 0);
    }
    let output = run(&["watch", &logs[0], &logs[1]], "");
    ends(&output, 0);
    let told = text(&output.stderr);
    assert!(told.contains("a.log: 1 task in") && told.contains("b.log: 1 task in"), "{told}");
}
