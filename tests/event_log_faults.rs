//! Writers that are killed, and files that are damaged: what was flushed is there, what isn't sound is told of once and by
//! its line, and a writer that comes after goes on behind it.

#![cfg(all(unix, feature = "event-log"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};

use common::logs::{append, folder, read, sample, told};
use common::within;
use milepost::event_log::{Follower, ReadError, Reader, Writer, replay};
use milepost::{Job, JobId};

/// Says to this program that it is to be the writer that is killed: of which log, and when parts are full.
const WRITER: &str = "MILEPOST_TEST_WRITER";
const FULL: &str = "MILEPOST_TEST_FULL";

/// No test: what a killed writer does before it is killed. After each flush it says how far each job was flushed.
#[test]
fn writer() {
    let Ok(path) = std::env::var(WRITER) else { return };
    let full = std::env::var(FULL).unwrap().parse().unwrap();
    let log = Writer::builder().rotate_at(full).open(path).unwrap();
    let mut jobs: Vec<Job> = Vec::new();
    for n in 0.. {
        if n % 7 == 0 {
            let job = Job::new(n.to_string());
            log.add(&job);
            jobs.push(job);
            if jobs.len() > 4 {
                drop(jobs.remove(0));
            }
        }
        for job in &jobs {
            for task in 0..n % 5 {
                job.reporter(format!("{n} {task}")).unwrap().run_blocking(|_| Ok(())).unwrap();
            }
        }
        let seqs: Vec<_> = jobs.iter().map(|job| (job.id(), job.last_seq())).collect();
        log.flush().blocking().unwrap();
        let flushed: Vec<_> = seqs.iter().map(|(job, seq)| format!("{job} {seq}")).collect();
        // One write, which arrives as a whole or not at all.
        let line = format!("flushed {}\n", flushed.join(" "));
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
        std::io::stdout().lock().flush().unwrap();
    }
}

