//! The flush at a window's close: reads the marked slots and publishes what has changed.

use super::state::Ledger;
use crate::base::Timer;
use crate::bus::{Shown, Update};
use crate::job::effects::Effects;
use crate::meter::{Rest, Visit};
use crate::model::TaskId;

impl Ledger {
    /// Publishes the progress of the window that `rung` closes (G3).
    pub(crate) fn flush(&mut self, rung: Timer, effects: &mut Effects) {
        if !self.signal.closing(rung) {
            return;
        }
        let at = self.now();
        let (stamp, after) = (self.stamp + 1, self.history.last_seq());
        let mut rest = Rest::Nothing;
        let Ledger { meter, latest, tasks, updates, sums, .. } = self;
        meter.sweep(|page, index| {
            let visit = Visit::new(page, index);
            let task = TaskId::new(visit.task());
            let Some(entry) = tasks.get(task) else { return false };
            let told = latest.reading(task);
            let reading = visit.read();
            let changed = reading.is_news(&told);
            if changed {
                sums.remove(super::sums::Share::of(entry, &told));
                sums.add(super::sums::Share::of(entry, &reading));
                sums.note_unit(reading.detail.as_ref().and_then(|detail| detail.unit.as_ref()));
                let attempt = entry.attempt;
                latest.set(task, Shown { reading: reading.clone(), stamp, attempt, after, at });
                updates.push(Update { task, attempt, reading });
            }
            let left = visit.leave(changed);
            rest = rest.max(left);
            left != Rest::Nothing
        });
        if !self.updates.is_empty() {
            self.stamp = stamp;
        }
        self.publish_window(at, effects);
        self.signal.closed(rung, rest);
    }
}
