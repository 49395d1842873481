//! What drives tracking: takes events of logs, polls and cancellations as they come, and passes them on. What they mean is decided in
//! `reconcile` and `Jobs`; what is tracked is kept in `batches`.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::{mpsc, oneshot};
use futures::stream::{BoxStream, SelectAll, Stream};

use super::PoolError;
use super::action::{Action, Done};
use super::ask::Asker;
use super::batches::{Asks, Batches, Log};
use super::cancel::Cancel;
use super::job_ad::JobAd;
use super::poll::{Queue, history, queue};
use super::submit::Submitted;
use super::tracking::{PoolTrackingBuilder, Tracked};
use super::which::Which;
use crate::base::Sleep;
use crate::condor::JobKey;

#[derive(Debug)]
pub(super) enum Request {
    Track(Submitted, oneshot::Sender<Result<Tracked, PoolError>>),
}

/// What is asked just now.
enum Asking {
    Queue(Working<Queue>),
    History(Queue, Working<HashMap<JobKey, JobAd>>),
}

/// A tool that runs.
type Working<T> = Pin<Box<dyn Future<Output = Result<T, PoolError>> + Send>>;

/// A removal that was asked for.
struct Removal {
    which: Which,
    reason: String,
    tries: u32,
}

/// So often a removal is tried.
const TRIES: u32 = 5;

/// How long after it has failed, twice as long each time.
const AGAIN: Duration = Duration::from_secs(15);

/// A pool that doesn't answer is asked up to so many times less often, as a power of two.
const BACKED_OFF: u32 = 4;

/// So many events are taken before it is seen what else there is.
const TAKEN: usize = 1000;

pub(super) struct Driver {
    asker: Asker,
    every: Duration,
    requests: Option<mpsc::UnboundedReceiver<Request>>,
    logs: SelectAll<Log>,
    cancels: SelectAll<BoxStream<'static, Cancel>>,
    batches: Batches,
    asking: Option<Asking>,
    next: Option<Sleep>,
    /// Polls that have failed one after the other.
    failed: u32,
    removals: VecDeque<Removal>,
    removing: Option<(Removal, Working<Done>)>,
    /// Until removals that have failed are tried again.
    again: Option<Sleep>,
    /// Something was read since it was seen what has ended.
    is_dirty: bool,
}

impl Driver {
    pub(super) fn new(
        settings: PoolTrackingBuilder,
        requests: mpsc::UnboundedReceiver<Request>,
    ) -> Driver {
        let asker = settings.pool.asker().clone();
        Driver {
            batches: Batches::new(settings.jobs.build(), settings.zone, asker.clock.clone()),
            asker,
            every: settings.every,
            requests: Some(requests),
            logs: SelectAll::new(),
            cancels: SelectAll::new(),
            asking: None,
            next: None,
            failed: 0,
            removals: VecDeque::new(),
            removing: None,
            again: None,
            is_dirty: false,
        }
    }

