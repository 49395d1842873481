//! Random jobs against a simple model of G1 to G7 and of the order in G11: one thread, a manual clock, tasks that are
//! reported on, and readers of all kinds that come and read whenever.
//!
//! The model knows the transition table, who ends when and why, and what each attempt has reported. What it doesn't
//! know is when windows close: that it takes from a reader that reads along (or from snapshots), and checks it by the
//! rules. `PROPTEST_CASES` sets the number of cases.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::{BTreeMap, HashMap};

use common::{Verb, at, drain, ms};
use milepost::{
    Event, EventStream, Job, JobState, ManualClock, OpenJob, Progress, ProgressWindow,
    TaskCompleted, TaskProgressUpdated, TaskReporter, TaskState, TaskStateChanged,
};
use proptest::prelude::*;
use proptest::sample::select;

const WINDOW: u64 = 200;
const GRACE: u64 = 30_000;

// What happens.

#[derive(Debug, Clone)]
enum Op {
    Add,
    Report(usize, Report),
    /// By the present attempt's writer, or by one of so many attempts before.
    Write(usize, usize, Write),
    CancelTask(usize, bool),
    CancelJob(bool),
    /// What the tasks' managers ask, of one task or of all.
    Ask(Option<usize>, Verb),
    Advance(u64),
    Subscribe(Kind, From),
    Read(usize, usize),
    /// Enough time passes for all to be told, and all readers read what there is.
    Settle,
    Close,
}

#[derive(Debug, Clone, Copy)]
enum Report {
    Assigned,
    Running,
    Suspended,
    Held,
    Resubmitted,
    Complete,
    Fail,
    End(TaskState),
    Observed(TaskState),
    Drop,
}

#[derive(Debug, Clone, Copy)]
enum Write {
    Set(i16),
    SetQuarters(i16),
    Advance(i16),
    AdvanceQuarters(i16),
    Ignored,
    Total(Option<u8>),
    Message(u8),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Events,
    States,
    Completed,
    Progress,
    Windows,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum From {
    Start,
    Now,
    /// After a share of the events there are, in hundredths; above 100, events that are yet to come.
    After(u64),
    /// With a snapshot; of all events.
    Snapshot,
}

fn report() -> impl Strategy<Value = Report> {
    let terminal = select(&TaskState::ALL[TaskState::Completed as usize..]);
    prop_oneof![
        2 => Just(Report::Assigned),
        6 => Just(Report::Running),
        3 => Just(Report::Suspended),
        2 => Just(Report::Held),
        3 => Just(Report::Resubmitted),
        2 => Just(Report::Complete),
        1 => Just(Report::Fail),
        1 => terminal.prop_map(Report::End),
        2 => select(&TaskState::ALL[..]).prop_map(Report::Observed),
        1 => Just(Report::Drop),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => (0..4i16).prop_map(Write::Set),
        1 => (-4..8i16).prop_map(Write::SetQuarters),
        3 => (-1..4i16).prop_map(Write::Advance),
        1 => (-1..4i16).prop_map(Write::AdvanceQuarters),
        1 => Just(Write::Ignored),
        1 => proptest::option::weighted(0.8, 0..3u8).prop_map(Write::Total),
        1 => (0..3u8).prop_map(Write::Message),
    ]
}

fn verb() -> impl Strategy<Value = Verb> {
    use Verb::*;
    select(&[Hold, Release, Suspend, Suspend, Resume, Resume, Vacate, VacateNow][..])
}

fn op() -> impl Strategy<Value = Op> {
    let kind =
        select(&[Kind::Events, Kind::States, Kind::Completed, Kind::Progress, Kind::Windows][..]);
    let from = prop_oneof![
        3 => Just(From::Start),
        2 => Just(From::Now),
        2 => (0..130u64).prop_map(From::After),
        2 => Just(From::Snapshot),
    ];
    let time = prop_oneof![
        6 => 1..60u64,
        4 => Just(WINDOW),
        3 => 60..450u64,
        1 => 450..5_000u64,
    ];
    prop_oneof![
        3 => Just(Op::Add),
        12 => (any::<usize>(), report()).prop_map(|(task, report)| Op::Report(task, report)),
        30 => (any::<usize>(), prop_oneof![8 => Just(0), 1 => 1..4usize], write())
            .prop_map(|(task, back, write)| Op::Write(task, back, write)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(task, now)| Op::CancelTask(task, now)),
        3 => (proptest::option::weighted(0.7, any::<usize>()), verb())
            .prop_map(|(task, verb)| Op::Ask(task, verb)),
        20 => time.prop_map(Op::Advance),
        1 => Just(Op::Advance(GRACE)),
        5 => (kind, from).prop_map(|(kind, from)| Op::Subscribe(kind, from)),
        14 => (any::<usize>(), 1..12usize).prop_map(|(reader, items)| Op::Read(reader, items)),
        1 => Just(Op::Settle),
    ]
}

#[derive(Debug, Clone)]
struct Case {
    /// Whether a reader reads along from the start, which then says when windows close.
    watched: bool,
    max_failures: Option<usize>,
    expected: Option<usize>,
    ops: Vec<Op>,
}

fn case() -> impl Strategy<Value = Case> {
    // What ends a job early is rare, or else most jobs would be short.
    let last = proptest::option::weighted(
        0.3,
        prop_oneof![Just(Op::Close), any::<bool>().prop_map(Op::CancelJob)],
    );
    (
        proptest::bool::weighted(0.7),
        proptest::option::weighted(0.2, 1..4usize),
        proptest::option::of(0..6usize),
        (proptest::collection::vec(op(), 1..160), last, any::<proptest::sample::Index>()),
    )
        .prop_map(|(watched, max_failures, expected, (mut ops, last, index))| {
            if let Some(last) = last {
                ops.insert(index.index(ops.len()), last);
            }
            ops.insert(0, Op::Add);
            Case { watched, max_failures, expected, ops }
        })
}

// What should come of it.

#[derive(Debug, Clone, PartialEq, Default)]
struct Reading {
    progress: Option<f64>,
    total: Option<f64>,
    message: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Job(JobState, JobState),
    Added(usize),
    Task { task: usize, attempt: u32, from: TaskState, to: TaskState, observed: bool },
    Completed { task: usize, attempt: u32, state: TaskState, reading: Reading },
    JobCompleted(JobState),
}

/// A lifecycle event; its seq is its place in the list.
#[derive(Debug, Clone, PartialEq)]
struct Life {
    at: u64,
    change: Change,
}

/// A publication of progress, or what might be one if nobody watches.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    attempt: u32,
    reading: Reading,
    /// When, and after which event; unknown if nobody watches.
    place: Option<(milepost::Timestamp, u64)>,
}

