//! What becomes of a log's file while it is read: it is renamed, truncated, removed and made anew, and events come in
//! pieces. Every event is read once, or it is said that some were lost.
#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use milepost::condor::{Cursor, Event, Follower, ReadError, Reader, Zone};
use tempfile::TempDir;

/// An event of job `1.proc`, as text.
fn event(proc: u32) -> String {
    format!("008 (001.{proc:03}.000) 2026-11-21 19:10:13 number {proc}\n...\n")
}

struct Log {
    folder: TempDir,
    path: PathBuf,
}

impl Log {
    fn new() -> Log {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.log");
        Log { folder, path }
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("jobs.log{suffix}"))
    }

    /// Renames it as HTCondor does.
    fn rotate(&self, keep: u32) {
        for number in (1..keep).rev() {
            _ = fs::rename(
                self.beside(&format!(".{number}")),
                self.beside(&format!(".{}", number + 1)),
            );
        }
        fs::rename(&self.path, self.beside(".1")).unwrap();
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.path).unwrap().zone(Zone::utc())
    }

    fn follower(&self) -> Follower {
        Follower::new(&self.path).zone(Zone::utc())
    }
}

/// Lets the system's times of files go on: they count in ticks.
fn later() {
    let times = tempfile::tempdir().unwrap();
    let changed = || {
        let path = times.path().join("now");
        fs::write(&path, "").unwrap();
        fs::metadata(path).unwrap().modified().unwrap()
    };
    let before = changed();
    while changed() == before {}
}

/// What comes until there is nothing more: the jobs' numbers, or what is wrong.
fn told(items: impl Iterator<Item = Result<Event, ReadError>>) -> Vec<String> {
    let told = items.map(|item| match item {
        Ok(event) => event.key().proc.to_string(),
        Err(ReadError::Truncated { .. }) => "truncated".into(),
        Err(ReadError::Replaced { .. }) => "replaced".into(),
        Err(error) if error.is_torn() => "torn".into(),
        Err(error) => error.to_string(),
    });
    told.collect()
}

fn now(follower: &mut Follower) -> Vec<String> {
    told(std::iter::from_fn(|| follower.try_next()))
}

#[test]
fn a_reader_goes_on_with_what_was_written_since() {
    let log = Log::new();
    log.append(&event(1));
    let mut reader = log.reader();
    assert_eq!(told(reader.by_ref()), ["1"]);
    assert_eq!(told(reader.by_ref()), [""; 0]);
    log.append(&event(2));
    assert_eq!(told(reader.by_ref()), ["2"]);
    assert_eq!(reader.cursor().offset(), fs::metadata(&log.path).unwrap().len());
}

#[test]
fn a_log_that_is_not_there_is_refused_or_waited_for() {
    let log = Log::new();
    assert!(Reader::open(&log.path).is_err());
    assert!(Reader::open(log.folder.path()).unwrap_err().to_string().contains("is a directory"));
    let mut follower = log.follower();
    assert_eq!(now(&mut follower), [""; 0]);
    log.append(&event(1));
    assert_eq!(follower.blocking_next().unwrap().key().proc, 1);
}

#[test]
fn a_follower_waits_for_the_rest_of_an_event_wherever_it_is_cut() {
    let text = event(1) + &event(2);
    for cut in 0..=text.len() {
        let log = Log::new();
        let mut follower = log.follower();
        log.append(&text[..cut]);
        let mut all = now(&mut follower);
        log.append(&text[cut..]);
        all.extend(now(&mut follower));
        assert_eq!(all, ["1", "2"], "cut at {cut}");
    }
}

#[test]
fn a_reader_takes_the_end_for_the_end() {
    let log = Log::new();
    let text = event(1) + &event(2);
    log.append(&text[..text.len() - 1]);
    assert_eq!(told(log.reader()), ["1", "2"], "a last line without its end");
    assert_eq!(now(&mut log.follower()), ["1"], "more of it may come");
    fs::write(&log.path, &text[..text.len() - 6]).unwrap();
    let mut reader = log.reader();
    assert_eq!(told(reader.by_ref()), ["1", "torn"]);
    assert_eq!(told(reader.by_ref()), [""; 0], "it is told once");
    log.append(&text[text.len() - 6..]);
    assert_eq!(told(reader.by_ref()), ["2"], "nothing of it is lost");
}

#[test]
fn a_renamed_file_is_read_to_its_end_and_then_the_new_one() {
    let log = Log::new();
    let mut follower = log.follower();
    log.append(&event(1));
    assert_eq!(now(&mut follower), ["1"]);
    log.append(&event(2));
    log.rotate(4);
    assert_eq!(now(&mut follower), ["2"], "there is no new one yet");
    log.append(&event(3));
    assert_eq!(now(&mut follower), ["3"]);
    for number in 4..8 {
        log.append(&event(number));
        log.rotate(4);
        log.append(&event(number + 100));
    }
    assert_eq!(now(&mut follower), ["4", "104", "5", "105", "6", "106", "7", "107"]);
}

