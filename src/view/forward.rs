//! [`Job::forward`]: events in [batches](Batch) into somebody else's channel. Knows no channel.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{Clock, contain, drive};
use crate::bus::EventStream;
use crate::job::Job;
use crate::model::{Event, JobCompleted};

/// The longest batch: a receiver that is late gets several.
const MOST: usize = 10_000;

/// What has happened since the batch before, and how many tasks there will be; see [`Job::forward`]. In JSON it is an object of what
/// it has, `expected` left out if it isn't known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Batch {
    /// Lifecycle events in order, with progress where it belongs; at least one.
    pub events: Vec<Event>,
    /// How many tasks the job will have, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
}

impl Job {
    /// Hands the job's events over to `send`, in [batches](Batch), from the first one on: into a channel of whatever kind, or over a
    /// bridge where each message costs. `send` returns whether there shall be more.
    ///
    /// The first batch comes at once; while events come, there is one in each of the job's [windows](crate::JobBuilder::window),
    /// and the last one, which ends with [`JobCompleted`], is not held back. Each holds all lifecycle events since the one before, in
    /// order, and of progress the latest; it is never empty, and has at most 10,000 events: if there are more, batches follow one
    /// another.
    ///
    /// `send` is called on a thread of a pool, by one thread at a time, and may block: that slows neither the job nor other
    /// readers. It is dropped after the last batch, once it has returned false, or when it panics, which is logged; a channel of
    /// which it had the sender is then closed. That a receiver has gone is noticed with the next batch: until then the
    /// closure is kept.
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use std::time::SystemTime;
    /// use milepost::{Job, view::Rows};
    ///
    /// let (tx, rx) = mpsc::channel(); // crossbeam's, flume's and tokio's (blocking_send) look the same
    /// let job = Job::new("thumbnails");
    /// job.forward(move |batch| tx.send(batch).is_ok());
    /// job.reporter("a.png")?.run_blocking(|_| Ok(()))?;
    /// drop(job);
    ///
    /// let mut rows = Rows::new();
    /// for batch in rx {
    ///     rows.take(&batch);
    /// }
    /// assert_eq!(rows.job(SystemTime::now()).fraction, Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forward(&self, send: impl FnMut(Batch) -> bool + Send + 'static) {
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
    mut send: impl FnMut(Batch) -> bool,
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
        let batch = Batch { events: batch, expected: events.expected() };
        // Contained by itself: what `send` holds may panic too, as it goes.
        if contain("the forwarding of events", || send(batch)) != Some(true) {
            return;
        }
        // It is read also where nothing is held back: a job keeps what one of its readers has not passed.
        let has_ended = end.try_recv().is_some() || end.is_ended();
        if let (false, Some(due)) = (is_full || has_ended, due) {
            let mut sleep = pin!(clock.sleep_until(due));
            poll_fn(|cx| match end.poll_event(Some(cx)) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(cx),
            })
            .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Receiver, channel};
    use std::task::{Context, Waker};

    use super::*;
    use crate::base::ManualClock;
    use crate::job::History;

    const WINDOW: Duration = Duration::from_millis(200);
    const NONE: [usize; 0] = [];

    struct Forwarding {
        clock: ManualClock,
        job: Job,
        future: Pin<Box<dyn Future<Output = ()>>>,
        batches: Receiver<Batch>,
    }

    impl Forwarding {
        fn new() -> Forwarding {
            let clock = ManualClock::new();
            let job = Job::builder("batches").clock(clock.clock()).build().expect("it makes sense");
            let (events, end, (tx, batches)) = (job.events(), job.job_completed(), channel());
            let send = move |batch| tx.send(batch).is_ok();
            let future = Box::pin(forward(events, end, clock.clock(), WINDOW, send));
            Forwarding { clock, job, future, batches }
        }

        /// How many events each batch has that is sent now.
        fn sent(&mut self) -> Vec<usize> {
            let _ = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            self.batches.try_iter().map(|batch| batch.events.len()).collect()
        }
    }

    #[test]
    fn a_receiver_that_is_always_late_does_not_keep_what_it_has_read() {
        let job = Job::builder("long").history(History::Unread).open().expect("it makes sense");
        let run = |job: &Job, tasks| {
            for _ in 0..tasks {
                let task = job.reporter("task").expect("it takes tasks");
                task.running().and_then(|()| task.complete(())).expect("it can");
            }
        };
        let (events, end) = (job.events(), job.job_completed());
        run(&job, 6_000);
        let (handle, (tx, freed)) = (Job::clone(&job), channel());
        let send = move |batch: Batch| {
            // What was read is freed as tasks end.
            run(&handle, 300);
            let first = handle.core().look(|ledger| ledger.first_seq());
            tx.send((batch.events.len(), first)).is_ok()
        };
        let mut future = Box::pin(forward(events, end, Clock::system(), WINDOW, send));
        let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let full: Vec<u64> = freed
            .try_iter()
            .filter(|(events, _)| *events == MOST)
            .map(|(_, first)| first)
            .collect();
        assert!(full.len() >= 3 && full[2] > 5_000, "{full:?}");
    }

    #[test]
    fn what_comes_within_a_window_is_one_batch() {
        let mut forwarding = Forwarding::new();
        assert_eq!(forwarding.sent(), NONE);
        let add = |n: usize, to: &Forwarding| {
            (0..n).for_each(|_| drop(to.job.add_blocking("task", |_cx| Ok(()))));
        };
        add(1, &forwarding);
        assert_eq!(forwarding.sent(), [1], "the first at once");
        for _ in 0..5 {
            add(2, &forwarding);
            assert_eq!(forwarding.sent(), NONE, "the next one is held back");
            forwarding.clock.advance(WINDOW / 5);
        }
        assert_eq!(forwarding.sent(), [10]);
        forwarding.clock.advance(WINDOW * 10);
        assert_eq!(forwarding.sent(), NONE, "none is empty");
        add(1, &forwarding);
        assert_eq!(forwarding.sent(), [1], "after quiet, at once");
        add(25_000, &forwarding);
        forwarding.clock.advance(WINDOW);
        assert_eq!(forwarding.sent(), [10_000, 10_000, 5_000], "much, one after the other");
        add(1, &forwarding);
        assert_eq!(forwarding.sent(), NONE);
        forwarding.job.cancel("enough");
        let ended = forwarding.sent();
        assert!(
            ended.len() >= 2 && forwarding.batches.recv().is_err(),
            "the end at once: {ended:?}"
        );
    }
}
