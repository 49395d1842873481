//! One reader's way through the publications: what is told next, after which lifecycle event, and what was missed (B3,
//! B4).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_broadcast::TryRecvError;

use super::item::{Item, Quick, Told, WindowItem};
use super::latest::Shown;
use super::notice::{Batch, Subscribed};
use super::record::{Change, Record};
use super::source::{Moment, Source, mask};
use crate::model::TaskId;

pub(super) struct ProgressReader {
    notices: Subscribed,
    /// How many had been sent when the channel was found empty, if it was.
    emptied: Option<u64>,
    /// All publications up to this one were told, or newer values in their place.
    pub(super) seen: u64,
    /// A notice that was received and is not due yet.
    ahead: Option<Arc<Batch>>,
    telling: Telling,
    /// What was read from the table and is told as the lifecycle events that it came after are passed.
    table: VecDeque<(TaskId, u32, Shown)>,
    /// Notices were missed, which is yet to be seen to.
    missed: bool,
    /// Notices were missed: the table is to be read after the lifecycle event of this number.
    gap: Option<u64>,
    /// Tasks that end up to the event of the first number were told up to the publication of the second, and
    /// are left out when the table is read: their last values go right before their ends (B4).
    ended: VecDeque<(u64, u64)>,
}

enum Telling {
    Nothing,
    Batch(Arc<Batch>, usize),
    Window(Box<WindowItem>),
}

impl ProgressReader {
    /// A reader of what comes after the publication `seen`, opened at `stamp` and the lifecycle event `last_seq`.
    pub(super) fn new(notices: Subscribed, seen: u64, stamp: u64, last_seq: u64) -> ProgressReader {
        let late = seen < stamp;
        ProgressReader {
            notices,
            emptied: None,
            seen,
            ahead: None,
            telling: Telling::Nothing,
            table: VecDeque::new(),
            missed: false,
            gap: late.then_some(last_seq),
            ended: late.then_some((u64::MAX, seen)).into_iter().collect(),
        }
    }

    /// Whether there is nothing to tell. Called in the critical section, and asks nothing of the source.
    pub(super) fn is_idle(&mut self) -> bool {
        // The channel's own `is_empty` is about all of its readers.
        self.receive() && !self.waits_for_records() && !self.missed
    }

    /// Takes the next notice from the channel, unless there is one. True if there are no more.
    fn receive(&mut self) -> bool {
        while !self.missed && !self.waits_for_records() {
            // Read first: what is sent meanwhile is found by the next look.
            let sent = Some(self.notices.sent.load(Ordering::Acquire));
            if self.emptied == sent {
                return true;
            }
            match self.notices.receiver.try_recv() {
                Ok(batch) if batch.when.stamp <= self.seen => {}
                Ok(batch) => self.ahead = Some(batch),
                Err(TryRecvError::Overflowed(_)) => self.missed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => {
                    self.emptied = sent;
                    return true;
                }
            }
        }
        false
    }

    pub(super) fn waits_for_records(&self) -> bool {
        let held = matches!(self.telling, Telling::Window(_));
        self.ahead.is_some() || self.gap.is_some() || !self.table.is_empty() || held
    }

    /// Whether it has told all that was published by `moment`, and is through with what it has begun to tell.
    pub(super) fn is_past(&self, moment: Moment) -> bool {
        let told = match &self.telling {
            Telling::Nothing => true,
            Telling::Batch(batch, next) => *next >= batch.updates.len(),
            Telling::Window(_) => false,
        };
        self.seen >= moment.stamp && told && self.table.is_empty()
    }

    /// What is to be told before the lifecycle event that follows `reached`, of what was taken up already.
    pub(super) fn next_told(&mut self, reached: u64) -> Option<Item> {
        let due = |(_, _, shown): &mut (_, _, Shown)| shown.when.after <= reached;
        if let Some(shown) = self.table.pop_front_if(due) {
            return Some(Item::Progress(Told::shown(shown)));
        }
        match &mut self.telling {
            Telling::Nothing => return None,
            Telling::Batch(batch, next) => {
                if let Some(update) = batch.updates.get(*next) {
                    *next += 1;
                    return Some(Item::Progress(Told::update(batch.when, update)));
                }
            }
            // The table was read later than the lifecycle events are told: they catch up first.
            Telling::Window(window) if window.after > reached => return None,
            Telling::Window(_) => {}
        }
        match std::mem::replace(&mut self.telling, Telling::Nothing) {
            Telling::Window(window) => Some(Item::Window(window)),
            _ => None,
        }
    }

