//! Schedulers: how many tasks run at a time and in which order, where `LocalScheduler` may be made and used, how it ends,
//! retries and timeouts, and the spans that tasks run in.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "local")]
use std::sync::mpsc;
use std::time::Duration;

#[cfg(feature = "local")]
use common::within;
use common::{ByHand, Inline};
use futures::executor::block_on;
use milepost::{
    CauseKind, FailureKind, Job, JobState, ManualClock, Retry, Scheduler, SubmitError, TaskError,
    TaskQueue, TaskState,
};
#[cfg(feature = "local")]
use parking_lot::Mutex;

#[test]
fn a_scheduler_is_told_of_tasks_once_until_it_has_found_none() {
    let hand = ByHand::default();
    let job = Job::builder("told").open().unwrap();
    job.submit(&hand).unwrap();
    assert_eq!(hand.0.lock().len(), 0, "nothing is ready yet");
    for n in 0..3 {
        job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap();
    }
    assert_eq!(hand.0.lock().len(), 1);
    for _ in 0..3 {
        assert!(!hand.next().unwrap().run_blocking());
    }
    assert!(hand.next().is_none());
    job.add_blocking("late", |_cx| Ok(())).unwrap();
    let queues = hand.0.lock().clone();
    // Perhaps more than two: tasks of other jobs, in other tests, may have come between.
    assert!(queues.len() > 1 && queues.is_sorted());
    assert_eq!(queues[1].job_id(), job.id());
    assert!(!queues[1].is_ended());
    hand.next().unwrap().run_blocking();
    let job = job.close();
    assert!(job.is_ended() && queues[0].is_ended());
}

