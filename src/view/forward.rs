//! [`Job::forward`]: events in batches into somebody else's channel. Knows no channel.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::base::{Clock, drive};
use crate::bus::EventStream;
use crate::job::Job;
use crate::model::{Event, JobCompleted};

/// The longest batch: a receiver that is late gets several.
const MOST: usize = 10_000;

impl Job {
    /// Hands the job's events over to `send`, in batches, from the first one on: into a channel of whatever kind, or over a
    /// bridge where each message costs. `send` returns whether there shall be more.
    ///
    /// The first batch comes at once; while events come, there is one in each of the job's [windows](crate::JobBuilder::window),
    /// and the last one, which ends with [`JobCompleted`], is not held back. Each holds all lifecycle events since the one before, in
    /// order, and of progress the latest; it is never empty, and has at most 10,000 events: if there are more, batches follow one
    /// another.
    ///
    /// `send` is called on a thread of a pool, by one thread at a time, and may block: that slows neither the job nor other
    /// readers. It is dropped after the last batch, once it has returned false, or when it panics, which is logged; a channel of
    /// which it had the sender is then closed.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use milepost::{Event, Job};
    ///
    /// let (tx, rx) = mpsc::channel(); // crossbeam's, flume's and tokio's (blocking_send) look the same
    /// let job = Job::new("thumbnails");
    /// job.forward(move |batch| tx.send(batch).is_ok());
    /// job.reporter("a.png")?.run_blocking(|_| Ok(()))?;
    /// drop(job);
    ///
    /// let events: Vec<Event> = rx.into_iter().flatten().collect();
    /// assert!(matches!(events.last(), Some(Event::JobCompleted(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward(&self, send: impl FnMut(Vec<Event>) -> bool + Send + 'static) {
        let (events, end) = (self.events(), self.job_completed());
        let (clock, window) =
            (self.core().clock.clone(), self.core().look(|ledger| ledger.window()));
        drive("the forwarding of events", forward(events, end, clock, window, send));
    }
}

async fn forward(
    mut events: EventStream<Event>,
    mut end: EventStream<JobCompleted>,
    clock: Clock,
    window: Duration,
    mut send: impl FnMut(Vec<Event>) -> bool,
) {
    while let Some(first) = events.next().await {
        let due = clock.after(window);
        let mut batch = vec![first];
        while batch.len() < MOST
            && let Some(event) = events.try_recv()
        {
            batch.push(event);
        }
        let is_full = batch.len() == MOST;
        if !send(batch) {
            return;
        }
        if let (false, Some(due)) = (is_full || end.is_ended(), due) {
            let mut sleep = pin!(clock.sleep_until(due));
            poll_fn(|cx| match end.poll_event(Some(cx)) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(cx),
            })
            .await;
        }
    }
}
