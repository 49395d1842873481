//! The history (B1) and its readers' sleep (B5): records are seen in order and whole, by readers without a lock, and none
//! sleeps while there is something to read. [`Shelf`] mirrors what the ledger and `Reader::poll` do with the two.

use std::sync::Arc;
use std::task::Waker;

use crate::base::sync::{Mutant, Mutex};
use crate::base::{Clock, WakerKey, Wakers, Wakes};
use crate::bus::{Change, Cursor, History, Record};
use crate::checker::{ASLEEP, Bell, Model, Side, race};
use crate::model::TaskId;

pub(crate) const MODELS: &[Model] = &[
    Model::holds("records_are_read_whole_and_in_order", 4, read),
    Model::holds("records_are_read_across_chunks", 3, read_across_chunks),
    Model::holds("a_reader_that_parks_is_woken", 3, park),
    Model::holds("two_readers_that_park_are_woken", 2, park_two),
    Model::fails("mutant_a_length_that_releases_nothing", TORN, Mutant::StoresRelaxed, read),
    Model::fails("mutant_a_length_that_is_not_acquired", TORN, Mutant::LoadsRelaxed, read),
    Model::fails("mutant_parking_without_a_last_look", ASLEEP, Mutant::None, park_blindly),
    Model::fails("mutant_a_last_look_before_the_lock", ASLEEP, Mutant::None, park_after_look),
    Model::fails("mutant_wakers_taken_before_the_append", ASLEEP, Mutant::None, wake_early),
];

const TORN: &str = "a torn record";
const ORIGIN: u64 = 5;
const MASK: u16 = 1;

/// How a record is told, or parking is done, otherwise than it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoLastLook,
    LookBeforeLock,
    WakeEarly,
}

/// The history of a job with those who wait for more.
struct Shelf {
    inside: Mutex<(History, Wakers)>,
    clock: Clock,
    flaw: Flaw,
}

/// Both words of the record tell which one it is.
fn record(seq: u64) -> Record {
    let change = Change::Added { task: TaskId::new(seq as u32) };
    Record { at: ORIGIN + seq, change, caused: false }
}

impl Shelf {
    /// A shelf with some records, and a cursor behind them.
    fn new(before: u64, flaw: Flaw) -> (Arc<Shelf>, Cursor) {
        let mut history = History::new(ORIGIN);
        (1..=before).for_each(|seq| assert_eq!(history.append(record(seq)), seq));
        let cursor = history.cursor_after(before);
        let inside = Mutex::new((history, Wakers::default()));
        (Arc::new(Shelf { inside, clock: Clock::new(), flaw }), cursor)
    }

    /// `Ledger::append` in `JobCore::update`.
    fn append(&self) {
        let mut wakes = Wakes::default();
        if self.flaw == Flaw::WakeEarly {
            self.inside.lock().1.take(MASK, &mut wakes);
            let mut inside = self.inside.lock();
            let seq = inside.0.last_seq() + 1;
            inside.0.append(record(seq));
        } else {
            let mut inside = self.inside.lock();
            let seq = inside.0.last_seq() + 1;
            inside.0.append(record(seq));
            inside.1.take(MASK, &mut wakes);
        }
        wakes.wake(&self.clock);
    }

    /// A side of a race.
    fn appends(self: &Arc<Self>, records: u64) -> Side {
        let shelf = self.clone();
        Box::new(move || (0..records).for_each(|_| shelf.append()))
    }

    /// `Source::park`: true if the waker was registered.
    fn park(&self, cursor: &mut Cursor, key: &mut WakerKey, waker: &Waker) -> bool {
        let mut waker = Some(waker.clone());
        if self.flaw == Flaw::LookBeforeLock && cursor.peek().is_some() {
            return false;
        }
        let mut inside = self.inside.lock();
        if self.flaw == Flaw::None && cursor.peek().is_some() {
            return false;
        }
        inside.1.register(key, MASK, &mut waker);
        true
    }
}

/// Checks what is there to be read; returns the seq of the last.
fn read_all(cursor: &mut Cursor) -> u64 {
    let mut last = cursor.seq();
    while let Some((seq, found)) = cursor.next_of(u16::MAX) {
        assert_eq!(found.unpack(), record(seq), "a torn record");
        assert_eq!((seq, cursor.seq()), (last + 1, seq), "records out of order");
        last = seq;
    }
    last
}

/// The same, one by one.
fn peek_all(cursor: &mut Cursor) -> u64 {
    while let Some((seq, found)) = cursor.peek() {
        assert_eq!(found.unpack(), record(seq), "a torn record");
        assert_eq!(seq, cursor.seq() + 1, "records out of order");
        cursor.pass();
    }
    cursor.seq()
}

/// Reads until the record `last`, asleep in between.
fn read_until(shelf: &Shelf, cursor: &mut Cursor, last: u64) {
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    let mut key = WakerKey::default();
    while read_all(cursor) < last {
        if shelf.park(cursor, &mut key, &waker) {
            bell.wait();
        }
    }
    let waiting = shelf.inside.lock().1.forget(&mut key);
    drop(waiting);
}

/// A side of a race.
fn reader(shelf: &Arc<Shelf>, mut cursor: Cursor, last: u64) -> Side {
    let shelf = shelf.clone();
    Box::new(move || read_until(&shelf, &mut cursor, last))
}

/// One looks in now and then, without a lock.
fn look_in(before: u64, appends: u64) {
    let (shelf, mut cursor) = Shelf::new(before, Flaw::None);
    let mut late = cursor.clone();
    let reader = Box::new(move || {
        let first = read_all(&mut cursor);
        let second = peek_all(&mut cursor);
        assert!(before <= first && first <= second && second <= before + appends);
    });
    race(vec![shelf.appends(appends), reader]);
    assert_eq!(read_all(&mut late), before + appends, "a record is missing");
}

fn read() {
    look_in(0, 2);
}

fn read_across_chunks() {
    look_in(3, 3);
}

fn sleep(before: u64, appends: u64, flaw: Flaw) {
    let (shelf, cursor) = Shelf::new(before, flaw);
    race(vec![shelf.appends(appends), reader(&shelf, cursor, before + appends)]);
}

fn park() {
    sleep(3, 2, Flaw::None);
}

fn park_blindly() {
    sleep(0, 1, Flaw::NoLastLook);
}

fn park_after_look() {
    sleep(0, 1, Flaw::LookBeforeLock);
}

fn wake_early() {
    sleep(0, 1, Flaw::WakeEarly);
}

fn park_two() {
    let (shelf, cursor) = Shelf::new(0, Flaw::None);
    let readers = [cursor.clone(), cursor].map(|cursor| reader(&shelf, cursor, 1));
    let mut sides = vec![shelf.appends(1)];
    sides.extend(readers);
    race(sides);
}
