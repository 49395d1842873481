//! The streams and callbacks of a job, and its outputs.

use std::any::Any;

use super::callbacks::subscribe;
use super::{Job, Outputs, Subscription};
use crate::bus::{EventStream, Start, StreamEvent};
use crate::model::{
    Event, JobCompleted, JobSnapshot, JobStateChanged, ProgressWindow, TaskAdded, TaskCompleted,
    TaskProgressUpdated, TaskStateChanged,
};

/// Streams: each sees the job from its first event on, however late it is made; see [`EventStream`].
impl Job {
    fn stream<E: StreamEvent>(&self) -> EventStream<E> {
        EventStream::new(self.core().clone(), self.core().clock.clone())
    }

    /// All events in order. A task's last progress comes before its end.
    pub fn events(&self) -> EventStream<Event> {
        self.stream()
    }

    /// The ends of tasks, in whatever state.
    pub fn task_completed(&self) -> EventStream<TaskCompleted> {
        self.stream()
    }

    /// The end of the job.
    pub fn job_completed(&self) -> EventStream<JobCompleted> {
        self.stream()
    }

    /// The changes of the tasks' states.
    pub fn task_state_changed(&self) -> EventStream<TaskStateChanged> {
        self.stream()
    }

    /// The changes of the job's state.
    pub fn job_state_changed(&self) -> EventStream<JobStateChanged> {
        self.stream()
    }

    /// The adding of tasks.
    pub fn task_added(&self) -> EventStream<TaskAdded> {
        self.stream()
    }

    /// The progress of tasks: the latest value of each, at most once in a window, and each one's last.
    pub fn task_progress_updated(&self) -> EventStream<TaskProgressUpdated> {
        self.stream()
    }

    /// The progress of all tasks in one batch a window, with the job's own: what a GUI redraws on. A window in which
    /// tasks ended without reporting has one as well, and the last one comes before the job's end.
    pub fn progress_windows(&self) -> EventStream<ProgressWindow> {
        self.stream()
    }

    /// The job as it is now, and all that happens from then on, with nothing in between lost or told twice.
    ///
    /// ```
    /// # use milepost::Job;
    /// let job = Job::new("late");
    /// job.add_blocking("a", |_cx| Ok(()))?;
    /// let (snapshot, mut events) = job.snapshot_and_events();
    /// assert_eq!(snapshot.tasks.len(), 1);
    /// job.cancel("enough");
    /// assert_eq!(events.try_recv().unwrap().seq(), Some(snapshot.seq + 1));
    /// # Ok::<(), milepost::AddError>(())
    /// ```
    pub fn snapshot_and_events(&self) -> (JobSnapshot, EventStream<Event>) {
        let core = self.core();
        let (snapshot, opened) = core.look(|ledger| {
            (ledger.snapshot(), ledger.open(Start::Now, EventStream::<Event>::mask()))
        });
        (snapshot, EventStream::following(core.clone(), core.clock.clone(), opened))
    }

    /// The outputs of type `T`, each taken out of the job as it comes. While `bound` (at least 1) are unread, no new task
    /// starts: a job of a million tasks streams its results in bounded memory.
    ///
    /// ```
    /// # use milepost::{Job, LocalScheduler};
    /// let job = Job::new("squares");
    /// for n in 0..100u64 {
    ///     job.add_blocking(n.to_string(), move |_cx| Ok(n * n))?;
    /// }
    /// let mut squares = job.outputs::<u64>(8);
    /// job.submit(&LocalScheduler::new(2)?)?;
    /// let mut sum = 0;
    /// while let Some(square) = squares.blocking_next() {
    ///     sum += *square.output;
    /// }
    /// assert_eq!(sum, 328_350);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn outputs<T: Any + Send + Sync>(&self, bound: usize) -> Outputs<T> {
        Outputs::new(self.core().clone(), bound)
    }
}

/// Callbacks: called in the order of events, one at a time, for the job's events from the first on, off the threads
/// that run tasks. They live until the job ends. A panic in one is logged and contained.
impl Job {
    /// Calls `callback` for each event.
    pub fn on_event(&self, callback: impl FnMut(&Event) + Send + 'static) -> Subscription {
        subscribe(self.core(), callback)
    }

    /// Calls `callback` when a task has ended.
    ///
    /// ```
    /// # use milepost::{Job, LocalScheduler};
    /// let job = Job::new("pages");
    /// job.add("index.html", async |_cx| Ok(()))?;
    /// job.on_task_completed(|task| println!("{} {}", task.name, task.state));
    /// job.submit(&LocalScheduler::new(1)?)?;
    /// job.wait_until_done().blocking()?; // the callback has been called
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_task_completed(
        &self,
        callback: impl FnMut(&TaskCompleted) + Send + 'static,
    ) -> Subscription {
        subscribe(self.core(), callback)
    }

    /// Calls `callback` when the job has ended.
    pub fn on_job_completed(
        &self,
        callback: impl FnMut(&JobCompleted) + Send + 'static,
    ) -> Subscription {
        subscribe(self.core(), callback)
    }

    /// Calls `callback` when a task's state has changed.
    pub fn on_task_state_changed(
        &self,
        callback: impl FnMut(&TaskStateChanged) + Send + 'static,
    ) -> Subscription {
        subscribe(self.core(), callback)
    }

    /// Calls `callback` when the job's state has changed.
    pub fn on_job_state_changed(
        &self,
        callback: impl FnMut(&JobStateChanged) + Send + 'static,
    ) -> Subscription {
        subscribe(self.core(), callback)
    }

    /// Calls `callback` with a task's latest progress, at most once in a window.
    pub fn on_task_progress_updated(
        &self,
        callback: impl FnMut(&TaskProgressUpdated) + Send + 'static,
    ) -> Subscription {
        subscribe(self.core(), callback)
    }
}
