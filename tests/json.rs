//! The JSON of events: one form everywhere, with stable names; what is absent is left out.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::time::Duration;

use common::{Inline, WINDOW, drain, job, jsons, ms, rest, running};
use milepost::{
    Cause, Counts, Event, EventKind, Failure, Job, JobId, JobSnapshot, JobState, ManualClock,
    Observation, TaskContext, TaskError, TaskId, TaskState,
};
use serde_json::{Value, json};

/// Events as JSON, with the job's id checked and left out.
fn told(job: JobId, events: &[Event]) -> Vec<Value> {
    let told = |event| {
        let mut json = serde_json::to_value(event).unwrap();
        let id = json.as_object_mut().unwrap().remove("job").unwrap();
        assert_eq!(id, json!(job.to_string()));
        json
    };
    events.iter().map(told).collect()
}

/// The times at which these jobs do what they do: a manual clock's noon of 2020-01-01, and later.
const T0: &str = "2020-01-01T12:00:00.000000Z";
const T200: &str = "2020-01-01T12:00:00.200000Z";
const T1234: &str = "2020-01-01T12:00:01.234567Z";

#[test]
fn json_of_each_event_is_as_designed() {
    let (job, clock) = job();
    let id = job.id();
    let events = job.events();
    let task = job.reporter("a.png").unwrap();
    task.running().unwrap();
    task.set_total(100);
    task.set_progress(42);
    task.set_unit("bytes");
    task.set_message("shrinking");
    clock.advance(WINDOW);
    clock.advance(Duration::from_micros(1_034_567));
    task.fail(TaskError::msg("no space left")).unwrap();
    drop((job, task));
    let expected = [
        json!({"event": "task_added", "task": 0, "name": "a.png", "seq": 1, "at": T0}),
        json!({"event": "job_state_changed", "name": "job", "seq": 2, "at": T0,
            "from": "pending", "to": "submitted"}),
        json!({"event": "task_state_changed", "task": 0, "attempt": 1, "seq": 3, "at": T0,
            "from": "pending", "to": "submitted"}),
        json!({"event": "task_state_changed", "task": 0, "attempt": 1, "seq": 4, "at": T0,
            "from": "submitted", "to": "running"}),
        json!({"event": "job_state_changed", "name": "job", "seq": 5, "at": T0,
            "from": "submitted", "to": "running"}),
        json!({"event": "task_progress_updated", "task": 0, "attempt": 1, "at": T200, "after": 5,
            "progress": 42.0, "total": 100.0, "unit": "bytes", "message": "shrinking"}),
        json!({"event": "task_state_changed", "task": 0, "attempt": 1, "seq": 6, "at": T1234,
            "from": "running", "to": "failed"}),
        json!({"event": "task_completed", "task": 0, "name": "a.png", "attempt": 1, "seq": 7,
            "at": T1234, "state": "failed", "progress": 42.0, "total": 100.0, "unit": "bytes",
            "message": "shrinking", "error": {"kind": "failed", "message": "no space left"}}),
        json!({"event": "job_state_changed", "name": "job", "seq": 8, "at": T1234,
            "from": "running", "to": "failed"}),
        json!({"event": "job_completed", "seq": 9, "at": T1234, "state": "failed",
            "counts": {"failed": 1}, "elapsed_ms": 1234}),
    ];
    let events = rest(events);
    assert_eq!(told(id, &events), expected);
}