struct Task {
    state: TaskState,
    attempt: u32,
    /// What each attempt has reported.
    readings: Vec<Reading>,
    /// What the present attempt was told to be at.
    told: Reading,
    /// Since when it is at something else.
    dirty_since: Option<u64>,
    /// Whether the task, and its present attempt, were asked to park.
    suspended: bool,
    suspending: bool,
    /// When it is ended by force if it is still asked to stop then, and the number of that timer.
    force: Option<(u64, u64)>,
}

impl Task {
    fn reading(&self) -> &Reading {
        &self.readings[self.attempt as usize - 1]
    }

    fn is_active(&self) -> bool {
        matches!(self.state, TaskState::Running | TaskState::Suspended | TaskState::Canceling)
    }
}

/// The transition table of the design.
fn can_become(from: TaskState, to: TaskState) -> bool {
    use TaskState::*;
    match from {
        Pending => matches!(to, Submitted | Canceled | Interrupted),
        Submitted => {
            matches!(to, Assigned | Running | Held | Canceled | Failed | TimedOut | Interrupted)
        }
        Held => matches!(to, Submitted | Canceled | Failed | TimedOut | Interrupted),
        Assigned => !matches!(to, Pending | Assigned | Suspended | Completed),
        Running => !matches!(to, Pending | Assigned | Running | EnvironmentError),
        Suspended => !matches!(to, Pending | Assigned | Suspended | EnvironmentError),
        Canceling => matches!(to, Canceled | Completed | Failed | TimedOut | Interrupted),
        Completed | Failed | Canceled | TimedOut | Interrupted | EnvironmentError => false,
    }
}

fn is_failure(state: TaskState) -> bool {
    use TaskState::*;
    matches!(state, Failed | TimedOut | Interrupted | EnvironmentError)
}

struct Model {
    watched: bool,
    now: u64,
    state: JobState,
    tasks: Vec<Task>,
    lives: Vec<Life>,
    sealed: bool,
    canceled: Option<bool>,
    suspended: bool,
    force_all: Option<(u64, u64)>,
    timers: u64,
    max_failures: Option<usize>,
    /// The final flushes that are to be told right before the event of the number.
    finals: BTreeMap<u64, (usize, Told)>,
    told: HashMap<usize, Vec<Told>>,
}

impl Model {
    fn life(&mut self, change: Change) {
        self.lives.push(Life { at: self.now, change });
    }

    fn job(&mut self, to: JobState) {
        self.life(Change::Job(self.state, to));
        self.state = to;
    }

    fn enter(&mut self, task: usize, to: TaskState, observed: bool) {
        let Task { state: from, attempt, .. } = self.tasks[task];
        self.tasks[task].state = to;
        self.life(Change::Task { task, attempt, from, to, observed });
        if to == TaskState::Running && matches!(self.state, JobState::Pending | JobState::Submitted)
        {
            self.job(JobState::Running);
        }
    }

    fn add(&mut self) {
        let task = self.tasks.len();
        self.life(Change::Added(task));
        self.tasks.push(Task {
            state: TaskState::Pending,
            attempt: 1,
            readings: vec![Reading::default()],
            told: Reading::default(),
            dirty_since: None,
            suspended: false,
            suspending: self.suspended,
            force: None,
        });
        if self.state == JobState::Pending {
            self.job(JobState::Submitted);
        }
        self.enter(task, TaskState::Submitted, false);
    }

    /// The present attempt is over: what it has not told is told now (G4).
    fn end_attempt(&mut self, task: usize) {
        let entry = &mut self.tasks[task];
        (entry.force, entry.dirty_since) = (None, None);
        if entry.reading() != &entry.told {
            entry.told = entry.reading().clone();
            let place = Some((at(self.now), self.lives.len() as u64));
            let told = Told { attempt: entry.attempt, reading: entry.told.clone(), place };
            self.finals.insert(self.lives.len() as u64 + 1, (task, told));
        }
    }

    fn again(&mut self, task: usize, to: TaskState, observed: bool) {
        self.end_attempt(task);
        let entry = &mut self.tasks[task];
        entry.attempt += 1;
        entry.suspending = self.suspended || entry.suspended;
        entry.readings.push(Reading::default());
        entry.told = Reading::default();
        self.enter(task, to, observed);
    }

