//! The ways to tell events to many readers that `fanout` compares: Milepost's streams, and channels of as many small
//! values.

use std::hint::black_box;
use std::sync::Arc;

use milepost::{EventStream, Job, StreamEvent};
use tokio::sync::{broadcast, mpsc};

/// One way. All readers are there before the first event.
pub(crate) trait Channel: Copy + Sync + 'static {
    type Sender: Send;
    type Receiver: Send;

    fn open(self, readers: usize, events: usize) -> (Self::Sender, Vec<Self::Receiver>);

    /// Sends `events` events, or few more.
    fn produce(self, sender: &mut Self::Sender, events: usize);

    /// Reads one event, if there is one.
    fn read(self, receiver: &mut Self::Receiver) -> bool;

    /// Reads all that there is; how much it was.
    fn drain(self, receiver: &mut Self::Receiver) -> usize {
        let mut read = 0;
        while self.read(receiver) {
            read += 1;
        }
        read
    }
}

/// As small an event as there could be: which task, its state, when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Small(#[allow(dead_code, reason = "nobody looks")] [u64; 4]);

fn small(n: usize) -> Small {
    black_box(Small([n as u64, 2, 3, 4]))
}

/// Looks at an event where it is: to move it would be measured as well.
fn seen<E>(event: &E) -> bool {
    black_box(event);
    true
}

#[derive(Clone, Copy)]
pub(crate) struct TokioBroadcast;

impl Channel for TokioBroadcast {
    type Sender = broadcast::Sender<Small>;
    type Receiver = broadcast::Receiver<Small>;

    fn open(self, readers: usize, events: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, first) = broadcast::channel(events);
        drop(first);
        let receivers = (0..readers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    fn produce(self, sender: &mut Self::Sender, events: usize) {
        for n in 0..events {
            sender.send(small(n)).unwrap();
        }
    }

    fn read(self, receiver: &mut Self::Receiver) -> bool {
        match receiver.try_recv() {
            Ok(event) => seen(&event),
            Err(broadcast::error::TryRecvError::Lagged(_)) => panic!("the channel is too small"),
            Err(_) => false,
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct AsyncBroadcast;

impl Channel for AsyncBroadcast {
    type Sender = async_broadcast::Sender<Small>;
    type Receiver = async_broadcast::Receiver<Small>;

    fn open(self, readers: usize, events: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, first) = async_broadcast::broadcast(events);
        let receivers = (0..readers).map(|_| first.new_receiver()).collect();
        (sender, receivers)
    }

    fn produce(self, sender: &mut Self::Sender, events: usize) {
        for n in 0..events {
            sender.try_broadcast(small(n)).unwrap();
        }
    }

    fn read(self, receiver: &mut Self::Receiver) -> bool {
        receiver.try_recv().is_ok_and(|event| seen(&event))
    }
}

/// An unbounded channel for each reader.
#[derive(Clone, Copy)]
pub(crate) struct Mpsc;

impl Channel for Mpsc {
    type Sender = Vec<mpsc::UnboundedSender<Small>>;
    type Receiver = mpsc::UnboundedReceiver<Small>;

    fn open(self, readers: usize, _events: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        (0..readers).map(|_| mpsc::unbounded_channel()).unzip()
    }

    fn produce(self, senders: &mut Self::Sender, events: usize) {
        for n in 0..events {
            let event = small(n);
            for sender in &*senders {
                sender.send(event).unwrap();
            }
        }
    }

    fn read(self, receiver: &mut Self::Receiver) -> bool {
        receiver.try_recv().is_ok_and(|event| seen(&event))
    }
}

/// What happens in the job.
#[derive(Clone, Copy)]
pub(crate) enum Life {
    /// Many tasks are submitted, run and complete: three changes of state of five events each.
    Tasks,
    /// One task is suspended and runs again.
    Turns,
}

/// A job, of which all readers have a stream of this kind.
pub(crate) struct Milepost<E> {
    pub(crate) life: Life,
    pub(crate) subscribe: fn(&Job) -> EventStream<E>,
    /// How many of the events of a task are of this kind.
    pub(crate) of_each_task: usize,
    /// Read by `try_recv`, and not by `drain`.
    pub(crate) one_by_one: bool,
}

impl<E> Clone for Milepost<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Milepost<E> {}

impl<E: StreamEvent + 'static> Channel for Milepost<E> {
    type Sender = Job;
    type Receiver = EventStream<E>;

    fn open(self, readers: usize, _events: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let job = Job::new("fan-out");
        let receivers = (0..readers).map(|_| (self.subscribe)(&job)).collect();
        (job, receivers)
    }

    fn produce(self, job: &mut Self::Sender, events: usize) {
        let name: Arc<str> = "task".into();
        match self.life {
            Life::Tasks => {
                for _ in 0..events.div_ceil(self.of_each_task) {
                    let task = job.reporter(name.clone()).unwrap();
                    task.running().unwrap();
                    task.complete(()).unwrap();
                }
            }
            Life::Turns => {
                let task = job.reporter(name).unwrap();
                task.running().unwrap();
                for _ in 0..events / 2 {
                    task.suspended().unwrap();
                    task.running().unwrap();
                }
            }
        }
    }

    fn read(self, receiver: &mut Self::Receiver) -> bool {
        receiver.try_recv().is_some_and(|event| seen(&event))
    }

    fn drain(self, receiver: &mut Self::Receiver) -> usize {
        if !self.one_by_one {
            return receiver.drain(|event| _ = seen(&event));
        }
        std::iter::repeat_with(|| self.read(receiver)).take_while(|read| *read).count()
    }
}
