//! Properties of jobs and tasks: where they are told, when, and that a retry keeps them.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{ByHand, Inline, WINDOW, at, check_merged, drain, job, ms, rest, running};
use milepost::{
    Event, EventStream, Job, JobSnapshot, NewTask, Progress, ProgressWindow, Properties, Property,
    Retry, TaskError, TaskProgressUpdated, TaskSnapshot, TaskState,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Properties as their JSON, to compare them by.
fn shown(properties: &Properties) -> Value {
    serde_json::to_value(properties).unwrap()
}

/// The properties of each update, with its attempt.
fn told(updates: &[TaskProgressUpdated]) -> Vec<(u32, Value)> {
    updates.iter().map(|told| (told.attempt, shown(&told.properties))).collect()
}

/// The properties of each progress event of a merged stream, with its attempt.
fn told_among(events: &[Event]) -> Vec<(u32, Value)> {
    let progress = events.iter().filter_map(|event| match event {
        Event::TaskProgressUpdated(told) => Some((told.attempt, shown(&told.properties))),
        _ => None,
    });
    progress.collect()
}

#[test]
fn those_given_at_adding_are_in_the_events_of_adding_and_ending_and_in_snapshots() {
    let (job, _clock) = job();
    job.task("built")
        .property("host", "node3")
        .property("gpus", 2)
        .add_blocking(|_| Ok(()))
        .unwrap();
    let reported = job.task("reported").property("rate", 0.5).reporter().unwrap();
    job.add_blocking("without", |_| Ok(())).unwrap();
    let expected = [json!({"host": "node3", "gpus": 2}), json!({"rate": 0.5}), json!({})];
    let of = |tasks: &[TaskSnapshot]| -> Vec<Value> {
        tasks.iter().map(|task| shown(&task.properties)).collect()
    };
    assert_eq!(of(&job.snapshot().tasks), expected);
    let (progress, added, completed) =
        (job.task_progress_updated(), job.task_added(), job.task_completed());
    reported.running().unwrap();
    reported.complete(()).unwrap();
    job.submit(&Inline).unwrap();
    let added: Vec<Value> = rest(added).iter().map(|event| shown(&event.properties)).collect();
    assert_eq!(added, expected);
    let mut completed = rest(completed);
    completed.sort_by_key(|event| event.task);
    let completed: Vec<Value> = completed.iter().map(|event| shown(&event.properties)).collect();
    assert_eq!(completed, expected);
    assert_eq!(of(&job.snapshot().tasks), expected);
    // Nothing was set while they ran: that is no progress.
    assert_eq!(rest(progress), []);
}

#[test]
fn fed_tasks_have_them_too() {
    let job = Job::builder("fed").open().unwrap();
    let task = |n: u32| NewTask::blocking(n.to_string(), |_cx| Ok(())).property("n", n);
    job.feed((0..3).map(task), 1);
    job.submit(&Inline).unwrap();
    let job = job.close();
    let added: Vec<Value> =
        rest(job.task_added()).iter().map(|event| shown(&event.properties)).collect();
    assert_eq!(added, [json!({"n": 0}), json!({"n": 1}), json!({"n": 2})]);
}

#[test]
fn those_set_while_it_runs_are_told_with_their_window() {
    let (job, clock) = job();
    let task = job.task("task").property("host", "node1").reporter().unwrap();
    task.running().unwrap();
    let mut updates = job.task_progress_updated();
    for n in 0..100 {
        task.set_property("step", n);
    }
    task.set_property("host", "node2");
    clock.advance(WINDOW - ms(1));
    assert_eq!(drain(&mut updates), []);
    assert_eq!(shown(&job.snapshot().tasks[0].properties), json!({"host": "node1"}));
    clock.advance(ms(1));
    let now = drain(&mut updates);
    assert_eq!(told(&now), [(1, json!({"host": "node2", "step": 99}))]);
    assert_eq!((now[0].progress, now[0].at), (None, at(200)));
    let present = job.snapshot().tasks[0].properties.clone();
    assert_eq!(present, now[0].properties);
    // Equal values, also those that came back to what was told, are no report.
    task.set_property("step", 100);
    task.set_property("step", 99);
    clock.advance(10 * WINDOW);
    assert_eq!(drain(&mut updates), []);
    // Progress comes with all of them.
    task.set_progress(7);
    clock.advance(WINDOW);
    let now = drain(&mut updates);
    assert_eq!(told(&now), [(1, json!({"host": "node2", "step": 99}))]);
    assert_eq!(now[0].progress, Some(7.0));
}

#[test]
fn setting_what_was_given_at_adding_is_no_report() {
    let (job, clock) = job();
    let task = job.task("task").property("host", "node1").unit("rows").reporter().unwrap();
    task.running().unwrap();
    let mut updates = job.task_progress_updated();
    task.set_property("host", "node1");
    clock.advance(WINDOW);
    task.set_property("host", "node2");
    task.set_property("host", "node1");
    clock.advance(10 * WINDOW);
    assert_eq!(drain(&mut updates), []);
    task.set_property("host", "node2");
    clock.advance(WINDOW);
    assert_eq!(told(&drain(&mut updates)), [(1, json!({"host": "node2"}))]);
}

#[test]
fn the_last_ones_are_told_before_the_end() {
    let (job, clock) = job();
    let early = job.events();
    let task = running(&job, "task");
    task.set_property("host", "node1");
    clock.advance(WINDOW);
    task.set_property("host", "node2");
    task.fail(TaskError::msg("no")).unwrap();
    // An attempt that is over is heard by no one.
    task.set_property("host", "node3");
    drop(task);
    let late = job.events();
    drop(job);
    let last = (1, json!({"host": "node2"}));
    let early = rest(early);
    check_merged(&early, 0);
    assert_eq!(told_among(&early), [(1, json!({"host": "node1"})), last.clone()]);
    let late = rest(late);
    check_merged(&late, 0);
    assert_eq!(told_among(&late), std::slice::from_ref(&last));
    for events in [early, late] {
        let is_last = |event: &Event| matches!(event, Event::TaskProgressUpdated(told) if shown(&told.properties) == last.1);
        let told = events.iter().position(is_last).unwrap();
        let is_end = |event: &Event| matches!(event, Event::TaskStateChanged(change) if change.to == TaskState::Failed);
        assert!(told < events.iter().position(is_end).unwrap());
        let end = events.iter().find_map(|event| match event {
            Event::TaskCompleted(end) => Some(shown(&end.properties)),
            _ => None,
        });
        assert_eq!(end, Some(last.1.clone()));
    }
}

#[test]
fn tasks_that_end_before_they_run_keep_what_they_were_given() {
    let (job, _clock) = job();
    let task = job.task("task").property("host", "node1").add_blocking(|_| Ok(())).unwrap();
    job.cancel("enough");
    assert_eq!(task.state(), TaskState::Canceled);
    let end = job.task_completed().blocking_next().unwrap();
    assert_eq!(shown(&end.properties), json!({"host": "node1"}));
}

#[test]
fn a_retry_keeps_them() {
    let (job, clock) = job();
    let scheduler = ByHand::default();
    let (mut events, mut windows) = (job.events(), job.progress_windows());
    let (mut from_now, seen) = (job.task_progress_updated(), std::sync::mpsc::channel());
    let send = seen.0;
    job.task("task")
        .property("input", "a.png")
        .retry(Retry::attempts(3))
        .add_blocking_with((), move |cx, ()| {
            send.send(shown(&cx.properties())).unwrap();
            cx.set_progress(cx.attempt());
            if cx.attempt() == 1 {
                cx.set_property("host", "node1");
            }
            match cx.attempt() {
                3 => Ok(()),
                _ => Err(TaskError::msg("lost").retry_after(ms(1_000))),
            }
        })
        .unwrap();
    job.submit(&scheduler).unwrap();
    let kept = json!({"input": "a.png", "host": "node1"});
    assert!(scheduler.run_one());

    // Between the attempts: no progress, and the properties, for whoever asks, comes late, or reads windows.
    let snapshot = job.snapshot().tasks.remove(0);
    assert_eq!((snapshot.attempt, snapshot.progress), (2, None));
    assert_eq!(shown(&snapshot.properties), kept);
    let late = drain(&mut job.events());
    check_merged(&late, 0);
    assert_eq!(told_among(&late), [(2, kept.clone())]);
    // Whoever was told them with the last attempt's last progress is not told again.
    assert_eq!(told(&drain(&mut from_now)), [(1, kept.clone())]);
    clock.advance(WINDOW);
    assert_eq!(drain(&mut from_now), []);
    let of_windows = drain(&mut windows).into_iter().flat_map(|window| window.updates);
    let of_windows: Vec<_> = of_windows.collect();
    assert_eq!(told(&of_windows), [(2, kept.clone())]);
    assert_eq!(of_windows[0].progress, None);

    clock.advance(ms(1_000));
    assert!(scheduler.run_one());
    clock.advance(ms(1_000));
    assert!(scheduler.run_one());
    assert_eq!(
        seen.1.try_iter().collect::<Vec<_>>(),
        [json!({"input": "a.png"}), kept.clone(), kept.clone()]
    );
    assert!(job.is_ended());
    let events = drain(&mut events);
    check_merged(&events, 0);
    assert_eq!(told_among(&events), [1, 2, 3].map(|attempt| (attempt, kept.clone())));
    let end = job.task_completed().blocking_next().unwrap();
    assert_eq!((end.attempt, shown(&end.properties)), (3, kept));
    // What was given at adding stays what was given at adding.
    let added = job.task_added().blocking_next().unwrap();
    assert_eq!(shown(&added.properties), json!({"input": "a.png"}));
}

#[test]
fn a_retry_that_says_nothing_ends_with_them() {
    let (job, clock) = job();
    let mut task = running(&job, "task");
    task.set_property("host", "node1");
    clock.advance(WINDOW);
    let old = task.progress();
    let (mut updates, mut windows) = (job.task_progress_updated(), job.progress_windows());
    drain(&mut updates);
    drain(&mut windows);
    task.resubmitted("lost").unwrap();
    old.set_property("host", "heard by no one");
    task.running().unwrap();
    assert_eq!(task.property("host"), Some(Property::from("node1")));
    clock.advance(10 * WINDOW);
    assert_eq!(drain(&mut updates), []);
    let again = drain(&mut windows).into_iter().flat_map(|window| window.updates);
    assert_eq!(again.collect::<Vec<_>>(), [], "it was told before the retry");
    task.complete(()).unwrap();
    assert_eq!(drain(&mut updates), []);
    let end = job.task_completed().blocking_next().unwrap();
    assert_eq!((end.attempt, shown(&end.properties)), (2, json!({"host": "node1"})));
}

#[test]
fn readers_that_missed_windows_are_told_the_present_ones() {
    let (job, clock) = job();
    let mut slow = job.events();
    let noise = running(&job, "noise");
    let mut task = running(&job, "task");
    task.set_property("host", "node1");
    clock.advance(WINDOW);
    task.set_property("host", "node2");
    task.resubmitted("lost").unwrap();
    for n in 0..40 {
        noise.set_progress(n);
        clock.advance(WINDOW);
    }
    let events = drain(&mut slow);
    check_merged(&events, 0);
    let mut told = told_among(&events);
    told.retain(|(_, properties)| *properties != json!({}));
    assert_eq!(told, [(2, json!({"host": "node2"}))]);
}

#[test]
fn a_reader_that_comes_before_a_retry_and_reads_after_it_is_told_them_of_the_new_attempt() {
    let (job, clock) = job();
    let mut task = running(&job, "task");
    task.set_property("host", "node1");
    task.set_progress(1);
    clock.advance(WINDOW);
    let mut late = job.events();
    task.resubmitted("lost").unwrap();
    let events = drain(&mut late);
    check_merged(&events, 0);
    assert_eq!(told_among(&events), [(2, json!({"host": "node1"}))]);
    assert_eq!(events.last().and_then(Event::seq), None, "it comes after the retry");
}

#[test]
fn late_subscribers_are_told_the_present_ones() {
    let (job, clock) = job();
    let (task, _silent) = (running(&job, "task"), running(&job, "silent"));
    task.set_property("b", true);
    task.set_property("a", 1);
    clock.advance(WINDOW);
    let mut late = job.task_progress_updated();
    assert_eq!(told(&drain(&mut late)), [(1, json!({"a": 1, "b": true}))]);
    let (snapshot, mut after) = job.snapshot_and_events();
    assert_eq!(shown(&snapshot.tasks[0].properties), json!({"a": 1, "b": true}));
    assert_eq!(shown(&snapshot.tasks[1].properties), json!({}));
    task.set_property("a", 2);
    clock.advance(WINDOW);
    assert_eq!(told_among(&drain(&mut after)), [(1, json!({"a": 2, "b": true}))]);
}

#[test]
fn they_are_read_as_they_are_now() {
    let (job, _clock) = job();
    let task = job.task("task").property("gpus", 2).reporter().unwrap();
    assert_eq!(task.property("gpus"), Some(Property::Int(2)));
    task.set_property("gpus", 4u64);
    assert_eq!(task.property("gpus").and_then(|gpus| gpus.as_i64()), Some(4));
    assert_eq!(task.property("host"), None);
    // A part's are the whole's.
    let [part, _rest] = task.split([("part", 1.0), ("rest", 1.0)]);
    part.set_property("host", "node1");
    assert_eq!(task.properties(), part.properties());
    assert_eq!(shown(&task.properties()), json!({"gpus": 4, "host": "node1"}));
}

#[test]
fn closures_of_progress_are_told_them() {
    let (send, reports) = std::sync::mpsc::channel();
    let progress = Progress::from_fn(move |report| send.send(report.properties.clone()).unwrap());
    progress.set_property("files", 3);
    let [part] = progress.split([("all", 1.0)]);
    part.set_property("host", "node1");
    assert_eq!(reports.try_iter().last(), Some(progress.properties()));
    assert_eq!(shown(&part.properties()), json!({"files": 3, "host": "node1"}));
    let nobody = Progress::none();
    nobody.set_property("files", 3);
    assert_eq!(nobody.property("files"), None);
}

#[test]
fn numbers_that_json_has_not_are_ignored_at_the_call() {
    let clock = milepost::ManualClock::new();
    let job = Job::builder("job").property("rate", f64::NAN).clock(clock.clock()).build().unwrap();
    assert!(job.properties().is_empty());
    let task = job.task("task").property("rate", f64::INFINITY).reporter().unwrap();
    task.running().unwrap();
    let mut updates = job.task_progress_updated();
    task.set_property("rate", f64::NAN);
    clock.advance(WINDOW);
    assert_eq!(drain(&mut updates), []);
    task.set_property("rate", 0.5);
    task.set_property("rate", f64::NEG_INFINITY);
    clock.advance(WINDOW);
    assert_eq!(told(&drain(&mut updates)), [(1, json!({"rate": 0.5}))]);
}

#[test]
fn many_threads_may_set_them() {
    const THREADS: usize = 8;
    let (job, _clock) = job();
    let events = job.events();
    let task = running(&job, "task");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let progress = task.progress();
            scope.spawn(move || {
                for n in 0..200 {
                    progress.set_property(format!("thread {thread}"), n);
                    progress.set_property("any", thread);
                    progress.advance(1);
                }
            });
        }
    });
    task.complete(()).unwrap();
    drop((job, task));
    let end = rest(events).into_iter().find_map(|event| match event {
        Event::TaskCompleted(end) => Some(end),
        _ => None,
    });
    let end = end.unwrap();
    assert_eq!(end.progress, Some((THREADS * 200) as f64));
    assert_eq!(end.properties.len(), THREADS + 1);
    for thread in 0..THREADS {
        assert_eq!(end.properties.get(&format!("thread {thread}")), Some(&Property::Int(199)));
    }
}

