//! Results: task handles, streams of outputs, callbacks, open jobs and their feeds, history that is freed, published
//! outputs, `job.run`, and what a job says of its progress.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use common::{ByHand, Inline, within};
use futures::StreamExt;
use futures::executor::block_on;
use milepost::{
    FailureKind, History, Job, JobState, ManualClock, NewTask, OpenJob, RunError, TaskError,
    TaskHandle, TaskReporter, TaskState, WaitEnd,
};
use parking_lot::Mutex;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn running(job: &Job, name: &str) -> TaskReporter {
    let task = job.reporter(name).expect("the job takes tasks");
    task.running().expect("a new task can run");
    task
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn open(name: &str) -> OpenJob {
    Job::builder(name).open().expect("the settings make sense")
}

// Task handles.

#[test]
fn a_handle_gives_the_output_before_and_after_the_end() {
    let hand = ByHand::default();
    let job = Job::new("handles");
    let mut early = job.add_blocking("early", |_cx| Ok(vec![1, 2])).unwrap();
    let late = job.add("late", async |_cx| Ok("text".to_owned())).unwrap();
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(Pin::new(&mut early).poll(&mut Context::from_waker(&waker)).is_pending());
    job.submit(&hand).unwrap();
    assert!(Pin::new(&mut early).poll(&mut Context::from_waker(&waker)).is_pending());
    assert_eq!(count.0.load(Ordering::SeqCst), 0);
    while hand.run_one() {}
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    for _ in 0..2 {
        // It may be polled again.
        let Poll::Ready(output) = poll(&mut early) else { panic!("it has ended") };
        assert_eq!(*output.unwrap(), [1, 2]);
    }
    assert_eq!((late.id().index(), &*late.name(), late.job_id()), (1, "late", job.id()));
    assert_eq!(late.state(), TaskState::Completed);
    assert_eq!(late.snapshot().unwrap().name, late.name());
    drop(job);
    assert_eq!(*block_on(late).unwrap(), "text", "it keeps what it needs of the job");
}

#[test]
fn outputs_may_be_of_any_type() {
    fn any<T: Send + Sync + 'static>(job: &Job, output: T) -> TaskHandle<T> {
        job.add_blocking("a", move |_cx| Ok(output)).expect("it takes tasks")
    }
    let job = Job::new("types");
    let unit = any(&job, ());
    let option = any(&job, None::<Vec<u8>>);
    let shared = any(&job, Arc::new(5));
    let function = any(&job, (|n| n + 1) as fn(u8) -> u8);
    let boxed: TaskHandle<Box<dyn Fn() -> u8 + Send + Sync>> = any(&job, Box::new(|| 7u8) as _);
    let result = any(&job, Err::<u8, _>("an output, no failure"));
    let mut done = job.task_completed();
    job.submit(&Inline).unwrap();
    let event = done.try_recv().unwrap();
    assert!(event.output::<()>().is_some() && event.output::<u8>().is_none());
    let event = done.try_recv().unwrap();
    assert_eq!(event.output::<Option<Vec<u8>>>(), Some(Arc::new(None)));
    assert!(event.output::<()>().is_none() && event.output::<Vec<u8>>().is_none());
    unit.output().unwrap();
    assert_eq!(*option.output().unwrap(), None);
    assert_eq!(**shared.output().unwrap(), 5);
    assert_eq!(function.output().unwrap()(1), 2);
    assert_eq!(boxed.output().unwrap()(), 7);
    assert_eq!(*result.output().unwrap(), Err("an output, no failure"));
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn an_output_is_shared_and_not_copied() {
    struct NoClone(u32);
    let job = Job::new("shared");
    let task = job.add_blocking("a", |_cx| Ok(NoClone(3))).unwrap();
    let mut done = job.task_completed();
    job.submit(&Inline).unwrap();
    let event = done.try_recv().unwrap();
    let (one, two) = (event.output::<NoClone>().unwrap(), task.output().unwrap());
    assert!(Arc::ptr_eq(&one, &two));
    assert_eq!(one.0, 3);
    drop((two, event, done, job));
    assert!(Arc::into_inner(one).is_some());
}

#[test]
fn a_handle_of_a_task_that_failed_says_how() {
    let job = Job::new("failures");
    let failed = job.add_blocking::<u8, _>("bad", |_cx| Ok("x".parse()?)).unwrap();
    let canceled = job.add_blocking("canceled", |_cx| Ok(1)).unwrap();
    canceled.cancel("not needed");
    job.submit(&Inline).unwrap();
    let error = failed.output().unwrap_err();
    assert_eq!((error.job, error.task.index(), &*error.name), (job.id(), 0, "bad"));
    assert_eq!((error.state, error.attempts), (TaskState::Failed, 1));
    assert_eq!(error.to_string(), "task 0 (bad) failed");
    assert_eq!(format!("{error:#}"), "task 0 (bad) failed: invalid digit found in string");
    let source = error.error.as_ref().unwrap().error().unwrap();
    assert!(source.is::<std::num::ParseIntError>());
    assert_eq!(error.source().unwrap().to_string(), "invalid digit found in string");
    assert_eq!(canceled.output().unwrap_err().to_string(), "task 1 (canceled) was canceled");
}

#[test]
fn on_completed_is_called_once_whenever_it_is_registered() {
    within(|| {
        let job = open("called");
        let (send, told) = mpsc::channel();
        let tell = |name: &'static str| {
            let send = send.clone();
            move |task: &milepost::TaskCompleted| send.send((name, task.task.index())).unwrap()
        };
        let one = job.add_blocking("one", |_cx| Ok(1)).unwrap();
        let two = job.add_blocking::<(), _>("two", |_cx| Err(TaskError::msg("bad"))).unwrap();
        one.on_completed(tell("before"));
        drop(one.on_completed(tell("dropped subscription")));
        one.on_completed(tell("unsubscribed")).unsubscribe();
        two.on_completed(tell("failed"));
        job.submit(&Inline).unwrap();
        one.on_completed(tell("after"));
        drop((one, two));
        assert_eq!(job.close().wait_until_done().blocking().unwrap().end, WaitEnd::Done);
        let mut told: Vec<_> = told.try_iter().collect();
        told.sort_unstable();
        let expected = [("after", 0), ("before", 0), ("dropped subscription", 0), ("failed", 1)];
        assert_eq!(told, expected);
    });
}

