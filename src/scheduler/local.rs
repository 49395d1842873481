//! [`LocalScheduler`]: which jobs have tasks ready, and how many workers there are.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};

use super::places::Places;
use super::shutdown::Shutdown;
use super::worker;
use crate::job::core::JobCore;
use crate::job::{
    BuildError, Environments, Rest, Scheduler, SubmitError, TaskQueue, WouldDeadlock,
};
use crate::model::Resources;

/// Runs the tasks of many jobs in this process, a limited number at a time: those of a higher
/// [priority](crate::TaskBuilder::priority) first, and among equals first come, first served, whatever job they are of.
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
    pub(super) places: Arc<Places>,
    jobs: Mutex<Jobs>,
    pub(super) environments: Environments,
    runtime: Place,
}

#[derive(Default)]
struct Jobs {
    /// Those that were submitted and may not have ended.
    submitted: Vec<Weak<JobCore>>,
    shut_down: bool,
}

enum Place {
    /// The runtime in which the scheduler was made.
    Inside(Handle),
    /// One of its own; there until the scheduler is dropped.
    Own(Option<Runtime>),
}

/// Makes a scheduler that has more to offer than a number of places; see [`LocalScheduler::builder`].
#[derive(Debug, Clone)]
#[must_use = "a scheduler is made by build"]
pub struct LocalSchedulerBuilder {
    max_concurrency: usize,
    resources: Resources,
    waits: bool,
}

impl LocalSchedulerBuilder {
    /// How many cores tasks may [require](crate::TaskBuilder::requires) together: as many as tasks may run at a time
    /// unless set.
    pub fn cores(mut self, cores: u32) -> Self {
        self.resources = self.resources.cores(cores);
        self
    }

    /// How many bytes of memory tasks may require together: any number unless set.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.resources = self.resources.memory(bytes);
        self
    }

    /// A label that tasks may require; may be called for several.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.resources = self.resources.label(label);
        self
    }

    /// Has tasks that require more than there is wait until [`set_resources`](LocalScheduler::set_resources) gives more.
    /// Without it they fail as soon as they are submitted, with an error that says what they lack.
    pub fn wait_for_resources(mut self) -> Self {
        self.waits = true;
        self
    }

    /// Makes the scheduler.
    ///
    /// # Errors
    /// The concurrency is 0, or there is no runtime here and the system gives no threads for one.
    pub fn build(self) -> Result<LocalScheduler, BuildError> {
        let LocalSchedulerBuilder { max_concurrency, resources, waits } = self;
        if max_concurrency == 0 {
            return Err(BuildError::ZeroConcurrency);
        }
        let runtime = match Handle::try_current() {
            Ok(handle) => Place::Inside(handle),
            Err(_) => Place::Own(Some(own_runtime(max_concurrency)?)),
        };
        let places = Arc::new(Places::new(max_concurrency, resources, waits));
        let (jobs, environments) = (Mutex::default(), Environments::new());
        let shared = Shared { max_concurrency, places, jobs, environments, runtime };
        Ok(LocalScheduler { shared: Arc::new(shared) })
    }
}

impl LocalScheduler {
    /// A scheduler that runs at most `max_concurrency` tasks at a time, async and blocking together.
    ///
    /// # Errors
    /// The concurrency is 0, or there is no runtime here and the system gives no threads for one.
    pub fn new(max_concurrency: usize) -> Result<LocalScheduler, BuildError> {
        LocalScheduler::builder(max_concurrency).build()
    }

    /// Makes a scheduler that runs at most `max_concurrency` tasks at a time, with cores, memory and labels for
    /// [tasks that require some](crate::TaskBuilder::requires).
    ///
    /// ```
    /// use milepost::{Job, LocalScheduler, Resources};
    ///
    /// let scheduler = LocalScheduler::builder(4).memory(8 << 30).build()?;
    /// let job = Job::new("render");
    /// let frame = job.task("frame").requires(Resources::new().memory(16 << 30)).add_blocking(|_cx| Ok(()))?;
    /// job.submit(&scheduler)?;
    /// let failed = frame.output().unwrap_err();
    /// assert!(format!("{failed:#}").contains("17179869184 bytes of memory of 8589934592"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(max_concurrency: usize) -> LocalSchedulerBuilder {
        let cores = u32::try_from(max_concurrency).unwrap_or(u32::MAX);
        let resources = Resources::new().cores(cores).memory(u64::MAX);
        LocalSchedulerBuilder { max_concurrency, resources, waits: false }
    }

    /// How many tasks run at a time at most.
    pub fn max_concurrency(&self) -> usize {
        self.shared.max_concurrency
    }

    /// What tasks may require of it together.
    pub fn resources(&self) -> Resources {
        self.shared.places.resources()
    }

    /// Changes what tasks may require of it. Those that run go on; those that wait for what won't be there any more fail,
    /// unless they [may wait](LocalSchedulerBuilder::wait_for_resources).
    pub fn set_resources(&self, resources: Resources) {
        self.shared.places.set_resources(resources);
        self.shared.grow();
    }

    /// Takes no more jobs, and waits until those that were submitted have ended and their environments are torn down:
    /// `scheduler.shutdown().timeout(..).await`, or `.blocking()`. Takes effect when it is awaited or blocked on.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown::new(self.clone())
    }

    /// Takes no more jobs. Returns those that may not have ended.
    pub(super) fn close(&self) -> Vec<Arc<JobCore>> {
        let mut jobs = self.shared.jobs.lock();
        jobs.shut_down = true;
        jobs.submitted.iter().filter_map(Weak::upgrade).collect()
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
        self.shared.places.wait(queue);
        self.shared.grow();
    }

    fn withdrawn(&self, queue: TaskQueue) {
        self.shared.places.forget(&queue);
        self.shared.grow();
    }

    fn accept(&self, queue: &TaskQueue) -> Result<(), SubmitError> {
        // Let go of after the lock: the last handle of a job runs code of users.
        let mut looked_at = Vec::new();
        let mut jobs = self.shared.jobs.lock();
        // A child is part of what was submitted before.
        let shut_down = jobs.shut_down && !queue.is_child();
        if shut_down || self.shared.places.is_lost() {
            return Err(SubmitError::ShutDown);
        }
        let submitted = &mut jobs.submitted;
        if submitted.len() == submitted.capacity() {
            submitted.retain(|job| {
                let job = job.upgrade();
                let runs = job.as_ref().is_some_and(|job| !job.is_ended());
                looked_at.extend(job);
                runs
            });
        }
        submitted.push(Arc::downgrade(&queue.core));
        Ok(())
    }

    fn worker_lost(&self) {
        self.shared.places.lose_worker();
        self.shared.grow();
    }

    fn rest(&self, resources: &Resources) -> Box<dyn Rest> {
        let rest = self.shared.places.rest(resources);
        self.shared.grow();
        Box::new(Resting { rest: Some(rest), shared: self.shared.clone() })
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

/// The rest of a task; once it is over, others may have what the task had kept from them.
struct Resting<R> {
    rest: Option<R>,
    shared: Arc<Shared>,
}

impl<R: Rest> Rest for Resting<R> {
    fn poll_return(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.rest.as_mut().map_or(Poll::Ready(()), |rest| rest.poll_return(cx))
    }
}

impl<R> Drop for Resting<R> {
    fn drop(&mut self) {
        drop(self.rest.take());
        self.shared.grow();
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
        let grows = self.places.take_place();
        if grows {
            worker::start(self);
        }
        grows
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
