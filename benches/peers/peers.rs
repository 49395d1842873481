//! What is called: Milepost, progress bars and channels, each set up as its documentation shows. Knows no table.

use std::collections::HashMap;

use indicatif::{InMemoryTerm, ProgressBar, ProgressDrawTarget};
use milepost::{Job, Progress, TaskReporter};
use parking_lot::Mutex;
use prodash::tree::{Item, Root};
use tokio::sync::{broadcast, watch};

use crate::calls::{Calls, SET};
use crate::floor::{floats, integers, steps};

pub(crate) const ADVANCE: &str = "milepost advance";
pub(crate) const PRODASH_SET: &str = "prodash set";

/// Messages that a channel holds.
pub(crate) const CAPACITY: usize = 1024;

/// What a channel carries: whose progress, and how far.
pub(crate) type Report = (u32, f64);

/// A bar's end: far away, since a bar that is full is drawn otherwise.
const LENGTH: u64 = 1 << 40;

pub(crate) fn milepost(calls: &mut Calls) {
    let job = Job::new("peers");
    let unread = job.task_progress_updated();
    let mut pair = |names: [&str; 2]| -> Vec<Progress> {
        let reporters = names.map(|name| job.reporter(name).unwrap());
        let running = |reporter: &TaskReporter| {
            reporter.running().unwrap();
            reporter.progress()
        };
        let pair = reporters.iter().map(running).collect();
        calls.keep(reporters);
        pair
    };
    // A task that counts takes values otherwise than one that doesn't: tasks of their own for each.
    let (setting, counting) = (pair(["a", "b"]), pair(["c", "d"]));
    calls.add(SET, setting, floats(), |progress, value| progress.set_progress(value));
    calls.add(ADVANCE, counting, steps(), |progress, step| progress.advance(step));
    calls.keep((job, unread));
}

pub(crate) fn bars(calls: &mut Calls) {
    let root = Root::new();
    let items = || -> Vec<Item> {
        let item = |name| {
            let item = root.add_child(name);
            item.init(Some(LENGTH as usize), None);
            item
        };
        ["a", "b"].map(item).into()
    };
    let (setting, counting) = (items(), items());
    calls.add(PRODASH_SET, setting, integers(), |item, value| item.set(value as usize));
    calls.add("prodash inc", counting, steps(), |item, step| item.inc_by(step as usize));
    calls.keep(root);

    let bars = |target: fn() -> ProgressDrawTarget| -> Vec<ProgressBar> {
        let bar = || ProgressBar::with_draw_target(Some(LENGTH), target());
        vec![bar(), bar()]
    };
    let hidden = ProgressDrawTarget::hidden;
    let drawn = || ProgressDrawTarget::term_like_with_hz(Box::new(InMemoryTerm::new(24, 80)), 20);
    let set = |bar: &ProgressBar, value| bar.set_position(value);
    calls.add("indicatif set, hidden", bars(hidden), integers(), set);
    calls.add("indicatif inc, hidden", bars(hidden), steps(), |bar, step| bar.inc(step));
    calls.add("indicatif set, 20 Hz", bars(drawn), integers(), set);
}

pub(crate) fn channels(calls: &mut Calls) {
    let watches = vec![watch::channel(0), watch::channel(0)];
    calls.add("tokio watch", watches, integers(), |(sender, _receiver), value| {
        sender.send_replace(value);
    });

    // One channel carries all tasks' reports, so that there are no two to send to.
    let channel = broadcast::channel::<Report>(CAPACITY);
    calls.add("tokio broadcast", vec![channel], floats(), |(sender, _receiver), value| {
        sender.send((0, value)).unwrap();
    });

    let channel = overflowing();
    calls.add("async-broadcast", vec![channel], floats(), |(sender, _receiver), value| {
        sender.try_broadcast((0, value)).unwrap();
    });

    let table = Box::leak(Box::<Mutex<HashMap<u32, f64>>>::default());
    let keys: Vec<(&Mutex<_>, u32)> = vec![(table, 0), (table, 1)];
    calls.add("mutex of a map", keys, floats(), |(table, key), value| {
        table.lock().insert(*key, value);
    });
}

/// An async-broadcast that drops the oldest when it is full.
pub(crate) fn overflowing() -> (async_broadcast::Sender<Report>, async_broadcast::Receiver<Report>)
{
    let (mut sender, receiver) = async_broadcast::broadcast(CAPACITY);
    sender.set_overflow(true);
    (sender, receiver)
}
