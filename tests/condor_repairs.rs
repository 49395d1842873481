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

#[test]
fn a_job_that_left_the_queue_without_an_event_ends_as_the_history_says() {
    let set = Setting::new();
    let job = set.track(3);
    set.write(&[(0, 0, SUBMITTED), (0, 1, SUBMITTED), (0, 2, SUBMITTED), (1, 1, RUNS)]);
    let signal = ", \"ExitBySignal\": true, \"ExitSignal\": 9";
    set.history(&[(0, 3, ", \"RemoveReason\": \"by force\""), (1, 4, EXIT_3), (2, 4, signal)]);
    set.queue(&[]);
    set.until(|| job.is_ended());
    let error = |name| task(&job, name).unwrap().error.unwrap().message.to_string();
    assert_eq!(
        told(&job, "7.0"),
        [
            "submitted 1",
            "canceled 1: found out by asking: HTCondor says that it was removed, and the log doesn't",
        ]
    );
    assert_eq!(error("7.0"), "by force");
    assert_eq!(
        told(&job, "7.1"),
        [
            "submitted 1",
            "running 1",
            "failed 1: found out by asking: HTCondor says that it has ended, and the log doesn't",
        ]
    );
    assert_eq!((error("7.1"), error("7.2")), ("exit code 3".into(), "killed by signal 9".into()));
    let code = task(&job, "7.1").unwrap().properties.get("exit_code").and_then(|n| n.as_i64());
    assert_eq!(code, Some(3));
    // Once for all of them, and not before the log had time to say it.
    let asked: Vec<String> =
        set.tools.calls().into_iter().filter(|call| call.contains("history")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("7.0") && asked[0].contains("7.1") && asked[0].contains("7.2"));
}

#[test]
fn states_that_differ_for_two_polls_are_repaired() {
    let set = Setting::new();
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    set.until(|| is(&job, "7.0", TaskState::Running));
    set.queue(&[(0, 5, ", \"HoldReason\": \"disk full\"")]);
    set.until(|| is(&job, "7.0", TaskState::Held));
    set.queue(&[(0, 2, "")]);
    set.until(|| is(&job, "7.0", TaskState::Running));
    set.queue(&[(0, 7, "")]);
    set.until(|| is(&job, "7.0", TaskState::Suspended));
    set.queue(&[(0, 1, "")]);
    set.until(|| is(&job, "7.0", TaskState::Submitted));
    // The log is there again.
    set.write(&[(1, 0, RUNS), (5, 0, ENDED)]);
    job.wait_until_done().blocking().unwrap();
    let said =
        |what| format!("found out by asking: condor_q says that it is {what}, and the log doesn't");
    assert_eq!(
        told(&job, "7.0"),
        [
            "submitted 1".to_owned(),
            "running 1".to_owned(),
            format!("held 2: {}: disk full", said("held")),
            format!("running 2: {}", said("running")),
            format!("suspended 2: {}", said("suspended")),
            format!("submitted 3: {}", said("idle")),
            "running 3".to_owned(),
            "completed 3".to_owned(),
        ]
    );
}

#[test]
fn a_poll_that_overtakes_the_log_repairs_nothing() {
    let set = Setting::new();
    set.queue(&[(0, 1, "")]);
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED)]);
    set.until(|| is(&job, "7.0", TaskState::Submitted));
    // The first poll from here on is ahead of the log. The second one would repair, were the log not written while it is asked.
    set.tools.does(
        "condor_q",
        r#"n=$(($(cat n 2>/dev/null) + 1))
        echo $n > n
        [ $n = 2 ] && printf '001 (007.000.000) 2020-01-01 12:00:01 Job executing on host: <a>\n...\n' >> jobs.log
        echo '[{"ClusterId": 7, "ProcId": 0, "JobStatus": 2}]'
        exit"#,
    );
    set.until(|| is(&job, "7.0", TaskState::Running));
    set.write(&[(5, 0, ENDED)]);
    job.wait_until_done().blocking().unwrap();
    assert_eq!(told(&job, "7.0"), ["submitted 1", "running 1", "completed 1"]);
}

