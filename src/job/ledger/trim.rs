//! The freeing of what every reader has passed, for jobs that keep no more (`History::Unread`).

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use super::state::Ledger;
use crate::bus::{Change, mask};
use crate::job::History;
use crate::job::effects::Effects;
use crate::model::TaskId;

/// After how many ends of tasks there is a look at what may go.
const EVERY: u32 = 256;

/// How many events a reader may be behind before it is woken to pass those that aren't of its kind.
const FAR_BEHIND: u64 = 2_048;

impl Ledger {
    /// Called at each end of a task.
    pub(super) fn trim_now_and_then(&mut self, effects: &mut Effects) {
        if self.options.history == History::Unread {
            self.seldom.ends_since_trim += 1;
            if self.seldom.ends_since_trim >= EVERY {
                self.seldom.ends_since_trim = 0;
                self.trim(effects);
            }
        }
    }

    fn trim(&mut self, effects: &mut Effects) {
        let last = self.history.last_seq();
        let passed = least(&mut self.seldom.positions).unwrap_or(last).min(last);
        if last - passed > FAR_BEHIND {
            self.wakers.take(mask::LIFECYCLE, &mut effects.wakes);
        }
        let mut cursor = self.history.cursor_after(0);
        if !self.history.release_before(passed + 1) {
            return;
        }
        let first = self.history.first_seq();
        while let Some((seq, packed)) = cursor.peek().filter(|(seq, _)| *seq < first) {
            cursor.pass();
            self.seldom.causes.remove(&seq);
            if let Change::Completed { task, .. } = packed.unpack().change {
                self.retire(task, effects);
            }
        }
        self.clear_progress();
        for entry in self.tasks.trim() {
            effects.drop_later(entry);
        }
    }

    /// All have passed the end of a task. What it holds goes, unless its handle may ask for it.
    fn retire(&mut self, id: TaskId, effects: &mut Effects) {
        let Some(entry) = self.tasks.get_mut(id) else { return };
        self.seldom.retired.insert(id, entry.attempt);
        entry.retired = true;
        if !entry.handled {
            entry.name = Default::default();
            effects.drop_later(entry.extra.take());
        }
    }

    /// Forgets the progress of retired tasks whose last value has been told to all who read progress alone.
    fn clear_progress(&mut self) {
        let told = least(&mut self.seldom.stamps).unwrap_or(u64::MAX);
        let latest = &mut self.board.latest;
        self.seldom.retired.retain(|id, _| {
            let untold = latest.stamp(*id) > told;
            if !untold {
                latest.clear(*id);
            }
            untold
        });
    }
}

/// How far the slowest of the readers is that are still there.
fn least(positions: &mut Vec<Weak<AtomicU64>>) -> Option<u64> {
    positions.retain(|position| position.strong_count() > 0);
    let there = positions.iter().filter_map(Weak::upgrade);
    there.map(|position| position.load(Ordering::Acquire)).min()
}
