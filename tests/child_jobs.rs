//! Jobs that tasks run as their own: on the same scheduler, with the task's place, and with its end.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll};

use common::{ms, within};
use milepost::{
    CancelReason, CauseKind, Child, ChildError, Job, JobState, LocalScheduler, Resources, Rest,
    Scheduler, SubmitError, TaskContext, TaskError, TaskHandle, TaskQueue, TaskState,
};
use parking_lot::Mutex;

/// A job of `n` tasks that do nothing.
fn small(n: usize) -> Job {
    let job = Job::new("child");
    for n in 0..n {
        job.add_blocking(n.to_string(), |_cx| Ok(())).unwrap();
    }
    job
}

#[test]
fn a_child_runs_where_only_one_task_runs_at_a_time() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("parents");
        let blocking = job
            .add_blocking("blocking", |cx| Ok(cx.child(&small(3)).blocking()?.counts.completed()))
            .unwrap();
        let future =
            job.add("async", async |cx| Ok(cx.child(&small(4)).await?.counts.completed())).unwrap();
        job.submit(&scheduler).unwrap();
        assert_eq!(*blocking.output().unwrap(), 3);
        assert_eq!(*future.output().unwrap(), 4);
    });
}

fn nested(cx: &TaskContext, depth: usize) -> Result<usize, TaskError> {
    if depth == 0 {
        return Ok(1);
    }
    let child = Job::new(format!("depth {depth}"));
    let halves: Vec<_> = (0..2)
        .map(|n| child.add_blocking(n.to_string(), move |cx| nested(&cx, depth - 1)))
        .collect::<Result<_, _>>()?;
    cx.child(&child).blocking()?.ok()?;
    let sums = halves.into_iter().map(|half| half.output().map(|sum| *sum));
    Ok(sums.sum::<Result<usize, _>>()?)
}

#[test]
fn children_may_have_children() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::new("tree");
        let leaves = job.add_blocking("root", |cx| nested(&cx, 5)).unwrap();
        job.submit(&scheduler).unwrap();
        assert_eq!(*leaves.output().unwrap(), 32);
    });
}

#[test]
fn two_children_at_once_share_what_their_task_gave_up() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        for (first, second) in [(1, 20), (20, 1), (5, 5)] {
            let job = Job::new("both");
            let both = job
                .add("both", async move |cx: TaskContext| {
                    let run = |n| {
                        let child: Child = cx.child(&small(n));
                        async move { child.await }
                    };
                    let (first, second) = futures::join!(run(first), run(second));
                    Ok(first?.counts.completed() + second?.counts.completed())
                })
                .unwrap();
            job.submit(&scheduler).unwrap();
            assert_eq!(*both.output().unwrap(), first + second);
        }
    });
}

