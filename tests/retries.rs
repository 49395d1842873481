//! Retries: which ends of an attempt are tried again, how often and when, and how lost attempts differ from failed ones.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::time::Duration;

use common::{ByHand, at, check_merged, drain, job, job_with, ms, step, story};
use milepost::{
    AddError, Event, Job, JobState, ManualClock, Retry, Scheduler, TaskContext, TaskError,
    TaskFailed, TaskHandle, TaskQueue, TaskState,
};

/// A task that fails with the number of its attempt.
async fn fails(cx: TaskContext, _input: ()) -> Result<u32, TaskError> {
    Err(TaskError::msg(format!("attempt {}", cx.attempt())))
}

fn failing(retry: Retry) -> (Job, ManualClock, TaskHandle<u32>, ByHand) {
    let (job, clock) = job();
    let task = job.task("task").retry(retry).add_with((), fails).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    (job, clock, task, hand)
}

/// Lets time pass a millisecond at a time, and says when attempts were begun.
fn starts(hand: &ByHand, clock: &ManualClock, until: u64) -> Vec<u64> {
    let mut begun = Vec::new();
    for now in 0..=until {
        while hand.run_one() {
            begun.push(now);
        }
        clock.advance(ms(1));
    }
    begun
}

/// The end of a task that did not complete.
fn end(task: TaskHandle<u32>) -> (TaskState, u32, String) {
    let TaskFailed { state, attempts, error, .. } = task.output().unwrap_err();
    (state, attempts, error.unwrap().message.to_string())
}

#[test]
fn delays_are_kept_to_the_millisecond() {
    let retry = Retry::attempts(6).exponential(ms(10), ms(50)).without_jitter();
    let (job, clock, task, hand) = failing(retry);
    assert_eq!(starts(&hand, &clock, 400), [0, 10, 30, 70, 120, 170]);
    assert_eq!(end(task), (TaskState::Failed, 6, "attempt 6".into()));
    let changes = drain(&mut job.task_state_changed());
    let submitted = changes.iter().filter(|change| change.to == TaskState::Submitted);
    let told: Vec<_> = submitted.map(|change| (change.attempt, change.at)).collect();
    let expected = [(1, 0), (2, 0), (3, 10), (4, 30), (5, 70), (6, 120)];
    assert_eq!(told, expected.map(|(attempt, n)| (attempt, at(n))), "told as the last one fails");
}

#[test]
fn without_a_delay_the_next_attempt_is_queued_behind_those_that_wait() {
    let (job, clock) = job();
    let task = job.task("fails").retry(Retry::attempts(3)).add_with((), fails).unwrap();
    let other = job.add_with("other", (), fails).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one() && hand.run_one());
    assert_eq!((task.state(), other.state()), (TaskState::Submitted, TaskState::Failed));
    assert_eq!(starts(&hand, &clock, 10), [0, 0]);
    assert_eq!(end(task).1, 3);
}

#[test]
fn jitter_adds_up_to_as_much_again_and_differs() {
    let mut delays = Vec::new();
    for _ in 0..40 {
        let (_job, clock, _task, hand) = failing(Retry::attempts(2).delay(ms(100)));
        let [0, delay] = starts(&hand, &clock, 300)[..] else { panic!("two attempts") };
        assert!((100..=201).contains(&delay), "{delay}");
        delays.push(delay);
    }
    delays.sort_unstable();
    assert!(delays.first() < delays.last(), "{delays:?}");
}

#[test]
fn a_permanent_error_is_not_tried_again() {
    let (job, _clock) = job();
    let permanent = async |_cx, ()| -> Result<u32, TaskError> {
        Err(TaskError::permanent("no such file").retry_after(ms(1)))
    };
    let task = job.task("task").retry(Retry::attempts(9)).add_with((), permanent).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one() && !hand.run_one());
    assert_eq!(end(task), (TaskState::Failed, 1, "no such file".into()));
}

