//! Hold and release: held tasks don't start, those that run are vacated first, and nothing ends before it was released.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{ByHand, begun, drain, job, job_with, ms, obeys, running, step, story};
use milepost::{
    CauseKind, ControlError, Event, Job, JobState, NewTask, Retry, TaskError, TaskId, TaskState,
};

/// A task that completes at once with its attempt's number.
fn quick(job: &Job, name: &str) -> milepost::TaskHandle<u32> {
    job.add_with(name, (), async |cx, ()| Ok(cx.attempt())).unwrap()
}

#[test]
fn a_task_that_is_held_before_its_job_is_submitted_waits_for_its_release() {
    let (job, _clock) = job();
    let (a, b) = (quick(&job, "a"), quick(&job, "b"));
    a.hold("until noon").unwrap();
    assert_eq!(a.state(), TaskState::Pending, "there is no event of what is yet to come");
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert_eq!(a.state(), TaskState::Held);
    assert!(hand.run_one() && !hand.run_one());
    assert_eq!(b.state(), TaskState::Completed);
    assert!(!job.is_ended(), "a job with held tasks doesn't end");
    a.release("it is noon").unwrap();
    assert!(hand.run_one());
    assert_eq!(*a.output().unwrap(), 1);
    assert_eq!(job.state(), JobState::Completed);
    let expected = [
        "submitted 1",
        "held 1: held: until noon",
        "submitted 1: released: it is noon",
        "running 1",
        "completed 1",
    ];
    assert_eq!(story(&job, TaskId::new(0)), expected);
}

#[test]
fn a_hold_that_was_released_before_the_job_is_submitted_leaves_no_trace() {
    for of_job in [true, false] {
        let (job, _clock) = job();
        let (a, b) = (quick(&job, "a"), quick(&job, "b"));
        if of_job {
            job.hold("");
            job.release("");
        } else {
            a.hold("").unwrap();
            a.release("").unwrap();
        }
        job.submit(&common::Inline).unwrap();
        assert_eq!(story(&job, &a), ["submitted 1", "running 1", "completed 1"]);
        assert_eq!(b.state(), TaskState::Completed);
    }
}

#[test]
fn one_task_of_a_held_job_can_be_released_whether_it_was_submitted_or_not() {
    for before in [true, false] {
        let (job, _clock) = job();
        let (a, b) = (quick(&job, "a"), quick(&job, "b"));
        let hand = ByHand::default();
        job.hold("all");
        if before {
            a.release("this one").unwrap();
        }
        job.submit(&hand).unwrap();
        if !before {
            a.release("this one").unwrap();
        }
        assert_eq!((a.state(), b.state()), (TaskState::Submitted, TaskState::Held), "{before}");
        assert!(hand.run_one() && !hand.run_one());
    }
}

#[test]
fn a_task_that_waits_for_its_turn_is_held_and_goes_to_the_back_of_the_queue() {
    let (job, _clock) = job();
    let tasks: Vec<_> = ["a", "b", "c", "d"].map(|name| quick(&job, name)).into();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    tasks[0].hold("").unwrap();
    tasks[2].hold("").unwrap();
    tasks[2].release("").unwrap();
    tasks[0].release("").unwrap();
    let mut starts = job.task_state_changed().from_now();
    while hand.run_one() {}
    let started = drain(&mut starts).into_iter().filter(|change| change.to == TaskState::Running);
    assert_eq!(started.map(|change| change.task.index()).collect::<Vec<_>>(), [1, 3, 2, 0]);
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn a_hold_while_a_task_waits_for_its_next_attempt_outlasts_the_delay() {
    let (job, clock) = job();
    let retry = Retry::attempts(3).delay(ms(1_000)).without_jitter();
    let flaky = async |cx: milepost::TaskContext, ()| match cx.attempt() {
        1 => Err(TaskError::msg("once")),
        n => Ok(n),
    };
    let task = job.task("flaky").retry(retry).add_with((), flaky).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one());
    clock.advance(ms(300));
    task.hold("not now").unwrap();
    assert_eq!(task.state(), TaskState::Held);
    clock.advance(ms(10_000));
    assert!(!hand.run_one() && task.state() == TaskState::Held);
    task.release("").unwrap();
    assert!(hand.run_one());
    let expected = [
        "submitted 1",
        "running 1",
        "submitted 2: to be tried again: once",
        "held 2: held: not now",
        "submitted 2: released",
        "running 2",
        "completed 2",
    ];
    assert_eq!(story(&job, &task), expected);
    clock.advance(ms(10_000));
    assert_eq!(story(&job, &task).len(), expected.len(), "the delay's timer is gone");
}