#[test]
fn no_more_tasks_run_than_may() {
    within(|| {
        let scheduler = LocalScheduler::builder(2).cores(2).build().unwrap();
        let running = Arc::new(AtomicUsize::new(0));
        let step = {
            let running = running.clone();
            move || {
                let n = running.fetch_add(1, Ordering::SeqCst);
                assert!(n < 2, "{} tasks run at a time", n + 1);
                std::thread::yield_now();
                running.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let jobs: Vec<_> = (0..3).map(|n| Job::new(format!("job {n}"))).collect();
        for job in &jobs {
            for n in 0..10 {
                let step = step.clone();
                let work = move |cx: TaskContext| {
                    step();
                    let child = Job::new("child");
                    for n in 0..4 {
                        let step = step.clone();
                        let needs = Resources::new().cores(1 + n % 2);
                        let run = move |_cx| Ok(step());
                        child.task("part").requires(needs).add_blocking(run)?;
                    }
                    cx.child(&child).blocking()?.ok()?;
                    Ok(step())
                };
                let task = job.task(n.to_string()).requires(Resources::new().cores(1 + n % 2));
                task.add_blocking(work).unwrap();
            }
            job.submit(&scheduler).unwrap();
        }
        for job in jobs {
            job.wait_until_done().blocking().unwrap().ok().unwrap();
        }
    });
}

#[test]
fn what_a_task_requires_is_free_for_its_child() {
    within(|| {
        let scheduler = LocalScheduler::builder(4).memory(100).build().unwrap();
        let job = Job::new("parent");
        let all = Resources::new().memory(100);
        let task = job.task("task").requires(all.clone()).add_blocking(move |cx| {
            let child = Job::new("child");
            child.task("part").requires(all).add_blocking(|_cx| Ok(()))?;
            Ok(cx.child(&child).blocking()?.state)
        });
        job.submit(&scheduler).unwrap();
        assert_eq!(*task.unwrap().output().unwrap(), JobState::Completed);
    });
}

/// A parent whose child's only task runs until it is stopped, and that child.
fn endless(job: &Job) -> (milepost::TaskHandle<()>, Job) {
    let (began, wait) = channel();
    let child = Job::builder("child").grace(ms(60_000)).build().unwrap();
    child
        .add("endless", async move |cx: TaskContext| {
            began.send(()).unwrap();
            cx.canceled().await;
            cx.check()?;
            Ok(())
        })
        .unwrap();
    let inner = child.clone();
    let task =
        job.add("parent", async move |cx: TaskContext| Ok(drop(cx.child(&inner).await?))).unwrap();
    job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
    wait.recv().unwrap();
    (task, child)
}

#[test]
fn canceling_goes_down_and_the_child_ends_first() {
    within(|| {
        let job = Job::new("job");
        let (task, child) = endless(&job);
        task.cancel("enough");
        let failed = task.output().unwrap_err();
        assert_eq!(failed.state, TaskState::Canceled);
        assert_eq!(child.state(), JobState::Canceled);
        let mut states = child.job_state_changed();
        let causes = std::iter::from_fn(|| states.try_recv()).find_map(|change| change.cause);
        let cause = causes.unwrap();
        assert_eq!((cause.kind, cause.reason), (CauseKind::Canceled, Some(CancelReason::Parent)));
    });
}

#[test]
fn a_parent_that_is_stopped_by_force_stops_its_child_so() {
    within(|| {
        let job = Job::new("job");
        let (task, child) = endless(&job);
        task.cancel_now("at once");
        task.output().unwrap_err();
        child.wait_until_done().blocking().unwrap();
        assert_eq!(child.state(), JobState::Canceled);
    });
}

#[test]
fn a_child_of_blocking_code_that_is_given_up_ends_and_the_place_is_used_again() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let (began, wait) = channel();
        let child = Job::new("child");
        child
            .add("endless", async move |cx: TaskContext| {
                began.send(()).unwrap();
                cx.canceled().await;
                Ok(())
            })
            .unwrap();
        let inner = child.clone();
        let task =
            job.add_blocking("parent", move |cx| Ok(drop(cx.child(&inner).blocking()?))).unwrap();
        job.submit(&scheduler).unwrap();
        wait.recv().unwrap();
        task.cancel_now("at once");
        child.wait_until_done().blocking().unwrap();
        let after = small(5);
        after.submit(&scheduler).unwrap();
        after.wait_until_done().blocking().unwrap().ok().unwrap();
        scheduler.shutdown().blocking();
    });
}

#[test]
fn suspending_goes_down_and_up() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let (began, wait) = channel();
        let child = Job::new("child");
        let mut changes = child.task_state_changed();
        child
            .add("steps", async move |cx: TaskContext| {
                began.send(()).unwrap();
                cx.suspending().await;
                cx.checkpoint().await?;
                Ok(())
            })
            .unwrap();
        let inner = child.clone();
        let task =
            job.add("parent", async move |cx: TaskContext| Ok(cx.child(&inner).await?.state));
        let task = task.unwrap();
        job.submit(&scheduler).unwrap();
        wait.recv().unwrap();
        task.suspend("").unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        task.resume("").unwrap();
        assert_eq!(*task.output().unwrap(), JobState::Completed);
    });
}

#[test]
fn progress_is_rolled_up() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::new("job");
        let bytes = job
            .add_blocking("bytes", |cx| {
                let child = Job::new("copies");
                for n in 1..=3u32 {
                    let copy = child.task(n.to_string()).weight(f64::from(n) * 10.0).unit("bytes");
                    copy.add_blocking(move |cx| Ok(cx.set_progress(n * 10)))?;
                }
                cx.child(&child).progress(&cx).blocking()?;
                Ok(())
            })
            .unwrap();
        let parts = job
            .add_blocking("parts", |cx| {
                let [first, second] = cx.split([("first", 1.0), ("second", 3.0)]);
                cx.child(&small(4)).progress(&first).blocking()?;
                second.set_progress(0.5);
                Ok(())
            })
            .unwrap();
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        let bytes = bytes.snapshot().unwrap();
        let unit = bytes.unit.as_deref();
        assert_eq!((bytes.progress, bytes.total, unit), (Some(60.0), Some(60.0), Some("bytes")));
        let parts = parts.snapshot().unwrap();
        assert_eq!((parts.progress, parts.total), (Some(2.5), Some(4.0)));
    });
}

