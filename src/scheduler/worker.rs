//! A worker: takes one task after the other and runs each in place. An async one lives on the runtime, a blocking one on
//! a thread of the pool; when the next task is of the other kind, the worker goes on as one of that kind.

use std::sync::Arc;

use super::local::Shared;
use crate::base::{run_on_pool, yield_once};
use crate::job::{TaskQueue, TaskRun};

/// After how many tasks an async worker lets the runtime do other things.
const TASKS_PER_POLL: u32 = 64;

/// Starts a worker, which has been counted.
pub(super) fn start(shared: &Arc<Shared>) {
    Worker::new(shared).start_async(None);
}

/// Starts a worker that runs all kinds of tasks on a thread of the pool, in place of one that was lost: the
/// runtime's own threads may be what was lost.
pub(super) fn start_on_pool(shared: &Arc<Shared>) {
    let mut worker = Worker::new(shared);
    let work = move || {
        let shared = worker.shared.clone();
        let _context = shared.handle().enter();
        while let Some(run) = worker.next() {
            if run.run_blocking() {
                worker.counted = false;
                return;
            }
        }
    };
    if let Err(error) = run_on_pool(work) {
        tracing::error!(%error, "the system gave no thread in place of one that was lost");
    }
}

struct Worker {
    shared: Arc<Shared>,
    queue: Option<TaskQueue>,
    /// Whether it takes up one of the scheduler's places.
    counted: bool,
    /// Whether it lives on the runtime: then it is dropped before it is through only if that shuts down.
    on_runtime: bool,
}

impl Worker {
    fn new(shared: &Arc<Shared>) -> Worker {
        Worker { shared: shared.clone(), queue: None, counted: true, on_runtime: false }
    }

    fn start_async(mut self, run: Option<TaskRun>) {
        self.on_runtime = true;
        let shared = self.shared.clone();
        drop(shared.handle().spawn(self.work(run)));
    }

    fn start_blocking(mut self, run: TaskRun) {
        self.on_runtime = false;
        // If there is no thread, both are dropped: the task is interrupted, and says so.
        if let Err(error) = run_on_pool(move || self.work_blocking(run)) {
            tracing::error!(%error, "the system gave no thread for a blocking task");
        }
    }

    async fn work(mut self, mut run: Option<TaskRun>) {
        let mut n = 0u32;
        while let Some(run) = run.take().or_else(|| self.next()) {
            if run.is_blocking() {
                return self.start_blocking(run);
            }
            if self.shared.grow() {
                // The runtime keeps the new worker for this thread to run next, where no other one looks for it: it
                // would wait for as long as the task computes. Woken like this, it is this one that others may take.
                yield_once().await;
            }
            if run.await {
                // Its place was given to another one.
                self.counted = false;
                break;
            }
            n = n.wrapping_add(1);
            if n.is_multiple_of(TASKS_PER_POLL) {
                tokio::task::yield_now().await;
            }
        }
        self.on_runtime = false;
    }

    fn work_blocking(mut self, mut run: TaskRun) {
        let shared = self.shared.clone();
        let _context = shared.handle().enter();
        loop {
            self.shared.grow();
            if run.run_blocking() {
                self.counted = false;
                return;
            }
            let Some(next) = self.next() else { return };
            if !next.is_blocking() {
                return self.start_async(Some(next));
            }
            run = next;
        }
    }

    fn next(&mut self) -> Option<TaskRun> {
        let run = self.shared.next(&mut self.queue);
        // Without one, its place was given back in the same moment.
        self.counted = run.is_some();
        run
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.on_runtime && !std::thread::panicking() {
            self.shared.lose();
        }
        if self.counted {
            self.shared.give_back();
            self.shared.grow();
        }
    }
}
