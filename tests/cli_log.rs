//! Drives `milepost log`, `watch`, `status` and `run --event-log` by pipes: what they print, exit codes, and logs that are none.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use common::cli::*;
use common::within;
use rustix::process::Signal;
use tempfile::TempDir;

/// Between commands that are typed.
const PACE: Duration = Duration::from_millis(20);

const LOG: &str = "019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e4";
const JOB: &str = "019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e5";

/// A log by hand, with fixed times.
fn handmade() -> String {
    let at = |seconds: u32| format!(r#""at":"2026-07-01T12:00:{seconds:02}.000000Z""#);
    let lines = [
        format!(
            r#"{{"event":"log_opened","version":1,"log":"{LOG}","part":1,{},"writer":"hand"}}"#,
            at(0)
        ),
        format!(
            r#"{{"event":"job_described","job":"{JOB}","name":"thumbs\u001b[2J","created_at":"2026-07-01T12:00:00.000000Z","expected":2}}"#
        ),
        format!(
            r#"{{"event":"task_added","job":"{JOB}","task":0,"name":"大きな.png","seq":1,{}}}"#,
            at(0)
        ),
        format!(
            r#"{{"event":"task_added","job":"{JOB}","task":1,"name":"b\n.png","seq":2,{}}}"#,
            at(0)
        ),
        format!(
            r#"{{"event":"job_state_changed","job":"{JOB}","name":"thumbs\u001b[2J","seq":3,{},"from":"pending","to":"submitted"}}"#,
            at(1)
        ),
        format!(
            r#"{{"event":"task_state_changed","job":"{JOB}","task":0,"attempt":1,"seq":4,{},"from":"pending","to":"running"}}"#,
            at(1)
        ),
        format!(
            r#"{{"event":"job_state_changed","job":"{JOB}","name":"thumbs\u001b[2J","seq":5,{},"from":"submitted","to":"running"}}"#,
            at(1)
        ),
        format!(
            r#"{{"event":"task_state_changed","job":"{JOB}","task":1,"attempt":2,"seq":6,{},"from":"pending","to":"running"}}"#,
            at(2)
        ),
        format!(
            r#"{{"event":"task_progress_updated","job":"{JOB}","task":0,"attempt":1,{},"after":6,"progress":42.0,"total":100.0,"unit":"rows","message":"shrink\u0007ing"}}"#,
            at(3)
        ),
        format!(
            r#"{{"event":"task_completed","job":"{JOB}","task":0,"name":"大きな.png","attempt":1,"seq":7,{},"state":"completed","progress":100.0,"total":100.0}}"#,
            at(4)
        ),
        format!(
            r#"{{"event":"task_completed","job":"{JOB}","task":1,"name":"b\n.png","attempt":2,"seq":8,{},"state":"failed","error":{{"kind":"failed","message":"no space\u001b left"}}}}"#,
            at(5)
        ),
        format!(
            r#"{{"event":"job_completed","job":"{JOB}","seq":9,{},"state":"failed","counts":{{"completed":1,"failed":1}},"elapsed_ms":4000}}"#,
            at(5)
        ),
    ];
    lines.join("\n") + "\n"
}

const SENTENCES: &str = r"2026-07-01T12:00:00.000Z  added      job 019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e5: 大きな.png
2026-07-01T12:00:00.000Z  added      job 019f3c5e-8d0a-7c3e-9b1a-2f60c1d7a5e5: b\n.png
2026-07-01T12:00:01.000Z  submitted  thumbs\u{1b}[2J: the job
2026-07-01T12:00:01.000Z  running    thumbs\u{1b}[2J: 大きな.png
2026-07-01T12:00:01.000Z  running    thumbs\u{1b}[2J: the job
2026-07-01T12:00:02.000Z  running    thumbs\u{1b}[2J: b\n.png (attempt 2)
2026-07-01T12:00:03.000Z  progress   thumbs\u{1b}[2J: 大きな.png: 42/100 rows  shrink\u{7}ing
2026-07-01T12:00:04.000Z  completed  thumbs\u{1b}[2J: 大きな.png
2026-07-01T12:00:05.000Z  failed     thumbs\u{1b}[2J: b\n.png: no space\u{1b} left
2026-07-01T12:00:05.000Z  failed     thumbs\u{1b}[2J: the job, in 4.0s: 1 ok, 1 failed
";

const TABLE: &str = r"STATE   TASKS  OK  FAILED  TIME  STARTED               NAME
failed      2   1       1  4.0s  2026-07-01T12:00:01Z  thumbs\u{1b}[2J

thumbs\u{1b}[2J:
  failed  b\n.png  attempt 2  no space\u{1b} left
";

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The log of a job of so many echoes.
    fn log(&self, tasks: usize) -> String {
        let path = self.path("events.log");
        let input: String = (0..tasks).map(|n| format!("echo {n}\n")).collect();
        ends(&run(&["run", "-j4", "--event-log", &path], &input), 0);
        path
    }
}

fn append(path: &str, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn lines(text: &str, range: std::ops::Range<usize>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[range].iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_log_is_told_in_sentences() {
    let folder = Folder::new();
    let path = folder.write("events.log", handmade());
    let output = run(&["log", &path], "");
    ends(&output, 0);
    assert_eq!(text(&output.stdout), SENTENCES);
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_status_is_a_table() {
    let folder = Folder::new();
    let path = folder.write("events.log", handmade());
    let output = run(&["status", &path], "");
    ends(&output, 0);
    assert_eq!(text(&output.stdout), TABLE);
    let all = text(&run(&["status", "--tasks", &path], "").stdout);
    assert!(all.contains("\n  completed  大きな.png\n  failed     b\\n.png"), "{all}");
    // What is missing is told, and who has not ended.
    let path = folder.write("part.log", lines(&handmade(), 0..3) + &lines(&handmade(), 4..9));
    let output = run(&["status", &path], "");
    ends(&output, 0);
    let told = text(&output.stdout);
    assert!(told.starts_with("STATE    TASKS  OK  RUNNING  "), "{told}");
    assert!(told.contains("  running  大きな.png  42/100 rows  shrink\\u{7}ing\n"), "{told}");
    assert!(told.contains("\n1 event of thumbs\\u{1b}[2J not in the log\n"), "{told}");
    assert!(
        told.ends_with("\nNobody writes the log any more, and 1 job has not ended.\n"),
        "{told}"
    );
    // It runs no longer than somebody wrote of it.
    let at = humantime::parse_rfc3339("2026-07-01T12:00:11Z").unwrap();
    File::options().append(true).open(&path).unwrap().set_modified(at).unwrap();
    let told = text(&run(&["status", &path], "").stdout);
    assert!(told.contains("\nrunning      2   -        2  10.0s  2026-07-01T"), "{told}");
}

#[test]
fn a_run_is_in_its_log_and_another_one_behind_it() {
    let folder = Folder::new();
    let path = folder.log(200);
    let status = |path: &str| -> Vec<serde_json::Value> {
        let output = run(&["status", "--json", path], "");
        ends(&output, 0);
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(status(&path)[0]["progress"]["counts"], serde_json::json!({"completed": 200}));
    let printed = run(
        &["run", "--json", "--event-log", &path, "--", "sh", "-c", "exit $0", ":::", "0", "1"],
        "",
    );
    ends(&printed, 1);
    let both = status(&path);
    assert_eq!(both.len(), 2);
    assert_eq!(both[1]["state"], "failed");
    // What is printed is the same; when progress was told may differ.
    let log = fs::read_to_string(&path).unwrap();
    let lifecycle = |text: &str| -> Vec<String> {
        let job = both[1]["job"].as_str().unwrap();
        let is_it = |line: &&str| line.contains(job) && line.contains(r#""seq":"#);
        text.lines().filter(is_it).map(str::to_owned).collect()
    };
    assert_eq!(lifecycle(&log), lifecycle(&text(&printed.stdout)));
    // Byte for byte.
    let output = run(&["log", "--json", &path], "");
    assert_eq!(text(&output.stdout), log);
}

#[test]
fn a_cursor_gives_the_rest() {
    let folder = Folder::new();
    let all = handmade();
    let path = folder.write("events.log", lines(&all, 0..5));
    let cursor = |output: &std::process::Output| {
        let told = text(&output.stderr);
        told.trim().strip_prefix("milepost: --from ").unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let output = run(&["log", "--json", "--show-cursor", &path], "");
    let place = cursor(&output);
    append(&path, &lines(&all, 5..12));
    let output = run(&["log", "--json", "--show-cursor", "--from", &place, &path], "");
    ends(&output, 0);
    assert_eq!(text(&output.stdout), lines(&all, 5..12));
    let place = cursor(&output);
    for from in [&*place, "now"] {
        let output = run(&["log", "--from", from, &path], "");
        ends(&output, 0);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    // Of another log: it says so.
    let output = run(&["log", "--json", "--from", "other:1:2:3", &path], "");
    ends(&output, 2);
    assert_eq!(text(&output.stdout), all);
    assert!(text(&output.stderr).contains("is another log now"), "{output:?}");
}

#[test]
fn following_shows_what_is_appended_and_ends_by_a_signal() {
    let folder = Folder::new();
    let all = handmade();
    let path = folder.path("events.log");
    let mut child = milepost(&["log", "--follow", "--show-cursor", &path]).spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    // It comes later, and is renamed on the way.
    fs::write(&path, lines(&all, 0..4)).unwrap();
    let (_, stdout) = wait_for(stdout, "b\\n.png");
    append(&path, &lines(&all, 4..9));
    let (_, stdout) = wait_for(stdout, "shrink");
    fs::rename(&path, folder.path("events.log.1")).unwrap();
    fs::write(&path, lines(&all, 0..1).replace(r#""part":1"#, r#""part":2"#) + &lines(&all, 9..12))
        .unwrap();
    let (told, _stdout) = wait_for(stdout, "the job, in");
    assert!(SENTENCES.ends_with(&told) && told.lines().count() == 3, "{told}");
    signal(&child, Signal::INT);
    let stderr = child.stderr.take().unwrap();
    let told = within(move || {
        let mut told = String::new();
        BufReader::new(stderr).read_to_string(&mut told).unwrap();
        told
    });
    assert!(told.starts_with(&format!("milepost: --from {LOG}:2:4:")), "{told}");
    assert_eq!(code(child), Some(130));
}

#[test]
fn nobody_who_reads_ends_them() {
    let folder = Folder::new();
    let path = folder.log(2_000);
    for args in [
        &["log"][..],
        &["log", "--json"],
        &["status", "--json"],
        // This one sees it though there is nothing more to print.
        &["log", "--follow"],
    ] {
        let mut child = milepost(&[args, &[&path]].concat()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let all = args.contains(&"--follow");
        let stdout = within(move || {
            let mut line = String::new();
            while all && !line.contains("the job, in") {
                line.clear();
                stdout.read_line(&mut line).unwrap();
            }
            stdout
        });
        drop(stdout);
        let stderr = child.stderr.take().unwrap();
        assert_eq!(code_while_reading(child, stderr), (Some(141), false), "{args:?}");
    }
}

#[test]
fn a_run_whose_events_nobody_reads_ends_quietly() {
    for _ in 0..20 {
        let mut child = milepost(&["run", "--json"]).spawn().unwrap();
        drop(child.stdout.take());
        drop(child.stdin.take());
        let stderr = child.stderr.take().unwrap();
        assert_eq!(code_while_reading(child, stderr), (Some(141), false));
    }
}

#[test]
fn what_is_no_log_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let (missing, pipe) = (folder.path("missing/events.log"), folder.path("pipe"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
    let newer = folder.write("newer", handmade().replace(r#""version":1"#, r#""version":99"#));
    let directory = folder.path("");
    let cases = [
        (&*directory, "is a directory"),
        (&missing, "No such file"),
        (&pipe, "is no regular file"),
        ("/dev/zero", "is no regular file"),
        (&newer, "has version 99"),
    ];
    for (path, told) in cases {
        let output =
            run(&["run", "--event-log", path, "--", "touch", ":::", &folder.path("ran")], "");
        ends(&output, 2);
        assert!(text(&output.stderr).contains(told), "{path}: {output:?}");
    }
    for other in ["hello\n", "hello", "{\"a\":1}\n", "\0\0\0"] {
        let path = folder.write("other", other);
        let output =
            run(&["run", "--event-log", &path, "--", "touch", ":::", &folder.path("ran")], "");
        ends(&output, 2);
        assert!(text(&output.stderr).contains("is no event log"), "{output:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), other);
    }
    assert!(!PathBuf::from(folder.path("ran")).exists());
    for command in ["log", "status", "watch"] {
        for (path, told) in [
            (&*directory, "is a directory"),
            (&pipe, "no regular file"),
            ("/dev/zero", "no regular file"),
        ] {
            let output = run(&[command, path], "");
            ends(&output, 2);
            assert!(text(&output.stderr).contains(told), "{command} {path}: {output:?}");
        }
    }
    for command in ["log", "status"] {
        let output = run(&[command, &missing], "");
        ends(&output, 2);
        let told = format!("milepost: {missing}: there is no such file\n");
        assert_eq!(text(&output.stderr), told);
    }
    ends(&run(&["run", "--event-log", "/dev/null", "--", "true", ":::", "x"], ""), 0);
}

#[test]
fn a_log_has_one_writer() {
    let folder = Folder::new();
    let path = folder.path("events.log");
    let mut first =
        milepost(&["run", "--event-log", &path, "--", "sleep", ":::", "1000"]).spawn().unwrap();
    let mut follower = milepost(&["log", "--follow", &path]).spawn().unwrap();
    wait_for(BufReader::new(follower.stdout.take().unwrap()), "running");
    signal(&follower, Signal::TERM);
    assert!(matches!(code(follower), Some(130 | 141)));
    let output = run(&["run", "--event-log", &path, "--", "true", ":::", "1"], "");
    ends(&output, 2);
    assert!(text(&output.stderr).contains("another writer has it open"), "{output:?}");
    signal(&first, Signal::INT);
    let (_, _) = wait_for(BufReader::new(first.stderr.take().unwrap()), "1 canceled");
    assert_eq!(code(first), Some(130));
}

#[test]
fn what_could_not_be_written_is_told_at_the_end() {
    let folder = Folder::new();
    let path = folder.path("events.log");
    let script =
        r#"trap '' XFSZ; ulimit -f 8; seq 300 | sed 's/^/echo /' | "$0" run -j4 --event-log "$1""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_milepost"), &path]).stdin(Stdio::null());
    let output = within(move || command.output().unwrap());
    ends(&output, 1);
    let told = text(&output.stderr);
    assert!(told.contains("300 tasks in "), "{told}");
    assert!(
        told.ends_with("events could not be written: File too large (os error 27)\n"),
        "{told}"
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_milepost"));
    command.args(["run", "--json", "--", "true", ":::", "x"]).stdin(Stdio::null());
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    let output = within(move || command.output().unwrap());
    ends(&output, 1);
    assert!(
        text(&output.stderr).starts_with("milepost: can't write to standard output: No space left"),
        "{output:?}"
    );
}

#[test]
fn damage_is_told_and_the_rest_is_read() {
    let folder = Folder::new();
    let all = handmade();
    let damaged = |with: &str| lines(&all, 0..5) + with + &lines(&all, 5..12);
    let one = folder.write("one", damaged("{\"event\":\"task_added\"\n"));
    let many = folder.write("many", damaged(&"damage\n".repeat(9)));
    let torn = folder.write("torn", format!("{all}{{\"event\":\"job_des"));
    let long = folder.write("long", damaged(&("x".repeat(100_000_000) + "\n")));
    let newer = folder.write("newer", all.replace(r#""version":1"#, r#""version":2"#));
    let cases: &[(&str, i32, &str, usize)] = &[
        (&one, 2, "one:6: is no event; the line is passed over", 1),
        (&many, 2, "\nmilepost: and 4 more such problems\n", 6),
        (&torn, 0, "torn:13: ends within an event, of which 17 bytes are there", 1),
        (&long, 2, "long:6: has more than", 1),
        (&newer, 2, "has version 2 of the format", 1),
    ];
    for (path, code, told, count) in cases {
        for (command, rest) in [("log", SENTENCES), ("status", TABLE)] {
            let output = run(&[command, path], "");
            ends(&output, *code);
            let error = text(&output.stderr);
            assert!(error.contains(told), "{command} {path}: {error}");
            assert_eq!(error.lines().count(), *count, "{error}");
            assert_eq!(text(&output.stdout), rest, "{command} {path}");
        }
        // It has a job that failed.
        ends(&run(&["watch", path], ""), 1);
    }
}

#[test]
fn junk_is_told_from_a_log() {
    let folder = Folder::new();
    let mut junk = Vec::new();
    File::open("/dev/urandom").unwrap().take(100_000).read_to_end(&mut junk).unwrap();
    let junk = folder.write("junk", junk);
    for command in ["log", "status", "watch"] {
        let output = run(&[command, &junk], "");
        ends(&output, 2);
        let told = text(&output.stderr);
        assert!(
            told.lines().count() <= 7 && told.ends_with("seems to be no event log\n"),
            "{told}"
        );
    }
    let empty = folder.write("empty", "");
    ends(&run(&["log", &empty], ""), 0);
    let output = run(&["status", &empty], "");
    ends(&output, 0);
    assert_eq!(text(&output.stdout), "no jobs\n");
}

#[test]
fn a_watch_ends_as_the_jobs_do() {
    let folder = Folder::new();
    let path = folder.path("events.log");
    let mut watch = milepost(&["watch", &path]).spawn().unwrap();
    let stderr = BufReader::new(watch.stderr.take().unwrap());
    let (_, stderr) = wait_for(stderr, "is not there yet; waiting");
    let log = folder.log(3);
    assert_eq!(log, path);
    let (told, _) = wait_for(stderr, "3 tasks in ");
    assert!(told.contains("standard input: 3 tasks in ") && told.ends_with(": 3 ok\n"), "{told}");
    assert_eq!(code(watch), Some(0));
    // Of one that is whole, it says the same.
    let output = run(&["watch", &path], "");
    ends(&output, 0);
    assert!(text(&output.stderr).ends_with(": 3 ok\n"), "{output:?}");
}

#[test]
fn a_watch_is_not_about_jobs_that_had_ended_before() {
    let folder = Folder::new();
    let path = folder.write("events.log", handmade());
    let mut child = milepost(&["run", "-j1", "--event-log", &path]).spawn().unwrap();
    let mut follower = milepost(&["log", "--follow", &path]).spawn().unwrap();
    let told = BufReader::new(follower.stdout.take().unwrap());
    let (_, told) = wait_for(told, "submitted  standard input");
    drop(told);
    let mut watch = milepost(&["watch", &path]).spawn().unwrap();
    let (mut stdin, stderr) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || BufReader::new(stderr).lines().count());
    // Once it tells of one that completed, it has read what was there before.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let feeder = std::thread::spawn(move || {
        while stopped.recv_timeout(PACE) == Err(RecvTimeoutError::Timeout) {
            writeln!(stdin, "true").unwrap();
        }
    });
    let (_, stderr) = wait_for(BufReader::new(watch.stderr.take().unwrap()), "] ok ");
    drop(stop);
    feeder.join().unwrap();
    let (told, _stderr) = wait_for(stderr, "standard input: ");
    assert!(!told.contains("thumbs"), "{told}");
    assert_eq!((code(child), code(watch)), (Some(0), Some(0)));
    reader.join().unwrap();
    // The reader of its output has gone.
    assert_eq!(code(follower), Some(141));
}

#[test]
fn a_log_of_many_jobs_is_summed_up() {
    let folder = Folder::new();
    let all = handmade();
    let (head, rest) = (lines(&all, 0..1), lines(&all, 1..12));
    let jobs: String = (0..1_000)
        .map(|n| rest.replace(JOB, &format!("019f3c5e-8d0a-7c3e-9b1a-2f60c1d7{n:04x}")))
        .collect();
    let path = folder.write("events.log", head + &jobs);
    let output = run(&["status", &path], "");
    ends(&output, 0);
    assert_eq!(
        text(&output.stdout).lines().filter(|line| line.starts_with("failed ")).count(),
        1_000
    );
    let output = run(&["watch", &path], "");
    ends(&output, 1);
    let told = text(&output.stderr);
    assert!(told.contains("980 earlier jobs: `milepost status` lists them"), "{told}");
}

#[test]
fn wrong_usage_is_told_with_a_way_out() {
    let folder = Folder::new();
    let path = folder.write("events.log", handmade());
    let cases: &[(&[&str], &str)] = &[
        (&["log", "--from", "x", &path], "give `start`, `now`, or a place"),
        (&["log", "--from", "a:b:c:d", &path], "LOG:PART:LINES:BYTES"),
        (&["log", "--bogus", &path], "--bogus"),
        (&["log"], "<FILE>"),
        (&["watch"], "<FILE>"),
        (&["status", &path, &path], "give one file at a time"),
        (&["log", &path, &path], "give one file at a time"),
        (&["log", "--as-job", &path], "leave --as-job out"),
        (&["log", "--tz", "UTC", &path], "leave --tz out"),
        (&["log", "--from", "1:2:3", &path], "give --format condor"),
        (&["log", "--format", "condor", "--from", "a:1:2:3", &path], "leave --format condor out"),
        (&["watch", "--format", "condor", "--tz", "Mars", &path], "such as Europe/Berlin"),
        (&["log", "--format", "condor", "--show-cursor", &path, &path], "give one file at a time"),
    ];
    for (args, told) in cases {
        let output = run(args, "");
        ends(&output, 2);
        assert!(text(&output.stderr).contains(told), "{args:?}: {output:?}");
    }
    for command in ["log", "watch", "status"] {
        let output = run(&[command, "--help"], "");
        ends(&output, 0);
        assert!(text(&output.stdout).contains("Examples:"), "{output:?}");
        for shell in ["bash", "zsh", "fish"] {
            let script = text(&run(&["completions", shell], "").stdout);
            assert!(script.contains(command) && script.contains("show-cursor"), "{shell}");
        }
    }
}