    fn end(&mut self, task: usize, state: TaskState, observed: bool) {
        self.end_attempt(task);
        self.enter(task, state, observed);
        let Task { attempt, ref told, .. } = self.tasks[task];
        let reading = told.clone();
        self.life(Change::Completed { task, attempt, state, reading });
        let failed = self.tasks.iter().filter(|task| is_failure(task.state)).count();
        if self.max_failures.is_some_and(|most| failed >= most) && self.canceled.is_none() {
            self.cancel(false, false);
        }
        self.settle();
    }

    fn settle(&mut self) {
        let all = |wanted: fn(TaskState) -> bool| self.tasks.iter().all(|task| wanted(task.state));
        if !self.sealed || self.state.is_terminal() || !all(TaskState::is_terminal) {
            return;
        }
        let state = if self.canceled == Some(true) && !all(TaskState::is_success) {
            JobState::Canceled
        } else if !all(|state| !is_failure(state)) {
            JobState::Failed
        } else if !all(|state| state != TaskState::Canceled) {
            JobState::Canceled
        } else {
            JobState::Completed
        };
        self.job(state);
        self.life(Change::JobCompleted(state));
    }

    fn timer(&mut self) -> (u64, u64) {
        self.timers += 1;
        (self.now + GRACE, self.timers)
    }

    fn cancel_one(&mut self, task: usize) -> bool {
        match self.tasks[task].state {
            TaskState::Running | TaskState::Suspended => {
                self.enter(task, TaskState::Canceling, false);
                return true;
            }
            TaskState::Canceling => {}
            state if state.is_terminal() => {}
            _ => self.end(task, TaskState::Canceled, false),
        }
        false
    }

    fn force(&mut self, task: usize) {
        if self.tasks[task].state == TaskState::Canceling {
            self.end(task, TaskState::Canceled, false);
        }
    }

    fn cancel(&mut self, by_user: bool, now: bool) {
        if self.state.is_terminal() {
            return;
        }
        if self.canceled.is_none() {
            self.canceled = Some(by_user);
            self.sealed = true;
            self.job(JobState::Canceling);
            (0..self.tasks.len()).for_each(|task| {
                self.cancel_one(task);
            });
            if !now {
                self.force_all = Some(self.timer());
            }
        }
        if now {
            (0..self.tasks.len()).for_each(|task| self.force(task));
        }
        self.settle();
    }

    fn cancel_task(&mut self, task: usize, now: bool) {
        let asked = self.cancel_one(task);
        if now {
            self.force(task);
        } else if asked {
            // If it was seen to go on after an earlier request, this one counts.
            self.tasks[task].force = Some(self.timer());
        }
    }

