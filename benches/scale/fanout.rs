//! 100,000 lifecycle events to many readers: time and memory, beside channels. What Milepost sends is the product of a
//! state machine under a lock and costs more than a send; so the delivery alone is told as well as the whole.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use milepost::Job;

use crate::alloc::count;
use crate::channels::{AsyncBroadcast, Channel, Life, Milepost, Mpsc, TokioBroadcast};
use crate::harness::{Case, interleave};
use crate::report::{Line, Report, two};

const EVENTS: usize = 100_000;
/// For 1,000 readers, where the full number would take minutes or gigabytes.
const FEWER: usize = 10_000;

/// Nanoseconds of an event for one reader: of the delivery, and with its production.
fn one_thread(channel: impl Channel, readers: usize, events: usize) -> [f64; 2] {
    let (mut sender, mut receivers) = channel.open(readers, events);
    let start = Instant::now();
    channel.produce(&mut sender, events);
    let produced = Instant::now();
    let read: usize = receivers.iter_mut().map(|receiver| channel.drain(receiver)).sum();
    let end = Instant::now();
    assert!(read >= readers * events, "each reader gets all");
    [end - produced, end - start].map(|time| time.as_nanos() as f64 / read as f64)
}

/// Nanoseconds of an event for one reader, while one thread produces and the other reads for all readers in turn: until
/// all is read, and until all is produced.
fn two_threads(channel: impl Channel, readers: usize, events: usize) -> [f64; 2] {
    // How many that gives for each.
    let expected = {
        let (mut sender, mut receivers) = channel.open(1, events);
        channel.produce(&mut sender, events);
        channel.drain(&mut receivers[0]) * readers
    };
    let (mut sender, mut receivers) = channel.open(readers, events);
    let barrier = Barrier::new(2);
    let took: [Duration; 2] = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut read = 0;
            barrier.wait();
            while read < expected {
                for receiver in &mut receivers {
                    read += channel.drain(receiver);
                }
                std::hint::spin_loop();
            }
            Instant::now()
        });
        barrier.wait();
        let start = Instant::now();
        channel.produce(&mut sender, events);
        let produced = start.elapsed();
        [reading.join().unwrap().saturating_duration_since(start), produced]
    });
    took.map(|time| time.as_nanos() as f64 / expected as f64)
}

/// Bytes that are held at most while no reader has read anything.
fn memory(channel: impl Channel, readers: usize) -> f64 {
    let count = count();
    let (mut sender, receivers) = channel.open(readers, EVENTS);
    channel.produce(&mut sender, EVENTS);
    let peak = count.bytes().peak;
    drop(count);
    drop((sender, receivers));
    peak
}

const STATES: Milepost<milepost::TaskStateChanged> = Milepost {
    life: Life::Tasks,
    subscribe: Job::task_state_changed,
    of_each_task: 3,
    one_by_one: false,
};
const ONE_BY_ONE: Milepost<milepost::TaskStateChanged> = Milepost { one_by_one: true, ..STATES };
const TURNS: Milepost<milepost::TaskStateChanged> = Milepost { life: Life::Turns, ..STATES };
const ALL: Milepost<milepost::Event> =
    Milepost { life: Life::Tasks, subscribe: Job::events, of_each_task: 5, one_by_one: false };

/// Runs a comparison of all ways. The cases come in pairs; the first pair is tokio's, the second `STATES`.
fn compare<const ONE: bool>(readers: usize) -> Vec<Case<'static>> {
    fn pair<const ONE: bool>(
        name: &str,
        channel: impl Channel,
        readers: usize,
        events: usize,
    ) -> [Case<'static>; 2] {
        let name = match events {
            EVENTS => name.to_owned(),
            fewer => format!("{name} ({fewer} events)"),
        };
        if ONE {
            let names = [format!("{name}: deliver"), format!("{name}: produce and deliver")];
            two(names, 1, move || one_thread(channel, readers, events))
        } else {
            let names = [format!("{name}: all read"), format!("{name}: all produced")];
            two(names, 2, move || two_threads(channel, readers, events))
        }
    }
    let (rounds, fewer) = if readers < 1_000 { (5, EVENTS) } else { (3, FEWER) };
    let mut cases = Vec::new();
    cases.extend(pair::<ONE>("tokio broadcast", TokioBroadcast, readers, EVENTS));
    cases.extend(pair::<ONE>("task_state_changed", STATES, readers, EVENTS));
    cases.extend(pair::<ONE>("task_state_changed, one by one", ONE_BY_ONE, readers, fewer));
    cases.extend(pair::<ONE>("task_state_changed of one task", TURNS, readers, fewer));
    cases.extend(pair::<ONE>("events", ALL, readers, fewer));
    cases.extend(pair::<ONE>("async-broadcast", AsyncBroadcast, readers, fewer));
    cases.extend(pair::<ONE>("an mpsc for each", Mpsc, readers, fewer));
    interleave(rounds, &mut cases);
    cases
}

fn times(report: &mut Report, readers: usize, threads: usize) {
    let cases = if threads == 1 { compare::<true>(readers) } else { compare::<false>(readers) };
    let line =
        |(n, case): (usize, &Case)| Line::of(case).and("tokio / this", cases[n % 2].ratio_to(case));
    let lines: Vec<_> = cases.iter().enumerate().map(line).collect();
    let title = format!("Fan-out to {readers} readers, threads: {threads}");
    report.lines(&title, "ns/event", &lines);
    let limit = match (threads, readers) {
        (_, 1) => return,
        (1, _) => 4.0,
        (_, 8) => 2.0,
        _ => 3.0,
    };
    let what = |what: &str| format!("{readers} readers, threads: {threads}, {what}");
    let unit = "x tokio broadcast";
    let (tokio, states) = (&cases[..2], &cases[2..4]);
    if threads == 1 {
        report.at_least(what("deliver"), tokio[0].ratio_to(&states[0]), limit, unit);
        report.at_least(what("in all"), tokio[1].ratio_to(&states[1]), limit, unit);
    } else {
        report.at_least(what("in all"), tokio[0].ratio_to(&states[0]), limit, unit);
    }
}

fn memories(report: &mut Report, readers: usize) {
    let tokio = memory(TokioBroadcast, readers);
    let turns = memory(TURNS, readers);
    let mut lines = vec![
        ("tokio broadcast", tokio),
        ("task_state_changed, with the tasks", memory(STATES, readers)),
        ("task_state_changed of one task", turns),
        ("async-broadcast", memory(AsyncBroadcast, readers)),
    ];
    if readers < 1_000 {
        lines.push(("an mpsc for each", memory(Mpsc, readers)));
    }
    let line = |(case, bytes): (&str, f64)| {
        Line::new(case, bytes / 1e3)
            .and("bytes/event", bytes / EVENTS as f64)
            .and("this / tokio", bytes / tokio)
    };
    let lines: Vec<_> = lines.into_iter().map(line).collect();
    let title = format!("Memory with 100,000 events unread by {readers} readers");
    report.lines(&title, "kB", &lines);
    let what = format!("memory of history, {readers} readers");
    report.at_most(what, turns / tokio, 0.1, "x tokio broadcast");
}

pub(crate) fn run(report: &mut Report) {
    for threads in [1, 2] {
        for readers in [1, 8, 64, 1_000] {
            times(report, readers, threads);
        }
    }
    for readers in [64, 1_000] {
        memories(report, readers);
    }
}
