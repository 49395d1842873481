//! What is asked of the crate and can't be: errors name the thing and the way out, and nothing panics or hangs.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod common;

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{Inline, within};
use futures::executor::block_on;
use milepost::{
    AddError, BuildError, Job, JobId, JobState, ManualClock, NewTask, NoSuchTask, Retry, RunError,
    Scheduler, SubmitError, TaskError, TaskId, TaskQueue, TaskRef, TaskReporter, TaskState,
    TransitionError, WaitEnd, WouldDeadlock,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn job() -> (Job, ManualClock) {
    let clock = ManualClock::new();
    let job = Job::builder("photos").clock(clock.clock()).build().expect("the settings make sense");
    (job, clock)
}

/// Sees that a message has all of `words`.
fn says(error: &impl Error, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

/// All ways to add a task, each of which must be refused.
fn takes_no_tasks(job: &Job) {
    let seq = job.last_seq();
    let id = job.id();
    let check = |error: AddError| {
        assert_eq!(error, AddError::Sealed { job: id, name: "photos".into() });
        says(&error, &["photos", &id.to_string(), "no more tasks", "JobBuilder::open"]);
        assert!(error.source().is_none());
    };
    check(job.add("a", async |_cx| Ok(())).unwrap_err());
    check(job.add_blocking("a", |_cx| Ok(())).unwrap_err());
    check(job.add_with("a", (), async |_cx, ()| Ok(())).unwrap_err());
    check(job.add_blocking_with("a", (), |_cx, ()| Ok(())).unwrap_err());
    check(job.task("a").weight(2.0).add_blocking(|_cx| Ok(())).unwrap_err());
    check(job.reporter("a").unwrap_err());
    let error = block_on(job.run::<(), _, _>("a", async |_cx| panic!("it must not run")));
    let Err(error @ RunError::Add(_)) = error else { panic!("{error:?}") };
    says(&error, &["could not be added"]);
    let RunError::Add(inner) = error else { unreachable!() };
    check(inner);
    assert_eq!(job.last_seq(), seq, "nothing has happened");
}

#[test]
fn a_sealed_job_takes_no_tasks() {
    let (submitted, _clock) = job();
    let never = submitted.reporter("open end").unwrap();
    submitted.submit(&Inline).unwrap();
    takes_no_tasks(&submitted);
    drop(never);
    takes_no_tasks(&submitted);

    let (canceled, _clock) = job();
    canceled.cancel("enough");
    takes_no_tasks(&canceled);

    let open = Job::builder("photos").open().unwrap();
    let clone = open.clone();
    clone.add("a", async |_cx| Ok(())).unwrap();
    let closed = open.close();
    takes_no_tasks(&closed);
    takes_no_tasks(&clone);
}

#[test]
fn the_source_of_a_refused_run_is_why() {
    let (job, _clock) = job();
    job.cancel("enough");
    let error = block_on(job.run("a", async |_cx| Ok(()))).unwrap_err();
    says(&error.source().unwrap().downcast_ref::<AddError>().unwrap(), &["no more tasks"]);
}

#[test]
fn a_job_is_submitted_once() {
    let (job, _clock) = job();
    let id = job.id();
    let task = job.reporter("a").unwrap();
    job.submit(&Inline).unwrap();
    for _ in 0..2 {
        let error = job.submit(&Inline).unwrap_err();
        assert_eq!(error, SubmitError::AlreadySubmitted { job: id, name: "photos".into() });
        says(&error, &["photos", &id.to_string(), "submitted before", "another job"]);
    }
    drop(task);
    assert!(job.is_ended());
    let error = job.submit(&Inline).unwrap_err();
    says(&error, &["photos", &id.to_string()]);
}

#[test]
fn a_job_that_was_canceled_or_has_ended_is_not_submitted() {
    let (canceled, _clock) = job();
    canceled.add_blocking("a", |_cx| Ok(())).unwrap();
    canceled.cancel("enough");
    let (canceling, _clock) = job();
    let task = canceling.reporter("a").unwrap();
    task.running().unwrap();
    canceling.cancel("enough");
    let ended = Job::builder("photos").open().unwrap().close();
    for job in [canceled, canceling, ended] {
        let seq = job.last_seq();
        let error = job.submit(&Inline).unwrap_err();
        assert_eq!(error, SubmitError::Ended { job: job.id(), name: "photos".into() });
        says(&error, &["photos", "canceled or has ended"]);
        assert_eq!(job.last_seq(), seq);
    }
}

#[test]
fn a_task_of_another_job_is_refused_and_not_mistaken() {
    let (mine, _clock) = job();
    let (other, _clock) = job();
    mine.add_blocking("mine", |_cx| Ok(())).unwrap();
    let handle = other.add_blocking("other", |_cx| Ok(())).unwrap();
    let reporter = other.reporter("reported").unwrap();
    reporter.running().unwrap();
    reporter.set_progress(1);
    let (mut added, mut changed) = (other.task_added(), other.task_state_changed());
    let refs: [(TaskRef, usize); 4] = [
        ((&handle).into(), 0),
        ((&reporter).into(), 1),
        ((&added.try_recv().unwrap()).into(), 0),
        ((&changed.try_recv().unwrap()).into(), 1),
    ];
    let seq = mine.last_seq();
    let check = |result: Result<(), NoSuchTask>, task: usize| {
        let error = result.unwrap_err();
        assert_eq!((error.job, error.of), (mine.id(), Some(other.id())));
        assert_eq!(error.task.index(), task);
        let ids = [mine.id(), other.id()].map(|id| id.to_string());
        says(&error, &[&ids[0], &ids[1], &format!("task {task}")]);
    };
    for (task, index) in refs {
        check(mine.cancel_task(task, ""), index);
        check(mine.cancel_task_now(task, ""), index);
        check(mine.task_name(task).map(drop), index);
        check(mine.task_snapshot(task).map(drop), index);
        other.task_name(task).unwrap();
    }
    assert_eq!((mine.last_seq(), mine.counts().canceled()), (seq, 0));
    // Without its job, a number is taken at its word.
    assert_eq!(&*mine.task_name(handle.id()).unwrap(), "mine");
}

#[test]
fn a_task_that_is_not_there_is_refused() {
    let (job, _clock) = job();
    job.add_blocking("a", |_cx| Ok(())).unwrap();
    for task in [TaskId::new(1), TaskId::new(u32::MAX)] {
        for task in [TaskRef::from(task), TaskRef::new(job.id(), task)] {
            let error = job.cancel_task(task, "").unwrap_err();
            assert_eq!(error.of, None);
            says(&error, &[&job.id().to_string(), "no task"]);
            assert_eq!(job.task_snapshot(task), Err(error));
            assert_eq!(job.task_name(task), Err(error));
            assert_eq!(job.cancel_task_now(task, ""), Err(error));
        }
    }
}

#[test]
fn a_text_that_is_no_job_id_says_so() {
    let error = "photos".parse::<JobId>().unwrap_err();
    says(&error, &["photos", "UUID"]);
    assert!(serde_json::from_str::<JobId>("\"photos\"").is_err());
}

/// The transitions of a task as the design has them.
const TABLE: &str = "
    pending    -> submitted canceled interrupted
    submitted  -> assigned running held canceled failed timed_out interrupted
    held       -> submitted canceled failed timed_out interrupted
    assigned   -> running submitted held canceling canceled failed timed_out environment_error interrupted
    running    -> completed failed timed_out interrupted canceling canceled suspended held submitted
    suspended  -> running completed failed canceling canceled held submitted interrupted timed_out
    canceling  -> canceled completed failed timed_out interrupted";

#[test]
fn the_transition_table_is_the_designs() {
    for from in TaskState::ALL {
        let line = TABLE.lines().find(|line| line.split_whitespace().next() == Some(from.as_str()));
        let mut expected: Vec<_> =
            line.iter().flat_map(|line| line.split_whitespace().skip(2)).collect();
        let mut next: Vec<_> = from.next().iter().map(|state| state.as_str()).collect();
        expected.sort_unstable();
        next.sort_unstable();
        assert_eq!(next, expected, "{from}");
        for to in TaskState::ALL {
            assert_eq!(from.can_become(to), expected.contains(&to.as_str()));
        }
    }
}

/// Reports that the task is in `to`, in the way that is for it.
fn report(task: &mut TaskReporter, to: TaskState) -> Result<(), TransitionError> {
    match to {
        TaskState::Assigned => task.assigned(),
        TaskState::Running => task.running(),
        TaskState::Suspended => task.suspended(),
        TaskState::Held => task.held("for a reason"),
        TaskState::Submitted => task.resubmitted("for a reason"),
        TaskState::Completed => task.complete(()),
        TaskState::Failed => task.fail(TaskError::msg("bad")),
        // Nobody reports these two: they are refused wherever the task is.
        TaskState::Pending | TaskState::Canceling => task.end(to, "for a reason"),
        _ => task.end(to, "for a reason"),
    }
}

#[test]
fn a_reporter_is_refused_every_transition_that_is_not_in_the_table() {
    let (mut legal, mut illegal) = (0, 0);
    for from in TaskState::ALL {
        for to in TaskState::ALL {
            let (job, _clock) = job();
            let mut task = job.reporter("a.png").unwrap();
            task.observed(from).unwrap();
            let attempt = task.attempt();
            let (seq, before) = (job.last_seq(), job.state());
            let result = report(&mut task, to);
            let state = job.task_snapshot(&task).unwrap().state;
            let reportable = !matches!(to, TaskState::Pending | TaskState::Canceling);
            if from.can_become(to) && reportable {
                legal += 1;
                result.unwrap_or_else(|error| panic!("{error}"));
                let becomes = match (from, to) {
                    // What fails as it is asked to stop is canceled (G11).
                    (TaskState::Canceling, TaskState::Failed) => TaskState::Canceled,
                    (_, to) => to,
                };
                assert_eq!(state, becomes, "{from} to {to}");
                let again =
                    from.is_active() && matches!(to, TaskState::Submitted | TaskState::Held);
                assert_eq!(task.attempt(), attempt + u32::from(again), "{from} to {to}");
                let events = if becomes.is_terminal() { 2 } else { 1 };
                let jobs = u64::from(job.state() != before);
                assert_eq!(job.last_seq(), seq + events + jobs, "{from} to {to}");
            } else {
                illegal += 1;
                let error = result.expect_err(&format!("{from} to {to}"));
                assert_eq!((error.task, &*error.name), (task.id(), "a.png"));
                assert_eq!(error.from, from);
                if from != TaskState::Canceling {
                    assert_eq!(error.to, to);
                }
                says(&error, &["task 0", "a.png", from.as_str(), error.to.as_str()]);
                match from.next() {
                    [] => says(&error, &["ended"]),
                    next => next.iter().for_each(|state| says(&error, &[state.as_str()])),
                }
                assert_eq!((state, job.last_seq()), (from, seq), "{from} to {to}");
            }
        }
    }
    let in_table: usize = TaskState::ALL.iter().map(|state| state.next().len()).sum();
    // Three states lead to `Canceling`, which nobody reports.
    assert_eq!((legal, legal + illegal), (in_table - 3, 13 * 13));
}

#[test]
fn a_follower_may_see_any_state_until_the_end() {
    for from in TaskState::ALL {
        for to in TaskState::ALL {
            let (job, _clock) = job();
            let mut task = job.reporter("a.png").unwrap();
            task.observed(from).unwrap();
            let seq = job.last_seq();
            let result = task.observed(to);
            let state = job.task_snapshot(&task).unwrap().state;
            if from.is_terminal() {
                assert_eq!(result.unwrap_err().from, from);
                assert_eq!((state, job.last_seq()), (from, seq));
            } else {
                result.unwrap();
                assert_eq!(state, to);
                assert_eq!(job.last_seq() == seq, from == to, "the same again is no event");
                let mut changes = job.task_state_changed().after(seq);
                assert!(changes.try_recv().is_none_or(|change| change.observed));
            }
        }
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let error = Job::builder("photos").window(Duration::ZERO).build().unwrap_err();
    assert_eq!(error, BuildError::ZeroWindow);
    says(&error, &["window", "1 ms"]);
    assert_eq!(Job::builder("photos").window(Duration::ZERO).open().unwrap_err(), error);
}

#[cfg(feature = "local")]
#[test]
fn a_scheduler_without_concurrency_is_refused() {
    let error = milepost::LocalScheduler::new(0).unwrap_err();
    assert_eq!(error, BuildError::ZeroConcurrency);
    says(&error, &["concurrency", "at least 1"]);
}

#[test]
fn a_retry_policy_wants_a_task_that_can_run_again() {
    let (job, _clock) = job();
    let task = || job.task("a.png").retry(Retry::attempts(3));
    let errors = [
        task().add(async |_cx| Ok(())).map(drop),
        task().add_blocking(|_cx| Ok(())).map(drop),
        task().reporter().map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error, AddError::NotRestartable { task: "a.png".into() });
        says(&error, &["a.png", "retry", "add_with"]);
    }
    assert_eq!((job.counts().total(), job.last_seq()), (0, 0));
    task().add_with((), async |_cx, ()| Ok(())).unwrap();
    task().add_blocking_with((), |_cx, ()| Ok(())).unwrap();
}

#[test]
fn weights_are_numbers_that_are_not_negative() {
    let (job, _clock) = job();
    for weight in [-1.0, -f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        let error = job.task("a.png").weight(weight).add_blocking(|_cx| Ok(())).unwrap_err();
        assert_eq!(error, AddError::InvalidWeight { task: "a.png".into() });
        says(&error, &["a.png", "weight"]);
        assert!(job.task("a.png").weight(weight).reporter().is_err());
    }
    assert_eq!(job.counts().total(), 0);
    for weight in [0.0, f64::MIN_POSITIVE, 1e300] {
        job.task("a.png").weight(weight).add_blocking(|_cx| Ok(())).unwrap();
    }
    let open = Job::builder("photos").open().unwrap();
    open.feed(
        [("a", -1.0), ("b", 1.0)]
            .map(|(name, weight)| NewTask::blocking(name, |_cx| Ok(())).weight(weight)),
        9,
    );
    open.submit(&Inline).unwrap();
    let job = open.close();
    let failed = job.snapshot().tasks[0].error.clone().unwrap();
    assert_eq!(job.state(), JobState::Failed, "no task is left out in silence");
    says(&*failed, &["\"a\"", "weight"]);
}

#[test]
fn jobs_of_weightless_tasks_have_progress_all_the_same() {
    let (job, _clock) = job();
    let tasks: Vec<_> = (0..4).map(|_| job.task("a").weight(0.0).reporter().unwrap()).collect();
    job.submit(&Inline).unwrap();
    assert_eq!(job.progress().fraction, Some(0.0));
    tasks[0].running().unwrap();
    tasks[0].complete(()).unwrap();
    assert_eq!(job.progress().fraction, Some(0.25));
}

#[test]
fn what_is_no_number_is_no_progress() {
    let (job, clock) = job();
    let task = job.reporter("a").unwrap();
    task.running().unwrap();
    let mut progress = job.task_progress_updated();
    task.set_progress(f64::NAN);
    task.advance(f64::NAN);
    task.set_progress(f32::NAN);
    task.set_total(f64::NAN);
    task.set_total(f64::INFINITY);
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
    task.set_progress(3);
    task.set_total(-4);
    task.set_progress(f64::NAN);
    task.advance(f64::NAN);
    clock.advance(ms(1_000));
    let told = progress.try_recv().unwrap();
    assert_eq!((told.progress, told.total, told.fraction()), (Some(3.0), Some(-4.0), None));
    task.set_progress(u128::MAX);
    task.advance(i64::MIN);
    task.advance(u64::MAX);
    task.complete(()).unwrap();
    assert!(progress.try_recv().unwrap().progress.unwrap().is_finite());
}

#[test]
fn streams_outlive_every_handle() {
    let (job, _clock) = job();
    let task = job.reporter("a").unwrap();
    task.running().unwrap();
    task.set_progress(1);
    task.complete(7).unwrap();
    let (mut events, mut outputs) = (job.events(), job.outputs::<i32>(1));
    drop(task);
    drop(job);
    let all: Vec<_> = std::iter::from_fn(|| events.try_recv()).collect();
    assert_eq!(all.len(), 10);
    assert!(events.is_ended());
    assert_eq!(*outputs.try_recv().unwrap().output, 7);
    assert!(outputs.blocking_next().is_none());
    assert_eq!(format!("{events:?}"), format!("EventStream<Event>({})", events.job()));
}

#[test]
fn an_output_without_a_json_form_is_not_published() {
    let (job, _clock) = job();
    job.add_blocking("a", |cx| {
        let map = std::collections::HashMap::from([((1, 2), 3)]);
        let error = cx.publish(&map).unwrap_err();
        says(&error, &["JSON"]);
        assert!(error.source().unwrap().to_string().contains("string"), "{:?}", error.source());
        cx.publish(&"text")?;
        Ok(())
    })
    .unwrap();
    job.submit(&Inline).unwrap();
    let done = job.task_completed().try_recv().unwrap();
    assert_eq!(done.state, TaskState::Completed);
    assert_eq!(done.published::<String>().unwrap().unwrap(), "text");
    let error = done.published::<u32>().unwrap().unwrap_err();
    says(&error, &["another form"]);
    assert!(error.source().is_some());
}

#[test]
fn sources_lead_from_a_summary_to_the_first_cause() {
    let (job, _clock) = job();
    job.add_blocking::<(), _>("a.png", |_cx| {
        let inner = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        Err(TaskError::permanent(Outer(inner)))
    })
    .unwrap();
    job.submit(&Inline).unwrap();
    let failed = job.wait_until_done().blocking().unwrap().ok().unwrap_err();
    let mut chain = vec![failed.to_string()];
    let mut source = failed.source();
    while let Some(error) = source {
        chain.push(error.to_string());
        source = error.source();
    }
    let expected = [
        r#"job "photos" failed: 1 of 1 tasks did not complete"#,
        "task 0 (a.png) failed",
        "reading a.png",
        "no such file",
    ];
    assert_eq!(chain, expected);
    let failure = failed.summary().failures[0].error.clone().unwrap();
    assert_eq!(&*failure.message, "reading a.png: no such file");
    assert!(failure.error().unwrap().is::<Outer>());
}

#[derive(Debug)]
struct Outer(std::io::Error);

impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reading a.png")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn endless_durations_are_taken_as_such() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("endless")
            .clock(clock.clock())
            .window(Duration::MAX)
            .grace(Duration::MAX)
            .build()
            .unwrap();
        let task = job.reporter("a").unwrap();
        task.running().unwrap();
        task.set_progress(1);
        let mut progress = job.task_progress_updated();
        let retried = job
            .task("retried")
            .timeout(Duration::MAX)
            .retry(Retry::attempts(u32::MAX))
            .add_blocking_with((), |_cx, ()| {
                Err::<(), _>(TaskError::msg("never again").retry_after(Duration::MAX))
            })
            .unwrap();
        job.submit(&Inline).unwrap();
        assert_eq!(retried.state(), TaskState::Submitted);
        let mut wait = job.wait_until_done().timeout(Duration::MAX).every(Duration::MAX, |_job| {});
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(pin!(&mut wait).poll(cx).is_pending());
        for _ in 0..3 {
            clock.advance(Duration::from_secs(1 << 32));
            assert!(pin!(&mut wait).poll(cx).is_pending());
        }
        assert!(progress.try_recv().is_none());
        job.cancel("enough");
        clock.advance(Duration::MAX);
        assert_eq!((retried.state(), job.state()), (TaskState::Canceled, JobState::Canceling));
        task.complete(()).unwrap();
        assert_eq!(progress.try_recv().unwrap().progress, Some(1.0));
        let Poll::Ready(summary) = pin!(&mut wait).poll(cx) else { panic!("it has ended") };
        assert_eq!(summary.end, WaitEnd::Done);
        clock.advance(Duration::MAX);
        // By the system's clock as well.
        let job = Job::builder("endless").window(Duration::MAX).build().unwrap();
        let task = job.reporter("a").unwrap();
        let mut added = job.task_added();
        assert!(added.blocking_next_timeout(Duration::MAX).unwrap().is_some());
        let wait = job.wait_until_done().timeout(Duration::MAX).every(Duration::MAX, |_job| {});
        task.running().unwrap();
        task.set_progress(1);
        task.complete(()).unwrap();
        drop(task);
        job.submit(&Inline).unwrap();
        assert_eq!(wait.blocking().unwrap().end, WaitEnd::Done);
    });
}