#[test]
fn progress_of_tasks_is_rolled_up_by_their_shares_while_they_run() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::builder("job").window(ms(1)).build().unwrap();
        let mut progress = job.task_progress_updated();
        let (release, gate) = channel::<()>();
        job.add_blocking("parent", move |cx| {
            let child = Job::builder("child").window(ms(1)).build()?;
            child.add_blocking("half", move |cx| {
                cx.set_total(2);
                cx.set_progress(1);
                Ok(gate.recv().unwrap_or_default())
            })?;
            child.add_blocking("whole", |_cx| Ok(()))?;
            cx.child(&child).progress(&cx).blocking()?;
            Ok(())
        })
        .unwrap();
        job.submit(&scheduler).unwrap();
        while progress.blocking_next().unwrap().fraction() != Some(0.75) {}
        drop(release);
        job.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn a_job_can_not_be_a_child_of_itself_or_of_its_children() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::new("grandparent");
        let errors: Arc<Mutex<Vec<ChildError>>> = Arc::default();
        let (own, noted) = (job.clone(), errors.clone());
        let task = job.add_blocking("task", move |cx| {
            noted.lock().push(cx.child(&own).blocking().unwrap_err());
            let child = Job::new("child");
            let (parent, itself, noted) = (own.clone(), child.clone(), noted.clone());
            child.add_blocking("part", move |cx| {
                for job in [&parent, &itself] {
                    let error = cx.child(job).blocking().unwrap_err();
                    noted.lock().push(error);
                }
                assert!(parent.wait_until_done().blocking().is_err(), "it would wait for ever");
                Ok(())
            })?;
            Ok(cx.child(&child).blocking()?.ok()?)
        });
        job.submit(&scheduler).unwrap();
        task.unwrap().output().unwrap();
        let errors = std::mem::take(&mut *errors.lock());
        assert_eq!(errors.len(), 3);
        for error in errors {
            assert!(matches!(error, ChildError::Cycle { .. }), "{error:?}");
            assert!(error.to_string().contains("make another job"), "no way out: {error}");
        }
    });
}

#[test]
fn a_child_that_can_not_be_submitted_is_an_error() {
    within(|| {
        let scheduler = LocalScheduler::new(2).unwrap();
        let job = Job::new("job");
        let done = small(1);
        done.submit(&scheduler).unwrap();
        let task = job.add_blocking("task", move |cx| {
            let error = cx.child(&done).blocking().unwrap_err();
            assert!(error.source().unwrap().to_string().contains("submitted before"), "{error:?}");
            Ok(())
        });
        job.submit(&scheduler).unwrap();
        task.unwrap().output().unwrap();
        let ran = Job::new("driven");
        let result = futures::executor::block_on(
            ran.run("task", async |cx: TaskContext| Ok(cx.child(&small(1)).await.unwrap_err())),
        );
        assert_eq!(result.unwrap(), ChildError::NoScheduler);
    });
}

#[test]
fn an_async_task_may_not_block_on_a_child() {
    within(|| {
        let job = Job::new("job");
        let task =
            job.add("task", async |cx: TaskContext| Ok(cx.child(&small(1)).blocking().is_err()));
        job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
        assert!(*task.unwrap().output().unwrap());
    });
}

#[test]
fn a_child_goes_before_what_its_task_would_have_gone_before() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let note = |name: &'static str| {
            let order = order.clone();
            move |_cx: TaskContext| Ok(order.lock().push(name))
        };
        let (job, other) = (Job::new("urgent"), Job::builder("other").priority(3).build().unwrap());
        let child = Job::new("child");
        child.add_blocking("part", note("part")).unwrap();
        child.task("urgent part").priority(9).add_blocking(note("urgent part")).unwrap();
        other.add_blocking("other", note("other")).unwrap();
        let submitted = (other.clone(), scheduler.clone());
        let run = move |cx: TaskContext| {
            submitted.0.submit(&submitted.1)?;
            Ok(drop(cx.child(&child).blocking()?))
        };
        job.task("parent").priority(5).add_blocking(run).unwrap();
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        other.wait_until_done().blocking().unwrap().ok().unwrap();
        assert_eq!(*order.lock(), ["urgent part", "part", "other"]);
    });
}

#[test]
fn a_shutdown_waits_for_children_that_are_still_to_come() {
    within(|| {
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("job");
        let (began, wait) = channel();
        let (release, gate) = channel::<()>();
        let task = job.add_blocking("task", move |cx| {
            began.send(()).unwrap();
            gate.recv().unwrap_or_default();
            Ok(cx.child(&small(3)).blocking()?.counts.completed())
        });
        job.submit(&scheduler).unwrap();
        wait.recv().unwrap();
        let shutdown = scheduler.shutdown().into_future();
        let mut shutdown = std::pin::pin!(shutdown);
        let waker = std::task::Waker::noop();
        let mut cx = std::task::Context::from_waker(waker);
        assert!(shutdown.as_mut().poll(&mut cx).is_pending(), "it has begun");
        assert!(small(1).submit(&scheduler).is_err());
        drop(release);
        futures::executor::block_on(shutdown);
        assert_eq!(*task.unwrap().output().unwrap(), 3);
    });
}

