//! The event log at its edges: several logs in one file, writers that died or are dropped where they shouldn't be, wakers
//! and outputs that misbehave.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::within;
use futures::Stream;
use milepost::event_log::{Entry, Follower, ReadError, Reader, Writer, replay};
use milepost::{EventKind, Job, ManualClock};

/// Writes a log of one job with one task.
fn write_log(path: &Path) {
    let log = Writer::open(path).unwrap();
    let job = Job::new("job");
    log.add(&job);
    job.reporter("a").unwrap().run_blocking(|_| Ok(())).unwrap();
    drop(job);
    log.close().blocking().unwrap();
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A line that is no event of a job, to be appended.
fn some_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    format!("{}\n", text.lines().nth(1).unwrap())
}

#[test]
fn logs_in_one_file_are_read_once_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other, all, headless] =
        ["1", "2", "all", "headless"].map(|name| folder.path().join(name));
    write_log(&one);
    write_log(&other);
    let (one, other) = (fs::read_to_string(one).unwrap(), fs::read_to_string(other).unwrap());
    let lines = one.lines().count() + other.lines().count();
    fs::write(&all, format!("{one}{other}")).unwrap();
    let read: Vec<_> = Reader::open(&all).unwrap().take(100).collect();
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert_eq!(read.len(), lines);
    // What is before the first line of a log is told, and no more.
    fs::write(&headless, format!("no event\n{one}")).unwrap();
    let read: Vec<_> = Reader::open(&headless).unwrap().take(100).collect();
    assert!(matches!(read[0], Err(ReadError::Damaged { line: 1, .. })), "{read:?}");
    assert!(read[1..].iter().all(Result::is_ok), "{read:?}");
    assert_eq!(read.len(), 1 + one.lines().count());
}

#[test]
fn a_first_line_that_was_cut_short_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    fs::write(&path, r#"{"event":"log_opened","version":1,"lo"#).unwrap();
    write_log(&path);
    write_log(&path);
    let read: Vec<_> = Reader::open(&path).unwrap().take(100).collect();
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    assert_eq!(replay(&path).unwrap().jobs().count(), 2);
}

#[test]
fn a_log_whose_writer_died_between_two_parts_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let part = |n: u32| folder.path().join(format!("events.log.{n}"));
    write_log(&path);
    // As a writer leaves it that is killed as it turns over: the next part isn't there, or has no line.
    fs::rename(&path, part(1)).unwrap();
    write_log(&path);
    fs::rename(&path, part(2)).unwrap();
    fs::write(&path, "").unwrap();
    let before = [1, 2].map(|n| fs::read_to_string(part(n)).unwrap());
    let log = Writer::builder().rotate_at(1).open(&path).unwrap();
    let job = Job::new("job");
    log.add(&job);
    for name in ["a", "b", "c"] {
        job.reporter(name).unwrap().run_blocking(|_| Ok(())).unwrap();
        log.flush().blocking().unwrap();
    }
    log.close().blocking().unwrap();
    assert_eq!([1, 2].map(|n| fs::read_to_string(part(n)).unwrap()), before);
    let replay = replay(&path).unwrap();
    assert!(replay.problems().is_empty(), "{:?}", replay.problems());
    assert_eq!(replay.jobs().count(), 3);
}

/// A waker that does something once.
struct Does(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Does {
    fn waker(what: impl FnOnce() + Send + 'static) -> Waker {
        Waker::from(Arc::new(Does(Mutex::new(Some(Box::new(what))))))
    }
}

impl Wake for Does {
    fn wake(self: Arc<Self>) {
        let what = self.0.lock().unwrap().take();
        if let Some(what) = what {
            what();
        }
    }
}

/// Waits for the log's next entry by `waker`, and by that alone: time stands still.
fn wait(follower: &mut Follower, waker: &Waker) {
    let mut cx = Context::from_waker(waker);
    assert!(Pin::new(follower).poll_next(&mut cx).is_pending());
}

fn follow(path: &Path) -> Follower {
    Follower::from_now(path).unwrap().clock(ManualClock::new().clock())
}

#[test]
fn a_waker_may_panic_or_drop_a_follower() {
    within(|| {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let paths = folders.each_ref().map(|folder| folder.path().join("events.log"));
        paths.iter().for_each(|path| write_log(path));
        let line = some_line(&paths[0]);
        let (tell, told) = mpsc::channel();
        for panics in [true, false] {
            let mut follower = follow(&paths[0]);
            let dropped = follow(&paths[1]);
            let first = tell.clone();
            let waker = Does::waker(move || {
                drop(dropped);
                first.send(()).unwrap();
                assert!(!panics, "as it is tested");
            });
            wait(&mut follower, &waker);
            append(&paths[0], &line);
            told.recv().unwrap();
            // Nobody else has noticed.
            for path in &paths {
                let mut other = follow(path);
                let tell = tell.clone();
                wait(&mut other, &Does::waker(move || tell.send(()).unwrap()));
                append(path, &line);
                told.recv().unwrap();
                assert!(matches!(other.try_next(), Some(Ok(Entry::Job(_)))));
            }
        }
    });
}

#[test]
fn a_waker_may_drop_the_last_follower_of_a_folder() {
    within(|| {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let paths = folders.each_ref().map(|folder| folder.path().join("events.log"));
        paths.iter().for_each(|path| write_log(path));
        let mut follower = follow(&paths[0]);
        let mut dropped = follow(&paths[1]);
        wait(&mut dropped, Waker::noop());
        let (tell, told) = mpsc::channel();
        let waker = Does::waker(move || {
            drop(dropped);
            tell.send(()).unwrap();
        });
        wait(&mut follower, &waker);
        append(&paths[0], &some_line(&paths[0]));
        told.recv().unwrap();
    });
}

#[test]
fn a_follower_that_is_to_look_all_the_time_lets_others_run() {
    within(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut follower =
            Follower::new(folder.path().join("events.log")).look_every(Duration::ZERO);
        wait(&mut follower, Waker::noop());
        assert!(follower.blocking_next_timeout(Duration::from_millis(5)).is_none());
    });
}