// Streams of outputs.

#[test]
fn outputs_come_once_in_the_order_of_ends() {
    let job = Job::new("outputs");
    let first = job.add_blocking("a", |_cx| Ok(1)).unwrap();
    job.add_blocking("b", |_cx| Ok("text")).unwrap();
    job.add_blocking("c", |_cx| Ok(2)).unwrap();
    job.add_blocking::<i32, _>("d", |_cx| Err(TaskError::msg("bad"))).unwrap();
    let (mut numbers, mut texts) = (job.outputs::<i32>(9), job.outputs::<&str>(9));
    assert!(numbers.try_recv().is_none());
    job.submit(&Inline).unwrap();
    let output = numbers.try_recv().unwrap();
    assert_eq!((output.task.index(), &*output.name), (0, "a"));
    assert_eq!(Arc::into_inner(output.output), Some(1), "it is nobody else's");
    let rest: Vec<_> = block_on(numbers.by_ref().map(|output| *output.output).collect());
    assert_eq!(rest, [2]);
    assert!(numbers.try_recv().is_none() && numbers.blocking_next().is_none());
    assert_eq!(*texts.blocking_next().unwrap().output, "text");
    // Nobody else gets one.
    let failed = first.output().unwrap_err();
    assert_eq!(failed.state, TaskState::Completed);
    assert_eq!(failed.error.as_ref().unwrap().kind, FailureKind::OutputTaken);
    assert!(format!("{failed:#}").contains("taken"), "{failed:#}");
    let mut done = job.task_completed();
    assert!(done.try_recv().unwrap().output::<i32>().is_none());
}

#[test]
fn outputs_of_tasks_that_have_ended_come_first() {
    let job = open("late");
    for n in 0..3 {
        running(&job, "early").complete(n).unwrap();
    }
    let mut outputs = job.outputs::<i32>(1);
    running(&job, "late").complete(3).unwrap();
    let got: Vec<_> = std::iter::from_fn(|| outputs.try_recv()).map(|o| *o.output).collect();
    assert_eq!(got, [0, 1, 2, 3]);
    // Those that were set aside are gone with their reader; later ones are kept with the job again.
    running(&job, "unread").complete(4).unwrap();
    drop(outputs);
    running(&job, "kept").complete(5).unwrap();
    let job = job.close();
    let kept: Vec<_> = std::iter::from_fn({
        let mut done = job.task_completed();
        move || done.try_recv()
    })
    .map(|task| task.output::<i32>().map(|output| *output))
    .collect();
    assert_eq!(kept, [None, None, None, None, None, Some(5)]);
    let mut again = job.outputs::<i32>(1);
    assert_eq!(*again.blocking_next().unwrap().output, 5);
    assert!(again.blocking_next().is_none());
}

#[test]
fn units_are_outputs_like_others() {
    let job = open("units");
    job.task("weighted").weight(2.0).unit("bytes").add_blocking(|_cx| Ok(())).unwrap();
    job.add_blocking("plain", |_cx| Ok(())).unwrap();
    job.add_blocking("number", |_cx| Ok(1)).unwrap();
    job.submit(&Inline).unwrap();
    let mut outputs = job.outputs::<()>(9);
    job.add_blocking("late", |_cx| Ok(())).unwrap();
    let mut got: Vec<_> = std::iter::from_fn(|| outputs.try_recv()).collect();
    got.sort_by_key(|output| output.task);
    let names: Vec<_> = got.iter().map(|output| &*output.name).collect();
    assert_eq!(names, ["weighted", "plain", "late"]);
    // A number that was taken leaves no unit behind.
    assert_eq!(*job.outputs::<i32>(9).try_recv().unwrap().output, 1);
    drop(outputs);
    let units: Vec<_> = std::iter::from_fn({
        let mut outputs = job.outputs::<()>(9);
        move || outputs.try_recv()
    })
    .map(|output| output.name.to_string())
    .collect();
    assert!(!units.contains(&"number".into()), "{units:?}");
}

