//! Drives `milepost run` and `watch` through pseudo-terminals, whose screens it reads: bars, Ctrl-C, sizes.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::within;
use indicatif::{InMemoryTerm, TermLike};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long to wait for something to be shown.
const PATIENCE: Duration = Duration::from_secs(40);

/// A command in a terminal.
struct Session {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    screen: InMemoryTerm,
    /// All that was written.
    raw: String,
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

impl Session {
    fn new(rows: u16, cols: u16, args: &[&str]) -> Session {
        Session::with_variable(rows, cols, args, ("CLICOLOR", "1"))
    }

    fn with_variable(rows: u16, cols: u16, args: &[&str], variable: (&str, &str)) -> Session {
        let pair = native_pty_system().openpty(size(rows, cols)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_milepost"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env(variable.0, variable.1);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        let screen = InMemoryTerm::new(rows, cols);
        Session { master: pair.master, keys, child, output, screen, raw: String::new() }
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    fn wait_until(&mut self, is: impl Fn(&str) -> bool) -> String {
        let mut rest = Vec::new();
        loop {
            let contents = self.screen.contents();
            if is(&contents) {
                return contents;
            }
            let Ok(bytes) = self.output.recv_timeout(PATIENCE) else {
                panic!("it was not shown:\n{contents}\n{:?}", self.raw);
            };
            rest.extend(bytes);
            // A character may come in two pieces.
            let whole = match std::str::from_utf8(&rest) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let text = String::from_utf8(rest.drain(..whole).collect()).unwrap();
            self.screen.write_str(&text).unwrap();
            self.raw += &text;
        }
    }

    #[track_caller]
    fn wait_for(&mut self, what: &str) -> String {
        self.wait_until(|contents| contents.contains(what))
    }

    fn ctrl_c(&mut self) {
        self.keys.write_all(b"\x03").unwrap();
    }

    /// Waits for its end. Returns the exit code and what is left on the screen.
    fn end(mut self) -> (u32, String) {
        self.wait_for("task");
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.screen.write_str(&String::from_utf8_lossy(&bytes)).unwrap();
        }
        let mut child = self.child;
        (within(move || child.wait().unwrap().exit_code()), self.screen.contents())
    }
}

/// A command that reports and goes on until a file is there.
fn until(gate: &str, report: &str) -> String {
    format!("{report}; until [ -e {gate} ]; do sleep 0.01; done")
}

fn gate(dir: &tempfile::TempDir) -> String {
    dir.path().join("gate").display().to_string()
}

#[test]
fn bars_show_what_runs_and_go_away() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let script = until(
        &gate,
        r#"printf 'total 4\nunit files\nprogress 1\nmessage of %s\n' "$0" > $MILEPOST_PROGRESS"#,
    );
    let mut session =
        Session::new(24, 80, &["run", "-j", "4", "--", "sh", "-c", &script, ":::", "one", "two"]);
    let shown = session.wait_until(|shown| shown.contains("of one") && shown.contains("of two"));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].starts_with("[====>               ]  0/2  2 running"), "{shown}");
    assert!(
        lines[1].starts_with("  25%  [=>        ]") && lines[1].contains("1/4 files"),
        "{shown}"
    );
    std::fs::write(&gate, "").unwrap();
    let (code, left) = session.end();
    assert_eq!(code, 0);
    assert_eq!(left.lines().count(), 1, "{left}");
    assert!(left.starts_with("2 tasks in ") && left.ends_with(": 2 ok"), "{left}");
}

#[test]
fn failures_are_told_above_the_bars() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let script =
        until(&gate, r"expr $0 : w >/dev/null || { printf 'lost \033[31mit\033[0m'; exit 3; }");
    let mut session = Session::new(
        24,
        100,
        &["run", "-j", "2", "--", "sh", "-c", &script, ":::", "fails", "waits"],
    );
    let shown = session.wait_until(|shown| shown.contains("1/2  1 failed  1 running"));
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("[1/2] failed (exit 3)"), "{shown}");
    let at = lines.iter().position(|line| *line == "lost it").unwrap();
    assert!(lines[at + 1].starts_with("[======"), "{shown}");
    std::fs::write(&gate, "").unwrap();
    let (code, left) = session.end();
    assert_eq!(code, 1);
    assert!(left.ends_with(": 1 ok, 1 failed") && !left.contains('='), "{left}");
}

