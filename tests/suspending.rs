//! Suspend and resume: a task parks at its next checkpoint, has neither place nor timeout meanwhile, and goes on there.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use common::{ByHand, begun, drain, job, job_with, ms, running, step, story, values};
use milepost::{
    Canceled, Job, JobState, Resources, Rest, Scheduler, TaskContext, TaskError, TaskHandle,
    TaskQueue, TaskState,
};
use parking_lot::Mutex;

/// A task that counts its checkpoints for ever.
async fn walks(cx: TaskContext, _input: ()) -> Result<u32, TaskError> {
    loop {
        cx.checkpoint().await?;
        cx.advance(1);
    }
}

/// Polls often enough for whatever is ready to happen. True if the attempt is over.
fn steps(run: &mut milepost::TaskRun) -> bool {
    (0..5).any(|_| step(run))
}

/// A task that has parked, and its attempt.
fn parked(
    job: &Job,
    set: impl FnOnce(milepost::TaskBuilder<'_>) -> milepost::TaskBuilder<'_>,
) -> (TaskHandle<u32>, milepost::TaskRun, ByHand) {
    let task = set(job.task("walk")).add_with((), walks).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(!steps(&mut run));
    task.suspend("pause").unwrap();
    assert!(!steps(&mut run));
    assert_eq!(task.state(), TaskState::Suspended);
    (task, run, hand)
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_is_suspended_when_it_has_parked_and_goes_on_where_it_did() {
    let (job, _clock) = job();
    let task = job.add_with("walk", (), walks).unwrap();
    let (_, mut run) = begun(&job);
    task.suspend("somebody types").unwrap();
    assert_eq!(task.state(), TaskState::Running, "it has not parked yet");
    assert!(!steps(&mut run));
    assert_eq!(task.state(), TaskState::Suspended);
    assert!(!steps(&mut run));
    task.resume("").unwrap();
    assert_eq!(task.state(), TaskState::Suspended, "it has not gone on yet");
    assert!(!steps(&mut run));
    assert_eq!(task.state(), TaskState::Running);
    let expected = [
        "submitted 1",
        "running 1",
        "suspended 1: suspended: somebody types",
        "running 1: resumed",
    ];
    assert_eq!(story(&job, &task), expected);
}

#[test]
fn whoever_parks_is_woken_by_resume_and_by_cancel() {
    for cancels in [true, false] {
        let (job, _clock) = job();
        let task = running(&job, "a");
        job.suspend_task(&task, "").unwrap();
        let (count, mut checkpoint) = (Arc::new(Count::default()), pin!(task.checkpoint()));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(checkpoint.as_mut().poll(&mut cx).is_pending(), "it yields first");
        assert!(checkpoint.as_mut().poll(&mut cx).is_pending());
        assert_eq!(story(&job, &task).last().unwrap(), "suspended 1: suspended");
        let before = count.0.load(Ordering::SeqCst);
        job.suspend_task(&task, "once more").unwrap();
        if cancels {
            job.cancel("");
        } else {
            job.resume_task(&task, "").unwrap();
        }
        assert!(count.0.load(Ordering::SeqCst) > before, "nobody was woken");
        let expected = if cancels { Err(Canceled) } else { Ok(()) };
        assert_eq!(checkpoint.as_mut().poll(&mut cx), Poll::Ready(expected));
        let state = if cancels { TaskState::Canceling } else { TaskState::Running };
        assert_eq!(job.task_snapshot(&task).unwrap().state, state);
    }
}

#[test]
fn one_that_waits_to_be_suspended_is_woken() {
    let (job, _clock) = job();
    let task = running(&job, "a");
    let (count, mut suspending) = (Arc::new(Count::default()), pin!(task.suspending()));
    let waker = Waker::from(count.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(suspending.as_mut().poll(&mut cx).is_pending());
    assert!(!task.is_suspending());
    job.suspend("");
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert!(suspending.as_mut().poll(&mut cx).is_ready() && task.is_suspending());
    assert_eq!(story(&job, &task).last().unwrap(), "running 1", "it is only asked to");
    assert!(poll(pin!(milepost::Progress::none().suspending())).is_pending());
}

#[test]
fn it_can_be_asked_twice_and_before_the_task_starts() {
    let (job, _clock) = job();
    let (task, other) =
        (job.add_with("walk", (), walks).unwrap(), job.add_with("other", (), walks).unwrap());
    task.suspend("first").unwrap();
    task.suspend("second").unwrap();
    other.suspend("").unwrap();
    other.resume("").unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let (mut run, mut run_of_other) = (hand.next().unwrap(), hand.next().unwrap());
    assert!(!steps(&mut run) && !steps(&mut run_of_other));
    assert_eq!(other.state(), TaskState::Running);
    task.suspend("third").unwrap();
    assert!(!steps(&mut run));
    for _ in 0..2 {
        task.resume("").unwrap();
        assert!(!steps(&mut run));
    }
    let expected =
        ["submitted 1", "running 1", "suspended 1: suspended: second", "running 1: resumed"];
    assert_eq!(story(&job, &task), expected);
    task.suspend("again").unwrap();
    assert!(!steps(&mut run));
    assert_eq!(story(&job, &task).last().unwrap(), "suspended 1: suspended: again");
}

#[test]
fn a_request_that_is_taken_back_in_time_leaves_no_trace() {
    let (job, _clock) = job();
    let task = running(&job, "a");
    let mut checkpoint = pin!(task.checkpoint());
    job.suspend("");
    assert!(poll(checkpoint.as_mut()).is_pending());
    job.resume("");
    assert_eq!(poll(checkpoint), Poll::Ready(Ok(())));
    assert_eq!(story(&job, &task), ["submitted 1", "running 1"]);
}

#[test]
fn a_suspended_job_starts_no_task_and_resumed_it_starts_them_all() {
    let (job, _clock) = job();
    let walks_too = job.add_with("walk", (), walks).unwrap();
    for n in 0..3 {
        job.add(n.to_string(), async |_cx| Ok(())).unwrap();
    }
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(!steps(&mut run));
    let asked = job.suspend("at night");
    assert_eq!((asked.asked, asked.refused.len()), (4, 0), "of all that have not ended");
    assert!(hand.next().is_none());
    assert!(!steps(&mut run));
    assert_eq!(walks_too.state(), TaskState::Suspended);
    assert_eq!(job.counts().of(TaskState::Submitted), 3);
    assert_eq!(job.state(), JobState::Running);
    // One that is resumed alone goes on; no other starts.
    walks_too.resume("").unwrap();
    assert!(!steps(&mut run));
    assert_eq!(walks_too.state(), TaskState::Running);
    assert!(hand.next().is_none());
    assert_eq!(job.resume("").asked, 4);
    while hand.next().map(milepost::TaskRun::run_blocking).is_some() {}
    assert_eq!(job.counts().completed(), 3);
    walks_too.cancel("");
    assert!(steps(&mut run) && job.is_ended());
}

#[test]
fn a_job_that_was_suspended_before_it_is_submitted_waits() {
    let (_, clock) = job();
    let open = Job::builder("open").clock(clock.clock()).open().unwrap();
    let hand = ByHand::default();
    open.suspend("");
    let first = open.add("a", async |_cx| Ok(())).unwrap();
    open.submit(&hand).unwrap();
    let second = open.add("b", async |_cx| Ok(())).unwrap();
    assert!(!hand.run_one());
    open.resume("");
    assert!(hand.run_one() && hand.run_one());
    assert_eq!([first.state(), second.state()], [TaskState::Completed; 2]);
}

#[test]
fn reported_tasks_of_a_suspended_job_park_whether_they_ran_before_or_not() {
    let (job, _clock) = job();
    let runs = running(&job, "runs");
    let waits = job.reporter("waits").unwrap();
    job.suspend("all");
    let late = job.reporter("late").unwrap();
    for task in [&runs, &waits, &late] {
        let _ = task.running();
        let mut checkpoint = pin!(task.checkpoint());
        assert!(poll(checkpoint.as_mut()).is_pending() && poll(checkpoint.as_mut()).is_pending());
        let state = || job.task_snapshot(task).unwrap().state;
        assert_eq!(state(), TaskState::Suspended, "{task:?}");
        job.resume_task(task, "").unwrap();
        assert_eq!(poll(checkpoint), Poll::Ready(Ok(())));
        assert_eq!(state(), TaskState::Running);
    }
}

#[test]
fn whoever_waits_at_a_second_checkpoint_of_the_task_waits_as_well() {
    let (job, _clock) = job();
    let task = running(&job, "two threads");
    job.suspend("");
    let (mut first, mut second) = (pin!(task.checkpoint()), pin!(task.checkpoint()));
    for _ in 0..3 {
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending(), "it runs on in a task that is suspended");
    }
    job.resume("");
    assert_eq!(poll(second), Poll::Ready(Ok(())));
    assert_eq!(poll(first), Poll::Ready(Ok(())));
    let expected = ["submitted 1", "running 1", "suspended 1: suspended", "running 1: resumed"];
    assert_eq!(story(&job, &task), expected);
}

#[test]
fn a_future_that_is_run_by_the_job_parks() {
    let (job, _clock) = job();
    let mut run = pin!(job.run("scan", async |cx| {
        cx.checkpoint().await?;
        cx.checkpoint().await?;
        Ok(5)
    }));
    assert!(poll(run.as_mut()).is_pending());
    let id = milepost::TaskId::new(0);
    job.suspend_task(id, "").unwrap();
    assert!(poll(run.as_mut()).is_pending() && poll(run.as_mut()).is_pending());
    assert_eq!(job.task_snapshot(id).unwrap().state, TaskState::Suspended);
    job.resume_task(id, "").unwrap();
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(job.task_snapshot(id).unwrap().state, TaskState::Running);
    let Poll::Ready(Ok(5)) = poll(run) else { panic!("it goes on") };
}

#[test]
fn a_future_that_is_dropped_while_it_is_parked_cancels_its_task() {
    let (job, _clock) = job();
    let mut run = Box::pin(job.run("scan", async |cx| Ok(cx.checkpoint().await?)));
    job.suspend("");
    assert!(poll(run.as_mut()).is_pending() && poll(run.as_mut()).is_pending());
    assert_eq!(job.counts().of(TaskState::Suspended), 1);
    drop(run);
    assert_eq!(job.counts().canceled(), 1);
}

#[test]
fn a_checkpoint_that_is_dropped_has_the_task_go_on() {
    let (job, clock) = job();
    let task = job.task("a").timeout(ms(100)).reporter().unwrap();
    task.running().unwrap();
    clock.advance(ms(60));
    job.suspend("");
    for _ in 0..2 {
        let mut checkpoint = Box::pin(task.checkpoint());
        assert!(poll(checkpoint.as_mut()).is_pending() && poll(checkpoint.as_mut()).is_pending());
        assert_eq!(job.counts().of(TaskState::Suspended), 1);
        clock.advance(ms(1_000));
        drop(checkpoint);
        assert_eq!(job.counts().running(), 1);
    }
    clock.advance(ms(39));
    assert_eq!(job.counts().running(), 1);
    clock.advance(ms(1));
    assert_eq!(job.counts().of(TaskState::TimedOut), 1);
}

#[test]
fn the_time_in_which_a_task_is_suspended_does_not_count() {
    let (job, clock) = job();
    let task = job.task("walk").timeout(ms(1_000)).add_with((), walks).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    for round in 0..3 {
        clock.advance(ms(300));
        assert!(!steps(&mut run));
        task.suspend("").unwrap();
        assert!(!steps(&mut run));
        assert_eq!(task.state(), TaskState::Suspended, "{round}");
        clock.advance(ms(5_000));
        assert_eq!(task.state(), TaskState::Suspended, "{round}");
        task.resume("").unwrap();
        assert!(!steps(&mut run));
    }
    clock.advance(ms(99));
    assert_eq!(task.state(), TaskState::Running);
    clock.advance(ms(1));
    assert_eq!(task.state(), TaskState::TimedOut);
    assert!(steps(&mut run));
    let failed = task.output().unwrap_err();
    assert!(format!("{failed:#}").contains("ran for longer than 1s"), "{failed:#}");
}

#[test]
fn a_task_that_was_asked_to_park_and_does_not_times_out() {
    let (job, clock) = job();
    let task = job.task("deaf").timeout(ms(1_000)).add(async |_cx| {
        std::future::pending::<()>().await;
        Ok(())
    });
    let (task, hand) = (task.unwrap(), ByHand::default());
    job.submit(&hand).unwrap();
    let mut run = hand.next().unwrap();
    assert!(!steps(&mut run));
    task.suspend("").unwrap();
    clock.advance(ms(1_000));
    assert_eq!(task.state(), TaskState::TimedOut);
}

#[test]
fn what_was_reported_just_before_is_told_while_the_task_is_suspended() {
    let (job, clock) = job();
    let mut told = job.task_progress_updated();
    let (task, run, _hand) = parked(&job, |task| task);
    assert!(drain(&mut told).is_empty(), "the window is open");
    clock.advance(common::WINDOW);
    assert_eq!(values(&drain(&mut told)), [Some(4.0)]);
    assert_eq!(task.state(), TaskState::Suspended);
    drop(run);
}

#[test]
fn a_suspended_task_is_canceled_at_once_or_in_its_grace_period() {
    for now in [true, false] {
        let (job, clock) = job();
        let (task, mut run, _hand) = parked(&job, |task| task);
        if now {
            task.cancel_now("enough");
            assert_eq!(task.state(), TaskState::Canceled);
        } else {
            task.cancel("enough");
            assert_eq!(task.state(), TaskState::Canceling);
        }
        assert!(steps(&mut run), "it goes on to stop");
        assert_eq!(task.state(), TaskState::Canceled);
        assert!(!story(&job, &task).iter().skip(3).any(|told| told.starts_with("running")));
        clock.advance(ms(100_000));
        assert_eq!(job.state(), JobState::Canceled);
    }
}

#[test]
fn a_suspended_task_is_vacated_and_parks_again_until_it_is_resumed() {
    for now in [true, false] {
        let (job, _clock) = job();
        let (task, mut run, hand) = parked(&job, |task| task.timeout(ms(50)));
        if now {
            task.vacate_now("make room").unwrap();
        } else {
            task.vacate("make room").unwrap();
        }
        assert!(steps(&mut run));
        assert_eq!(story(&job, &task).last().unwrap(), "submitted 2: vacated: make room");
        let mut run = hand.next().unwrap();
        assert!(!steps(&mut run));
        assert_eq!(task.state(), TaskState::Suspended, "nobody has resumed it");
        task.resume("").unwrap();
        assert!(!steps(&mut run));
        assert_eq!(task.state(), TaskState::Running);
    }
}

/// Notes what becomes of the places that tasks give up, and gives them back when told.
#[derive(Clone, Default)]
struct Noted {
    hand: ByHand,
    notes: Arc<Mutex<Vec<String>>>,
    free: Arc<AtomicUsize>,
}

struct NotedRest(Noted, Job);

impl NotedRest {
    fn note(&self, note: &str) {
        let state = self.1.task_snapshot(milepost::TaskId::new(0)).unwrap().state;
        self.0.notes.lock().push(format!("{note} while {state}"));
    }
}

impl Rest for NotedRest {
    fn poll_return(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        self.note("asks");
        if self.0.free.load(Ordering::SeqCst) > 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for NotedRest {
    fn drop(&mut self) {
        self.note("goes on");
    }
}

/// The scheduler of a job that it must be told of.
#[derive(Clone)]
struct NotedFor(Noted, Job);

impl Scheduler for NotedFor {
    fn ready(&self, queue: TaskQueue) {
        self.0.hand.ready(queue);
    }

    fn rest(&self, resources: &Resources) -> Box<dyn Rest> {
        let rest = NotedRest(self.0.clone(), self.1.clone());
        rest.note(&format!("{resources:?} rests"));
        Box::new(rest)
    }
}

#[test]
fn a_scheduler_gets_place_and_resources_and_is_asked_for_them_before_the_task_goes_on() {
    for outcome in ["resume", "suspend again", "cancel"] {
        let (job, clock) = job();
        let noted = Noted::default();
        let requires = Resources::new().cores(3);
        let task = job.task("walk").requires(requires.clone()).add_with((), walks).unwrap();
        task.suspend("").unwrap();
        job.submit(&NotedFor(noted.clone(), job.clone())).unwrap();
        let mut run = noted.hand.next().unwrap();
        assert!(!steps(&mut run) && !steps(&mut run));
        let rested = format!("{requires:?} rests while suspended");
        assert_eq!(*noted.notes.lock(), [&*rested], "it is asked for nothing until then");
        task.resume("").unwrap();
        assert!(!step(&mut run));
        assert_eq!(task.state(), TaskState::Suspended, "it has no place");
        assert!(noted.notes.lock().contains(&"asks while suspended".to_owned()));
        match outcome {
            "cancel" => task.cancel(""),
            "resume" => noted.free.store(1, Ordering::SeqCst),
            _ => {
                task.suspend("").unwrap();
                noted.free.store(1, Ordering::SeqCst);
            }
        }
        assert_eq!(steps(&mut run), outcome == "cancel");
        let notes = noted.notes.lock().clone();
        let went_on = notes.iter().position(|note| note.starts_with("goes on")).unwrap();
        let state = if outcome == "cancel" { "canceling" } else { "suspended" };
        assert_eq!(notes[went_on], format!("goes on while {state}"), "the place comes first");
        let expected = match outcome {
            "cancel" => TaskState::Canceled,
            "resume" => TaskState::Running,
            _ => TaskState::Suspended,
        };
        assert_eq!(task.state(), expected);
        clock.advance(common::WINDOW);
        let passed = task.snapshot().unwrap().progress.is_some();
        assert_eq!(passed, outcome == "resume", "{outcome}: it goes on only if it still is to");
        drop(run);
    }
}

#[test]
fn a_deadline_ends_what_is_suspended() {
    let (job, clock) = job_with(|builder| builder.deadline(ms(500)));
    let (task, mut run, _hand) = parked(&job, |task| task.timeout(ms(50)));
    clock.advance(ms(500));
    assert_eq!(task.state(), TaskState::TimedOut);
    assert!(steps(&mut run) && job.is_ended());
}

#[cfg(feature = "local")]
mod local {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc::channel;

    use common::within;
    use milepost::{EventStream, LocalScheduler, TaskStateChanged};

    use super::*;

    /// Reads on until a task has entered a state.
    fn until(changes: &mut EventStream<TaskStateChanged>, task: usize, state: TaskState) {
        loop {
            let change = changes.blocking_next().expect("the job goes on");
            if (change.task.index(), change.to) == (task, state) {
                return;
            }
        }
    }

    /// How many are at it at the same time.
    #[derive(Default)]
    struct Gauge(AtomicUsize, AtomicUsize);

    impl Gauge {
        fn count<R>(&self, code: impl FnOnce() -> R) -> R {
            let now = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            self.1.fetch_max(now, Ordering::SeqCst);
            let result = code();
            self.0.fetch_sub(1, Ordering::SeqCst);
            result
        }

        fn most(&self) -> usize {
            self.1.load(Ordering::SeqCst)
        }
    }

    /// Runs on a runtime with one thread, on which everything happens in turn.
    fn in_turn(test: impl Future<Output = ()> + Send + 'static) {
        within(|| {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
        });
    }

    /// Lets all others do what they can.
    async fn others() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// An async task that runs until the flag is raised.
    fn gated(job: &Job, name: &str, open: &Arc<AtomicBool>) -> TaskHandle<()> {
        let open = open.clone();
        job.add(name, async move |cx| {
            while !open.load(Ordering::SeqCst) {
                cx.check()?;
                tokio::task::yield_now().await;
            }
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn its_place_is_given_to_others_and_it_waits_for_one_to_go_on() {
        in_turn(async {
            let scheduler = LocalScheduler::new(1).unwrap();
            let (first, second) = (Job::new("first"), Job::new("second"));
            let task = first.add_with("walk", (), walks).unwrap();
            first.submit(&scheduler).unwrap();
            others().await;
            first.suspend("");
            let open = Arc::new(AtomicBool::new(false));
            let runs = gated(&second, "runs", &open);
            let waits = gated(&second, "waits", &open);
            second.submit(&scheduler).unwrap();
            others().await;
            assert_eq!(task.state(), TaskState::Suspended);
            assert_eq!(runs.state(), TaskState::Running, "it has the place");
            first.resume("");
            others().await;
            assert_eq!(task.state(), TaskState::Suspended, "there is no place");
            open.store(true, Ordering::SeqCst);
            let mut changes = second.task_state_changed().from_now();
            runs.await.unwrap();
            others().await;
            assert_eq!(task.state(), TaskState::Running, "those that return go first");
            assert_eq!(waits.state(), TaskState::Submitted);
            task.cancel("");
            waits.await.unwrap();
            assert!(drain(&mut changes).len() >= 3);
        });
    }

    #[test]
    fn one_that_is_stopped_while_it_is_parked_does_not_bring_a_place_along() {
        for how in ["cancel", "cancel_now", "vacate", "vacate_now", "hold"] {
            in_turn(async move {
                let scheduler = LocalScheduler::new(1).unwrap();
                let (first, second) = (Job::new("first"), Job::new("second"));
                let task = first.add_with("walk", (), walks).unwrap();
                task.suspend("").unwrap();
                first.submit(&scheduler).unwrap();
                others().await;
                let (open, gauge) = (Arc::new(AtomicBool::new(false)), Arc::new(Gauge::default()));
                let runs = gated(&second, "runs", &open);
                for n in 0..3 {
                    let gauge = gauge.clone();
                    second.add(n.to_string(), async move |_cx| Ok(gauge.count(|| ()))).unwrap();
                }
                second.submit(&scheduler).unwrap();
                others().await;
                assert_eq!(
                    (task.state(), runs.state()),
                    (TaskState::Suspended, TaskState::Running)
                );
                match how {
                    "cancel" => task.cancel(""),
                    "cancel_now" => task.cancel_now(""),
                    "vacate" => task.vacate("").unwrap(),
                    "vacate_now" => task.vacate_now("").unwrap(),
                    _ => task.hold("").unwrap(),
                }
                others().await;
                assert_ne!(task.state(), TaskState::Suspended, "{how}");
                assert_eq!(gauge.most(), 0, "{how}: more run than may");
                assert_eq!(second.counts().running(), 1, "{how}");
                assert_eq!(first.counts().running(), 0, "{how}");
                open.store(true, Ordering::SeqCst);
                second.wait_until_done().await.ok().unwrap();
                // All places are there again.
                first.cancel_now("");
                let third = Job::new("third");
                let last = third.add("last", async |_cx| Ok(1)).unwrap();
                third.submit(&scheduler).unwrap();
                assert_eq!(*last.await.unwrap(), 1, "{how}");
            });
        }
    }

    #[test]
    fn blocking_tasks_park_give_up_their_place_and_go_on() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            let (first, second) = (Job::new("first"), Job::new("second"));
            let task = first
                .add_blocking("walk", |cx| {
                    cx.blocking_checkpoint()?;
                    Ok(cx.attempt())
                })
                .unwrap();
            let mut changes = first.task_state_changed();
            task.suspend("").unwrap();
            first.submit(&scheduler).unwrap();
            until(&mut changes, 0, TaskState::Suspended);
            let other = second.add_blocking("other", |_cx| Ok(2)).unwrap();
            second.submit(&scheduler).unwrap();
            assert_eq!(*other.output().unwrap(), 2, "it has the place");
            assert_eq!(task.state(), TaskState::Suspended);
            task.resume("").unwrap();
            assert_eq!(*task.output().unwrap(), 1);
        });
    }

    #[test]
    fn a_blocking_task_is_stopped_while_it_is_parked() {
        for how in ["cancel", "cancel_now", "vacate", "vacate_now"] {
            within(move || {
                let scheduler = LocalScheduler::new(1).unwrap();
                let job = Job::new("job");
                let (send, seen) = channel();
                let task = job
                    .add_blocking_with("walk", send, |cx, send| {
                        loop {
                            let checked = cx.blocking_checkpoint();
                            send.send((cx.attempt(), checked)).unwrap();
                            checked?;
                            if cx.attempt() == 2 {
                                return Ok(2);
                            }
                        }
                    })
                    .unwrap();
                let mut changes = job.task_state_changed();
                task.suspend("").unwrap();
                job.submit(&scheduler).unwrap();
                until(&mut changes, 0, TaskState::Suspended);
                task.resume("").unwrap();
                until(&mut changes, 0, TaskState::Running);
                task.suspend("").unwrap();
                until(&mut changes, 0, TaskState::Suspended);
                match how {
                    "cancel" => task.cancel(""),
                    "cancel_now" => task.cancel_now(""),
                    "vacate" => task.vacate("").unwrap(),
                    _ => task.vacate_now("").unwrap(),
                }
                let canceled = seen.iter().find(|(_, checked)| checked.is_err()).unwrap();
                assert_eq!(canceled, (1, Err(Canceled)), "{how}");
                if how.starts_with("cancel") {
                    assert_eq!(task.output().unwrap_err().state, TaskState::Canceled);
                } else {
                    until(&mut changes, 0, TaskState::Suspended);
                    task.resume("").unwrap();
                    assert_eq!(*task.output().unwrap(), 2);
                }
                let other = Job::new("other");
                let last = other.add_blocking("last", |_cx| Ok(3)).unwrap();
                other.submit(&scheduler).unwrap();
                assert_eq!(*last.output().unwrap(), 3, "{how}: the place is there again");
            });
        }
    }

    #[test]
    fn blocking_code_that_is_given_up_while_it_is_parked_gives_up_no_second_place() {
        for how in ["cancel_now", "vacate_now"] {
            within(move || {
                let scheduler = LocalScheduler::new(1).unwrap();
                let (first, second) = (Job::new("first"), Job::new("second"));
                let (send, returns) = channel();
                let (release, gate) = channel::<()>();
                let task = first.add_blocking_with("parks", send, |cx, send| {
                    let checked = cx.blocking_checkpoint();
                    send.send(checked).unwrap();
                    Ok(checked?)
                });
                let task = task.unwrap();
                let mut changes = first.task_state_changed();
                task.suspend("").unwrap();
                first.submit(&scheduler).unwrap();
                until(&mut changes, 0, TaskState::Suspended);
                let gauge = Arc::new(Gauge::default());
                let gauges = [gauge.clone(), gauge.clone()];
                let [gauge_of_b, gauge_of_c] = gauges;
                let wait = move |_cx| Ok(gauge_of_b.count(|| gate.recv().unwrap()));
                second.add_blocking("b", wait).unwrap();
                for n in 0..8 {
                    let gauge = gauge_of_c.clone();
                    second.add_blocking(n.to_string(), move |_cx| Ok(gauge.count(|| ()))).unwrap();
                }
                let mut changes = second.task_state_changed();
                second.submit(&scheduler).unwrap();
                until(&mut changes, 0, TaskState::Running);
                first.hold("the next attempt");
                if how == "cancel_now" {
                    task.cancel_now("")
                } else {
                    task.vacate_now("").unwrap()
                }
                assert_eq!(returns.recv(), Ok(Err(Canceled)));
                assert_eq!(second.counts().running(), 1, "{how}");
                release.send(()).unwrap();
                second.wait_until_done().blocking().unwrap().ok().unwrap();
                assert_eq!(gauge.most(), 1, "{how}");
                first.cancel_now("");
            });
        }
    }

    #[test]
    fn however_often_jobs_are_suspended_no_more_run_than_may() {
        within(|| {
            const TASKS: usize = 6;
            let scheduler = LocalScheduler::builder(3).cores(2).build().unwrap();
            let (gauge, cores) = (Arc::new(Gauge::default()), Arc::new(Gauge::default()));
            let jobs: Vec<_> = (0..2).map(|n| Job::new(n.to_string())).collect();
            for (job, n) in jobs.iter().flat_map(|job| (0..TASKS).map(move |n| (job, n))) {
                let (gauge, cores) = (gauge.clone(), cores.clone());
                let work = move || {
                    let spin = || (0..2_000).for_each(|_| std::hint::spin_loop());
                    gauge.count(|| if n % 3 == 0 { cores.count(spin) } else { spin() });
                };
                let required = Resources::new().cores(if n % 3 == 0 { 1 } else { 0 });
                let task = job.task(n.to_string()).requires(required);
                if n % 2 == 0 {
                    let blocks = move |cx: TaskContext| {
                        for _ in 0..300 {
                            work();
                            cx.blocking_checkpoint()?;
                        }
                        Ok(())
                    };
                    task.add_blocking(blocks).unwrap();
                } else {
                    let walks = async move |cx: TaskContext| {
                        for _ in 0..300 {
                            work();
                            cx.checkpoint().await?;
                        }
                        Ok(())
                    };
                    task.add(walks).unwrap();
                }
            }
            jobs.iter().for_each(|job| job.submit(&scheduler).unwrap());
            let mut n = 0usize;
            while !jobs.iter().all(Job::is_ended) {
                let job = &jobs[n % 2];
                job.suspend("");
                std::thread::yield_now();
                // Each third time, only one task goes on first.
                if n.is_multiple_of(3) {
                    let _ = job.resume_task(milepost::TaskId::new((n % TASKS) as u32), "");
                }
                job.resume("");
                n += 1;
            }
            for job in &jobs {
                assert_eq!(job.counts().completed(), TASKS);
                let changes = common::rest(job.task_state_changed());
                assert!(n < 3 || changes.iter().any(|change| change.to == TaskState::Suspended));
            }
            assert!(gauge.most() <= 3, "{} ran at a time", gauge.most());
            assert!(cores.most() <= 2, "{} had cores", cores.most());
        });
    }

    #[test]
    fn one_that_can_not_go_on_for_want_of_resources_does_not_keep_others() {
        in_turn(async {
            let scheduler = LocalScheduler::builder(2).cores(2).build().unwrap();
            let (first, second) = (Job::new("first"), Job::new("second"));
            let two = || Resources::new().cores(2);
            let parks = first.task("parks").requires(two()).add_with((), walks).unwrap();
            parks.suspend("").unwrap();
            first.submit(&scheduler).unwrap();
            others().await;
            assert_eq!(parks.state(), TaskState::Suspended);
            let open = Arc::new(AtomicBool::new(false));
            let gate = open.clone();
            let has_them = second.task("has them").requires(two()).add(async move |_cx| {
                while !gate.load(Ordering::SeqCst) {
                    tokio::task::yield_now().await;
                }
                Ok(())
            });
            second.submit(&scheduler).unwrap();
            others().await;
            let has_them = has_them.unwrap();
            assert_eq!(has_them.state(), TaskState::Running, "it has what the other gave up");
            parks.resume("").unwrap();
            others().await;
            assert_eq!(parks.state(), TaskState::Suspended, "it needs the cores");
            let third = Job::new("third");
            let plain = third.add("plain", async |_cx| Ok(1)).unwrap();
            third.submit(&scheduler).unwrap();
            others().await;
            assert_eq!(plain.state(), TaskState::Completed, "there is a place for it");
            open.store(true, Ordering::SeqCst);
            others().await;
            assert_eq!(parks.state(), TaskState::Running);
            // What is no longer there at all can't be waited for: it goes on, as those that run do.
            parks.suspend("").unwrap();
            others().await;
            scheduler.set_resources(Resources::new().cores(1));
            parks.resume("").unwrap();
            others().await;
            assert_eq!(parks.state(), TaskState::Running);
            parks.cancel("");
            first.wait_until_done().await;
        });
    }

    #[test]
    fn what_is_suspended_ends_with_its_scheduler() {
        within(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
            let runtime = runtime.unwrap();
            let job = Job::new("job");
            let scheduler = runtime.block_on(async { LocalScheduler::new(1).unwrap() });
            let task = job.add("walk", |cx| walks(cx, ())).unwrap();
            task.suspend("").unwrap();
            let mut changes = job.task_state_changed();
            job.submit(&scheduler).unwrap();
            until(&mut changes, 0, TaskState::Suspended);
            runtime.shutdown_background();
            assert_eq!(task.output().unwrap_err().state, TaskState::Interrupted);
        });
    }
}
