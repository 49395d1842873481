//! What drives the command by pipes.
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::within;

pub(crate) fn milepost(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_milepost"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with `input` on its standard input.
pub(crate) fn run(args: &[&str], input: &str) -> Output {
    let mut child = milepost(args).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // One that doesn't read it has gone.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = within(move || child.wait_with_output().unwrap());
    writer.join().unwrap();
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn sorted(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = text(bytes).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[track_caller]
pub(crate) fn ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

/// Waits for a line with `what` in it. Returns all up to then.
pub(crate) fn wait_for<R: Read + Send + 'static>(
    reader: BufReader<R>,
    what: &'static str,
) -> (String, BufReader<R>) {
    within(move || {
        let (mut reader, mut seen) = (reader, String::new());
        while !seen.contains(what) {
            assert_ne!(
                reader.read_line(&mut seen).unwrap(),
                0,
                "it ended without {what:?}: {seen}"
            );
        }
        (seen, reader)
    })
}

pub(crate) fn code(mut child: Child) -> Option<i32> {
    within(move || {
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), None);
        status.code()
    })
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The exit code, and whether it complained or panicked.
pub(crate) fn code_while_reading(
    child: Child,
    mut stderr: impl Read + Send + 'static,
) -> (Option<i32>, bool) {
    let reader = std::thread::spawn(move || {
        let mut told = String::new();
        stderr.read_to_string(&mut told).unwrap();
        told
    });
    let code = code(child);
    let told = reader.join().unwrap();
    (code, told.contains("panicked") || told.contains("milepost:"))
}
