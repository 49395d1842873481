//! [`Rows`]: a job as its events tell it. Says nothing of how it looks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::Entry;
use super::group::{Group, Groups};
use super::pace::Pace;
use super::row::{JobRow, TaskRow};
use super::table::Table;
use crate::model::{
    Counts, Event, JobId, JobState, Properties, Sums, TaskAdded, TaskCompleted, TaskId,
    TaskProgressUpdated, TaskStateChanged, Timestamp,
};
use crate::view::{Batch, Inbox};

/// Which tasks there are rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Keep {
    /// All.
    #[default]
    All,
    /// Those that have not completed: one that did is only counted.
    Unsuccessful,
    /// Those that have not ended: one that has is only counted. The memory that it takes is by how many tasks there are at a
    /// time.
    Live,
}

/// What is shown of a job: its tasks as rows, what runs first, with shares, rates, times left and messages.
///
/// It is folded from the job's events, live ([`update`](Rows::update)), [forwarded](Rows::take), or from wherever they come
/// ([`apply`](Rows::apply)), and
/// read at any time, for a given `now`: as a [`JobRow`], and [`TaskRow`]s by [group](Group) or by place. An event costs by what it
/// changes, and reading by what is read, however many tasks there are: a list of a million draws the page that is seen.
///
/// ```
/// use std::time::SystemTime;
/// use milepost::{Job, view::Rows};
///
/// let job = Job::new("thumbnails");
/// let mut inbox = job.inbox(|| { /* have the toolkit draw a frame */ });
/// let mut rows = Rows::new();
///
/// let a = job.reporter("a.png")?;
/// a.running()?;
/// let waiting = job.reporter("b.png")?;
///
/// // In each frame:
/// rows.update(&mut inbox);
/// let now = SystemTime::now();
/// assert_eq!(rows.job(now).counts.running(), 1);
/// let names: Vec<&str> = rows.all().page(0..20, now).map(|row| &**row.name).collect();
/// assert_eq!(names, ["a.png", "b.png"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Rows {
    keep: Keep,
    version: u64,
    /// The last lifecycle event.
    seq: u64,
    job: Option<JobId>,
    name: Option<Arc<str>>,
    state: Option<JobState>,
    properties: Properties,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    expected: Option<usize>,
    counts: Counts,
    sums: Sums,
    /// The weight of what canceled tasks have not done, which counts as done in the sums.
    missed: f64,
    /// That of the value, which is the number of ended tasks unless they have a unit in common.
    pace: Pace,
    has_unit: bool,
    /// That of the weight that is done.
    done: Pace,
    tasks: Table<Entry>,
    names: Names,
    pub(super) groups: Groups,
}

/// Says of which rows somebody knows the names: others are made for others, and where a task gets another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names(u64);