    /// Whether the task takes it, else whether it is over. Somebody else runs it: it is at most asked to park, of which
    /// there is no event until its code does.
    fn ask(&mut self, task: usize, verb: Verb) -> Result<(), bool> {
        let entry = &mut self.tasks[task];
        let runs =
            !matches!(entry.state, TaskState::Submitted | TaskState::Held | TaskState::Pending);
        match verb {
            _ if entry.state.is_terminal() || entry.state == TaskState::Canceling => Err(true),
            Verb::Hold => Err(false),
            Verb::Vacate | Verb::VacateNow if runs => Err(false),
            Verb::Suspend | Verb::Resume => {
                entry.suspended = verb == Verb::Suspend;
                entry.suspending = entry.suspended;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ask_all(&mut self, verb: Verb) -> (usize, Vec<usize>) {
        match verb {
            _ if self.state.is_terminal() => {}
            Verb::Suspend => self.suspended = true,
            Verb::Resume => self.suspended = false,
            _ => {}
        }
        let all: Vec<_> = (0..self.tasks.len()).map(|task| self.ask(task, verb)).collect();
        let refused: Vec<_> = (0..all.len()).filter(|task| all[*task] == Err(false)).collect();
        let taken = all.iter().filter(|answer| answer.is_ok()).count();
        (taken + refused.len(), refused)
    }

    /// Lets time pass, with what is due ended by force.
    fn advance(&mut self, by: u64) {
        let until = self.now + by;
        loop {
            let of_tasks = self.tasks.iter().map(|task| task.force).enumerate();
            let of_tasks = of_tasks.filter_map(|(task, due)| Some((due?, Some(task))));
            let all = of_tasks.chain(self.force_all.map(|due| (due, None)));
            let Some(((due, _), which)) = all.min().filter(|((due, _), _)| *due <= until) else {
                break;
            };
            self.now = due;
            match which {
                Some(task) => {
                    self.tasks[task].force = None;
                    self.force(task);
                }
                None => {
                    self.force_all = None;
                    (0..self.tasks.len()).for_each(|task| self.force(task));
                }
            }
        }
        self.now = until;
    }

    /// Whether a report is legal; if so, it has its effect.
    fn report(&mut self, task: usize, report: Report) -> bool {
        let entry = &self.tasks[task];
        let from = entry.state;
        let (to, observed) = match report {
            Report::Assigned => (TaskState::Assigned, false),
            Report::Running => (TaskState::Running, false),
            Report::Suspended => (TaskState::Suspended, false),
            Report::Held => (TaskState::Held, false),
            Report::Resubmitted => (TaskState::Submitted, false),
            Report::Complete => (TaskState::Completed, false),
            Report::Fail if from == TaskState::Canceling => (TaskState::Canceled, false),
            Report::Fail => (TaskState::Failed, false),
            Report::End(state) => (state, false),
            Report::Observed(state) => (state, true),
            Report::Drop => (TaskState::Interrupted, false),
        };
        let legal = if observed { !from.is_terminal() } else { can_become(from, to) };
        if !legal || (observed && from == to) {
            return legal;
        }
        use TaskState::{Held, Pending, Submitted};
        if to.is_terminal() {
            self.end(task, to, observed);
        } else if matches!(to, Pending | Submitted | Held) && entry.is_active() {
            self.again(task, to, observed);
        } else {
            self.enter(task, to, observed);
        }
        true
    }

    /// A report of the present attempt.
    fn write(&mut self, task: usize, write: Write) {
        let now = self.now;
        let entry = &mut self.tasks[task];
        if entry.state.is_terminal() {
            return;
        }
        let reading = &mut entry.readings[entry.attempt as usize - 1];
        let before = reading.progress.unwrap_or(0.0);
        match write {
            Write::Set(value) => reading.progress = Some(f64::from(value)),
            Write::SetQuarters(value) => reading.progress = Some(f64::from(value) / 4.0),
            Write::Advance(by) => reading.progress = Some(before + f64::from(by)),
            Write::AdvanceQuarters(by) => reading.progress = Some(before + f64::from(by) / 4.0),
            Write::Ignored => {}
            Write::Total(total) => reading.total = total.map(f64::from),
            Write::Message(message) => reading.message = Some(message.to_string()),
        }
        let is_told = *reading == entry.told;
        entry.dirty_since = (!is_told).then(|| entry.dirty_since.unwrap_or(now));
    }

    /// The job's share done, by what was told.
    fn fraction(&self, expected: Option<usize>) -> Option<f64> {
        let added = self.tasks.len();
        let expected = match expected {
            _ if self.sealed => added,
            None => return None,
            Some(expected) => expected.max(added),
        };
        let done = |task: &Task| match (task.told.progress, task.told.total) {
            _ if task.state.is_terminal() => 1.0,
            (Some(progress), Some(total)) if total > 0.0 => (progress / total).clamp(0.0, 1.0),
            _ => 0.0,
        };
        let all: f64 = self.tasks.iter().map(done).sum();
        Some(if expected == 0 { 1.0 } else { all / expected as f64 })
    }
}

// Readers, and what each may be told.

enum Stream {
    Events(EventStream<Event>),
    States(EventStream<TaskStateChanged>),
    Completed(EventStream<TaskCompleted>),
    Progress(EventStream<TaskProgressUpdated>),
    Windows(EventStream<ProgressWindow>),
}

enum Item {
    Event(Event),
    Window(ProgressWindow),
}

impl Stream {
    fn of(job: &Job, kind: Kind, from: From, seq: u64) -> Stream {
        fn start<E: milepost::StreamEvent>(
            stream: EventStream<E>,
            from: From,
            seq: u64,
        ) -> EventStream<E> {
            match from {
                From::Now => stream.from_now(),
                From::After(_) => stream.after(seq),
                From::Start | From::Snapshot => stream,
            }
        }
        match kind {
            Kind::Events => Stream::Events(start(job.events(), from, seq)),
            Kind::States => Stream::States(start(job.task_state_changed(), from, seq)),
            Kind::Completed => Stream::Completed(start(job.task_completed(), from, seq)),
            Kind::Progress => Stream::Progress(start(job.task_progress_updated(), from, seq)),
            Kind::Windows => Stream::Windows(start(job.progress_windows(), from, seq)),
        }
    }

    fn next(&mut self) -> Option<Item> {
        match self {
            Stream::Events(stream) => stream.try_recv().map(Item::Event),
            Stream::States(stream) => {
                stream.try_recv().map(Event::TaskStateChanged).map(Item::Event)
            }
            Stream::Completed(stream) => {
                stream.try_recv().map(Event::TaskCompleted).map(Item::Event)
            }
            Stream::Progress(stream) => {
                stream.try_recv().map(Event::TaskProgressUpdated).map(Item::Event)
            }
            Stream::Windows(stream) => stream.try_recv().map(Item::Window),
        }
    }

    fn is_ended(&self) -> bool {
        match self {
            Stream::Events(stream) => stream.is_ended(),
            Stream::States(stream) => stream.is_ended(),
            Stream::Completed(stream) => stream.is_ended(),
            Stream::Progress(stream) => stream.is_ended(),
            Stream::Windows(stream) => stream.is_ended(),
        }
    }
}

struct Reader {
    kind: Kind,
    stream: Stream,
    /// The last lifecycle event before its first.
    start: u64,
    /// The last lifecycle event that it has had or passed over.
    last: u64,
    /// By task: how many of the publications it is past.
    past: HashMap<usize, usize>,
    /// By task: how many there were when it came, and where it was told to be, for readers that are not told of that.
    known: HashMap<usize, (usize, u32, Reading)>,
    /// By task: what it was told last.
    told: HashMap<usize, (u32, Reading)>,
    last_window: Option<milepost::Timestamp>,
}

fn reading_of(told: &TaskProgressUpdated) -> Reading {
    Reading {
        progress: told.progress,
        total: told.total,
        message: told.message.as_deref().map(str::to_owned),
    }
}

impl Reader {
    /// What a lifecycle event should be that this reader gets next; passes it.
    fn next_life<'a>(&mut self, model: &'a Model) -> Option<&'a Life> {
        loop {
            let life = model.lives.get(self.last as usize)?;
            self.last += 1;
            let wanted = match self.kind {
                Kind::Events => true,
                Kind::States => matches!(life.change, Change::Task { .. }),
                Kind::Completed => matches!(life.change, Change::Completed { .. }),
                Kind::Progress | Kind::Windows => false,
            };
            if wanted && self.last > self.start {
                return Some(life);
            }
        }
    }

    fn check(&mut self, item: Item, model: &Model) {
        match item {
            Item::Event(Event::TaskProgressUpdated(told)) => {
                if self.kind == Kind::Events {
                    self.check_place(&told, model);
                }
                let place = (told.at, told.after);
                self.check_told(&told, Some(place), model);
            }
            Item::Event(event) => {
                let life = self.next_life(model).unwrap_or_else(|| panic!("no {event:?}"));
                assert_eq!(event.seq(), Some(self.last), "expected {life:?}");
                check_life(&event, life);
            }
            Item::Window(window) => {
                assert!(self.last_window.is_none_or(|last| last <= window.at), "{window:?}");
                self.last_window = Some(window.at);
                let mut tasks: Vec<_> = window.updates.iter().map(|told| told.task).collect();
                tasks.sort_unstable();
                tasks.dedup();
                assert_eq!(tasks.len(), window.updates.len(), "a task twice: {window:?}");
                for told in &window.updates {
                    assert!(told.at <= window.at && told.after <= window.after, "{window:?}");
                    self.check_told(told, None, model);
                }
                let fraction = window.progress.fraction;
                assert!(fraction.is_none_or(|fraction| (0.0..=1.0).contains(&fraction)));
            }
        }
    }

    /// Progress in its place among the other events: of a task that is there, of its attempt at that moment, and told
    /// after no event that is still to come.
    fn check_place(&self, told: &TaskProgressUpdated, model: &Model) {
        // Those up to its start it passes over as they come, nobody sees when.
        let last = if self.last < self.start { told.after } else { self.last };
        assert!(told.after <= last, "{told:?} after event {last}");
        let task = told.task.index();
        let (mut attempt, mut state) = (0, None);
        for life in &model.lives[..last as usize] {
            match life.change {
                Change::Added(added) if added == task => attempt = 1,
                Change::Task { task: of, attempt: present, to, .. } if of == task => {
                    (attempt, state) = (present, Some(to));
                }
                _ => {}
            }
        }
        let context = || format!("{told:?} after event {last}");
        assert_eq!(attempt, told.attempt, "{}", context());
        assert!(state.is_none_or(|state| !state.is_terminal()), "{}", context());
    }

    /// A value that was told, newer than those before, each once.
    fn check_told(
        &mut self,
        told: &TaskProgressUpdated,
        place: Option<(milepost::Timestamp, u64)>,
        model: &Model,
    ) {
        let (task, attempt, reading) = (told.task.index(), told.attempt, reading_of(told));
        let past = self.past.get(&task).copied().unwrap_or(0);
        let all = model.told.get(&task).map_or(&[][..], Vec::as_slice);
        let is_it = |of: &Told| {
            of.attempt == attempt
                && of.reading == reading
                && (place.is_none() || of.place.is_none() || of.place == place)
        };
        let found = all[past..].iter().position(is_it);
        let Some(found) = found else {
            panic!("{:?} is told {told:?}, after {past} of {all:#?}", self.kind)
        };
        self.past.insert(task, past + found + 1);
        let before = self.told.insert(task, (attempt, reading.clone()));
        if past > 0 && all[past - 1..][..=found].iter().all(|of| of.reading == reading) {
            assert_ne!(before, Some((attempt, reading)), "an equal value is no news");
        }
    }

    /// After all is told and read: it has the latest of each task.
    fn check_settled(&self, model: &Model) {
        if matches!(self.kind, Kind::States | Kind::Completed) {
            return;
        }
        for (task, entry) in model.tasks.iter().enumerate() {
            let all = model.told.get(&task).map_or(0, Vec::len);
            // Unwatched, nobody knows whether there was something in between.
            let is_known = self.known.get(&task).is_some_and(|(known, attempt, reading)| {
                *known == all
                    || (!model.watched && (attempt, reading) == (&entry.attempt, &entry.told))
            });
            let ended = model.lives.iter().position(|life| {
                matches!(life.change, Change::Task { task: of, to, .. }
                    if of == task && to.is_terminal())
            });
            // It has passed the task's end, or starts after it.
            let is_over =
                self.kind == Kind::Events && ended.is_some_and(|ended| (ended as u64) < self.start);
            if entry.told == Reading::default() || is_known || is_over {
                continue;
            }
            let told = self.told.get(&task);
            let expected = (entry.attempt, entry.told.clone());
            assert_eq!(told, Some(&expected), "{:?} of task {task}", self.kind);
        }
    }
}

fn check_life(event: &Event, life: &Life) {
    assert_eq!(event.at(), at(life.at), "{event:?}");
    let same = match (event, &life.change) {
        (Event::JobStateChanged(event), Change::Job(from, to)) => {
            (event.from, event.to) == (*from, *to)
        }
        (Event::TaskAdded(event), Change::Added(task)) => {
            event.task.index() == *task && *event.name == task.to_string()
        }
        (Event::TaskStateChanged(event), Change::Task { task, attempt, from, to, observed }) => {
            (event.task.index(), event.attempt) == (*task, *attempt)
                && (event.from, event.to, event.observed) == (*from, *to, *observed)
        }
        (Event::TaskCompleted(event), Change::Completed { task, attempt, state, reading }) => {
            (event.task.index(), event.attempt, event.state) == (*task, *attempt, *state)
                && (event.progress, event.total) == (reading.progress, reading.total)
                && event.message.as_deref() == reading.message.as_deref()
                && *event.name == task.to_string()
        }
        (Event::JobCompleted(event), Change::JobCompleted(state)) => event.state == *state,
        _ => false,
    };
    assert!(same, "{event:?}, expected {life:?}");
}

// The two of them together.

struct World {
    clock: ManualClock,
    job: Job,
    open: Option<OpenJob>,
    reporters: Vec<Option<TaskReporter>>,
    /// The writers of each attempt of each task.
    writers: Vec<Vec<Progress>>,
    model: Model,
    watcher: Option<EventStream<Event>>,
    readers: Vec<Reader>,
    expected: Option<usize>,
    /// How many lifecycle events the watcher has had.
    watched: u64,
    /// When the last window closed in which something was told, and before when none may.
    last_close: Option<u64>,
    not_before: u64,
    /// When something was last reported, began or ended.
    active_at: Option<u64>,
}

impl World {
    fn new(case: &Case) -> World {
        let clock = ManualClock::new();
        let mut builder = Job::builder("job").clock(clock.clock());
        if let Some(most) = case.max_failures {
            builder = builder.max_failures(most);
        }
        let open = builder.open().unwrap();
        if let Some(expected) = case.expected {
            open.expect(expected);
        }
        let job = open.job();
        World {
            watcher: case.watched.then(|| job.events()),
            clock,
            open: Some(open),
            reporters: Vec::new(),
            writers: Vec::new(),
            model: Model {
                watched: case.watched,
                now: 0,
                state: JobState::Pending,
                tasks: Vec::new(),
                lives: Vec::new(),
                sealed: false,
                canceled: None,
                suspended: false,
                force_all: None,
                timers: 0,
                max_failures: case.max_failures,
                finals: BTreeMap::new(),
                told: HashMap::new(),
            },
            readers: Vec::new(),
            expected: case.expected,
            watched: 0,
            last_close: None,
            not_before: 0,
            active_at: None,
            job,
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Add => self.add(),
            Op::Report(task, report) => self.report(task % self.model.tasks.len(), report),
            Op::Write(task, back, write) => self.write(task % self.model.tasks.len(), back, write),
            Op::CancelTask(task, now) => {
                let index = task % self.model.tasks.len();
                let task = milepost::TaskId::new(index as u32);
                if now {
                    self.job.cancel_task_now(task, "").unwrap();
                } else {
                    self.job.cancel_task(task, "").unwrap();
                }
                self.model.cancel_task(index, now);
                self.touch();
            }
            Op::CancelJob(now) => {
                if now {
                    self.job.cancel_now("");
                } else {
                    self.job.cancel("");
                }
                self.model.cancel(true, now);
                self.touch();
            }
            Op::Ask(Some(task), verb) => self.ask(task % self.model.tasks.len(), verb),
            Op::Ask(None, verb) => {
                let job = &self.job;
                let answer = verb.of_job(job);
                let refused: Vec<_> = answer.refused.iter().map(|task| task.index()).collect();
                assert_eq!((answer.asked, refused), self.model.ask_all(verb), "{verb:?}");
            }
            Op::Advance(by) => {
                self.clock.advance(ms(by));
                let lives = self.model.lives.len();
                self.model.advance(by);
                if let Some(life) = self.model.lives[lives..].last() {
                    self.active_at = Some(life.at);
                }
            }
            Op::Subscribe(kind, from) => self.subscribe(kind, from),
            Op::Read(reader, items) => self.read(reader, items),
            Op::Settle => {
                self.apply(&Op::Advance(3 * WINDOW));
                self.watch();
                self.check_settled();
            }
            Op::Close => {
                if let Some(open) = self.open.take() {
                    drop(open.close());
                    self.model.sealed = true;
                    self.model.settle();
                }
            }
        }
        self.watch();
        self.check_job();
    }