#[test]
fn a_task_that_runs_is_vacated_and_then_held() {
    let (job, _clock) = job();
    let task = job.add_with("a", (), obeys).unwrap();
    let (hand, mut run) = begun(&job);
    task.hold("for lunch").unwrap();
    assert_eq!(task.state(), TaskState::Running, "it goes on until its code follows");
    assert!(step(&mut run));
    assert_eq!(task.state(), TaskState::Held);
    assert!(hand.next().is_none());
    assert!(!job.is_ended());
    task.release("back").unwrap();
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run), "the request to stop was the last attempt's");
    job.cancel("");
    assert!(step(&mut run));
    let expected = [
        "submitted 1",
        "running 1",
        "held 2: held: for lunch",
        "submitted 2: released: back",
        "running 2",
        "canceling 2: canceled",
        "canceled 2: canceled",
    ];
    assert_eq!(story(&job, &task), expected);
}

#[test]
fn a_hold_of_a_running_task_is_forced_after_the_grace_period() {
    let (job, clock) = job_with(|builder| builder.grace(ms(500)));
    let task = job
        .add_with("deaf", (), async |_cx, ()| -> Result<(), TaskError> {
            std::future::pending().await
        })
        .unwrap();
    let (hand, mut run) = begun(&job);
    task.hold("now").unwrap();
    clock.advance(ms(499));
    assert_eq!(task.state(), TaskState::Running);
    clock.advance(ms(1));
    assert_eq!(task.state(), TaskState::Held);
    // Its code is still in the hands of the last attempt.
    task.release("").unwrap();
    assert!(hand.next().is_none());
    assert!(step(&mut run), "dropped where it waits");
    assert!(hand.next().is_some(), "and there for the next one");
}

#[test]
fn a_task_that_is_held_twice_is_held_once() {
    let (job, _clock) = job();
    let task = quick(&job, "a");
    task.hold("first").unwrap();
    task.hold("second").unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    task.hold("third").unwrap();
    assert_eq!(story(&job, &task), ["submitted 1", "held 1: held: second"]);
    task.release("").unwrap();
    task.release("again").unwrap();
    assert!(hand.run_one() && !hand.run_one());
}

#[test]
fn a_task_that_can_run_only_once_refuses_while_it_runs() {
    let (job, _clock) = job();
    let once = job.add("copy", async |cx| Ok(cx.canceled().await)).unwrap();
    let waits = quick(&job, "waits");
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    once.hold("while it waits").unwrap();
    once.release("").unwrap();
    waits.hold("").unwrap();
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    let refused = once.hold("too late").unwrap_err();
    assert!(matches!(refused, ControlError::NotRestartable { task, .. } if task == once.id()));
    let message = refused.to_string();
    assert!(message.contains("task 0 (copy)"), "{message}");
    assert!(message.contains("add_with") && message.contains("suspend or cancel"), "{message}");
    let controlled = job.hold("all");
    assert_eq!((controlled.asked, &controlled.refused[..]), (2, &[once.id()][..]));
    assert!(!step(&mut run), "nobody has asked it to stop");
    assert_eq!(once.state(), TaskState::Running);
}