    /// The next of a batch's updates, if one is being told and the update is a plain one.
    #[inline]
    pub(super) fn next_plain(&mut self) -> Option<Quick> {
        let Telling::Batch(batch, next) = &mut self.telling else { return None };
        let (task, value) = batch.updates.plain(*next)?;
        *next += 1;
        Some(Quick::Plain(batch.when, task, value))
    }

    /// Takes the next step that is due, having passed the lifecycle event `reached`. False if there is none.
    pub(super) fn advance(&mut self, source: &dyn Source, mask: u16, reached: u64) -> bool {
        let held = matches!(self.telling, Telling::Window(_));
        if held || !self.table.is_empty() || self.receive() {
            return false;
        }
        if std::mem::take(&mut self.missed) {
            self.gap = Some(source.moment().last_seq);
            self.ended.push_back((u64::MAX, self.seen));
        }
        if let Some(until) = self.gap {
            if reached >= until {
                self.read_table(source, mask, reached == u64::MAX);
            }
            return reached >= until;
        }
        match self.ahead.take_if(|batch| batch.when.after <= reached) {
            Some(batch) => {
                self.tell(batch, mask);
                true
            }
            None => false,
        }
    }

    fn tell(&mut self, batch: Arc<Batch>, mask: u16) {
        if mask & mask::WINDOW == 0 {
            self.seen = batch.when.stamp;
            self.telling = Telling::Batch(batch, 0);
            return;
        }
        // What tasks publish as they end comes again with their window.
        let Some(closed) = &batch.window else { return };
        let seen = std::mem::replace(&mut self.seen, batch.when.stamp);
        // Who reads the ends of tasks has their last values with those, and nothing of a task comes after its end.
        let reads_ends = mask & mask::COMPLETED != 0;
        let ended = closed.ended.iter().filter(|(stamp, _)| !reads_ends && *stamp > seen);
        let updates = batch.updates.iter().chain(ended.map(|(_, update)| update.clone()));
        let told = updates.map(|update| Told::update(batch.when, update));
        self.telling = Telling::Window(Box::new(WindowItem {
            at: batch.when.at,
            after: batch.when.after,
            told: told.collect(),
            progress: closed.progress.clone(),
        }));
    }

    fn read_table(&mut self, source: &dyn Source, mask: u16, with_ended: bool) {
        let table = source.table(self.seen, with_ended);
        self.gap = None;
        self.seen = table.stamp;
        if let Some((until, _)) = self.ended.back_mut() {
            *until = table.last_seq;
        }
        if with_ended {
            self.ended.clear();
        }
        let mut shown = table.shown;
        if mask & mask::WINDOW == 0 {
            // In the order in which it was told; a task's place among those of one flush is its own.
            shown.sort_by_key(|(_, _, shown)| shown.when.after);
            self.table = shown.into();
        } else {
            let told = shown.into_iter().map(Told::shown);
            self.telling = Telling::Window(Box::new(WindowItem {
                at: table.at,
                after: table.last_seq,
                told: told.collect(),
                progress: table.progress,
            }));
        }
    }

    /// The last progress of a task that ends with `record`, if this reader was not told it.
    pub(super) fn before_end(
        &mut self,
        source: &dyn Source,
        seq: u64,
        record: &Record,
    ) -> Option<Told> {
        while self.ended.front().is_some_and(|(until, _)| *until < seq) {
            self.ended.pop_front();
        }
        let (_, told) = self.ended.front()?;
        match record.change {
            Change::Task { task, to, .. } if to.is_terminal() => {
                let (attempt, shown) =
                    source.shown(task).filter(|(_, shown)| shown.when.stamp > *told)?;
                Some(Told::shown((task, attempt, shown)))
            }
            _ => None,
        }
    }
}
