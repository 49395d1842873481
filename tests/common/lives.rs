//! Random lives of jobs: operations of all who have a part in a job, and a world that does them by a manual clock.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use milepost::{
    Event, EventStream, Job, ManualClock, NewTask, OpenJob, Retry, TaskContext, TaskError, TaskId,
    TaskReporter, TaskRun, TaskState,
};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::sample::select;

use super::{ByHand, TERMINAL, Verb, drain, lifecycle, ms, step};

const GRACE: u64 = 300;

/// What a task's code does next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Code {
    Checkpoint,
    Set(f64),
    Message(u8),
    Complete,
    Fail,
    Panic,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Report {
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
pub(crate) enum Write {
    Set(f64),
    Advance(i16),
    Total(f64),
    Unit(u8),
    Message(u8),
    Property(u8, i64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) weight: Option<f64>,
    pub(crate) unit: bool,
    pub(crate) property: bool,
    pub(crate) restartable: bool,
    pub(crate) retries: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Reporter(Kind),
    Task(Kind),
    Feed(usize),
    Expect(usize),
    Submit,
    Start,
    Run(usize, Code),
    Lose(usize),
    Report(usize, Report),
    Write(usize, Write),
    Ask(Option<usize>, Verb),
    CancelTask(usize, bool),
    CancelJob,
    Advance(u64),
    Close,
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..5i16).prop_map(f64::from),
        2 => -2.0..9.0f64,
        1 => any::<f64>(),
    ]
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    use Verb::*;
    let kind = || {
        let weight = proptest::option::of(prop_oneof![1 => Just(1.0), 1 => 0.0..7.0f64]);
        let flags = (any::<bool>(), any::<bool>(), proptest::bool::weighted(0.8), any::<bool>());
        (weight, flags).prop_map(|(weight, (unit, property, restartable, retries))| Kind {
            weight,
            unit,
            property,
            restartable,
            retries,
        })
    };
    let code = prop_oneof![
        6 => Just(Code::Checkpoint), 8 => number().prop_map(Code::Set), 3 => (0..3u8).prop_map(Code::Message),
        3 => Just(Code::Complete), 3 => Just(Code::Fail), 1 => Just(Code::Panic),
    ];
    let report = prop_oneof![
        2 => Just(Report::Assigned), 6 => Just(Report::Running), 3 => Just(Report::Suspended),
        2 => Just(Report::Held), 3 => Just(Report::Resubmitted), 2 => Just(Report::Complete),
        1 => Just(Report::Fail), 1 => select(&TERMINAL[..]).prop_map(Report::End),
        2 => select(&TaskState::ALL[..]).prop_map(Report::Observed), 1 => Just(Report::Drop),
    ];
    let write = prop_oneof![
        5 => number().prop_map(Write::Set),
        2 => (-1..4i16).prop_map(Write::Advance),
        2 => number().prop_map(Write::Total),
        2 => (0..3u8).prop_map(Write::Unit),
        2 => (0..3u8).prop_map(Write::Message),
        2 => (0..3u8, any::<i64>()).prop_map(|(name, value)| Write::Property(name, value)),
    ];
    let verb = select(&[Hold, Release, Release, Suspend, Resume, Resume, Vacate, VacateNow][..]);
    let time = prop_oneof![3 => 1..60u64, 4 => Just(200), 2 => 60..450u64];
    prop_oneof![
        5 => kind().prop_map(Op::Reporter),
        5 => kind().prop_map(Op::Task),
        1 => (0..5usize).prop_map(Op::Feed),
        2 => (0..12usize).prop_map(Op::Expect),
        2 => Just(Op::Submit),
        8 => Just(Op::Start),
        16 => (any::<usize>(), code).prop_map(|(task, code)| Op::Run(task, code)),
        1 => any::<usize>().prop_map(Op::Lose),
        12 => (any::<usize>(), report).prop_map(|(task, report)| Op::Report(task, report)),
        18 => (any::<usize>(), write).prop_map(|(task, write)| Op::Write(task, write)),
        5 => (proptest::option::weighted(0.7, any::<usize>()), verb).prop_map(|(task, verb)| Op::Ask(task, verb)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(task, now)| Op::CancelTask(task, now)),
        12 => time.prop_map(Op::Advance),
    ]
}

pub(crate) type Script = Arc<Mutex<Option<Code>>>;

/// Does what it is told.
async fn plays(cx: TaskContext, script: Script) -> Result<(), TaskError> {
    loop {
        let next = poll_fn(|_cx| match script.lock().take() {
            Some(code) => Poll::Ready(code),
            None => Poll::Pending,
        });
        match next.await {
            Code::Checkpoint => cx.checkpoint().await?,
            Code::Set(value) => cx.progress().set_progress(value),
            Code::Message(n) => cx.progress().set_message(format!("message {n}")),
            Code::Complete => return Ok(()),
            Code::Fail => return Err(TaskError::msg("failed\n\u{0}\"\u{1F600}")),
            Code::Panic => std::panic::resume_unwind(Box::new("panicked")),
        }
    }
}

pub(crate) struct World {
    pub(crate) open: Option<OpenJob>,
    pub(crate) job: Job,
    pub(crate) clock: ManualClock,
    pub(crate) hand: ByHand,
    pub(crate) told: EventStream<Event>,
    pub(crate) events: Vec<Event>,
    pub(crate) reporters: Vec<Option<TaskReporter>>,
    pub(crate) runs: Vec<(TaskRun, Option<Script>)>,
    pub(crate) scripts: Vec<Script>,
}