/// An output whose writes are stopped or panic, but for the first line.
struct Gate {
    begun: bool,
    opens: Option<mpsc::Receiver<()>>,
    panics: Arc<AtomicBool>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.begun, true) {
            self.opens.take().into_iter().for_each(|opens| opens.recv().unwrap());
            assert!(!self.panics.swap(false, Ordering::Relaxed), "as it is tested");
        }
        self.written.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn to_close_the_last_handle_returns_before_all_is_written() {
    within(|| {
        let (open, opens) = mpsc::channel();
        let written = Arc::default();
        let gate = Gate {
            begun: false,
            opens: Some(opens),
            panics: Arc::default(),
            written: Arc::clone(&written),
        };
        let log = Writer::builder().to(gate).unwrap();
        log.add(&Job::new("job"));
        let closing = log.close();
        open.send(()).unwrap();
        closing.blocking().unwrap();
        assert!(
            String::from_utf8(written.lock().unwrap().clone()).unwrap().contains("job_completed")
        );
    });
}

#[test]
fn an_output_that_panics_has_failed_to_write() {
    within(|| {
        let (written, panics) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        let gate = Gate {
            begun: false,
            opens: None,
            panics: panics.clone(),
            written: Arc::clone(&written),
        };
        // Time stands still: nothing but the flush tries again.
        let log = Writer::builder().clock(ManualClock::new().clock()).to(gate).unwrap();
        log.add(&Job::new("job"));
        while panics.load(Ordering::Relaxed) {
            _ = log.flush().blocking();
        }
        log.flush().blocking().unwrap();
        assert!(
            String::from_utf8(written.lock().unwrap().clone()).unwrap().contains("job_completed")
        );
    });
}

#[test]
fn a_writer_may_be_dropped_by_its_own_thread() {
    within(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.log");
        let clock = ManualClock::new();
        let log = Writer::builder().clock(clock.clock()).open(&path).unwrap();
        let job = Job::new("job");
        log.add(&job);
        // From now on it waits for the clock.
        log.flush().blocking().unwrap();
        // The writer is the last to have the job, whose task's output is the writer.
        job.reporter("a").unwrap().run_blocking(move |_| Ok(log)).unwrap();
        drop(job);
        clock.advance(Duration::from_secs(1));
        while Writer::open(&path).is_err() {
            clock.advance(Duration::from_secs(1));
        }
    });
}

#[test]
fn a_job_is_let_go_of_at_its_end_also_if_that_is_not_written() {
    within(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.log");
        let (clock, output) = (ManualClock::new(), Arc::new(()));
        let builder = Writer::builder().only([EventKind::TaskCompleted]).clock(clock.clock());
        let log = builder.open(&path).unwrap();
        let (job, kept) = (Job::new("job"), output.clone());
        log.add(&job);
        job.reporter("a").unwrap().run_blocking(move |_| Ok(kept)).unwrap();
        // All that is to be written is.
        log.flush().blocking().unwrap();
        drop(job);
        while Arc::strong_count(&output) > 1 {
            clock.advance(Duration::from_secs(1));
            std::thread::yield_now();
        }
    });
}

#[test]
fn who_follows_from_now_on_between_two_parts_reads_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    write_log(&path);
    fs::rename(&path, folder.path().join("events.log.1")).unwrap();
    let mut follower = Follower::from_now(&path).unwrap();
    assert!(follower.try_next().is_none());
    write_log(&path);
    let entries: Vec<Entry> =
        std::iter::from_fn(|| follower.try_next()).map(Result::unwrap).collect();
    assert!(matches!(&entries[0], Entry::Opened(opened) if opened.part == 2), "{entries:?}");
    assert_eq!(entries.len(), fs::read_to_string(&path).unwrap().lines().count());
}