#[test]
fn no_task_starts_while_as_many_outputs_are_unread_as_may_be() {
    let hand = ByHand::default();
    let job = Job::new("gate");
    for n in 0..6 {
        job.add_blocking(n.to_string(), move |_cx| Ok(n)).unwrap();
    }
    let mut outputs = job.outputs::<i32>(2);
    job.submit(&hand).unwrap();
    assert!(hand.run_one() && hand.run_one());
    assert!(!hand.run_one(), "two are unread");
    let told = hand.0.lock().len();
    assert_eq!(*outputs.try_recv().unwrap().output, 0);
    assert_eq!(hand.0.lock().len(), told + 1, "the scheduler is told");
    // Tasks that run meanwhile may finish.
    let run = hand.next().unwrap();
    assert_eq!(*outputs.try_recv().unwrap().output, 1);
    let other = hand.next().unwrap();
    run.run_blocking();
    other.run_blocking();
    assert!(!hand.run_one());
    // Another type does not count, and its reader does not lift the bound.
    drop(job.outputs::<String>(1));
    assert!(!hand.run_one());
    drop(outputs);
    assert!(hand.run_one() && hand.run_one() && !hand.run_one());
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn readers_of_outputs_come_and_go_without_mixing_their_types() {
    let job = open("types");
    let (bytes, shorts) = (job.outputs::<u8>(9), job.outputs::<u16>(9));
    let mut longs = job.outputs::<u32>(9);
    drop(bytes);
    let mut texts = job.outputs::<&str>(9);
    running(&job, "a").complete(1u32).unwrap();
    running(&job, "b").complete("text").unwrap();
    assert_eq!(*texts.try_recv().unwrap().output, "text");
    assert!(texts.try_recv().is_none());
    assert_eq!(*longs.try_recv().unwrap().output, 1);
    drop(shorts);
}

#[test]
fn a_reader_of_outputs_is_woken_by_outputs_and_by_the_end() {
    let job = open("woken");
    let mut outputs = job.outputs::<i32>(1);
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = &mut Context::from_waker(&waker);
    assert!(pin!(outputs.next()).poll(cx).is_pending());
    running(&job, "a").complete(1).unwrap();
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(pin!(outputs.next()).poll(cx).is_ready());
    assert!(pin!(outputs.next()).poll(cx).is_pending());
    job.close();
    assert_eq!(count.0.load(Ordering::SeqCst), 2);
    let Poll::Ready(None) = pin!(outputs.next()).poll(cx) else { panic!("the job has ended") };
}

#[cfg(feature = "local")]
#[test]
fn a_job_of_many_tasks_streams_its_outputs_in_bounded_memory() {
    within(|| {
        struct Counted(Arc<AtomicUsize>, usize);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let scheduler = milepost::LocalScheduler::new(4).unwrap();
        let job = Job::new("streamed");
        let (there, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for n in 0..2_000 {
            let (there, most) = (there.clone(), most.clone());
            let make = move || {
                most.fetch_max(there.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                Ok(Counted(there, n))
            };
            if n % 2 == 0 {
                job.add_blocking(n.to_string(), move |_cx| make()).unwrap();
            } else {
                job.add(n.to_string(), async move |_cx| make()).unwrap();
            }
        }
        let mut outputs = job.outputs::<Counted>(8);
        job.submit(&scheduler).unwrap();
        let mut seen = vec![false; 2_000];
        while let Some(output) = outputs.blocking_next() {
            assert!(!std::mem::replace(&mut seen[output.output.1], true));
        }
        assert!(seen.into_iter().all(|seen| seen));
        let most = most.load(Ordering::SeqCst);
        assert!(most <= 8 + 4 + 1, "{most} were there at a time");
        assert_eq!(there.load(Ordering::SeqCst), 0);
    });
}

// Callbacks.

#[test]
fn callbacks_of_all_kinds_are_called_in_the_order_of_events() {
    within(|| {
        let job = open("order");
        let order = Arc::new(Mutex::new(Vec::new()));
        macro_rules! noting {
            ($($on:ident)*) => {$(
                let noted = order.clone();
                job.$on(move |event| noted.lock().push(event.seq));
            )*};
        }
        noting!(on_task_completed on_job_completed on_task_state_changed on_job_state_changed);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let job = job.job();
                std::thread::spawn(move || {
                    for _ in 0..5_000 {
                        running(&job, "a").complete(()).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let job = job.close();
        job.wait_until_done().blocking().unwrap();
        let order = order.lock();
        if let Some(at) = order.windows(2).position(|pair| pair[0] >= pair[1]) {
            panic!("{:?} of {}", &order[at..at + 2], order.len());
        }
        // All but those that say that a task was added.
        assert_eq!(order.len() as u64, job.last_seq() - 10_000);
    });
}

#[test]
fn callbacks_are_called_in_order_though_events_come_as_the_dispatcher_looks() {
    within(|| {
        let job = open("idle");
        let order = Arc::new(Mutex::new(Vec::new()));
        let noted = order.clone();
        job.on_task_state_changed(move |change| noted.lock().push(change.seq));
        // They make the dispatcher's look a long one, in which much may happen.
        for _ in 0..100 {
            job.on_job_completed(|_event| {});
        }
        let noted = order.clone();
        let (send, ended) = mpsc::channel();
        job.on_task_completed(move |task| {
            noted.lock().push(task.seq);
            send.send(()).unwrap();
        });
        for n in 0..1_500 {
            let task = running(&job, "a");
            // Sooner or later, so that the end comes at any time of the look.
            for _ in 0..n % 200 * 5 {
                std::hint::spin_loop();
            }
            task.complete(()).unwrap();
            ended.recv().unwrap();
        }
        job.close().wait_until_done().blocking().unwrap();
        let order = order.lock();
        if let Some(at) = order.windows(2).position(|pair| pair[0] >= pair[1]) {
            panic!("{:?} of {}", &order[at..at + 2], order.len());
        }
    });
}

#[test]
fn a_progress_callback_comes_between_the_events_that_it_stands_between() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("between").clock(clock.clock()).open().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (one, two) = (order.clone(), order.clone());
        job.on_task_progress_updated(move |told| {
            one.lock().push((told.task.index(), told.progress.unwrap()));
        });
        job.on_task_completed(move |task| two.lock().push((task.task.index(), -1.0)));
        for n in 0..200 {
            let task = running(&job, "a");
            task.set_progress(1);
            clock.advance(ms(200));
            task.set_progress(2);
            task.complete(()).unwrap();
            if n % 50 == 0 {
                // Also with a dispatcher that keeps up.
                let (send, told) = mpsc::channel();
                job.on_task_completed(move |task| {
                    if task.task.index() == n {
                        send.send(()).unwrap();
                    }
                });
                told.recv().unwrap();
            }
        }
        job.close().wait_until_done().blocking().unwrap();
        let order = order.lock();
        for n in 0..200 {
            let own: Vec<_> =
                order.iter().filter(|(task, _)| *task == n).map(|(_, v)| *v).collect();
            assert!(own.ends_with(&[2.0, -1.0]), "{n}: {own:?}");
        }
    });
}

#[test]
fn a_late_callback_gets_the_history() {
    within(|| {
        let job = open("late");
        for _ in 0..3 {
            running(&job, "a").complete(()).unwrap();
        }
        let (send, told) = mpsc::channel();
        job.on_task_completed(move |task| send.send(task.task.index()).unwrap());
        for n in 0..3 {
            assert_eq!(told.recv(), Ok(n));
        }
        let job = job.close();
        let (send, ended) = mpsc::channel();
        // After the end as well.
        job.on_event(move |event| send.send(event.seq()).unwrap());
        let all: Vec<_> = ended.iter().collect();
        assert_eq!(all, (1..=job.last_seq()).map(Some).collect::<Vec<_>>());
    });
}

#[test]
fn callbacks_live_without_their_subscription_and_end_by_it() {
    within(|| {
        let job = open("subscribed");
        let (send, told) = mpsc::channel();
        let (one, two, three) = (send.clone(), send.clone(), send);
        drop(job.on_task_completed(move |_task| one.send("dropped").unwrap()));
        let unsubscribed = job.on_task_completed(move |_task| two.send("ended").unwrap());
        // One that ends itself in its first call.
        let own = Arc::new(Mutex::new(None::<milepost::Subscription>));
        let itself = own.clone();
        let mut subscription = own.lock();
        *subscription = Some(job.on_task_completed(move |_task| {
            three.send("itself").unwrap();
            if let Some(subscription) = itself.lock().take() {
                subscription.unsubscribe();
            }
        }));
        drop(subscription);
        running(&job, "a").complete(()).unwrap();
        let mut first: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
        first.sort_unstable();
        assert_eq!(first, ["dropped", "ended", "itself"]);
        unsubscribed.unsubscribe();
        running(&job, "b").complete(()).unwrap();
        job.close().wait_until_done().blocking().unwrap();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["dropped"]);
    });
}

#[test]
fn a_callback_does_not_hold_up_those_who_report() {
    within(|| {
        let job = open("slow callback");
        let (release, gate) = mpsc::channel::<()>();
        let (began, begins) = mpsc::channel();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        job.on_task_completed(move |_task| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                began.send(()).unwrap();
                gate.recv().unwrap();
            }
        });
        running(&job, "first").complete(()).unwrap();
        begins.recv().unwrap();
        let mut done = job.task_completed();
        for _ in 0..1_000 {
            running(&job, "a").complete(()).unwrap();
        }
        assert_eq!(std::iter::from_fn(|| done.try_recv()).count(), 1_001);
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        release.send(()).unwrap();
        job.close().wait_until_done().blocking().unwrap();
        assert_eq!(calls.load(Ordering::SeqCst), 1_001, "it misses none");
    });
}