#[test]
fn numbers_of_zero_count_as_the_least_that_makes_sense() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("zero").clock(clock.clock()).keep_failures(0).open().unwrap();
        assert_eq!(Retry::attempts(0), Retry::attempts(1));
        let once = job
            .task("once")
            .retry(Retry::attempts(0))
            .add_blocking_with((), |_cx, ()| Err::<(), _>(TaskError::msg("bad")))
            .unwrap();
        job.submit(&Inline).unwrap();
        assert_eq!(once.output().unwrap_err().attempts, 1);
        let mut outputs = job.outputs::<i32>(0);
        job.feed((0..3).map(|n| NewTask::blocking(n.to_string(), move |_cx| Ok(n))), 0);
        for n in 0..3 {
            assert_eq!(*outputs.try_recv().unwrap().output, n);
        }
        let mut ticks = 0;
        let mut wait = job.wait_until_done().every(Duration::ZERO, |_job| ticks += 1);
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(pin!(&mut wait).poll(cx).is_pending());
            clock.advance(ms(1));
        }
        drop(wait);
        assert_eq!(ticks, 2);
        let slow = job.task("slow").timeout(Duration::ZERO).reporter().unwrap();
        drop(slow);
        let job = job.close();
        let summary = block_on(job.wait_until_done());
        assert!(summary.failures.is_empty() && summary.counts.failed() == 2);
        assert!(summary.ok().unwrap_err().source().is_none());
    });
}