    fn touch(&mut self) {
        self.active_at = Some(self.model.now);
    }

    fn add(&mut self) {
        let reporter = self.job.reporter(self.model.tasks.len().to_string());
        assert_eq!(reporter.is_err(), self.model.sealed, "{reporter:?}");
        let Ok(reporter) = reporter else { return };
        self.model.add();
        self.writers.push(vec![reporter.progress()]);
        self.reporters.push(Some(reporter));
    }

    fn report(&mut self, task: usize, report: Report) {
        let Some(reporter) = &mut self.reporters[task] else { return };
        let result = match report {
            Report::Assigned => reporter.assigned(),
            Report::Running => reporter.running(),
            Report::Suspended => reporter.suspended(),
            Report::Held => reporter.held(""),
            Report::Resubmitted => reporter.resubmitted(""),
            Report::Complete => reporter.complete(()),
            Report::Fail => reporter.fail(std::io::Error::other("")),
            Report::End(state) => reporter.end(state, ""),
            Report::Observed(state) => reporter.observed(state),
            Report::Drop => {
                self.reporters[task] = None;
                self.model.report(task, report);
                return self.touch();
            }
        };
        let attempt = reporter.attempt();
        if attempt as usize > self.writers[task].len() {
            self.writers[task].push(reporter.progress());
        }
        let legal = self.model.report(task, report);
        assert_eq!(result.is_ok(), legal, "{report:?}: {result:?}");
        if !self.model.tasks[task].state.is_terminal() {
            assert_eq!(attempt, self.model.tasks[task].attempt);
        }
        self.touch();
    }

