//! Environments: set up once and shared by tasks one after the other, torn down once, and what becomes of tasks whose
//! environment fails.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

#[cfg(feature = "local")]
use common::within;
use common::{ByHand, Inline, ms};
#[cfg(feature = "local")]
use milepost::LocalScheduler;
use milepost::{
    AddError, Environment, Environments, FailureKind, Job, JobState, ManualClock, NewTask, Retry,
    Scheduler, TaskError, TaskHandle, TaskQueue, TaskState,
};
use parking_lot::{Condvar, Mutex};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    set_up: usize,
    torn_down: usize,
    dropped: usize,
}

const fn counts(set_up: usize, torn_down: usize) -> Counts {
    Counts { set_up, torn_down, dropped: torn_down }
}

/// Counts what becomes of instances.
#[derive(Default)]
struct Log(Mutex<Counts>, Condvar);

impl Log {
    fn note(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock());
        self.1.notify_all();
    }

    fn get(&self) -> Counts {
        *self.0.lock()
    }

    /// Waits until the counts are as `wanted`.
    fn wait_for(&self, wanted: Counts) {
        let mut counts = self.0.lock();
        while *counts != wanted {
            let timed_out = self.1.wait_for(&mut counts, Duration::from_secs(30)).timed_out();
            assert!(!timed_out, "{:?} instead of {wanted:?}", *counts);
        }
    }
}

/// What is set up: it notices if two tasks have it at the same time.
struct Instance {
    number: usize,
    busy: AtomicBool,
    log: Arc<Log>,
}

impl Instance {
    fn new(log: &Arc<Log>) -> Instance {
        let mut number = 0;
        log.note(|counts| {
            counts.set_up += 1;
            number = counts.set_up;
        });
        Instance { number, busy: AtomicBool::new(false), log: log.clone() }
    }

    fn serve<R>(&self, serve: impl FnOnce() -> R) -> R {
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two tasks have the same instance");
        let result = serve();
        self.busy.store(false, Ordering::SeqCst);
        result
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.log.note(|counts| counts.dropped += 1);
    }
}

fn log_teardown(instance: &Instance) {
    instance.log.note(|counts| counts.torn_down += 1);
}

fn blocking() -> (Environment<Instance>, Arc<Log>) {
    let log = Arc::new(Log::default());
    let there = log.clone();
    let environment =
        Environment::blocking("db", move || Ok(Instance::new(&there))).teardown(log_teardown);
    (environment, log)
}