#[test]
fn callbacks_are_called_off_the_threads_that_report() {
    within(|| {
        let job = open("threads");
        let (send, told) = mpsc::channel();
        job.on_event(move |_event| send.send(std::thread::current().id()).unwrap());
        running(&job, "a").complete(()).unwrap();
        job.close();
        let here = std::thread::current().id();
        assert!(told.iter().all(|thread| thread != here));
    });
}

// Open jobs.

#[test]
fn an_open_job_takes_tasks_until_its_last_clone_is_dropped() {
    let job = open("clones");
    job.submit(&Inline).unwrap();
    let clone = job.clone();
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    let plain = clone.job();
    drop(job);
    assert_eq!(plain.state(), JobState::Running);
    let task = clone.add_blocking("b", |_cx| Ok(1)).unwrap();
    plain.add_blocking("c", |_cx| Ok(())).unwrap();
    assert_eq!(*task.output().unwrap(), 1, "it was submitted at once");
    drop(clone);
    assert_eq!((plain.state(), plain.counts().completed()), (JobState::Completed, 3));
}

#[test]
fn closing_an_open_job_closes_all_its_clones() {
    let job = open("closed");
    let clone = job.clone();
    let task = running(&job, "a");
    let plain = job.close();
    assert!(clone.add_blocking("b", |_cx| Ok(())).is_err());
    assert!(!plain.is_ended());
    task.complete(()).unwrap();
    assert_eq!(plain.state(), JobState::Completed);
    clone.close();
}

#[test]
fn an_open_job_may_be_closed_before_it_is_submitted() {
    let job = open("early");
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    let job = job.close();
    assert_eq!(job.state(), JobState::Pending);
    job.submit(&Inline).unwrap();
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn an_open_job_knows_its_fraction_once_it_knows_how_many_tasks_there_will_be() {
    let job = open("expected");
    let tasks: Vec<_> = (0..2).map(|_| running(&job, "a")).collect();
    let progress = job.progress();
    assert_eq!((progress.fraction, progress.expected, progress.total), (None, None, None));
    job.expect(4);
    tasks[0].complete(()).unwrap();
    let progress = job.progress();
    assert_eq!((progress.fraction, progress.expected), (Some(0.25), Some(4)));
    assert_eq!((progress.value, progress.total, &*progress.unit), (1.0, Some(4.0), "tasks"));
    // More may be added, and fewer.
    let more: Vec<_> = (0..3).map(|_| running(&job, "b")).collect();
    assert_eq!((job.progress().fraction, job.progress().expected), (Some(0.2), Some(5)));
    job.expect(10);
    assert_eq!(job.progress().fraction, Some(0.1));
    drop((tasks, more));
    let job = job.close();
    let progress = job.progress();
    assert_eq!((progress.fraction, progress.expected), (Some(1.0), Some(5)));
}

// Feeds.

/// Tasks by number, and how many were asked for.
fn numbered(n: usize) -> (impl Iterator<Item = NewTask> + Send + 'static, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let tasks = (0..n).map(move |n| {
        counted.fetch_add(1, Ordering::SeqCst);
        NewTask::blocking(n.to_string(), move |_cx| Ok(n))
    });
    (tasks, asked)
}

