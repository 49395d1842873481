//! Random verbs on random tasks against a simple model of what should come of them: one thread, a manual clock, and tasks
//! whose code does what the test says. `PROPTEST_CASES` sets the number of cases.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use common::{ByHand, Verb, drain, ms, step};
use milepost::{
    CauseKind, ControlError, EventStream, Job, ManualClock, OpenJob, Retry, TaskContext, TaskError,
    TaskId, TaskRun, TaskState, TaskStateChanged,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::sample::select;

const GRACE: u64 = 300;
const DELAY: u64 = 70;
const TIMEOUT: u64 = 500;
const ATTEMPTS: u32 = 3;
const LOST: u32 = 2;

/// What a task's code does next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Code {
    Checkpoint,
    Complete,
    Fail,
    Panic,
}

#[derive(Debug, Clone, Copy)]
struct Kind {
    restartable: bool,
    retries: bool,
    timeout: bool,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Add(Kind),
    Submit,
    Start,
    Run(usize, Code),
    Lose(usize),
    OfTask(usize, Verb),
    OfJob(Verb),
    Cancel(usize, bool),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    use Verb::*;
    let verb = || {
        prop_oneof![
            3 => Just(Hold), 4 => Just(Release), 4 => Just(Suspend), 4 => Just(Resume),
            3 => Just(Vacate), 1 => Just(VacateNow),
        ]
    };
    let kind = (proptest::bool::weighted(0.8), any::<bool>(), any::<bool>())
        .prop_map(|(restartable, retries, timeout)| Kind { restartable, retries, timeout });
    let code = prop_oneof![
        12 => Just(Code::Checkpoint), 1 => Just(Code::Complete),
        3 => Just(Code::Fail), 1 => Just(Code::Panic),
    ];
    prop_oneof![
        3 => kind.prop_map(Op::Add),
        1 => Just(Op::Submit),
        8 => Just(Op::Start),
        16 => (any::<usize>(), code).prop_map(|(task, code)| Op::Run(task, code)),
        2 => any::<usize>().prop_map(Op::Lose),
        12 => (any::<usize>(), verb()).prop_map(|(task, verb)| Op::OfTask(task, verb)),
        4 => verb().prop_map(Op::OfJob),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(task, now)| Op::Cancel(task, now)),
        6 => select(&[1, 30, DELAY, 200, GRACE, TIMEOUT][..]).prop_map(Op::Advance),
    ]
}

/// Attempt, state before and after, and what kind of cause is told.
type Change = (usize, u32, TaskState, TaskState, Option<CauseKind>);

/// When a timer rings, and its number.
type Due = Option<(u64, u64)>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    /// No attempt is under way.
    Nowhere,
    Idle,
    Parked,
    /// Its attempt is over, and its code is yet to be dropped.
    Over,
}

struct Task {
    kind: Kind,
    state: TaskState,
    attempt: u32,
    at: At,
    /// To be held when it is submitted, and to park when it runs.
    held: bool,
    suspended: bool,
    /// What the present attempt was asked.
    suspending: bool,
    resumed: bool,
    vacating: Option<(TaskState, CauseKind)>,
    failed: u32,
    lost: u32,
    /// Of the timeout, which may be paused; of the next attempt; of the grace period.
    timeout: Due,
    left: Option<u64>,
    retry: Due,
    grace: Due,
}

#[derive(Default)]
struct Model {
    now: u64,
    timers: u64,
    submitted: bool,
    held: bool,
    suspended: bool,
    tasks: Vec<Task>,
    queue: VecDeque<usize>,
    changes: Vec<Change>,
}

impl Model {
    fn timer(&mut self, after: u64) -> Due {
        self.timers += 1;
        Some((self.now + after, self.timers))
    }

    fn enter(&mut self, task: usize, to: TaskState, cause: Option<CauseKind>) {
        let entry = &mut self.tasks[task];
        let from = std::mem::replace(&mut entry.state, to);
        self.changes.push((task, entry.attempt, from, to, cause));
    }