    fn ask(&mut self, task: usize, verb: Verb) {
        let id = milepost::TaskId::new(task as u32);
        let answer = verb.of_task(&self.job, id);
        let is_over = |error| matches!(error, milepost::ControlError::Over { .. });
        assert_eq!(answer.map_err(is_over), self.model.ask(task, verb), "{verb:?} of {task}");
    }

    fn write(&mut self, task: usize, back: usize, write: Write) {
        let writers = &self.writers[task];
        let index = writers.len() - 1 - back.min(writers.len() - 1);
        let writer = &writers[index];
        match write {
            Write::Set(value) => writer.set_progress(value),
            Write::SetQuarters(value) => writer.set_progress(f64::from(value) / 4.0),
            Write::Advance(by) => writer.advance(by),
            Write::AdvanceQuarters(by) => writer.advance(f64::from(by) / 4.0),
            Write::Ignored => {
                writer.set_progress(f64::NAN);
                writer.advance(f32::NAN);
            }
            Write::Total(Some(total)) => writer.set_total(total),
            Write::Total(None) => writer.set_total(f64::NAN),
            Write::Message(message) => writer.set_message(message.to_string()),
        }
        let entry = &self.model.tasks[task];
        let (now, live) = (self.model.now, !entry.state.is_terminal());
        let is_present = index + 1 == entry.attempt as usize;
        assert_eq!(writer.is_canceled(), !(live && is_present) || self.is_asked_to_stop(task));
        if is_present && live {
            assert_eq!(writer.is_suspending(), entry.suspending, "task {task}");
            // A report after quiet opens a whole window.
            if self.active_at.is_none_or(|last| now >= last + 2 * WINDOW) {
                self.not_before = now + WINDOW;
            }
            self.model.write(task, write);
            self.touch();
            if self.watcher.is_none() {
                self.note_held(task);
            }
        }
    }