impl Default for Names {
    fn default() -> Names {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Names(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl Rows {
    /// Rows of a job of which nothing is known yet; all of its tasks are kept.
    pub fn new() -> Rows {
        Rows::default()
    }

    /// The same with fewer tasks kept: what a job of millions needs.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    /// Takes in what is in the inbox, and how many tasks the job will have. Returns whether anything is new.
    pub fn update(&mut self, inbox: &mut Inbox) -> bool {
        let before = self.version;
        inbox.drain(|event| self.apply(&event));
        let stream = inbox.stream();
        if self.is_of(stream.job()) {
            if self.name.is_none() {
                self.call(stream.name());
            }
            if let Some(expected) = stream.expected() {
                self.expect(expected);
            }
        }
        self.version != before
    }

    /// Takes in what was [forwarded](crate::Job::forward), with how many tasks the job will have.
    pub fn take(&mut self, batch: &Batch) {
        batch.events.iter().for_each(|event| self.apply(event));
        let is_ours = batch.events.last().is_some_and(|event| self.is_of(event.job()));
        if let Some(expected) = batch.expected.filter(|_| is_ours) {
            self.expect(expected);
        }
    }

    /// Whether these are the rows of this job, as which the first one makes them.
    fn is_of(&mut self, job: JobId) -> bool {
        *self.job.get_or_insert(job) == job
    }

    /// Takes an event in. Events of another job than the first one's are passed over, and so are lifecycle events that it has
    /// taken in before: a log may be read again from its beginning. After the job's end there is nothing to tell.
    pub fn apply(&mut self, event: &Event) {
        if !self.is_of(event.job()) || self.ended.is_some() {
            return;
        }
        if let Some(seq) = event.seq() {
            if seq <= self.seq {
                return;
            }
            self.seq = seq;
        }
        self.version += 1;
        match event {
            Event::JobStateChanged(change) => {
                self.name = Some(change.name.clone());
                self.state = Some(change.to);
                self.properties = change.properties.clone();
                if change.to != JobState::Pending && self.started.is_none() {
                    self.started = Some(change.at);
                    self.note(change.at);
                }
            }
            Event::TaskAdded(added) => self.add(added),
            Event::TaskStateChanged(change) => self.change(change),
            Event::TaskProgressUpdated(update) => self.progress(update),
            Event::TaskCompleted(ended) => self.end(ended),
            Event::JobCompleted(ended) => {
                self.state = Some(ended.state);
                self.ended = Some(ended.at);
                // It knows better, should this have missed the beginning.
                self.counts = ended.counts;
                self.expected = Some(ended.counts.total());
            }
        }
    }

    /// Says how many tasks the job will have, which no event tells: without it there is no share and no time left.
    /// [`update`](Rows::update) and [`take`](Rows::take) do it.
    pub fn expect(&mut self, tasks: usize) {
        if self.expected != Some(tasks) && self.ended.is_none() {
            self.expected = Some(tasks);
            self.version += 1;
        }
    }

    /// Says what the job is called, for those who know it otherwise than by an event.
    pub(crate) fn call(&mut self, name: Arc<str>) {
        self.name = Some(name);
        self.version += 1;
    }

    /// A number that is another one whenever anything was taken in.
    pub fn version(&self) -> u64 {
        self.version
    }

    #[allow(dead_code, reason = "only bars ask for it, which are a feature")]
    pub(crate) fn state(&self) -> JobState {
        self.state.unwrap_or(JobState::Pending)
    }

    /// The tasks by state, as in [`JobRow::counts`].
    #[allow(dead_code, reason = "only bars ask for them, which are a feature")]
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Changes a task's entry, and the sums and groups with it. One of which nothing was known gets an entry.
    fn with<R>(
        &mut self,
        task: TaskId,
        name: impl FnOnce() -> Arc<str>,
        change: impl FnOnce(&mut Entry) -> R,
    ) -> R {
        let (entry, is_new) = self.tasks.get_or_insert(task, || Entry::new(name()));
        let state = entry.state;
        if !is_new {
            self.sums.remove(entry.share());
            self.missed -= entry.missed();
        }
        let result = change(entry);
        self.sums.add(entry.share());
        self.missed += entry.missed();
        if is_new || entry.state != state {
            if !is_new {
                self.counts.leave(state);
                self.groups.of_mut(Group::of(state)).remove(task);
            }
            self.counts.enter(entry.state);
            self.groups.of_mut(Group::of(entry.state)).insert(task);
        }
        result
    }

    fn add(&mut self, added: &TaskAdded) {
        self.with(
            added.task,
            || added.name.clone(),
            |entry| {
                if added.weight.is_some() || added.unit.is_some() || !added.properties.is_empty() {
                    let details = entry.details();
                    (details.weight, details.unit) = (added.weight, added.unit.clone());
                    details.report.properties = added.properties.clone();
                }
            },
        );
    }

    fn change(&mut self, change: &TaskStateChanged) {
        self.with(
            change.task,
            || nameless(change.task),
            |entry| {
                entry.state = change.to;
                if entry.attempt != change.attempt {
                    entry.attempt = change.attempt;
                    entry.begin_anew();
                }
                if change.to.is_active() {
                    let details = entry.details();
                    details.began.get_or_insert(change.at);
                    details.attempt_began.get_or_insert(change.at);
                }
            },
        );
    }

    fn progress(&mut self, update: &TaskProgressUpdated) {
        // An end has told all.
        if self.tasks.get(update.task).is_none_or(|entry| entry.state.is_terminal()) {
            return;
        }
        self.with(
            update.task,
            || nameless(update.task),
            |entry| {
                if entry.attempt != update.attempt {
                    return;
                }
                let details = entry.details();
                details.report = update.report();
                if let Some(value) = update.progress {
                    if details.pace.goes_back(value) {
                        details.pace = Pace::default();
                    }
                    details.pace.note(update.at, value);
                }
            },
        );
        self.note(update.at);
    }

    fn end(&mut self, ended: &TaskCompleted) {
        let state = ended.state;
        let is_renamed = self.with(
            ended.task,
            || ended.name.clone(),
            |entry| {
                (entry.state, entry.attempt) = (state, ended.attempt);
                // If its adding was missed, this is the first that tells it.
                let is_renamed = entry.name != ended.name;
                entry.name = ended.name.clone();
                let details = entry.details();
                details.report = ended.report();
                details.ended = Some(ended.at);
                details.error = ended.error.clone();
                is_renamed
            },
        );
        if is_renamed {
            self.names = Names::default();
        }
        let kept = match self.keep {
            Keep::All => true,
            Keep::Unsuccessful => !state.is_success(),
            Keep::Live => false,
        };
        if !kept {
            self.tasks.remove(ended.task);
            self.groups.of_mut(Group::of(state)).remove(ended.task);
        }
        self.note(ended.at);
    }

    /// Notes how far the job is.
    fn note(&mut self, at: Timestamp) {
        let value = self.sums.value();
        if value.is_some() != self.has_unit {
            (self.has_unit, self.pace) = (value.is_some(), Pace::default());
        }
        self.pace.note(at, value.unwrap_or_else(|| self.counts.ended() as f64));
        self.done.note(at, self.sums.done().0);
    }

    /// The job as it is to be shown at this time.
    pub fn job(&self, now: impl Into<Timestamp>) -> JobRow {
        let now = now.into();
        // Who was told otherwise did not know of those that are there.
        let expected = self.expected.map(|expected| expected.max(self.counts.total()));
        let progress = self.sums.progress(self.counts, expected);
        let state = self.state();
        let elapsed = self.started.map(|at| self.ended.unwrap_or(now).duration_since(at));
        let on_the_whole = || {
            let seconds = elapsed.map(|elapsed| elapsed.as_secs_f64()).unwrap_or_default();
            (state == JobState::Completed && seconds > 0.0).then(|| progress.value / seconds)
        };
        let (rate, eta) = match self.ended {
            Some(_) => (on_the_whole(), None),
            None => (self.pace.per_second(now), self.eta(now)),
        };
        JobRow {
            job: self.job,
            name: self.name.clone(),
            state,
            fraction: progress.fraction.map(|fraction| self.without_missed(fraction)),
            value: progress.value,
            total: progress.total,
            unit: progress.unit,
            rate,
            eta,
            elapsed,
            counts: self.counts,
            expected,
            properties: self.properties.clone(),
        }
    }

    /// The share done, without what canceled tasks have not done.
    fn without_missed(&self, fraction: f64) -> f64 {
        let weight = self.weight();
        if self.missed > 0.0 && weight > 0.0 {
            (fraction - self.missed / weight).max(0.0)
        } else {
            fraction
        }
    }

    /// That of all tasks, also of those to come.
    fn weight(&self) -> f64 {
        let to_come = self.expected.unwrap_or(0).saturating_sub(self.counts.total());
        self.sums.done().1 + to_come as f64
    }

    fn eta(&self, now: Timestamp) -> Option<std::time::Duration> {
        self.expected?;
        self.done.until(self.weight(), now)
    }

    /// Another one where names that were looked at may be others by now.
    pub(super) fn names(&self) -> Names {
        self.names
    }

    /// The name of a task that has a row.
    pub(super) fn name_of(&self, task: TaskId) -> Option<&Arc<str>> {
        self.tasks.get(task).map(|entry| &entry.name)
    }

    /// How many tasks have rows.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether no task has a row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tasks of a group have rows; how many there are is in [`JobRow::counts`].
    pub fn count(&self, group: Group) -> usize {
        self.groups.of(group).len()
    }

    /// The row of a task, if it has one.
    pub fn task(&self, task: TaskId, now: impl Into<Timestamp>) -> Option<TaskRow<'_>> {
        self.tasks.get(task).map(|entry| entry.row(task, now.into()))
    }

    /// The rows at these places of one group.
    pub fn page_of(
        &self,
        group: Group,
        places: Range<usize>,
        now: impl Into<Timestamp>,
    ) -> impl Iterator<Item = TaskRow<'_>> {
        let now = now.into();
        let tasks = self.groups.of(group).iter(places.start).take(places.len());
        tasks.filter_map(move |task| self.task(task, now))
    }

    /// The tasks that run.
    pub fn running(&self, now: impl Into<Timestamp>) -> impl Iterator<Item = TaskRow<'_>> {
        self.page_of(Group::Running, 0..usize::MAX, now)
    }

    /// The tasks that failed.
    pub fn failed(&self, now: impl Into<Timestamp>) -> impl Iterator<Item = TaskRow<'_>> {
        self.page_of(Group::Failed, 0..usize::MAX, now)
    }
}

/// The name of a task of which only later events are known.
fn nameless(task: TaskId) -> Arc<str> {
    format!("task {task}").into()
}
