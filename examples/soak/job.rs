//! One job of the soak, from its making to the checks after its end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use milepost::{EventStream, History, Job, NewTask, OpenJob, Retry, TaskId};

use crate::readers::{Reader, Through, Way};
use crate::seen::{From, Readable, Seen};
use crate::tasks::{Truths, blocking, polled, reported};
use crate::tools::{Random, World, add, lock};

/// Nothing here takes that long, unless something hangs.
const LONG: Duration = Duration::from_secs(100);

struct Run {
    world: Arc<World>,
    name: String,
    job: Job,
    all: bool,
    random: Random,
    truths: Arc<Truths>,
    through: Sender<Through>,
    readers: Vec<String>,
}

/// Makes the job of this number, has it run, and checks what its readers have seen.
pub(crate) fn run(world: &Arc<World>, seed: u64, number: u64) {
    let mut random = Random::new(seed ^ number << 20);
    let all = !random.one_in(4);
    let mut builder = Job::builder(format!("soak {number}"))
        .grace(Duration::from_millis(random.below(40)))
        .history(if all { History::All } else { History::Unread });
    if random.one_in(2) {
        builder = builder.window(Duration::from_millis(1 + random.below(9)));
    }
    let open = builder.open().expect("the settings make sense");
    let name = format!("job {number} ({:?})", open.id());
    lock(&world.live).push((number, open.id()));
    let (through, ends) = mpsc::channel();
    let (world, truths) = (world.clone(), Arc::<Truths>::default());
    let mut run =
        Run { world, name, job: open.job(), all, random, truths, through, readers: Vec::new() };
    run.subscribe_first();
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    run.job.on_task_completed(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    run.fill(open);
    run.wait();
    run.subscribe_late("after the end");
    run.check(ends, &called);
    lock(&run.world.live).retain(|(live, _)| *live != number);
}

impl Run {
    fn wrong(&self, what: &str) {
        self.world.wrong(format!("{}: {what}", self.name));
    }

    fn reader<E: Readable>(
        &mut self,
        way: Way,
        kind: &str,
        from: From,
        stream: EventStream<E>,
        reads_progress: bool,
    ) {
        let slow = self.random.one_in(2);
        let leaves = self.random.one_in(6).then(|| self.random.below(500));
        // The first one is what the others are held against.
        let first = self.readers.is_empty();
        let (slow, leaves) = if first { (false, None) } else { (slow, leaves) };
        let kind = format!("{kind} #{} ({way:?}, slow: {slow})", self.readers.len());
        let seen = Seen::new::<E>(&self.world, format!("{}, {kind}", self.name), from);
        self.readers.push(seen.name.clone());
        let reader = Reader {
            world: self.world.clone(),
            seen,
            random: Random::new(self.random.next()),
            slow,
            leaves,
            reads_progress,
        };
        reader.start(way, stream, self.through.clone());
    }

    fn subscribe_first(&mut self) {
        let job = self.job.clone();
        self.reader(Way::Async, "events", From::First, job.events(), true);
        let ways = [0; 8].map(|_| Way::any(&mut self.random));
        let from = From::First;
        self.reader(ways[0], "events", from, job.events(), true);
        self.reader(ways[1], "task_state_changed", from, job.task_state_changed(), false);
        self.reader(ways[2], "task_completed", from, job.task_completed(), false);
        self.reader(ways[3], "job_completed", from, job.job_completed(), false);
        for way in &ways[4..6] {
            let stream = job.task_progress_updated();
            self.reader(*way, "task_progress_updated", from, stream, true);
        }
        for way in &ways[6..8] {
            let stream = job.progress_windows();
            self.reader(*way, "progress_windows", from, stream, true);
        }
        if self.random.one_in(4) {
            let mut outputs = job.outputs::<u64>(8);
            self.world.runtime.spawn(async move { while outputs.next().await.is_some() {} });
        }
    }

    fn subscribe_late(&mut self, when: &str) {
        let job = self.job.clone();
        let from = if self.all { From::First } else { From::Retained };
        let ways = [0; 5].map(|_| Way::any(&mut self.random));
        let kind = |kind| format!("{kind} {when}");
        self.reader(ways[0], &kind("events"), from, job.events(), true);
        let stream = job.task_completed();
        self.reader(ways[1], &kind("task_completed"), from, stream, false);
        let stream = job.task_progress_updated();
        self.reader(ways[2], &kind("task_progress_updated"), from, stream, self.all);
        let stream = job.progress_windows();
        self.reader(ways[3], &kind("progress_windows"), from, stream, self.all);
        let (snapshot, stream) = job.snapshot_and_events();
        let after = From::After(snapshot.seq);
        self.reader(ways[4], &kind("snapshot_and_events"), after, stream, false);
    }

    /// Adds tasks of all kinds, with cancellations and late readers in between, and closes the job.
    fn fill(&mut self, open: OpenJob) {
        let tasks = 20 + self.random.below(600);
        let submit_at = self.random.below(tasks);
        let late_at = self.random.below(tasks);
        let scheduler = self.world.schedulers[self.random.below(2) as usize].clone();
        for n in 0..tasks {
            if n == submit_at && open.submit(&scheduler).is_err() && !open.is_ended() {
                // It may have been canceled before.
                break;
            }
            if n == late_at {
                self.subscribe_late("midway");
            }
            self.add_task(&open, n);
            self.meddle(n + 1);
        }
        if self.random.one_in(5) {
            let (world, truths, seed) =
                (self.world.clone(), self.truths.clone(), self.random.next());
            let more = (0..100u64).map(move |n| {
                let (world, truths) = (world.clone(), truths.clone());
                let random = Random::new(seed + n);
                NewTask::blocking(format!("fed {n}"), move |cx| {
                    blocking(&world, &truths, &cx, random)
                })
            });
            open.feed(more, 10);
        }
        drop(open.close());
    }

    fn add_task(&mut self, open: &OpenJob, n: u64) {
        let (world, truths) = (self.world.clone(), self.truths.clone());
        let random = Random::new(self.random.next());
        let again = random.clone();
        let name = n.to_string();
        // A job that was canceled takes no more.
        match self.random.below(12) {
            0..5 => {
                let Ok(task) = open.reporter(name) else { return };
                let crew = &self.world.crew;
                crew.report(move || reported(&world, &truths, task, random));
            }
            5 => {
                let Ok(task) = open.reporter(name) else { return };
                let run =
                    move || drop(task.run_blocking(|cx| blocking(&world, &truths, &cx, random)));
                self.world.crew.report(run);
            }
            6 | 7 => {
                drop(open.add_blocking(name, move |cx| blocking(&world, &truths, &cx, random)));
            }
            8 => {
                let task = open.task(name).retry(Retry::attempts(3));
                drop(task.add_blocking_with((), move |cx, ()| {
                    blocking(&world, &truths, &cx, again.clone())
                }));
            }
            9 => drop(open.add(name, move |cx| polled(world, truths, cx, random))),
            10 => {
                let task = open.task(name).timeout(Duration::from_millis(1 + self.random.below(4)));
                drop(task.add(move |cx| polled(world, truths, cx, random)));
            }
            _ => {
                let (job, ms) = (open.job(), self.random.below(40));
                let there = world.clone();
                let task = async move {
                    let run = job.run(name, |cx| polled(world, truths, cx, random));
                    // The caller may lose patience.
                    drop(tokio::time::timeout(Duration::from_millis(ms), run).await);
                };
                spawn(&there, task);
            }
        }
    }

    /// Now and then, cancels a task or the whole job.
    fn meddle(&mut self, tasks: u64) {
        let task = TaskId::new(self.random.below(tasks) as u32);
        match self.random.below(4_000) {
            0..40 => drop(self.job.cancel_task(task, "soak")),
            40..80 => drop(self.job.cancel_task_now(task, "soak")),
            80 => self.job.cancel("soak"),
            81 => self.job.cancel_now("soak"),
            _ => {}
        }
    }

    fn wait(&mut self) {
        let (mut random, job) = (Random::new(self.random.next()), self.job.clone());
        let cancels = random.one_in(6).then(|| random.below(20));
        let mut looks = 0;
        let look = move |_: &Job| {
            looks += 1;
            match cancels {
                Some(at) if at == looks && random.one_in(2) => job.cancel("soak"),
                Some(at) if at == looks => job.cancel_now("soak"),
                _ => {}
            }
        };
        let wait = self.job.wait_until_done().timeout(LONG).every(Duration::from_millis(5), look);
        let summary = wait.blocking().expect("nothing needs this thread");
        if !summary.state.is_terminal() {
            self.wrong(&format!("it doesn't end: {summary:?}, {:?}", self.job.snapshot()));
        }
        add(&self.world.counts.jobs, 1);
        add(&self.world.counts.tasks, summary.counts.total() as u64);
        add(&self.world.counts.completed, summary.counts.completed() as u64);
    }

    fn check(&mut self, ends: mpsc::Receiver<Through>, called: &AtomicUsize) {
        let mut through: Vec<Through> = Vec::new();
        while through.len() < self.readers.len() {
            match ends.recv_timeout(LONG) {
                Ok(reader) => through.push(reader),
                Err(_) => {
                    let is_through = |name: &&String| through.iter().any(|t| t.seen.name == **name);
                    let missing: Vec<_> =
                        self.readers.iter().filter(|name| !is_through(name)).collect();
                    return self.wrong(&format!("readers that don't end: {missing:?}"));
                }
            }
        }
        let Some(first) = through.iter().find(|reader| reader.seen.name == self.readers[0]) else {
            return self.wrong("the first reader is not there");
        };
        let (tasks, last_seq) = (self.job.counts().total(), self.job.last_seq());
        first.seen.check_job(tasks, last_seq, &self.truths);
        for reader in through.iter().filter(|reader| !reader.left) {
            reader.seen.check(&first.seen, reader.reads_progress);
        }
        let called = called.load(Ordering::Relaxed);
        if called != tasks {
            self.wrong(&format!("{called} calls of a callback for {tasks} tasks"));
        }
    }
}

fn spawn(world: &World, task: impl Future<Output = ()> + Send + 'static) {
    drop(world.runtime.spawn(task));
}
