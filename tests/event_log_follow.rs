//! Following a log whatever is done to its files meanwhile: rotated, truncated, replaced, moved, made late; from any place
//! in it. What is not told by the system is found by looking.

#![cfg(feature = "event-log")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs;
use std::path::Path;

use common::logs::{Told, add_tasks, append, folder, head, name_of, sample, told};
use common::{job, ms, within};
use milepost::ManualClock;
use milepost::event_log::{Cursor, Follower, Reader, Writer, replay};

/// All that a follower has now.
fn now(follower: &mut Follower) -> Told {
    told(std::iter::from_fn(|| follower.try_next()))
}

/// Waits for so many events, by whatever wakes; problems are in between.
fn wait_for(mut follower: Follower, events: usize) -> (Follower, Told) {
    within(move || {
        let mut told = Told::default();
        while told.events.len() < events {
            told.take(follower.blocking_next());
        }
        (follower, told)
    })
}

/// A follower that nothing but a notification wakes.
fn only_notified(path: &Path) -> Follower {
    Follower::new(path).clock(ManualClock::new().clock())
}

fn numbers(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

#[test]
fn an_append_is_seen_without_waiting_for_the_next_look() {
    let (_folder, path) = folder();
    let lines = sample(20);
    let mut follower = only_notified(&path);
    for (n, line) in lines.iter().enumerate() {
        let mut left = None;
        let waits = std::thread::spawn(move || {
            let entry = follower.blocking_next();
            (follower, entry)
        });
        append(&path, line);
        follower = within(move || waits.join().unwrap().0);
        left = left.or(follower.try_next());
        assert!(left.is_none(), "line {n}");
    }
}

#[test]
fn a_look_from_time_to_time_finds_what_nobody_told() {
    // `/proc` tells of no changes; here, the follower's folder isn't there when it begins, and can't be watched.
    let (folder, _) = folder();
    let later = folder.path().join("later");
    let path = later.join("events.log");
    let clock = ManualClock::new();
    let mut follower = Follower::new(&path).clock(clock.clock()).look_every(ms(50));
    assert!(follower.try_next().is_none());
    let lines = sample(3);
    let waits = std::thread::spawn(move || {
        let entry = follower.blocking_next();
        (follower, entry)
    });
    fs::create_dir(&later).unwrap();
    append(&path, lines.concat());
    // It may not wait yet.
    let advances = std::thread::spawn(move || {
        within(move || {
            while !waits.is_finished() {
                clock.advance(ms(50));
                std::thread::yield_now();
            }
            waits.join().unwrap()
        })
    });
    let (mut follower, entry) = advances.join().unwrap();
    assert!(entry.is_ok());
    assert_eq!(now(&mut follower).events.len(), lines.len() - 2);
}

#[test]
fn nothing_comes_within_the_time() {
    let (_folder, path) = folder();
    let clock = ManualClock::new();
    let mut follower = Follower::new(&path).clock(clock.clock());
    let waits = std::thread::spawn(move || follower.blocking_next_timeout(ms(1500)).is_none());
    let is_none = within(move || {
        while !waits.is_finished() {
            clock.advance(ms(100));
            std::thread::yield_now();
        }
        waits.join().unwrap()
    });
    assert!(is_none);
    let mut follower = Follower::new(&path);
    assert!(follower.blocking_next_timeout(ms(0)).is_none());
}

#[test]
fn it_follows_through_small_parts_as_they_are_made() {
    let (folder, path) = folder();
    let log = Writer::builder().rotate_at(700).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    let follower = only_notified(&path);
    let writes = std::thread::spawn(move || {
        for n in 0..200 {
            job.reporter(n.to_string()).unwrap().run_blocking(|_| Ok(())).unwrap();
            if n % 2 == 0 {
                log.flush().blocking().unwrap();
            }
        }
        log.flush().blocking().unwrap();
        (job, log)
    });
    let (follower, seen) = wait_for(follower, 800);
    let (job, _log) = writes.join().unwrap();
    let last = job.last_seq();
    let (_follower, more) = wait_for(follower, last as usize - seen.events.len());
    assert_eq!([seen.seqs(), more.seqs()].concat(), numbers(1, last));
    assert_eq!((seen.problems.len(), more.problems.len()), (0, 0), "{:?}", seen.problems);
    let parts = [seen.parts, more.parts].concat();
    assert_eq!(parts, (1..=parts.len() as u32).collect::<Vec<_>>());
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, parts.len());
}

