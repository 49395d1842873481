//! What a client has under way: one piece of bytes, until the connection has written it (W4). Knows no events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures::task::AtomicWaker;

/// Says whether a piece is under way.
#[derive(Default)]
pub(super) struct Credit {
    out: AtomicBool,
    waker: AtomicWaker,
}

impl Credit {
    /// The same bytes, under way until they are dropped.
    pub(super) fn lend(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        self.out.store(true, Ordering::Release);
        Bytes::from_owner(Lent { bytes, credit: self.clone() })
    }

    pub(super) fn is_out(&self) -> bool {
        self.out.load(Ordering::Acquire)
    }

    /// Ready if nothing is under way, else the waker is called when it is not.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_out() {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if self.is_out() { Poll::Pending } else { Poll::Ready(()) }
    }
}

struct Lent {
    bytes: Bytes,
    credit: Arc<Credit>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.credit.out.store(false, Ordering::Release);
        self.credit.waker.wake();
    }
}
