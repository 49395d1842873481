//! Futures that are polled on threads of the pool, each only while it has something to do. Knows not what they are for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use parking_lot::Mutex;

use super::phase::Phase;
use super::{contain, drop_contained, run_on_pool};

/// Polls `future` on threads of the pool until it is ready. It may block. A panic in it ends it and is logged as one in
/// `what`. Where there is no thread, it is polled on the one that wakes it.
pub(crate) fn drive(what: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    let driven = Driven { what, phase: Phase::new(), future: Mutex::new(Some(Box::pin(future))) };
    Arc::new(driven).wake();
}

struct Driven {
    what: &'static str,
    phase: Phase,
    /// None once it is ready. One thread at a time locks it, which `phase` sees to.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Driven {
    fn run(self: Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        let mut slot = self.future.lock();
        loop {
            self.phase.begin();
            let Some(future) = slot.as_mut() else { return };
            let polled = contain(self.what, || future.as_mut().poll(&mut cx));
            if polled.is_none_or(|polled| polled.is_ready()) {
                // What it holds may be told of its end, and what it wakes finds none.
                let ended = slot.take();
                drop(slot);
                return drop_contained(self.what, ended);
            }
            if self.phase.finish() {
                return;
            }
        }
    }
}

impl Wake for Driven {
    fn wake(self: Arc<Self>) {
        if self.phase.wake() {
            let driven = self.clone();
            if run_on_pool(move || driven.run()).is_err() {
                // Late and on a thread that isn't for it, but not never.
                self.run();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::task::Poll;

    use futures::StreamExt as _;
    use futures::channel::mpsc as stream;

    use super::*;

    #[test]
    fn a_future_is_polled_as_often_as_it_is_woken_and_then_dropped() {
        let (send, mut receive) = stream::unbounded::<u32>();
        let (told, heard) = mpsc::channel();
        drive("a test", async move {
            while let Some(n) = receive.next().await {
                told.send(n).expect("the test listens");
            }
        });
        for n in 0..1_000 {
            send.unbounded_send(n).expect("it is read");
        }
        drop(send);
        assert_eq!(heard.into_iter().collect::<Vec<_>>(), (0..1_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_wakes_it_while_it_is_polled_has_it_polled_again() {
        let (told, heard) = mpsc::channel();
        let mut polls = 0;
        drive(
            "a test",
            poll_fn(move |cx| {
                polls += 1;
                if polls < 3 {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                told.send(polls).expect("the test listens");
                Poll::Ready(())
            }),
        );
        assert_eq!(heard.recv(), Ok(3));
    }

    #[test]
    fn what_it_holds_goes_with_its_end_also_if_somebody_could_wake_it() {
        let (told, heard) = mpsc::channel::<()>();
        let (give, wakers) = mpsc::channel();
        drive(
            "a test",
            poll_fn(move |cx| {
                let _held = &told;
                give.send(cx.waker().clone()).expect("the test listens");
                Poll::Ready(())
            }),
        );
        let waker = wakers.recv().expect("it is polled");
        assert!(heard.recv().is_err());
        waker.wake();
    }

    #[test]
    fn a_panic_ends_it_and_drops_what_it_holds() {
        let (told, heard) = mpsc::channel::<()>();
        drive("a test", async move {
            let _held = told;
            panic!("as the test wants");
        });
        assert!(heard.recv().is_err());
    }
}