#[test]
fn a_jobs_are_fixed_and_in_its_events_and_snapshots() {
    let build = |user: &str| Job::builder("job").property("user", user).property("n", 1).build();
    let (ada, bob, nobody) = (build("ada").unwrap(), build("bob").unwrap(), Job::new("job"));
    let expected = json!({"user": "ada", "n": 1});
    assert_eq!(shown(&ada.properties()), expected);
    assert_eq!(bob.properties().get("user"), Some(&Property::from("bob")));
    assert!(nobody.properties().is_empty() && nobody.snapshot().properties.is_empty());
    running(&ada, "task").complete(()).unwrap();
    assert_eq!(shown(&ada.snapshot().properties), expected);
    let changes = ada.job_state_changed();
    drop(ada);
    let changes = rest(changes);
    assert_eq!(changes.len(), 3);
    for change in changes {
        assert_eq!(shown(&change.properties), expected);
    }
}

#[test]
fn json_goes_round_and_old_json_reads() {
    let clock = milepost::ManualClock::new();
    let job = Job::builder("job").property("user", "ada").clock(clock.clock()).build().unwrap();
    let events = job.events();
    let task = job.task("task").property("gpus", 2).property("rate", 1.0).reporter().unwrap();
    task.running().unwrap();
    task.set_property("spot", true);
    clock.advance(WINDOW);
    let snapshot = job.snapshot();
    let value = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(serde_json::from_value::<JobSnapshot>(value).unwrap(), snapshot);
    task.complete(()).unwrap();
    drop((job, task));
    for event in rest(events) {
        let line = serde_json::to_string(&event).unwrap();
        let back: Event = serde_json::from_str(&line).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), line);
        let mut value = serde_json::to_value(&event).unwrap();
        let had = value.as_object_mut().unwrap().remove("properties").is_some();
        // As one that was written before there were properties.
        let old: Event = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&old).unwrap(), value);
        let kind_has = matches!(
            event,
            Event::JobStateChanged(_)
                | Event::TaskAdded(_)
                | Event::TaskProgressUpdated(_)
                | Event::TaskCompleted(_)
        );
        assert_eq!(had, kind_has, "{line}");
    }
}

