//! Jobs of logs that are followed while they grow, of one and of thousands.
#![cfg(feature = "condor")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use common::condor::real;
use common::within;
use milepost::condor::{Jobs, ReadError, Tracking, Zone};
use milepost::{Job, JobState, TaskState};

fn append(path: &Path, text: &str) {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn event(number: u32, cluster: usize, text: &str) -> String {
    format!("{number:03} ({cluster:03}.000.000) 2026-11-21 19:10:13 {text}\n...\n")
}

fn submitted(cluster: usize) -> String {
    event(0, cluster, "Job submitted from host: <127.0.0.1:9618>")
}

fn ended(cluster: usize) -> String {
    event(5, cluster, "Job terminated.\n\t(1) Normal termination (return value 0)")
}

fn follow<P: AsRef<Path>>(logs: impl IntoIterator<Item = P>) -> Tracking {
    Jobs::new().follow(Zone::utc(), logs)
}

fn next(mut tracking: Tracking) -> (Job, Tracking) {
    within(move || (tracking.blocking_next(), tracking))
}

/// Waits until it is so, by what the job tells.
fn until(job: &Job, is_so: impl Fn(&Job) -> bool + Send + 'static) {
    let (job, mut events) = (job.clone(), job.events());
    within(move || {
        while !is_so(&job) {
            events.blocking_next().expect("it has not ended");
        }
    });
}

#[test]
fn a_log_that_grows_is_told_of_as_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("jobs.log");
    let mut tracking = follow([&log]);
    assert!(tracking.try_next().is_none());
    append(&log, &submitted(114));
    let (job, tracking) = next(tracking);
    assert_eq!(job.name(), "cluster 114");
    append(&log, &event(1, 114, "Job executing on host: <127.0.0.1:9618>"));
    until(&job, |job| job.counts().running() == 1);
    append(&log, &ended(114));
    let summary = within(move || job.wait_until_done().blocking().unwrap());
    assert_eq!((summary.state, summary.counts.completed()), (JobState::Completed, 1));
    // Another one, in a log that is added.
    let other = folder.path().join("other.log");
    tracking.add(&other);
    append(&other, &submitted(115));
    let (job, tracking) = next(tracking);
    assert_eq!(job.name(), "cluster 115");
    assert!(tracking.problems().is_empty());
    drop(tracking);
    let summary = within(move || job.wait_until_done().blocking().unwrap());
    assert_eq!(summary.failures[0].state, TaskState::Interrupted);
}

#[test]
fn a_dag_ends_with_the_log_of_dagman_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let [nodes, dagman] =
        ["d.dag.nodes.log", "d.dag.dagman.log"].map(|name| folder.path().join(name));
    fs::copy(real("d.dag.nodes.log"), &nodes).unwrap();
    let (dag, mut tracking) = next(follow([&nodes]));
    until(&dag, |dag| dag.counts().ended() == 9);
    assert!(!dag.is_ended());
    let whole = fs::read_to_string(real("d.dag.dagman.log")).unwrap();
    let last = whole.rfind("005 (").unwrap();
    append(&dagman, &whole[..last]);
    append(&dagman, &whole[last..]);
    let end = dag.clone();
    within(move || end.wait_until_done().blocking().unwrap());
    assert_eq!(dag.state(), JobState::Failed);
    assert!(tracking.try_next().is_none(), "DAGMan's job was not asked for");
}

#[test]
fn a_log_that_is_given_twice_is_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("jobs.log");
    let runs = event(1, 114, "Job executing on host: <127.0.0.1:9618>");
    let evicted = event(4, 114, "Job was evicted.\n\t(0) Job was not checkpointed.");
    append(&log, &[&submitted(114), &runs, &evicted, &runs[..]].concat());
    let (job, tracking) = next(follow([&log, &folder.path().join(".").join("jobs.log")]));
    until(&job, |job| job.counts().running() == 1);
    tracking.add(&log);
    let other = folder.path().join("other.log");
    append(&other, &submitted(115));
    tracking.add(&other);
    let (_, tracking) = next(tracking);
    append(&log, &ended(114));
    let end = job.clone();
    within(move || end.wait_until_done().blocking().unwrap());
    assert_eq!(job.snapshot().tasks[0].attempt, 2);
    drop(tracking);
}

#[test]
fn what_is_wrong_with_a_log_is_kept_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("jobs.log");
    append(&log, &["junk\n...\n", &submitted(114), &ended(114)].concat());
    let (job, tracking) = next(follow([&log]));
    within(move || job.wait_until_done().blocking().unwrap());
    let problems = tracking.problems();
    assert!(matches!(&problems[..], [ReadError::Damaged { .. }]), "{problems:?}");
    assert!(tracking.problems().is_empty());
}

#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[cfg(target_os = "linux")]
#[test]
fn thousands_of_logs_take_few_descriptors() {
    const LOGS: usize = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let path = |n: usize| -> PathBuf { folder.path().join(format!("{n}.log")) };
    let logs: Vec<PathBuf> = (0..LOGS).map(path).collect();
    for (n, log) in logs.iter().enumerate() {
        append(log, &submitted(n));
    }
    let before = descriptors();
    let mut tracking = follow(&logs);
    let (jobs, tracking) = within(move || {
        let jobs: Vec<Job> = (0..LOGS).map(|_| tracking.blocking_next()).collect();
        (jobs, tracking)
    });
    let most = descriptors();
    assert!(most <= before + 10, "{before} before, {most} with {LOGS} logs");
    for (n, log) in logs.iter().enumerate() {
        append(log, &ended(n));
    }
    within(move || {
        for job in &jobs {
            let summary = job.wait_until_done().blocking().unwrap();
            assert_eq!(summary.counts.completed(), 1);
        }
    });
    let most = descriptors();
    assert!(most <= before + 10, "{before} before, {most} with {LOGS} logs");
    drop(tracking);
}