#[test]
fn parts_that_are_newer_than_the_file_are_read_once_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let part = |n: u32| folder.path().join(format!("events.log.{n}"));
    let log = Writer::builder().rotate_at(1).open(&path).unwrap();
    let job = Job::new("job");
    log.add(&job);
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        job.reporter(name).unwrap().run_blocking(|_| Ok(())).unwrap();
        log.flush().blocking().unwrap();
    }
    log.close().blocking().unwrap();
    assert!(part(6).exists());
    // As if an old file was put back.
    fs::rename(part(3), &path).unwrap();
    [2, 4].into_iter().for_each(|n| fs::remove_file(part(n)).unwrap());
    let read: Vec<_> = Reader::open(&path).unwrap().take(200).collect();
    assert!(read.len() < 200, "{:?}", &read[100..]);
    assert!(
        read.iter()
            .any(|entry| matches!(entry, Err(ReadError::PartsMissing { first: 2, last: 2, .. })))
    );
}

/// Writes a job each minute, each to parts of its own.
fn write_jobs(path: &Path, clock: &ManualClock, jobs: u32) {
    let log = Writer::builder().rotate_at(1).clock(clock.clock()).open(path).unwrap();
    for _ in 0..jobs {
        let job = Job::new("job");
        log.add(&job);
        drop(job);
        log.flush().blocking().unwrap();
        clock.advance(Duration::from_secs(60));
    }
    log.close().blocking().unwrap();
}

#[test]
fn each_part_says_when_it_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    write_jobs(&path, &ManualClock::new(), 4);
    let begun = Reader::open(&path).unwrap().filter_map(|entry| match entry.unwrap() {
        Entry::Opened(opened) => Some(opened.at),
        _ => None,
    });
    let begun: Vec<_> = begun.collect();
    assert!(begun.is_sorted(), "{begun:?}");
    assert_eq!(begun.last(), Some(&(begun[0] + Duration::from_secs(180))));
}

#[test]
fn a_clock_that_is_set_back_mixes_up_no_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let later = ManualClock::new();
    later.advance(Duration::from_secs(3_600));
    write_jobs(&path, &later, 3);
    write_jobs(&path, &ManualClock::new(), 3);
    // As a writer leaves it that is killed as it turns over.
    let last = (1..).find(|n| !folder.path().join(format!("events.log.{n}")).exists()).unwrap();
    fs::rename(&path, folder.path().join(format!("events.log.{last}"))).unwrap();
    write_jobs(&path, &ManualClock::new(), 3);
    let replay = replay(&path).unwrap();
    assert!(replay.problems().is_empty(), "{:?}", replay.problems());
    assert_eq!(replay.jobs().count(), 9);
}

#[cfg(unix)]
#[test]
fn parts_are_where_a_link_leads_to_and_the_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (path, disk) = (folder.path().join("events.log"), folder.path().join("disk"));
    fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink("disk/real.log", &path).unwrap();
    let log = Writer::builder().rotate_at(1).keep(2).open(&path).unwrap();
    for _ in 0..6 {
        let job = Job::new("job");
        log.add(&job);
        drop(job);
        log.flush().blocking().unwrap();
    }
    log.close().blocking().unwrap();
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("disk/real.log"));
    let beside = |folder: &Path| fs::read_dir(folder).unwrap().count();
    assert_eq!((beside(folder.path()), beside(&disk)), (2, 3));
    // By either name.
    let read = [path, disk.join("real.log")].map(|path| Reader::open(path).unwrap().count());
    assert!(read[0] > 6 && read[0] == read[1], "{read:?}");
}

#[test]
fn many_jobs_that_rest_do_not_have_each_batch_turned_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.log");
    let log = Writer::builder().rotate_at(10_000).open(&path).unwrap();
    let resting: Vec<Job> = (0..500).map(|n| Job::new(format!("job {n}"))).collect();
    resting.iter().for_each(|job| log.add(job));
    let job = Job::new("busy");
    log.add(&job);
    for n in 0..200 {
        job.reporter(n.to_string()).unwrap().run_blocking(|_| Ok(())).unwrap();
        log.flush().blocking().unwrap();
    }
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap());
    let lengths: Vec<u64> = files.map(|file| file.metadata().unwrap().len()).collect();
    let events: usize = Reader::open(&path)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().event().map(|event| serde_json::to_vec(event).unwrap().len())
        })
        .sum();
    assert!(lengths.len() > 2, "{lengths:?}");
    let all: u64 = lengths.iter().sum();
    assert!(all < 3 * events as u64 + 100_000, "{all} bytes for {events} of events: {lengths:?}");
}
