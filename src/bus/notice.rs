//! Notices of published progress, on a channel that drops the oldest when a reader is slow: the table has what they
//! had (B2, B4). The channel's own wake-ups are not used; see B5.

use std::sync::Arc;

use async_broadcast::{InactiveReceiver, Receiver, Sender};

use crate::meter::Reading;
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

/// A publication: a window's updates, or the last one of a task that ends.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) stamp: u64,
    pub(crate) at: u64,
    pub(crate) after: u64,
    pub(crate) updates: Arc<[Update]>,
    /// What only readers of whole windows need; none if this closes no window.
    pub(crate) window: Option<Arc<Closed>>,
}

/// A window that was closed.
#[derive(Debug)]
pub(crate) struct Closed {
    /// Last updates of tasks that ended in the window, with the stamps at which they were published.
    pub(crate) ended: Vec<(u64, Update)>,
    /// The job's progress.
    pub(crate) progress: JobProgress,
}

/// The channel; made when the first reader comes.
#[derive(Default)]
pub(crate) struct Notices {
    channel: Option<Box<(Sender<Batch>, InactiveReceiver<Batch>)>>,
}

impl Notices {
    pub(crate) fn subscribe(&mut self) -> Receiver<Batch> {
        let channel = self.channel.get_or_insert_with(|| {
            let (mut sender, receiver) = async_broadcast::broadcast(KEPT);
            sender.set_overflow(true);
            Box::new((sender, receiver.deactivate()))
        });
        channel.1.activate_cloned()
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.0.receiver_count() > 0)
    }

    pub(crate) fn publish(&self, batch: Batch) {
        if let Some(channel) = &self.channel {
            // Without readers there is nobody to miss it.
            let _ = channel.0.try_broadcast(batch);
        }
    }
}