fn refused(result: Result<impl std::fmt::Debug, WouldDeadlock>, place: &str) {
    let error = result.unwrap_err();
    says(&error, &[place, "await", "for ever"]);
}

#[test]
fn blocking_is_refused_in_what_the_job_waits_for() {
    within(|| {
        let job = Job::new("itself");
        let (send, told) = mpsc::channel();
        let (inside, tell) = (job.clone(), send.clone());
        job.on_task_completed(move |_task| {
            tell.send(("a callback", inside.wait_until_done().blocking())).unwrap();
        });
        let (inside, tell) = (job.clone(), send.clone());
        job.add_blocking("blocking", move |_cx| {
            Ok(tell.send(("a task", inside.wait_until_done().blocking()))?)
        })
        .unwrap();
        let (inside, tell) = (job.clone(), send.clone());
        job.add("async", async move |_cx| {
            Ok(tell.send(("a task", inside.wait_until_done().blocking()))?)
        })
        .unwrap();
        let (inside, tell) = (job.clone(), send.clone());
        job.reporter("reported")
            .unwrap()
            .run_blocking(
                move |_cx| Ok(tell.send(("a task", inside.wait_until_done().blocking()))?),
            )
            .unwrap();
        let wait = || job.wait_until_done().blocking();
        block_on(job.run("driven", async |_cx| Ok(send.send(("a task", wait()))?))).unwrap();
        job.submit(&Inline).unwrap();
        let mut n = 0;
        for (place, result) in told.iter().take(8) {
            refused(result, place);
            n += 1;
        }
        assert_eq!(n, 8);
        assert!(wait().unwrap().state.is_success());
        // An async task must not wait for another job either: it is on a worker that this one may need.
        let (outer, other) = (Job::new("outer"), Job::new("other"));
        let inside = other.clone();
        let task = outer
            .add("async", async move |_cx| Ok(inside.wait_until_done().blocking().map(drop)))
            .unwrap();
        outer.submit(&Inline).unwrap();
        refused((*task.output().unwrap()).clone(), "an async task");
    });
}