fn future() -> (Environment<Instance>, Arc<Log>) {
    let log = Arc::new(Log::default());
    let there = log.clone();
    let set_up = move || {
        let log = there.clone();
        async move {
            yield_now().await;
            Ok(Instance::new(&log))
        }
    };
    (Environment::future("db", set_up).teardown(log_teardown), log)
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// A scheduler that keeps environments, and runs tasks where they become ready.
#[derive(Clone, Default)]
struct Keeps(Arc<Environments>);

impl Scheduler for Keeps {
    fn ready(&self, queue: TaskQueue) {
        Inline.ready(queue);
    }

    fn environments(&self) -> Option<&Environments> {
        Some(&self.0)
    }
}

/// The same, with tasks taken by hand.
#[derive(Clone, Default)]
struct KeepsByHand(ByHand, Arc<Environments>);

impl Scheduler for KeepsByHand {
    fn ready(&self, queue: TaskQueue) {
        self.0.ready(queue);
    }

    fn environments(&self) -> Option<&Environments> {
        Some(&self.1)
    }
}

/// Adds a task that returns the number of its instance.
fn add(job: &Job, environment: &Environment<Instance>) -> TaskHandle<usize> {
    job.task("task")
        .environment(environment)
        .add_blocking(|cx| {
            let instance = cx.environment::<Instance>()?;
            Ok(instance.serve(|| instance.number))
        })
        .unwrap()
}

/// The states that a task went through.
fn states(job: &Job, task: usize) -> Vec<TaskState> {
    let changes = common::drain(&mut job.task_state_changed());
    changes.iter().filter(|change| change.task.index() == task).map(|change| change.to).collect()
}

#[test]
fn an_environment_is_set_up_once_for_tasks_one_after_the_other() {
    for (environment, log) in [blocking(), future()] {
        let keeps = Keeps::default();
        for _ in 0..2 {
            // The second job finds what the first one has left.
            let job = Job::new("job");
            let tasks: Vec<_> = (0..20).map(|_| add(&job, &environment)).collect();
            job.submit(&keeps).unwrap();
            assert_eq!(job.state(), JobState::Completed);
            assert!(tasks.into_iter().all(|task| *task.output().unwrap() == 1));
        }
        let job = Job::builder("fed").open().unwrap();
        let environment = environment.clone();
        let task = move |n: u32| {
            let task =
                NewTask::future(n.to_string(), async |cx| Ok(cx.environment::<Instance>()?.number));
            task.environment(&environment)
        };
        job.feed((0..20).map(task), 3);
        job.submit(&keeps).unwrap();
        assert_eq!(job.close().state(), JobState::Completed);
        assert_eq!(log.get(), counts(1, 0));
        drop(keeps);
        log.wait_for(counts(1, 1));
    }
}

#[cfg(feature = "local")]
#[test]
fn there_are_no_more_instances_than_workers() {
    within(|| {
        for (environment, log) in [blocking(), future()] {
            let scheduler = LocalScheduler::new(3).unwrap();
            let jobs = ["a", "b"].map(Job::new);
            // The first three wait for each other, each with an instance.
            let gate = Arc::new(std::sync::Barrier::new(3));
            for _ in 0..3 {
                let gate = gate.clone();
                let wait = move |_cx| Ok(gate.wait().is_leader());
                jobs[0].task("wait").environment(&environment).add_blocking(wait).unwrap();
            }
            for job in &jobs {
                for n in 0..40 {
                    let name = n.to_string();
                    let builder = job.task(name).environment(&environment);
                    let added = if n % 2 == 0 {
                        builder.add(async |cx| {
                            let instance = cx.environment::<Instance>()?;
                            assert!(!instance.busy.swap(true, Ordering::SeqCst));
                            yield_now().await;
                            instance.busy.store(false, Ordering::SeqCst);
                            Ok(())
                        })
                    } else {
                        builder.add_blocking(|cx| {
                            let instance = cx.environment::<Instance>()?;
                            Ok(instance.serve(std::thread::yield_now))
                        })
                    };
                    added.unwrap();
                }
                job.submit(&scheduler).unwrap();
            }
            for job in &jobs {
                job.wait_until_done().blocking().unwrap().ok().unwrap();
            }
            assert_eq!(log.get(), counts(3, 0));
            scheduler.shutdown().blocking();
            assert_eq!(log.get(), counts(3, 3));
        }
    });
}

#[test]
fn without_a_store_each_task_has_its_own() {
    let (environment, log) = blocking();
    let job = Job::new("job");
    let tasks: Vec<_> = (0..3).map(|_| add(&job, &environment)).collect();
    job.submit(&Inline).unwrap();
    let numbers: Vec<_> = tasks.into_iter().map(|task| *task.output().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    log.wait_for(counts(3, 3));
}

#[test]
fn async_tasks_may_have_blocking_setups_and_the_other_way_round() {
    for ((environment, _log), is_blocking) in [(blocking(), true), (future(), false)] {
        let keeps = KeepsByHand::default();
        let job = Job::new("job");
        job.task("async")
            .environment(&environment)
            .add(async |cx| {
                yield_now().await;
                Ok(cx.environment::<Instance>()?.number)
            })
            .unwrap();
        add(&job, &environment);
        job.submit(&keeps).unwrap();
        let run = keeps.0.next().unwrap();
        assert_eq!(run.is_blocking(), is_blocking, "it may be run on a thread that may not block");
        assert!(!run.run_blocking());
        let run = keeps.0.next().unwrap();
        assert!(run.is_blocking());
        assert!(!run.run_blocking());
        assert_eq!(job.state(), JobState::Completed);
    }
}

#[test]
fn a_task_is_assigned_while_its_environment_is_set_up() {
    let (environment, _log) = future();
    let keeps = KeepsByHand::default();
    let job = Job::new("job");
    let task = add(&job, &environment);
    job.submit(&keeps).unwrap();
    let mut run = keeps.0.next().unwrap();
    assert_eq!((task.state(), job.state()), (TaskState::Assigned, JobState::Submitted));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(std::pin::Pin::new(&mut run).poll(&mut cx).is_pending());
    assert_eq!(task.state(), TaskState::Assigned);
    assert!(!run.run_blocking());
    let expected =
        [TaskState::Submitted, TaskState::Assigned, TaskState::Running, TaskState::Completed];
    assert_eq!(states(&job, 0), expected);
}

#[test]
fn an_instance_is_torn_down_after_as_many_tasks_as_it_may_serve() {
    let (environment, log) = blocking();
    let keeps = Keeps::default();
    let job = Job::new("job");
    let environment = environment.max_tasks(3);
    let tasks: Vec<_> = (0..10).map(|_| add(&job, &environment)).collect();
    job.submit(&keeps).unwrap();
    let numbers: Vec<_> = tasks.into_iter().map(|task| *task.output().unwrap()).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]);
    log.wait_for(counts(4, 3));
}