#[test]
fn a_child_that_fails_is_no_error_by_itself() {
    within(|| {
        let job = Job::new("job");
        let task = job.add_blocking("task", |cx| {
            let child = Job::new("child");
            child.add_blocking("bad", |_cx| Err::<(), _>(TaskError::msg("no luck")))?;
            let summary = cx.child(&child).blocking()?;
            assert_eq!(summary.counts.failed(), 1);
            summary.ok()?;
            Ok(())
        });
        job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
        let failed = task.unwrap().output().unwrap_err();
        assert!(format!("{failed:#}").contains("no luck"), "{failed:#}");
    });
}

#[test]
fn a_task_that_takes_its_place_back_does_not_give_it_up_twice() {
    within(|| {
        let scheduler = LocalScheduler::builder(3).cores(1).build().unwrap();
        let core = milepost::Resources::new().cores(1);
        let job = Job::new("job");
        let (child_began, began) = channel();
        let (end_child, gate) = channel::<()>();
        let (child_end, child_ended) = channel();
        let (other_end, other_ended) = channel();
        let (go_on, may_go_on) = futures::channel::oneshot::channel::<()>();
        let parent = job
            .task("parent")
            .requires(core.clone())
            .add(async move |cx| {
                let back = AtomicUsize::new(0);
                let first = Job::new("first");
                drop(first.on_job_completed(move |_| child_end.send(()).unwrap()));
                first.add_blocking("task", move |_cx| {
                    child_began.send(()).unwrap();
                    Ok(gate.recv().unwrap_or_default())
                })?;
                let one = async {
                    let _ = cx.child(&first).await;
                    back.store(1, Ordering::SeqCst);
                };
                let other = async {
                    may_go_on.await.unwrap();
                    // By now the other one waits for its core.
                    cx.child(&Job::new("empty")).await.unwrap();
                    for _ in 0..3 {
                        cx.checkpoint().await.unwrap();
                    }
                    other_end.send(()).unwrap();
                    back.load(Ordering::SeqCst)
                };
                Ok(futures::join!(one, other).1)
            })
            .unwrap();
        job.submit(&scheduler).unwrap();
        began.recv().unwrap();
        let (next_began, next) = channel();
        let (end_next, gate) = channel::<()>();
        let next_job = Job::new("next");
        next_job
            .task("task")
            .requires(core)
            .add_blocking(move |_cx| {
                next_began.send(()).unwrap();
                Ok(gate.recv().unwrap_or_default())
            })
            .unwrap();
        next_job.submit(&scheduler).unwrap();
        next.recv().unwrap();
        end_child.send(()).unwrap();
        child_ended.recv().unwrap();
        go_on.send(()).unwrap();
        other_ended.recv().unwrap();
        drop(end_next);
        assert_eq!(*parent.output().unwrap(), 0, "it went on while another one had its core");
    });
}

/// Runs tasks where they become ready, stops the parent by force as its child is accepted, and counts places.
struct Stopping {
    parent: Mutex<Option<TaskHandle<()>>>,
    accepted: AtomicUsize,
    given_up: AtomicUsize,
    lost: AtomicUsize,
}

impl Scheduler for Stopping {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            run.run_blocking();
        }
    }

    fn accept(&self, _queue: &TaskQueue) -> Result<(), SubmitError> {
        if self.accepted.fetch_add(1, Ordering::Relaxed) == 1 {
            self.parent.lock().take().unwrap().cancel_now("");
        }
        Ok(())
    }

    fn worker_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn rest(&self, _resources: &Resources) -> Box<dyn Rest> {
        self.given_up.fetch_add(1, Ordering::Relaxed);
        Box::new(Back)
    }
}

struct Back;

impl Rest for Back {
    fn poll_return(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_task_that_is_given_up_before_it_waits_for_its_child_loses_its_place_once() {
    within(|| {
        let job = Job::new("parents");
        let parent = job.add_blocking("parent", |cx| Ok(drop(cx.child(&small(1)).blocking())));
        // The job needs its scheduler on.
        job.add_blocking("other", |_cx| Ok(())).unwrap().hold("").unwrap();
        let scheduler = Arc::new(Stopping {
            parent: Mutex::new(Some(parent.unwrap())),
            accepted: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        });
        job.submit(&scheduler).unwrap();
        assert_eq!(job.counts().canceled(), 1);
        assert_eq!(scheduler.accepted.load(Ordering::Relaxed), 2);
        assert_eq!(scheduler.lost.load(Ordering::Relaxed), 1);
        assert_eq!(scheduler.given_up.load(Ordering::Relaxed), 0, "it had none any more");
    });
}
