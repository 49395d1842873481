//! The places where a task's code waits for what is asked of it: to park, to go on, to stop. Knows no states.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::page::{PARKS, SlotRef};
use crate::base::WakerKey;

/// Registers a waker for as long as it lives.
struct Watch<'a> {
    slot: &'a SlotRef,
    key: WakerKey,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.slot.unwatch(&mut self.key);
    }
}

impl SlotRef {
    /// Waits until `poll` is ready, which may look at the slot, and is called again when something is asked of the attempt
    /// or it has ended.
    pub(crate) async fn watching<R>(&self, mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>) -> R {
        let mut watch = Watch { slot: self, key: WakerKey::default() };
        poll_fn(|cx| {
            // The order matters: a change in between finds the waker.
            watch.slot.watch(PARKS, &mut watch.key, cx.waker());
            poll(cx)
        })
        .await
    }
}

/// Waits until the slot is as wanted.
pub(super) async fn until(slot: &SlotRef, wanted: impl Fn(&SlotRef) -> bool) {
    slot.watching(|_cx| if wanted(slot) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Parks for as long as that is asked for. Asked to stop, the code goes on at once.
pub(super) async fn park(slot: &SlotRef) {
    while slot.is_suspending() && !slot.is_canceled() {
        let Some(mut parked) = slot.park() else { return };
        until(slot, |slot| !slot.is_suspending() || slot.is_canceled()).await;
        let go_on = |cx: &mut Context<'_>| match slot.is_canceled() {
            true => Poll::Ready(()),
            false => parked.poll_return(cx),
        };
        slot.watching(go_on).await;
    }
}