#[test]
fn parts_that_are_not_kept_are_told_of() {
    let (folder, path) = folder();
    let log = Writer::builder().rotate_at(700).keep(3).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    log.flush().blocking().unwrap();
    let mut follower = Follower::new(&path);
    let first = now(&mut follower);
    assert_eq!(first.parts, [1]);
    let early = follower.cursor();
    for _ in 0..40 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    let later = now(&mut follower);
    let [missing] = &later.problems[..] else { panic!("{:?}", later.problems) };
    let oldest = later.parts[0];
    assert_eq!(*missing, format!("PartsMissing 1 {}", oldest - 1));
    assert_eq!(later.parts, (oldest..oldest + 4).collect::<Vec<_>>());
    assert_eq!(later.described, 4, "each part says what the job is called");
    let seqs = later.seqs();
    assert_eq!(seqs, numbers(seqs[0], job.last_seq()));
    // Another one that begins there, from the text.
    let cursor: Cursor = early.to_string().parse().unwrap();
    let again = told(Reader::resume(&path, cursor).unwrap());
    assert_eq!((again.problems, again.events), (later.problems, later.events));
    let replay = replay(&path).unwrap();
    assert_eq!(replay.missing(job.id()), Some(seqs[0] - 1));
    assert_eq!(replay.job(job.id()).unwrap().name, "job".into());
}

#[test]
fn it_goes_on_from_any_entry_of_any_part() {
    let (_folder, path) = folder();
    let log = Writer::builder().rotate_at(900).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    let mut cursors = Vec::new();
    let mut follower = Follower::new(&path);
    for _ in 0..12 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
        while let Some(entry) = follower.try_next() {
            let seq = entry.unwrap().event().and_then(milepost::Event::seq);
            cursors.push((seq, follower.cursor().to_string()));
        }
    }
    assert!(cursors.len() > 70, "{}", cursors.len());
    let mut seq = 0;
    for (there, cursor) in cursors {
        seq = there.unwrap_or(seq);
        let parsed: Cursor = cursor.parse().unwrap();
        let mut follower = Follower::resume(&path, parsed.clone());
        let seen = now(&mut follower);
        assert_eq!(seen.seqs(), numbers(seq + 1, job.last_seq()), "from {cursor}");
        assert!(seen.problems.is_empty(), "{:?} from {cursor}", seen.problems);
        let read = told(Reader::resume(&path, parsed).unwrap());
        assert_eq!((read.events, read.problems), (seen.events, seen.problems));
    }
}

#[test]
fn a_cursor_of_another_log_begins_anew_and_says_so() {
    let (_folder, path) = folder();
    let (ours, other) = (sample(3), sample(3));
    fs::write(&path, ours.concat()).unwrap();
    let mut follower = Follower::new(&path);
    now(&mut follower);
    let cursor = follower.cursor();
    fs::write(&path, other.concat()).unwrap();
    let mut resumed = Follower::resume(&path, cursor);
    let seen = now(&mut resumed);
    assert_eq!(seen.problems, ["Replaced"]);
    assert_eq!(seen.events.len(), other.len() - 2);
    assert!(now(&mut resumed) == Told::default());
}

#[test]
fn a_log_that_is_copied_and_truncated_goes_on() {
    for copied in [false, true] {
        let (folder, path) = folder();
        let log = Writer::open(&path).unwrap();
        let (job, _clock) = job();
        log.add(&job);
        add_tasks(&job, 2);
        log.flush().blocking().unwrap();
        let mut follower = Follower::new(&path);
        let first = now(&mut follower);
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
        let unread = job.last_seq();
        if copied {
            fs::copy(&path, folder.path().join("events.log.1")).unwrap();
        }
        fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        add_tasks(&job, 30);
        log.flush().blocking().unwrap();
        let later = now(&mut follower);
        let from = if copied { first.seqs().len() as u64 + 1 } else { unread + 1 };
        assert_eq!(later.seqs(), numbers(from, job.last_seq()), "copied: {copied}");
        assert_eq!(later.described, 1, "what the job is called is said again");
        let replay = replay(&path).unwrap();
        assert_eq!(replay.missing(job.id()), Some(if copied { 0 } else { unread }));
        assert_eq!(replay.problems().len(), 0, "{:?}", replay.problems());
    }
}