#[test]
fn an_instance_is_torn_down_after_its_idle_time() {
    let (environment, log) = blocking();
    let keeps = Keeps::default();
    let clock = ManualClock::new();
    let run = |environment: &Environment<Instance>| {
        let job = Job::builder("job").clock(clock.clock()).build().unwrap();
        let task = add(&job, environment);
        job.submit(&keeps).unwrap();
        *task.output().unwrap()
    };
    assert_eq!(run(&environment), 1);
    clock.advance(ms(59_999));
    assert_eq!(run(&environment), 1, "the time counts from the last task");
    clock.advance(ms(59_999));
    assert_eq!(log.get(), counts(1, 0));
    clock.advance(ms(1));
    assert_eq!(log.get(), counts(1, 1));
    let environment = environment.idle(ms(5));
    assert_eq!(run(&environment), 2);
    clock.advance(ms(4));
    assert_eq!(log.get(), counts(2, 1));
    clock.advance(ms(1));
    assert_eq!(log.get(), counts(2, 2));
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(log.get(), counts(2, 2));
}

#[test]
fn teardown_never_keeps_the_ticker() {
    let (environment, log) = blocking();
    let thread = Arc::new(Mutex::new(String::new()));
    let there = thread.clone();
    let environment = environment.idle(Duration::ZERO).teardown(move |instance| {
        *there.lock() = std::thread::current().name().unwrap_or_default().to_owned();
        log_teardown(instance);
    });
    let job = Job::new("job");
    let task = add(&job, &environment);
    let keeps = Keeps::default();
    job.submit(&keeps).unwrap();
    assert_eq!(*task.output().unwrap(), 1);
    log.wait_for(counts(1, 1));
    assert_eq!(*thread.lock(), "milepost-worker");
}

#[test]
fn an_instance_in_use_is_not_idle() {
    let (environment, log) = blocking();
    let keeps = Keeps::default();
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).build().unwrap();
    add(&job, &environment);
    let (advance, counted) = (clock.clone(), log.clone());
    let long = job.task("long").environment(&environment).add_blocking(move |_cx| {
        advance.advance(Duration::from_secs(3_600));
        Ok(counted.get())
    });
    job.submit(&keeps).unwrap();
    assert_eq!(*long.unwrap().output().unwrap(), counts(1, 0));
}

/// A setup that fails the first time, by an error or a panic.
fn fails_first(log: &Arc<Log>, panics: bool, is_async: bool) -> Environment<Instance> {
    let (log, failed) = (log.clone(), Arc::new(AtomicBool::new(false)));
    let set_up = move || match failed.swap(true, Ordering::SeqCst) {
        true => Ok(Instance::new(&log)),
        false if panics => panic!("no route to host"),
        false => Err(TaskError::msg("no route to host")),
    };
    let environment = if is_async {
        Environment::future("db", move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&set_up));
            async { result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) }
        })
    } else {
        Environment::blocking("db", set_up)
    };
    environment.teardown(log_teardown)
}

