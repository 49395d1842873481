//! Waiting for what a log says next, until somebody has had enough. Prints nothing.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures::Stream as _;
use futures::channel::mpsc;

use super::exit::UsageError;
use crate::base::{Clock, block_on};
use crate::event_log::{Entry, Follower, ReadError};

/// A follower of a log, and the signals that end it.
pub(super) struct Following {
    pub(super) follower: Follower,
    signals: mpsc::UnboundedReceiver<()>,
    clock: Clock,
}

/// What has happened.
pub(super) enum Next {
    Entry(Box<Entry>),
    Problem(ReadError),
    /// Nothing in the time that was given.
    Nothing,
    /// There was a signal.
    Interrupted,
}

impl Following {
    /// Has signals end the waiting from now on. Once in a process.
    ///
    /// # Errors
    /// The system refuses handlers.
    pub(super) fn new(follower: Follower) -> Result<Following, UsageError> {
        let (sent, signals) = mpsc::unbounded();
        let handler = move || _ = sent.unbounded_send(());
        ctrlc::set_handler(handler)
            .map_err(|error| UsageError::of("can't be interrupted", &error))?;
        Ok(Following { follower, signals, clock: Clock::system() })
    }

    /// What happens next, within `timeout` if there is one.
    pub(super) fn next(&mut self, timeout: Option<Duration>) -> Next {
        let at = timeout.and_then(|timeout| self.clock.after(timeout));
        let mut sleep = at.map(|at| self.clock.sleep_until(at));
        block_on(poll_fn(|cx| {
            if Pin::new(&mut self.signals).poll_next(cx).is_ready() {
                return Poll::Ready(Next::Interrupted);
            }
            if let Poll::Ready(Some(read)) = Pin::new(&mut self.follower).poll_next(cx) {
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
