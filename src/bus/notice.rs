//! Notices of published progress, on a channel that drops the oldest when a reader is slow: the table has what they
//! had (B2, B4). The channel's own wake-ups are not used; see B5.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_broadcast::{InactiveReceiver, Receiver, Sender};

use super::latest::When;
use crate::meter::{Detail, Reading};
use crate::model::{JobProgress, TaskId};

/// How many publications a reader may be behind before it reads the table instead.
const KEPT: usize = 16;

/// A task's new progress.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) reading: Reading,
}

/// A window's updates: 16 bytes each, and more for those that have more to say than a value.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    list: Vec<Short>,
    more: Vec<More>,
}

#[derive(Debug, Clone, Copy)]
struct Short {
    task: TaskId,
    /// Which of `more` has the rest, or [`PLAIN`].
    more: u32,
    /// NaN if there is none.
    value: f64,
}

/// A first attempt, and no details.
const PLAIN: u32 = u32::MAX;

#[derive(Debug)]
struct More {
    attempt: u32,
    detail: Option<Arc<Detail>>,
}

impl Updates {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn tasks(&self) -> impl Iterator<Item = TaskId> {
        self.list.iter().map(|short| short.task)
    }

    /// Adds a value of a first attempt without details.
    #[inline]
    pub(crate) fn push_plain(&mut self, task: TaskId, value: f64) {
        self.list.push(Short { task, more: PLAIN, value });
    }

    pub(crate) fn push(&mut self, update: Update) {
        let Update { task, attempt, reading: Reading { progress, detail } } = update;
        let value = progress.unwrap_or(f64::NAN);
        if attempt == 1 && detail.is_none() {
            return self.push_plain(task, value);
        }
        // No more than there are tasks.
        let more = self.more.len() as u32;
        self.more.push(More { attempt, detail });
        self.list.push(Short { task, more, value });
    }

    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<Update> {
        let Short { task, more, value } = *self.list.get(at)?;
        let progress = (!value.is_nan()).then_some(value);
        let (attempt, detail) = match self.more.get(more as usize) {
            None => (1, None),
            Some(more) => (more.attempt, more.detail.clone()),
        };
        Some(Update { task, attempt, reading: Reading { progress, detail } })
    }

    /// An update that is a plain value.
    #[inline]
    pub(crate) fn plain(&self, at: usize) -> Option<(TaskId, f64)> {
        let Short { task, more, value } = *self.list.get(at)?;
        (more == PLAIN && !value.is_nan()).then_some((task, value))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Update> {
        (0..self.list.len()).filter_map(|at| self.get(at))
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.more.clear();
    }
}

/// A publication: a window's updates, or the last one of a task that ends.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) when: When,
    pub(crate) updates: Updates,
    /// What only readers of whole windows need; none if this closes no window.
    pub(crate) window: Option<Closed>,
}

/// A window that was closed.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Last updates of tasks that ended in the window, with the stamps at which they were published.
    pub(crate) ended: Vec<(u64, Update)>,
    /// The job's progress.
    pub(crate) progress: JobProgress,
}

struct Channel {
    sender: Sender<Arc<Batch>>,
    receiver: InactiveReceiver<Arc<Batch>>,
    sent: Arc<AtomicU64>,
}

/// What a reader gets publications from.
pub(crate) struct Subscribed {
    pub(crate) receiver: Receiver<Arc<Batch>>,
    /// How many were sent: a look at it costs nothing, one into the channel a lock.
    pub(crate) sent: Arc<AtomicU64>,
}

/// The channel; made when the first reader comes.
#[derive(Default)]
pub(crate) struct Notices {
    channel: Option<Box<Channel>>,
    /// The last window that was published: once all have read it, the next one takes its memory over.
    last: Option<Arc<Batch>>,
}

impl Notices {
    pub(crate) fn subscribe(&mut self) -> Subscribed {
        let channel = self.channel.get_or_insert_with(|| {
            let (mut sender, receiver) = async_broadcast::broadcast(KEPT);
            sender.set_overflow(true);
            let receiver = receiver.deactivate();
            Box::new(Channel { sender, receiver, sent: Arc::default() })
        });
        Subscribed { receiver: channel.receiver.activate_cloned(), sent: channel.sent.clone() }
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.sender.receiver_count() > 0)
    }

    pub(crate) fn publish(&mut self, batch: Batch) {
        if let Some(channel) = &self.channel {
            let batch = Arc::new(batch);
            if batch.window.is_some() {
                self.last = Some(batch.clone());
            }
            // Without readers there is nobody to miss it.
            let _ = channel.sender.try_broadcast(batch);
            channel.sent.fetch_add(1, Ordering::Release);
        }
    }

    /// Empty updates, with the memory of those of the last window if all have read it.
    pub(crate) fn reuse(&mut self) -> Updates {
        let read = self.last.take().and_then(Arc::into_inner);
        let mut updates = read.map(|batch| batch.updates).unwrap_or_default();
        updates.clear();
        updates
    }

    /// Keeps nothing for a next window: none follows at once.
    pub(crate) fn rest(&mut self) {
        self.last = None;
    }
}