#[test]
fn an_error_that_names_the_delay_counts_for_more_than_the_policy() {
    const DELAYS: [Duration; 3] = [ms(7), Duration::ZERO, ms(200)];
    let (job, clock) = job();
    let retry = Retry::attempts(5).delay(ms(50)).without_jitter();
    let names = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        let error = TaskError::msg("busy");
        Err(match DELAYS.get(cx.attempt() as usize - 1) {
            Some(delay) => error.retry_after(*delay),
            None => error,
        })
    };
    let task = job.task("task").retry(retry).add_with((), names).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert_eq!(starts(&hand, &clock, 400), [0, 7, 7, 207, 257]);
    assert_eq!(end(task).1, 5);
    // Without a policy, there is no next attempt that it could delay.
    let (job, clock) = common::job();
    let task = job.add_with("task", (), names).unwrap();
    job.submit(&hand).unwrap();
    assert_eq!(starts(&hand, &clock, 400), [0]);
    assert_eq!(end(task).1, 1);
}

#[test]
fn delays_beyond_all_clocks_do_no_harm() {
    let (job, clock, task, hand) = failing(Retry::attempts(2).delay(Duration::MAX));
    assert_eq!(starts(&hand, &clock, 5), [0]);
    clock.advance(Duration::MAX);
    assert_eq!(task.state(), TaskState::Submitted);
    task.cancel("no end");
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn panics_count_as_failures() {
    let (job, clock) = job();
    let retry = Retry::attempts(3).delay(ms(5)).without_jitter();
    let panics = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        match cx.attempt() {
            2 => Err(TaskError::msg("failed")),
            n => panic!("panic {n}"),
        }
    };
    let task = job.task("task").retry(retry).add_with((), panics).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert_eq!(starts(&hand, &clock, 20), [0, 5, 10]);
    let expected = [
        "submitted 1",
        "running 1",
        "submitted 2: to be tried again: panic 1",
        "running 2",
        "submitted 3: to be tried again: failed",
        "running 3",
        "failed 3",
    ];
    assert_eq!(story(&job, &task), expected);
    assert_eq!(end(task), (TaskState::Failed, 3, "panic 3".into()));
}

/// Loses all that it is given.
#[derive(Clone)]
struct Loses;

impl Scheduler for Loses {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            drop(run);
        }
    }
}

