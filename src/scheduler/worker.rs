//! A worker: takes one task after the other and runs each in place. An async one lives on the runtime, a blocking one on
//! a thread of the pool; when the next task is of the other kind, the worker goes on as one of that kind.

use std::sync::Arc;

use super::local::Shared;
use crate::base::run_on_pool;
use crate::job::{TaskQueue, TaskRun};

/// After how many tasks an async worker lets the runtime do other things.
const TASKS_PER_POLL: u32 = 64;

/// Starts a worker, which has been counted. It begins with `run`, if there is one.
pub(super) fn start(shared: &Arc<Shared>, run: Option<TaskRun>) {
    let worker = Worker { shared: shared.clone(), queue: None, counted: true };
    match run {
        Some(run) if run.is_blocking() => start_blocking(worker, run),
        run => drop(shared.handle().spawn(worker.work(run))),
    }
}

fn start_blocking(worker: Worker, run: TaskRun) {
    // If there is no thread, both are dropped: the task is interrupted, and says so.
    if let Err(error) = run_on_pool(move || worker.work_blocking(run)) {
        tracing::error!(%error, "the system gave no thread for a blocking task");
    }
}

struct Worker {
    shared: Arc<Shared>,
    queue: Option<TaskQueue>,
    /// Whether it takes up one of the scheduler's places.
    counted: bool,
}

impl Worker {
    async fn work(mut self, mut run: Option<TaskRun>) {
        let mut alive = Alive(Some(self.shared.clone()));
        for n in 1.. {
            let Some(run) = run.take().or_else(|| self.next()) else { break };
            if run.is_blocking() {
                start_blocking(self, run);
                break;
            }
            self.shared.grow();
            if run.await {
                // Its place was given to another one.
                self.counted = false;
                break;
            }
            if n % TASKS_PER_POLL == 0 {
                tokio::task::yield_now().await;
            }
        }
        alive.0 = None;
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
                drop(shared.handle().spawn(self.work(Some(next))));
                return;
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
        if self.counted {
            self.shared.give_back();
        }
    }
}

/// Notices that a worker's future was dropped before it was through: its runtime is shutting down.
struct Alive(Option<Arc<Shared>>);

impl Drop for Alive {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.lose();
        }
    }
}
