//! [`Query`]: which jobs are asked for, in what order, and what of them. Knows no index.

use std::ops::Range;
use std::sync::Arc;

use wildmatch::WildMatch;

use super::record::{Field, Selection, Standing};
use crate::model::{JobId, JobState, Properties, Property, TaskState, Timestamp};

/// Which jobs are asked for, and what of them: all that was set must hold. Without settings: all jobs, the newest first, with
/// everything but their tasks.
///
/// ```
/// use milepost::{Job, JobState, Tracker};
/// use milepost::tracker::{Field, Query};
///
/// let tracker = Tracker::new();
/// let job = Job::builder("thumbnails of july").property("user", "ada").build()?;
/// tracker.track(&job);
///
/// let adas = Query::new()
///     .states([JobState::Pending, JobState::Running])
///     .name("thumbnails *")
///     .property("user", "ada")
///     .limit(10)
///     .select([Field::Name, Field::Progress]);
/// let found = tracker.query(&adas);
/// assert_eq!(found[0].name.as_deref(), Some("thumbnails of july"));
/// assert_eq!(found[0].state, None); // not selected
/// # Ok::<(), milepost::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a query is to be asked"]
pub struct Query {
    states: u8,
    name: Option<Pattern>,
    labels: Vec<Label>,
    created: Option<Range<Timestamp>>,
    started: Option<Range<Timestamp>>,
    ended: Option<Range<Timestamp>>,
    pub(super) ids: Option<Vec<JobId>>,
    pub(super) limit: usize,
    pub(super) order: Order,
    pub(super) selection: Selection,
}

/// What names are to be like.
#[derive(Debug, Clone)]
struct Pattern {
    /// What is before the first wildcard: most names are ruled out by that, at less cost.
    prefix: Box<str>,
    whole: WildMatch,
}

impl Pattern {
    fn is_of(&self, name: &str) -> bool {
        name.starts_with(&*self.prefix) && self.whole.matches(name)
    }
}

/// A property that a job is to have, of whatever value if there is none.
#[derive(Debug, Clone)]
struct Label(Arc<str>, Option<Property>);

/// In what order jobs are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Order {
    /// By creation, the newest first.
    #[default]
    NewestFirst,
    /// By creation, the oldest first.
    OldestFirst,
    /// By their ends, the last first; before them those that have not ended, the newest first.
    LastEndedFirst,
    /// By their ends, the first first; after them those that have not ended, the oldest first.
    FirstEndedFirst,
}

impl Order {
    pub(super) fn by_end(self) -> bool {
        matches!(self, Order::LastEndedFirst | Order::FirstEndedFirst)
    }

    pub(super) fn descends(self) -> bool {
        matches!(self, Order::NewestFirst | Order::LastEndedFirst)
    }
}

const ALL_STATES: u8 = (1 << JobState::ALL.len()) - 1;
const LIVE_STATES: u8 = (1 << JobState::Completed as u8) - 1;
const EVER: Range<Timestamp> = Timestamp::from_micros(0)..Timestamp::from_micros(u64::MAX);

impl Default for Query {
    fn default() -> Query {
        Query {
            states: ALL_STATES,
            name: None,
            labels: Vec::new(),
            created: None,
            started: None,
            ended: None,
            ids: None,
            limit: usize::MAX,
            order: Order::default(),
            selection: Selection::default(),
        }
    }
}

impl Query {
    /// All jobs.
    pub fn new() -> Query {
        Query::default()
    }

    /// Only jobs in this state.
    pub fn state(self, state: JobState) -> Self {
        self.states([state])
    }

    /// Only jobs in one of these states.
    pub fn states(mut self, states: impl IntoIterator<Item = JobState>) -> Self {
        self.states = states.into_iter().fold(0, |states, state| states | 1 << state as u8);
        self
    }

    /// Only jobs that have not ended.
    pub fn live(mut self) -> Self {
        self.states = LIVE_STATES;
        self
    }

    /// Only jobs that have ended.
    pub fn ended(mut self) -> Self {
        self.states = ALL_STATES & !LIVE_STATES;
        self
    }

    /// Only jobs whose whole name is matched by a pattern, in which `*` is any text, also none, and `?` any one character.
    pub fn name(mut self, pattern: &str) -> Self {
        let prefix = pattern.split(['*', '?']).next().unwrap_or_default();
        self.name = Some(Pattern { prefix: prefix.into(), whole: WildMatch::new(pattern) });
        self
    }

    /// Only jobs that have this property with this value; may be called for several. An integer is no float, nor a text.
    pub fn property(mut self, name: impl Into<Arc<str>>, value: impl Into<Property>) -> Self {
        self.labels.push(Label(name.into(), Some(value.into())));
        self
    }