#[test]
fn json_of_properties_is_as_designed() {
    let clock = ManualClock::new();
    let job = Job::builder("job").property("user", "ada").clock(clock.clock()).build().unwrap();
    let (id, events) = (job.id(), job.events());
    let task = job.task("a.png").property("gpus", 2).reporter().unwrap();
    task.running().unwrap();
    task.set_property("host", "node3");
    task.set_property("spot", true);
    task.set_property("price", 0.25);
    clock.advance(WINDOW);
    let (user, gpus) = (json!({"user": "ada"}), json!({"gpus": 2}));
    let all = json!({"gpus": 2, "host": "node3", "price": 0.25, "spot": true});
    let snapshot = serde_json::to_value(job.snapshot()).unwrap();
    assert_eq!((&snapshot["properties"], &snapshot["tasks"][0]["properties"]), (&user, &all));
    task.complete(()).unwrap();
    drop((job, task));
    let events = rest(events);
    let values = told(id, &events);
    assert_eq!(
        values[0],
        json!({"event": "task_added", "task": 0, "name": "a.png", "seq": 1, "at": T0,
            "properties": gpus})
    );
    assert_eq!(
        values[1],
        json!({"event": "job_state_changed", "name": "job", "seq": 2, "at": T0,
            "from": "pending", "to": "submitted", "properties": user})
    );
    assert_eq!(
        values[5],
        json!({"event": "task_progress_updated", "task": 0, "attempt": 1, "at": T200, "after": 5,
            "properties": all})
    );
    assert_eq!(
        values[7],
        json!({"event": "task_completed", "task": 0, "name": "a.png", "attempt": 1, "seq": 7,
            "at": T200, "state": "completed", "properties": all})
    );
    // Changes of a task's state and the job's completion are without.
    for at in [2, 3, 6, 9] {
        assert_eq!(values[at].get("properties"), None, "{}", values[at]);
    }
    let text = r#""properties":{"gpus":2,"host":"node3","price":0.25,"spot":true}"#;
    assert!(jsons(&events)[5].contains(text));
    // Another writer's null is no property, and the error says so.
    let mut line = serde_json::to_value(&events[0]).unwrap();
    line["properties"] = json!({"gpus": null});
    let error = serde_json::from_value::<Event>(line).unwrap_err().to_string();
    assert!(error.contains("a boolean, a number or a string"), "{error}");
}

