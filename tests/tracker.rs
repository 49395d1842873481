//! The tracker: what is asked of it is answered as things are, and what it doesn't know it says why.
#![cfg(feature = "tracker")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::{Arc, Weak};
use std::time::Duration;

use common::{ByHand, Inline, at, ms, running, step};
use milepost::tracker::{Field, JobRecord, Limit, Order, Query, UnknownJob};
use milepost::{
    Job, JobId, JobState, ManualClock, ObservedScheduler, Scheduler, SubmitError, TaskError,
    TaskQueue, TaskState, Tracker,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A tracker on a clock that stands still.
fn tracker() -> (Tracker, ManualClock) {
    let clock = ManualClock::new();
    (Tracker::builder().clock(clock.clock()).build(), clock)
}

fn tracked(tracker: &Tracker, clock: &ManualClock, name: &str) -> Job {
    let job = Job::builder(name).clock(clock.clock()).build().unwrap();
    tracker.track(&job);
    job
}

/// Ends a job whose only handle this is. Returns its id.
fn end(job: Job) -> JobId {
    let id = job.id();
    drop(job);
    id
}

fn ids(records: &[JobRecord]) -> Vec<JobId> {
    records.iter().map(|record| record.job).collect()
}

fn names(records: &[JobRecord]) -> Vec<&str> {
    records.iter().map(|record| record.name.as_deref().unwrap()).collect()
}

#[test]
fn a_live_job_is_answered_as_it_is_now_and_an_ended_one_as_it_was() {
    let (tracker, clock) = tracker();
    let job = tracked(&tracker, &clock, "pages");
    let record = tracker.get(job.id()).unwrap();
    assert_eq!((record.state, record.started_at), (Some(JobState::Pending), None));
    assert_eq!(record.elapsed, None);

    clock.advance(ms(10));
    let (good, bad) = (running(&job, "good"), running(&job, "bad"));
    clock.advance(ms(10));
    let record = tracker.get(job.id()).unwrap();
    assert_eq!((record.state, record.ended_at), (Some(JobState::Running), None));
    assert_eq!((record.created_at, record.started_at), (Some(at(0)), Some(at(10))));
    assert_eq!(record.elapsed, Some(ms(10)));
    assert_eq!(record.counts.unwrap().running(), 2);
    assert_eq!(record.progress, Some(job.progress()));

    good.complete(()).unwrap();
    bad.fail(TaskError::msg("no disk")).unwrap();
    let (id, snapshot) = (job.id(), job.snapshot());
    drop((job, good, bad));
    let all = Query::new().ids([id]).with_tasks();
    let [record] = &tracker.query(&all)[..] else { panic!("one job") };
    assert_eq!((record.state, record.ended_at), (Some(JobState::Failed), Some(at(20))));
    assert_eq!(record.elapsed, Some(ms(10)));
    assert_eq!(record.failures[0].error.as_ref().unwrap().message.as_ref(), "no disk");
    assert_eq!(record.tasks, snapshot.tasks);
    assert!(tracker.get(id).unwrap().tasks.is_empty(), "tasks only if asked for");

    // What is asked for in JSON comes back as it was, and has the names of a snapshot.
    let json = serde_json::to_value(record).unwrap();
    assert_eq!(serde_json::from_value::<JobRecord>(json.clone()).unwrap(), *record);
    let names = serde_json::to_value(&snapshot).unwrap();
    for (name, value) in names.as_object().unwrap() {
        if !["seq", "state", "progress", "ended_at"].contains(&name.as_str()) {
            assert_eq!(json.get(name), Some(value), "{name}");
        }
    }
}

#[test]
fn what_is_not_selected_is_left_out() {
    let (tracker, clock) = tracker();
    let job = tracked(&tracker, &clock, "pages");
    let (_a, b) = (running(&job, "a"), running(&job, "b"));
    b.complete(()).unwrap();
    let only = |query: Query| serde_json::to_value(&tracker.query(&query)[0]).unwrap();
    let keys = |query| {
        let json = only(query);
        let keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        keys
    };
    assert_eq!(keys(Query::new().select([])), ["job"]);
    assert_eq!(
        keys(Query::new().select([Field::State, Field::Counts])),
        ["counts", "job", "state"]
    );
    assert!(!keys(Query::new()).contains(&"tasks".to_owned()));
    let some = Query::new().select([]).with_tasks_in([TaskState::Completed]);
    assert_eq!(only(some.clone())["tasks"].as_array().unwrap().len(), 1);
    drop((_a, b, job));
    assert_eq!(only(some)["tasks"][0]["name"], "b");
    assert_eq!(keys(Query::new().select([Field::EndedAt])), ["ended_at", "job"]);
}

#[test]
fn queries_find_what_they_ask_for() {
    let (tracker, clock) = tracker();
    let make = |name: &str, user: &str| {
        clock.advance(ms(10));
        let builder = Job::builder(name).clock(clock.clock()).property("user", user);
        let builder = if name == "night" { builder.property("gpus", 2) } else { builder };
        let job = builder.build().unwrap();
        tracker.track(&job);
        job
    };
    let (day, night, noon) = (make("day", "ada"), make("night", "bob"), make("noon", "ada"));
    let _run = running(&night, "task"); // starts at 30
    clock.advance(ms(10));
    drop(noon); // ends at 40
    let found = |query: Query| {
        let records = tracker.query(&query);
        let summary = tracker.summary(&query);
        assert_eq!(summary.total(), records.len(), "{query:?}");
        for state in JobState::ALL {
            let in_state = records.iter().filter(|record| record.state == Some(state)).count();
            assert_eq!(summary.of(state), in_state, "{query:?}");
        }
        names(&records).join(" ")
    };
    let q = Query::new;
    assert_eq!(found(q()), "noon night day");
    assert_eq!(found(q().state(JobState::Pending)), "day");
    assert_eq!(found(q().states([JobState::Running, JobState::Completed])), "noon night");
    assert_eq!(found(q().states([])), "");
    assert_eq!((found(q().live()), found(q().ended())), ("night day".into(), "noon".into()));
    assert_eq!(found(q().name("n*")), "noon night");
    assert_eq!(found(q().name("?ay")), "day");
    assert_eq!((found(q().name("oo")), found(q().name(""))), (String::new(), String::new()));
    assert_eq!(found(q().property("user", "ada")), "noon day");
    assert_eq!(found(q().property("user", "ada").property("gpus", 2)), "");
    assert_eq!(found(q().property("gpus", 2)), "night");
    assert_eq!(found(q().property("gpus", "2")), "", "a text is no number");
    assert_eq!(found(q().has_property("gpus")), "night");
    assert_eq!(found(q().created_since(at(20))), "noon night");
    assert_eq!(found(q().created_until(at(20))), "day");
    assert_eq!(found(q().created_since(at(20)).created_until(at(30))), "night");
    assert_eq!(found(q().started_since(at(30))), "night");
    assert_eq!(found(q().started_since(at(31))), "");
    assert_eq!(found(q().started_until(at(31))), "night");
    assert_eq!(found(q().ended_since(at(40))), "noon");
    assert_eq!(found(q().ended_since(at(41))), "");
    assert_eq!(
        (found(q().ended_until(at(40))), found(q().ended_until(at(41)))),
        (String::new(), "noon".into())
    );
    assert_eq!(
        found(q().ids([day.id(), night.id(), day.id(), Job::new("other").id()])),
        "night day"
    );
    assert_eq!(found(q().ids([day.id(), night.id()]).live().name("d*")), "day");
    assert_eq!(found(q().ids([])), "");
}

#[test]
fn jobs_come_in_the_order_asked_for_and_no_more_than_the_limit() {
    let (tracker, clock) = tracker();
    let jobs: Vec<Job> = ["a", "b", "c", "d", "e"].map(|n| tracked(&tracker, &clock, n)).into();
    let [a, b, c, d, e] = <[Job; 5]>::try_from(jobs).unwrap();
    let _task = running(&d, "task");
    for job in [c, a] {
        drop(job);
    }
    let order = |order, limit| {
        let query = Query::new().order(order).limit(limit);
        let by_ids = query.clone().ids(ids(&tracker.query(&Query::new())));
        let found = names(&tracker.query(&query)).concat();
        assert_eq!(names(&tracker.query(&by_ids)).concat(), found);
        found
    };
    assert_eq!(order(Order::NewestFirst, usize::MAX), "edcba");
    assert_eq!(order(Order::OldestFirst, usize::MAX), "abcde");
    assert_eq!(order(Order::LastEndedFirst, usize::MAX), "edbac");
    assert_eq!(order(Order::FirstEndedFirst, usize::MAX), "cabde");
    assert_eq!(order(Order::NewestFirst, 2), "ed");
    assert_eq!(order(Order::FirstEndedFirst, 3), "cab");
    assert_eq!(order(Order::OldestFirst, 0), "");
    // Of those that come first, some are judged out by what only the job knows.
    let started = Query::new().order(Order::OldestFirst).started_since(at(0)).limit(1);
    assert_eq!(names(&tracker.query(&started)), ["d"]);
    drop((b, e));
}

#[test]
fn records_are_kept_for_as_long_as_asked_and_then_it_says_so() {
    let (tracker, clock) = tracker();
    let early = end(tracked(&tracker, &clock, "early"));
    clock.advance(10 * MINUTE);
    let late = end(tracked(&tracker, &clock, "late"));
    let live = tracked(&tracker, &clock, "live");
    clock.advance(20 * MINUTE - ms(1));
    assert_eq!(tracker.get(early).unwrap().name.as_deref(), Some("early"));
    clock.advance(ms(1));
    let unknown = tracker.get(early).unwrap_err();
    let UnknownJob::Expired { job, ended_at, .. } = unknown else { panic!("{unknown:?}") };
    assert_eq!((job, ended_at), (early, at(0)));
    assert!(unknown.to_string().contains("`TrackerBuilder::retention`"), "{unknown}");
    assert_eq!(names(&tracker.query(&Query::new())), ["live", "late"]);
    clock.advance(10 * MINUTE);
    assert!(tracker.get(late).is_err());
    clock.advance(1_000 * MINUTE);
    assert_eq!(names(&tracker.query(&Query::new())), ["live"]);
    assert_eq!(tracker.summary(&Query::new().ended()).total(), 0);
    drop(live);
}

#[test]
fn no_retention_at_all_and_retention_for_ever_work() {
    let clock = ManualClock::new();
    let none = Tracker::builder().clock(clock.clock()).retention(Duration::ZERO).build();
    assert!(matches!(none.get(end(tracked(&none, &clock, "a"))), Err(UnknownJob::Expired { .. })));
    let ever = Tracker::builder().clock(clock.clock()).retention(Duration::MAX).build();
    let id = end(tracked(&ever, &clock, "a"));
    clock.advance(Duration::MAX);
    assert!(ever.get(id).is_ok());
}

#[test]
fn too_many_records_go_by_their_ends() {
    let clock = ManualClock::new();
    let tracker = Tracker::builder().clock(clock.clock()).max_jobs(2).build();
    let jobs: Vec<Job> = (0..5).map(|n| tracked(&tracker, &clock, &n.to_string())).collect();
    let all: Vec<JobId> = jobs.iter().map(Job::id).collect();
    // Live jobs don't count, and are never let go of.
    assert_eq!(tracker.query(&Query::new()).len(), 5);
    let [a, b, c, d, e] = <[Job; 5]>::try_from(jobs).unwrap();
    for job in [d, a, c] {
        drop(job);
    }
    let unknown = tracker.get(all[3]).unwrap_err();
    let UnknownJob::Evicted { limit, ended_at, .. } = unknown else { panic!("{unknown:?}") };
    assert_eq!((limit, ended_at), (Limit::Jobs(2), at(0)));
    assert!(
        unknown.to_string().contains("2 others")
            && unknown.to_string().contains("`TrackerBuilder::max_jobs`")
    );
    assert_eq!(
        names(&tracker.query(&Query::new().order(Order::LastEndedFirst))),
        ["4", "1", "2", "0"]
    );
    drop((b, e));
}

#[test]
fn records_take_no_more_memory_than_they_may() {
    let clock = ManualClock::new();
    let tracker = Tracker::builder().clock(clock.clock()).max_bytes(100_000).build();
    let with_tasks = |tasks: usize| {
        let job = tracked(&tracker, &clock, "job");
        for n in 0..tasks {
            running(&job, &n.to_string()).complete(()).unwrap();
        }
        end(job)
    };
    let small: Vec<JobId> = (0..3).map(|_| with_tasks(1)).collect();
    assert!(small.iter().all(|id| tracker.get(*id).is_ok()));
    let large = with_tasks(500);
    assert!(matches!(
        tracker.get(small[0]),
        Err(UnknownJob::Evicted { limit: Limit::Bytes(100_000), .. }) | Ok(_)
    ));
    let larger = with_tasks(400);
    assert!(tracker.get(larger).is_ok(), "the youngest fits");
    let unknown = tracker.get(large).unwrap_err();
    assert!(
        matches!(unknown, UnknownJob::Evicted { limit: Limit::Bytes(100_000), .. }),
        "{unknown:?}"
    );
    assert!(unknown.to_string().contains("`TrackerBuilder::max_bytes`"), "{unknown}");
    assert!(small.iter().all(|id| tracker.get(*id).is_err()), "the older go first");
    let huge = with_tasks(2_000);
    assert!(tracker.get(huge).is_err());
    assert_eq!(tracker.summary(&Query::new()).total(), 0);
}

#[test]
fn what_was_never_tracked_is_not_known_and_tracking_twice_is_tracking_once() {
    let (tracker, clock) = tracker();
    let (job, other) = (tracked(&tracker, &clock, "job"), Job::new("other"));
    assert_eq!(tracker.get(other.id()), Err(UnknownJob::NeverSeen { job: other.id() }));
    tracker.clone().track(&job);
    assert_eq!(tracker.query(&Query::new()).len(), 1);
    job.submit(&Inline).unwrap(); // it has no tasks, and ends
    tracker.track(&job);
    assert_eq!(tracker.summary(&Query::new()).of(JobState::Completed), 1);
}

#[test]
fn a_job_may_be_tracked_late_and_by_several() {
    let (one, clock) = tracker();
    let two = Tracker::builder().clock(clock.clock()).retention(MINUTE).build();
    let job = tracked(&one, &clock, "job");
    job.add_blocking("task", |_cx| Ok(())).unwrap();
    job.submit(&Inline).unwrap();
    clock.advance(MINUTE);
    two.track(&job); // an ended one: it is kept from now on
    two.track(&job);
    assert_eq!(two.get(job.id()).unwrap().ended_at, Some(at(0)));
    assert_eq!(two.query(&Query::new().with_tasks())[0].tasks.len(), 1);
    clock.advance(MINUTE);
    assert!(matches!(two.get(job.id()), Err(UnknownJob::Expired { .. })));
    two.track(&job);
    assert!(matches!(two.get(job.id()), Err(UnknownJob::Expired { .. })), "not again");
    assert_eq!(one.get(job.id()).unwrap().state, Some(JobState::Completed));
}

#[test]
fn a_tracked_job_ends_as_if_it_were_not_tracked_and_is_freed() {
    struct Held(Arc<()>);
    let (tracker, clock) = tracker();
    let canary = Arc::new(());
    let gone: Weak<()> = Arc::downgrade(&canary);
    let job = tracked(&tracker, &clock, "never submitted");
    let held = Held(canary);
    let in_output = gone.upgrade().unwrap();
    job.add_blocking("a", move |_cx| Ok(held.0.clone())).unwrap();
    let feed = tracker.events();
    let id = end(job);
    drop((in_output, feed));
    assert_eq!(tracker.get(id).unwrap().state, Some(JobState::Canceled));
    assert!(gone.upgrade().is_none(), "what a task's code held is freed");

    // An output, and an error that somebody's own type is of.
    #[derive(Debug)]
    struct Own(#[allow(dead_code, reason = "it is held")] Arc<()>);
    impl std::fmt::Display for Own {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("my own")
        }
    }
    impl std::error::Error for Own {}
    let canary = Arc::new(());
    let gone = Arc::downgrade(&canary);
    let job = tracked(&tracker, &clock, "submitted");
    let (output, error) = (canary.clone(), Own(canary));
    job.add_blocking("output", move |_cx| Ok(output)).unwrap();
    job.add_blocking("error", move |_cx| Err::<(), _>(error.into())).unwrap();
    job.submit(&Inline).unwrap();
    assert!(gone.upgrade().is_some());
    let id = end(job);
    assert!(gone.upgrade().is_none());
    let record = tracker.get(id).unwrap();
    assert_eq!(record.failures[0].error.as_ref().unwrap().message.as_ref(), "my own");
}

#[test]
fn a_job_that_is_dropped_without_an_end_is_told_to_be() {
    let (tracker, clock) = tracker();
    let job = tracked(&tracker, &clock, "lost");
    let id = job.id();
    job.add_blocking("task", |_cx| Ok(())).unwrap();
    let hand = ByHand::default();
    job.submit(&hand).unwrap();
    drop(job);
    assert_eq!(tracker.get(id).unwrap().state, Some(JobState::Submitted));
    hand.0.lock().clear(); // a scheduler that lets go of its tasks without a word
    assert_eq!(tracker.get(id), Err(UnknownJob::Dropped { job: id }));
    assert_eq!(tracker.summary(&Query::new()).total(), 0);
}

#[test]
fn a_scheduler_tracks_what_it_takes_and_is_otherwise_what_it_was() {
    #[derive(Clone)]
    struct Refuses;
    impl Scheduler for Refuses {
        fn ready(&self, _queue: TaskQueue) {}
        fn accept(&self, _queue: &TaskQueue) -> Result<(), SubmitError> {
            Err(SubmitError::ShutDown)
        }
    }
    let (tracker, _clock) = tracker();
    let job = Job::new("refused");
    assert!(job.submit(&tracker.scheduler(Refuses)).is_err());
    assert!(matches!(tracker.get(job.id()), Err(UnknownJob::NeverSeen { .. })));

    let scheduler: ObservedScheduler<ByHand> = tracker.scheduler(ByHand::default());
    let job = Job::new("parent");
    let child: Job = Job::new("child");
    child.add_blocking("b", |_cx| Ok(())).unwrap();
    let its = child.clone();
    job.add_with("a", (), move |cx, ()| {
        let its = its.clone();
        async move {
            cx.child(&its).await.map_err(TaskError::permanent)?;
            Ok(())
        }
    })
    .unwrap();
    job.submit(&scheduler).unwrap();
    let mut run = scheduler.inner().next().unwrap(); // of `ByHand`
    assert!(!step(&mut run));
    let found = tracker.query(&Query::new().order(Order::OldestFirst));
    assert_eq!(names(&found), ["parent", "child"]);
    assert!(scheduler.inner().run_one());
    while !step(&mut run) {}
    assert_eq!(tracker.summary(&Query::new()).of(JobState::Completed), 2);
    assert!(scheduler.into_inner().next().is_none());
}

/// T1: nobody has to wait for anything but what they saw themselves.
#[test]
#[cfg(feature = "local")]
fn who_has_seen_a_state_finds_the_job_by_it() {
    common::within(|| {
        let tracker = Tracker::new();
        let scheduler = tracker.scheduler(milepost::LocalScheduler::new(2).unwrap());
        for n in 0..300 {
            let job = Job::new(n.to_string());
            job.add_blocking("task", |_cx| Ok(())).unwrap();
            let mut changes = job.job_state_changed();
            job.submit(&scheduler).unwrap();
            let mut seen = job.state();
            loop {
                // Seen by looking, and by an event.
                if seen.is_terminal() {
                    let found = tracker.query(&Query::new().state(seen).ids([job.id()]));
                    assert_eq!(found.len(), 1);
                    assert!(tracker.query(&Query::new().ended().limit(1))[0].job == job.id());
                    break;
                }
                seen = changes.blocking_next().map_or(JobState::Completed, |change| change.to);
            }
        }
        assert_eq!(tracker.summary(&Query::new()).of(JobState::Completed), 300);
    });
}

/// Each answer is of one moment: no job is missing from it, none in it twice, and none in a state that wasn't asked for.
#[test]
fn nothing_is_missing_or_doubled_while_jobs_change() {
    common::within(|| {
        const JOBS: usize = 200;
        let tracker = Tracker::new();
        let jobs: Vec<Job> = (0..JOBS).map(|n| Job::new(n.to_string())).collect();
        jobs.iter().for_each(|job| tracker.track(job));
        let driver = std::thread::spawn(move || {
            for job in jobs {
                running(&job, "task").complete(()).unwrap();
            }
        });
        let all =
            [Order::NewestFirst, Order::OldestFirst, Order::LastEndedFirst, Order::FirstEndedFirst];
        let mut over = false;
        while !over {
            over = driver.is_finished();
            for order in all {
                let query = Query::new().order(order).select([Field::State]).limit(JOBS);
                let mut found = ids(&tracker.query(&query));
                found.sort_unstable();
                found.dedup();
                assert_eq!(found.len(), JOBS, "{order:?}");
            }
            assert_eq!(tracker.summary(&Query::new()).total(), JOBS);
            for state in JobState::ALL {
                let found = tracker.query(&Query::new().state(state));
                assert!(found.iter().all(|record| record.state == Some(state)));
            }
        }
        driver.join().unwrap();
        assert_eq!(tracker.summary(&Query::new()).of(JobState::Completed), JOBS);
    });
}

#[test]
fn a_tracker_may_be_asked_in_a_callback_and_dropped_at_any_time() {
    let (tracker, clock) = tracker();
    let job = tracked(&tracker, &clock, "job");
    let (send, receive) = std::sync::mpsc::channel();
    let (asked, id) = (tracker.clone(), job.id());
    job.on_job_completed(move |_| send.send(asked.get(id).map(|record| record.state)).unwrap());
    drop(job);
    assert_eq!(receive.recv().unwrap().unwrap(), Some(JobState::Completed));
    let left = tracked(&tracker, &clock, "left");
    let mut events = left.events();
    drop(tracker);
    clock.advance(60 * MINUTE);
    drop(left);
    assert!(std::iter::from_fn(|| events.blocking_next()).count() > 0);
}

#[test]
fn records_and_summaries_have_a_json_form_and_debug_text() {
    let (tracker, clock) = tracker();
    let _job = tracked(&tracker, &clock, "job");
    drop(tracked(&tracker, &clock, "other"));
    let summary = tracker.summary(&Query::new());
    let json = serde_json::to_string(&summary).unwrap();
    assert_eq!(json, r#"{"pending":1,"completed":1}"#);
    assert_eq!(serde_json::from_str::<milepost::tracker::Summary>(&json).unwrap(), summary);
    assert_eq!((summary.live(), summary.ended()), (1, 1));
    assert_eq!(format!("{tracker:?}"), "Tracker(2 jobs, 1 ended)");
}
