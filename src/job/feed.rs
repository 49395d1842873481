//! Tasks that are added as others end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::core::JobCore;
use super::ledger::Adder;
use super::{NewTask, TaskError};
use crate::base::{contain, drop_contained};

/// An iterator of tasks to come.
pub(super) struct Feed {
    tasks: Box<dyn Iterator<Item = NewTask> + Send>,
    ahead: usize,
}

impl Feed {
    pub(super) fn new(tasks: impl Iterator<Item = NewTask> + Send + 'static, ahead: usize) -> Feed {
        Feed { tasks: Box::new(tasks), ahead }
    }
}

/// A job's feeds. The iterators are asked outside of the job's critical section, by one thread at a time.
#[derive(Default)]
pub(super) struct Feeds {
    /// Says how many calls for more have not been answered: whoever makes the first one answers them all.
    calls: AtomicUsize,
    feeds: Mutex<Vec<Feed>>,
    /// Those that have not been looked at yet.
    added: Mutex<Vec<Feed>>,
}

impl JobCore {
    pub(super) fn feed(self: &Arc<Self>, feed: Feed) {
        self.feeds.get_or_init(Default::default).added.lock().push(feed);
        self.refill();
    }

    pub(super) fn has_feeds(&self) -> bool {
        self.feeds.get().is_some()
    }

    /// Drops the feeds, which nobody will ask any more.
    pub(super) fn drop_feeds(&self) {
        let Some(all) = self.feeds.get() else { return };
        let feeds = std::mem::take(&mut *all.feeds.lock());
        let added = std::mem::take(&mut *all.added.lock());
        drop((feeds, added));
    }

    /// Takes no more tasks, but for those of the feeds.
    pub(super) fn close(self: &Arc<Self>) {
        self.look(|ledger| ledger.close());
        if self.feeds.get().is_some() {
            self.refill();
        } else {
            self.update(|ledger, effects| ledger.seal(false, effects));
        }
    }

    /// Adds tasks of the feeds up to the number that may be ahead.
    pub(super) fn refill(self: &Arc<Self>) {
        let Some(all) = self.feeds.get() else { return };
        // A call that comes while another one is answered is answered by that one's next round: also one that the
        // iterator itself leads to.
        if all.calls.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        loop {
            let calls = all.calls.load(Ordering::Acquire);
            self.refill_round(all);
            if all.calls.fetch_sub(calls, Ordering::AcqRel) == calls {
                return;
            }
        }
    }

    fn refill_round(self: &Arc<Self>, all: &Feeds) {
        let mut feeds = std::mem::take(&mut *all.feeds.lock());
        feeds.append(&mut all.added.lock());
        feeds.retain_mut(|feed| self.refill_from(feed).is_some());
        // A feed that has ended is dropped by now; the others go back.
        let none = feeds.is_empty() && all.added.lock().is_empty();
        *all.feeds.lock() = feeds;
        if none && self.look(|ledger| ledger.is_closed()) {
            self.update(|ledger, effects| ledger.seal(false, effects));
        }
    }

    /// None once the feed has ended.
    fn refill_from(self: &Arc<Self>, feed: &mut Feed) -> Option<()> {
        loop {
            let (takes_tasks, unfinished) =
                self.look(|ledger| (ledger.takes_tasks(), ledger.unfinished()));
            if !takes_tasks {
                return None;
            }
            if unfinished >= feed.ahead {
                return Some(());
            }
            let task = contain("a feed of tasks", || feed.tasks.next()).flatten()?;
            let name = task.options.name.clone();
            let added = self.add(task, Adder::Feed).or_else(|error| {
                // There is nobody here to tell: a task in its place fails for the same reason.
                let fails =
                    NewTask::blocking(name, |_cx| Err::<(), _>(TaskError::permanent(error)));
                self.add(fails, Adder::Feed)
            });
            if let Err(error) = added {
                tracing::error!(%error, job = %self.id, "a fed task was not added");
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let empty: Box<dyn Iterator<Item = NewTask> + Send> = Box::new(std::iter::empty());
        drop_contained("the drop of a feed", std::mem::replace(&mut self.tasks, empty));
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed")
    }
}
