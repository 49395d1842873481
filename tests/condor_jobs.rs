//! Logs that a real HTCondor wrote, folded into jobs: states, attempts and counts are those that are in the logs.
#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::condor::{fold, real};
use milepost::condor::Jobs;
use milepost::{Event, Job, JobSnapshot, JobState, Property, TaskSnapshot, TaskState};
use serde_json::Value;

fn finished(name: &str) -> Jobs {
    let mut jobs = Jobs::new();
    fold(&mut jobs, name);
    jobs.finish();
    jobs
}

fn cluster(jobs: &Jobs, cluster: i64) -> JobSnapshot {
    jobs.job(cluster).unwrap().snapshot()
}

fn number(task: &TaskSnapshot, name: &str) -> Option<i64> {
    task.properties.get(name).and_then(Property::as_i64)
}

fn text<'a>(task: &'a TaskSnapshot, name: &str) -> Option<&'a str> {
    task.properties.get(name).and_then(Property::as_str)
}

fn error(task: &TaskSnapshot) -> &str {
    &task.error.as_ref().unwrap().message
}

/// What becomes of a job by its events alone, as the log's other reader has them.
#[derive(Debug, PartialEq, Eq, Default, Clone)]
struct Fate {
    state: String,
    attempt: u64,
}

fn fates_in(expected: &str) -> BTreeMap<(i64, i64), Fate> {
    let mut fates: BTreeMap<(i64, i64), Fate> = BTreeMap::new();
    for line in expected.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let (Some(number), Some(proc)) = (event["type"].as_u64(), event["proc"].as_i64()) else {
            continue;
        };
        if !(0..i64::from(i32::MAX)).contains(&proc) {
            continue;
        }
        let fate = fates.entry((event["cluster"].as_i64().unwrap(), proc)).or_default();
        fate.attempt = fate.attempt.max(1);
        match number {
            1 | 14 => fate.state = "running".into(),
            4 => {
                fate.attempt += 1;
                fate.state = "submitted".into();
            }
            0 | 13 => fate.state = "submitted".into(),
            12 => fate.state = "held".into(),
            9 => fate.state = "canceled".into(),
            5 if event["ad"]["ReturnValue"] == 0 => fate.state = "completed".into(),
            5 => fate.state = "failed".into(),
            _ => {}
        }
    }
    fates
}

#[test]
fn what_becomes_of_each_job_is_what_its_events_say() {
    let mut checked = 0;
    for entry in fs::read_dir(real("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".log") {
            continue;
        }
        let expected = fs::read_to_string(real(&format!("{name}.expected.jsonl"))).unwrap();
        let jobs = finished(&name);
        let tasks = jobs.iter().flat_map(|job| job.snapshot().tasks);
        let fates: BTreeMap<(i64, i64), Fate> = tasks
            .filter(|task| number(task, "proc").unwrap() < i64::from(i32::MAX))
            .map(|task| {
                let id = (number(&task, "cluster").unwrap(), number(&task, "proc").unwrap());
                (id, Fate { state: task.state.to_string(), attempt: task.attempt.into() })
            })
            .collect();
        let mut expected = fates_in(&expected);
        if name == "json_job.log" {
            // The other reader ends where JSON is followed by text.
            let completed = Fate { state: "completed".into(), attempt: 1 };
            expected.extend([((173, 0), completed.clone()), ((173, 1), completed)]);
        }
        assert_eq!(fates, expected, "{name}");
        assert!(jobs.iter().all(Job::is_ended), "{name}");
        checked += fates.len();
    }
    assert_eq!(checked, 90, "all logs were looked at");
}

#[test]
fn ends_say_how_and_where_and_what_it_took() {
    let job = cluster(&finished("basic.log"), 114);
    assert_eq!((&*job.name, job.state), ("cluster 114", JobState::Failed));
    assert_eq!(job.started_at.unwrap().to_string(), "2026-11-21T19:10:13.000000Z");
    assert_eq!(job.ended_at.unwrap().to_string(), "2026-11-21T19:10:20.000000Z");
    let told = |task: &TaskSnapshot| (number(task, "exit_code"), number(task, "signal"));
    let told: Vec<_> = job.tasks.iter().map(told).collect();
    let expected =
        [(Some(0), None), (Some(3), None), (None, Some(9)), (None, Some(11)), (Some(0), None)];
    assert_eq!(told, expected);
    assert_eq!(error(&job.tasks[1]), "exit code 3");
    assert_eq!(error(&job.tasks[2]), "killed by signal 9");
    assert_eq!(text(&job.tasks[3], "slot"), Some("slot1_4@pool"));
    assert_eq!(text(&job.tasks[3], "host"), Some("127.0.0.1:9618"));
    assert_eq!(text(&job.tasks[3], "submit_host"), Some("127.0.0.1:9618"));

    let job = cluster(&finished("ckpt.log"), 121);
    let bytes = (number(&job.tasks[0], "bytes_sent"), number(&job.tasks[0], "bytes_received"));
    assert_eq!(bytes, (Some(6), Some(834)));
}