#[test]
fn ctrl_c_cancels() {
    let script = "echo begun > /dev/null; exec sleep 1000";
    let mut session = Session::new(24, 80, &["run", "--", "sh", "-c", script, ":::", "x"]);
    session.wait_for("1 running");
    session.ctrl_c();
    session.wait_for("1 canceled");
    let (code, left) = session.end();
    assert_eq!(code, 130);
    assert!(left.contains("milepost: canceling; Ctrl-C again to force"), "{left}");
    assert!(left.ends_with(": 1 canceled"), "{left}");
}

#[test]
fn ctrl_c_twice_forces() {
    let script =
        "trap '' TERM; echo 'message deaf' > $MILEPOST_PROGRESS; while :; do sleep 0.01; done";
    let mut session = Session::new(24, 80, &["run", "--", "sh", "-c", script, ":::", "x"]);
    session.wait_for("deaf");
    session.ctrl_c();
    session
        .wait_until(|shown| shown.contains("0/1  canceling") && shown.contains("again to force"));
    session.ctrl_c();
    let (code, left) = session.end();
    assert_eq!(code, 130);
    assert!(left.ends_with(": 1 canceled"), "{left}");
    // Long before the time is over that it has when it is asked.
    let (_, seconds) = left.split_once("1 task in ").unwrap();
    let (seconds, _) = seconds.split_once('s').unwrap();
    assert!(seconds.parse::<f64>().unwrap() < 25.0, "{left}");
}

#[test]
fn narrow_terminals_do_not_wrap() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let report = r"printf 'total 4\nprogress 1\nmessage 大きなファイルをコピーしています\n' > $MILEPOST_PROGRESS";
    let script = until(&gate, report);
    let mut session = Session::new(
        6,
        20,
        &["run", "-j", "9", "--", "sh", "-c", &script, ":::", "1", "2", "3", "4", "5", "6", "7"],
    );
    let shown = session
        .wait_until(|shown| shown.contains("and 4 more") && shown.matches("25%").count() == 3);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 5, "{shown}");
    assert!(lines[0].starts_with("0/7  7 running"), "{shown}");
    assert!(lines[1..4].iter().all(|line| line.starts_with("  25%")), "{shown}");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(session.end().0, 0);
}

#[test]
fn another_size_changes_the_lines() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let script = until(&gate, ":");
    let mut session = Session::new(
        10,
        100,
        &[
            "run", "-j", "50", "--", "sh", "-c", &script, ":::", "1", "2", "3", "4", "5", "6", "7",
            "8", "9", "10", "11", "12",
        ],
    );
    session.wait_for("and 5 more");
    for (rows, cols, shows) in
        [(30, 100, "12 running"), (5, 20, "and 10 more"), (1, 1, ""), (10, 60, "and 5 more")]
    {
        session.master.resize(size(rows, cols)).unwrap();
        session.screen = InMemoryTerm::new(rows, cols);
        let shown = session.wait_until(|shown| shown.contains(shows) && !shown.is_empty());
        assert!(shown.lines().count() <= usize::from(rows), "{shown}");
    }
    std::fs::write(&gate, "").unwrap();
    let (code, left) = session.end();
    assert_eq!(code, 0);
    assert!(left.ends_with(": 12 ok"), "{left}");
}

#[test]
fn colors_are_left_out_if_nobody_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let script = until(&gate, ":");
    for (variable, colors) in [(("NO_COLOR", "1"), false), (("NO_COLOR", ""), true)] {
        let mut session = Session::with_variable(
            9,
            80,
            &["run", "--", "sh", "-c", &script, ":::", "x"],
            variable,
        );
        session.wait_for("1 running");
        assert_eq!(session.raw.contains("\x1b[1m"), colors, "{:?}", session.raw);
        session.ctrl_c();
        assert_eq!(session.end().0, 130);
    }
    // A terminal that can't move its cursor gets lines.
    let args = ["run", "--", "true", ":::", "x"];
    let mut session = Session::with_variable(9, 80, &args, ("TERM", "dumb"));
    session.wait_for("1 task in");
    assert!(
        session.raw.starts_with("[1/1] ok") && !session.raw.contains('\x1b'),
        "{:?}",
        session.raw
    );
    assert_eq!(session.end().0, 0);
}

