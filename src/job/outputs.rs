//! Outputs that are taken out of the job as they come, with a bound on how many may wait.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;

use super::core::JobCore;
use crate::base::{WakerKey, block_on, drop_contained};
use crate::model::{Output, TaskId};

/// Outputs of one type on their way to their reader; the ledger guards it.
pub(crate) struct OutputQueue {
    pub(super) id: u64,
    of: TypeId,
    bound: usize,
    waiting: VecDeque<(TaskId, Arc<str>, Output)>,
}

/// What the reader finds.
pub(crate) enum Taken {
    Output((TaskId, Arc<str>, Output)),
    Nothing,
    Ended,
}

impl OutputQueue {
    pub(crate) fn wants(&self, output: &Output) -> bool {
        (**output).type_id() == self.of
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < self.bound
    }

    pub(crate) fn push(&mut self, task: TaskId, name: Arc<str>, output: Output) {
        self.waiting.push_back((task, name, output));
    }

    pub(crate) fn pop(&mut self) -> Option<(TaskId, Arc<str>, Output)> {
        self.waiting.pop_front()
    }
}

/// The outputs of one type, each once, in the order of the tasks' ends; made by [`Job::outputs`](crate::Job::outputs).
///
/// Outputs are taken out of the job: nobody else gets them. While as many are unread as the bound says, no new task
/// starts. The stream ends after the job's last output; dropping it lifts the bound, and outputs are kept
/// with the job again.
#[must_use = "while outputs are unread, no new tasks start"]
pub struct Outputs<T> {
    core: Arc<JobCore>,
    queue: u64,
    key: WakerKey,
    output: PhantomData<fn() -> T>,
}

/// A task's output.
#[derive(Debug)]
#[non_exhaustive]
pub struct TaskOutput<T> {
    /// The task.
    pub task: TaskId,
    /// The task's name.
    pub name: Arc<str>,
    /// What it returned. [`Arc::into_inner`] gives it as it is, unless an event with it is still around.
    pub output: Arc<T>,
}

impl<T: Any + Send + Sync> Outputs<T> {
    pub(super) fn new(core: Arc<JobCore>, bound: usize) -> Outputs<T> {
        let queue = OutputQueue {
            id: 0,
            of: TypeId::of::<T>(),
            bound: bound.max(1),
            waiting: VecDeque::new(),
        };
        let queue = core.look(|ledger| ledger.read_outputs(queue));
        Outputs { core, queue, key: WakerKey::default(), output: PhantomData }
    }

    /// The next output; `None` after the job's last one. Cancel safe.
    pub async fn next(&mut self) -> Option<TaskOutput<T>> {
        poll_fn(|cx| self.poll_output(cx.waker())).await
    }

    /// The next output if there is one now.
    pub fn try_recv(&mut self) -> Option<TaskOutput<T>> {
        match self.poll_output(Waker::noop()) {
            Poll::Ready(output) => output,
            Poll::Pending => None,
        }
    }

    /// Waits on this thread for the next output; `None` after the job's last one.
    pub fn blocking_next(&mut self) -> Option<TaskOutput<T>> {
        block_on(self.next())
    }

    fn poll_output(&mut self, waker: &Waker) -> Poll<Option<TaskOutput<T>>> {
        loop {
            let (queue, key, waker) = (self.queue, &mut self.key, &mut Some(waker.clone()));
            let taken =
                self.core.update(|ledger, effects| ledger.take_output(queue, key, waker, effects));
            match taken {
                Taken::Output((task, name, output)) => {
                    // The queue takes nothing of another type.
                    if let Ok(output) = output.downcast() {
                        return Poll::Ready(Some(TaskOutput { task, name, output }));
                    }
                }
                Taken::Nothing => return Poll::Pending,
                Taken::Ended => return Poll::Ready(None),
            }
        }
    }
}

impl<T: Any + Send + Sync> Stream for Outputs<T> {
    type Item = TaskOutput<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<TaskOutput<T>>> {
        self.poll_output(cx.waker())
    }
}

impl<T> Drop for Outputs<T> {
    fn drop(&mut self) {
        let (queue, key) = (self.queue, &mut self.key);
        let (closed, waker) = self
            .core
            .update(|ledger, effects| (ledger.close_outputs(queue, effects), ledger.forget(key)));
        // One by one: none may take the others along (G12).
        for output in closed.into_iter().flat_map(|queue| queue.waiting) {
            drop_contained("the drop of an output", output);
        }
        drop(waker);
    }
}

impl<T> fmt::Debug for Outputs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outputs<{}>({})", std::any::type_name::<T>(), self.core.id)
    }
}