impl World {
    pub(crate) fn new(n: usize) -> World {
        let clock = ManualClock::new();
        let builder = Job::builder(format!("job {n}")).clock(clock.clock()).grace(ms(GRACE));
        let builder = builder.property("purpose", "to be logged").lost_attempts(1);
        let open = builder.open().unwrap();
        let (job, told) = (open.job(), open.events());
        let (hand, events, reporters) = (ByHand::default(), Vec::new(), Vec::new());
        let (runs, scripts) = (Vec::new(), Vec::new());
        World { open: Some(open), job, clock, hand, told, events, reporters, runs, scripts }
    }

    /// Does it if that can be done now: what is refused is not the matter here.
    pub(crate) fn apply(&mut self, op: Op) {
        match op {
            Op::Reporter(kind) => {
                let mut task = self.job.task(format!("reported {}", self.reporters.len()));
                if let Some(weight) = kind.weight {
                    task = task.weight(weight);
                }
                if kind.unit {
                    task = task.unit("bytes");
                }
                if kind.property {
                    task = task.property("gpus", 2);
                }
                self.reporters.extend(task.reporter().ok().map(Some));
            }
            Op::Task(kind) => self.add(kind),
            Op::Feed(n) => {
                let Some(open) = &self.open else { return };
                let scripts: Vec<Script> = (0..n).map(|_| Script::default()).collect();
                self.scripts.extend(scripts.iter().cloned());
                let tasks = scripts.into_iter().enumerate();
                open.feed(
                    tasks
                        .map(|(n, script)| NewTask::future_with(format!("fed {n}"), script, plays)),
                    2,
                );
            }
            Op::Expect(n) => {
                if let Some(open) = &self.open {
                    open.expect(n);
                }
            }
            Op::Submit => _ = self.job.submit(&self.hand),
            Op::Start => self.runs.extend(self.hand.next().map(|run| (run, None))),
            Op::Run(n, code) => self.run(n, code),
            Op::Lose(n) if !self.runs.is_empty() => {
                let n = n % self.runs.len();
                drop(self.runs.remove(n));
            }
            Op::Report(n, report) => self.report(n, report),
            Op::Write(n, write) => self.write(n, write),
            Op::Ask(None, verb) => _ = verb.of_job(&self.job),
            Op::Ask(Some(n), verb) => _ = verb.of_task(&self.job, self.task(n)),
            Op::CancelTask(n, true) => _ = self.job.cancel_task_now(self.task(n), "enough"),
            Op::CancelTask(n, false) => _ = self.job.cancel_task(self.task(n), "enough"),
            Op::CancelJob => self.job.cancel("all of it"),
            Op::Advance(by) => self.clock.advance(ms(by)),
            Op::Close => drop(self.open.take()),
            Op::Lose(_) => {}
        }
    }

    fn task(&self, n: usize) -> TaskId {
        TaskId::new((n % 8) as u32)
    }

    fn add(&mut self, kind: Kind) {
        let script = Script::default();
        let mut task = self.job.task(format!("run {}", self.scripts.len()));
        if let Some(weight) = kind.weight {
            task = task.weight(weight);
        }
        if kind.unit {
            task = task.unit("pages");
        }
        if kind.retries && kind.restartable {
            task = task.retry(Retry::attempts(3).delay(ms(70)).without_jitter());
        }
        let added = match kind.restartable {
            true => task.add_with(script.clone(), plays),
            false => {
                let script = script.clone();
                task.add(|cx| plays(cx, script))
            }
        };
        drop(added);
        self.scripts.push(script);
    }

    fn run(&mut self, n: usize, code: Code) {
        if self.runs.is_empty() {
            return;
        }
        let n = n % self.runs.len();
        // Whichever waits takes it.
        self.scripts.iter().for_each(|script| *script.lock() = Some(code));
        if (0..4).any(|_| step(&mut self.runs[n].0)) {
            drop(self.runs.remove(n));
        }
    }

    fn report(&mut self, n: usize, report: Report) {
        if self.reporters.is_empty() {
            return;
        }
        let n = n % self.reporters.len();
        let Some(task) = &mut self.reporters[n] else { return };
        _ = match report {
            Report::Assigned => task.assigned(),
            Report::Running => task.running(),
            Report::Suspended => task.suspended(),
            Report::Held => task.held("for lunch"),
            Report::Resubmitted => task.resubmitted("again"),
            Report::Complete => task.complete(1),
            Report::Fail => task.fail(TaskError::msg("no space")),
            Report::End(state) => task.end(state, "it says"),
            Report::Observed(state) => task.observed(state),
            Report::Drop => {
                self.reporters[n] = None;
                Ok(())
            }
        };
    }

    fn write(&mut self, n: usize, write: Write) {
        if self.reporters.is_empty() {
            return;
        }
        let n = n % self.reporters.len();
        let Some(task) = &self.reporters[n] else { return };
        match write {
            Write::Set(value) => task.set_progress(value),
            Write::Advance(by) => task.advance(by),
            Write::Total(total) => task.set_total(total),
            Write::Unit(unit) => task.set_unit(["bytes", "pages", "words"][usize::from(unit)]),
            Write::Message(n) => task.set_message(format!("message {n}")),
            Write::Property(name, value) => {
                task.set_property(["a", "b", "c"][usize::from(name)], value)
            }
        }
    }

    pub(crate) fn listen(&mut self) {
        self.events.extend(lifecycle(drain(&mut self.told)));
    }
}