#[test]
fn a_log_that_is_truncated_and_begun_again_is_read_from_its_beginning() {
    let (_folder, path) = folder();
    let lines = sample(10);
    fs::write(&path, lines.concat()).unwrap();
    let mut follower = only_notified(&path);
    assert_eq!(now(&mut follower).events.len(), lines.len() - 2);
    // In place, as by a shell's `>`.
    fs::write(&path, lines[..5].concat()).unwrap();
    let (mut follower, seen) = wait_for(follower, 3);
    assert_eq!(seen.problems, ["Truncated"]);
    append(&path, lines[5..].concat());
    assert_eq!(now(&mut follower).events.len(), lines.len() - 5);
}

#[test]
fn another_log_in_its_place_is_followed() {
    for (removed, lines) in [(false, 6), (true, 6), (false, 40), (true, 40)] {
        let (folder, path) = folder();
        let (ours, other) = (sample(6), sample(lines));
        fs::write(&path, ours.concat()).unwrap();
        let mut follower = only_notified(&path);
        assert_eq!(now(&mut follower).events.len(), ours.len() - 2);
        append(&path, &ours[ours.len() - 1]);
        if removed {
            fs::remove_file(&path).unwrap();
            assert!(follower.try_next().is_none());
            fs::write(&path, other.concat()).unwrap();
        } else {
            let aside = folder.path().join("aside");
            fs::write(&aside, other.concat()).unwrap();
            fs::rename(&aside, &path).unwrap();
        }
        let (mut follower, seen) = wait_for(follower, other.len() - 2);
        // It may be seen while it is written.
        let problems: Vec<_> = seen.problems.iter().filter(|name| *name != "Truncated").collect();
        assert!(problems.iter().all(|name| **name == "Replaced"), "{problems:?}");
        assert!(!seen.problems.is_empty());
        assert!(now(&mut follower) == Told::default());
    }
}

#[test]
fn what_is_unread_in_a_file_that_was_moved_is_read_first() {
    for name in ["events.log.1", "events.log.7", "events.log-20260101"] {
        let (folder, path) = folder();
        let log = Writer::open(&path).unwrap();
        let (job, _clock) = job();
        log.add(&job);
        add_tasks(&job, 2);
        log.flush().blocking().unwrap();
        let mut follower = Follower::new(&path);
        let mut seqs = now(&mut follower).seqs();
        add_tasks(&job, 2);
        log.flush().blocking().unwrap();
        fs::rename(&path, folder.path().join(name)).unwrap();
        add_tasks(&job, 2);
        log.flush().blocking().unwrap();
        let seen = now(&mut follower);
        seqs.extend(seen.seqs());
        assert_eq!(seqs, numbers(1, job.last_seq()), "moved to {name}: {:?}", seen.problems);
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
        assert!(path.exists(), "the log goes on where it was opened");
        let replay = replay(&path).unwrap();
        assert_eq!(replay.missing(job.id()), Some(0), "{name}");
        assert!(replay.problems().is_empty(), "{:?}", replay.problems());
    }
}

#[test]
fn a_writer_that_rotates_spares_what_others_have_moved() {
    let (folder, path) = folder();
    let log = Writer::builder().rotate_at(1500).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    for n in 0..30 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
        match n {
            5 => fs::rename(&path, folder.path().join("events.log.9")).unwrap(),
            15 => fs::rename(&path, folder.path().join("events.log-old")).unwrap(),
            _ => {}
        }
    }
    let seen = told(Reader::open(&path).unwrap());
    assert_eq!(seen.seqs(), numbers(1, job.last_seq()), "{:?}", seen.problems);
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
}