    /// Until there is nothing to track, and nobody who could have something tracked.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut goes_on = self.take_requests(cx);
            goes_on |= self.take_cancels(cx);
            goes_on |= self.take_events(cx);
            goes_on |= self.remove(cx);
            goes_on |= self.ask(cx);
            if goes_on {
                continue;
            }
            if std::mem::take(&mut self.is_dirty) {
                self.settle();
                continue;
            }
            let is_idle = self.batches.is_empty() && self.removals.is_empty();
            return match self.requests.is_none() && is_idle && self.removing.is_none() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            };
        }
    }

    fn take_requests(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(requests) = &mut self.requests else { return false };
        match Pin::new(requests).poll_next(cx) {
            Poll::Ready(Some(Request::Track(submitted, say))) => {
                let (tracked, logs, cancels) = self.batches.add(&submitted);
                self.logs.extend(logs);
                self.cancels.extend(cancels);
                _ = say.send(Ok(tracked));
                self.sooner();
                true
            }
            Poll::Ready(None) => {
                self.requests = None;
                true
            }
            Poll::Pending => false,
        }
    }

    fn take_cancels(&mut self, cx: &mut Context<'_>) -> bool {
        let Poll::Ready(Some(cancel)) = Pin::new(&mut self.cancels).poll_next(cx) else {
            return false;
        };
        if let Some(which) = self.batches.cancel(cancel.which) {
            self.removals.push_back(Removal { which, reason: cancel.reason, tries: 0 });
        }
        self.is_dirty = true;
        true
    }

    fn take_events(&mut self, cx: &mut Context<'_>) -> bool {
        let mut taken = 0;
        while taken < TAKEN
            && let Poll::Ready(Some((log, event))) = Pin::new(&mut self.logs).poll_next(cx)
        {
            if self.batches.take(&log, event) {
                self.sooner();
            }
            taken += 1;
        }
        self.is_dirty |= taken > 0;
        taken > 0
    }

    /// Does what was asked for by cancelling, one after the other.
    fn remove(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some((removal, call)) = &mut self.removing {
            let Poll::Ready(done) = call.as_mut().poll(cx) else { return false };
            match done {
                Ok(done) => {
                    tracing::debug!(%done, which = ?removal.which, "canceled jobs were removed")
                }
                Err(error) => {
                    tracing::warn!(%error, which = ?removal.which, "canceled jobs can't be removed");
                    if let Some((mut removal, _)) = self.removing.take()
                        && removal.tries < TRIES
                    {
                        let clock = &self.asker.clock;
                        let at = clock.after(AGAIN * 2u32.pow(removal.tries));
                        self.again = at.map(|at| clock.sleep_until(at));
                        removal.tries += 1;
                        self.removals.push_back(removal);
                    }
                    self.sooner();
                }
            }
            self.removing = None;
            return true;
        }
        if self.again.as_mut().is_some_and(|again| Pin::new(again).poll(cx).is_ready()) {
            self.again = None;
        }
        let may = |removal: &Removal| removal.tries == 0 || self.again.is_none();
        let Some(at) = self.removals.iter().position(may) else { return false };
        let Some(removal) = self.removals.remove(at) else { return false };
        let (asker, which, reason) =
            (self.asker.clone(), removal.which.clone(), removal.reason.clone());
        let call = async move { asker.act(Action::Remove, &which, Some(&reason)).await };
        self.removing = Some((removal, Box::pin(call)));
        true
    }

    fn ask(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.asking {
            Some(Asking::Queue(call)) => {
                let Poll::Ready(found) = call.as_mut().poll(cx) else { return false };
                self.asking = None;
                match found {
                    Ok(found) => {
                        self.read_all();
                        let missed = self.batches.missed(&found);
                        let asker = self.asker.clone();
                        self.asking =
                            Some(Asking::History(found, Box::pin(history(asker, missed))));
                    }
                    Err(error) => self.fail(&error),
                }
                true
            }
            Some(Asking::History(_, call)) => {
                let Poll::Ready(ended) = call.as_mut().poll(cx) else { return false };
                let Some(Asking::History(found, _)) = self.asking.take() else { return true };
                match ended {
                    Ok(ended) => {
                        // What was written meanwhile counts more than what was found before.
                        self.read_all();
                        self.batches.judge(&found, &ended);
                        self.failed = 0;
                        self.later();
                        self.settle();
                    }
                    Err(error) => self.fail(&error),
                }
                true
            }
            None => {
                let Some(next) = &mut self.next else { return false };
                if Pin::new(next).poll(cx).is_pending() {
                    return false;
                }
                self.next = None;
                let Asks { asked, is_none } = self.batches.asks();
                if !is_none {
                    self.asking = Some(Asking::Queue(Box::pin(queue(self.asker.clone(), asked))));
                }
                true
            }
        }
    }

    fn fail(&mut self, error: &PoolError) {
        self.failed = (self.failed + 1).min(BACKED_OFF);
        tracing::warn!(%error, "what the logs of tracked jobs may have missed can't be asked for");
        self.sleep(self.every.saturating_mul(2u32.pow(self.failed)));
    }

    /// Reads all that there is in the logs, whether the system has told of it or not.
    fn read_all(&mut self) {
        self.read(|_| true);
        self.is_dirty = true;
    }

    fn read(&mut self, mut which: impl FnMut(&Log) -> bool) {
        for log in self.logs.iter_mut().filter(|log| which(log)) {
            while let Some((path, event)) = log.try_next() {
                self.batches.take(&path, event);
            }
        }
    }

    fn settle(&mut self) {
        // The end of a DAG is in another log than its nodes.
        let dags = self.batches.logs_of_dags();
        self.read(|log| dags.iter().any(|path| &**path == log.path()));
        let is_less = self.batches.settle();
        let batches = &self.batches;
        if is_less {
            let logs = std::mem::take(&mut self.logs);
            self.logs.extend(logs.into_iter().filter(|log| batches.reads(log.path())));
        }
        if batches.is_empty() {
            self.next = None;
            self.cancels = SelectAll::new();
        }
    }

    /// Polls after the usual time, or sooner if something is in doubt.
    fn later(&mut self) {
        self.sleep(if self.batches.doubts() { self.every / 4 } else { self.every });
    }

    /// Polls soon, unless that is to be anyway.
    fn sooner(&mut self) {
        let soon = self.asker.clock.after(self.every / 4);
        let waits = self.next.as_ref().map(Sleep::at);
        if self.failed == 0 && self.asking.is_none() && waits.is_none_or(|at| Some(at) > soon) {
            self.sleep(self.every / 4);
        }
    }

    fn sleep(&mut self, time: Duration) {
        let clock = &self.asker.clock;
        self.next = clock.after(time).map(|at| clock.sleep_until(at));
    }
}
