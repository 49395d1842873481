//! `milepost run --web`: the job that is in the terminal is in the page too, to its end; and what can't be served is said.

#![cfg(all(unix, feature = "cli", feature = "web"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::io::{BufRead as _, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use common::cli::{code, ends, milepost, run, text, wait_for};
use common::http::{follow, get, send};
use milepost::JobId;

/// A run whose commands come from the test.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    token: Option<String>,
}

fn start(args: &[&str]) -> Running {
    let args: Vec<&str> = ["run", "-j", "1", "--web", "0"].iter().chain(args).copied().collect();
    started(milepost(&args))
}

fn started(mut command: Command) -> Running {
    let mut child = command.spawn().unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (said, stderr) = wait_for(stderr, "http://");
    let link = said.trim_end().rsplit("http://").next().unwrap();
    let (address, token) = link.split_once('/').unwrap();
    let token = token.strip_prefix("#token=").map(str::to_owned);
    Running { child, stderr, address: address.parse().unwrap(), token }
}

impl Running {
    fn job(&self) -> (JobId, serde_json::Value) {
        let jobs = get(self.address, "/jobs").json();
        assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
        (jobs["jobs"][0]["job"].as_str().unwrap().parse().unwrap(), jobs["jobs"][0].clone())
    }

    fn write(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

#[test]
fn the_page_shows_the_job_to_its_end() {
    let mut run = start(&["--name", "shown", "-"]);
    let (id, job) = run.job();
    assert_eq!((job["name"].as_str(), job["state"].as_str()), (Some("shown"), Some("submitted")));
    let page = get(run.address, "/").body();
    assert!(page.contains(r#"content="off""#) && page.contains("<!doctype html"), "{page:.300}");
    assert_eq!(send(run.address, "POST", &format!("/jobs/{id}/cancel"), &[], "").status, 403);

    let mut messages = follow(run.address, id, None).events();
    run.write("true");
    run.write("exit 3");
    let told = messages.find(|message| message.data["state"] == "failed").unwrap();
    assert_eq!(
        (told.data["event"].as_str(), told.data["name"].as_str()),
        (Some("task_completed"), Some("exit 3"))
    );
    let record = get(run.address, &format!("/jobs/{id}")).json();
    assert_eq!(record["failures"][0]["name"], "exit 3");
    drop(run.child.stdin.take());
    let last = messages.last().unwrap();
    assert_eq!(last.data["event"], "job_completed");
    assert_eq!(last.data["counts"], serde_json::json!({ "completed": 1, "failed": 1 }));
    let (said, _) = wait_for(run.stderr, "2 tasks in");
    assert!(said.contains("1 ok, 1 failed"), "{said}");
    assert_eq!(code(run.child), Some(1));
}

#[test]
fn whoever_has_the_link_may_cancel() {
    let mut run = start(&["--web-control", "-"]);
    run.write("sleep 1000");
    let (id, _) = run.job();
    assert!(get(run.address, "/").body().contains(r#"content="on""#));
    let path = format!("/jobs/{id}/cancel");
    assert_eq!(send(run.address, "POST", &path, &["Authorization: Bearer x"], "").status, 401);
    let token = format!("Authorization: Bearer {}", run.token.as_ref().unwrap());
    assert_eq!(send(run.address, "POST", &path, &[&token], "").status, 202);
    assert_eq!(code(run.child), Some(1));
}

#[test]
fn a_reader_that_does_not_read_keeps_nobody() {
    let mut run = start(&["-"]);
    let (id, _) = run.job();
    let stalled = follow(run.address, id, None);
    for n in 0..50 {
        run.write(&format!("echo {n}"));
    }
    drop(run.child.stdin.take());
    assert_eq!(code(run.child), Some(0));
    drop(stalled);
}

#[test]
fn what_cannot_be_served_is_said_before_anything_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made");
    let command = format!("touch {}", file.display());
    for address in [&*taken, "nonsense", "127.0.0.1:99999", "256.0.0.1:80", ""] {
        let output = run(&["run", "--web", address, "-"], &command);
        ends(&output, 2);
        assert!(text(&output.stderr).contains(&format!("--web {address}")), "{output:?}");
    }
    for address in ["localhost", "127.0.0.1", "::1", "http://127.0.0.1:80/", "99999", ""] {
        let output = run(&["run", "--web", address, "-"], &command);
        ends(&output, 2);
        assert!(text(&output.stderr).contains("such as 127.0.0.1:8080"), "{output:?}");
    }
    assert!(!file.exists());
    let output = run(&["run", "--web-control", "-"], &command);
    ends(&output, 2);
    assert!(text(&output.stderr).contains("--web"), "{output:?}");
}

#[test]
fn more_connections_than_files_may_be_open_are_outlived() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" run -j 1 --web 0 -"])
        .arg(milepost(&[]).get_program());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = started(command);
    let connections: Vec<_> = (0..80).map(|_| TcpStream::connect(run.address).unwrap()).collect();
    drop(connections);
    run.job();
    drop(run.child.stdin.take());
    let (said, _) = wait_for(run.stderr, "no tasks");
    assert_eq!(said, "no tasks\n");
    assert_eq!(code(run.child), Some(0));
}

#[test]
fn connections_leave_the_commands_the_files_that_they_need() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 160; exec \"$0\" run -j 1 --web 0 -"]);
    command.arg(milepost(&[]).get_program());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = started(command);
    let connections: Vec<_> = (0..200).map(|_| TcpStream::connect(run.address).unwrap()).collect();
    // All that may come are there, as far as anybody can see.
    for place in (0..50).rev() {
        assert_eq!(half_asked(&connections[place]), 200);
    }
    run.write("true");
    drop(run.child.stdin.take());
    let (said, _) = wait_for(run.stderr, "1 task in");
    assert!(said.contains("1 ok"), "{said}");
    assert_eq!(code(run.child), Some(0));
    drop(connections);
}

/// The status of what is answered on a connection, which stays.
fn half_asked(mut connection: &TcpStream) -> u16 {
    connection.write_all(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = String::new();
    BufReader::new(connection).read_line(&mut first).unwrap();
    first.split(' ').nth(1).unwrap().parse().unwrap()
}