    fn add(&mut self, kind: Kind) {
        self.tasks.push(Task {
            kind,
            state: TaskState::Pending,
            attempt: 1,
            at: At::Nowhere,
            held: self.held,
            suspended: false,
            suspending: false,
            resumed: false,
            vacating: None,
            failed: 0,
            lost: 0,
            timeout: None,
            left: None,
            retry: None,
            grace: None,
        });
        if self.submitted {
            self.submit_task(self.tasks.len() - 1);
        }
    }

    fn submit(&mut self) {
        self.submitted = true;
        (0..self.tasks.len())
            .filter(|task| self.tasks[*task].state == TaskState::Pending)
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|task| self.submit_task(task));
    }

    fn submit_task(&mut self, task: usize) {
        self.enter(task, TaskState::Submitted, None);
        if std::mem::take(&mut self.tasks[task].held) {
            self.enter(task, TaskState::Held, Some(CauseKind::Held));
        } else {
            self.queue.push_back(task);
        }
    }

    /// Which task starts.
    fn start(&mut self) -> Option<usize> {
        if self.suspended {
            return None;
        }
        let task = self.queue.pop_front()?;
        let suspended = self.suspended || self.tasks[task].suspended;
        (self.tasks[task].suspending, self.tasks[task].at) = (suspended, At::Idle);
        self.enter(task, TaskState::Running, None);
        self.arm_timeout(task);
        Some(task)
    }

    fn arm_timeout(&mut self, task: usize) {
        let entry = &self.tasks[task];
        if entry.kind.timeout {
            let left = entry.left.unwrap_or(TIMEOUT);
            self.tasks[task].timeout = self.timer(left);
        }
    }

    fn is_asked_to_stop(&self, task: usize) -> bool {
        let entry = &self.tasks[task];
        entry.state == TaskState::Canceling || entry.vacating.is_some()
    }

    fn run(&mut self, task: usize, code: Code) {
        let stops = self.is_asked_to_stop(task);
        let entry = &mut self.tasks[task];
        match (entry.at, code) {
            (At::Nowhere, _) => {}
            (At::Over, _) => self.code_is_back(task),
            (At::Parked, _) | (At::Idle, Code::Checkpoint) if stops => {
                self.finish(task, Some(Code::Fail));
            }
            (At::Parked, _) if !entry.suspending => self.go_on(task),
            (At::Parked, _) => {}
            (At::Idle, Code::Checkpoint) if entry.suspending => {
                entry.at = At::Parked;
                let now = self.now;
                let timeout = entry.timeout.take();
                entry.left = timeout.map(|(due, _)| due - now).or(entry.left);
                self.enter(task, TaskState::Suspended, Some(CauseKind::Suspended));
            }
            (At::Idle, Code::Checkpoint) => {}
            (At::Idle, code) => self.finish(task, Some(code)),
        }
    }

    fn go_on(&mut self, task: usize) {
        self.tasks[task].at = At::Idle;
        let resumed = std::mem::take(&mut self.tasks[task].resumed);
        self.enter(task, TaskState::Running, resumed.then_some(CauseKind::Resumed));
        self.arm_timeout(task);
    }

    fn code_is_back(&mut self, task: usize) {
        self.tasks[task].at = At::Nowhere;
        if self.tasks[task].state == TaskState::Submitted {
            self.queue.push_back(task);
        }
    }

    fn lose(&mut self, task: usize) {
        match self.tasks[task].at {
            At::Nowhere => {}
            At::Over => self.code_is_back(task),
            at => {
                if at == At::Parked && !self.is_asked_to_stop(task) {
                    self.go_on(task);
                }
                self.finish(task, None);
            }
        }
    }

    /// The attempt ends by its code's doing, or is lost.
    fn finish(&mut self, task: usize, code: Option<Code>) {
        let canceling = self.tasks[task].state == TaskState::Canceling;
        let entry = &mut self.tasks[task];
        entry.at = At::Nowhere;
        let vacating = entry.vacating.take();
        let end = match code {
            Some(Code::Complete) => return self.end(task, TaskState::Completed, None),
            Some(Code::Fail) if canceling => {
                return self.end(task, TaskState::Canceled, Some(CauseKind::Canceled));
            }
            Some(_) => TaskState::Failed,
            None => TaskState::Interrupted,
        };
        if canceling || !entry.kind.restartable {
            return self.end(task, end, None);
        }
        if let Some((to, cause)) = vacating {
            return self.again(task, to, cause, 0);
        }
        let (again, delay) = match code {
            Some(_) => {
                entry.failed += 1;
                (entry.kind.retries && entry.failed < ATTEMPTS, DELAY)
            }
            None => {
                entry.lost += 1;
                (entry.lost <= LOST, 0)
            }
        };
        match again {
            true => self.again(task, TaskState::Submitted, CauseKind::Retry, delay),
            false => self.end(task, end, None),
        }
    }

    fn quiet(&mut self, task: usize) {
        let entry = &mut self.tasks[task];
        (entry.timeout, entry.left, entry.retry, entry.grace) = (None, None, None, None);
        (entry.vacating, entry.suspending, entry.resumed) = (None, false, false);
    }

    fn end(&mut self, task: usize, state: TaskState, cause: Option<CauseKind>) {
        self.quiet(task);
        self.queue.retain(|other| *other != task);
        self.enter(task, state, cause);
    }

    fn again(&mut self, task: usize, to: TaskState, cause: CauseKind, delay: u64) {
        self.quiet(task);
        self.tasks[task].attempt += 1;
        self.enter(task, to, Some(cause));
        if delay > 0 {
            self.tasks[task].retry = self.timer(delay);
        } else if to == TaskState::Submitted && self.tasks[task].at == At::Nowhere {
            self.queue.push_back(task);
        }
    }

    /// The attempt ends whatever its code does, which then is dropped where it waits.
    fn give_up(&mut self, task: usize) {
        if self.tasks[task].at != At::Nowhere {
            self.tasks[task].at = At::Over;
        }
    }

    fn vacate_by_force(&mut self, task: usize) {
        if let Some((to, cause)) = self.tasks[task].vacating.take() {
            self.give_up(task);
            self.again(task, to, cause, 0);
        }
    }

    fn cancel(&mut self, task: usize, now: bool) {
        match self.tasks[task].state {
            TaskState::Running | TaskState::Suspended => {
                self.tasks[task].vacating = None;
                self.enter(task, TaskState::Canceling, Some(CauseKind::Canceled));
                self.tasks[task].grace = if now { None } else { self.timer(GRACE) };
            }
            TaskState::Canceling => {}
            state if state.is_terminal() => {}
            _ => self.end(task, TaskState::Canceled, Some(CauseKind::Canceled)),
        }
        if now && self.tasks[task].state == TaskState::Canceling {
            self.force(task);
        }
    }

    fn force(&mut self, task: usize) {
        self.give_up(task);
        self.end(task, TaskState::Canceled, Some(CauseKind::Forced));
    }

    /// Whether the task takes it, and otherwise whether it is over.
    fn verb(&mut self, task: usize, verb: Verb) -> Result<(), bool> {
        use TaskState::{Held, Pending, Running, Submitted, Suspended};
        let entry = &mut self.tasks[task];
        let state = entry.state;
        if state.is_terminal() || state == TaskState::Canceling {
            return Err(true);
        }
        let runs = matches!(state, Running | Suspended);
        match verb {
            Verb::Hold if state == Pending => entry.held = true,
            Verb::Hold if state == Submitted => {
                entry.retry = None;
                self.queue.retain(|other| *other != task);
                self.enter(task, Held, Some(CauseKind::Held));
            }
            Verb::Hold | Verb::Vacate | Verb::VacateNow if runs => {
                if !entry.kind.restartable {
                    return Err(false);
                }
                let fresh = entry.vacating.is_none();
                if verb == Verb::Hold {
                    entry.vacating = Some((Held, CauseKind::Held));
                } else if fresh {
                    entry.vacating = Some((Submitted, CauseKind::Vacated));
                }
                if verb == Verb::VacateNow {
                    self.vacate_by_force(task);
                } else if fresh {
                    self.tasks[task].grace = self.timer(GRACE);
                }
            }
            Verb::Hold | Verb::Vacate | Verb::VacateNow => {}
            Verb::Release => {
                entry.held = false;
                if let Some(vacating) = entry.vacating.as_mut().filter(|(to, _)| *to == Held) {
                    *vacating = (Submitted, CauseKind::Released);
                }
                if state == Held {
                    let is_there = entry.at == At::Nowhere;
                    self.enter(task, Submitted, Some(CauseKind::Released));
                    if is_there {
                        self.queue.push_back(task);
                    }
                }
            }
            Verb::Suspend | Verb::Resume => {
                entry.suspended = verb == Verb::Suspend;
                entry.suspending = entry.suspended && runs;
                entry.resumed = !entry.suspended && state == Suspended;
            }
        }
        Ok(())
    }

    fn verb_of_job(&mut self, verb: Verb) -> (usize, Vec<usize>) {
        match verb {
            Verb::Hold => self.held = true,
            Verb::Release => self.held = false,
            Verb::Suspend => self.suspended = true,
            Verb::Resume => self.suspended = false,
            Verb::Vacate | Verb::VacateNow => {}
        }
        let (mut asked, mut refused) = (0, Vec::new());
        for task in 0..self.tasks.len() {
            let state = self.tasks[task].state;
            let waits = !(state.is_terminal() || state.is_active());
            // Those that wait don't start; nobody has asked them to park when they do.
            match if verb == Verb::Suspend && waits { Ok(()) } else { self.verb(task, verb) } {
                Ok(()) => asked += 1,
                Err(true) => {}
                Err(false) => refused.push(task),
            }
        }
        (asked + refused.len(), refused)
    }

    fn advance(&mut self, by: u64) {
        let until = self.now + by;
        loop {
            let dues = self.tasks.iter().enumerate().flat_map(|(task, entry)| {
                let all = [(entry.timeout, 0), (entry.retry, 1), (entry.grace, 2)];
                all.into_iter().filter_map(move |(due, which)| Some((due?, which, task)))
            });
            let Some(((due, _), which, task)) = dues.min().filter(|((due, _), ..)| *due <= until)
            else {
                break;
            };
            self.now = due;
            match which {
                0 => {
                    self.give_up(task);
                    self.end(task, TaskState::TimedOut, None);
                }
                1 => {
                    self.tasks[task].retry = None;
                    self.queue.push_back(task);
                }
                _ => {
                    self.tasks[task].grace = None;
                    match self.tasks[task].state {
                        TaskState::Canceling => self.force(task),
                        _ => self.vacate_by_force(task),
                    }
                }
            }
        }
        self.now = until;
    }
}

