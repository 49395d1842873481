//! [`LocalScheduler`]: which jobs have tasks ready, and how many workers there are.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

use super::shutdown::Shutdown;
use super::worker;
use crate::job::core::JobCore;
use crate::job::{
    BuildError, Environments, Scheduler, SubmitError, TaskQueue, TaskRun, WouldDeadlock,
};

/// Runs the tasks of many jobs in this process, a limited number at a time, in the order of submission.
///
/// Made inside a tokio runtime, it runs async tasks on that runtime; else on a multi-threaded one of its own. Blocking
/// tasks run on a pool of threads that grows and shrinks, in the runtime's context. There is no tokio task for
/// each task: a worker polls one after the other in place, so that a small task costs well below a microsecond. No worker
/// exists while no task is ready.
///
/// A cheap clone. Jobs keep it alive: it may be dropped while they run.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let scheduler = LocalScheduler::new(4)?;
/// let job = Job::new("pages");
/// let length = job.add("index.html", async |_cx| Ok("<html>".len()))?;
/// job.submit(&scheduler)?;
/// assert_eq!(*length.output()?, 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LocalScheduler {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    max_concurrency: usize,
    /// How many workers there could be more; changed with the state locked.
    spare: AtomicUsize,
    /// How many workers were given up and are still kept by their tasks: perhaps on the runtime's own threads.
    stuck: AtomicUsize,
    state: Mutex<State>,
    pub(super) environments: Environments,
    runtime: Place,
}

#[derive(Default)]
struct State {
    /// Jobs that have tasks ready, the first submitted first.
    queues: VecDeque<TaskQueue>,
    /// Jobs that were submitted and may not have ended.
    jobs: Vec<Weak<JobCore>>,
    shut_down: bool,
    /// The runtime has gone, and with it whatever could run a task.
    lost: bool,
}

enum Place {
    /// The runtime in which the scheduler was made.
    Inside(Handle),
    /// One of its own; there until the scheduler is dropped.
    Own(Option<Runtime>),
}

impl LocalScheduler {
    /// A scheduler that runs at most `max_concurrency` tasks at a time, async and blocking together.
    ///
    /// # Errors
    /// The concurrency is 0, or there is no runtime here and the system gives no threads for one.
    pub fn new(max_concurrency: usize) -> Result<LocalScheduler, BuildError> {
        if max_concurrency == 0 {
            return Err(BuildError::ZeroConcurrency);
        }
        let runtime = match Handle::try_current() {
            Ok(handle) => Place::Inside(handle),
            Err(_) => Place::Own(Some(own_runtime(max_concurrency)?)),
        };
        let shared = Shared {
            max_concurrency,
            spare: AtomicUsize::new(max_concurrency),
            stuck: AtomicUsize::new(0),
            state: Mutex::default(),
            environments: Environments::new(),
            runtime,
        };
        Ok(LocalScheduler { shared: Arc::new(shared) })
    }

    /// How many tasks run at a time at most.
    pub fn max_concurrency(&self) -> usize {
        self.shared.max_concurrency
    }

    /// Takes no more jobs, and waits until those that were submitted have ended and their environments are torn down:
    /// `scheduler.shutdown().timeout(..).await`, or `.blocking()`. Takes effect when it is awaited or blocked on.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown::new(self.clone())
    }

    /// Takes no more jobs. Returns those that may not have ended.
    pub(super) fn close(&self) -> Vec<Arc<JobCore>> {
        let mut state = self.shared.state.lock();
        state.shut_down = true;
        state.jobs.iter().filter_map(Weak::upgrade).collect()
    }
}

fn own_runtime(max_concurrency: usize) -> Result<Runtime, BuildError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(max_concurrency.min(cores))
        .thread_name("milepost-async")
        .enable_all()
        .build()
        .map_err(|error| BuildError::NoThreads { message: error.to_string().into() })
}