#[test]
fn tasks_that_somebody_else_runs_refuse() {
    let (job, _clock) = job();
    let reporter = running(&job, "render");
    let waits = job.reporter("next").unwrap();
    for task in [&reporter, &waits] {
        let refused = job.hold_task(task, "").unwrap_err();
        assert!(matches!(refused, ControlError::RunElsewhere { .. }), "{refused}");
        let message = refused.to_string();
        assert!(message.contains(&format!("task {}", task.id())), "{message}");
        assert!(message.contains("suspend or cancel"), "no way out: {message}");
    }
    assert_eq!(job.hold("all").refused, [reporter.id(), waits.id()]);
    assert_eq!(job.counts().of(TaskState::Held), 0);
    drop((waits, reporter));
}

#[test]
fn what_is_over_refuses_and_says_so() {
    let (job, _clock) = job();
    let (a, b) = (quick(&job, "a"), job.add_with("b", (), obeys).unwrap());
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    assert!(hand.run_one());
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    b.cancel("enough");
    let ended = a.hold("").unwrap_err();
    assert!(matches!(&ended, ControlError::Over { state: TaskState::Completed, .. }), "{ended}");
    assert_eq!(ended.to_string(), "task 0 (a) is completed and does nothing else any more");
    for refused in [b.hold(""), b.release(""), b.suspend(""), b.resume(""), b.vacate("")] {
        let refused = refused.unwrap_err();
        assert!(matches!(&refused, ControlError::Over { state: TaskState::Canceling, .. }));
    }
    let held = job.hold("all");
    assert_eq!((held.asked, held.refused.len()), (0, 0));
    assert!(step(&mut run));
    assert_eq!(job.hold("ended"), held);
    let (other, _clock) = common::job();
    let none = other.hold_task(TaskId::new(5), "").unwrap_err();
    assert!(matches!(none, ControlError::NoSuchTask(_)), "{none}");
    assert!(none.to_string().contains("has no task 5"), "{none}");
    let of_other = other.hold_task(&a, "").unwrap_err();
    assert!(of_other.to_string().contains("is of job"), "{of_other}");
}

#[test]
fn a_held_open_job_holds_what_is_added_to_it() {
    let (_, clock) = job();
    let open = Job::builder("open").clock(clock.clock()).open().unwrap();
    let hand = ByHand::default();
    open.submit(&hand).unwrap();
    assert_eq!(open.hold("closed on Sundays").asked, 0);
    let task = quick(&open, "late");
    assert_eq!(story(&open, &task), ["submitted 1", "held 1: held: closed on Sundays"]);
    open.feed((0..2).map(|n| NewTask::blocking(n.to_string(), |_cx| Ok(()))), 8);
    assert_eq!(open.counts().of(TaskState::Held), 3);
    assert!(!hand.run_one());
    let job = open.close();
    assert!(!job.is_ended());
    assert_eq!(job.release("Monday").asked, 3);
    while hand.run_one() {}
    assert_eq!(job.state(), JobState::Completed);
    assert_eq!(job.counts().completed(), 3);
}

#[test]
fn a_job_is_held_in_all_of_its_states() {
    let (job, clock) = job();
    let retry = Retry::attempts(2).delay(ms(500)).without_jitter();
    let flaky = async |_cx, ()| -> Result<u32, TaskError> { Err(TaskError::msg("no")) };
    let backoff = job.task("backoff").retry(retry).add_with((), flaky).unwrap();
    let runs = job.add_with("runs", (), obeys).unwrap();
    let parks = job
        .add_with("parks", (), async |cx, ()| {
            loop {
                cx.checkpoint().await?;
                if cx.attempt() > 1 {
                    return Ok(cx.attempt());
                }
            }
        })
        .unwrap();
    let (held, waits) = (quick(&job, "held"), quick(&job, "waits"));
    let hand = ByHand::default();
    held.hold("before").unwrap();
    parks.suspend("").unwrap();
    job.submit(&hand).unwrap();
    assert!(hand.run_one());
    let (mut running, mut parked) = (hand.next().unwrap(), hand.next().unwrap());
    assert!(!step(&mut running) && !step(&mut parked) && !step(&mut parked));
    let all = || [&backoff, &runs, &parks, &held, &waits].map(|task| task.state());
    use TaskState::{Held, Running, Submitted, Suspended};
    assert_eq!(all(), [Submitted, Running, Suspended, Held, Submitted]);
    let controlled = job.hold("all");
    assert_eq!((controlled.asked, controlled.refused.len()), (5, 0));
    assert_eq!(all(), [Held, Running, Suspended, Held, Held]);
    assert!(step(&mut running) && step(&mut parked));
    assert_eq!(all(), [Held; 5]);
    clock.advance(ms(100_000));
    assert_eq!(all(), [Held; 5]);
    assert!(hand.next().is_none() && !job.is_ended());
    job.resume("");
    assert_eq!(job.release("go").asked, 5);
    assert_eq!(all(), [Submitted; 5]);
    assert!(story(&job, &parks).contains(&"held 2: held: all".to_owned()));
    let mut ends = 0;
    while let Some(mut run) = hand.next() {
        for _ in 0..3 {
            if step(&mut run) {
                break;
            }
        }
        ends += 1;
        if ends == 2 {
            job.cancel_task(&runs, "").unwrap();
            assert!(step(&mut run));
        }
    }
    assert!(job.is_ended(), "{:?}", job.counts());
}