#[test]
fn blocking_is_fine_where_the_job_does_not_depend_on_the_thread() {
    within(|| {
        let (outer, other) = (Job::new("outer"), Job::new("other"));
        other.submit(&Inline).unwrap();
        let (send, told) = mpsc::channel();
        let inside = other.clone();
        outer.on_task_completed(move |_task| {
            send.send(inside.wait_until_done().blocking().is_ok()).unwrap();
        });
        let inside = other.clone();
        let task = outer
            .add_blocking("blocking", move |_cx| Ok(inside.wait_until_done().blocking().is_ok()))
            .unwrap();
        outer.submit(&Inline).unwrap();
        assert!(*task.output().unwrap());
        assert_eq!(told.recv(), Ok(true));
    });
}

#[test]
fn a_scheduler_may_refuse_to_be_blocked() {
    #[derive(Clone)]
    struct Refuses(bool);
    impl Scheduler for Refuses {
        fn ready(&self, _: TaskQueue) {}
        fn block(&self, _wait: &mut dyn FnMut()) -> Result<(), WouldDeadlock> {
            // Forgetting to call it is no reason to panic.
            if self.0 { Ok(()) } else { Err(WouldDeadlock::new("on the only thread")) }
        }
    }
    for (forgets, place) in [(false, "on the only thread"), (true, "refused")] {
        let job = Job::new("refused");
        let task = job.reporter("a").unwrap();
        job.submit(&Refuses(forgets)).unwrap();
        refused(job.wait_until_done().blocking(), place);
        drop(task);
    }
}