#[test]
fn a_scheduler_that_gives_up_interrupts_what_is_ready() {
    let hand = ByHand::default();
    let job = Job::new("gone");
    let tasks: Vec<_> =
        (0..3).map(|n| job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap()).collect();
    job.submit(&hand).unwrap();
    hand.next().unwrap().run_blocking();
    hand.0.lock()[0].interrupt();
    assert!(hand.next().is_none());
    let states: Vec<_> = tasks.iter().map(|task| task.state()).collect();
    assert_eq!(states, [TaskState::Completed, TaskState::Interrupted, TaskState::Interrupted]);
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn a_scheduler_may_refuse_a_job_which_is_then_as_it_was() {
    #[derive(Clone)]
    struct Full;
    impl Scheduler for Full {
        fn ready(&self, _: TaskQueue) {
            panic!("nothing was accepted");
        }
        fn accept(&self, _: &TaskQueue) -> Result<(), SubmitError> {
            Err(SubmitError::ShutDown)
        }
    }
    let job = Job::new("refused");
    let task = job.add_blocking("a", |_cx| Ok(1)).unwrap();
    let seq = job.last_seq();
    assert_eq!(job.submit(&Full), Err(SubmitError::ShutDown));
    assert_eq!((job.last_seq(), job.state()), (seq, JobState::Pending));
    job.add_blocking("b", |_cx| Ok(2)).unwrap();
    job.submit(&Inline).unwrap();
    assert_eq!(*task.output().unwrap(), 1);
}

#[test]
fn a_failed_task_is_tried_as_often_as_its_policy_says() {
    let job = Job::new("flaky");
    let mut changes = job.task_state_changed();
    let never = job
        .task("never")
        .retry(Retry::attempts(3))
        .add_blocking_with("input", |cx, input| -> Result<(), _> {
            cx.set_progress(cx.attempt());
            Err(TaskError::msg(format!("{input} {}", cx.attempt())))
        })
        .unwrap();
    let third = job
        .task("third")
        .retry(Retry::attempts(9))
        .add_with((), async |cx, ()| match cx.attempt() {
            1 => Err(TaskError::msg("once")),
            2 => panic!("twice"),
            n => Ok(n),
        })
        .unwrap();
    job.submit(&Inline).unwrap();

    let failed = never.output().unwrap_err();
    assert_eq!((failed.state, failed.attempts), (TaskState::Failed, 3));
    assert_eq!(&*failed.error.unwrap().message, "input 3");
    assert_eq!(*third.output().unwrap(), 3);

    let changes: Vec<_> = std::iter::from_fn(|| changes.try_recv()).collect();
    let retries: Vec<_> = changes
        .iter()
        .filter(|change| change.from == TaskState::Running && change.to == TaskState::Submitted)
        .map(|change| {
            let cause = change.cause.as_ref().unwrap();
            assert_eq!((cause.kind, cause.reason), (CauseKind::Retry, None));
            (change.task.index(), change.attempt, cause.message.as_deref().unwrap().to_owned())
        })
        .collect();
    let expected = [(0, 2, "input 1"), (1, 2, "once"), (0, 3, "input 2"), (1, 3, "twice")];
    assert_eq!(retries.iter().map(|(t, n, m)| (*t, *n, &**m)).collect::<Vec<_>>(), expected);
    let mut done = job.task_completed();
    let completions: Vec<_> = std::iter::from_fn(|| done.try_recv()).collect();
    assert_eq!(completions.len(), 2, "one completion a task, whatever its attempts");
    assert!(completions.iter().all(|task| task.attempt == 3));
    let progress: Vec<_> = completions.iter().map(|task| task.progress).collect();
    assert_eq!(progress, [Some(3.0), None]);
}

#[test]
fn a_permanent_error_is_not_tried_again() {
    let job = Job::new("permanent");
    let runs = Arc::new(AtomicUsize::new(0));
    let task = job
        .task("a")
        .retry(Retry::attempts(5))
        .add_blocking_with(runs.clone(), |_cx, runs| -> Result<(), _> {
            runs.fetch_add(1, Ordering::SeqCst);
            Err(TaskError::permanent("no such bucket"))
        })
        .unwrap();
    job.submit(&Inline).unwrap();
    let failed = task.output().unwrap_err();
    assert_eq!((failed.attempts, runs.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(format!("{failed:#}"), "task 0 (a) failed: no such bucket");
}

#[test]
fn a_retry_waits_for_as_long_as_its_error_says() {
    let clock = ManualClock::new();
    let job = Job::builder("backoff").clock(clock.clock()).build().unwrap();
    let task = job
        .task("a")
        .retry(Retry::attempts(3))
        .add_blocking_with((), |cx, ()| match cx.attempt() {
            3 => Ok("at last"),
            n => Err(TaskError::msg("busy").retry_after(Duration::from_secs(10 * u64::from(n)))),
        })
        .unwrap();
    job.submit(&Inline).unwrap();
    let attempt = || task.snapshot().unwrap().attempt;
    assert_eq!((task.state(), attempt()), (TaskState::Submitted, 2));
    clock.advance(Duration::from_millis(9_999));
    assert_eq!((task.state(), attempt()), (TaskState::Submitted, 2));
    clock.advance(Duration::from_millis(1));
    assert_eq!((task.state(), attempt()), (TaskState::Submitted, 3));
    clock.advance(Duration::from_millis(19_999));
    assert_eq!(task.state(), TaskState::Submitted);
    clock.advance(Duration::from_millis(1));
    assert_eq!(*task.output().unwrap(), "at last");
}

#[test]
fn a_task_that_waits_for_its_retry_can_be_canceled() {
    let clock = ManualClock::new();
    let job = Job::builder("backoff").clock(clock.clock()).build().unwrap();
    let task = job
        .task("a")
        .retry(Retry::attempts(2))
        .add_blocking_with((), |cx, ()| {
            assert_eq!(cx.attempt(), 1, "it must not run again");
            Err::<(), _>(TaskError::msg("busy").retry_after(Duration::from_secs(10)))
        })
        .unwrap();
    job.submit(&Inline).unwrap();
    task.cancel("not worth it");
    assert_eq!(task.state(), TaskState::Canceled);
    let seq = job.last_seq();
    clock.advance(Duration::from_secs(3_600));
    assert_eq!((job.last_seq(), job.state()), (seq, JobState::Canceled));
}

#[test]
fn an_attempt_that_runs_too_long_times_out() {
    let clock = ManualClock::new();
    let job = Job::builder("slow").clock(clock.clock()).build().unwrap();
    let hand = ByHand::default();
    let limit = Duration::from_secs(5);
    let slow = job
        .task("slow")
        .timeout(limit)
        .add::<(), _, _>(async |_cx| std::future::pending().await)
        .unwrap();
    let quick = job.task("quick").timeout(limit).add_blocking(|_cx| Ok(1)).unwrap();
    job.submit(&hand).unwrap();
    clock.advance(Duration::from_secs(100));
    assert_eq!(slow.state(), TaskState::Submitted, "waiting in the queue doesn't count");

    let mut run = Box::pin(hand.next().unwrap());
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(run.as_mut().poll(cx).is_pending());
    clock.advance(Duration::from_millis(4_999));
    assert_eq!(slow.state(), TaskState::Running);
    clock.advance(Duration::from_millis(1));
    let failed = block_on(slow).unwrap_err();
    assert_eq!(failed.state, TaskState::TimedOut);
    let error = failed.error.unwrap();
    assert_eq!(error.kind, FailureKind::TimedOut);
    assert!(error.message.contains("5s"), "{error}");
    assert_eq!(run.as_mut().poll(cx), std::task::Poll::Ready(false), "no worker was lost");

    hand.next().unwrap().run_blocking();
    clock.advance(limit);
    assert_eq!(*quick.output().unwrap(), 1);
    assert_eq!(job.state(), JobState::Failed);
}

#[test]
fn a_reported_task_times_out_and_each_attempt_anew() {
    let clock = ManualClock::new();
    let job = Job::builder("slow").clock(clock.clock()).build().unwrap();
    let limit = Duration::from_secs(5);
    let mut task = job.task("a").timeout(limit).reporter().unwrap();
    let state = || job.snapshot().tasks[0].state;
    clock.advance(limit * 2);
    assert_eq!(state(), TaskState::Submitted, "it does not run yet");
    task.running().unwrap();
    clock.advance(limit / 2);
    task.resubmitted("its worker was lost").unwrap();
    clock.advance(limit * 2);
    assert_eq!(state(), TaskState::Submitted);
    task.running().unwrap();
    clock.advance(limit - Duration::from_millis(1));
    task.suspended().unwrap();
    task.running().unwrap();
    assert_eq!(state(), TaskState::Running);
    clock.advance(Duration::from_millis(1));
    assert_eq!(state(), TaskState::TimedOut);
    assert!(task.is_canceled() && task.complete(()).is_err());
}

#[test]
fn a_task_of_a_type_of_its_own_runs_again_and_is_dropped_in_the_end() {
    struct Countdown(Arc<AtomicUsize>);
    impl milepost::Task for Countdown {
        type Output = u32;

        fn name(&self) -> String {
            "countdown".into()
        }

        async fn run(&self, cx: milepost::TaskContext) -> Result<u32, TaskError> {
            match cx.attempt() {
                1 => Err(TaskError::msg("not yet")),
                n => Ok(n),
            }
        }
    }
    impl Drop for Countdown {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let job = Job::new("types");
    let task = job.add_task(Countdown(drops.clone())).unwrap();
    job.submit(&Inline).unwrap();
    let failed = task.output().unwrap_err();
    assert_eq!((&*failed.name, failed.attempts), ("countdown", 1), "no retries unless asked for");
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[cfg(feature = "local")]
mod local {
    use milepost::{CancelReason, LocalScheduler, WaitEnd};
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn multi_threaded(workers: usize) -> Runtime {
        Builder::new_multi_thread().worker_threads(workers).enable_all().build().expect("threads")
    }

    /// How many are inside at a time.
    #[derive(Default)]
    struct Inside {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Inside {
        fn enter(&self) {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
        }

        fn leave(&self) {
            self.now.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Runs tasks that wait for each other in groups of `limit`, so that as many must run at a time.
    fn at_most(limit: usize, is_blocking: fn(usize) -> bool) {
        let scheduler = LocalScheduler::new(limit).unwrap();
        assert_eq!(scheduler.max_concurrency(), limit);
        let inside = Arc::new(Inside::default());
        let meet = Arc::new(tokio::sync::Barrier::new(limit));
        // Two jobs share the limit.
        let jobs = [Job::new("one"), Job::new("two")];
        for n in 0..12 * limit {
            let (inside, meet) = (inside.clone(), meet.clone());
            let job = &jobs[n % 2];
            if is_blocking(n) {
                job.add_blocking(n.to_string(), move |_cx| {
                    inside.enter();
                    block_on(meet.wait());
                    inside.leave();
                    Ok(())
                })
                .unwrap();
            } else {
                job.add(n.to_string(), async move |_cx| {
                    inside.enter();
                    meet.wait().await;
                    inside.leave();
                    Ok(())
                })
                .unwrap();
            }
        }
        for job in &jobs {
            job.submit(&scheduler).unwrap();
        }
        for job in &jobs {
            job.wait_until_done().blocking().unwrap().ok().unwrap();
        }
        assert_eq!(inside.most.load(Ordering::SeqCst), limit);
    }

    #[test]
    fn at_most_as_many_async_tasks_run_at_a_time_as_may() {
        within(|| at_most(3, |_| false));
        within(|| at_most(1, |_| false));
    }

    #[test]
    fn at_most_as_many_blocking_tasks_run_at_a_time_as_may() {
        within(|| at_most(5, |_| true));
        within(|| at_most(1, |_| true));
    }

    #[test]
    fn at_most_as_many_tasks_of_both_kinds_run_at_a_time_as_may() {
        within(|| at_most(4, |n| n % 3 == 0));
        within(|| at_most(2, |n| n % 5 < 2));
        within(|| at_most(1, |n| n % 3 == 0));
    }

    #[test]
    fn async_tasks_that_compute_run_beside_each_other_while_there_are_threads() {
        within(|| {
            let runtime = multi_threaded(2);
            let scheduler = {
                let _inside = runtime.enter();
                LocalScheduler::new(2).unwrap()
            };
            let job = Job::new("busy");
            let meet = Arc::new(std::sync::Barrier::new(2));
            for n in 0..2 {
                let meet = meet.clone();
                // As good as a long computation: each takes up its thread until the other one runs.
                job.add(n.to_string(), async move |_cx| Ok(meet.wait().is_leader())).unwrap();
            }
            job.submit(&scheduler).unwrap();
            let wait = job.wait_until_done().timeout(Duration::from_secs(20));
            let end = wait.blocking().unwrap().end;
            runtime.shutdown_background();
            assert_eq!(end, WaitEnd::Done, "one thread has idled meanwhile");
        });
    }

    #[test]
    fn one_at_a_time_keeps_the_order_of_adding_and_of_submission() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            let order = Arc::new(Mutex::new(Vec::new()));
            let (release, gate) = mpsc::channel::<()>();
            let first = Job::new("first");
            first.add_blocking("gate", move |_cx| Ok(gate.recv()?)).unwrap();
            first.submit(&scheduler).unwrap();
            let jobs: Vec<_> = (0..3).map(|n| Job::new(n.to_string())).collect();
            for (j, job) in jobs.iter().enumerate() {
                for n in 0..100 {
                    let order = order.clone();
                    if n % 7 == 3 {
                        let run = move |_cx| Ok(order.lock().push((j, n)));
                        job.add_blocking(n.to_string(), run).unwrap();
                    } else {
                        let run = async move |_cx| Ok(order.lock().push((j, n)));
                        job.add(n.to_string(), run).unwrap();
                    }
                }
                job.submit(&scheduler).unwrap();
            }
            release.send(()).unwrap();
            for job in &jobs {
                job.wait_until_done().blocking().unwrap().ok().unwrap();
            }
            let expected: Vec<_> = (0..3).flat_map(|j| (0..100).map(move |n| (j, n))).collect();
            assert_eq!(*order.lock(), expected);
        });
    }

    #[test]
    fn many_jobs_at_once_all_end() {
        within(|| {
            let scheduler = LocalScheduler::new(4).unwrap();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let scheduler = scheduler.clone();
                    std::thread::spawn(move || {
                        let jobs: Vec<_> = (0..50)
                            .map(|n| {
                                let job = Job::new(n.to_string());
                                for n in 0..40 {
                                    if n % 2 == 0 {
                                        job.add(n.to_string(), async |cx| {
                                            Ok(cx.checkpoint().await?)
                                        })
                                        .unwrap();
                                    } else {
                                        job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap();
                                    }
                                }
                                job.submit(&scheduler).unwrap();
                                job
                            })
                            .collect();
                        for job in jobs {
                            let summary = job.wait_until_done().blocking().unwrap().ok().unwrap();
                            assert_eq!(summary.counts.completed(), 40);
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    }

    #[test]
    fn a_hundred_thousand_tiny_tasks_finish() {
        within(|| {
            let scheduler = LocalScheduler::new(4).unwrap();
            let job = Job::new("tiny");
            for n in 0..100_000u32 {
                job.add("t", async move |_cx| Ok(n)).unwrap();
            }
            let mut done = job.task_completed();
            job.submit(&scheduler).unwrap();
            let mut seen = vec![false; 100_000];
            while let Some(task) = done.blocking_next() {
                let n = *task.output::<u32>().unwrap() as usize;
                assert_eq!(n, task.task.index());
                assert!(!std::mem::replace(&mut seen[n], true), "twice");
            }
            assert!(seen.into_iter().all(|seen| seen));
            assert_eq!(job.counts().completed(), 100_000);
        });
    }

    #[test]
    fn it_works_inside_a_single_threaded_runtime() {
        within(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let scheduler = LocalScheduler::new(4).unwrap();
                let job = Job::new("inside");
                let here = std::thread::current().id();
                let on = job.add("async", async |_cx| Ok(std::thread::current().id())).unwrap();
                let off =
                    job.add_blocking("blocking", |_cx| Ok(std::thread::current().id())).unwrap();
                let spawns =
                    job.add("spawns", async |_cx| Ok(tokio::spawn(async { 1 }).await?)).unwrap();
                job.submit(&scheduler).unwrap();
                job.wait_until_done().await.ok().unwrap();
                assert_eq!(*on.await.unwrap(), here);
                assert_ne!(*off.await.unwrap(), here);
                assert_eq!(*spawns.await.unwrap(), 1);
            });
        });
    }

    #[test]
    fn it_works_inside_a_multi_threaded_runtime() {
        within(|| {
            multi_threaded(2).block_on(async {
                let scheduler = LocalScheduler::new(4).unwrap();
                let job = Job::new("inside");
                let runtime = tokio::runtime::Handle::current().id();
                let there = move || tokio::runtime::Handle::current().id() == runtime;
                let one = job.add("async", async move |_cx| Ok(there())).unwrap();
                let two = job.add_blocking("blocking", move |_cx| Ok(there())).unwrap();
                job.submit(&scheduler).unwrap();
                assert!(*one.await.unwrap() && *two.await.unwrap());
                // Blocking is fine on a worker, for the others go on.
                let job = Job::new("blocked on");
                job.add("async", async |cx| Ok(cx.checkpoint().await?)).unwrap();
                job.submit(&scheduler).unwrap();
                job.wait_until_done().blocking().unwrap().ok().unwrap();
            });
        });
    }

    #[test]
    fn blocking_on_the_only_worker_of_a_runtime_lets_it_go_on() {
        within(|| {
            let runtime = multi_threaded(1);
            let summary = runtime.block_on(async {
                let scheduler = LocalScheduler::new(1).unwrap();
                tokio::spawn(async move {
                    let job = Job::new("blocked on");
                    job.add("async", async |cx| Ok(cx.checkpoint().await?)).unwrap();
                    job.submit(&scheduler).unwrap();
                    job.wait_until_done().blocking().unwrap()
                })
                .await
                .unwrap()
            });
            assert_eq!(summary.state, JobState::Completed);
        });
    }

    #[test]
    fn it_works_from_a_plain_thread_with_tokio_inside_its_tasks() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::new("outside");
            let one = job
                .add("async", async |_cx| {
                    tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.ok();
                    Ok(tokio::spawn(async { 1 }).await?)
                })
                .unwrap();
            let two = job
                .add_blocking("blocking", |_cx| {
                    Ok(tokio::runtime::Handle::current().block_on(async { 2 }))
                })
                .unwrap();
            job.submit(&scheduler).unwrap();
            assert_eq!((*one.output().unwrap(), *two.output().unwrap()), (1, 2));
        });
    }

    #[test]
    fn a_task_may_block_in_place_on_a_multi_threaded_runtime() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::new("in place");
            let (send, receive) = mpsc::channel();
            let waits = job
                .add("waits", async move |_cx| {
                    Ok(tokio::task::block_in_place(|| receive.recv().unwrap()))
                })
                .unwrap();
            job.add("sends", async move |_cx| Ok(send.send(7)?)).unwrap();
            job.submit(&scheduler).unwrap();
            assert_eq!(*waits.output().unwrap(), 7);
            job.wait_until_done().blocking().unwrap().ok().unwrap();
        });
    }

    #[test]
    fn a_dropped_scheduler_goes_on_until_its_jobs_have_ended() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            let job = Job::new("outlives");
            let (release, gate) = mpsc::channel::<()>();
            let first = job.add_blocking("gate", move |_cx| Ok(gate.recv()?)).unwrap();
            let second = job.add("after", async |cx| Ok(cx.checkpoint().await?)).unwrap();
            job.submit(&scheduler).unwrap();
            drop(scheduler);
            release.send(()).unwrap();
            first.output().unwrap();
            second.output().unwrap();
            assert!(job.wait_until_done().blocking().unwrap().state.is_success());
        });
    }

    #[test]
    fn tasks_of_a_dropped_runtime_are_interrupted() {
        within(|| {
            let runtime = multi_threaded(2);
            let scheduler = {
                let _inside = runtime.enter();
                LocalScheduler::new(2).unwrap()
            };
            let job = Job::new("lost");
            for n in 0..6 {
                job.add::<(), _, _>(n.to_string(), async |_cx| std::future::pending().await)
                    .unwrap();
            }
            let mut changes = job.task_state_changed();
            job.submit(&scheduler).unwrap();
            for _ in 0..2 {
                while changes.blocking_next().unwrap().to != TaskState::Running {}
            }
            drop(runtime);
            let summary =
                job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
            assert_eq!(summary.end, WaitEnd::Done);
            assert_eq!(summary.counts.of(TaskState::Interrupted), 6);
            assert_eq!(summary.state, JobState::Failed);
            let late = Job::new("late");
            late.add("a", async |_cx| Ok(())).unwrap();
            assert_eq!(late.submit(&scheduler), Err(SubmitError::ShutDown));
        });
    }

    #[test]
    fn tasks_that_come_after_their_runtime_was_dropped_do_not_wait_for_ever() {
        within(|| {
            let runtime = multi_threaded(1);
            let scheduler = {
                let _inside = runtime.enter();
                LocalScheduler::new(1).unwrap()
            };
            drop(runtime);
            let job = Job::new("late");
            job.add("a", async |_cx| Ok(())).unwrap();
            job.add("b", async |_cx| Ok(())).unwrap();
            if job.submit(&scheduler).is_ok() {
                let summary =
                    job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
                assert_eq!(summary.end, WaitEnd::Done);
                assert_eq!(summary.counts.of(TaskState::Interrupted), 2);
            }
        });
    }

    #[test]
    fn async_tasks_behind_a_blocking_one_of_a_dropped_runtime_are_interrupted() {
        within(|| {
            let runtime = multi_threaded(1);
            let scheduler = {
                let _inside = runtime.enter();
                LocalScheduler::new(1).unwrap()
            };
            let job = Job::new("half lost");
            let (release, gate) = mpsc::channel::<()>();
            let first = job.add_blocking("gate", move |_cx| Ok(gate.recv()?)).unwrap();
            for n in 0..2 {
                job.add(n.to_string(), async |_cx| Ok(())).unwrap();
            }
            let mut changes = job.task_state_changed();
            job.submit(&scheduler).unwrap();
            while changes.blocking_next().unwrap().to != TaskState::Running {}
            drop(runtime);
            release.send(()).unwrap();
            first.output().unwrap();
            let summary =
                job.wait_until_done().timeout(Duration::from_secs(20)).blocking().unwrap();
            assert_eq!(summary.end, WaitEnd::Done);
            assert_eq!(summary.counts.of(TaskState::Interrupted), 2);
        });
    }

    #[test]
    fn a_shutdown_lets_jobs_finish_and_takes_no_more() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let (release, gate) = mpsc::channel::<()>();
            let job = Job::new("last");
            job.add_blocking("gate", move |_cx| Ok(gate.recv()?)).unwrap();
            job.add("after", async |_cx| Ok(())).unwrap();
            job.submit(&scheduler).unwrap();
            let mut shutdown = Box::pin(std::future::IntoFuture::into_future(scheduler.shutdown()));
            let late = Job::new("late");
            late.add_blocking("a", |_cx| Ok(1)).unwrap();
            let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(shutdown.as_mut().poll(cx).is_pending());
            let error = late.submit(&scheduler.clone()).unwrap_err();
            assert_eq!(error, SubmitError::ShutDown);
            assert!(error.to_string().contains("shut down"), "{error}");
            assert_eq!(late.state(), JobState::Pending);
            release.send(()).unwrap();
            let report = block_on(shutdown);
            assert_eq!((report.finished, report.canceled), (vec![job.id()], vec![]));
            assert_eq!(job.state(), JobState::Completed);
            late.submit(&Inline).unwrap();
            assert!(late.state().is_success());
        });
    }

    #[test]
    fn a_shutdown_cancels_what_has_not_ended_in_time() {
        within(|| {
            let clock = ManualClock::new();
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = |name: &str| Job::builder(name).clock(clock.clock()).build().unwrap();
            let (quick, yields, stuck) = (job("quick"), job("yields"), job("stuck"));
            quick.add("a", async |_cx| Ok(())).unwrap();
            yields.add("a", async |cx| Ok(cx.canceled().await)).unwrap();
            let mut states = yields.task_state_changed();
            let mut causes = yields.job_state_changed();
            let (release, gate) = mpsc::channel::<()>();
            let (runs, running) = mpsc::channel();
            stuck
                .add_blocking("a", move |_cx| {
                    runs.send(())?;
                    Ok(gate.recv()?)
                })
                .unwrap();
            quick.submit(&scheduler).unwrap();
            quick.wait_until_done().blocking().unwrap().ok().unwrap();
            stuck.submit(&scheduler).unwrap();
            yields.submit(&scheduler).unwrap();
            running.recv().unwrap();
            while states.blocking_next().unwrap().to != TaskState::Running {}
            let shutdown =
                scheduler.shutdown().timeout(Duration::from_secs(10)).clock(clock.clock());
            let mut shutdown = Box::pin(std::future::IntoFuture::into_future(shutdown));
            let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
            assert!(shutdown.as_mut().poll(cx).is_pending());
            clock.advance(Duration::from_secs(10));
            assert!(shutdown.as_mut().poll(cx).is_pending());
            assert_eq!(stuck.state(), JobState::Canceling);
            yields.wait_until_done().blocking().unwrap();
            // The stuck one is given up after its grace.
            clock.advance(Duration::from_secs(30));
            let report = block_on(shutdown);
            assert_eq!(report.finished, [quick.id()]);
            let mut canceled = report.canceled.clone();
            canceled.sort();
            let mut expected = [stuck.id(), yields.id()];
            expected.sort();
            assert_eq!(canceled, expected);
            let cause = std::iter::from_fn(|| causes.try_recv()).find_map(|change| change.cause);
            assert_eq!(cause.unwrap().reason, Some(CancelReason::Shutdown));
            assert_eq!(yields.counts().completed(), 1, "an Ok is an Ok");
            assert_eq!(stuck.state(), JobState::Canceled);
            release.send(()).unwrap();
        });
    }

    #[test]
    fn a_shutdown_without_jobs_or_asked_for_twice_returns() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            drop(scheduler.shutdown());
            let job = Job::new("after a shutdown that was not awaited");
            job.submit(&scheduler).unwrap();
            drop(job);
            for _ in 0..2 {
                let report = scheduler.shutdown().timeout(Duration::MAX).blocking();
                assert_eq!(report.canceled, []);
            }
        });
    }

    #[test]
    fn a_submit_that_failed_leaves_the_job_out_of_the_schedulers_shutdown() {
        within(|| {
            let (one, other) = (LocalScheduler::new(1).unwrap(), LocalScheduler::new(1).unwrap());
            let job = Job::new("runs on one");
            let (release, gate) = mpsc::channel::<()>();
            job.add_blocking("gate", move |_cx| Ok(gate.recv()?)).unwrap();
            job.submit(&one).unwrap();
            assert!(job.submit(&one).is_err());
            assert!(job.submit(&other).is_err());
            let report = other.shutdown().timeout(Duration::ZERO).blocking();
            release.send(()).ok();
            assert_eq!((report.finished, report.canceled), (vec![], vec![]));
            assert_eq!(one.shutdown().blocking().finished, [job.id()], "once");
            assert_eq!(job.state(), JobState::Completed);
        });
    }

    #[test]
    fn timeouts_and_retries_work_on_the_local_scheduler() {
        within(|| {
            let clock = ManualClock::new();
            let job = Job::builder("timed").clock(clock.clock()).build().unwrap();
            let mut changes = job.task_state_changed();
            let (release, gate) = mpsc::channel::<()>();
            let (runs, running) = mpsc::channel();
            let slow = job
                .task("slow")
                .timeout(Duration::from_secs(1))
                .add::<(), _, _>(async |_cx| std::future::pending().await)
                .unwrap();
            let stuck = job
                .task("stuck")
                .timeout(Duration::from_secs(1))
                .add_blocking(move |_cx| {
                    runs.send(())?;
                    Ok(gate.recv()?)
                })
                .unwrap();
            let flaky = job
                .task("flaky")
                .retry(Retry::attempts(2))
                .add_with((), async |cx, ()| match cx.attempt() {
                    1 => Err(TaskError::msg("busy").retry_after(Duration::from_secs(60))),
                    n => Ok(n),
                })
                .unwrap();
            job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
            for task in [0, 1] {
                while changes.blocking_next().unwrap().to != TaskState::Running {}
                if task == 1 {
                    running.recv().unwrap();
                }
                clock.advance(Duration::from_secs(1));
                let ended = std::iter::from_fn(|| changes.blocking_next())
                    .find(|change| change.to.is_terminal())
                    .unwrap();
                assert_eq!((ended.task.index(), ended.to), (task, TaskState::TimedOut));
            }
            let error = stuck.output().unwrap_err().error.unwrap();
            assert!(error.message.contains("did not yield"), "{error}");
            let error = slow.output().unwrap_err().error.unwrap();
            assert!(!error.message.contains("did not yield"), "{error}");
            // The place of the one that is stuck was filled.
            while changes.blocking_next().unwrap().attempt != 2 {}
            clock.advance(Duration::from_secs(60));
            assert_eq!(*flaky.output().unwrap(), 2);
            release.send(()).unwrap();
        });
    }
}