#[test]
fn what_is_written_to_a_renamed_file_is_read() {
    let log = Log::new();
    let mut follower = log.follower();
    log.append(&event(1));
    assert_eq!(now(&mut follower), ["1"]);
    // One who has it open goes on with it.
    let mut writer = OpenOptions::new().append(true).open(&log.path).unwrap();
    log.rotate(1);
    writer.write_all(event(2).as_bytes()).unwrap();
    log.append(&event(3));
    assert_eq!(now(&mut follower), ["2", "3"]);
}

#[test]
fn older_files_are_read_in_order_if_that_is_wanted() {
    let log = Log::new();
    for number in 1..4 {
        log.append(&event(number));
        log.rotate(4);
    }
    log.append(&event(4));
    assert_eq!(told(log.reader()), ["4"]);
    assert_eq!(told(log.reader().with_older()), ["1", "2", "3", "4"]);
    assert_eq!(now(&mut log.follower().with_older()), ["1", "2", "3", "4"]);
    let old = Log::new();
    old.append(&event(1));
    fs::rename(&old.path, old.beside(".old")).unwrap();
    old.append(&event(2));
    assert_eq!(told(old.reader().with_older()), ["1", "2"]);
}

#[test]
fn the_files_of_a_real_pool_follow_one_another() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/condor/rotated");
    let all = Reader::open(folder.join("EventLog")).unwrap().zone(Zone::utc()).with_older();
    let all: Vec<Event> = all.map(Result::unwrap).collect();
    let of = |name: &str| Reader::open(folder.join(name)).unwrap().zone(Zone::utc()).count();
    let files = ["EventLog.4", "EventLog.3", "EventLog.2", "EventLog.1", "EventLog"];
    assert_eq!(all.len(), files.into_iter().map(of).sum::<usize>());
    // Each begins with its number.
    let sequence = |event: &Event| {
        let (_, rest) = event.text()?.split_once(" sequence=")?;
        rest.split(' ').next()?.parse().ok()
    };
    let begun: Vec<u32> = all.iter().filter_map(sequence).collect();
    assert_eq!(begun, [400, 401, 402, 403, 404]);
}

#[test]
fn a_cursor_finds_its_file_under_another_name() {
    let log = Log::new();
    log.append(&(event(1) + &event(2)));
    let mut reader = log.reader();
    reader.next().unwrap().unwrap();
    let cursor: Cursor = reader.cursor().to_string().parse().unwrap();
    log.rotate(4);
    log.append(&event(3));
    log.rotate(4);
    log.append(&event(4));
    let resumed = Reader::resume(&log.path, cursor).unwrap().zone(Zone::utc());
    assert_eq!(told(resumed), ["2", "3", "4"]);
    let resumed = Follower::resume(&log.path, cursor).zone(Zone::utc()).with_older();
    assert_eq!(
        told({
            let mut it = resumed;
            std::iter::from_fn(move || it.try_next())
        }),
        ["2", "3", "4"]
    );
}

#[test]
fn a_cursor_is_not_mistaken_for_one_of_another_file() {
    let log = Log::new();
    log.append(&(event(1) + &event(2)));
    let mut reader = log.reader();
    assert_eq!(told(reader.by_ref()), ["1", "2"]);
    let other = Log::new();
    other.append(&(event(5) + &event(6) + &event(7)));
    let resumed = Reader::resume(&other.path, reader.cursor()).unwrap().zone(Zone::utc());
    assert_eq!(told(resumed), ["replaced", "5", "6", "7"]);
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let log = Log::new();
    let mut follower = log.follower();
    log.append(&(event(1) + &event(2)));
    assert_eq!(now(&mut follower), ["1", "2"]);
    fs::write(&log.path, event(3)).unwrap();
    assert_eq!(now(&mut follower), ["truncated", "3"]);
    // Longer than before, and yet another one.
    fs::write(&log.path, event(4) + &event(5) + &event(6)).unwrap();
    assert_eq!(now(&mut follower), ["truncated", "4", "5", "6"]);
    fs::write(&log.path, "").unwrap();
    assert_eq!(now(&mut follower), ["truncated"]);
    log.append(&event(7));
    assert_eq!(now(&mut follower), ["7"]);
}

#[test]
fn a_file_that_was_made_anew_is_read_from_its_beginning() {
    let log = Log::new();
    let mut follower = log.follower();
    log.append(&event(1));
    assert_eq!(now(&mut follower), ["1"]);
    // As long as it is there, so that its number isn't given to the next one.
    let _open = fs::File::open(&log.path).unwrap();
    fs::remove_file(&log.path).unwrap();
    assert_eq!(now(&mut follower), [""; 0]);
    log.append(&event(2));
    assert_eq!(now(&mut follower), ["replaced", "2"]);
}