#[test]
fn a_feed_is_asked_for_as_many_tasks_as_may_be_ahead() {
    let hand = ByHand::default();
    let job = open("fed");
    let (tasks, asked) = numbered(10);
    let asked = || asked.load(Ordering::SeqCst);
    job.feed(tasks, 3);
    assert_eq!((asked(), job.counts().of(TaskState::Pending)), (3, 3), "before it is submitted");
    job.submit(&hand).unwrap();
    assert_eq!(asked(), 3);
    let job = job.close();
    for n in 4..=10 {
        assert!(hand.run_one());
        assert_eq!(asked(), n);
        assert_eq!(job.counts().total() - job.counts().ended(), 3);
    }
    let run = hand.next().unwrap();
    assert_eq!(asked(), 10, "running ones count");
    run.run_blocking();
    assert!(!job.is_ended());
    while hand.run_one() {}
    assert_eq!((job.state(), job.counts().completed()), (JobState::Completed, 10));
}

#[test]
fn a_feed_keeps_its_job_open_until_it_has_ended() {
    let job = open("kept open");
    job.submit(&Inline).unwrap();
    let (tasks, _asked) = numbered(100);
    job.feed(tasks, 1);
    let plain = job.job();
    drop(job);
    assert_eq!((plain.state(), plain.counts().completed()), (JobState::Completed, 100));
}

#[test]
fn two_feeds_of_a_job_are_both_emptied() {
    let hand = ByHand::default();
    let job = open("two feeds");
    let ((one, first), (two, second)) = (numbered(20), numbered(20));
    job.feed(one, 2);
    job.feed(two, 5);
    assert_eq!((first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)), (2, 3));
    job.submit(&hand).unwrap();
    let job = job.close();
    while hand.run_one() {
        assert!(job.counts().total() - job.counts().ended() <= 5);
    }
    assert_eq!((job.state(), job.counts().completed()), (JobState::Completed, 40));
}

#[test]
fn a_panic_of_a_feeds_iterator_ends_the_feed_and_no_more() {
    let job = open("panics");
    let tasks = (0..10).map(|n| {
        assert!(n < 3, "in an iterator");
        NewTask::blocking(n.to_string(), |_cx| Ok(()))
    });
    job.feed(tasks, 1);
    let (rest, _asked) = numbered(4);
    job.feed(rest, 1);
    job.submit(&Inline).unwrap();
    let job = job.close();
    assert_eq!((job.state(), job.counts().completed()), (JobState::Completed, 7));
}

#[test]
fn a_feed_of_a_canceled_job_is_asked_no_more_and_dropped() {
    let hand = ByHand::default();
    let job = open("canceled");
    let (tasks, asked) = numbered(1_000_000_000);
    let held = Arc::new(());
    let (kept, weak) = (held.clone(), Arc::downgrade(&held));
    drop(held);
    job.feed(
        tasks.inspect(move |_| {
            let _kept = &kept;
        }),
        2,
    );
    job.submit(&hand).unwrap();
    hand.run_one();
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let run = hand.next().unwrap();
    job.cancel("enough");
    run.run_blocking();
    assert_eq!(job.state(), JobState::Canceled);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    assert!(weak.upgrade().is_none(), "the iterator is gone");
    // One that comes late is not asked at all.
    let (tasks, asked) = numbered(5);
    job.feed(tasks, 5);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[test]
fn an_empty_feed_ends_at_once() {
    let job = open("empty");
    job.feed([], 5);
    job.submit(&Inline).unwrap();
    assert_eq!(job.close().state(), JobState::Completed);
    // A feed is no reason to keep a job open by itself.
    let job = open("empty");
    job.feed([], 5);
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(job.close().counts().completed(), 1);
}

#[test]
fn a_fed_task_that_does_not_fit_fails_and_says_why() {
    let job = open("misfits");
    let fine = NewTask::blocking("fine", |_cx| Ok(()));
    let once = NewTask::blocking("once", |_cx| Ok(())).retry(milepost::Retry::attempts(2));
    let light = NewTask::blocking("light", |_cx| Ok(())).weight(-1.0);
    job.feed([once, fine, light], 1);
    job.submit(&Inline).unwrap();
    let summary = job.close().wait_until_done().blocking().unwrap();
    assert_eq!((summary.counts.completed(), summary.counts.failed()), (1, 2));
    let failures: Vec<_> = summary.failures.iter().map(|failed| format!("{failed:#}")).collect();
    assert!(failures[0].starts_with("task 0 (once) failed: task \"once\" has a retry policy"));
    assert!(failures[1].contains("task \"light\" has a weight that is negative"), "{failures:?}");
}

#[test]
fn fed_tasks_of_every_kind_and_with_options_run() {
    struct Own;
    impl milepost::Task for Own {
        type Output = u8;
        fn name(&self) -> String {
            "own".into()
        }
        async fn run(&self, cx: milepost::TaskContext) -> Result<u8, TaskError> {
            Ok(cx.attempt() as u8)
        }
    }
    let job = open("kinds");
    let tasks = [
        NewTask::blocking("blocking", |_cx| Ok(1u8)).weight(3.0),
        NewTask::future("async", async |cx| {
            cx.checkpoint().await?;
            Ok(1u8)
        })
        .timeout(Duration::from_secs(60)),
        NewTask::implemented(Own).unit("bytes"),
    ];
    assert_eq!(format!("{:?}", tasks[0]), "NewTask(blocking)");
    job.feed(tasks, 1);
    let mut outputs = job.outputs::<u8>(1);
    job.submit(&Inline).unwrap();
    let job = job.close();
    let names: Vec<_> = std::iter::from_fn(|| outputs.try_recv()).map(|o| o.name).collect();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["blocking", "async", "own"]);
    assert_eq!(job.state(), JobState::Completed);
}