type Script = Arc<Mutex<Option<Code>>>;

/// Does what it is told.
async fn plays(cx: TaskContext, script: Script) -> Result<u32, TaskError> {
    loop {
        let next = poll_fn(|_cx| match script.lock().take() {
            Some(code) => Poll::Ready(code),
            None => Poll::Pending,
        });
        match next.await {
            Code::Checkpoint => cx.checkpoint().await?,
            Code::Complete => return Ok(cx.attempt()),
            Code::Fail => return Err(TaskError::msg("failed")),
            Code::Panic => std::panic::resume_unwind(Box::new("panicked")),
        }
    }
}

struct World {
    clock: ManualClock,
    open: OpenJob,
    hand: ByHand,
    changes: EventStream<TaskStateChanged>,
    scripts: Vec<Script>,
    runs: Vec<Option<TaskRun>>,
    model: Model,
}

impl World {
    fn new() -> World {
        let clock = ManualClock::new();
        let builder = Job::builder("job").clock(clock.clock()).grace(ms(GRACE));
        let open = builder.lost_attempts(LOST).open().unwrap();
        let changes = open.task_state_changed();
        let (hand, model) = (ByHand::default(), Model::default());
        World { clock, open, hand, changes, scripts: Vec::new(), runs: Vec::new(), model }
    }