    /// Whether the present attempt was asked to stop at any time: it may have been seen to run on.
    fn is_asked_to_stop(&self, task: usize) -> bool {
        let attempt = self.model.tasks[task].attempt;
        self.model.lives.iter().any(|life| {
            matches!(life.change, Change::Task { task: of, attempt: in_attempt, to, observed: false, .. }
                if of == task && in_attempt == attempt && to == TaskState::Canceling)
        })
    }

    /// Without a watcher: a value that the task has is one that may be told.
    fn note_held(&mut self, task: usize) {
        let Task { attempt, .. } = self.model.tasks[task];
        let reading = self.model.tasks[task].reading().clone();
        let all = self.model.told.entry(task).or_default();
        let told = Told { attempt, reading, place: None };
        if all.last() != Some(&told) {
            all.push(told);
        }
    }

    fn subscribe(&mut self, kind: Kind, from: From) {
        self.watch();
        let present = self.model.lives.len() as u64;
        let (start, is_new) = match from {
            From::Start => (0, false),
            From::Now => (present, true),
            From::After(share) => (present * share / 100, false),
            From::Snapshot => (present, true),
        };
        let (kind, stream) = match from {
            From::Snapshot => {
                let (snapshot, events) = self.job.snapshot_and_events();
                assert_eq!((snapshot.seq, snapshot.state), (present, self.model.state));
                for (task, entry) in snapshot.tasks.iter().zip(&self.model.tasks) {
                    assert_eq!((task.state, task.attempt), (entry.state, entry.attempt));
                    if self.watcher.is_some() {
                        let told = (task.progress, task.total);
                        assert_eq!(told, (entry.told.progress, entry.told.total));
                    }
                }
                (Kind::Events, Stream::Events(events))
            }
            _ => (kind, Stream::of(&self.job, kind, from, start)),
        };
        let (mut known, mut past) = (HashMap::new(), HashMap::new());
        for (task, told) in self.model.told.iter().filter(|_| is_new) {
            let entry = &self.model.tasks[*task];
            known.insert(*task, (told.len(), entry.attempt, entry.told.clone()));
            // Unwatched, some of the values that tasks had may not have been told yet.
            if self.model.watched {
                past.insert(*task, told.len());
            }
        }
        let last = start.min(present);
        let told = HashMap::new();
        let reader = Reader { kind, stream, start, last, past, known, told, last_window: None };
        self.readers.push(reader);
    }

    fn read(&mut self, reader: usize, items: usize) {
        self.watch();
        if self.readers.is_empty() {
            return;
        }
        let at = reader % self.readers.len();
        let reader = &mut self.readers[at];
        for _ in 0..items {
            let Some(item) = reader.stream.next() else { break };
            reader.check(item, &self.model);
        }
    }

    /// Reads what the watcher is told, and takes down what windows told; or sees by a snapshot what was told.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return self.look() };
        let events = drain(watcher);
        let now = self.model.now;
        for event in &events {
            let Event::TaskProgressUpdated(told) = event else {
                let life = self.model.lives.get(self.watched as usize);
                let life = life.unwrap_or_else(|| panic!("{event:?} is not expected"));
                self.watched += 1;
                assert_eq!(event.seq(), Some(self.watched));
                if let Some((task, last)) = self.model.finals.remove(&self.watched) {
                    // A window may have told it while time passed; else it comes right before.
                    let told = self.model.told.get(&task).and_then(|told| told.last());
                    let is_told = told.is_some_and(|told| {
                        (told.attempt, &told.reading) == (last.attempt, &last.reading)
                    });
                    assert!(is_told, "{last:?} is not told before {event:?}");
                }
                check_life(event, life);
                continue;
            };
            let task = told.task.index();
            let news = Told {
                attempt: told.attempt,
                reading: reading_of(told),
                place: Some((told.at, told.after)),
            };
            assert_eq!(told.after, self.watched, "whoever reads along is told at once: {told:?}");
            let all = self.model.told.entry(task).or_default();
            let before = all.last().filter(|last| last.attempt == told.attempt);
            let before = before.map(|last| last.reading.clone()).unwrap_or_default();
            assert_ne!(before, news.reading, "an equal value is no news");
            all.push(news.clone());
            if self.model.finals.get(&(self.watched + 1)) == Some(&(task, news.clone())) {
                continue;
            }
            // It was told as a window closed: no value has changed since, so it is the present one.
            let entry = &mut self.model.tasks[task];
            assert_eq!(news.reading, entry.readings[told.attempt as usize - 1], "{told:?}");
            if entry.attempt == told.attempt && !entry.state.is_terminal() {
                entry.told = news.reading;
                entry.dirty_since = None;
            }
            let time = told.at.duration_since(at(0)).as_millis() as u64;
            let last = self.last_close.replace(time);
            let apart = last.is_none_or(|last| time == last || time >= last + WINDOW);
            assert!(apart, "windows closed at {last:?} and at {time}");
            assert!(time >= self.not_before && time <= now, "closed at {time}: {told:?}");
        }
        assert_eq!(self.watched as usize, self.model.lives.len(), "all is told at once");
        assert!(self.model.finals.is_empty(), "not told: {:?}", self.model.finals);
        self.check_dirty();
    }