#[cfg(feature = "local")]
#[test]
fn a_long_feed_runs_on_a_local_scheduler() {
    within(|| {
        let scheduler = milepost::LocalScheduler::new(4).unwrap();
        let job = open("long");
        let (tasks, asked) = numbered(20_000);
        job.feed(tasks, 16);
        job.submit(&scheduler).unwrap();
        let job = job.close();
        let summary = job.wait_until_done().blocking().unwrap().ok().unwrap();
        assert_eq!((summary.counts.completed(), asked.load(Ordering::SeqCst)), (20_000, 20_000));
    });
}

// History that is freed as it is read.

#[test]
fn freed_history_is_there_for_those_who_read_and_gone_for_late_ones() {
    let job = Job::builder("unread").history(History::Unread).open().unwrap();
    let mut done = job.task_completed();
    let mut slow = job.task_completed();
    let mut seen = 0;
    for n in 0..3_000u32 {
        running(&job, &format!("task {n}")).complete(n).unwrap();
        if n % 10 == 9 {
            while let Some(task) = done.try_recv() {
                assert_eq!((task.task.index(), &*task.name), (seen, &*format!("task {seen}")));
                assert_eq!(*task.output::<u32>().unwrap() as usize, seen);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3_000);
    // The slow one has held everything so far, and a late one sees it.
    assert_eq!(job.task_added().try_recv().unwrap().task.index(), 0);
    for n in 0..3_000 {
        assert_eq!(slow.try_recv().unwrap().name, format!("task {n}").into());
    }
    for n in 3_000..6_000u32 {
        running(&job, &format!("task {n}")).complete(n).unwrap();
        let task = (done.try_recv().unwrap(), slow.try_recv().unwrap());
        assert_eq!((&*task.0.name, &*task.1.name), (&*format!("task {n}"), &*format!("task {n}")));
    }
    let mut late = job.events();
    let first = late.try_recv().unwrap();
    assert!(first.seq().unwrap() > 10_000, "the oldest is {first:?}");
    let mut last = first.seq().unwrap();
    while let Some(event) = late.try_recv() {
        assert_eq!(event.seq(), Some(last + 1), "what is left is all there");
        last = event.seq().unwrap();
    }
    assert_eq!(last, job.last_seq());
    let job = job.close();
    assert_eq!((job.counts().completed(), job.state()), (6_000, JobState::Completed));
    assert_eq!(block_on(job.wait_until_done()).counts.completed(), 6_000);
}

#[test]
fn freed_history_keeps_what_a_handle_may_ask_for() {
    let job = Job::builder("unread").history(History::Unread).open().unwrap();
    let held: Vec<_> =
        (0..3).map(|n| job.add_blocking(format!("held {n}"), move |_cx| Ok(n)).unwrap()).collect();
    job.submit(&Inline).unwrap();
    for n in 0..3_000 {
        running(&job, "passing").complete(n).unwrap();
    }
    let mut late = job.task_completed();
    assert!(late.try_recv().unwrap().task.index() > 3, "it was freed");
    let snapshot = job.snapshot();
    assert!(snapshot.tasks.iter().all(|task| !task.name.is_empty()), "and is not shown nameless");
    assert!(job.task_name(milepost::TaskId::new(100)).is_err(), "nor found");
    for (n, task) in held.into_iter().enumerate() {
        assert_eq!((&*task.name(), task.state()), (&*format!("held {n}"), TaskState::Completed));
        assert_eq!(task.snapshot().unwrap().name, task.name());
        assert_eq!(*task.output().unwrap(), n);
    }
    assert_eq!(job.counts().completed(), 3_003);
}

#[test]
fn freed_history_frees_outputs_errors_and_names() {
    let job = Job::builder("unread").history(History::Unread).open().unwrap();
    let (held, n) = (Arc::new(()), 5_000);
    for _ in 0..n {
        running(&job, "a").complete(held.clone()).unwrap();
    }
    let kept = Arc::strong_count(&held) - 1;
    assert!(kept < 1_500, "{kept} of {n} are still there");
    // A reader that has gone holds nothing.
    let stays = job.task_completed();
    for _ in 0..n {
        running(&job, "a").complete(held.clone()).unwrap();
    }
    assert!(Arc::strong_count(&held) > n);
    drop(stays);
    for _ in 0..n {
        running(&job, "a").complete(held.clone()).unwrap();
    }
    let kept = Arc::strong_count(&held) - 1;
    assert!(kept < 1_500, "{kept} are still there");
    let error = job.task_name(milepost::TaskId::new(0)).unwrap_err();
    assert!(error.to_string().contains("no longer"), "{error}");
}

#[test]
fn freed_history_is_whole_for_a_reader_on_another_thread() {
    within(|| {
        let job = Job::builder("unread").history(History::Unread).open().unwrap();
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let mut done = job.task_completed();
                std::thread::spawn(move || {
                    let mut n = 0u32;
                    while let Some(task) = done.blocking_next() {
                        assert_eq!(&*task.name, "a task");
                        assert_eq!(task.output::<u32>().map(|output| *output), Some(n));
                        n += 1;
                    }
                    n
                })
            })
            .collect();
        let (called, calls) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let counted = called.clone();
        job.on_task_completed(move |task| {
            assert_eq!(&*task.name, "a task");
            counted.fetch_add(1, Ordering::SeqCst);
        });
        for n in 0..30_000u32 {
            let task = job.reporter("a task").unwrap();
            task.running().unwrap();
            task.complete(n).unwrap();
            calls.fetch_add(1, Ordering::SeqCst);
        }
        let job = job.close();
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 30_000);
        }
        job.wait_until_done().blocking().unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 30_000);
    });
}

// Published outputs and the caller's own future.