#[test]
fn what_a_job_writes_is_its_progress() {
    let job = cluster(&finished("chirp.log"), 116);
    for task in &job.tasks {
        assert_eq!((task.progress, task.total), (Some(100.0), Some(100.0)));
        assert_eq!(task.message.as_deref(), Some("working on part 100"));
    }
    let mut jobs =
        Jobs::builder().progress_text(r"step=(?<done>\d+) of=(?<total>\d+)").unwrap().build();
    fold(&mut jobs, "chirp.log");
    assert_eq!(cluster(&jobs, 116).tasks[0].progress, Some(4.0));
    let mut jobs = Jobs::builder().progress_attribute("MyProgress", Some(200.0)).build();
    fold(&mut jobs, "chirp.log");
    let task = &cluster(&jobs, 116).tasks[1];
    assert_eq!((task.progress, task.total), (Some(100.0), Some(200.0)));
}

#[test]
fn a_hold_and_a_removal_say_why() {
    let jobs = finished("fmt_json.log");
    let mut events = jobs.job(153).unwrap().events();
    let mut held = Vec::new();
    while let Some(event) = events.try_recv() {
        if let Event::TaskStateChanged(change) = event
            && matches!(change.to, TaskState::Held | TaskState::Submitted)
            && change.from != TaskState::Pending
        {
            let why = change.cause.unwrap().to_string();
            held.push((change.to, change.attempt, change.observed, why));
        }
    }
    let expected = [
        (TaskState::Submitted, 2, true, "to be tried again: evicted".to_owned()),
        (
            TaskState::Held,
            2,
            true,
            "held: via condor_hold (by user tester) (code 1, subcode 0)".into(),
        ),
        (TaskState::Submitted, 2, true, "released: via condor_release (by user tester)".into()),
        (TaskState::Submitted, 3, true, "to be tried again: evicted".into()),
    ];
    assert_eq!(held, expected);
    let task = &cluster(&jobs, 153).tasks[4];
    assert_eq!(error(task), "via condor_rm (by user tester)");
    let bad = cluster(&finished("bad.log"), 119);
    assert_eq!((bad.state, bad.tasks[0].attempt), (JobState::Canceled, 2));
}

#[test]
fn a_cluster_that_makes_its_jobs_one_by_one_is_one_job() {
    let mut jobs = Jobs::new();
    fold(&mut jobs, "late.log");
    assert_eq!(jobs.opened().count(), 1);
    let job = jobs.job(124).unwrap();
    assert_eq!((job.progress().expected, job.is_ended()), (Some(5), false));
    jobs.caught_up();
    assert_eq!((job.state(), job.counts().completed()), (JobState::Completed, 5));
}

#[test]
fn clusters_of_one_log_are_jobs_of_their_own() {
    let mut jobs = Jobs::new();
    fold(&mut jobs, "many.log");
    let opened: Vec<Job> = jobs.opened().collect();
    assert_eq!(opened.len(), 8);
    assert_eq!(opened[7], jobs.job(151).unwrap());
    jobs.caught_up();
    assert!(opened.iter().all(|job| job.counts().ended() == 3 && job.is_ended()));
}

#[test]
fn the_nodes_of_a_dag_are_one_job_until_dagman_ends() {
    let mut jobs = Jobs::new();
    fold(&mut jobs, "d.dag.nodes.log");
    jobs.caught_up();
    let dag = jobs.opened().next().unwrap();
    assert_eq!((dag.name(), dag.is_ended()), ("d.dag", false));
    let told = dag.snapshot().tasks.into_iter();
    let told: Vec<_> = told.map(|task| (task.name.to_string(), task.state)).collect();
    let expected = [
        ("A", TaskState::Completed),
        ("S", TaskState::Completed),
        ("B", TaskState::Failed),
        ("C", TaskState::Failed),
        ("N", TaskState::Completed),
        ("M", TaskState::Failed),
        ("Z", TaskState::Completed),
        ("C", TaskState::Failed),
        ("C", TaskState::Failed),
    ];
    assert_eq!(told, expected.map(|(name, state)| (name.to_owned(), state)));
    assert_eq!(jobs.job(133), Some(dag.clone()));
    fold(&mut jobs, "d.dag.dagman.log");
    jobs.caught_up();
    assert_eq!(dag.state(), JobState::Failed);
    // DAGMan's own job is one as well.
    assert_eq!(jobs.job(127).unwrap().counts().total(), 1);
}

#[test]
fn a_log_that_is_read_twice_says_nothing_new() {
    for name in ["fmt_sub.log", "d.dag.nodes.log", "par.log", "json_job.log"] {
        let mut jobs = Jobs::new();
        fold(&mut jobs, name);
        let opened: Vec<Job> = jobs.opened().collect();
        let told = || opened.iter().map(Job::last_seq).collect::<Vec<_>>();
        let before = told();
        fold(&mut jobs, name);
        assert_eq!((told(), jobs.opened().count()), (before, 0), "{name}");
        jobs.finish();
        let before = told();
        fold(&mut jobs, name);
        assert_eq!((told(), jobs.opened().count()), (before, 0), "{name}");
    }
}