#[test]
fn a_setup_that_fails_ends_its_task_and_no_other() {
    for (panics, is_async) in [(false, false), (false, true), (true, false), (true, true)] {
        let log = Arc::new(Log::default());
        let environment = fails_first(&log, panics, is_async);
        let job = Job::new("job");
        let mut completed = job.task_completed();
        let first = job
            .task("first")
            .environment(&environment)
            .retry(Retry::attempts(3))
            .add_blocking_with((), |_cx, ()| Ok(()))
            .unwrap();
        let plain = job.add_blocking("plain", |_cx| Ok(7)).unwrap();
        let second = add(&job, &environment);
        job.submit(&Keeps::default()).unwrap();

        assert_eq!(*plain.output().unwrap(), 7);
        assert_eq!(*second.output().unwrap(), 1);
        let failed = first.output().unwrap_err();
        assert_eq!((failed.state, failed.attempts), (TaskState::EnvironmentError, 1));
        let told = completed.try_recv().unwrap();
        assert_eq!((&*told.name, told.state), ("first", TaskState::EnvironmentError));
        let error = told.error.unwrap();
        assert_eq!(error.kind, FailureKind::Environment);
        assert_eq!(&*error.message, "no route to host");
        assert_eq!(error.error().is_some(), !panics);
        assert_eq!(job.counts().of(TaskState::EnvironmentError), 1);
        assert_eq!((job.counts().failed(), job.counts().completed()), (1, 2));
        assert_eq!(job.state(), JobState::Failed);
        let expected = [TaskState::Submitted, TaskState::Assigned, TaskState::EnvironmentError];
        assert_eq!(states(&job, 0), expected);
        log.wait_for(counts(1, 1));
    }
}

#[test]
fn panics_in_teardown_and_drop_are_contained() {
    struct Bomb(Arc<Log>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.note(|counts| counts.dropped += 1);
            panic!("while dropping");
        }
    }
    let log = Arc::new(Log::default());
    let there = log.clone();
    let environment = Environment::blocking("bomb", move || {
        there.note(|counts| counts.set_up += 1);
        Ok(Bomb(there.clone()))
    })
    .teardown(|bomb| {
        bomb.0.note(|counts| counts.torn_down += 1);
        panic!("while tearing down");
    })
    .max_tasks(1);
    let (keeps, clock) = (Keeps::default(), ManualClock::new());
    for environment in [environment.clone(), environment.max_tasks(2)] {
        let job = Job::builder("job").clock(clock.clock()).build().unwrap();
        for n in 0..3 {
            let task = job.task(n.to_string()).environment(&environment);
            task.add_blocking(|cx| Ok(cx.environment::<Bomb>().is_ok())).unwrap();
        }
        job.submit(&keeps).unwrap();
        assert_eq!(job.counts().completed(), 3);
    }
    log.wait_for(counts(5, 4));
    // On this thread.
    clock.advance(Duration::from_secs(60));
    assert_eq!(log.get(), counts(5, 5));
}

#[test]
fn an_instance_whose_task_panicked_is_torn_down_and_one_whose_task_failed_is_not() {
    let (environment, log) = blocking();
    let job = Job::new("job");
    add(&job, &environment);
    let task = |name| job.task(name).environment(&environment);
    task("fails").add_blocking(|_cx| -> Result<(), _> { Err(TaskError::msg("no")) }).unwrap();
    let after_failure = add(&job, &environment);
    task("panics").add_blocking(|_cx| -> Result<(), _> { panic!("no") }).unwrap();
    let after_panic = add(&job, &environment);
    let keeps = Keeps::default();
    job.submit(&keeps).unwrap();
    assert_eq!(*after_failure.output().unwrap(), 1);
    assert_eq!(*after_panic.output().unwrap(), 2);
    log.wait_for(counts(2, 1));
}

#[test]
fn each_attempt_has_an_environment() {
    let (environment, log) = blocking();
    let job = Job::new("job");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let task = job
        .task("flaky")
        .environment(&environment)
        .retry(Retry::attempts(3))
        .add_blocking_with(seen.clone(), |cx, seen| {
            seen.lock().push(cx.environment::<Instance>()?.number);
            match cx.attempt() {
                1 => Err(TaskError::msg("once")),
                2 => panic!("twice"),
                n => Ok(n),
            }
        })
        .unwrap();
    let keeps = Keeps::default();
    job.submit(&keeps).unwrap();
    assert_eq!(*task.output().unwrap(), 3);
    assert_eq!(*seen.lock(), [1, 1, 2]);
    use TaskState::*;
    let each = [Submitted, Assigned, Running];
    assert_eq!(states(&job, 0), [&each[..], &each, &each, &[Completed]].concat());
    log.wait_for(counts(2, 1));
}