#[test]
fn a_published_output_is_in_the_completion_and_in_its_json() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct Page {
        title: String,
        words: u32,
    }
    let job = Job::new("pages");
    job.add_blocking("a", |cx| {
        cx.publish(&"an earlier one")?;
        cx.publish(&Page { title: "A".into(), words: 5 })?;
        Ok(7)
    })
    .unwrap();
    job.add_blocking("nothing", |_cx| Ok(())).unwrap();
    job.add_blocking::<(), _>("failed", |cx| {
        cx.publish(&1)?;
        Err(TaskError::msg("bad"))
    })
    .unwrap();
    let mut done = job.task_completed();
    job.submit(&Inline).unwrap();
    let task = done.try_recv().unwrap();
    let page = Page { title: "A".into(), words: 5 };
    assert_eq!(task.published::<Page>().unwrap().unwrap(), page);
    assert_eq!(*task.output::<i32>().unwrap(), 7);
    let json = serde_json::to_value(&task).unwrap();
    assert_eq!(json["output"], serde_json::json!({"title": "A", "words": 5}));
    let read: milepost::TaskCompleted = serde_json::from_value(json).unwrap();
    assert_eq!(read.published::<Page>().unwrap().unwrap(), page);
    assert!(read.output::<i32>().is_none());
    assert!(done.try_recv().unwrap().published::<u32>().is_none());
    let failed = done.try_recv().unwrap();
    assert_eq!(failed.published::<u32>().unwrap().unwrap(), 1, "what it said counts");
}

#[test]
fn a_retry_starts_with_nothing_published() {
    let job = Job::new("published");
    job.task("a")
        .retry(milepost::Retry::attempts(2))
        .add_blocking_with((), |cx, ()| match cx.attempt() {
            1 => {
                cx.publish(&"first")?;
                Err(TaskError::msg("once more"))
            }
            _ => Ok(()),
        })
        .unwrap();
    let mut done = job.task_completed();
    job.submit(&Inline).unwrap();
    let task = done.try_recv().unwrap();
    assert_eq!((task.state, task.attempt), (TaskState::Completed, 2));
    assert!(task.published::<String>().is_none());
}

#[test]
fn run_borrows_and_gives_its_output_to_the_caller() {
    let clock = ManualClock::new();
    let job = Job::builder("run").clock(clock.clock()).open().unwrap();
    let words = vec![String::from("a"), String::from("b")];
    let counted = Cell::new(0);
    // Neither its future nor its output needs to be `Send` or `'static`.
    let output = block_on(job.run("words", async |cx| {
        cx.set_total(words.len());
        for word in &words {
            counted.set(counted.get() + word.len());
            cx.advance(1);
            cx.checkpoint().await?;
        }
        Ok(std::rc::Rc::new(&words))
    }))
    .unwrap();
    assert_eq!((output.len(), counted.get()), (2, 2));
    let mut done = job.task_completed();
    let task = done.try_recv().unwrap();
    assert_eq!(
        (&*task.name, task.state, task.progress),
        ("words", TaskState::Completed, Some(2.0))
    );
    // Errors and the job's end.
    let error = block_on(job.run::<(), _, _>("bad", async |_cx| Err(TaskError::msg("bad"))));
    let Err(RunError::Task(failed)) = error else { panic!("{error:?}") };
    assert_eq!(format!("{failed:#}"), "task 1 (bad) failed: bad");
    let both = block_on(async {
        futures::join!(job.run("c", async |_cx| Ok(1)), job.run("d", async |_cx| Ok(2)))
    });
    assert_eq!((both.0.unwrap(), both.1.unwrap()), (1, 2));
    let job = job.close();
    assert_eq!((job.counts().completed(), job.state()), (3, JobState::Failed));
}

#[test]
fn a_canceled_run_that_returns_an_ok_all_the_same_gives_it() {
    let job = Job::new("run");
    let output = block_on(job.run("a", async |cx| {
        job.cancel("stop");
        cx.canceled().await;
        Ok("done")
    }));
    assert_eq!(output.unwrap(), "done");
    let given_up = Job::new("run");
    let output = block_on(given_up.run("a", async |_cx| {
        given_up.cancel_now("stop");
        Ok("late")
    }));
    let Err(RunError::Task(failed)) = output else { panic!("{output:?}") };
    assert_eq!(failed.state, TaskState::Canceled);
}

// What a job says of its progress.

#[test]
fn the_fraction_respects_weights_and_counts_ended_tasks_as_whole() {
    let clock = ManualClock::new();
    let job = Job::builder("weights").clock(clock.clock()).build().unwrap();
    let task = |weight: f64| job.task("a").weight(weight).reporter().unwrap();
    let (small, large, open) = (task(1.0), task(7.0), task(2.0));
    job.submit(&Inline).unwrap();
    let fraction = || job.progress().fraction.unwrap();
    assert_eq!(fraction(), 0.0);
    for task in [&small, &large, &open] {
        task.running().unwrap();
    }
    large.set_total(100);
    large.set_progress(50);
    open.set_progress(1_000);
    assert_eq!(fraction(), 0.0, "as of the last flush");
    clock.advance(ms(200));
    assert_eq!(fraction(), 0.35, "one without a total counts as not begun");
    large.set_progress(500);
    clock.advance(ms(200));
    assert_eq!(fraction(), 0.7, "no task counts for more than it is");
    small.fail(TaskError::msg("bad")).unwrap();
    assert!((fraction() - 0.8).abs() < 1e-9);
    open.set_total(2_000);
    clock.advance(ms(200));
    assert!((fraction() - 0.9).abs() < 1e-9);
    drop((open, large));
    assert_eq!(job.progress().fraction, Some(1.0));
}

