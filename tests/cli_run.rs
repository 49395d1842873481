//! Drives the command `milepost run` by pipes: exit codes, what it prints where, and how it is stopped.
#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs;
use std::io::{BufReader, Write};
use std::process::Stdio;
use std::time::Duration;

use common::cli::*;
use common::within;
use milepost::event_log::Reader;
use milepost::{Event, TaskState};
use rustix::process::{Pid, Signal, test_kill_process};

#[test]
fn each_line_is_a_command_for_the_shell() {
    let output = run(
        &["run", "-j", "1", "--output", "all"],
        "echo a | tr a b\n\n# no\n  \n-x\necho $((1 + 2)) >&2",
    );
    ends(&output, 1);
    assert_eq!(text(&output.stdout), "b\n");
    let told = text(&output.stderr);
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].ends_with("s  echo a | tr a b") && lines[0].starts_with("[1/3] ok  "),
        "{told}"
    );
    assert!(
        lines[1].starts_with("[2/3] failed (exit 127)") && lines[1].ends_with("  -x"),
        "{told}"
    );
    assert!(told.contains("s  echo $((1 + 2)) >&2\n3\n"), "{told}");
    assert!(told.ends_with("1 failed\n") && told.contains("\n3 tasks in "), "{told}");
    assert!(!told.contains('\x1b'), "{told:?}");
}

#[test]
fn outputs_are_those_of_failed_tasks_unless_said() {
    let script = "echo well\necho oops; echo why >&2; exit 3\nkill -9 $$";
    let output = run(&["run", "-j1"], script);
    ends(&output, 1);
    assert_eq!(text(&output.stdout), "oops\n");
    let told = text(&output.stderr);
    assert!(told.contains("failed (exit 3)") && told.contains("\nwhy\n"), "{told}");
    assert!(told.contains("failed (signal 9)"), "{told}");
    assert_eq!(text(&run(&["run", "-j1", "--output", "all"], script).stdout), "well\noops\n");
    let output = run(&["run", "-j1", "--output", "none"], script);
    assert!(output.stdout.is_empty() && !text(&output.stderr).contains("\nwhy"), "{output:?}");
    // Into a pipe, bytes go as they are.
    assert_eq!(text(&run(&["run", "-j1", "--output=all"], "printf a\nprintf b").stdout), "ab");
    // Of much output, the end.
    let output = run(&["run"], "yes 0123456789abcde | head -n 10000; exit 1");
    assert_eq!(output.stdout.len(), 64 * 1024);
    assert!(
        text(&output.stderr).contains("the first 94464 bytes of the standard output of yes"),
        "{output:?}"
    );
}

#[test]
fn control_characters_are_escaped_where_people_read() {
    let output = run(&["run", "--output", "none"], "false \x1b[2J\tx");
    let told = text(&output.stderr);
    assert!(told.contains("false \\u{1b}[2J\\tx"), "{told}");
    assert!(!told.contains('\x1b'), "{told:?}");
}

#[test]
fn arguments_make_tasks_without_a_shell() {
    let all = |args: &[&str], input: &str| {
        let output = run(&[&["run", "--output", "all", "--"], args].concat(), input);
        ends(&output, 0);
        sorted(&output.stdout)
    };
    assert_eq!(all(&["echo", "x{}", ":::", "a", "$HOME", ""], ""), ["x", "x$HOME", "xa"]);
    assert_eq!(all(&["echo", ":::", "a", "b"], ""), ["a", "b"]);
    assert_eq!(
        all(&["echo", "{2}{1}", ":::", "a", "b", ":::", "1", "2"], ""),
        ["1a", "1b", "2a", "2b"]
    );
    assert_eq!(
        all(&["echo", "{}!"], "one\n\ntwo words\n# three\n"),
        ["# three!", "one!", "two words!"]
    );
    let none = run(&["run", "--", "echo", ":::"], "");
    ends(&none, 0);
    assert_eq!(text(&none.stderr), "no tasks\n");
}

#[test]
fn nothing_to_do_is_no_failure() {
    for input in ["", "\n\n# nothing\n"] {
        let output = run(&["run"], input);
        ends(&output, 0);
        assert_eq!(text(&output.stderr), "no tasks\n");
    }
}