    /// Only jobs that have this property, of whatever value; may be called for several.
    pub fn has_property(mut self, name: impl Into<Arc<str>>) -> Self {
        self.labels.push(Label(name.into(), None));
        self
    }

    /// Only jobs that were created at this time or later.
    pub fn created_since(mut self, at: Timestamp) -> Self {
        self.created.get_or_insert(EVER).start = at;
        self
    }

    /// Only jobs that were created before this time.
    pub fn created_until(mut self, at: Timestamp) -> Self {
        self.created.get_or_insert(EVER).end = at;
        self
    }

    /// Only jobs that were submitted or started at this time or later.
    pub fn started_since(mut self, at: Timestamp) -> Self {
        self.started.get_or_insert(EVER).start = at;
        self
    }

    /// Only jobs that were submitted or started, and before this time.
    pub fn started_until(mut self, at: Timestamp) -> Self {
        self.started.get_or_insert(EVER).end = at;
        self
    }

    /// Only jobs that ended at this time or later.
    pub fn ended_since(mut self, at: Timestamp) -> Self {
        self.ended.get_or_insert(EVER).start = at;
        self
    }

    /// Only jobs that have ended, and before this time.
    pub fn ended_until(mut self, at: Timestamp) -> Self {
        self.ended.get_or_insert(EVER).end = at;
        self
    }

    /// Only these jobs. Those that the tracker doesn't know are left out; [`Tracker::get`](super::Tracker::get) says why.
    pub fn ids(mut self, ids: impl IntoIterator<Item = JobId>) -> Self {
        let mut ids: Vec<JobId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        self.ids = Some(ids);
        self
    }

    /// No more than `n` jobs, those that come first. No limit unless set.
    pub fn limit(mut self, n: usize) -> Self {
        self.limit = n;
        self
    }

    /// The order: the newest first unless set.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What is wanted of each job beside its id: nothing else is computed, copied or serialised. Everything but the tasks
    /// unless set.
    pub fn select(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.selection = Selection::of(fields);
        self
    }

    /// Also wants the tasks.
    pub fn with_tasks(self) -> Self {
        self.with_tasks_in(TaskState::ALL)
    }

    /// Also wants the tasks that are in one of these states.
    pub fn with_tasks_in(mut self, states: impl IntoIterator<Item = TaskState>) -> Self {
        self.selection = self.selection.with_tasks(states);
        self
    }

    /// Of each job's tasks that are wanted, leaves out the first `skip` and gives `take` of the others at most: a page of them.
    ///
    /// ```
    /// # use milepost::{Job, Tracker, tracker::Query};
    /// # let (tracker, job) = (Tracker::new(), Job::new("pages"));
    /// # tracker.track(&job);
    /// for name in ["a", "b", "c"] {
    ///     job.add_blocking(name, |_cx| Ok(()))?;
    /// }
    /// let second = &tracker.query(&Query::new().with_tasks().task_page(1, 1))[0];
    /// assert_eq!(&*second.tasks[0].name, "b");
    /// # Ok::<(), milepost::AddError>(())
    /// ```
    pub fn task_page(mut self, skip: usize, take: usize) -> Self {
        self.selection = self.selection.with_page(skip, take);
        self
    }

    /// The states in which there may be jobs that are wanted.
    pub(super) fn states_to_look_in(&self) -> impl Iterator<Item = JobState> + use<> {
        let states = if self.ended.is_some() { self.states & !LIVE_STATES } else { self.states };
        JobState::ALL.into_iter().filter(move |state| states >> *state as u8 & 1 != 0)
    }

    /// Whether a job is judged by its state alone.
    pub(super) fn is_by_state(&self) -> bool {
        self.name.is_none()
            && self.labels.is_empty()
            && self.created.is_none()
            && self.ids.is_none()
            && !self.is_by_times()
    }

    /// Whether a job is judged by more than its state and what never changes.
    pub(super) fn is_by_times(&self) -> bool {
        self.started.is_some() || self.ended.is_some()
    }

    /// Whether a job is wanted by what never changes.
    pub(super) fn fits(&self, name: &str, properties: &Properties, created_at: Timestamp) -> bool {
        let has = |Label(name, value): &Label| {
            let found = properties.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        self.name.as_ref().is_none_or(|pattern| pattern.is_of(name))
            && self.labels.iter().all(has)
            && within(&self.created, Some(created_at))
    }

    /// Whether it is wanted by what changes.
    pub(super) fn wants(&self, standing: Standing) -> bool {
        self.states >> standing.state as u8 & 1 != 0
            && within(&self.started, standing.started_at)
            && within(&self.ended, standing.ended_at)
    }
}

fn within(range: &Option<Range<Timestamp>>, at: Option<Timestamp>) -> bool {
    let Some(range) = range else { return true };
    // The last time that there is has no later one to be before.
    at.is_some_and(|at| range.start <= at && (at < range.end || range.end == EVER.end))
}
