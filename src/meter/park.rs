//! The places where a task's code waits for what is asked of it: to park, to go on, to stop. Knows no states.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::page::{PARKS, STOPS, SlotRef};
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

/// What runs an attempt is registered by, from its first wait on: for the request to stop and for a forced end.
#[derive(Default)]
pub(crate) struct Stops {
    key: WakerKey,
    waker: Option<Waker>,
}

impl Stops {
    /// Has `waker` called; whoever waits looks once more after it.
    pub(crate) fn watch(&mut self, slot: &SlotRef, waker: &Waker) {
        let registered = self.waker.as_ref().is_some_and(|before| before.will_wake(waker));
        // The request to stop takes the waker, now or at any time after it was seen: the end is still to find one.
        if !registered || slot.is_canceled() {
            slot.watch(STOPS, &mut self.key, waker);
            self.waker = Some(waker.clone());
        }
    }

    pub(crate) fn unwatch(&mut self, slot: &SlotRef) {
        if self.waker.is_some() {
            slot.unwatch(&mut self.key);
        }
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