#[test]
fn json_has_standard_output_for_itself() {
    let output = run(&["run", "--json", "-j1", "--name", "it"], "echo out\necho lost; exit 4");
    ends(&output, 1);
    // It is an event log.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("events.log");
    fs::write(&file, &output.stdout).unwrap();
    let entries = Reader::open(&file).unwrap().map(Result::unwrap);
    let events: Vec<Event> = entries.filter_map(|entry| entry.event().cloned()).collect();
    let seqs: Vec<u64> = events.iter().filter_map(Event::seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let ended = events.iter().filter_map(|event| match event {
        Event::TaskCompleted(task) => Some((&*task.name, task.state)),
        _ => None,
    });
    let ended: Vec<_> = ended.collect();
    assert_eq!(
        ended,
        [("echo out", TaskState::Completed), ("echo lost; exit 4", TaskState::Failed)]
    );
    assert!(matches!(events.last(), Some(Event::JobCompleted(_))));
    assert!(matches!(&events[0], Event::JobStateChanged(change) if &*change.name == "it"));
    assert!(text(&output.stderr).contains("\nlost\n"), "{output:?}");
}

#[test]
fn retries_run_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        format!("cd {}; echo x >> tries; [ $(wc -l < tries) -ge 2 ]", dir.path().display());
    let output = run(&["run", "--retries", "1"], &script);
    ends(&output, 0);
    let told = text(&output.stderr);
    assert!(told.contains("  (attempt 2)\n"), "{told}");
    fs::remove_file(dir.path().join("tries")).unwrap();
    ends(&run(&["run"], &script), 1);
}

#[test]
fn a_timeout_kills_and_shows_what_was_printed() {
    let output =
        run(&["run", "--timeout", "500ms", "--retries", "3"], "echo begun; exec sleep 1000");
    ends(&output, 1);
    assert!(text(&output.stderr).contains("[1/1] timed out"), "{output:?}");
    assert!(text(&output.stderr).contains("ran for longer than 500ms"), "{output:?}");
    assert_eq!(text(&output.stdout), "begun\n");
}

#[test]
fn fail_fast_cancels_the_rest() {
    let output = run(
        &["run", "-j2", "--fail-fast"],
        "exec sleep 1000\nfalse\nexec sleep 1000\nexec sleep 1000",
    );
    ends(&output, 1);
    let told = text(&output.stderr);
    assert!(told.contains("a command has failed; canceling the others"), "{told}");
    assert!(told.contains("4 tasks in ") && told.ends_with(": 1 failed, 3 canceled\n"), "{told}");
}

#[test]
fn commands_run_before_the_input_ends() {
    let mut child = milepost(&["run", "-j", "1", "--output", "all"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for n in 0..3 {
        writeln!(stdin, "echo {n}").unwrap();
        let line;
        (line, stdout) = wait_for(stdout, "\n");
        assert_eq!(line, format!("{n}\n"));
    }
    drop(stdin);
    assert_eq!(code(child), Some(0));
}

#[test]
fn a_signal_cancels_and_a_second_one_forces() {
    for first in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut child = milepost(&["run", "--output", "all"]).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // The trap shows that it was asked; the input is still open.
        writeln!(stdin, "echo").unwrap();
        writeln!(stdin, "trap 'echo asked; exit 0' TERM; echo >&2; while :; do sleep 0.01; done")
            .unwrap();
        let (_, stdout) = wait_for(stdout, "\n");
        signal(&child, first);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (told, _) = wait_for(stderr, "tasks in ");
        assert!(
            told.contains("canceling; Ctrl-C again to force") || told.contains("1 canceled"),
            "{told}"
        );
        assert_eq!(code(child), Some(130));
        drop((stdin, stdout));
    }

    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    fs::write(&pid, "").unwrap();
    let stubborn =
        format!("trap '' TERM; echo $$ > {}; while :; do sleep 0.01; done", pid.display());
    let mut child = milepost(&["run"]).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{stubborn}").unwrap();
    let path = pid.clone();
    let stubborn = within(move || {
        loop {
            if let Ok(pid) = fs::read_to_string(&path).unwrap().trim().parse() {
                return Pid::from_raw(pid).unwrap();
            }
            std::thread::yield_now();
        }
    });
    signal(&child, Signal::INT);
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (_, stderr) = wait_for(stderr, "again to force");
    assert!(test_kill_process(stubborn).is_ok(), "it goes on");
    signal(&child, Signal::INT);
    let (told, _) = wait_for(stderr, "1 canceled");
    // Long before the time is over that it has when it is asked.
    let (_, seconds) = told.split_once("1 task in ").unwrap();
    let (seconds, _) = seconds.split_once('s').unwrap();
    assert!(seconds.parse::<f64>().unwrap() < 25.0, "{told}");
    assert_eq!(code(child), Some(130));
    within(move || {
        while test_kill_process(stubborn).is_ok() {
            std::thread::yield_now()
        }
    });
}

#[test]
fn nobody_who_reads_ends_it_quietly() {
    for args in [&["run", "--output", "all"][..], &["run", "--json"]] {
        let mut child = milepost(args).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let endless = std::thread::spawn(move || while writeln!(stdin, "echo hello").is_ok() {});
        let (_, stdout) = wait_for(stdout, "\n");
        drop(stdout);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        assert_eq!(code_while_reading(child, stderr), (Some(141), false), "{args:?}");
        endless.join().unwrap();
    }
}

#[test]
fn input_is_read_a_bounded_number_ahead() {
    let mut child = milepost(&["run", "-j1"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let line = format!("exec sleep 1000 # {}\n", "x".repeat(200));
    let (send, written) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        for n in 0..30_000 {
            if stdin.write_all(line.as_bytes()).is_err() {
                return;
            }
            let _ = send.send(n);
        }
    });
    // It reads that many, and then no more, however long one waits.
    for n in 0..10_000 {
        assert_eq!(written.recv_timeout(Duration::from_secs(40)), Ok(n));
    }
    let more = std::iter::from_fn(|| written.recv_timeout(Duration::from_secs(1)).ok()).count();
    assert!(more < 2_000, "{more} more were read");
    signal(&child, Signal::INT);
    let stderr = child.stderr.take().unwrap();
    assert_eq!(code_while_reading(child, stderr).0, Some(130));
    writer.join().unwrap();
}

#[test]
fn what_is_asked_for_wrongly_is_refused_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("odd"), b"touch ran\n\nnot \xff\n").unwrap();
    let (missing, odd, folder) = (path("missing"), path("odd"), path(""));
    let cases: &[(&[&str], &[&str])] = &[
        (&["run", "-j", "0"], &["'0' for '--jobs", "at least 1"]),
        (&["run", "-j", "x"], &["'x' for '--jobs", "from 1 to"]),
        (&["run", "--timeout", "5parsecs"], &["5parsecs", "such as 90s"]),
        (&["run", "--timeout", "0s"], &["at once"]),
        (&["run", "--retries", "99999999999"], &["99999999999", "from 0 to"]),
        (&["run", "--output", "some"], &["some", "failed, all, none"]),
        (&["run", "--bogus"], &["--bogus"]),
        (&["bogus"], &["bogus"]),
        (&[], &["Usage"]),
        (&["run", &missing], &[&missing, "No such file", "standard input"]),
        (&["run", &folder], &["is a directory", "a file of commands"]),
        (&["run", &odd], &[&odd, "line 3", "not UTF-8"]),
        (&["run", "a", "b"], &["'b'"]),
        (&["run", &odd, "--", "echo", ":::", "a"], &["leave one of them out"]),
        (&["run", "--", ":::", "a"], &["no command before :::"]),
        (&["run", "--", "echo", "{2}", ":::", "a"], &["{2}", "give another one"]),
        (&["completions", "cobol"], &["cobol", "bash"]),
    ];
    for (args, told) in cases {
        let output = milepost(args).current_dir(dir.path()).stdin(Stdio::null()).output().unwrap();
        ends(&output, 2);
        let error = text(&output.stderr);
        assert!(told.iter().all(|told| error.contains(told)), "{args:?}: {error}");
        assert!(output.stdout.is_empty());
    }
    assert!(!dir.path().join("ran").exists(), "nothing of a bad file runs");
}

