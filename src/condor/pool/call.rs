//! [`Call`]: what was asked of a pool, as a future that plain threads can wait for too. Knows no tool.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures::channel::oneshot;
use futures::future::{Either, select};

use super::PoolError;
use crate::base::{block_on, drive};

/// Something that was asked of a [`Pool`](super::Pool), which is being done on threads of the crate: a future that works on any
/// executor, and [`blocking`](Call::blocking) for plain threads. It has begun when it is returned, polled or not.
///
/// Cancel safe. When one that only asks is dropped, its tool is killed. One that changes something is not: it goes on to its
/// end, or to its time limit, so that it is not half done; what it would have said is lost.
#[must_use = "what was said, it says when it is awaited or blocked on"]
pub struct Call<T> {
    said: oneshot::Receiver<Result<T, PoolError>>,
}

impl<T: Send + 'static> Call<T> {
    /// For what only asks.
    pub(super) fn asking(
        work: impl Future<Output = Result<T, PoolError>> + Send + 'static,
    ) -> Call<T> {
        Call::begin(|mut say| async move {
            let end = match select(pin!(work), say.cancellation()).await {
                Either::Left((said, _)) => said,
                Either::Right(_) => return,
            };
            _ = say.send(end);
        })
    }

    /// For what changes something.
    pub(super) fn acting(
        work: impl Future<Output = Result<T, PoolError>> + Send + 'static,
    ) -> Call<T> {
        Call::begin(|say| async move { _ = say.send(work.await) })
    }

    /// For what somebody else does.
    pub(super) fn of(said: oneshot::Receiver<Result<T, PoolError>>) -> Call<T> {
        Call { said }
    }

    fn begin<F>(work: impl FnOnce(oneshot::Sender<Result<T, PoolError>>) -> F) -> Call<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (say, said) = oneshot::channel();
        drive("a call of a pool", work(say));
        Call { said }
    }

    /// Waits on this thread.
    ///
    /// # Errors
    /// Those of what was asked.
    pub fn blocking(self) -> Result<T, PoolError> {
        block_on(self)
    }
}

impl<T> Future for Call<T> {
    type Output = Result<T, PoolError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.said).poll(cx).map(|said| said.unwrap_or(Err(PoolError::Lost)))
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}