#[test]
fn attempts_may_be_lost_five_times_and_that_is_no_policy_of_retries() {
    let (job, _clock) = job();
    let plain = job.add_with("plain", (), fails).unwrap();
    let retried = job.task("retried").retry(Retry::attempts(2)).add_with((), fails).unwrap();
    job.submit(&Loses).unwrap();
    let told = story(&job, &plain);
    assert_eq!(
        told[2],
        "submitted 2: to be tried again: what ran the task has gone before it ended"
    );
    assert_eq!((told.len(), &*told[12]), (13, "interrupted 6"));
    for task in [plain, retried] {
        let (state, attempts, message) = end(task);
        assert_eq!((state, attempts), (TaskState::Interrupted, 6));
        assert_eq!(message, "what ran the task has gone before it ended");
    }
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn how_many_may_be_lost_is_the_jobs_setting() {
    for allowed in [0, 1, 9] {
        let (job, _clock) = job_with(|builder| builder.lost_attempts(allowed));
        let task = job.add_with("task", (), fails).unwrap();
        job.submit(&Loses).unwrap();
        let (state, attempts, _) = end(task);
        assert_eq!((state, attempts), (TaskState::Interrupted, allowed + 1));
    }
}

#[test]
fn a_task_that_can_run_only_once_is_interrupted_by_the_first_loss() {
    let (job, _clock) = job();
    let once = job.add("once", |cx| fails(cx, ())).unwrap();
    let blocking = job.add_blocking("blocking", |_cx| Ok(1)).unwrap();
    job.submit(&Loses).unwrap();
    let (state, attempts, _) = end(once);
    assert_eq!((state, attempts), (TaskState::Interrupted, 1));
    assert_eq!(blocking.output().unwrap_err().state, TaskState::Interrupted);
}

#[test]
fn lost_attempts_are_no_failures_and_failures_no_losses() {
    let (job, _clock) = job_with(|builder| builder.lost_attempts(2));
    let task = job.task("task").retry(Retry::attempts(3)).add_with((), fails).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    for attempt in 1..=4 {
        assert_eq!(task.snapshot().unwrap().attempt, attempt);
        match attempt % 2 {
            0 => assert!(hand.run_one()),
            _ => drop(hand.next().unwrap()),
        }
        assert_eq!(task.state(), TaskState::Submitted);
    }
    assert!(hand.run_one());
    assert_eq!(end(task), (TaskState::Failed, 5, "attempt 5".into()));
}

#[test]
fn what_timed_out_or_was_canceled_is_not_tried_again() {
    let (job, clock) = job();
    let pending = async |_cx, ()| -> Result<u32, TaskError> { std::future::pending().await };
    let (retry, timeout) = (Retry::attempts(9), ms(100));
    let times_out =
        job.task("times out").retry(retry).timeout(timeout).add_with((), pending).unwrap();
    let canceled = job.task("canceled").retry(retry).add_with((), common::obeys).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut runs = [hand.next().unwrap(), hand.next().unwrap()];
    assert!(runs.iter_mut().all(|run| !step(run)));
    clock.advance(ms(100));
    canceled.cancel("");
    assert!(runs.iter_mut().all(step) && hand.next().is_none());
    assert_eq!((end(times_out).0, end(canceled).0), (TaskState::TimedOut, TaskState::Canceled));
}

#[test]
fn a_cancellation_ends_a_task_that_waits_for_its_next_attempt() {
    for of_job in [true, false] {
        let (job, clock, task, hand) =
            failing(Retry::attempts(3).delay(ms(1_000)).without_jitter());
        assert!(hand.run_one());
        clock.advance(ms(500));
        if of_job {
            job.cancel("enough")
        } else {
            task.cancel("enough")
        };
        assert_eq!(story(&job, &task).last().unwrap(), "canceled 2: canceled: enough");
        assert_eq!(job.state(), JobState::Canceled);
        clock.advance(ms(100_000));
        assert!(!hand.run_one());
        assert_eq!(end(task).1, 2);
    }
}

#[test]
fn a_suspended_job_starts_no_next_attempt() {
    let (job, clock, _task, hand) = failing(Retry::attempts(3).delay(ms(10)).without_jitter());
    assert!(hand.run_one());
    job.suspend("");
    clock.advance(ms(100));
    assert!(!hand.run_one());
    job.resume("");
    assert!(hand.run_one());
    assert_eq!(starts(&hand, &clock, 50), [10], "10 ms after the second");
    assert!(job.is_ended());
}

#[test]
fn an_attempt_that_followed_after_a_delay_can_be_suspended() {
    let (job, clock) = job();
    let walks = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        if cx.attempt() == 1 {
            return Err(TaskError::msg("no"));
        }
        loop {
            cx.checkpoint().await?;
        }
    };
    let retry = Retry::attempts(2).delay(ms(10)).without_jitter();
    let task = job.task("task").retry(retry).add_with((), walks).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one());
    clock.advance(ms(10));
    let mut run = hand.next().unwrap();
    task.suspend("").unwrap();
    assert!(!(0..3).any(|_| step(&mut run)));
    assert_eq!(task.state(), TaskState::Suspended);
    task.resume("").unwrap();
    assert!(!(0..3).any(|_| step(&mut run)));
    clock.advance(ms(100_000));
    assert_eq!(task.state(), TaskState::Running, "it has no timeout");
}

