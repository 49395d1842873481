//! What the ledger does with its meter: mirrors `Ledger::flush` and `Ledger::end_attempt` of `src/job/ledger`, which
//! can't be included for all that they import. The calls and their order are the same; only the telling is a list.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::base::sync::Mutex;
use crate::base::{Clock, Timer, Wakes};
use crate::checker::Side;
use crate::meter::{Meter, Owner, Progress, Reading, Rest, Signal, SlotId, Visit};

pub(crate) const WINDOW: Duration = Duration::from_millis(200);

/// How the ledger's own part differs from what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The end of an attempt tells nothing of its own.
    EndDoesNotRead,
    /// Slots that are to be read once more are let go.
    NoSecondLook,
    /// The window is closed after the marks were taken.
    ClosingAfterSweep,
}

/// A task, as far as progress goes.
#[derive(Default)]
struct Task {
    slot: Option<SlotId>,
    told: Reading,
    /// All values that were told.
    values: Vec<f64>,
    ended: bool,
}

struct Ledger {
    meter: Meter,
    signal: Arc<Signal>,
    tasks: Vec<Task>,
    flaw: Flaw,
    /// What went wrong. The model panics at its end: loom doesn't survive it while others hold locks.
    wrong: Option<&'static str>,
    /// How long a flush takes, by the clock.
    flush_takes: Duration,
    clock: Clock,
}

pub(crate) struct Job {
    pub(crate) clock: Clock,
    ledger: Mutex<Ledger>,
}

impl Job {
    pub(crate) fn new(flaw: Flaw) -> Arc<Job> {
        let clock = Clock::new();
        Arc::new_cyclic(|itself: &Weak<Job>| {
            let signal = Signal::new(clock.clone(), WINDOW, itself.clone());
            let ledger = Ledger {
                meter: Meter::default(),
                signal,
                tasks: Vec::new(),
                flaw,
                wrong: None,
                flush_takes: Duration::ZERO,
                clock: clock.clone(),
            };
            Job { clock, ledger: Mutex::new(ledger) }
        })
    }

    /// A task with the handle that reports for it.
    pub(crate) fn task(&self) -> Progress {
        let mut ledger = self.ledger.lock();
        let number = ledger.tasks.len();
        let signal = ledger.signal.clone();
        let (id, slot) = ledger.meter.attach(number as u32, &signal);
        ledger.tasks.push(Task { slot: Some(id), ..Task::default() });
        Progress::of_slot(slot)
    }

    /// Opens a window without a mark, as a change of the announced total does.
    pub(crate) fn open(&self) {
        self.ledger.lock().signal.open();
    }

    pub(crate) fn end(&self, task: usize) {
        self.ledger.lock().end_attempt(task);
    }

    pub(crate) fn tasks(&self) -> usize {
        self.ledger.lock().tasks.len()
    }

    /// The values of a task that were told, in order.
    pub(crate) fn told(&self, task: usize) -> Vec<f64> {
        self.ledger.lock().tasks[task].values.clone()
    }

    pub(crate) fn wrong(&self) -> Option<&'static str> {
        self.ledger.lock().wrong
    }

    pub(crate) fn flush_takes(&self, time: Duration) {
        self.ledger.lock().flush_takes = time;
    }

    /// Marks that nobody will look at: those that are there while no timer is armed.
    pub(crate) fn forgotten(&self) -> usize {
        let mut marked = 0;
        if self.clock.next().is_none() {
            self.ledger.lock().meter.sweep(|_, _| {
                marked += 1;
                false
            });
        }
        marked
    }

    /// A side of a race: lets some windows close, if their timers are armed.
    pub(crate) fn ring(self: &Arc<Self>, windows: usize) -> Side {
        let job = self.clone();
        Box::new(move || {
            for _ in 0..windows {
                job.clock.ring();
            }
        })
    }

    /// Lets windows close until there is quiet.
    pub(crate) fn settle(&self) {
        let windows = (0..10).take_while(|_| self.clock.ring()).count();
        assert!(windows < 10, "windows go on without reports");
    }
}

impl Owner for Job {
    fn window_closes(self: Arc<Self>, timer: Timer) {
        self.ledger.lock().flush(timer);
    }
}

impl Ledger {
    fn flush(&mut self, rung: Timer) {
        let late = self.flaw == Flaw::ClosingAfterSweep;
        if !late && !self.signal.closing(rung) {
            return;
        }
        let mut rest = Rest::Nothing;
        let Ledger { meter, tasks, flaw, flush_takes, clock, signal, wrong } = self;
        if !flush_takes.is_zero() {
            // Meanwhile a task reports that the flush comes to later, or not at all any more.
            signal.open();
            clock.pass(*flush_takes);
        }
        meter.sweep(|page, index| {
            let visit = Visit::new(page, index);
            let task = &mut tasks[visit.task() as usize];
            let reading = match visit.plain() {
                Some(value) => {
                    Reading { progress: (!value.is_nan()).then_some(value), detail: None }
                }
                None => visit.read(),
            };
            let changed = reading.is_news(&task.told);
            if changed {
                task.tell(reading, wrong);
            } else if task.values.is_empty() {
                // A task is marked by its first report, and nothing else does it here.
                *wrong = Some("a mark was taken before what it stands for was seen");
            }
            let left = visit.leave(changed);
            if left == Rest::Cooling && *flaw == Flaw::NoSecondLook {
                return false;
            }
            rest = rest.max(left);
            left != Rest::Nothing
        });
        if late && !self.signal.closing(rung) {
            return;
        }
        self.signal.closed(rung, rest);
    }

    fn end_attempt(&mut self, task: usize) {
        let task = &mut self.tasks[task];
        let Some(id) = task.slot.take() else { return };
        let Some(reading) = self.meter.end(id, &mut Wakes::default()) else { return };
        if reading.is_news(&task.told) && self.flaw != Flaw::EndDoesNotRead {
            task.tell(reading, &mut self.wrong);
        }
        task.ended = true;
    }
}

/// A side of a race: reports a value.
pub(crate) fn report(progress: &Progress, value: f64) -> Side {
    let progress = progress.clone();
    Box::new(move || progress.set_progress(value))
}

impl Task {
    fn tell(&mut self, reading: Reading, wrong: &mut Option<&'static str>) {
        if self.ended {
            *wrong = Some("something was told after the end");
        }
        self.values.extend(reading.progress);
        self.told = reading;
    }
}
