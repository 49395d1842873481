//! Waiting for what logs say next, until somebody has had enough. Prints nothing.

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream as _;
use futures::channel::mpsc;
use futures::stream::{SelectAll, StreamExt as _};

use super::exit::UsageError;
use super::problems::Problem;
use crate::base::{Clock, block_on};
use crate::event_log::{Entry, Follower};

/// Where what is waited for comes from.
pub(super) trait Feed {
    /// What there is in logs.
    type Entry;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Entry, Problem>>;

    /// Whether somebody has the logs open to write them, if that can be told.
    fn is_written(&self) -> Option<bool>;
}

impl<E> Feed for Box<dyn Feed<Entry = E>> {
    type Entry = E;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<E, Problem>> {
        (**self).poll(cx)
    }

    fn is_written(&self) -> Option<bool> {
        (**self).is_written()
    }
}

impl Feed for Follower {
    type Entry = Entry;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Entry, Problem>> {
        match self.poll_next_unpin(cx) {
            Poll::Ready(Some(read)) => Poll::Ready(read.map_err(|error| Problem::from(&error))),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn is_written(&self) -> Option<bool> {
        Follower::is_written(self)
    }
}

/// Event logs side by side.
pub(super) struct Several(SelectAll<Follower>);

impl Several {
    pub(super) fn of(files: &[PathBuf]) -> Several {
        Several(files.iter().map(Follower::new).collect())
    }
}

impl Feed for Several {
    type Entry = Entry;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Entry, Problem>> {
        match self.0.poll_next_unpin(cx) {
            Poll::Ready(Some(read)) => Poll::Ready(read.map_err(|error| Problem::from(&error))),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn is_written(&self) -> Option<bool> {
        let written: Vec<_> = self.0.iter().map(Follower::is_written).collect();
        if written.iter().all(|written| *written == Some(false)) { Some(false) } else { None }
    }
}

/// A feed, and the signals that end it.
pub(super) struct Following<F> {
    pub(super) feed: F,
    signals: mpsc::UnboundedReceiver<()>,
    clock: Clock,
}

/// What has happened.
pub(super) enum Next<E> {
    Entry(Box<E>),
    Problem(Problem),
    /// Nothing in the time that was given.
    Nothing,
    /// There was a signal.
    Interrupted,
}

impl<F: Feed> Following<F> {
    /// Has signals end the waiting from now on. Once in a process.
    ///
    /// # Errors
    /// The system refuses handlers.
    pub(super) fn new(feed: F) -> Result<Following<F>, UsageError> {
        let (sent, signals) = mpsc::unbounded();
        let handler = move || _ = sent.unbounded_send(());
        ctrlc::set_handler(handler)
            .map_err(|error| UsageError::of("can't be interrupted", &error))?;
        Ok(Following { feed, signals, clock: Clock::system() })
    }

    /// What happens next, within `timeout` if there is one.
    pub(super) fn next(&mut self, timeout: Option<Duration>) -> Next<F::Entry> {
        let at = timeout.and_then(|timeout| self.clock.after(timeout));
        let mut sleep = at.map(|at| self.clock.sleep_until(at));
        block_on(poll_fn(|cx| {
            if Pin::new(&mut self.signals).poll_next(cx).is_ready() {
                return Poll::Ready(Next::Interrupted);
            }
            if let Poll::Ready(read) = self.feed.poll(cx) {
                return Poll::Ready(match read {
                    Ok(entry) => Next::Entry(Box::new(entry)),
                    Err(problem) => Next::Problem(problem),
                });
            }
            match &mut sleep {
                Some(sleep) => Pin::new(sleep).poll(cx).map(|()| Next::Nothing),
                None => Poll::Pending,
            }
        }))
    }
}