#[test]
fn a_retry_starts_without_progress_and_its_events_have_its_number() {
    let (job, clock) = job();
    let mut events = job.events();
    let reports = async |cx: TaskContext, ()| -> Result<u32, TaskError> {
        assert_eq!(cx.property("seen").and_then(|seen| seen.as_i64()).is_some(), cx.attempt() > 1);
        cx.set_property("seen", cx.attempt());
        if cx.attempt() < 3 {
            cx.set_progress(cx.attempt() * 10);
            return Err(TaskError::msg("no"));
        }
        Ok(3)
    };
    let retry = Retry::attempts(3).delay(ms(1_000)).without_jitter();
    let task = job.task("task").retry(retry).add_with((), reports).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    for attempt in 2..=3 {
        assert!(hand.run_one());
        let snapshot = task.snapshot().unwrap();
        assert_eq!((snapshot.attempt, snapshot.progress), (attempt, None));
        clock.advance(ms(1_000));
    }
    assert!(hand.run_one());
    let events = drain(&mut events);
    check_merged(&events, 0);
    let told = events.iter().filter_map(|event| match event {
        Event::TaskProgressUpdated(told) => Some((told.attempt, told.progress)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(1, Some(10.0)), (2, Some(20.0)), (3, None)]);
    let Some(Event::TaskCompleted(end)) =
        events.iter().find(|event| matches!(event, Event::TaskCompleted(_)))
    else {
        panic!("{events:?}")
    };
    assert_eq!((end.attempt, end.progress), (3, None));
}

#[test]
fn a_policy_for_what_can_run_only_once_is_an_error_when_it_is_added() {
    let (job, _clock) = job();
    let refused = job.task("copy").retry(Retry::attempts(2)).add_blocking(|_cx| Ok(()));
    let error = refused.map(|_| ()).unwrap_err();
    assert!(matches!(&error, AddError::NotRestartable { task } if &**task == "copy"));
    let message = error.to_string();
    assert!(message.contains("\"copy\"") && message.contains("add_with"), "{message}");
    let refused = job.task("copy").retry(Retry::attempts(1)).add(|cx| fails(cx, ()));
    assert_eq!(refused.map(|_| ()).unwrap_err(), error);
    assert_eq!((job.last_seq(), job.counts().total()), (0, 0));
}

#[cfg(feature = "local")]
#[test]
fn tasks_of_a_runtime_that_has_gone_are_interrupted_and_not_tried_for_ever() {
    common::within(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        let runtime = runtime.unwrap();
        let job = Job::new("job");
        let scheduler = runtime.block_on(async { milepost::LocalScheduler::new(2).unwrap() });
        let (send, begun) = std::sync::mpsc::channel();
        let pending = async |_cx, send: std::sync::mpsc::Sender<()>| -> Result<u32, TaskError> {
            send.send(()).unwrap();
            std::future::pending().await
        };
        let tasks: Vec<_> =
            (0..3).map(|n| job.add_with(n.to_string(), send.clone(), pending).unwrap()).collect();
        job.submit(&scheduler).unwrap();
        begun.recv().unwrap();
        runtime.shutdown_background();
        for task in tasks {
            assert_eq!(end(task).0, TaskState::Interrupted);
        }
    });
}

#[cfg(feature = "local")]
#[test]
fn a_panic_beside_a_scheduler_that_has_work_is_a_panic() {
    // Its runtime goes while the thread panics, with tasks that wait for a worker.
    common::within(|| {
        let job = Job::new("job");
        let test = job.clone();
        let panics = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let scheduler = milepost::LocalScheduler::new(1).unwrap();
                for n in 0..3 {
                    test.add_with(n.to_string(), (), common::obeys).unwrap();
                }
                test.submit(&scheduler).unwrap();
                tokio::task::yield_now().await;
                panic!("beside");
            })
        });
        assert_eq!(panics.join().unwrap_err().downcast_ref(), Some(&"beside"));
        assert_eq!(job.wait_until_done().blocking().unwrap().state, JobState::Failed);
        assert_eq!(job.counts().of(TaskState::Interrupted), 3);
    });
}