impl Scheduler for LocalScheduler {
    fn ready(&self, queue: TaskQueue) {
        let mut state = self.shared.state.lock();
        if state.lost {
            drop(state);
            return queue.interrupt();
        }
        state.queues.push_back(queue);
        drop(state);
        self.shared.grow();
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        let mut state = self.shared.state.lock();
        if state.shut_down || state.lost {
            return Err(SubmitError::ShutDown);
        }
        if state.jobs.len() == state.jobs.capacity() {
            let running = |job: &Weak<JobCore>| job.upgrade().is_some_and(|job| !job.is_ended());
            state.jobs.retain(running);
        }
        state.jobs.push(Arc::downgrade(&queue.core));
        Ok(())
    }

    fn worker_lost(&self) {
        self.shared.stuck.fetch_add(1, Ordering::AcqRel);
        self.shared.give_back();
        self.shared.grow();
    }

    fn environments(&self) -> Option<&Environments> {
        Some(&self.shared.environments)
    }

    fn block(&self, wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
        let here = Handle::try_current().ok();
        match (&self.shared.runtime, here) {
            (Place::Inside(runtime), Some(here)) if runtime.id() == here.id() => {
                match here.runtime_flavor() {
                    RuntimeFlavor::CurrentThread => Err(WouldDeadlock::new(
                        "on the thread of the single-threaded runtime that the job's tasks run on",
                    )),
                    _ => {
                        tokio::task::block_in_place(wait);
                        Ok(())
                    }
                }
            }
            _ => {
                wait();
                Ok(())
            }
        }
    }
}

impl Shared {
    pub(super) fn handle(&self) -> &Handle {
        match &self.runtime {
            Place::Inside(handle) => handle,
            Place::Own(Some(runtime)) => runtime.handle(),
            Place::Own(None) => unreachable!("the runtime is there until the scheduler is dropped"),
        }
    }

    /// Starts one more worker if tasks are ready and there is room. A worker that has found a task calls it again, so
    /// that there are as many as are needed. True if it has started one.
    pub(super) fn grow(self: &Arc<Self>) -> bool {
        let grows = self.spare.load(Ordering::Relaxed) > 0 && self.take_place();
        if grows {
            worker::start(self);
        }
        grows
    }

    /// Counts one more worker, if tasks are ready and there is room.
    fn take_place(&self) -> bool {
        let state = self.state.lock();
        let spare = self.spare.load(Ordering::Relaxed);
        let needed = spare > 0 && !state.queues.is_empty();
        if needed {
            self.spare.store(spare - 1, Ordering::Relaxed);
        }
        needed
    }

    /// The next task for a worker, and the queue to look into first the next time. After `None` the worker is no more.
    pub(super) fn next(&self, queue: &mut Option<TaskQueue>) -> Option<TaskRun> {
        loop {
            let here = match queue {
                Some(queue) => queue,
                None => {
                    let state = self.state.lock();
                    let Some(first) = state.queues.front() else {
                        // With the lock held: a job that becomes ready finds the room.
                        self.spare.fetch_add(1, Ordering::Relaxed);
                        return None;
                    };
                    queue.insert(first.clone())
                }
            };
            if let Some(run) = here.next() {
                return Some(run);
            }
            self.state.lock().queues.retain(|other| !here.covers(other));
            *queue = None;
        }
    }

    /// Whether threads of the runtime may be kept by tasks that were given up, so that workers had better not rely on
    /// them.
    pub(super) fn is_short_of_threads(&self) -> bool {
        self.stuck.load(Ordering::Acquire) > 0
    }

    /// A worker that was given up is through with its task.
    pub(super) fn come_back(&self) {
        self.stuck.fetch_sub(1, Ordering::AcqRel);
    }

    /// There is room for one more worker.
    pub(super) fn give_back(&self) {
        let _state = self.state.lock();
        self.spare.fetch_add(1, Ordering::Relaxed);
    }

    /// The runtime has gone: tasks that wait won't run.
    pub(super) fn lose(&self) {
        let mut state = self.state.lock();
        state.lost = true;
        let queues = std::mem::take(&mut state.queues);
        drop(state);
        for queue in queues {
            queue.interrupt();
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Place::Own(runtime) = &mut self.runtime
            && let Some(runtime) = runtime.take()
        {
            // This may be one of its own threads, which must not wait for itself.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for LocalScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalScheduler({})", self.shared.max_concurrency)
    }
}