fn start(path: &Path, full: u64) -> Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(WRITER, path)
        .env(FULL, full.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets it write until it has said `lines` times that it has flushed, kills it, and gives what it has said.
fn kill_after(mut child: Child, lines: usize, spins: u32) -> BTreeMap<JobId, u64> {
    let mut flushed = BTreeMap::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = 0;
    let mut line = String::new();
    let mut killed = false;
    loop {
        line.clear();
        if out.read_line(&mut line).unwrap() == 0 {
            break;
        }
        let said = line.find("flushed ").filter(|_| line.ends_with('\n'));
        if let Some(at) = said {
            told += 1;
            let words: Vec<&str> = line[at..].split_whitespace().skip(1).collect();
            for pair in words.chunks(2) {
                flushed.insert(pair[0].parse().unwrap(), pair[1].parse().unwrap());
            }
        }
        if told >= lines && !killed {
            for _ in 0..spins * 1000 {
                std::hint::spin_loop();
            }
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    flushed
}

/// What was said to be flushed is there, each job without a gap, and each event once; problems are only where a writer was
/// killed.
fn check(path: &Path, flushed: &BTreeMap<JobId, u64>, kills: usize) {
    let mut events: BTreeMap<JobId, Vec<u64>> = BTreeMap::new();
    let mut problems = 0;
    for entry in Reader::open(path).unwrap() {
        match entry {
            Ok(entry) => {
                if let Some((job, Some(seq))) =
                    entry.event().map(|event| (event.job(), event.seq()))
                {
                    events.entry(job).or_default().push(seq);
                }
            }
            Err(ReadError::Torn { .. } | ReadError::Damaged { .. }) => problems += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(problems <= kills, "{problems} problems of {kills} kills");
    for (job, seqs) in &events {
        let dense: Vec<u64> = (1..=seqs.len() as u64).collect();
        assert_eq!(*seqs, dense, "of {job}");
    }
    for (job, seq) in flushed {
        let there = events.get(job).map_or(0, Vec::len) as u64;
        assert!(there >= *seq, "{job}: {there} of {seq} that were flushed");
    }
    let replay = replay(path).unwrap();
    assert!(replay.jobs().all(|job| replay.missing(job) == Some(0)));
}

/// Each log is written, killed, gone on with, and killed again.
fn kill_writers(full: u64, logs: usize) {
    for n in 0..logs {
        let (_folder, path) = folder();
        let mut flushed = BTreeMap::new();
        for kill in 1..=5 {
            // Each part is a file to be read, which takes a while where there are hundreds.
            let lines = (n * 7 + kill * 3) % if full == u64::MAX { 23 } else { 5 };
            let child = start(&path, full);
            let said = within(move || kill_after(child, lines, (n * 37 + kill * 11) as u32 % 97));
            flushed.extend(said);
            if path.exists() {
                check(&path, &flushed, kill);
            }
        }
        let log = Writer::open(&path).unwrap();
        let job = Job::new("after");
        log.add(&job);
        drop(job);
        log.close().blocking().unwrap();
        check(&path, &flushed, 5);
        let last = replay(&path).unwrap().snapshots().last().unwrap();
        assert_eq!((&*last.name, last.state.is_terminal()), ("after", true));
        let mut follower = Follower::new(&path);
        let followed = told(std::iter::from_fn(|| follower.try_next()));
        assert_eq!(followed.events, read(&path).events);
    }
}

#[test]
fn what_was_flushed_survives_a_hundred_kills() {
    kill_writers(u64::MAX, 20);
}

#[test]
fn what_was_flushed_survives_a_hundred_kills_while_parts_are_turned_over() {
    kill_writers(2_000, 20);
}

#[test]
fn a_writer_that_was_killed_as_it_turned_over_is_gone_on_with() {
    let (folder, path) = folder();
    let log = Writer::builder().rotate_at(1000).open(&path).unwrap();
    let job = Job::new("job");
    log.add(&job);
    for n in 0..5 {
        job.reporter(n.to_string()).unwrap().run_blocking(|_| Ok(())).unwrap();
        log.flush().blocking().unwrap();
    }
    let before = read(&path);
    let last = *before.parts.last().unwrap();
    log.close().blocking().unwrap();
    let full = folder.path().join(format!("events.log.{last}"));
    for begun in [None, Some(0), Some(1), Some(30)] {
        // It was moved, and the next part isn't there, or only its beginning.
        if path.exists() {
            fs::rename(&path, &full).unwrap();
        }
        let head = fs::read(&full).unwrap();
        if let Some(begun) = begun {
            fs::write(&path, &head[..begun]).unwrap();
        }
        let seen = read(&path);
        assert_eq!(seen.events, before.events, "{begun:?}");
        let mut follower = Follower::from_now(&path).unwrap();
        let old = follower.cursor();
        let log = Writer::builder().rotate_at(1000).open(&path).unwrap();
        let other = Job::new("other");
        log.add(&other);
        log.flush().blocking().unwrap();
        let seen = read(&path);
        assert_eq!(seen.parts, (1..=last + 1).collect::<Vec<_>>());
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        assert_eq!(told(std::iter::from_fn(|| follower.try_next())).parts, [last + 1], "{old}");
        log.close().blocking().unwrap();
        fs::remove_file(&path).unwrap();
    }
}

/// A new file, since some file systems wait for the disk when one is written anew.
fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    let _ = fs::remove_file(path);
    append(path, bytes);
}

#[test]
fn a_log_that_is_cut_anywhere_is_read_up_to_there_and_gone_on_with() {
    let (_folder, path) = folder();
    let lines = sample(6);
    let bytes = lines.concat();
    let last: usize = lines[lines.len() - 3..].iter().map(Vec::len).sum();
    let cuts = (bytes.len() - last..bytes.len()).chain((0..100).map(|n| (n * 7919) % bytes.len()));
    for cut in cuts {
        put(&path, &bytes[..cut]);
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        let torn = cut > 0 && bytes[cut - 1] != b'\n';
        let seen = read(&path);
        let expected: &[String] = if torn { &[format!("Torn {}", whole + 1)] } else { &[] };
        assert_eq!(seen.problems, expected, "cut at {cut}");
        assert_eq!(seen.events.len() + seen.described + seen.parts.len(), whole);
        let mut follower = Follower::new(&path);
        let followed = told(std::iter::from_fn(|| follower.try_next()));
        assert_eq!((followed.events.len(), followed.problems.len()), (seen.events.len(), 0));
        let log = Writer::open(&path).unwrap();
        let job = Job::new("after");
        log.add(&job);
        drop(job);
        log.close().blocking().unwrap();
        let after = read(&path);
        // A line of which only the end is missing, or the whole first line, is no loss.
        let is_whole = bytes[cut] == b'\n';
        let is_damaged = torn && whole > 0 && !is_whole;
        let expected: &[String] =
            if is_damaged { &[format!("Damaged {}", whole + 1)] } else { &[] };
        assert_eq!(after.problems.len(), expected.len(), "cut at {cut}: {:?}", after.problems);
        assert_eq!(after.problems, expected);
        assert!(after.described >= 1 && after.events.len() > seen.events.len());
        let followed = told(std::iter::from_fn(|| follower.try_next()));
        assert_eq!(followed.problems, expected, "cut at {cut}");
        assert_eq!(followed.events.len() + seen.events.len(), after.events.len());
    }
}

#[test]
fn a_byte_that_has_changed_costs_its_line_at_most() {
    let (_folder, path) = folder();
    let lines = sample(6);
    let bytes = lines.concat();
    let events = lines.len() - 2;
    for n in 0..1000usize {
        let at = (n * 104_729) % bytes.len();
        let mut spoiled = bytes.clone();
        spoiled[at] ^= 1 << (n % 8);
        put(&path, &spoiled);
        let seen = read(&path);
        // Its line, or two lines that became one.
        assert!(seen.problems.len() <= 2, "byte {at}: {:?}", seen.problems);
        assert!(seen.events.len() + 2 >= events, "byte {at}: {} events", seen.events.len());
        assert!(replay(&path).unwrap().snapshots().count() <= 2);
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        for problem in &seen.problems {
            let named =
                [line + 1, line + 2].iter().any(|line| problem.ends_with(&format!(" {line}")));
            assert!(
                named || problem.starts_with("Newer"),
                "byte {at} of line {}: {problem}",
                line + 1
            );
        }
    }
}

#[test]
fn what_a_loss_of_power_leaves_is_passed_over() {
    let (_folder, path) = folder();
    let lines = sample(6);
    let bytes = lines.concat();
    for (kept, zeros) in
        [(bytes.len(), 4096), (bytes.len() - 100, 4096), (1000, 1 << 20), (bytes.len(), 40 << 20)]
    {
        put(&path, [&bytes[..kept], &vec![0; zeros]].concat());
        let whole = bytes[..kept].iter().filter(|byte| **byte == b'\n').count();
        let seen = read(&path);
        assert_eq!(seen.problems, [format!("Torn {}", whole + 1)]);
        let log = Writer::open(&path).unwrap();
        let job = Job::new("after");
        log.add(&job);
        drop(job);
        log.close().blocking().unwrap();
        let after = read(&path);
        let name = if zeros > 32 << 20 { "TooLong" } else { "Damaged" };
        assert_eq!(after.problems, [format!("{name} {}", whole + 1)]);
        assert!(after.events.len() > seen.events.len());
    }
    // In the midst, where a block was not written and those behind it were.
    let mut holed = bytes.clone();
    holed[600..1100].fill(0);
    put(&path, &holed);
    let seen = read(&path);
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
    assert!(seen.events.len() + 6 > lines.len() - 2);
}