#[test]
fn cancelling_a_dag_removes_dagman_once() {
    let set = Setting::new();
    set.tools.says("condor_rm", "ActionResult = 1\njob_7_0 = 1\n");
    let own = "d.dag.dagman.log";
    let mut submitted = Submitted::clusters([(7, 1)]).log(set.tools.path(own));
    submitted.dag = true;
    let jobs = set.tracking.track(&submitted).blocking().unwrap().jobs;
    set.write_to(own, &[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    set.until(|| is(&jobs[1], "7.0", TaskState::Running));
    jobs[0].cancel("it's late");
    jobs[1].cancel("all of it");
    // Another one, whose turn is after theirs.
    let other = Submitted::clusters([(8, 1)]).log(set.log());
    set.tracking.track(&other).blocking().unwrap().job().cancel("this too");
    let removals = || -> Vec<String> {
        set.tools.calls().into_iter().filter(|call| call.contains("_rm")).collect()
    };
    set.until(|| removals().iter().any(|call| call.ends_with("|8")));
    let of_dag = |call: &&String| call.ends_with("|7");
    assert_eq!(removals().iter().filter(of_dag).count(), 1, "{:?}", removals());
    set.write_to(own, &[(9, 0, "Job was aborted.")]);
    jobs[1].wait_until_done().blocking().unwrap();
}

#[test]
fn a_job_that_nobody_knows_of_any_more_is_interrupted() {
    let set = Setting::new();
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    set.queue(&[]);
    set.history(&[]);
    set.until(|| job.is_ended());
    assert_eq!(
        told(&job, "7.0")[2..],
        ["interrupted 1: found out by asking: condor_q and condor_history don't have it"]
    );
}

#[test]
fn without_a_log_polls_alone_tell() {
    let set = Setting::new();
    set.queue(&[(0, 2, ""), (1, 1, "")]);
    set.history(&[]);
    let job = set.track(3);
    set.until(|| is(&job, "7.0", TaskState::Running) && is(&job, "7.1", TaskState::Submitted));
    // The third one had ended before.
    set.history(&[(2, 4, ", \"ExitCode\": 0"), (1, 4, EXIT_3), (0, 3, "")]);
    set.until(|| is(&job, "7.2", TaskState::Completed));
    set.queue(&[]);
    set.until(|| job.is_ended());
    assert!(is(&job, "7.0", TaskState::Canceled) && is(&job, "7.1", TaskState::Failed));
    for name in ["7.0", "7.1", "7.2"] {
        assert!(told(&job, name).last().unwrap().contains("found out by asking"));
    }
}

#[test]
fn jobs_that_are_not_made_yet_are_waited_for_and_those_that_never_are_are_not() {
    let set = Setting::new();
    // The tool that is asked for what makes jobs says that it is still there.
    set.tools.does("condor_q", "case \"$*\" in *-factory*) cat factory; exit;; esac");
    std::fs::write(set.tools.path("factory"), "[{\"ClusterId\": 7}]").unwrap();
    set.queue(&[]);
    set.history(&[]);
    let job = set.track(3);
    set.write(&[(0, 0, SUBMITTED), (1, 0, RUNS), (5, 0, ENDED)]);
    set.until(|| is(&job, "7.0", TaskState::Completed));
    set.polls(9);
    assert!(!job.is_ended());
    set.write(&[(0, 1, SUBMITTED), (1, 1, RUNS), (5, 1, ENDED)]);
    set.until(|| is(&job, "7.1", TaskState::Completed));
    std::fs::write(set.tools.path("factory"), "").unwrap();
    set.until(|| job.is_ended());
    assert!(job.state().is_success(), "{:?}", job.snapshot());
    assert_eq!(job.counts().total(), 2);
}

#[test]
fn a_pool_that_does_not_answer_ends_no_job() {
    let set = Setting::new();
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    set.until(|| is(&job, "7.0", TaskState::Running));
    set.tools.fails("condor_q", 1, "can't connect");
    set.polls(8);
    assert!(is(&job, "7.0", TaskState::Running));
    set.tools.recovers("condor_q");
    set.queue(&[]);
    set.tools.fails("condor_history", 1, "can't connect");
    let asked = || set.tools.calls().iter().filter(|call| call.contains("history")).count();
    set.until(|| asked() >= 3);
    assert!(is(&job, "7.0", TaskState::Running));
    set.tools.recovers("condor_history");
    set.history(&[(0, 4, EXIT_3)]);
    set.until(|| job.is_ended());
    assert!(is(&job, "7.0", TaskState::Failed));
}

#[test]
fn cancelling_the_job_removes_its_jobs_once() {
    let set = Setting::new();
    set.tools.says("condor_rm", "ActionResult = 1\njob_7_0 = 1\n");
    set.queue(&[(0, 2, ""), (1, 1, "")]);
    let job = set.track(2);
    set.write(&[(0, 0, SUBMITTED), (0, 1, SUBMITTED), (1, 0, RUNS)]);
    set.until(|| is(&job, "7.0", TaskState::Running));
    job.cancel("it's late");
    job.cancel("again");
    let removals = || -> Vec<String> {
        set.tools.calls().into_iter().filter(|call| call.contains("_rm")).collect()
    };
    set.until(|| !removals().is_empty());
    assert!(is(&job, "7.0", TaskState::Canceling) && is(&job, "7.1", TaskState::Canceled));
    set.write(&[(9, 0, "Job was aborted.\n\tit's late (by user ann)"), (9, 1, "Job was aborted.")]);
    job.wait_until_done().blocking().unwrap();
    assert!(is(&job, "7.0", TaskState::Canceled));
    assert_eq!(removals(), ["condor_rm|-long|-reason|it's late|7"]);
}

#[test]
fn cancelling_a_task_removes_its_job_and_is_tried_again_if_that_fails() {
    let set = Setting::new();
    set.queue(&[(0, 2, ""), (1, 2, "")]);
    set.tools.fails("condor_rm", 1, "can't connect");
    let job = set.track(2);
    set.write(&[(0, 0, SUBMITTED), (0, 1, SUBMITTED), (1, 0, RUNS), (1, 1, RUNS)]);
    set.until(|| is(&job, "7.1", TaskState::Running));
    job.cancel_task(task(&job, "7.1").unwrap().task, "not this").unwrap();
    let removals = || -> Vec<String> {
        set.tools.calls().into_iter().filter(|call| call.contains("_rm")).collect()
    };
    set.until(|| removals().len() >= 2);
    set.tools.says("condor_rm", "ActionResult = 1\njob_7_1 = 1\n");
    set.write(&[(9, 1, "Job was aborted."), (5, 0, ENDED)]);
    job.wait_until_done().blocking().unwrap();
    assert!(is(&job, "7.0", TaskState::Completed) && is(&job, "7.1", TaskState::Canceled));
    assert!(removals().iter().all(|call| call == "condor_rm|-long|-reason|not this|7.1"));
}

#[test]
fn a_removal_that_fails_is_tried_again_only_later() {
    let set = Setting::new();
    set.tools.fails("condor_rm", 1, "can't connect");
    // A pool that isn't there is asked for long.
    set.tools.does("condor_q", "while [ ! -e there ]; do sleep 0.01; done");
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED)]);
    set.until(|| is(&job, "7.0", TaskState::Submitted));
    set.polls(1);
    job.cancel("not this");
    let removals = |of: &str| {
        let is_of = |call: &&String| call.contains("_rm") && call.ends_with(of);
        set.tools.calls().iter().filter(is_of).count()
    };
    while removals("|7") == 0 {
        std::thread::yield_now();
    }
    // One after the other, so that there is time for it when the last one begins.
    for (cluster, end) in [(8, "|8"), (9, "|9")] {
        let other = Submitted::clusters([(cluster, 1)]).log(set.log());
        set.tracking.track(&other).blocking().unwrap().job().cancel("nor this");
        while removals(end) == 0 {
            std::thread::yield_now();
        }
    }
    assert_eq!(removals("|7"), 1);
    std::fs::write(set.tools.path("there"), "").unwrap();
    set.until(|| removals("|7") == 6);
}