/// What may happen to a task and its readers.
#[derive(Debug, Clone)]
enum Step {
    Set(u8, u8),
    Report(u8),
    Window,
    Again,
    Noise(u8),
    ReadSlowly(u8),
    ComeLate,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2u8, 0..3u8).prop_map(|(name, value)| Step::Set(name, value)),
        2 => (0..3u8).prop_map(Step::Report),
        3 => Just(Step::Window),
        2 => Just(Step::Again),
        1 => (1..20u8).prop_map(Step::Noise),
        2 => (0..6u8).prop_map(Step::ReadSlowly),
        1 => Just(Step::ComeLate),
    ]
}

/// Takes the properties of the first task from an event that has some.
fn follow(present: &mut Properties, event: &Event) {
    match event {
        Event::TaskAdded(added) if added.task.index() == 0 => *present = added.properties.clone(),
        Event::TaskProgressUpdated(told) if told.task.index() == 0 => {
            *present = told.properties.clone();
        }
        _ => {}
    }
}

/// Checks a merged reader's events, and that whoever follows them knows the properties before the end.
fn check_followed(events: &[Event], last: &Properties) {
    check_merged(events, 0);
    let mut present = Properties::default();
    for event in events {
        follow(&mut present, event);
        if let Event::TaskCompleted(end) = event
            && end.task.index() == 0
        {
            assert_eq!((&present, &end.properties), (last, last));
        }
    }
}

