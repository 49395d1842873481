//! Tasks that require cores, memory or labels wait for them, and fail at once if they never come.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use common::within;
use milepost::{
    FailureKind, Job, JobState, LocalScheduler, NewTask, Resources, TaskHandle, TaskState,
};
use parking_lot::Mutex;
use proptest::prelude::*;

/// A task that says when it has begun and runs until it is released.
struct Gated {
    task: TaskHandle<()>,
    began: Receiver<()>,
    release: Sender<()>,
}

fn gated(job: &Job, name: &str, resources: Resources) -> Gated {
    let (began, wait) = channel();
    let (release, gate) = channel::<()>();
    let run = move |_cx| {
        began.send(()).unwrap();
        Ok(gate.recv().unwrap_or_default())
    };
    let task = job.task(name).requires(resources).add_blocking(run).unwrap();
    Gated { task, began: wait, release }
}

fn cores(n: u32) -> Resources {
    Resources::new().cores(n)
}

#[test]
fn a_task_waits_until_what_it_requires_is_free() {
    within(|| {
        let scheduler = LocalScheduler::builder(8).cores(4).build().unwrap();
        let job = Job::new("job");
        let (first, second) = (gated(&job, "first", cores(3)), gated(&job, "second", cores(2)));
        job.submit(&scheduler).unwrap();
        first.began.recv().unwrap();
        // One that requires nothing passes, and shows that the scheduler has looked.
        let other = Job::new("other");
        let passes = gated(&other, "passes", Resources::new());
        other.submit(&scheduler).unwrap();
        passes.began.recv().unwrap();
        assert_eq!(second.task.state(), TaskState::Submitted);
        drop(first.release);
        second.began.recv().unwrap();
        drop((second.release, passes.release));
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        other.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn nobody_waits_behind_one_that_runs_already() {
    within(|| {
        // Of the first, another one would not fit.
        let scheduler = LocalScheduler::builder(8).cores(3).build().unwrap();
        let (job, other) = (Job::new("job"), Job::new("other"));
        let (first, second) = (gated(&job, "first", cores(2)), gated(&other, "second", cores(1)));
        job.submit(&scheduler).unwrap();
        first.began.recv().unwrap();
        other.submit(&scheduler).unwrap();
        second.began.recv().unwrap();
        drop((first.release, second.release));
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        other.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn one_that_requires_much_is_not_overtaken_by_those_that_require_little() {
    within(|| {
        let scheduler = LocalScheduler::builder(8).cores(4).build().unwrap();
        let job = Job::new("job");
        let first = gated(&job, "first", cores(1));
        let large = gated(&job, "large", cores(4));
        let small = gated(&job, "small", cores(1));
        let plain = gated(&job, "plain", Resources::new());
        job.submit(&scheduler).unwrap();
        first.began.recv().unwrap();
        plain.began.recv().unwrap();
        assert_eq!(small.task.state(), TaskState::Submitted, "it waits behind the large one");
        drop(first.release);
        large.began.recv().unwrap();
        assert_eq!(small.task.state(), TaskState::Submitted);
        drop(large.release);
        small.began.recv().unwrap();
        drop((small.release, plain.release));
        job.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn one_that_can_never_run_fails_at_once_and_says_what_it_lacks() {
    within(|| {
        let scheduler = LocalScheduler::builder(2).memory(1 << 20).label("eu").build().unwrap();
        let job = Job::builder("open").open().unwrap();
        let asks = Resources::new().cores(3).memory(2 << 20).label("gpu");
        let before = job.task("before").requires(asks.clone()).add_blocking(|_cx| Ok(())).unwrap();
        let fine = job.task("fine").requires(cores(2).label("eu")).add_blocking(|_cx| Ok(()));
        job.submit(&scheduler).unwrap();
        let after = job.task("after").requires(asks.clone()).add_blocking(|_cx| Ok(())).unwrap();
        job.feed([NewTask::blocking("fed", |_cx| Ok(())).requires(asks)], 8);
        for task in [before, after] {
            let failed = task.output().unwrap_err();
            assert_eq!(failed.state, TaskState::Failed);
            let error = failed.error.unwrap();
            assert_eq!(error.kind, FailureKind::Unsatisfiable);
            let lacks = "3 cores of 2, 2097152 bytes of memory of 1048576, the label \"gpu\"";
            assert!(error.message.contains(lacks), "{error}");
            assert!(error.message.contains("LocalScheduler::builder"), "no way out: {error}");
        }
        fine.unwrap().output().unwrap();
        let summary = job.close().wait_until_done().blocking().unwrap();
        assert_eq!((summary.counts.completed(), summary.counts.failed()), (1, 3));
        assert_eq!(summary.state, JobState::Failed);
    });
}

#[test]
fn by_choice_it_waits_until_there_is_more() {
    within(|| {
        let scheduler = LocalScheduler::builder(2).wait_for_resources().build().unwrap();
        let job = Job::new("job");
        let task = gated(&job, "large", cores(64).label("gpu"));
        let plain = gated(&job, "plain", Resources::new());
        job.submit(&scheduler).unwrap();
        plain.began.recv().unwrap();
        assert_eq!(task.task.state(), TaskState::Submitted);
        scheduler.set_resources(scheduler.resources().cores(64));
        assert_eq!(task.task.state(), TaskState::Submitted, "the label is still missing");
        scheduler.set_resources(scheduler.resources().label("gpu"));
        task.began.recv().unwrap();
        drop((task.release, plain.release));
        job.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn one_that_requires_a_label_alone_waits_for_it() {
    within(|| {
        let scheduler = LocalScheduler::builder(2).wait_for_resources().build().unwrap();
        let job = Job::new("job");
        let labelled = gated(&job, "labelled", Resources::new().label("gpu"));
        let plain = gated(&job, "plain", Resources::new());
        job.submit(&scheduler).unwrap();
        plain.began.recv().unwrap();
        assert_eq!(labelled.task.state(), TaskState::Submitted, "the label is missing");
        scheduler.set_resources(scheduler.resources().label("gpu"));
        labelled.began.recv().unwrap();
        drop((labelled.release, plain.release));
        job.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn nobody_waits_behind_one_that_waits_for_what_is_not_there() {
    within(|| {
        let scheduler = LocalScheduler::builder(2).wait_for_resources().build().unwrap();
        let job = Job::new("job");
        let waits = gated(&job, "waits", cores(1).label("gpu"));
        let passes = gated(&job, "passes", cores(2));
        job.submit(&scheduler).unwrap();
        passes.began.recv().unwrap();
        assert_eq!(waits.task.state(), TaskState::Submitted);
        drop(passes.release);
        passes.task.output().unwrap();
        scheduler.set_resources(scheduler.resources().label("gpu"));
        waits.began.recv().unwrap();
        drop(waits.release);
        job.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn what_waits_for_resources_that_are_taken_away_fails() {
    within(|| {
        let scheduler = LocalScheduler::builder(4).cores(2).build().unwrap();
        let job = Job::new("job");
        let first = gated(&job, "first", cores(2));
        let second = gated(&job, "second", cores(2));
        job.submit(&scheduler).unwrap();
        first.began.recv().unwrap();
        scheduler.set_resources(cores(1));
        let failed = second.task.output().unwrap_err();
        assert!(format!("{failed:#}").contains("2 cores of 1"), "{failed:#}");
        drop(first.release);
        first.task.output().unwrap();
    });
}

#[test]
fn a_canceled_task_takes_nothing_any_more() {
    within(|| {
        let scheduler = LocalScheduler::builder(4).cores(1).build().unwrap();
        let job = Job::new("job");
        let first = gated(&job, "first", cores(1));
        let canceled = gated(&job, "canceled", cores(1));
        let last = gated(&job, "last", cores(1));
        job.submit(&scheduler).unwrap();
        first.began.recv().unwrap();
        canceled.task.cancel("not needed");
        drop(first.release);
        last.began.recv().unwrap();
        drop(last.release);
        let summary = job.wait_until_done().blocking().unwrap();
        assert_eq!((summary.counts.completed(), summary.counts.canceled()), (2, 1));
    });
}

#[test]
fn code_that_is_given_up_keeps_its_resources_but_not_its_place() {
    within(|| {
        let scheduler = LocalScheduler::builder(1).cores(2).build().unwrap();
        let job = Job::new("job");
        let stuck = gated(&job, "stuck", cores(2));
        let plain = gated(&job, "plain", Resources::new());
        let waits = gated(&job, "waits", cores(1));
        job.submit(&scheduler).unwrap();
        stuck.began.recv().unwrap();
        stuck.task.cancel_now("enough");
        plain.began.recv().unwrap();
        drop(plain.release);
        plain.task.output().unwrap();
        assert_eq!(waits.task.state(), TaskState::Submitted, "the stuck code has the cores");
        drop(stuck.release);
        waits.began.recv().unwrap();
        drop(waits.release);
        job.wait_until_done().blocking().unwrap();
    });
}

#[test]
fn tasks_that_no_longer_wait_keep_no_others_waiting() {
    let verbs: [fn(&Job, &TaskHandle<()>); 5] = [
        |_, large| large.cancel("not needed"),
        |job, _| job.cancel("not needed"),
        |_, large| large.hold("not now").unwrap(),
        |job, _| drop(job.hold("not now")),
        |job, _| drop(job.suspend("not now")),
    ];
    for verb in verbs {
        within(move || {
            let scheduler = LocalScheduler::builder(3).cores(4).build().unwrap();
            let (first, job, other) = (Job::new("first"), Job::new("job"), Job::new("other"));
            let busy = gated(&first, "busy", cores(1));
            first.submit(&scheduler).unwrap();
            busy.began.recv().unwrap();
            let large = gated(&job, "large", cores(4));
            let larger = gated(&job, "larger", cores(5));
            let small = gated(&other, "small", cores(1));
            larger.task.cancel("");
            job.submit(&scheduler).unwrap();
            other.submit(&scheduler).unwrap();
            assert_eq!(small.task.state(), TaskState::Submitted, "it waits behind the large one");
            verb(&job, &large.task);
            small.began.recv().unwrap();
            drop(small.release);
            other.wait_until_done().blocking().unwrap().ok().unwrap();
            // It comes back if it is wanted after all.
            if !large.task.state().is_terminal() {
                drop(busy.release);
                job.release("");
                job.resume("");
                large.began.recv().unwrap();
            }
        });
    }
}

#[test]
fn a_task_that_was_suspended_goes_on_though_there_is_no_longer_what_it_requires() {
    within(|| {
        let scheduler = LocalScheduler::builder(1).cores(2).build().unwrap();
        let job = Job::new("job");
        let mut changes = job.task_state_changed();
        let parks = |cx: milepost::TaskContext| Ok(cx.blocking_checkpoint()?);
        let task = job.task("parks").requires(cores(2)).add_blocking(parks).unwrap();
        task.suspend("").unwrap();
        job.submit(&scheduler).unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        scheduler.set_resources(cores(1));
        task.resume("").unwrap();
        task.output().unwrap();
        let other = Job::new("other");
        other.add_blocking("other", |_cx| Ok(())).unwrap();
        other.submit(&scheduler).unwrap();
        other.wait_until_done().blocking().unwrap().ok().unwrap();
    });
}

#[test]
fn a_task_that_goes_on_before_its_turn_keeps_no_places_free() {
    use std::future::Future;
    use std::task::{Context, Waker};
    within(|| {
        let scheduler = LocalScheduler::builder(3).cores(1).build().unwrap();
        let job = Job::new("job");
        let mut changes = job.task_state_changed();
        let (next, go_on) = channel::<()>();
        let (passed, steps) = channel::<()>();
        let parks = move |cx: milepost::TaskContext| {
            let mut parked = Box::pin(cx.checkpoint());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(parked.as_mut().poll(&mut cx).is_pending(), "it yields");
            assert!(parked.as_mut().poll(&mut cx).is_pending(), "it parks");
            go_on.recv().unwrap();
            assert!(parked.as_mut().poll(&mut cx).is_pending(), "another one has the core");
            passed.send(()).unwrap();
            go_on.recv().unwrap();
            drop(parked);
            Ok(go_on.recv().unwrap_or_default())
        };
        let task = job.task("parks").requires(cores(1)).add_blocking(parks).unwrap();
        task.suspend("").unwrap();
        job.submit(&scheduler).unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        let other = Job::new("other");
        let has_core = gated(&other, "has the core", cores(1));
        other.submit(&scheduler).unwrap();
        has_core.began.recv().unwrap();
        task.resume("").unwrap();
        next.send(()).unwrap();
        steps.recv().unwrap();
        let last = Job::new("last");
        let plain = gated(&last, "plain", Resources::new());
        last.submit(&scheduler).unwrap();
        next.send(()).unwrap();
        plain.began.recv().unwrap();
        drop((plain.release, has_core.release, next));
        task.output().unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever tasks require, together they never have more than there is, and all of them run.
    #[test]
    fn no_more_is_taken_than_there_is(
        places in 1..5usize,
        tasks in prop::collection::vec((0..4u32, 0..4u64, -1..2i32, any::<bool>()), 1..60),
    ) {
        let scheduler = LocalScheduler::builder(places).cores(3).memory(3).build().unwrap();
        let jobs = [Job::new("a"), Job::new("b")];
        let taken = Arc::new(Mutex::new((0usize, 0u32, 0u64)));
        for (n, (cores, memory, priority, is_blocking)) in tasks.iter().copied().enumerate() {
            let taken = taken.clone();
            let change = move |sign: i64| {
                let mut taken = taken.lock();
                taken.0 = taken.0.checked_add_signed(sign as isize).unwrap();
                taken.1 = taken.1.checked_add_signed(sign as i32 * cores as i32).unwrap();
                taken.2 = taken.2.checked_add_signed(sign * memory as i64).unwrap();
                assert!(taken.0 <= places && taken.1 <= 3 && taken.2 <= 3, "{taken:?}");
            };
            let resources = Resources::new().cores(cores).memory(memory);
            let task = jobs[n % 2].task("task").priority(priority).requires(resources);
            if is_blocking {
                let run = move |_cx| {
                    change(1);
                    std::thread::yield_now();
                    Ok(change(-1))
                };
                task.add_blocking(run).unwrap();
            } else {
                let run = async move |cx: milepost::TaskContext| {
                    change(1);
                    cx.checkpoint().await?;
                    Ok(change(-1))
                };
                task.add(run).unwrap();
            }
        }
        for job in &jobs {
            job.submit(&scheduler).unwrap();
        }
        for job in jobs {
            let summary = within(move || job.wait_until_done().blocking().unwrap());
            prop_assert!(summary.clone().ok().is_ok(), "{:?}", summary.failures);
        }
    }
}
