//! Files that are no event logs, or not any more: readers say so, in which line, and read the rest; writers refuse what
//! isn't theirs, and lose nothing while there is no room.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::logs::{Told, add_tasks, check_rest, folder, read, sample, told};
use common::{job, ms, within};
use milepost::event_log::{Follower, OpenError, Reader, Writer, replay};
use milepost::{Job, ManualClock, TaskError, TaskState};
use parking_lot::Mutex;

fn refused(path: &Path) -> String {
    let before = fs::read(path).ok();
    let error = Writer::open(path).unwrap_err();
    assert_eq!(fs::read(path).ok(), before, "it is as it was");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    format!("{error:?}").split(' ').next().unwrap().into()
}

#[test]
fn junk_is_passed_over_and_not_written_to() {
    let (_folder, path) = folder();
    let junk: Vec<u8> =
        (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&path, &junk).unwrap();
    let seen = read(&path);
    assert_eq!(seen.events.len(), 0);
    assert!(seen.problems.len() > 100);
    assert_eq!(refused(&path), "OtherFile");
    for text in ["words\n", "words", "{}\n", "[1, 2]\n", "\n\n", "{\"event\":1}\n", "\0\0\0\0"] {
        fs::write(&path, text).unwrap();
        assert_eq!(refused(&path), "OtherFile", "{text:?}");
        let seen = read(&path);
        assert_eq!(seen.events.len() + seen.parts.len(), 0);
        assert!(seen.problems.len() <= 1, "{text:?}: {seen:?}");
    }
    let lines = sample(2);
    fs::write(&path, [&junk[..1000], b"\n", &lines.concat()].concat()).unwrap();
    let seen = read(&path);
    assert_eq!((seen.events.len(), seen.parts.len()), (lines.len() - 2, 1));
    assert!(
        told(Reader::open(&path).unwrap()) == seen,
        "it has an end, and the same one each time"
    );
}

#[test]
fn what_cannot_be_opened_is_told() {
    let (folder, path) = folder();
    assert!(matches!(Reader::open(folder.path()).unwrap_err(), OpenError::Directory { .. }));
    assert!(matches!(Writer::open(folder.path()).unwrap_err(), OpenError::Directory { .. }));
    assert!(matches!(Follower::from_now(folder.path()).unwrap_err(), OpenError::Directory { .. }));
    let mut follower = Follower::new(folder.path());
    assert!(follower.try_next().unwrap().is_err());
    assert!(follower.try_next().is_none(), "once, until it is looked at again");
    let through = path.join("events.log");
    fs::write(&path, "a file").unwrap();
    for path in [&through, &folder.path().join("none/events.log")] {
        assert!(matches!(Writer::open(path).unwrap_err(), OpenError::Io { .. }));
        assert!(matches!(replay(path).unwrap_err(), OpenError::Io { .. }));
    }
    #[cfg(unix)]
    {
        let looped = folder.path().join("loop");
        std::os::unix::fs::symlink(&looped, &looped).unwrap();
        assert!(matches!(Writer::open(&looped).unwrap_err(), OpenError::Io { .. }));
        assert!(matches!(Reader::open(&looped).unwrap_err(), OpenError::Io { .. }));
        let mut follower = Follower::new(&looped);
        assert!(follower.try_next().unwrap().is_err());
    }
}

#[test]
fn an_empty_file_is_a_log_to_be() {
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    assert!(read(&path) == Told::default());
    let log = Writer::open(&path).unwrap();
    assert!(matches!(Writer::open(&path).unwrap_err(), OpenError::InUse { .. }));
    assert_eq!(read(&path).parts, [1]);
    drop(log);
    let log = Writer::open(&path).unwrap();
    assert_eq!(read(&path).parts, [1]);
    log.close().blocking().unwrap();
}

