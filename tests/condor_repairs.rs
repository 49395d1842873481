//! Jobs that are tracked by their log and by polls: what the log says counts, and what it has missed is repaired and said to be.
//! HTCondor's tools are scripts.
#![cfg(all(unix, feature = "condor"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use common::story;
use common::tools::Tools;
use milepost::condor::{Pool, PoolTracking, Submitted, Zone};
use milepost::{Job, ManualClock, TaskSnapshot, TaskState};

const EVERY: Duration = Duration::from_secs(60);

/// A pool of scripts, and a log that the test writes.
struct Setting {
    tools: Tools,
    clock: ManualClock,
    tracking: PoolTracking,
}

impl Setting {
    fn new() -> Setting {
        let (tools, clock) = (Tools::new(), ManualClock::new());
        // Time passes at once here, and scripts take some.
        let pool: Pool = tools.pool().clock(clock.clock()).time_limit(Duration::MAX);
        let tracking = PoolTracking::builder(&pool).poll_every(EVERY).zone(Zone::utc()).build();
        Setting { tools, clock, tracking }
    }

    fn log(&self) -> PathBuf {
        self.tools.path("jobs.log")
    }

    /// Tracks a cluster of so many jobs.
    fn track(&self, jobs: i64) -> Job {
        let submitted = Submitted::clusters([(7, jobs)]).log(self.log());
        self.tracking.track(&submitted).blocking().unwrap().job()
    }

    /// Writes events, each with its number, job and first line.
    fn write(&self, events: &[(u32, i64, &str)]) {
        self.write_to("jobs.log", events);
    }

    fn write_to(&self, log: &str, events: &[(u32, i64, &str)]) {
        let path = self.tools.path(log);
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        for (number, proc, text) in events {
            let cluster = if log.contains("nodes") { 9 } else { 7 };
            let head = format!("{number:03} ({cluster:03}.{proc:03}.000) 2020-01-01 12:00:01");
            write!(file, "{head} {text}\n...\n").unwrap();
        }
    }

    /// What the queue has from now on: jobs with their status, and more.
    fn queue(&self, jobs: &[(i64, i64, &str)]) {
        self.tools.says("condor_q", &ads(jobs));
    }

    fn history(&self, jobs: &[(i64, i64, &str)]) {
        self.tools.says("condor_history", &ads(jobs));
    }

    /// Lets time pass until there have been so many polls in all, each answered.
    fn polls(&self, count: usize) {
        let polls = || {
            let calls = self.tools.calls();
            let is_poll =
                |call: &&String| call.starts_with("condor_q") && !call.contains("-factory");
            calls.iter().filter(is_poll).count()
        };
        self.until(|| polls() >= count);
    }

    /// Lets time pass until something is so.
    fn until(&self, mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            self.clock.advance(EVERY / 4);
            std::thread::yield_now();
        }
    }
}

fn ads(jobs: &[(i64, i64, &str)]) -> String {
    let ad = |(proc, status, more): &(i64, i64, &str)| {
        format!("{{\"ClusterId\": 7, \"ProcId\": {proc}, \"JobStatus\": {status}{more}}}")
    };
    format!("[{}]", jobs.iter().map(ad).collect::<Vec<_>>().join(","))
}

const SUBMITTED: &str = "Job submitted from host: <127.0.0.1:9618>";
const RUNS: &str = "Job executing on host: <127.0.0.1:9618>";
const ENDED: &str = "Job terminated.\n\t(1) Normal termination (return value 0)";
const EXIT_3: &str = ", \"ExitBySignal\": false, \"ExitCode\": 3";

fn task(job: &Job, name: &str) -> Option<TaskSnapshot> {
    job.snapshot().tasks.into_iter().find(|task| &*task.name == name)
}

fn is(job: &Job, name: &str, state: TaskState) -> bool {
    task(job, name).is_some_and(|task| task.state == state)
}

fn told(job: &Job, name: &str) -> Vec<String> {
    story(job, task(job, name).unwrap().task)
}

#[test]
fn what_the_log_tells_in_time_is_not_repaired() {
    let set = Setting::new();
    set.queue(&[(0, 2, "")]);
    let job = set.track(2);
    set.write(&[(0, 0, SUBMITTED), (0, 1, SUBMITTED), (1, 0, RUNS), (1, 1, RUNS), (5, 1, ENDED)]);
    set.until(|| is(&job, "7.1", TaskState::Completed));
    set.polls(4);
    set.queue(&[]);
    set.write(&[(5, 0, ENDED)]);
    job.wait_until_done().blocking().unwrap();
    assert!(job.state().is_success());
    assert_eq!(told(&job, "7.0"), ["submitted 1", "running 1", "completed 1"]);
    assert!(!set.tools.calls().iter().any(|call| call.contains("history")));
}

#[test]
fn a_dag_is_one_job_of_its_nodes_that_ends_with_dagman() {
    let set = Setting::new();
    let (own, nodes) = ("d.dag.dagman.log", "d.dag.nodes.log");
    let mut submitted = Submitted::clusters([(7, 1)]).log(set.tools.path(own));
    submitted = submitted.log(set.tools.path(nodes));
    submitted.dag = true;
    let tracked = set.tracking.track(&submitted).blocking().unwrap();
    set.write_to(own, &[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    let node = format!("{SUBMITTED}\n    DAG Node: A");
    set.write_to(nodes, &[(0, 0, &node), (1, 0, RUNS), (5, 0, ENDED)]);
    set.write_to(own, &[(5, 0, ENDED)]);
    for job in &tracked.jobs {
        job.wait_until_done().blocking().unwrap();
        assert!(job.state().is_success(), "{:?}", job.snapshot());
    }
    let tasks =
        |job: &Job| job.snapshot().tasks.iter().map(|t| t.name.to_string()).collect::<Vec<_>>();
    assert_eq!(tasks(&tracked.jobs[0]), ["A"]);
    assert_eq!(tasks(&tracked.jobs[1]), ["7.0"]);
}