    fn apply(&mut self, op: Op) {
        let n = self.runs.len();
        match op {
            Op::Add(kind) => self.add(kind),
            Op::Submit if self.model.submitted => assert!(self.open.submit(&self.hand).is_err()),
            Op::Submit => {
                self.open.submit(&self.hand).unwrap();
                self.model.submit();
            }
            Op::Start => {
                let run = self.hand.next();
                let task = self.model.start();
                assert_eq!(run.is_some(), task.is_some(), "{run:?}, expected {task:?}");
                if let Some(task) = task {
                    self.runs[task] = run;
                }
            }
            Op::Run(task, code) => self.run(task % n, code),
            Op::Lose(task) => {
                self.runs[task % n] = None;
                self.model.lose(task % n);
            }
            Op::OfTask(task, verb) => {
                let task = task % n;
                let done = verb.of_task(&self.open, TaskId::new(task as u32));
                let expected = self.model.verb(task, verb);
                let done = done.map_err(|error| matches!(error, ControlError::Over { .. }));
                assert_eq!(done, expected, "{verb:?} of task {task}");
            }
            Op::OfJob(verb) => {
                let job = &self.open;
                let done = verb.of_job(job);
                let refused = done.refused.iter().map(|task| task.index()).collect();
                assert_eq!((done.asked, refused), self.model.verb_of_job(verb), "{verb:?}");
            }
            Op::Cancel(task, now) => {
                let id = TaskId::new((task % n) as u32);
                let done = match now {
                    true => self.open.cancel_task_now(id, ""),
                    false => self.open.cancel_task(id, ""),
                };
                done.unwrap();
                self.model.cancel(task % n, now);
            }
            Op::Advance(by) => {
                self.clock.advance(ms(by));
                self.model.advance(by);
            }
        }
        self.check(op);
    }