#[test]
fn a_first_line_that_was_cut_short_is_made_anew() {
    let (_folder, path) = folder();
    let lines = sample(1);
    for cut in 0..lines[0].len() {
        fs::write(&path, &lines[0][..cut]).unwrap();
        let mut follower = Follower::new(&path);
        assert!(follower.try_next().is_none());
        let log = Writer::open(&path).unwrap();
        let (job, _clock) = job();
        log.add(&job);
        log.close().blocking().unwrap();
        let seen = read(&path);
        assert_eq!(
            (seen.parts, seen.described, seen.problems.len()),
            (vec![1], 1, 0),
            "cut at {cut}"
        );
        assert_eq!(told(std::iter::from_fn(|| follower.try_next())).parts, [1]);
    }
}

#[test]
fn a_newer_log_is_read_and_not_written() {
    let (_folder, path) = folder();
    let lines = sample(3);
    let newer =
        String::from_utf8(lines[0].clone()).unwrap().replace("\"version\":1", "\"version\":2");
    fs::write(&path, [newer.as_bytes(), &lines[1..].concat()].concat()).unwrap();
    check_rest(&path, &lines, &["Newer 2"]);
    assert_eq!(refused(&path), "Newer");
}

#[test]
fn the_form_of_a_line_is_free() {
    let (_folder, path) = folder();
    let lines = sample(4);
    let mut other = b"\xEF\xBB\xBF".to_vec();
    for (n, line) in lines.iter().enumerate() {
        let text = String::from_utf8(line.clone()).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["unknown"] = serde_json::json!({ "deep": [1, 2, { "event": "task_added" }] });
        // Its keys are in the order of the alphabet.
        other.extend(match n % 2 {
            0 => value.to_string().into_bytes(),
            _ => [b"  ", text.trim_end().as_bytes(), b"\t"].concat(),
        });
        other.extend(b"\r\n\r\n \n");
        other.extend(
            b"{\"event\":\"task_praised\",\"task\":3}\n{\"event\":\"t\\u0061sk_praised\"}\n",
        );
    }
    fs::write(&path, other).unwrap();
    check_rest(&path, &lines, &[]);
    let crlf = String::from_utf8(lines.concat()).unwrap().replace('\n', "\r\n");
    fs::write(&path, format!("\u{feff}{crlf}\r\n")).unwrap();
    check_rest(&path, &lines, &[]);
    assert!(Writer::open(&path).is_ok());
}

#[test]
fn what_is_published_and_too_long_is_left_out() {
    let (_folder, path) = folder();
    let log = Writer::open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    let task = job.task("long").add_blocking(|cx| {
        cx.publish(&"x".repeat(40 << 20))?;
        Ok(())
    });
    drop(task.unwrap());
    job.submit(&common::Inline).unwrap();
    log.flush().blocking().unwrap();
    assert_eq!(read(&path).problems, [""; 0]);
    let replay = replay(&path).unwrap();
    let json = |snapshot| serde_json::to_string(&snapshot).unwrap();
    assert_eq!(json(replay.job(job.id()).unwrap()), json(job.snapshot()));
    assert!(fs::metadata(&path).unwrap().len() < 10_000);
}

#[test]
fn texts_that_are_too_long_are_cut_and_no_event_is_lost() {
    let (_folder, path) = folder();
    let log = Writer::open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    let task = job.reporter("talks").unwrap();
    task.running().unwrap();
    task.fail(TaskError::msg("ß".repeat(17 << 20))).unwrap();
    log.flush().blocking().unwrap();
    assert_eq!(read(&path).problems, [""; 0]);
    let replay = replay(&path).unwrap();
    assert_eq!(replay.missing(job.id()), Some(0));
    let snapshot = replay.job(job.id()).unwrap();
    assert_eq!(snapshot.tasks[0].state, TaskState::Failed);
    let error = snapshot.tasks[0].error.clone().unwrap();
    assert!(error.message.starts_with("ßß") && error.message.ends_with("ß…"));
    assert!(fs::metadata(&path).unwrap().len() < 1_000_000);
}