/// Two terminals: one runs two commands that wait for the gate, and one watches.
fn run_and_watch(dir: &tempfile::TempDir, script: &str, size: (u16, u16)) -> (Session, Session) {
    let log = dir.path().join("events.log").display().to_string();
    let mut watch = Session::new(size.0, size.1, &["watch", &log]);
    // Words may be wrapped.
    watch.wait_for("milepost:");
    let args = ["run", "-j4", "--event-log", &log, "--", "sh", "-c", script, ":::", "one", "two"];
    (Session::new(size.0, size.1, &args), watch)
}

const PROGRESS: &str =
    r#"printf 'total 4\nunit files\nprogress 1\nmessage of %s\n' "$0" > $MILEPOST_PROGRESS"#;

#[test]
fn a_watch_shows_the_bars_of_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let (mut run, mut watch) = run_and_watch(&dir, &until(&gate, PROGRESS), (24, 80));
    let log = dir.path().join("events.log").display().to_string();
    let both = |shown: &str| shown.contains("of one") && shown.contains("of two");
    run.wait_until(both);
    watch.wait_until(both);
    // One that begins in the middle.
    let mut late = Session::new(24, 80, &["watch", &log]);
    for session in [&mut watch, &mut late] {
        let shown = session.wait_until(both);
        let lines: Vec<&str> = shown.lines().filter(|line| line.contains('[')).collect();
        assert_eq!(lines.len(), 3, "{shown}");
        assert!(lines[0].starts_with("[====>               ]  0/2  2 running"), "{shown}");
        assert!(lines[1].starts_with("  25%  [=>        ]"), "{shown}");
        assert!(lines[1].contains("1/4 files"), "{shown}");
    }
    std::fs::write(&gate, "").unwrap();
    assert_eq!(run.end().0, 0);
    for session in [watch, late] {
        let (code, left) = session.end();
        assert_eq!(code, 0);
        assert!(left.contains("sh: 2 tasks in ") && left.ends_with(": 2 ok"), "{left}");
        assert!(!left.contains('['), "{left}");
    }
}

#[test]
fn a_watch_tells_of_failures_and_ends_like_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let script = until(&gate(&dir), r"expr $0 : o >/dev/null || exit 3");
    let (run, mut watch) = run_and_watch(&dir, &script, (24, 80));
    let shown = watch.wait_until(|shown| shown.contains("1/2  1 failed  1 running"));
    assert!(shown.contains("[1/2] failed (exit 3)"), "{shown}");
    std::fs::write(gate(&dir), "").unwrap();
    assert_eq!(run.end().0, 1);
    let (code, left) = watch.end();
    assert_eq!(code, 1);
    assert!(left.ends_with(": 1 ok, 1 failed"), "{left}");
}

#[test]
fn a_watch_says_that_the_run_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let (run, mut watch) = run_and_watch(&dir, &until(&gate, PROGRESS), (24, 100));
    watch.wait_until(|shown| shown.contains("of one") && shown.contains("of two"));
    // Its commands go on, until they see the gate.
    let pid = rustix::process::Pid::from_raw(run.child.process_id().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let told = "nobody writes the log any more; 1 job has not ended (Ctrl-C ends)";
    // What is written at once may arrive in pieces.
    watch.wait_until(|shown| shown.contains(told) && shown.contains("  25%"));
    std::fs::write(&gate, "").unwrap();
    watch.ctrl_c();
    let (code, left) = watch.end();
    assert_eq!(code, 130);
    assert!(left.ends_with(": 2 running"), "{left}");
}

#[test]
fn a_watch_fits_into_any_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let gate = gate(&dir);
    let report =
        r"printf 'total 4\nprogress 1\nmessage 大きなファイルを\033[31m\n' > $MILEPOST_PROGRESS";
    let (mut run, mut watch) = run_and_watch(&dir, &until(&gate, report), (6, 20));
    run.wait_until(|shown| shown.matches("25%").count() == 2);
    watch.wait_until(|shown| shown.matches("25%").count() == 2);
    for (rows, cols, shows) in
        [(30, 100, "2 running"), (3, 20, "and 2 more"), (10, 60, "2 running")]
    {
        watch.master.resize(size(rows, cols)).unwrap();
        watch.screen = InMemoryTerm::new(rows, cols);
        let shown = watch.wait_until(|shown| shown.contains(shows));
        assert!(shown.lines().count() <= usize::from(rows), "{shown}");
    }
    assert!(!watch.raw.contains("\x1b[31m"), "{:?}", watch.raw);
    std::fs::write(&gate, "").unwrap();
    assert_eq!(run.end().0, 0);
    assert_eq!(watch.end().0, 0);
}
