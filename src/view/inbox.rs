//! [`Inbox`]: events for a loop that draws frames. Knows no toolkit.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::Stream;

use crate::base::contain;
use crate::bus::EventStream;
use crate::job::Job;
use crate::model::Event;

/// As many events are taken out at a time: what a frame has time for.
const MOST: usize = 10_000;

/// What has happened since the last frame, for a program that draws frames only when there is something new.
///
/// [`drain`](Inbox::drain) never blocks and takes what is there, a bounded part of it if there is much. `wake` is called when
/// there is something to drain, and then not again before it was drained: at most once for what comes together, and once for
/// a window of progress. It is called on whatever thread has made the change, and on this one by `drain` if more is
/// left than one call takes; no lock is held. It is to be quick, and to return soon: to have the toolkit draw another
/// frame is what it is for. A panic in it is logged and contained.
///
/// Lifecycle events are all there, in order, however seldom it is drained. Dropping the inbox leaves the job alone.
///
/// ```
/// use std::sync::mpsc;
/// use milepost::{Job, TaskState};
///
/// let (repaint, frames) = mpsc::channel(); // a toolkit's event loop
/// let job = Job::new("thumbnails");
/// let mut inbox = job.inbox(move || drop(repaint.send(())));
/// job.reporter("a.png")?.run_blocking(|_| Ok(()))?;
/// drop(job);
///
/// let mut completed = 0;
/// while !inbox.is_ended() {
///     frames.recv()?;
///     inbox.drain(|event| completed += usize::from(matches!(event, milepost::Event::TaskCompleted(_))));
/// }
/// assert_eq!(completed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Inbox<S: Stream = EventStream<Event>> {
    stream: S,
    next: Option<S::Item>,
    call: Arc<dyn Call>,
    waker: Waker,
    ended: bool,
}

impl<S: Stream + Unpin> Inbox<S> {
    /// An inbox of what a stream gives, such as `TrackedEvents` of a tracker or the events of one kind.
    /// For those of a job, see [`Job::inbox`]. If there is something already, it wakes before it returns.
    pub fn new(stream: S, wake: impl Fn() + Send + Sync + 'static) -> Inbox<S> {
        let call = Arc::new(OnceUntilDrained { wake, is_due: AtomicBool::new(false) });
        let waker = Waker::from(call.clone());
        let mut inbox = Inbox { stream, next: None, call, waker, ended: false };
        if inbox.look() {
            inbox.call.call();
        }
        inbox
    }

    /// Calls `each` for what has come, and returns for how many that was. Once the stream has ended and all was
    /// taken out, [`is_ended`](Inbox::is_ended) says so.
    ///
    /// # Panics
    /// A panic in `each` goes to the caller; what follows the event that it was called for is left for the next call, for
    /// which it wakes.
    pub fn drain(&mut self, mut each: impl FnMut(S::Item)) -> usize {
        let mut drained = 0;
        while self.look() {
            if drained == MOST {
                self.call.call();
                break;
            }
            if let Some(item) = self.next.take() {
                drained += 1;
                let _rest = Rest(&*self.call);
                each(item);
            }
        }
        drained
    }

    /// Whether there is something to drain; if not, it is woken when there is.
    fn look(&mut self) -> bool {
        if self.next.is_none() && !self.ended {
            // Before the stream is asked: what comes after it has answered wakes.
            self.call.arm();
            let polled =
                Pin::new(&mut self.stream).poll_next(&mut Context::from_waker(&self.waker));
            match polled {
                Poll::Ready(Some(item)) => self.next = Some(item),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => {}
            }
        }
        self.next.is_some()
    }

    /// Whether the stream has ended and everything was taken out.
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}

impl Inbox {
    /// Whose events these are, and how many tasks the job will have, which no event tells.
    pub(super) fn stream(&self) -> &EventStream<Event> {
        &self.stream
    }
}

impl<S: Stream> fmt::Debug for Inbox<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// What is there besides an event that is looked at: if there is a panic over that, it is woken for.
struct Rest<'a>(&'a dyn Call);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.call();
        }
    }
}

trait Call: Send + Sync {
    fn arm(&self);
    fn call(&self);
}

/// A closure that is called once for each time that it was armed.
struct OnceUntilDrained<F> {
    wake: F,
    is_due: AtomicBool,
}

impl<F: Fn() + Send + Sync> Call for OnceUntilDrained<F> {
    fn arm(&self) {
        self.is_due.store(true, Ordering::Release);
    }

    fn call(&self) {
        if self.is_due.swap(false, Ordering::AcqRel) {
            contain("the waking of an inbox", &self.wake);
        }
    }
}

impl<F: Fn() + Send + Sync> Wake for OnceUntilDrained<F> {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}

impl Job {
    /// The job's events for a loop that draws frames: `wake` is to have it draw one; see [`Inbox`].
    ///
    /// ```
    /// # use milepost::Job;
    /// # struct Context; impl Context { fn request_repaint(&self) {} }
    /// # let context = Context;
    /// let job = Job::new("thumbnails");
    /// let mut inbox = job.inbox(move || context.request_repaint());
    /// // In each frame:
    /// inbox.drain(|event| println!("{:?}", event.kind()));
    /// ```
    pub fn inbox(&self, wake: impl Fn() + Send + Sync + 'static) -> Inbox {
        Inbox::new(self.events(), wake)
    }
}
