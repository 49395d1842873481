//! Programs that misbehave, and a parent that is killed: no task hangs, and no process, zombie or descriptor is left.

#![cfg(all(target_os = "linux", feature = "command", feature = "local"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::{ms, within};
use milepost::{
    CauseKind, Command, CommandFailed, Job, JobState, Line, Lines, LocalScheduler, TaskSnapshot,
    TaskState,
};
use parking_lot::{Mutex, MutexGuard};

/// Tests that share a process look at its descriptors and children.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock()
}

fn sh(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script])
}

/// A short time, where nothing tells that something has happened in another process.
fn pause(time: Duration) {
    let (_send, receive) = mpsc::channel::<()>();
    let _ = receive.recv_timeout(time);
}

/// Waits until `left` gives nothing, for a time that is long.
fn until_none<T: std::fmt::Debug>(left: impl Fn() -> Vec<T>) {
    for _ in 0..2000 {
        if left().is_empty() {
            return;
        }
        pause(ms(10));
    }
    panic!("there are still {:?}", left());
}

/// The state of a process, and its parent; none if there is no such process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether it runs. One that nobody has reaped, which is the affair of the system's first process, doesn't.
fn lives(pid: &u32) -> bool {
    stat(*pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// This process's children, zombies among them.
fn children() -> Vec<u32> {
    let here = std::process::id();
    let is_child = |pid: &u32| stat(*pid).is_some_and(|(_, parent)| parent == here);
    processes().into_iter().filter(is_child).collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

fn pids(text: &str) -> Vec<u32> {
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// A job with one command, which runs; and the pids that it prints first.
fn start(mut command: Command) -> (Job, Lines, Vec<u32>) {
    let job = Job::builder("job").grace(ms(100)).build().unwrap();
    let mut lines = command.lines();
    job.add_task(command).unwrap();
    job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
    let (first, lines) = within(move || (lines.blocking_next(), lines));
    (job, lines, pids(&first.expect("it prints pids").text))
}

fn end(job: &Job) -> TaskSnapshot {
    let job = job.clone();
    within(move || {
        job.wait_until_done().blocking().unwrap();
        job.snapshot().tasks.remove(0)
    })
}

fn rest(mut lines: Lines) -> Vec<Line> {
    within(move || std::iter::from_fn(|| lines.blocking_next()).collect())
}

#[test]
fn a_program_that_is_killed_from_outside_fails() {
    let _alone = alone();
    let (job, _lines, pids) = start(sh("sleep 1000 & echo $$ $!; wait"));
    kill(pids[0]);
    let error = end(&job).error.unwrap();
    let failed = error.error().unwrap().downcast_ref::<CommandFailed>().unwrap();
    assert_eq!((failed.code, failed.signal), (None, Some(9)));
    until_none(|| pids.iter().filter(|pid| lives(pid)).collect());
    assert_eq!(children(), [0; 0]);
}

#[test]
fn a_program_that_ignores_the_request_to_end_is_killed() {
    let _alone = alone();
    for now in [false, true] {
        let (job, lines, pids) =
            start(sh("trap '' TERM; sleep 1000 & echo $$ $!; while :; do sleep 1000; done"));
        if now {
            job.cancel_now("enough")
        } else {
            job.cancel("enough")
        }
        let snapshot = end(&job);
        assert_eq!(snapshot.state, TaskState::Canceled);
        let mut changes = job.task_state_changed();
        let last = std::iter::from_fn(|| changes.try_recv()).last().unwrap();
        assert_eq!(last.cause.unwrap().kind, CauseKind::Forced);
        // Once all is reaped, nothing holds the lines.
        rest(lines);
        until_none(|| pids.iter().filter(|pid| lives(pid)).collect());
        assert_eq!(children(), [0; 0]);
    }
}

/// The most memory that this process has had at a time, in bytes.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn a_flood_costs_bounded_memory() {
    let _alone = alone();
    const FLOOD: u64 = 1 << 30;
    let before = peak();
    let command = Command::new("head").args(["-c", &FLOOD.to_string(), "/dev/zero"]);
    let job = Job::new("job");
    let task = job.add_task(command).unwrap();
    job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
    let output = within(move || task.output()).unwrap();
    assert_eq!(output.stdout.bytes, vec![0; 64 * 1024]);
    assert_eq!(output.stdout.cut, FLOOD - 64 * 1024);
    let taken = peak() - before;
    assert!(taken < 32 << 20, "{taken} bytes");
}

#[test]
fn a_flood_of_lines_costs_bounded_memory() {
    let _alone = alone();
    let before = peak();
    // Short lines, and one that is very long.
    let mut command = sh("yes | head -c 5000000; head -c 50000000 /dev/zero >&2");
    let lines = command.lines();
    let job = Job::new("job");
    let task = job.add_task(command).unwrap();
    job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
    let output = within(move || task.output()).unwrap();
    assert_eq!(output.stdout.cut + output.stdout.bytes.len() as u64, 5_000_000);
    assert!(rest(lines)[0].missed > 0);
    let taken = peak() - before;
    assert!(taken < 32 << 20, "{taken} bytes");
}

#[test]
fn closing_or_removing_the_progress_file_does_no_harm() {
    let _alone = alone();
    let job = Job::new("job");
    job.add_task(sh("exec 3> $MILEPOST_PROGRESS
        echo progress 3 >&3
        exec 3>&-
        exec 3<> $MILEPOST_PROGRESS
        echo progress 4 >&3
        rm -r $(dirname $MILEPOST_PROGRESS)
        echo progress 5 >&3
        exec 3>&-
        echo progress 6 > $MILEPOST_PROGRESS || exit 0"))
        .unwrap();
    job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
    let snapshot = end(&job);
    assert_eq!((snapshot.state, snapshot.progress), (TaskState::Completed, Some(5.0)));
}

#[test]
fn a_grandchild_that_outlives_its_parent_is_killed() {
    let _alone = alone();
    for script in [
        "sleep 1000 & echo $!",
        "sleep 1000 >/dev/null 2>&1 & echo $!",
        "(trap '' TERM HUP; sleep 1000) & echo $!",
    ] {
        let (job, _lines, pids) = start(sh(script));
        assert_eq!(end(&job).state, TaskState::Completed);
        until_none(|| pids.iter().filter(|pid| lives(pid)).collect());
        assert_eq!(children(), [0; 0]);
    }
}

#[test]
fn a_process_that_has_left_the_group_and_floods_does_not_keep_the_task() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let script = "setsid sh -c 'echo $$ $PPID; read go < gate; exec yes' & wait";
    let (job, mut lines, pids) = start(sh(script).current_dir(directory.path()));
    fs::write(gate, "go\n").unwrap();
    let line = within(move || lines.blocking_next()).unwrap();
    assert_eq!(line.text, "y");
    kill(pids[1]);
    assert_eq!(end(&job).state, TaskState::Failed);
    // It ends by itself, since nobody reads any more.
    until_none(|| pids.iter().filter(|pid| lives(pid)).collect());
}

#[test]
fn a_thousand_programs_leave_nothing_behind() {
    let _alone = alone();
    let scheduler = LocalScheduler::new(64).unwrap();
    let run = |programs: usize| {
        let job = Job::builder("job").keep_failures(1).build().unwrap();
        for n in 0..programs {
            let command = match n % 4 {
                0 => sh("sleep 1000 & exit 0"),
                1 => sh("cat >/dev/null; exit 1").stdin("words"),
                2 => Command::new("no-such-program"),
                _ => sh("echo progress 1 > $MILEPOST_PROGRESS"),
            };
            job.add_task(command).unwrap();
        }
        job.submit(&scheduler).unwrap();
        let summary = within(move || job.wait_until_done().blocking()).unwrap();
        assert_eq!(summary.state, JobState::Failed);
        assert_eq!((summary.counts.completed(), summary.counts.failed()), {
            (programs / 2, programs / 2)
        });
    };
    run(64);
    let before = descriptors();
    run(1000);
    assert_eq!(children(), [0; 0]);
    assert_eq!(descriptors(), before);
}

/// Says to this program that it is to be the parent that is killed, and how many programs to run at a time.
const PARENT: &str = "MILEPOST_TEST_PARENT";

/// No test: what a killed parent does before it is killed.
#[test]
fn parent() {
    let Ok(concurrency) = std::env::var(PARENT) else { return };
    let job = Job::new("job");
    let mut lines = Vec::new();
    for n in 0..10_000 {
        let mut command = match n % 4 {
            0 => sh("sleep 1000 & echo $$ $!; wait"),
            1 => sh(
                "trap '' TERM HUP; kill -TERM 0; kill -HUP 0; (sleep 1000; :) & echo $$ $!; while :; do sleep 1000; done",
            ),
            2 => sh("sleep 1000 >/dev/null 2>&1 & echo $$ $!"),
            _ => sh("echo $$"),
        };
        if lines.len() < 100 {
            lines.push(command.lines());
        }
        job.add_task(command).unwrap();
    }
    job.submit(&LocalScheduler::new(concurrency.parse().unwrap()).unwrap()).unwrap();
    for mut lines in lines {
        std::thread::spawn(move || {
            while let Some(line) = lines.blocking_next() {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "pids {}", line.text);
            }
        });
    }
    job.wait_until_done().blocking().unwrap();
}

/// Starts the parent, with `directory` for its temporary files.
fn start_parent(directory: &Path, concurrency: usize) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent", "--nocapture"])
        .env(PARENT, concurrency.to_string())
        .env("TMPDIR", directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Processes that were started by a parent with this directory, in whatever generation.
fn descendants(directory: &Path) -> Vec<u32> {
    let name = directory.to_str().unwrap().as_bytes();
    let has = |pid: &u32, file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        bytes.windows(name.len()).any(|window| window == name)
    };
    let is_one = |pid: &u32| lives(pid) && (has(pid, "environ") || has(pid, "cmdline"));
    processes().into_iter().filter(is_one).collect()
}

#[test]
fn nothing_outlives_a_parent_that_is_killed() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let mut parent = start_parent(directory.path(), 16);
    let mut out = BufReader::new(parent.stdout.take().unwrap());
    let mut seen = BTreeSet::new();
    let mut line = String::new();
    while seen.len() < 50 {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the parent has ended");
        seen.extend(line.trim().strip_prefix("pids ").map(pids).unwrap_or_default());
    }
    assert!(descendants(directory.path()).len() > 16);
    kill(parent.id());
    parent.wait().unwrap();
    until_none(|| seen.iter().filter(|pid| lives(pid)).collect());
    until_none(|| descendants(directory.path()));
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nothing_outlives_a_parent_that_is_killed_as_it_starts_programs() {
    let _alone = alone();
    for n in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let mut parent = start_parent(directory.path(), 64);
        let mut out = BufReader::new(parent.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("pids ") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "the parent has ended");
        }
        // Spread over the time in which it starts the programs.
        pause(Duration::from_micros(3_700) * n);
        parent.kill().unwrap();
        parent.wait().unwrap();
        until_none(|| descendants(directory.path()));
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().flatten().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