    /// What was reported is told within a window.
    fn check_dirty(&self) {
        for (task, entry) in self.model.tasks.iter().enumerate() {
            let due = entry.dirty_since.map(|since| since + WINDOW);
            assert!(
                entry.state.is_terminal() || due.is_none_or(|due| self.model.now < due),
                "task {task} has been at {:?} since {:?}, told {:?}, now is {}",
                entry.reading(),
                entry.dirty_since,
                entry.told,
                self.model.now
            );
        }
    }

    /// The watcher's work by snapshots.
    fn look(&mut self) {
        self.model.finals.clear();
        let snapshot = self.job.snapshot();
        assert_eq!(snapshot.seq as usize, self.model.lives.len());
        for (task, entry) in snapshot.tasks.iter().zip(&mut self.model.tasks) {
            assert_eq!((task.state, task.attempt), (entry.state, entry.attempt));
            let told = Reading {
                progress: task.progress,
                total: task.total,
                message: task.message.as_deref().map(str::to_owned),
            };
            if told != entry.told {
                assert_eq!(told, *entry.reading(), "told something that it is not at");
                entry.told = told;
                entry.dirty_since = None;
            }
        }
        self.check_dirty();
    }

    fn check_job(&self) {
        let counts = self.job.counts();
        for state in TaskState::ALL {
            let tasks = self.model.tasks.iter().filter(|task| task.state == state).count();
            assert_eq!(counts.of(state), tasks, "{state}");
        }
        assert_eq!(self.job.state(), self.model.state);
        let progress = self.job.progress();
        let expected = self.model.fraction(self.expected);
        let close = match (progress.fraction, expected) {
            (Some(fraction), Some(expected)) => {
                (0.0..=1.0).contains(&fraction) && (fraction - expected).abs() < 1e-9
            }
            (fraction, expected) => fraction == expected,
        };
        assert!(close, "{progress:?}, expected {expected:?}");
        assert_eq!(progress.value, counts.ended() as f64);
        assert_eq!(&*progress.unit, "tasks");
    }

    fn check_settled(&mut self) {
        for task in 0..self.model.tasks.len() {
            let entry = &self.model.tasks[task];
            assert!(*entry.reading() == entry.told || entry.told == Reading::default());
            assert!(entry.dirty_since.is_none());
        }
        for reader in &mut self.readers {
            while let Some(item) = reader.stream.next() {
                reader.check(item, &self.model);
            }
            reader.check_settled(&self.model);
        }
    }

    /// Ends all, and has all readers read to the end.
    fn end(mut self) {
        self.apply(&Op::Settle);
        for task in 0..self.reporters.len() {
            let report = if task.is_multiple_of(2) { Report::Complete } else { Report::Drop };
            self.report(task, report);
            self.report(task, Report::Drop);
            self.watch();
        }
        self.apply(&Op::Close);
        self.apply(&Op::Settle);
        assert!(self.model.state.is_terminal());
        for (kind, from) in [
            (Kind::Events, From::Start),
            (Kind::Progress, From::Start),
            (Kind::Windows, From::Start),
            (Kind::Completed, From::After(50)),
            (Kind::Events, From::After(50)),
            (Kind::Events, From::Snapshot),
        ] {
            self.subscribe(kind, from);
        }
        self.check_settled();
        for reader in &mut self.readers {
            assert!(reader.stream.is_ended(), "{:?} goes on", reader.kind);
            let rest = reader.next_life(&self.model);
            assert_eq!(rest, None, "{:?} was not told", reader.kind);
        }
        // Old writers are heard by no one, and nothing is told after the end.
        let (seq, last) =
            (self.job.last_seq(), serde_json::to_string(&self.job.snapshot()).unwrap());
        for writer in self.writers.iter().flatten() {
            writer.set_progress(99);
            writer.set_message("late");
        }
        self.clock.advance(ms(3 * WINDOW + GRACE));
        assert_eq!(self.job.last_seq(), seq);
        assert_eq!(serde_json::to_string(&self.job.snapshot()).unwrap(), last);
        let ends = |wanted: fn(&Change) -> bool| {
            self.model.lives.iter().filter(|life| wanted(&life.change)).count()
        };
        assert_eq!(ends(|change| matches!(change, Change::Completed { .. })), self.writers.len());
        assert_eq!(ends(|change| matches!(change, Change::JobCompleted(_))), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn g1_to_g7_hold_for_any_job(case in case()) {
        let mut world = World::new(&case);
        for op in &case.ops {
            world.apply(op);
        }
        world.end();
    }
}