#[test]
fn files_that_came_while_the_one_that_was_read_went_are_read() {
    let log = Log::new();
    let mut follower = log.follower();
    log.append(&event(1));
    assert_eq!(now(&mut follower), ["1"]);
    for number in 2..6 {
        log.rotate(2);
        log.append(&event(number));
    }
    // Of five files there are three; those of 1 and 2 are gone.
    assert_eq!(now(&mut follower), ["replaced", "3", "4", "5"]);
}

#[test]
fn the_file_that_was_renamed_last_is_the_one_before_whatever_it_is_called() {
    let log = Log::new();
    // As one was left by a pool that kept several.
    for number in 1..3 {
        log.append(&event(number));
        log.rotate(4);
        later();
    }
    log.append(&event(3));
    let mut follower = log.follower();
    assert_eq!(now(&mut follower), ["3"]);
    log.append(&event(4));
    fs::rename(&log.path, log.beside(".old")).unwrap();
    later();
    log.append(&event(5));
    assert_eq!(now(&mut follower), ["4", "5"]);
    assert_eq!(told(log.reader().with_older()), ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_file_that_is_missing_among_the_older_ones_hides_no_other() {
    let log = Log::new();
    log.append(&(event(1) + &event(2)));
    let mut reader = log.reader();
    reader.next().unwrap().unwrap();
    log.rotate(4);
    log.append(&event(3));
    // In the middle of a second renaming.
    fs::rename(log.beside(".1"), log.beside(".2")).unwrap();
    let resumed = Reader::resume(&log.path, reader.cursor()).unwrap().zone(Zone::utc());
    assert_eq!(told(resumed), ["2", "3"]);
}

#[test]
fn each_file_that_ends_within_an_event_is_told_of() {
    let log = Log::new();
    log.append(&(event(1) + &event(2)[..20]));
    log.rotate(4);
    log.append(&event(3)[..20]);
    assert_eq!(told(log.reader().with_older()), ["1", "torn", "torn"]);
}

#[test]
fn a_file_with_the_number_of_one_that_is_gone_hides_none_that_came_between() {
    let log = Log::new();
    log.append(&event(1));
    let mut follower = log.follower();
    assert_eq!(now(&mut follower), ["1"]);
    // Renamed twice, so that the first one is gone, and its number is given to the third one.
    let kept = log.beside(".kept");
    fs::rename(&log.path, &kept).unwrap();
    later();
    fs::write(log.beside(".old"), event(2)).unwrap();
    fs::write(&kept, event(3)).unwrap();
    fs::rename(&kept, &log.path).unwrap();
    let told = now(&mut follower);
    assert_eq!(&told[1..], ["2", "3"], "{told:?}");
}

#[test]
fn older_files_are_read_first_also_if_there_was_none_at_the_beginning() {
    let log = Log::new();
    let mut follower = log.follower().with_older();
    assert_eq!(now(&mut follower), [""; 0]);
    log.append(&event(1));
    log.rotate(4);
    log.append(&event(2));
    assert_eq!(now(&mut follower), ["1", "2"]);
}

#[test]
fn a_file_that_was_empty_is_known_again() {
    let log = Log::new();
    log.append("");
    let mut follower = log.follower();
    assert_eq!(now(&mut follower), [""; 0]);
    log.append(&event(1));
    log.rotate(4);
    log.append(&event(2));
    assert_eq!(now(&mut follower), ["1", "2"]);
}

#[test]
fn a_follower_from_now_passes_over_what_is_there() {
    let log = Log::new();
    log.append(&event(1));
    let mut follower = Follower::from_now(&log.path).unwrap().zone(Zone::utc());
    assert!(follower.blocking_next_timeout(Duration::ZERO).is_none());
    log.append(&event(2));
    assert_eq!(now(&mut follower), ["2"]);
    assert!(Follower::from_now(log.folder.path()).is_err());
}

#[test]
fn a_file_that_cannot_be_read_is_told_of_once() {
    let log = Log::new();
    let mut follower = log.follower();
    fs::create_dir(&log.path).unwrap();
    assert!(matches!(follower.try_next(), Some(Err(ReadError::Io { .. }))));
    assert!(follower.try_next().is_none() && follower.try_next().is_none());
    fs::remove_dir(&log.path).unwrap();
    log.append(&event(1));
    assert_eq!(now(&mut follower), ["1"]);
}

#[test]
fn no_file_is_open_while_there_is_nothing_to_read() {
    let log = Log::new();
    log.append(&event(1));
    let mut follower = log.follower();
    assert_eq!(now(&mut follower), ["1"]);
    #[cfg(target_os = "linux")]
    {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        let log_path = log.path.canonicalize().unwrap();
        let is_log = |path: &PathBuf| *path == log_path;
        assert!(!open.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|path| is_log(&path)));
    }
}