#[test]
fn the_timeout_counts_from_running_only() {
    let clock = ManualClock::new();
    let log = Arc::new(Log::default());
    let (slow, there) = (clock.clone(), log.clone());
    let environment = Environment::blocking("db", move || {
        slow.advance(ms(999));
        Ok(Instance::new(&there))
    })
    .teardown(log_teardown);
    let job = Job::builder("job").clock(clock.clock()).build().unwrap();
    let task = |advances: u64| {
        let clock = clock.clone();
        job.task("task")
            .environment(&environment)
            .timeout(Duration::from_secs(1))
            .add_blocking(move |_cx| Ok(clock.advance(ms(advances))))
            .unwrap()
    };
    let (short, long) = (task(999), task(1_001));
    let keeps = Keeps::default();
    job.submit(&keeps).unwrap();
    assert_eq!(short.state(), TaskState::Completed);
    assert_eq!(long.state(), TaskState::TimedOut);
    // The one that was abandoned may have left it in any state.
    log.wait_for(counts(1, 1));
}

#[test]
fn a_task_that_is_canceled_during_setup_ends_after_it_and_leaves_the_instance() {
    let log = Arc::new(Log::default());
    let cancel = Arc::new(Mutex::new(None::<Job>));
    let (there, canceled) = (log.clone(), cancel.clone());
    let environment = Environment::blocking("db", move || {
        if let Some(job) = canceled.lock().take() {
            job.cancel("changed my mind");
            assert_eq!(job.counts().of(TaskState::Canceling), 1);
        }
        Ok(Instance::new(&there))
    })
    .teardown(log_teardown)
    .max_tasks(1);
    let job = Job::new("job");
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    let task = job
        .task("task")
        .environment(&environment)
        .add_blocking(move |_cx| Ok(runs.store(true, Ordering::SeqCst)))
        .unwrap();
    *cancel.lock() = Some(job.clone());
    let keeps = Keeps::default();
    job.submit(&keeps).unwrap();
    let failed = task.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Canceled);
    assert_eq!(&*failed.error.unwrap().message, "canceled: changed my mind");
    assert!(!ran.load(Ordering::SeqCst));
    assert_eq!((job.state(), log.get()), (JobState::Canceled, counts(1, 0)));
    use TaskState::*;
    assert_eq!(states(&job, 0), [Submitted, Assigned, Canceling, Canceled]);
    // It has served nobody yet.
    let job = Job::new("next");
    let next = add(&job, &environment);
    job.submit(&keeps).unwrap();
    assert_eq!(*next.output().unwrap(), 1);
    log.wait_for(counts(1, 1));
}

#[test]
fn a_setup_that_fails_after_a_cancellation_ends_its_task_as_canceled() {
    let cancel = Arc::new(Mutex::new(None::<Job>));
    let canceled = cancel.clone();
    let environment = Environment::<()>::blocking("db", move || {
        canceled.lock().take().unwrap().cancel("enough");
        Err(TaskError::msg("no route to host"))
    });
    let job = Job::new("job");
    let task = job.task("task").environment(&environment).add_blocking(|_cx| Ok(())).unwrap();
    *cancel.lock() = Some(job.clone());
    job.submit(&Keeps::default()).unwrap();
    let failed = task.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Canceled);
    assert_eq!(&*failed.error.unwrap().message, "no route to host");
}

#[test]
fn force_drops_an_async_setup() {
    let log = Arc::new(Log::default());
    let there = log.clone();
    let environment = Environment::<Instance>::future("db", move || {
        // Not an instance, but dropped like one.
        let held = Instance::new(&there);
        async move {
            std::future::pending::<()>().await;
            Ok(held)
        }
    })
    .teardown(log_teardown);
    let keeps = KeepsByHand::default();
    let job = Job::new("job");
    let task = add(&job, &environment);
    job.submit(&keeps).unwrap();
    let mut run = keeps.0.next().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(std::pin::Pin::new(&mut run).poll(&mut cx).is_pending());
    task.cancel("wait");
    assert_eq!(task.state(), TaskState::Canceling);
    assert!(std::pin::Pin::new(&mut run).poll(&mut cx).is_pending());
    task.cancel_now("go");
    assert_eq!(task.state(), TaskState::Canceled);
    assert!(!run.run_blocking(), "it was dropped, not abandoned");
    assert_eq!(log.get(), Counts { set_up: 1, torn_down: 0, dropped: 1 });
}