#[test]
fn json_is_one_line_that_begins_with_the_kind_of_event() {
    let (job, _clock) = job();
    let events = job.events();
    running(&job, "first line\nsecond line").complete(()).unwrap();
    let id = job.id();
    drop(job);
    for line in jsons(&rest(events)) {
        assert!(!line.contains('\n'));
        let start = line.split_once(r#"","job":""#).expect("the kind, then the job");
        assert!(start.0.starts_with(r#"{"event":""#), "{line}");
        assert!(start.1.starts_with(&id.to_string()), "{line}");
    }
}

#[test]
fn json_leaves_out_what_is_absent() {
    let (job, _clock) = job();
    let id = job.id();
    let mut events = job.events();
    let task = running(&job, "task");
    drain(&mut events);
    task.complete(()).unwrap();
    let expected = [
        json!({"event": "task_state_changed", "task": 0, "attempt": 1, "seq": 6, "at": T0,
            "from": "running", "to": "completed"}),
        json!({"event": "task_completed", "task": 0, "name": "task", "attempt": 1, "seq": 7,
            "at": T0, "state": "completed"}),
    ];
    assert_eq!(told(id, &drain(&mut events)), expected);
    let task = running(&job, "message only");
    task.set_message("words");
    drain(&mut events);
    task.complete(()).unwrap();
    let progress = &told(id, &drain(&mut events))[0];
    assert_eq!(
        *progress,
        json!({"event": "task_progress_updated", "task": 1, "attempt": 1, "at": T0, "after": 10,
            "message": "words"})
    );
}

#[test]
fn json_of_causes_says_kind_reason_and_message() {
    let (job, _clock) = job();
    let id = job.id();
    let mut events = job.events();
    let mut task = running(&job, "task");
    drain(&mut events);
    task.resubmitted("worker lost").unwrap();
    let told_now = told(id, &drain(&mut events));
    assert_eq!(
        told_now[0],
        json!({"event": "task_state_changed", "task": 0, "attempt": 2, "seq": 6, "at": T0,
            "from": "running", "to": "submitted",
            "cause": {"kind": "retry", "message": "worker lost"}})
    );
    task.held("by hand").unwrap();
    let cause = told(id, &drain(&mut events))[0]["cause"].clone();
    assert_eq!(cause, json!({"kind": "reported", "message": "by hand"}));
    task.observed(TaskState::Running).unwrap();
    let told_now = told(id, &drain(&mut events));
    assert_eq!(
        told_now,
        [json!({"event": "task_state_changed", "task": 0, "attempt": 2, "seq": 8, "at": T0,
            "from": "held", "to": "running", "observed": true})]
    );
    job.cancel("enough");
    let told_now = told(id, &drain(&mut events));
    let cause = json!({"kind": "canceled", "reason": "user", "message": "enough"});
    assert_eq!(
        told_now[0],
        json!({"event": "job_state_changed", "name": "job", "seq": 9, "at": T0,
            "from": "running", "to": "canceling", "cause": cause})
    );
    assert_eq!(told_now[1]["cause"], cause);
    job.cancel_now("at once");
    let told_now = told(id, &drain(&mut events));
    assert_eq!(
        told_now[0]["cause"],
        json!({"kind": "abandoned", "reason": "user", "message": "enough"})
    );
    assert_eq!(told_now[1]["error"]["kind"], json!("abandoned"));
}

#[test]
fn json_of_what_was_seen_says_why_and_what_went_wrong() {
    let (job, _clock) = job();
    let id = job.id();
    let mut events = job.events();
    let mut task = running(&job, "task");
    drain(&mut events);
    let mut next = |seen: Observation| {
        task.observed(seen).unwrap();
        told(id, &drain(&mut events))
    };
    let again = next(Observation::new(TaskState::Submitted).message("drained"));
    assert_eq!(again[0]["cause"], json!({"kind": "retry", "message": "drained"}));
    assert_eq!((&again[0]["attempt"], &again[0]["observed"]), (&json!(2), &json!(true)));
    let held = next(Observation::new(TaskState::Held).message("disk full").error("no error"));
    assert_eq!(held[0]["cause"], json!({"kind": "reported", "message": "disk full"}));
    let found = next(Observation::new(TaskState::Running).repaired());
    assert_eq!(found[0]["cause"], json!({"kind": "repaired"}));
    assert_eq!(next(Observation::new(TaskState::Running).message("again")), [] as [Value; 0]);
    let ended = next(Observation::new(TaskState::Failed).error("exit code 3").output(5));
    assert_eq!(ended[1]["error"], json!({"kind": "failed", "message": "exit code 3"}));
    assert_eq!(ended[0].get("cause"), None);

    let mut other = running(&job, "other");
    let mut completed = job.task_completed().from_now();
    other.observed(Observation::new(TaskState::Completed).error("none").output(5_u8)).unwrap();
    let end = completed.try_recv().unwrap();
    assert_eq!((end.error.is_none(), end.output::<u8>().as_deref()), (true, Some(&5)));
    let error = other.observed(Observation::new(TaskState::Running).message("late")).unwrap_err();
    assert_eq!(error.from, TaskState::Completed);
}

#[test]
fn json_names_states_and_kinds_in_snake_case() {
    for state in TaskState::ALL {
        let json = serde_json::to_value(state).unwrap();
        assert_eq!(json, json!(state.to_string()));
        assert_eq!(serde_json::from_value::<TaskState>(json).unwrap(), state);
    }
    for state in JobState::ALL {
        let json = serde_json::to_value(state).unwrap();
        assert_eq!(json, json!(state.as_str()));
        assert_eq!(serde_json::from_value::<JobState>(json).unwrap(), state);
    }
    assert_eq!(TaskState::TimedOut.to_string(), "timed_out");
    assert_eq!(TaskState::EnvironmentError.to_string(), "environment_error");
    let (job, _clock) = job();
    for state in [TaskState::TimedOut, TaskState::Interrupted, TaskState::Canceled] {
        running(&job, "task").end(state, "words").unwrap();
    }
    let task = job.reporter("task").unwrap();
    task.assigned().unwrap();
    task.end(TaskState::EnvironmentError, "words").unwrap();
    let _ = job.reporter("task").unwrap().run_blocking(|_cx| -> Result<(), _> { panic!("words") });
    let kinds: Vec<_> = drain(&mut job.task_completed())
        .iter()
        .map(|end| serde_json::to_value(end).unwrap()["error"].clone())
        .collect();
    let kind = |kind: &str| json!({"kind": kind, "message": "words"});
    assert_eq!(
        kinds,
        ["timed_out", "interrupted", "canceled", "environment", "panicked"].map(kind)
    );
}

/// A job that tells of all there is to tell.
fn eventful() -> Vec<Event> {
    let clock = ManualClock::new();
    let job = Job::builder("all \"kinds\" ✓").clock(clock.clock()).build().unwrap();
    let events = job.events();
    let mut task = running(&job, "retried");
    task.set_progress(0.1);
    task.set_total(1.0e300);
    task.set_message("line\nbreak");
    clock.advance(Duration::from_micros(123_457));
    task.resubmitted("").unwrap();
    task.observed(TaskState::Suspended).unwrap();
    task.advance(-3);
    clock.advance(ms(1_000));
    task.fail(std::io::Error::other("disk")).unwrap();
    job.cancel_task(&running(&job, "canceled"), "no need").unwrap();
    let publishes = |cx: TaskContext| {
        cx.publish(&vec![("a", 1), ("b", 2)])?;
        Ok(17)
    };
    job.add_blocking("publishes", publishes).unwrap();
    job.add_blocking("fails", |_cx| -> Result<(), _> { Err(TaskError::msg("no")) }).unwrap();
    job.submit(&Inline).unwrap();
    drop((job, task));
    rest(events)
}

#[test]
fn json_goes_round() {
    let events = eventful();
    let mut kinds: Vec<_> = events.iter().map(Event::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 6, "each kind: {kinds:?}");
    for event in &events {
        let text = serde_json::to_string(event).unwrap();
        let back: Event = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        assert_eq!(
            (back.kind(), back.seq(), back.task()),
            (event.kind(), event.seq(), event.task())
        );
        assert_eq!((back.at(), back.job()), (event.at(), event.job()));
        // Also by way of a value and of a reader, which lend no text.
        let value = serde_json::to_value(event).unwrap();
        let back: Event = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&back).unwrap(), value);
        let back: Event = serde_json::from_reader(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        match (event, back) {
            (Event::JobStateChanged(event), Event::JobStateChanged(back)) => {
                assert_eq!(*event, back);
            }
            (Event::TaskAdded(event), Event::TaskAdded(back)) => assert_eq!(*event, back),
            (Event::TaskStateChanged(event), Event::TaskStateChanged(back)) => {
                assert_eq!(*event, back);
            }
            (Event::TaskProgressUpdated(event), Event::TaskProgressUpdated(back)) => {
                assert_eq!(*event, back);
            }
            (Event::TaskCompleted(event), Event::TaskCompleted(back)) => {
                assert_eq!((event.state, &event.error), (back.state, &back.error));
                assert_eq!((event.progress, event.total), (back.progress, back.total));
                assert_eq!((&event.unit, &event.message), (&back.unit, &back.message));
            }
            (Event::JobCompleted(event), Event::JobCompleted(back)) => {
                assert_eq!((event.state, event.counts), (back.state, back.counts));
                assert_eq!(event.elapsed.as_millis(), back.elapsed.as_millis());
            }
            pair => panic!("another kind: {pair:?}"),
        }
    }
}

#[test]
fn json_of_a_published_output_is_part_of_the_completion() {
    let events = eventful();
    let completed = |event: &Event| match event {
        Event::TaskCompleted(end) if &*end.name == "publishes" => Some(end.clone()),
        _ => None,
    };
    let end = events.iter().find_map(completed).unwrap();
    let value = serde_json::to_value(&end).unwrap();
    assert_eq!(value["output"], json!([["a", 1], ["b", 2]]), "and not what it returned");
    assert_eq!(end.output::<i32>().as_deref(), Some(&17));
    let back: milepost::TaskCompleted = serde_json::from_value(value).unwrap();
    assert!(back.output::<i32>().is_none(), "what was returned stays in the process");
    let published = back.published::<Vec<(String, u32)>>().unwrap().unwrap();
    assert_eq!(published, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
    assert!(back.published::<u32>().unwrap().is_err(), "another form");
}

#[test]
fn json_readers_pass_over_fields_that_they_do_not_know() {
    let id = Job::new("job").id();
    let line = json!({"event": "task_progress_updated", "job": id, "task": 3, "attempt": 1,
        "at": "2020-01-01T12:00:00Z", "after": 9, "progress": 42, "speed": {"of": "light"}});
    let Event::TaskProgressUpdated(told) = serde_json::from_value(line).unwrap() else { panic!() };
    assert_eq!((told.task, told.progress, told.total), (TaskId::new(3), Some(42.0), None));
    let line = json!({"event": "job_completed", "job": id, "seq": 4, "at": T1234,
        "state": "completed", "counts": {"completed": 3, "teleported": 1}, "elapsed_ms": 7,
        "mood": "good"});
    let Event::JobCompleted(end) = serde_json::from_value(line).unwrap() else { panic!() };
    assert_eq!((end.counts.completed(), end.counts.total()), (3, 3));
    assert_eq!(end.at, common::at(1_234) + Duration::from_micros(567));
    let line = json!({"event": "job_completed", "job": "no id", "seq": 4, "at": T1234,
        "state": "completed", "counts": {}, "elapsed_ms": 7});
    assert!(serde_json::from_value::<Event>(line).is_err());
}

#[test]
fn json_of_times_has_microseconds_and_is_utc() {
    for (micros, text) in [
        (0, "2020-01-01T12:00:00.000000Z"),
        (1, "2020-01-01T12:00:00.000001Z"),
        (999_999, "2020-01-01T12:00:00.999999Z"),
        (43_200_000_000, "2020-01-02T00:00:00.000000Z"),
        (86_400_000_000 * 60, "2020-03-01T12:00:00.000000Z"),
    ] {
        let (job, clock) = job();
        clock.advance(Duration::from_micros(micros));
        let _task = job.reporter("task").unwrap();
        let added = job.task_added().try_recv().unwrap();
        let value = serde_json::to_value(&added).unwrap();
        assert_eq!(value["at"], json!(text));
        let back: milepost::TaskAdded = serde_json::from_value(value).unwrap();
        assert_eq!(back.at, added.at);
    }
    // Times of other writers may have another precision.
    let id = Job::new("job").id();
    let at = |at: &str| {
        let line = json!({"job": id, "task": 0, "name": "n", "seq": 1, "at": at});
        serde_json::from_value::<milepost::TaskAdded>(line).map(|added| added.at)
    };
    let noon = milepost::Timestamp::from_micros(0) + Duration::from_secs(1_577_880_000);
    assert_eq!(at("2020-01-01T12:00:00Z").unwrap(), noon);
    assert_eq!(at("2020-01-01T12:00:00.5Z").unwrap(), noon + ms(500));
    assert!(at("yesterday").is_err());
}

#[test]
fn json_of_the_parts_goes_round() {
    let (job, clock) = job();
    let task = running(&job, "task");
    task.set_progress(1);
    task.set_total(4);
    clock.advance(WINDOW);
    running(&job, "failed").fail(TaskError::msg("no")).unwrap();
    let snapshot = job.snapshot();
    let value = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(value["progress"]["counts"], json!({"running": 1, "failed": 1}));
    assert_eq!(value["created_at"], json!(T0));
    assert_eq!(value.get("ended_at"), None);
    assert_eq!(
        value["tasks"][0],
        json!({"task": 0, "name": "task", "state": "running", "attempt": 1, "progress": 1.0,
            "total": 4.0})
    );
    assert_eq!(serde_json::from_value::<JobSnapshot>(value).unwrap(), snapshot);
    let counts = job.counts();
    let value = serde_json::to_value(counts).unwrap();
    assert_eq!(serde_json::from_value::<Counts>(value).unwrap(), counts);
    drop((job, task));
    let cause: Cause = serde_json::from_value(json!({"kind": "forced"})).unwrap();
    assert_eq!(serde_json::to_value(&cause).unwrap(), json!({"kind": "forced"}));
    let failure: Failure =
        serde_json::from_value(json!({"kind": "panicked", "message": "boom"})).unwrap();
    assert_eq!(serde_json::to_value(&failure).unwrap()["message"], json!("boom"));
}

#[test]
fn json_has_seq_on_lifecycle_events_only() {
    for event in eventful() {
        let value = serde_json::to_value(&event).unwrap();
        let is_progress = event.kind() == EventKind::TaskProgressUpdated;
        assert_eq!(value.get("seq").is_none(), is_progress);
        assert_eq!(value.get("after").is_some(), is_progress);
        assert_eq!(value.get("seq").and_then(Value::as_u64), event.seq());
        assert!(value.as_object().unwrap().values().all(|value| !value.is_null()));
    }
}
