//! The writer's thread: reads the events of its jobs as they come, and has them written in batches.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::stream::{SelectAll, Stream};

use super::batch::{BATCH, Batch};
use super::error::WriteError;
use crate::base::{Clock, Sleep, block_on};
use crate::bus::EventStream;
use crate::job::core::JobCore;
use crate::model::Event;

/// How long events gather after a write: a job that tells many would else wake this thread for each, which costs the job
/// more than the event.
const GATHER: Duration = Duration::from_millis(2);

/// How long it is until a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// So many events are read at once, of which perhaps none is to be written, before it is seen whether something is asked.
const TAKEN: usize = 100_000;

/// Told when all is written.
pub(super) type Written = oneshot::Sender<Result<(), WriteError>>;

/// What the thread is asked for.
pub(super) enum Request {
    /// Write the events of a job.
    Add(Arc<JobCore>, Box<EventStream<Event>>),
    /// Write all that has happened.
    Flush(Written),
    /// The same, and write no more.
    Close(Written),
}

pub(super) struct Scribe {
    requests: mpsc::UnboundedReceiver<Request>,
    streams: SelectAll<EventStream<Event>>,
    batch: Batch,
    clock: Clock,
    /// Until when no more events are read: their jobs keep them (E2).
    pause: Option<Sleep>,
}

impl Scribe {
    pub(super) fn new(
        requests: mpsc::UnboundedReceiver<Request>,
        batch: Batch,
        clock: Clock,
    ) -> Scribe {
        Scribe { requests, streams: SelectAll::new(), batch, clock, pause: None }
    }

    /// Serves requests and writes events until it is to close.
    pub(super) fn run(mut self) {
        while let Some(request) = block_on(poll_fn(|cx| self.poll(cx))) {
            match request {
                Request::Add(job, events) => {
                    if self.batch.begin_job(job) {
                        self.streams.push(*events);
                    }
                }
                // Nobody may be there any more to be told.
                Request::Flush(written) => _ = written.send(self.flush()),
                Request::Close(written) => {
                    let result = self.flush();
                    // Who is told so may open the log again.
                    drop(self);
                    _ = written.send(result);
                    return;
                }
            }
        }
    }

    /// Writes what there is to write. Ready with the next request; `None` if there will be none.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            if let Poll::Ready(request) = Pin::new(&mut self.requests).poll_next(cx) {
                return Poll::Ready(request);
            }
            self.batch.forget_ended();
            if let Some(pause) = &mut self.pause {
                if Pin::new(pause).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
                // What has failed goes first (E2).
                if !self.batch.is_empty() {
                    _ = self.write(false);
                    continue;
                }
            }
            let mut taken = 0;
            while self.batch.len() < BATCH
                && taken < TAKEN
                && let Poll::Ready(Some(event)) = Pin::new(&mut self.streams).poll_next(cx)
            {
                self.batch.take(event);
                taken += 1;
            }
            if !self.batch.is_empty() {
                _ = self.write(false);
            } else if taken == 0 {
                return Poll::Pending;
            }
        }
    }

    fn write(&mut self, flushed: bool) -> Result<(), WriteError> {
        let written = self.batch.write(flushed);
        let pause = match &written {
            Ok(()) => GATHER,
            Err(error) => {
                tracing::error!(%error, cause = %error.source, "it is tried again in a second");
                RETRY
            }
        };
        self.pause = self.clock.after(pause).map(|at| self.clock.sleep_until(at));
        written
    }

    /// Writes all that has happened up to now.
    fn flush(&mut self) -> Result<(), WriteError> {
        // Wake-ups may be on their way: each job is asked.
        let mut streams = std::mem::take(&mut self.streams);
        let result = streams.iter_mut().try_for_each(|stream| self.read_all(stream));
        self.streams = streams;
        self.batch.look_at_all();
        result.and_then(|()| self.write(true))
    }

    /// Reads what has happened in a job up to now, however fast it goes on.
    fn read_all(&mut self, stream: &mut EventStream<Event>) -> Result<(), WriteError> {
        let now = stream.moment();
        while let Some(event) = stream.read(Some(now)) {
            self.batch.take(event);
            if self.batch.len() >= BATCH {
                self.write(false)?;
            }
        }
        Ok(())
    }
}
