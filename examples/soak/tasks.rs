//! The tasks of the soak: how they report and end, and what they say of themselves that all readers must hear.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use milepost::{Canceled, Progress, TaskContext, TaskError, TaskId, TaskReporter, TaskState};

use crate::tools::{Random, World, add, lock, pause};

/// What nobody may ever hear: it is reported by attempts that have ended.
pub(crate) const TOO_LATE: f64 = -1.0;

/// The progress of an attempt.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Last {
    pub(crate) attempt: u32,
    pub(crate) progress: Option<f64>,
    pub(crate) total: Option<f64>,
    pub(crate) message: Option<Arc<str>>,
}

impl Last {
    pub(crate) fn is_empty(&self) -> bool {
        self.progress.is_none() && self.total.is_none() && self.message.is_none()
    }
}

/// What each task had reported when it said that it was complete.
#[derive(Default)]
pub(crate) struct Truths(Mutex<HashMap<TaskId, Last>>);

impl Truths {
    pub(crate) fn tell(&self, task: TaskId, last: Last) {
        lock(&self.0).insert(task, last);
    }

    pub(crate) fn get(&self, task: TaskId) -> Option<Last> {
        lock(&self.0).get(&task).cloned()
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// Threads that work off what they are given: eight that report on tasks, two that report by clones of others' progress.
pub(crate) struct Crew {
    reporters: Sender<Work>,
    helpers: [Sender<Work>; 2],
}

impl Crew {
    /// The crew, and the threads' ends, which come once it is dropped.
    pub(crate) fn new() -> (Crew, Vec<std::thread::JoinHandle<()>>) {
        let mut threads = Vec::new();
        let mut start = |name: &str, work: &Arc<Mutex<Receiver<Work>>>| {
            let work = work.clone();
            let run = move || {
                loop {
                    let next = lock(&work).recv();
                    let Ok(work) = next else { return };
                    work();
                }
            };
            let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            threads.push(thread.expect("the system gives a thread"));
        };
        let (reporters, work) = mpsc::channel();
        let work = Arc::new(Mutex::new(work));
        (0..8).for_each(|_| start("soak-reporter", &work));
        let helpers = [0, 1].map(|_| {
            let (helper, work) = mpsc::channel();
            start("soak-helper", &Arc::new(Mutex::new(work)));
            helper
        });
        (Crew { reporters, helpers }, threads)
    }

    pub(crate) fn report(&self, work: impl FnOnce() + Send + 'static) {
        // It is there for as long as the world is.
        let _ = self.reporters.send(Box::new(work));
    }

    /// Has both helpers count `steps` each, and waits for them.
    fn help(&self, progress: &Progress, steps: u64) {
        let (done, both) = mpsc::channel::<()>();
        for helper in &self.helpers {
            let (progress, done) = (progress.clone(), done.clone());
            let work = move || {
                for n in 0..steps {
                    progress.advance(1);
                    if n % 64 == 0 {
                        progress.set_total(steps * 4);
                        progress.set_message("helped");
                    }
                }
                drop(done);
            };
            let _ = helper.send(Box::new(work));
        }
        drop(done);
        let _ = both.recv();
    }
}

fn rest(random: &mut Random) {
    match random.below(600) {
        0 => pause(Duration::from_micros(random.below(3_000))),
        1..4 => std::thread::yield_now(),
        _ => {}
    }
}

/// Works and reports; values never go down. Returns what was reported last.
pub(crate) fn work(
    world: &World,
    progress: &Progress,
    attempt: u32,
    random: &mut Random,
) -> Result<Last, Canceled> {
    let mut last = Last { attempt, ..Last::default() };
    let deaf = random.one_in(20);
    let steps = 1 + random.below(400);
    let kind = random.below(6);
    for n in 1..=steps {
        if !deaf {
            progress.check()?;
        }
        match kind {
            0 => {}
            1 | 2 => progress.set_progress(n),
            3 => progress.set_progress(n as f64 + 0.5),
            _ => progress.advance(1),
        }
        rest(random);
    }
    add(&world.counts.reports, if kind == 0 { 0 } else { steps });
    last.progress = match kind {
        0 => None,
        3 => Some(steps as f64 + 0.5),
        _ => Some(steps as f64),
    };
    if kind == 4 {
        world.crew.help(progress, steps);
        add(&world.counts.reports, 2 * steps);
        last.progress = Some(3.0 * steps as f64);
    }
    if kind == 5 && random.one_in(2) {
        // Beside a count, a value takes another way.
        progress.set_progress(steps * 5);
        last.progress = Some(5.0 * steps as f64);
    }
    if kind == 4 || random.one_in(4) {
        progress.set_total(steps * 10);
        progress.set_message(format!("{steps} done"));
        last.total = Some(steps as f64 * 10.0);
        last.message = Some(format!("{steps} done").into());
    }
    Ok(last)
}

/// A blocking attempt, which completes, fails or panics.
pub(crate) fn blocking(
    world: &World,
    truths: &Truths,
    cx: &TaskContext,
    mut random: Random,
) -> Result<u64, TaskError> {
    let fails_first = cx.attempt() == 1 && random.one_in(2);
    for _ in 0..cx.attempt() {
        random.next();
    }
    let last = work(world, cx, cx.attempt(), &mut random)?;
    match random.below(25) {
        0 => panic!("soak"),
        1 | 2 => return Err(TaskError::msg("soak")),
        _ if fails_first && random.one_in(3) => return Err(TaskError::msg("once more")),
        _ => {}
    }
    truths.tell(cx.task_id(), last);
    Ok(random.next())
}

/// An async attempt.
pub(crate) async fn polled(
    world: Arc<World>,
    truths: Arc<Truths>,
    cx: TaskContext,
    mut random: Random,
) -> Result<u64, TaskError> {
    let steps = 1 + random.below(200);
    for n in 1..=steps {
        cx.set_progress(n);
        if random.one_in(8) {
            cx.checkpoint().await?;
        }
        if random.one_in(200) {
            cx.or_canceled(nap(&world, random.below(3))).await?;
        }
    }
    add(&world.counts.reports, steps);
    if random.one_in(20) {
        return Err(TaskError::msg("soak"));
    }
    let progress = Some(steps as f64);
    truths.tell(cx.task_id(), Last { attempt: cx.attempt(), progress, ..Last::default() });
    Ok(random.next())
}

/// Sleeps on the runtime's clock, whichever thread this is polled on.
async fn nap(world: &World, ms: u64) {
    let nap = async move { tokio::time::sleep(Duration::from_millis(ms)).await };
    let _ = world.runtime.spawn(nap).await;
}

/// Reports on a task from a thread that is nobody's worker.
pub(crate) fn reported(world: &World, truths: &Truths, task: TaskReporter, mut random: Random) {
    // Errors here say that the task was canceled meanwhile, which the readers' checks see to.
    if random.one_in(3) {
        let _ = task.assigned();
    }
    if task.running().is_err() {
        return;
    }
    let progress = task.progress();
    let last = work(world, &task, task.attempt(), &mut random);
    if random.one_in(10) {
        let _ = task.suspended();
        let _ = task.running();
    }
    match (last, random.below(25)) {
        (Err(Canceled), _) => drop(task.end(TaskState::Canceled, "asked to")),
        (_, 0) => {}
        (_, 1) => drop(task.fail(TaskError::msg("soak"))),
        (_, 2) => drop(task.end(TaskState::TimedOut, "soak")),
        (Ok(last), _) => {
            truths.tell(task.id(), last);
            let _ = task.complete(random.next());
        }
    }
    // If it has not ended, this interrupts it.
    drop(task);
    progress.set_progress(TOO_LATE);
    progress.set_message("too late");
}
