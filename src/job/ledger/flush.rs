//! The flush at a window's close: reads the marked slots and publishes what has changed.

use super::groups::Board;
use super::state::Ledger;
use crate::base::Timer;
use crate::bus::{Update, When};
use crate::job::effects::Effects;
use crate::meter::{Rest, Visit};
use crate::model::{Share, TaskId};

impl Ledger {
    /// Publishes the progress of the window that `rung` closes (G3).
    pub(crate) fn flush(&mut self, rung: Timer, effects: &mut Effects) {
        let signal = self.windows().0.clone();
        if !signal.closing(rung) {
            return;
        }
        let at = self.now();
        let when = When { stamp: self.board.stamp + 1, after: self.history.last_seq(), at };
        let (mut rest, mut any) = (Rest::Nothing, false);
        let read = self.board.notices.has_readers();
        self.board.updates = self.board.notices.reuse();
        let Ledger { board, tasks, .. } = self;
        let Board { meter, latest, updates, sums, .. } = &mut **board;
        meter.sweep(|page, index| {
            let visit = Visit::new(page, index);
            let task = TaskId::new(visit.task());
            let changed = if let Some(value) = visit.plain() {
                // Of a million tasks most are like this, and none of them counts for the sums before it ends.
                let news = latest.set_plain(task, value, when);
                if news && read {
                    updates.push_plain(task, value);
                }
                news
            } else {
                let Some(entry) = tasks.get(task) else { return false };
                let told = latest.get(task).map_or_else(|| entry.added(), |shown| shown.reading);
                let reading = visit.read();
                let news = reading.is_news(&told);
                if news {
                    sums.remove(Share::of(entry.counted(&told)));
                    sums.add(Share::of(entry.counted(&reading)));
                    latest.set(task, reading.clone(), when);
                    if read {
                        updates.push(Update { task, attempt: entry.attempt, reading });
                    }
                }
                news
            };
            any |= changed;
            let left = visit.leave(changed);
            rest = rest.max(left);
            left != Rest::Nothing
        });
        if any {
            self.board.stamp = when.stamp;
        }
        self.publish_window(at, effects);
        if rest == Rest::Nothing {
            self.board.notices.rest();
        }
        signal.closed(rung, rest);
    }
}