#[test]
fn a_removed_log_is_begun_again() {
    let (_folder, path) = folder();
    let log = Writer::open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    add_tasks(&job, 2);
    log.flush().blocking().unwrap();
    let mut follower = only_notified(&path);
    now(&mut follower);
    let lost = job.last_seq();
    fs::remove_file(&path).unwrap();
    add_tasks(&job, 2);
    log.flush().blocking().unwrap();
    let (_, seen) = wait_for(follower, 2);
    assert!(seen.problems.iter().all(|name| name.starts_with("PartsMissing")), "{seen:?}");
    assert_eq!(told(Reader::open(&path).unwrap()).seqs(), numbers(lost + 1, job.last_seq()));
}

#[test]
fn a_file_and_a_folder_that_are_made_later_are_found() {
    let (folder, path) = folder();
    let lines = sample(4);
    let follower = only_notified(&path);
    let made = {
        let (path, lines) = (path.clone(), lines.clone());
        std::thread::spawn(move || append(&path, lines.concat()))
    };
    let (_, seen) = wait_for(follower, lines.len() - 2);
    made.join().unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    let deep = folder.path().join("a/b");
    let mut follower = Follower::new(deep.join("events.log")).look_every(ms(1));
    assert!(follower.try_next().is_none());
    fs::create_dir_all(&deep).unwrap();
    append(&deep.join("events.log"), lines.concat());
    assert_eq!(wait_for(follower, lines.len() - 2).1.parts, [1]);
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_to_its_file() {
    let (folder, path) = folder();
    let link = folder.path().join("link");
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("events.log");
    let lines = sample(4);
    fs::write(&real, lines[..2].concat()).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let mut follower = only_notified(&link);
    assert_eq!(now(&mut follower).described, 1);
    for line in &lines[2..] {
        let appends = {
            let (real, line) = (real.clone(), line.clone());
            std::thread::spawn(move || append(&real, line))
        };
        let seq = lines[2..].len();
        assert!(seq > 0);
        (follower, _) = wait_for(follower, 1);
        appends.join().unwrap();
    }
    // A writer that rotates by a link.
    std::os::unix::fs::symlink(elsewhere.path().join("rotated"), &path).unwrap();
    let log = Writer::builder().rotate_at(600).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    for _ in 0..20 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
    }
    let seen = told(Reader::open(&path).unwrap());
    assert_eq!((seen.seqs(), seen.problems.len()), (numbers(1, job.last_seq()), 0));
}

#[test]
fn half_a_line_is_waited_for() {
    let (_folder, path) = folder();
    let lines = sample(2);
    for line in &lines {
        for cut in [1, line.len() / 2, line.len() - 1] {
            let bytes = lines.concat();
            let before = bytes.len();
            fs::write(&path, &bytes).unwrap();
            let mut follower = Follower::new(&path);
            now(&mut follower);
            append(&path, &line[..cut]);
            assert!(now(&mut follower) == Told::default());
            assert!(follower.cursor().to_string().ends_with(&format!(":{before}")));
            append(&path, &line[cut..]);
            let seen = now(&mut follower);
            assert_eq!(seen.events.len() + seen.described + seen.parts.len(), 1, "{seen:?}");
        }
    }
}

#[test]
fn a_first_line_in_the_midst_of_a_file_begins_nothing() {
    let (_folder, path) = folder();
    let (first, second) = (sample(2), sample(2));
    // As by two programs that write to the same output, `>> events.log`.
    fs::write(&path, [first.concat(), second.concat()].concat()).unwrap();
    let seen = told(Reader::open(&path).unwrap().take(1000));
    assert_eq!(seen.parts, [1, 1]);
    assert_eq!(seen.events.len(), first.len() + second.len() - 4);
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    let mut follower = Follower::new(&path);
    now(&mut follower);
    append(&path, &second[2]);
    assert_eq!(now(&mut follower).seqs(), [1]);
    let mut resumed = Follower::resume(&path, follower.cursor());
    append(&path, &second[3]);
    assert_eq!((now(&mut follower).seqs(), now(&mut resumed).seqs()), (vec![2], vec![2]));
}

