//! A worker: takes one task after the other and runs each in place. One that runs async tasks lives on the runtime, one
//! that runs blocking ones on a thread of the pool; when the next task is of the other kind, the worker moves there.

use std::sync::Arc;

use super::local::Shared;
use super::places::Claim;
use crate::base::{run_on_pool, yield_once};
use crate::job::{StillFirst, TaskRun};

/// After how many tasks an async worker lets the runtime do other things.
const TASKS_PER_POLL: u32 = 64;

/// Starts a worker, which has been counted.
pub(super) fn start(shared: &Arc<Shared>) {
    let worker = Worker::new(shared);
    if shared.places.is_short_of_threads() {
        worker.start_on_pool(None);
    } else {
        worker.start_async(None);
    }
}

struct Worker {
    shared: Arc<Shared>,
    claim: Claim,
    still_first: StillFirst,
    /// Whether it takes up one of the scheduler's places.
    counted: bool,
    /// Whether it lives on the runtime: then it is dropped before it is through only if that shuts down.
    on_runtime: bool,
    /// Whether it has been polled there.
    begun: bool,
}

impl Worker {
    fn new(shared: &Arc<Shared>) -> Worker {
        let (claim, places) = (Claim::default(), shared.places.clone());
        let seen = claim.seen.clone();
        Worker {
            shared: shared.clone(),
            claim,
            still_first: Arc::new(move || places.is_first(&seen)),
            counted: true,
            on_runtime: false,
            begun: false,
        }
    }

    fn start_async(mut self, run: Option<TaskRun>) {
        (self.on_runtime, self.begun) = (true, false);
        let shared = self.shared.clone();
        drop(shared.handle().spawn(self.work(run)));
    }

    fn start_on_pool(mut self, run: Option<TaskRun>) {
        self.on_runtime = false;
        // If there is no thread, both are dropped: the task is interrupted, and says so.
        if let Err(error) = run_on_pool(move || self.work_on_pool(run)) {
            tracing::error!(%error, "the system gave no thread to run tasks on");
        }
    }

    async fn work(mut self, mut run: Option<TaskRun>) {
        self.begun = true;
        let mut n = 0u32;
        while let Some(mut present) = run.take().or_else(|| self.next()) {
            if present.is_blocking() {
                return self.start_on_pool(Some(present));
            }
            if self.shared.grow() {
                // The runtime keeps the new worker for this thread to run next, where no other one looks for it: it
                // would wait for as long as the task computes. Woken like this, it is this one that others may take.
                yield_once().await;
            }
            n = n.wrapping_add(1);
            let yields = n.is_multiple_of(TASKS_PER_POLL);
            if !yields {
                present.start_next(self.still_first.clone());
            }
            if (&mut present).await {
                self.come_back();
                break;
            }
            run = present.take_next();
            if yields {
                tokio::task::yield_now().await;
            }
        }
        self.on_runtime = false;
    }

    fn work_on_pool(mut self, mut run: Option<TaskRun>) {
        let shared = self.shared.clone();
        let _context = shared.handle().enter();
        while let Some(mut present) = run.take().or_else(|| self.next()) {
            // Async tasks run here as well where the runtime's own threads can't be relied on.
            if !present.is_blocking() && !shared.places.is_short_of_threads() {
                return self.start_async(Some(present));
            }
            self.shared.grow();
            present.start_next(self.still_first.clone());
            if present.run_here() {
                return self.come_back();
            }
            run = present.take_next();
        }
    }

    /// Its task was given up, and its place with it.
    fn come_back(&mut self) {
        self.counted = false;
        self.shared.places.come_back();
    }

    fn next(&mut self) -> Option<TaskRun> {
        let run = self.shared.places.next(&mut self.claim);
        // Without one, its place was given back in the same moment.
        self.counted = run.is_some();
        run
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // While the thread panics, it may be the worker that does; but not one that was never polled.
        if self.on_runtime && !(self.begun && std::thread::panicking()) {
            self.shared.places.lose();
        }
        self.shared.places.leave(&mut self.claim, self.counted);
        self.shared.grow();
    }
}