#[test]
fn a_bad_line_of_a_stream_ends_it() {
    let mut child = milepost(&["run", "--output", "all"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"echo a\n\xff\necho b\n").unwrap();
    let output = within(move || child.wait_with_output().unwrap());
    ends(&output, 2);
    assert_eq!(text(&output.stdout), "a\n");
    assert!(text(&output.stderr).contains("standard input, line 2: it is not UTF-8"), "{output:?}");
}

#[test]
fn a_program_that_is_not_there_is_a_failed_task() {
    let output = run(&["run", "--retries", "2", "--", "no-such-program", ":::", "a"], "");
    ends(&output, 1);
    assert!(
        text(&output.stderr).contains("there is no program \"no-such-program\" on the PATH"),
        "{output:?}"
    );
}

#[test]
fn files_are_read_as_standard_input_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("commands");
    fs::write(&file, "echo a\r\necho b").unwrap();
    let output = run(&["run", "-j1", "--output", "all", file.to_str().unwrap()], "echo c");
    ends(&output, 0);
    assert_eq!(text(&output.stdout), "a\nb\n");
    assert_eq!(text(&run(&["run", "--output", "all", "-"], "echo c").stdout), "c\n");
    let output =
        run(&["run", "-j1", "--output", "all", file.to_str().unwrap(), "--", "printf", "<{}>"], "");
    assert_eq!(text(&output.stdout), "<echo a><echo b>");
}

#[test]
fn help_has_examples_and_completions_complete() {
    let output = run(&["run", "--help"], "");
    ends(&output, 0);
    assert!(text(&output.stdout).contains("Examples:\n  milepost run commands.txt"), "{output:?}");
    assert!(text(&run(&["completions", "--help"], "").stdout).contains("Examples:"));
    assert!(text(&run(&["--version"], "").stdout).starts_with("milepost 0."));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], "");
        ends(&output, 0);
        assert!(text(&output.stdout).contains("fail-fast"), "{shell}");
    }
}