#[test]
fn a_hold_does_not_keep_a_task_from_being_canceled() {
    let (job, _clock) = job();
    let (a, b) = (quick(&job, "a"), job.add_with("b", (), obeys).unwrap());
    let hand = ByHand::default();
    a.hold("").unwrap();
    job.submit(&hand).unwrap();
    a.cancel("no need");
    assert_eq!(story(&job, &a).last().unwrap(), "canceled 1: canceled: no need");
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    b.hold("first").unwrap();
    b.cancel("then");
    assert!(step(&mut run));
    assert_eq!(b.state(), TaskState::Canceled, "the hold is forgotten");
    assert_eq!(job.state(), JobState::Canceled);
}

#[test]
fn an_attempt_that_completes_all_the_same_is_completed() {
    let (job, clock) = job();
    let task = job
        .add_with("a", (), async |cx, ()| {
            cx.canceled().await;
            Ok(7)
        })
        .unwrap();
    let (_, mut run) = begun(&job);
    task.hold("too late").unwrap();
    assert!(step(&mut run));
    assert_eq!(story(&job, &task), ["submitted 1", "running 1", "completed 1"]);
    assert_eq!(*task.output().unwrap(), 7);
    clock.advance(ms(100_000));
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn a_release_takes_back_a_hold_that_is_under_way() {
    let (job, _clock) = job();
    let task = job.add_with("a", (), obeys).unwrap();
    let (hand, mut run) = begun(&job);
    task.hold("one moment").unwrap();
    task.release("never mind").unwrap();
    assert!(step(&mut run), "it was asked to stop, and does");
    let told = story(&job, &task).pop().unwrap();
    assert_eq!(told, "submitted 2: released: never mind", "and is told why it waits");
    let mut run = hand.next().unwrap();
    assert!(!step(&mut run));
    // Held again, it stays so until it is released, whatever else is asked.
    task.vacate("move").unwrap();
    task.hold("stay").unwrap();
    task.vacate("move").unwrap();
    assert!(step(&mut run));
    assert_eq!(story(&job, &task).pop().unwrap(), "held 3: held: stay");
}

#[test]
fn causes_are_told_in_events_and_json() {
    let (job, _clock) = job();
    let task = quick(&job, "a");
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    let mut events = job.events().from_now();
    task.hold("disk full").unwrap();
    task.release("").unwrap();
    let events = drain(&mut events);
    let [Event::TaskStateChanged(held), Event::TaskStateChanged(released)] = &events[..] else {
        panic!("{events:?}")
    };
    let cause = held.cause.as_ref().unwrap();
    assert_eq!((cause.kind, cause.message.as_deref()), (CauseKind::Held, Some("disk full")));
    let cause = released.cause.as_ref().unwrap();
    assert_eq!((cause.kind, cause.message.as_deref()), (CauseKind::Released, None));
    assert!(common::json(&events[0]).contains(r#""cause":{"kind":"held","message":"disk full"}"#));
    assert!(common::json(&events[1]).contains(r#""cause":{"kind":"released"}"#));
}