#[test]
fn from_now_gives_what_comes() {
    let (_folder, path) = folder();
    let log = Writer::builder().rotate_at(800).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    for _ in 0..10 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
    }
    let before = job.last_seq();
    let mut follower = Follower::from_now(&path).unwrap();
    assert!(follower.try_next().is_none());
    for _ in 0..10 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
    }
    let seen = now(&mut follower);
    assert_eq!((seen.seqs(), seen.problems.len()), (numbers(before + 1, job.last_seq()), 0));
    // Between the move of a full part and the making of the next one.
    let part = replay_part(&path);
    let full = path.with_file_name(format!("events.log.{part}"));
    fs::rename(&path, &full).unwrap();
    let mut follower = Follower::from_now(&path).unwrap();
    assert!(follower.try_next().is_none(), "nothing has come");
    assert_eq!(told(Reader::open(&path).unwrap()).seqs(), numbers(1, job.last_seq()));
}

#[test]
fn a_part_of_the_same_length_at_the_same_time_is_another_file() {
    let (folder, path) = folder();
    let lines = sample(3);
    let parts: Vec<Vec<u8>> =
        (1..4).map(|part| [&head(&lines[0], None, part)[..], &lines[2]].concat()).collect();
    assert_eq!(parts[0].len(), parts[1].len());
    let time = fs::metadata(folder.path()).unwrap().modified().unwrap();
    let stamp = || fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    let mut follower = Follower::new(&path);
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            fs::rename(&path, folder.path().join(format!("events.log.{n}"))).unwrap();
        }
        fs::write(&path, part).unwrap();
        stamp();
        assert_eq!(now(&mut follower).events.len(), 1, "part {}", n + 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn thousands_are_followed_with_few_descriptors() {
    let (folder, _) = folder();
    let lines = sample(1);
    let path = move |n: usize| folder.path().join(format!("{n}.log"));
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mut followers = Vec::new();
    for n in 0..2000 {
        fs::write(path(n), lines[..2].concat()).unwrap();
        let mut follower = only_notified(&path(n));
        assert_eq!(now(&mut follower).described, 1);
        followers.push(follower);
    }
    let told = within(move || {
        futures::executor::block_on(async {
            let mut all: futures::stream::SelectAll<_> = followers.into_iter().collect();
            let waits = futures::future::poll_immediate(futures::StreamExt::next(&mut all)).await;
            assert!(waits.is_none());
            let open = descriptors();
            assert!(open < 500, "{open} descriptors"); // other tests have some too
            for n in 0..2000 {
                append(&path(n), &lines[2]);
            }
            let mut told = Told::default();
            for _ in 0..2000 {
                told.take(futures::StreamExt::next(&mut all).await.unwrap());
            }
            assert!(descriptors() < 500);
            told
        })
    });
    assert_eq!((told.events.len(), told.problems.len()), (2000, 0));
}

#[test]
fn two_follow_the_same_file_and_one_stays() {
    let (_folder, path) = folder();
    let lines = sample(4);
    fs::write(&path, lines[..2].concat()).unwrap();
    let mut both = [only_notified(&path), only_notified(&path)];
    both.iter_mut().for_each(|follower| assert_eq!(now(follower).described, 1));
    let [one, other] = both;
    // Each waits, so that each is watched.
    let waiting: Vec<_> = [one, other].map(|f| std::thread::spawn(|| wait_for(f, 1))).into();
    append(&path, &lines[2]);
    let mut both: Vec<Follower> = waiting.into_iter().map(|t| t.join().unwrap().0).collect();
    drop(both.pop());
    let waits = both.pop().map(|f| std::thread::spawn(|| wait_for(f, 1))).unwrap();
    append(&path, &lines[3]);
    waits.join().unwrap();
}

#[test]
fn a_folder_that_is_removed_and_made_again_is_found() {
    let (folder, _) = folder();
    let inner = folder.path().join("inner");
    let path = inner.join("events.log");
    let (first, second) = (sample(2), sample(2));
    fs::create_dir(&inner).unwrap();
    fs::write(&path, first.concat()).unwrap();
    let (follower, _) = wait_for(Follower::new(&path).look_every(ms(5)), first.len() - 2);
    fs::remove_dir_all(&inner).unwrap();
    fs::create_dir(&inner).unwrap();
    fs::write(&path, second.concat()).unwrap();
    let (_, seen) = wait_for(follower, second.len() - 2);
    assert!(!seen.problems.is_empty());
}

#[test]
fn readers_and_replays_race_with_rotation() {
    let (_folder, path) = folder();
    let log = Writer::builder().rotate_at(1).open(&path).unwrap();
    let (job, _clock) = job();
    log.add(&job);
    log.flush().blocking().unwrap();
    let flushed = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let reads = {
        let (path, flushed, id) = (path.clone(), flushed.clone(), job.id());
        std::thread::spawn(move || {
            let order = std::sync::atomic::Ordering::SeqCst;
            let mut rounds = 0;
            while flushed.load(order) < u64::MAX {
                let before = flushed.load(order);
                let replay = replay(&path).unwrap();
                let seq = replay.job(id).map_or(0, |job| job.seq);
                assert!(before == u64::MAX || seq >= before, "{seq} of {before}");
                assert!(replay.problems().is_empty(), "{:?}", replay.problems());
                assert!(replay.missing(id).is_none_or(|missing| missing == 0));
                rounds += 1;
            }
            rounds
        })
    };
    let mut follower = Follower::new(&path);
    let mut seqs = Vec::new();
    for _ in 0..60 {
        add_tasks(&job, 1);
        log.flush().blocking().unwrap();
        flushed.store(job.last_seq(), std::sync::atomic::Ordering::SeqCst);
        let seen = now(&mut follower);
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        seqs.extend(seen.seqs());
    }
    flushed.store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(seqs, numbers(1, job.last_seq()));
    assert!(reads.join().unwrap() > 0);
}

#[test]
fn a_place_that_nobody_gave_does_no_harm() {
    let (_folder, path) = folder();
    let lines = sample(3);
    fs::write(&path, [head(&lines[0], Some("log"), u32::MAX), lines[1..].concat()].concat())
        .unwrap();
    for cursor in [
        format!("log:{}:{}:0", u32::MAX, u64::MAX),
        format!("log:{}:0:{}", u32::MAX, u64::MAX),
        format!("log:{}:{}:50", u32::MAX, u64::MAX),
        "log:0:0:0".into(),
        "log:7:0:0".into(),
        "-:1:0:0".into(),
        "-:0:0:9".into(),
    ] {
        let cursor: Cursor = cursor.parse().unwrap();
        let mut follower = Follower::resume(&path, cursor.clone());
        let seen = now(&mut follower);
        assert!(seen.events.len() == lines.len() - 2, "{cursor}: {seen:?}");
        fs::remove_file(&path).unwrap();
        assert!(now(&mut follower) == Told::default());
        fs::write(&path, [head(&lines[0], Some("log"), u32::MAX), lines[1..].concat()].concat())
            .unwrap();
    }
    let error = Reader::open(path.with_file_name("none")).unwrap_err();
    assert_eq!(format!("{error:?}").split(' ').next(), Some("Io"));
    assert_eq!(name_of(&milepost::event_log::ReadError::clone(&read_error(&path))), "Damaged 1");
}

fn read_error(path: &Path) -> milepost::event_log::ReadError {
    fs::write(path, "{\n").unwrap();
    Reader::open(path).unwrap().find_map(Result::err).unwrap()
}

/// The number of the part that is written.
fn replay_part(path: &Path) -> u32 {
    told(Reader::open(path).unwrap()).parts.pop().unwrap()
}

#[test]
fn who_comes_while_a_part_is_made_begins_with_the_first_one() {
    let (_folder, path) = folder();
    let lines = sample(2);
    let full = path.with_file_name("events.log.1");
    fs::write(&full, lines[..4].concat()).unwrap();
    // Its file is there, and nothing in it yet.
    fs::write(&path, "").unwrap();
    let mut follower = Follower::new(&path);
    assert_eq!(now(&mut follower).parts, [1]);
    let (mut other, hidden) = (Follower::new(&path), path.with_file_name("hidden"));
    fs::rename(&full, &hidden).unwrap();
    assert_eq!(now(&mut other).parts, [0; 0], "there is nothing");
    fs::rename(&hidden, &full).unwrap();
    append(&path, [&head(&lines[0], None, 2)[..], &lines[4..].concat()].concat());
    assert_eq!((now(&mut follower).parts, now(&mut other).parts), (vec![2], vec![1, 2]));
}