#[test]
fn the_value_is_in_the_unit_that_all_reporting_tasks_share() {
    let clock = ManualClock::new();
    let job = Job::builder("units").clock(clock.clock()).build().unwrap();
    let file =
        |name: &str, size: f64| job.task(name).weight(size).unit("bytes").reporter().unwrap();
    let (one, two) = (file("one", 300.0), file("two", 700.0));
    job.submit(&Inline).unwrap();
    let progress = || {
        let progress = job.progress();
        (progress.value, progress.total, progress.unit.to_string())
    };
    assert_eq!(progress(), (0.0, Some(1_000.0), "bytes".into()), "known from the start");
    one.running().unwrap();
    one.set_progress(100);
    clock.advance(ms(200));
    assert_eq!(progress(), (100.0, Some(1_000.0), "bytes".into()));
    assert_eq!(job.progress().fraction, Some(0.1));
    // A task's own total is better.
    one.set_total(400);
    clock.advance(ms(200));
    assert_eq!(progress(), (100.0, Some(1_100.0), "bytes".into()));
    one.complete(()).unwrap();
    assert_eq!(
        progress(),
        (400.0, Some(1_100.0), "bytes".into()),
        "an ended task counts its total"
    );
    two.running().unwrap();
    two.set_unit("pages");
    two.set_progress(3);
    clock.advance(ms(200));
    assert_eq!(progress(), (1.0, Some(2.0), "tasks".into()), "there is no common unit any more");
}

#[test]
fn a_task_that_reports_without_a_unit_is_not_summed_up_as_bytes() {
    let clock = ManualClock::new();
    let job = Job::builder("units").clock(clock.clock()).build().unwrap();
    let (bytes, plain) = (job.task("a").unit("bytes").reporter().unwrap(), running(&job, "b"));
    job.submit(&Inline).unwrap();
    bytes.running().unwrap();
    bytes.set_progress(100);
    plain.set_progress(5);
    clock.advance(ms(200));
    let progress = job.progress();
    match &*progress.unit {
        "bytes" => assert_eq!(progress.value, 100.0),
        unit => assert_eq!((unit, progress.value), ("tasks", 0.0)),
    }
}

#[test]
fn tasks_without_any_unit_are_counted() {
    let clock = ManualClock::new();
    let job = Job::builder("tasks").clock(clock.clock()).build().unwrap();
    let tasks: Vec<_> = (0..4).map(|_| running(&job, "a")).collect();
    let progress = job.progress();
    assert_eq!((progress.value, progress.total, &*progress.unit), (0.0, None, "tasks"));
    job.submit(&Inline).unwrap();
    tasks[0].set_progress(17);
    clock.advance(ms(200));
    tasks[1].complete(()).unwrap();
    let progress = job.progress();
    assert_eq!((progress.value, progress.total, &*progress.unit), (1.0, Some(4.0), "tasks"));
    assert_eq!((progress.counts.running(), progress.counts.completed()), (3, 1));
}

#[test]
fn a_retry_takes_its_progress_back() {
    let clock = ManualClock::new();
    let job = Job::builder("retry").clock(clock.clock()).build().unwrap();
    let mut task = job.task("a").weight(10.0).unit("bytes").reporter().unwrap();
    job.submit(&Inline).unwrap();
    task.running().unwrap();
    task.set_progress(5);
    clock.advance(ms(200));
    assert_eq!((job.progress().value, job.progress().fraction), (5.0, Some(0.5)));
    task.resubmitted("lost its worker").unwrap();
    assert_eq!(
        (task.attempt(), job.progress().value, job.progress().fraction),
        (2, 0.0, Some(0.0))
    );
    let snapshot = job.task_snapshot(&task).unwrap();
    assert_eq!((snapshot.progress, snapshot.attempt), (None, 2));
    task.running().unwrap();
    task.set_progress(2);
    clock.advance(ms(200));
    assert_eq!((job.progress().value, job.progress().fraction), (2.0, Some(0.2)));
    task.complete(()).unwrap();
    assert_eq!((job.progress().value, job.progress().fraction), (10.0, Some(1.0)));
}

#[test]
fn a_snapshot_says_what_there_is() {
    let clock = ManualClock::new();
    let job = Job::builder("snapshot").clock(clock.clock()).build().unwrap();
    job.add_blocking("pending", |_cx| Ok(())).unwrap();
    let task = running(&job, "running");
    task.set_progress(3);
    task.set_total(4);
    task.set_unit("pages");
    task.set_message("reading");
    clock.advance(ms(200));
    running(&job, "failed").fail(TaskError::msg("bad")).unwrap();
    let snapshot = job.snapshot();
    assert_eq!(
        (snapshot.job, &*snapshot.name, snapshot.state),
        (job.id(), "snapshot", JobState::Running)
    );
    assert_eq!(snapshot.seq, job.last_seq());
    assert!(snapshot.started_at.is_some() && snapshot.ended_at.is_none());
    let [pending, of_task, failed] = &snapshot.tasks[..] else { panic!("{snapshot:?}") };
    assert_eq!(
        (&*pending.name, pending.state, pending.attempt),
        ("pending", TaskState::Pending, 1)
    );
    assert_eq!((of_task.progress, of_task.total), (Some(3.0), Some(4.0)));
    assert_eq!(
        (of_task.unit.as_deref(), of_task.message.as_deref()),
        (Some("pages"), Some("reading"))
    );
    assert_eq!(
        (failed.state, &*failed.error.as_ref().unwrap().message),
        (TaskState::Failed, "bad")
    );
    assert_eq!(snapshot.progress, job.progress());
    assert_eq!(job.task_snapshot(&task).unwrap(), *of_task);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<milepost::JobSnapshot>(&json).unwrap(), snapshot);
}

#[test]
fn jobs_are_equal_to_their_clones_and_usable_as_keys() {
    let (one, two) = (Job::new("same name"), Job::new("same name"));
    #[allow(clippy::mutable_key_type, reason = "a job is compared and hashed by its id")]
    let set = std::collections::HashSet::from([one.clone(), two.clone(), one.clone()]);
    assert_eq!(set.len(), 2);
    assert!(one == one.clone() && one != two && one.id() < two.id());
    assert_eq!(one.id().to_string().parse::<milepost::JobId>(), Ok(one.id()));
}