/// An output that has no room, as long as it is so; what it takes, it takes in small pieces.
#[derive(Clone, Default)]
struct Disk {
    full: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<u8>>>,
    /// None is 0.
    piece: Arc<AtomicUsize>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let piece = self.piece.load(Ordering::SeqCst);
        let taken = bytes.len().min(if piece == 0 { usize::MAX } else { piece });
        self.written.lock().extend(&bytes[..taken]);
        if piece > 0 && self.written.lock().len().is_multiple_of(3) {
            self.full.store(true, Ordering::SeqCst);
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn nothing_is_lost_while_there_is_no_room() {
    let (_folder, path) = folder();
    for piece in [0, 1, 77, 1000] {
        let disk = Disk::default();
        let clock = ManualClock::new();
        let log = Writer::builder().clock(clock.clock()).to(disk.clone()).unwrap();
        let (job, _clock) = job();
        log.add(&job);
        disk.piece.store(piece, Ordering::SeqCst);
        disk.full.store(true, Ordering::SeqCst);
        for _ in 0..5 {
            add_tasks(&job, 3);
            let error = log.flush().blocking().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            assert!(error.to_string().contains("could not be written"), "{error}");
        }
        let flushed = || {
            disk.full.store(false, Ordering::SeqCst);
            log.flush().blocking().is_ok()
        };
        // Each try goes on where the last one stopped.
        while !flushed() {}
        disk.piece.store(0, Ordering::SeqCst);
        fs::write(&path, &*disk.written.lock()).unwrap();
        let seen = read(&path);
        assert_eq!((seen.seqs(), seen.problems.len()), ((1..=job.last_seq()).collect(), 0));
        // It tries by itself, too.
        disk.full.store(true, Ordering::SeqCst);
        add_tasks(&job, 1);
        assert!(log.flush().blocking().is_err());
        let last = job.last_seq();
        let (written, full) = (disk.written.clone(), disk.full.clone());
        within(move || {
            let end = format!("\"seq\":{last},");
            while !String::from_utf8_lossy(&written.lock()).contains(&end) {
                full.store(false, Ordering::SeqCst);
                clock.advance(ms(1000));
                std::thread::yield_now();
            }
        });
        disk.full.store(true, Ordering::SeqCst);
        add_tasks(&job, 1);
        // It gives up when it is closed, and says so; who drops it isn't kept waiting.
        assert!(log.close().blocking().is_err());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_told_of() {
    let device = || fs::File::options().write(true).open("/dev/full").unwrap();
    assert!(matches!(Writer::builder().to(device()).unwrap_err(), OpenError::Io { .. }));
    assert!(matches!(Writer::open("/dev/full").unwrap_err(), OpenError::OtherFile { .. }));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_gone_on_with() {
    let (folder, _) = folder();
    let mount = folder.path().join("disk");
    fs::create_dir(&mount).unwrap();
    let run = |program: &str, args: &[&str]| {
        let mut command = std::process::Command::new(program);
        let output = command.args(args).arg(&mount).output();
        output.is_ok_and(|output| output.status.success())
    };
    // Only the system's administrator may.
    if !run("mount", &["-t", "tmpfs", "-o", "size=512k", "none"]) {
        return;
    }
    for rotated in [u64::MAX, 20_000] {
        let path = mount.join("events.log");
        let ballast = mount.join("ballast");
        let log = Writer::builder().rotate_at(rotated).open(&path).unwrap();
        let (job, _clock) = job();
        log.add(&job);
        add_tasks(&job, 5);
        log.flush().blocking().unwrap();
        let fill = fs::File::create(&ballast).unwrap();
        let mut rooms = 0;
        while (&fill).write_all(&[0; 1024]).is_ok() {
            rooms += 1;
        }
        assert!(rooms > 50);
        let mut refused = 0;
        for _ in 0..20 {
            add_tasks(&job, 5);
            refused += u32::from(log.flush().blocking().is_err());
        }
        assert!(refused > 10, "{refused}");
        let replayed = replay(&path).unwrap();
        assert!(
            replayed.problems().iter().all(|problem| problem.is_torn()),
            "{:?}",
            replayed.problems()
        );
        drop(fill);
        fs::remove_file(&ballast).unwrap();
        log.flush().blocking().unwrap();
        let seen = read(&path);
        assert_eq!(
            (seen.seqs(), seen.problems.len()),
            ((1..=job.last_seq()).collect(), 0),
            "{:?}",
            seen.problems
        );
        drop(log);
        for file in fs::read_dir(&mount).unwrap().flatten() {
            fs::remove_file(file.path()).unwrap();
        }
    }
    assert!(run("umount", &[]));
}

#[test]
fn the_last_writer_may_go_anywhere() {
    let (_folder, path) = folder();
    // In a runtime of one thread.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (job, _clock) = job();
    runtime.block_on(async {
        let log = Writer::open(&path).unwrap();
        log.add(&job);
        add_tasks(&job, 3);
        drop(log);
    });
    assert_eq!(read(&path).seqs(), (1..=job.last_seq()).collect::<Vec<_>>());
    // With a job that has it as an output, and that the writer is the last to know: on its own thread.
    let other = path.with_file_name("other.log");
    let log = Writer::open(&other).unwrap();
    let ends = Job::new("ends");
    log.add(&ends);
    let task = ends.reporter("b").unwrap();
    task.running().unwrap();
    task.complete(log.clone()).unwrap();
    drop((ends, task, log));
    // The file is let go of once the thread has ended.
    let reopened = within(move || {
        loop {
            match Writer::open(&other) {
                Err(OpenError::InUse { .. }) => std::thread::yield_now(),
                opened => return opened.map(|_| ()),
            }
        }
    });
    reopened.unwrap();
}

#[test]
fn a_closed_writer_says_so() {
    let (_folder, path) = folder();
    let log = Writer::open(&path).unwrap();
    let other = log.clone();
    let (job, _clock) = job();
    log.add(&job);
    log.close().blocking().unwrap();
    add_tasks(&job, 1);
    other.add(&job);
    let error = other.flush().blocking().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    assert!(other.clone().close().blocking().is_err());
    drop(other);
    assert_eq!(read(&path).events.len(), 0);
}

#[test]
fn jobs_are_added_whenever_and_wherever() {
    let (folder, path) = folder();
    let (log, second) = (Writer::open(&path).unwrap(), folder.path().join("second.log"));
    let both = Writer::open(&second).unwrap();
    let (job, _clock) = job();
    for _ in 0..3 {
        log.add(&job);
        both.add(&job);
        add_tasks(&job, 2);
    }
    let ended = Job::new("ended");
    add_tasks(&ended, 3);
    ended.submit(&common::Inline).unwrap();
    ended.wait_until_done().blocking().unwrap();
    log.add(&ended);
    let (id, ended_id) = (job.id(), ended.id());
    let expected = serde_json::to_string(&ended.snapshot()).unwrap();
    drop(ended);
    log.flush().blocking().unwrap();
    both.flush().blocking().unwrap();
    let replayed = replay(&path).unwrap();
    assert_eq!(serde_json::to_string(&replayed.job(ended_id).unwrap()).unwrap(), expected);
    for path in [&path, &second] {
        let seen = read(path);
        let of_job = seen.events.iter().filter(|(job, _)| *job == id).map(|(_, seq)| *seq);
        assert_eq!(of_job.collect::<Vec<_>>(), (1..=job.last_seq()).collect::<Vec<_>>());
    }
}

#[test]
fn a_writer_of_ten_thousand_jobs_stays_quick() {
    let (_folder, path) = folder();
    let log = Writer::open(&path).unwrap();
    let jobs: Vec<Job> = (0..10_000).map(|n| Job::new(n.to_string())).collect();
    let expected: usize = within(move || {
        for job in &jobs {
            log.add(job);
            add_tasks(job, 1);
        }
        log.flush().blocking().unwrap();
        let last = jobs.iter().map(|job| job.last_seq() as usize).sum();
        for job in jobs {
            drop(job);
        }
        log.close().blocking().unwrap();
        last
    });
    let seen = read(&path);
    // The ends, too.
    assert!(seen.events.len() > expected && seen.problems.is_empty());
    assert_eq!(replay(&path).unwrap().jobs().count(), 10_000);
}