#[test]
fn force_abandons_a_blocking_setup_which_is_torn_down_in_the_end() {
    let log = Arc::new(Log::default());
    let cancel = Arc::new(Mutex::new(None::<Job>));
    let (there, canceled) = (log.clone(), cancel.clone());
    let environment = Environment::blocking("db", move || {
        let job = canceled.lock().take().unwrap();
        job.cancel_now("at once");
        assert!(job.is_ended());
        Ok(Instance::new(&there))
    })
    .teardown(log_teardown);
    let keeps = KeepsByHand::default();
    let job = Job::new("job");
    let task = add(&job, &environment);
    *cancel.lock() = Some(job.clone());
    job.submit(&keeps).unwrap();
    assert!(keeps.0.next().unwrap().run_blocking(), "the worker was replaced");
    let failed = task.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Canceled);
    assert_eq!(failed.error.unwrap().kind, FailureKind::Abandoned);
    log.wait_for(counts(1, 1));
}

#[test]
fn an_instance_whose_task_was_stopped_by_force_is_torn_down() {
    let (environment, log) = blocking();
    let keeps = KeepsByHand::default();
    let job = Job::new("job");
    let task = job
        .task("waits")
        .environment(&environment)
        .add(async |_cx| Ok(std::future::pending::<()>().await))
        .unwrap();
    job.submit(&keeps).unwrap();
    let mut run = keeps.0.next().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert!(std::pin::Pin::new(&mut run).poll(&mut cx).is_pending());
    task.cancel_now("at once");
    assert_eq!(log.get(), counts(1, 0));
    run.run_blocking();
    log.wait_for(counts(1, 1));
}

#[test]
fn a_task_that_is_lost_during_setup_is_interrupted_or_tried_again() {
    let (environment, log) = future();
    let keeps = KeepsByHand::default();
    let job = Job::new("job");
    let once = add(&job, &environment);
    let again = job
        .task("again")
        .environment(&environment)
        .retry(Retry::attempts(2))
        .add_blocking_with((), |cx, ()| Ok(cx.attempt()))
        .unwrap();
    job.submit(&keeps).unwrap();
    for _ in 0..2 {
        let mut run = keeps.0.next().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(std::pin::Pin::new(&mut run).poll(&mut cx).is_pending());
    }
    assert_eq!(once.state(), TaskState::Interrupted);
    assert_eq!(again.state(), TaskState::Submitted);
    assert!(keeps.0.run_one());
    assert_eq!(*again.output().unwrap(), 2);
    assert_eq!(log.get(), counts(1, 0));
}

#[test]
fn the_same_id_with_another_type_is_an_error_that_says_so() {
    let keeps = Keeps::default();
    let job = Job::new("job");
    let text = Environment::blocking("db", || Ok(String::from("text")));
    let number = Environment::blocking("db", || Ok(7u64));
    let good = job.task("good").environment(&text).add_blocking(|_cx| Ok(())).unwrap();
    let bad = job.task("bad").environment(&number).add_blocking(|_cx| Ok(())).unwrap();
    job.submit(&keeps).unwrap();
    assert_eq!(good.state(), TaskState::Completed);
    let failed = bad.output().unwrap_err();
    assert_eq!(failed.state, TaskState::EnvironmentError);
    assert_eq!(
        &*failed.error.unwrap().message,
        "environment \"db\" is a u64 here and a alloc::string::String in other tasks of the scheduler: \
         give one of them another id"
    );
}