/// What a reader of windows knows at the end, who was there from the beginning or has seen a snapshot.
fn check_windows(windows: EventStream<ProgressWindow>, first: Properties, last: &Properties) {
    let updates = rest(windows).into_iter().flat_map(|window| window.updates);
    let of_task = updates.filter(|told| told.task.index() == 0);
    let present = of_task.last().map_or(first, |told| told.properties);
    assert_eq!(present, *last);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_readers_know_them_whatever_happens(steps in prop::collection::vec(step(), 0..40)) {
        let (job, clock) = job();
        let (mut slow, early, windows) = (job.events(), job.events(), job.progress_windows());
        let mut prompt = job.events();
        let mut task = job.task("task").property("0", 0).reporter().unwrap();
        let noise = running(&job, "noise");
        task.running().unwrap();
        let mut set: Properties = [("0", 0)].into_iter().collect();
        let (mut read, mut late, mut late_windows) = (Vec::new(), Vec::new(), Vec::new());
        let mut present = Properties::default();
        let mut count = 0;
        for step in steps {
            match step {
                Step::Set(name, value) => {
                    task.set_property(name.to_string(), value);
                    let others = set.iter().map(|(name, value)| (name.to_string(), value.clone()));
                    let this = (name.to_string(), Property::from(value));
                    set = others.chain([this]).collect();
                }
                Step::Report(value) => task.set_progress(value),
                Step::Window => clock.advance(WINDOW),
                Step::Again => {
                    task.resubmitted("again").unwrap();
                    task.running().unwrap();
                }
                Step::Noise(windows) => (0..windows).for_each(|_| {
                    count += 1;
                    noise.set_progress(count);
                    clock.advance(WINDOW);
                }),
                Step::ReadSlowly(events) => {
                    read.extend((0..events).filter_map(|_| slow.try_recv()));
                }
                Step::ComeLate => {
                    late.push(job.events());
                    late_windows.push((job.progress_windows(), job.snapshot()));
                }
            }
            prop_assert_eq!(&task.properties(), &set);
            for event in drain(&mut prompt) {
                follow(&mut present, &event);
            }
            prop_assert_eq!(&job.snapshot().tasks[0].properties, &present);
        }
        task.complete(()).unwrap();
        drop((job, task, noise));
        read.extend(rest(slow));
        check_followed(&read, &set);
        check_followed(&rest(early), &set);
        late.into_iter().for_each(|late| check_followed(&rest(late), &set));
        check_windows(windows, [("0", 0)].into_iter().collect(), &set);
        for (windows, snapshot) in late_windows {
            check_windows(windows, snapshot.tasks[0].properties.clone(), &set);
        }
    }
}