#[test]
fn a_task_that_was_canceled_is_removed_although_its_log_says_more_of_it() {
    let set = Setting::new();
    set.queue(&[(0, 1, ""), (1, 1, "")]);
    set.tools.says("condor_rm", "ActionResult = 1\njob_7_0 = 1\n");
    const JOBS: i64 = 60;
    let job = set.track(JOBS);
    let submitted: Vec<_> = (0..JOBS).map(|proc| (0, proc, SUBMITTED)).collect();
    set.write(&submitted);
    set.until(|| job.counts().total() == JOBS as usize);
    let tasks: Vec<_> = job.snapshot().tasks.into_iter().map(|task| task.task).collect();
    for (task, proc) in tasks.into_iter().zip(0..) {
        job.cancel_task(task, "not this").unwrap();
        set.write(&[(1, proc, RUNS)]);
    }
    let removed = || set.tools.calls().iter().filter(|call| call.contains("_rm")).count();
    set.until(|| removed() == JOBS as usize);
}

#[test]
fn all_that_is_tracked_is_asked_for_together_and_nothing_when_nothing_is() {
    let set = Setting::new();
    set.queue(&[(0, 2, "")]);
    let job = set.track(1);
    let other = Submitted::clusters([(8, 1)]).log(set.log());
    let other = set.tracking.track(&other).blocking().unwrap().job();
    assert_eq!(set.track(1), job, "it is tracked already");
    set.polls(1);
    let asks =
        |call: &String| call.ends_with("|7|8") && call.starts_with("condor_q|-json|-attributes");
    assert!(set.tools.calls().iter().any(asks), "{:?}", set.tools.calls());
    set.write(&[(0, 0, SUBMITTED), (5, 0, ENDED)]);
    set.until(|| job.is_ended());
    set.tools.take_calls();
    set.until(|| set.tools.calls().iter().any(|call| call.ends_with("|8")));
    set.until(|| other.is_ended());
    set.tools.take_calls();
    for _ in 0..100 {
        set.clock.advance(EVERY);
    }
    assert_eq!(set.tools.calls(), Vec::<String>::new());
}

#[test]
fn a_log_that_is_written_anew_costs_no_job() {
    let set = Setting::new();
    let job = set.track(1);
    set.write(&[(0, 0, SUBMITTED), (1, 0, RUNS)]);
    set.until(|| is(&job, "7.0", TaskState::Running));
    set.queue(&[(0, 2, "")]);
    std::fs::write(set.log(), "").unwrap();
    set.polls(2);
    std::fs::remove_file(set.log()).unwrap();
    set.write(&[(5, 0, ENDED)]);
    set.until(|| job.is_ended());
    assert!(is(&job, "7.0", TaskState::Completed));
}