#[test]
fn a_context_says_what_environment_it_has_not() {
    let (environment, _log) = blocking();
    let job = Job::new("job");
    let none = job.add_blocking("none", |cx| Ok(cx.environment::<u64>().map(drop))).unwrap();
    let other = job.task("other").environment(&environment);
    let other = other.add_blocking(|cx| Ok(cx.environment::<u64>().map(drop))).unwrap();
    job.submit(&Inline).unwrap();
    let none = none.output().unwrap().unwrap_err();
    let other = other.output().unwrap().unwrap_err();
    assert_eq!(
        none.to_string(),
        "the task has no environment, and so no u64: add it with TaskBuilder::environment"
    );
    assert_eq!(other.to_string(), "the task's environment is no u64");
}

#[test]
fn a_reporter_takes_no_environment() {
    let (environment, _log) = blocking();
    let job = Job::new("job");
    let error = job.task("elsewhere").environment(&environment).reporter().unwrap_err();
    assert_eq!(error, AddError::EnvironmentElsewhere { task: "elsewhere".into() });
    assert!(error.to_string().contains("\"elsewhere\" has an environment but is run by"));
    assert_eq!(job.counts().total(), 0);
}

#[cfg(feature = "local")]
#[test]
fn shutdown_waits_for_teardown() {
    within(|| {
        let (environment, log) = blocking();
        let scheduler = LocalScheduler::new(1).unwrap();
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        let environment = environment.teardown(move |instance: &Instance| {
            gate.lock().recv().unwrap();
            log_teardown(instance);
        });
        let job = Job::new("job");
        let _task = add(&job, &environment);
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap();
        let mut shutdown = std::future::IntoFuture::into_future(scheduler.shutdown());
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(shutdown.as_mut().poll(&mut cx).is_pending(), "the teardown has not returned");
        }
        release.send(()).unwrap();
        let report = futures::executor::block_on(shutdown);
        assert_eq!(report.finished, [job.id()]);
        assert_eq!(log.get(), counts(1, 1));
    });
}

/// Takes tasks by hand, with the environments of another scheduler.
#[cfg(feature = "local")]
#[derive(Clone)]
struct Borrows(ByHand, LocalScheduler);

#[cfg(feature = "local")]
impl Scheduler for Borrows {
    fn ready(&self, queue: TaskQueue) {
        self.0.ready(queue);
    }

    fn environments(&self) -> Option<&Environments> {
        self.1.environments()
    }
}

#[cfg(feature = "local")]
#[test]
fn after_shutdown_nothing_is_kept() {
    within(|| {
        let (environment, log) = blocking();
        let borrows = Borrows(ByHand::default(), LocalScheduler::new(1).unwrap());
        let job = Job::new("job");
        let tasks = [add(&job, &environment), add(&job, &environment), add(&job, &environment)];
        job.submit(&borrows).unwrap();
        assert!(borrows.0.run_one());
        assert_eq!(log.get(), counts(1, 0));
        borrows.1.shutdown().blocking();
        assert_eq!(log.get(), counts(1, 1));
        assert!(borrows.0.run_one());
        log.wait_for(counts(2, 2));
        assert!(borrows.0.run_one());
        log.wait_for(counts(3, 3));
        assert_eq!(tasks.map(|task| *task.output().unwrap()), [1, 2, 3]);
    });
}

#[cfg(feature = "local")]
#[test]
fn what_is_given_back_after_shutdown_is_torn_down() {
    within(|| {
        let (environment, log) = blocking();
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let (enter, entered) = std::sync::mpsc::channel::<()>();
        let (release, gate) = std::sync::mpsc::channel::<()>();
        job.task("stuck")
            .environment(&environment)
            .add_blocking(move |_cx| {
                enter.send(()).unwrap();
                Ok(gate.recv().is_ok())
            })
            .unwrap();
        job.submit(&scheduler).unwrap();
        entered.recv().unwrap();
        job.cancel_now("it is stuck");
        scheduler.shutdown().blocking();
        assert_eq!(log.get(), counts(1, 0), "its task still has it");
        release.send(()).unwrap();
        log.wait_for(counts(1, 1));
    });
}

#[cfg(feature = "local")]
#[test]
fn a_scheduler_that_is_dropped_tears_down() {
    within(|| {
        let (environment, log) = blocking();
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let task = add(&job, &environment);
        job.submit(&scheduler).unwrap();
        assert_eq!(*task.output().unwrap(), 1);
        drop(scheduler);
        log.wait_for(counts(1, 1));
    });
}
