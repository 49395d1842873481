//! Readers of all kinds: fast and slow, async, blocking and polling, some of them dropped midway.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use milepost::EventStream;

use crate::seen::{Readable, Seen, now};
use crate::tools::{Random, World, add, pause};

/// How a reader reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Async,
    Blocking,
    Polling,
}

impl Way {
    pub(crate) fn any(random: &mut Random) -> Way {
        match random.below(3) {
            0 => Way::Async,
            1 => Way::Blocking,
            _ => Way::Polling,
        }
    }
}

/// A reader that is about to start.
pub(crate) struct Reader {
    pub(crate) world: Arc<World>,
    pub(crate) seen: Seen,
    pub(crate) random: Random,
    pub(crate) slow: bool,
    /// After how many events it goes.
    pub(crate) leaves: Option<u64>,
    pub(crate) reads_progress: bool,
}

/// A reader that is through. One that left has checked what it read, and has no more to say.
pub(crate) struct Through {
    pub(crate) seen: Seen,
    pub(crate) left: bool,
    pub(crate) reads_progress: bool,
}

impl Reader {
    /// Starts to read, and sends what was seen.
    pub(crate) fn start<E: Readable>(
        self,
        way: Way,
        stream: EventStream<E>,
        through: Sender<Through>,
    ) {
        let world = self.world.clone();
        match way {
            Way::Async => drop(world.runtime.spawn(self.read_async(stream, through))),
            Way::Blocking => on_thread(move || self.read_blocking(stream, &through)),
            Way::Polling => on_thread(move || self.read_polling(stream, &through)),
        }
    }

    /// How long it does something else, if it does.
    fn rest(&mut self) -> Option<Duration> {
        let ms = self.random.below(20);
        (self.slow && self.random.one_in(60)).then(|| Duration::from_millis(ms))
    }

    fn leaves(&self) -> bool {
        self.leaves.is_some_and(|after| self.seen.events >= after)
    }

    async fn read_async<E: Readable>(
        mut self,
        mut stream: EventStream<E>,
        through: Sender<Through>,
    ) {
        while let Some(event) = stream.next().await {
            self.seen.read(event);
            if let Some(rest) = self.rest() {
                tokio::time::sleep(rest).await;
            }
            if self.leaves() {
                return self.end(&through, true);
            }
        }
        self.end(&through, false);
    }

    fn read_blocking<E: Readable>(mut self, mut stream: EventStream<E>, through: &Sender<Through>) {
        while let Some(event) = stream.blocking_next() {
            self.seen.read(event);
            if let Some(rest) = self.rest() {
                pause(rest);
            }
            if self.leaves() {
                return self.end(through, true);
            }
        }
        self.end(through, false);
    }

    fn read_polling<E: Readable>(mut self, mut stream: EventStream<E>, through: &Sender<Through>) {
        while !stream.is_ended() {
            now(&mut stream, &mut self.seen);
            if self.leaves() {
                return self.end(through, true);
            }
            pause(Duration::from_millis(1 + self.random.below(if self.slow { 50 } else { 3 })));
        }
        self.end(through, false);
    }

    fn end(self, through: &Sender<Through>, left: bool) {
        let Reader { world, seen, reads_progress, .. } = self;
        add(&world.counts.events, seen.events);
        // The job waits for it unless something is wrong.
        let _ = through.send(Through { seen, left, reads_progress });
    }
}

fn on_thread(run: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name("soak-reader".into()).spawn(run);
    drop(thread.expect("the system gives a thread"));
}