#[cfg(feature = "local")]
mod local {
    use std::sync::Arc;

    use milepost::LocalScheduler;
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn blocking_is_refused_on_the_thread_of_a_single_threaded_runtime() {
        within(|| {
            let runtime = Builder::new_current_thread().build().unwrap();
            let job = Job::new("single");
            job.add("a", async |_cx| Ok(())).unwrap();
            runtime.block_on(async {
                job.submit(&LocalScheduler::new(1).unwrap()).unwrap();
                refused(job.wait_until_done().blocking(), "single-threaded runtime");
                assert!(job.wait_until_done().await.state.is_success());
            });
            assert!(job.wait_until_done().blocking().unwrap().state.is_success());
        });
    }

    #[test]
    fn blocking_is_fine_in_the_blocking_tasks_and_callbacks_of_other_jobs() {
        within(|| {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let scheduler = LocalScheduler::new(2).unwrap();
                let (outer, other) = (Job::new("outer"), Job::new("other"));
                other.add("a", async |cx| Ok(cx.checkpoint().await?)).unwrap();
                let (inside, called) = (other.clone(), other.clone());
                let task = outer
                    .add_blocking("blocking", move |_cx| {
                        Ok(inside.wait_until_done().blocking().map(drop))
                    })
                    .unwrap();
                let (send, told) = futures::channel::oneshot::channel();
                let mut send = Some(send);
                outer.on_job_completed(move |_event| {
                    let waited = called.wait_until_done().blocking();
                    send.take().unwrap().send(waited.map(drop)).unwrap();
                });
                outer.submit(&scheduler).unwrap();
                other.submit(&scheduler).unwrap();
                assert_eq!(*task.await.unwrap(), Ok(()));
                assert_eq!(told.await, Ok(Ok(())));
            });
        });
    }

    #[test]
    fn blocking_is_refused_in_a_task_of_a_local_scheduler() {
        within(|| {
            let scheduler = LocalScheduler::new(1).unwrap();
            let (job, other) = (Job::new("itself"), Job::new("other"));
            let (one, two, three) = (job.clone(), job.clone(), other.clone());
            let blocking =
                job.add_blocking("a", move |_cx| Ok(one.wait_until_done().blocking().map(drop)));
            let own = job.add("b", async move |_cx| Ok(two.wait_until_done().blocking().map(drop)));
            let of_other =
                job.add("c", async move |_cx| Ok(three.wait_until_done().blocking().map(drop)));
            job.submit(&scheduler).unwrap();
            refused((*blocking.unwrap().output().unwrap()).clone(), "in a task of the job");
            refused((*own.unwrap().output().unwrap()).clone(), "in a task of the job");
            refused((*of_other.unwrap().output().unwrap()).clone(), "an async task");
            drop(other);
        });
    }

    #[test]
    fn handles_may_be_dropped_anywhere_in_any_order() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::new("drops");
            let (inside, own) = (job.clone(), scheduler.clone());
            let task = job
                .add_blocking("a", move |_cx| {
                    drop(inside);
                    drop(own);
                    Ok(1)
                })
                .unwrap();
            let (inside, own) = (job.clone(), scheduler.clone());
            job.add("b", async move |_cx| Ok(drop((inside, own)))).unwrap();
            job.on_job_completed({
                let held = Arc::new((job.clone(), scheduler.clone()));
                move |_event| drop(held.clone())
            });
            job.submit(&scheduler).unwrap();
            let mut ended = job.job_completed();
            drop(job);
            drop(scheduler);
            assert!(ended.blocking_next().unwrap().state.is_success());
            assert_eq!(*task.output().unwrap(), 1);
        });
    }
}