    fn add(&mut self, kind: Kind) {
        let script = Script::default();
        let name = self.runs.len().to_string();
        let mut task = self.open.task(name);
        if kind.timeout {
            task = task.timeout(ms(TIMEOUT));
        }
        if kind.retries && kind.restartable {
            task = task.retry(Retry::attempts(ATTEMPTS).delay(ms(DELAY)).without_jitter());
        }
        let added = match kind.restartable {
            true => task.add_with(script.clone(), plays),
            false => {
                let script = script.clone();
                task.add(|cx| plays(cx, script))
            }
        };
        drop(added.unwrap());
        self.scripts.push(script);
        self.runs.push(None);
        self.model.add(kind);
    }

    fn run(&mut self, task: usize, code: Code) {
        if self.model.tasks[task].at == At::Idle {
            *self.scripts[task].lock() = Some(code);
        }
        self.model.run(task, code);
        if let Some(run) = &mut self.runs[task] {
            // A checkpoint takes two polls, and one more if nothing happens at it.
            if (0..4).any(|_| step(run)) {
                self.runs[task] = None;
            }
        }
        let under_way = self.model.tasks[task].at != At::Nowhere;
        assert_eq!(self.runs[task].is_some(), under_way, "{:?}", self.model.tasks[task].at);
    }

    fn check(&mut self, op: Op) {
        let told = drain(&mut self.changes).into_iter().map(|change| {
            let cause = change.cause.as_ref().map(|cause| cause.kind);
            (change.task.index(), change.attempt, change.from, change.to, cause)
        });
        let expected = std::mem::take(&mut self.model.changes);
        assert_eq!(told.collect::<Vec<_>>(), expected, "after {op:?}");
        let states = |state| self.model.tasks.iter().filter(|task| task.state == state).count();
        for state in TaskState::ALL {
            assert_eq!(self.open.counts().of(state), states(state), "{state} after {op:?}");
        }
    }

    /// Nothing was forgotten: let go, all tasks end.
    fn end(mut self) {
        if !self.model.submitted {
            self.apply(Op::Submit);
        }
        self.apply(Op::OfJob(Verb::Release));
        self.apply(Op::OfJob(Verb::Resume));
        for _ in 0..4 {
            for task in 0..self.runs.len() {
                self.apply(Op::Run(task, Code::Complete));
                self.apply(Op::Run(task, Code::Complete));
            }
            while !self.model.queue.is_empty() {
                self.apply(Op::Start);
            }
            // Not longer than an attempt may run.
            self.apply(Op::Advance(DELAY));
        }
        let job = self.open.clone().close();
        assert!(job.is_ended(), "{:?}", job.counts());
        assert!(self.hand.next().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verbs_do_what_they_say_whatever_came_before(
        ops in proptest::collection::vec(op(), 1..120)
    ) {
        let mut world = World::new();
        let kind = Kind { restartable: true, retries: true, timeout: false };
        world.apply(Op::Add(kind));
        for op in ops {
            world.apply(op);
        }
        world.end();
    }
}
