//! Jobs on a real pool of HTCondor: what becomes of them by the handle is what HTCondor's own history says.
//!
//! Without `MILEPOST_CONDOR_RUN` nothing is tested, as there is no pool. It says by what words HTCondor's tools are run, which are
//! separated by blanks and followed by one argument, a command for a POSIX shell: `sh -c` on a submit machine, `ssh submit`
//! elsewhere, or a program that enters a container. `MILEPOST_CONDOR_FOLDER` is a folder for logs there, and
//! `MILEPOST_CONDOR_FOLDER_HERE` the same folder as it is seen from here, if it has another name.
//!
//! It takes some minutes. What helps: a pool of one machine with some thirty slots, and `NEGOTIATOR_INTERVAL = 2`,
//! `NEGOTIATOR_CYCLE_DELAY = 5`, `SCHEDD_INTERVAL = 5`, `ENABLE_CHIRP_DELAYED = True` in its configuration. All tests run against it at once;
//! `--test-threads 1` is gentler.
#![cfg(all(unix, feature = "condor"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use milepost::condor::{
    Acted, Ended, JobAd, JobKey, JobStatus, Pool, PoolTracking, Query, Submission, Submitted, Which,
};
use milepost::{CauseKind, EventStream, Job, TaskSnapshot, TaskState, TaskStateChanged};

/// A pool with a folder for logs, as the pool names it and as it is here.
struct Real {
    pool: Pool,
    tracking: PoolTracking,
    there: String,
    here: PathBuf,
}

fn real() -> Option<Real> {
    let Ok(run) = std::env::var("MILEPOST_CONDOR_RUN") else {
        eprintln!("skipped: MILEPOST_CONDOR_RUN doesn't say how HTCondor's tools are run");
        return None;
    };
    let there = std::env::var("MILEPOST_CONDOR_FOLDER").unwrap_or_else(|_| "/tmp".into());
    let here = std::env::var("MILEPOST_CONDOR_FOLDER_HERE").unwrap_or_else(|_| there.clone());
    let pool = Pool::new().run_by_shell(run.split_whitespace()).paths(&there, &here);
    let tracking = PoolTracking::builder(&pool).poll_every(Duration::from_secs(8)).build();
    Some(Real { pool, tracking, there, here: here.into() })
}

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(300);

impl Real {
    /// What jobs are to be, with a log of their own.
    fn description(&self, name: &str, lines: &str, queue: &str) -> String {
        let log = self.log(name);
        format!("executable = /bin/sh\nlog = {log}\n{lines}\nqueue {queue}\n")
    }

    fn log(&self, name: &str) -> String {
        format!("{}/milepost-{}-{name}.log", self.there, std::process::id())
    }

    fn log_here(&self, name: &str) -> PathBuf {
        self.here.join(format!("milepost-{}-{name}.log", std::process::id()))
    }

    fn submit(&self, name: &str, lines: &str, queue: &str) -> (Submitted, Job) {
        let text = self.description(name, lines, queue);
        let batch = self.pool.submit(Submission::text(text)).blocking().unwrap();
        assert_eq!(batch.logs, [self.log_here(name)]);
        let job = self.tracking.track(&batch).blocking().unwrap().job();
        (batch, job)
    }

    /// Waits until the job has ended, and until the history has all of it.
    fn end(&self, batch: &Submitted, job: &Job) -> BTreeMap<JobKey, JobAd> {
        let _ = job.wait_until_done().timeout(LONG).blocking().unwrap();
        assert!(job.is_ended(), "{:?}", job.snapshot());
        for log in &batch.logs {
            _ = std::fs::remove_file(log);
        }
        for _ in 0..60 {
            let ended = self.pool.history(Query::of(batch)).blocking().unwrap();
            if ended.len() == batch.count() {
                return ended.into_iter().map(|ad| (ad.key(), ad)).collect();
            }
            let (sender, receiver) = std::sync::mpsc::channel::<()>();
            _ = receiver.recv_timeout(Duration::from_secs(1));
            drop(sender);
        }
        panic!("the history doesn't have the jobs");
    }
}

/// How often a task began to run.
fn runs(job: &Job, task: &TaskSnapshot) -> i64 {
    let mut changes = job.task_state_changed();
    let (mut runs, mut attempt) = (0, 0);
    while let Some(change) = changes.try_recv() {
        let begins = change.to == TaskState::Running && change.from != TaskState::Suspended;
        if change.task == task.task && begins && change.attempt != attempt {
            attempt = change.attempt;
            runs += 1;
        }
    }
    runs
}

/// How many events the log has missed.
fn repaired(job: &Job) -> usize {
    let mut changes = job.task_state_changed();
    let is_repaired = |change: &TaskStateChanged| {
        change.cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::Repaired)
    };
    let mut repaired = 0;
    while let Some(change) = changes.try_recv() {
        repaired += usize::from(is_repaired(&change));
    }
    repaired
}

fn tasks(job: &Job) -> BTreeMap<JobKey, TaskSnapshot> {
    let number = |task: &TaskSnapshot, name| task.properties.get(name).unwrap().as_i64().unwrap();
    let key = |task: &TaskSnapshot| JobKey::new(number(task, "cluster"), number(task, "proc"));
    job.snapshot().tasks.into_iter().map(|task| (key(&task), task)).collect()
}

/// The handle's story is the history's.
fn assert_same(job: &Job, ended: &BTreeMap<JobKey, JobAd>) {
    assert_eq!(repaired(job), 0, "the log has told everything");
    let tasks = tasks(job);
    assert_eq!(tasks.keys().collect::<Vec<_>>(), ended.keys().collect::<Vec<_>>());
    for (key, ad) in ended {
        let task = &tasks[key];
        let code = task.properties.get("exit_code").and_then(|code| code.as_i64());
        let expected = match (ad.status().unwrap(), ad.ended()) {
            (JobStatus::Removed, _) => TaskState::Canceled,
            (_, Some(Ended::Exited(0))) => TaskState::Completed,
            _ => TaskState::Failed,
        };
        assert_eq!(task.state, expected, "{key}: {task:?}");
        if let Some(Ended::Exited(expected)) = ad.ended() {
            assert_eq!(code, Some(expected), "{key}: {task:?}");
        }
        assert_eq!(runs(job, task), ad.starts().unwrap_or(0), "{key}: {task:?}");
    }
}

/// Waits until some task is in this state.
fn until(changes: &mut EventStream<TaskStateChanged>, state: TaskState) -> TaskStateChanged {
    loop {
        let change = changes.blocking_next_timeout(LONG).unwrap().unwrap();
        if change.to == state {
            return change;
        }
    }
}

#[test]
fn a_job_that_is_held_released_suspended_resumed_vacated_and_removed_is_seen_to_be() {
    let Some(real) = real() else { return };
    let (batch, job) = real.submit("verbs", "arguments = \"-c 'sleep 600'\"", "1");
    let mut changes = job.task_state_changed();
    until(&mut changes, TaskState::Running);
    assert_eq!(real.pool.hold(&batch, "-by a test").blocking().unwrap().count(), 1);
    let held = until(&mut changes, TaskState::Held);
    assert!(held.cause.unwrap().to_string().contains("-by a test"));
    let listed = real.pool.queue(Query::of(&batch)).blocking().unwrap();
    assert_eq!(listed[0].status(), Some(JobStatus::Held));
    assert!(listed[0].hold_reason().unwrap().contains("-by a test"));
    let done = real.pool.hold(&batch, None).blocking().unwrap();
    assert_eq!((done.count(), done.count_of(Acted::Already)), (0, 1));

    assert_eq!(real.pool.release(&batch, "go on").blocking().unwrap().count(), 1);
    until(&mut changes, TaskState::Running);
    assert_eq!(real.pool.suspend(&batch).blocking().unwrap().count(), 1);
    until(&mut changes, TaskState::Suspended);
    assert_eq!(real.pool.resume(&batch).blocking().unwrap().count(), 1);
    until(&mut changes, TaskState::Running);
    assert_eq!(real.pool.vacate(&batch).blocking().unwrap().count(), 1);
    until(&mut changes, TaskState::Submitted);
    until(&mut changes, TaskState::Running);
    assert_eq!(real.pool.vacate_fast(&batch).blocking().unwrap().count(), 1);
    until(&mut changes, TaskState::Submitted);
    let running = until(&mut changes, TaskState::Running);
    assert_eq!(running.attempt, 4);
    job.cancel("enough of it");
    let ended = real.end(&batch, &job);
    assert_same(&job, &ended);
    let key = batch.keys().next().unwrap();
    assert!(ended[&key].remove_reason().unwrap().contains("enough of it"), "{:?}", ended[&key]);
    let done = real.pool.remove(&batch, None).blocking().unwrap();
    assert_eq!(done.count(), 0);
}

#[test]
fn a_job_that_fails_is_tried_again() {
    let Some(real) = real() else { return };
    let lines = "arguments = \"-c 'sleep 1; exit 3'\"\nmax_retries = 2";
    let (batch, job) = real.submit("retries", lines, "2");
    let ended = real.end(&batch, &job);
    assert_same(&job, &ended);
    assert!(tasks(&job).values().all(|task| task.attempt == 3 && task.state == TaskState::Failed));
}

#[test]
fn a_job_tells_how_far_it_is() {
    let Some(real) = real() else { return };
    // Double quotes are written twice there.
    let chirp = "c=`condor_config_val LIBEXEC`/condor_chirp; $c ulog \"\"progress 25%\"\"; sleep 1; \
                 $c set_job_attr Step 7; $c ulog \"\"progress 75%\"\"; sleep 2";
    let lines = format!("arguments = \"-c '{chirp}'\"\n+WantIOProxy = True\ngetenv = True");
    let (batch, job) = real.submit("chirp", &lines, "1");
    let ended = real.end(&batch, &job);
    assert_same(&job, &ended);
    let task = tasks(&job).into_values().next().unwrap();
    assert_eq!(task.progress.map(f64::round), Some(75.0), "{task:?}");
    assert_eq!(ended.values().next().unwrap().ad().i64("Step"), Some(7));
}

#[test]
fn a_dag_is_one_job_of_its_nodes() {
    let Some(real) = real() else { return };
    let name = format!("milepost-{}.dag", std::process::id());
    let node = |name: &str, program: &str| {
        format!("SUBMIT-DESCRIPTION {name}s {{\n executable = {program}\n}}\nJOB {name} {name}s\n")
    };
    let text = node("A", "/bin/true") + &node("B", "/bin/true") + &node("C", "/bin/false");
    let text = text + "PARENT A CHILD B C\n";
    std::fs::write(real.here.join(&name), text).unwrap();
    let dag = Submission::dag(format!("{}/{name}", real.there));
    let batch = real.pool.submit(dag).blocking().unwrap();
    assert!(batch.dag && batch.logs.len() == 2, "{batch:?}");
    let tracked = real.tracking.track(&batch).blocking().unwrap();
    let nodes = tracked.job();
    assert_eq!((nodes.name(), tracked.jobs.len()), (name.as_str(), 2));
    let _ = nodes.wait_until_done().timeout(LONG).blocking().unwrap();
    let ended = real.end(&batch, &tracked.jobs[1]);
    assert_same(&tracked.jobs[1], &ended);
    let ends: BTreeMap<String, TaskState> =
        nodes.snapshot().tasks.iter().map(|task| (task.name.to_string(), task.state)).collect();
    let expected =
        [("A", TaskState::Completed), ("B", TaskState::Completed), ("C", TaskState::Failed)];
    assert_eq!(ends, expected.map(|(name, state)| (name.to_owned(), state)).into());
    for file in std::fs::read_dir(&real.here).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with(&name) {
            _ = std::fs::remove_file(file.path());
        }
    }
}

#[test]
fn jobs_that_are_made_as_they_are_needed_are_all_seen() {
    let Some(real) = real() else { return };
    let lines = "arguments = \"-c 'exit $(Process)'\"\nmax_materialize = 3";
    let (batch, job) = real.submit("late", lines, "8");
    let ended = real.end(&batch, &job);
    assert_same(&job, &ended);
    assert_eq!(tasks(&job).len(), 8);
}

#[test]
fn many_short_jobs_end_as_the_history_says() {
    let Some(real) = real() else { return };
    let lines = "arguments = \"-c 'exit $INT(code)'\"\ncode = $(Process) % 5";
    let (batch, job) = real.submit("many", lines, "600");
    let ended = real.end(&batch, &job);
    assert_same(&job, &ended);
    assert_eq!(job.counts().failed(), 480);
}

#[test]
fn a_log_that_is_removed_while_jobs_run_costs_no_job() {
    let Some(real) = real() else { return };
    let (batch, job) = real.submit("removed", "arguments = \"-c 'sleep 5; exit $(Process)'\"", "3");
    until(&mut job.task_state_changed(), TaskState::Running);
    // A directory in its place: nothing can be written to it.
    let log = real.log_here("removed");
    std::fs::remove_file(&log).unwrap();
    std::fs::create_dir(&log).unwrap();
    let ended = real.end(&batch, &job);
    std::fs::remove_dir(&log).unwrap();
    eprintln!("{} events were found out by asking", repaired(&job));
    assert_eq!(tasks(&job).len(), 3);
    for (key, task) in tasks(&job) {
        let code = task.properties.get("exit_code").and_then(|code| code.as_i64());
        assert_eq!(ended[&key].ended(), code.map(Ended::Exited), "{key}: {task:?}");
    }
}

#[test]
fn a_job_that_is_removed_by_force_ends() {
    let Some(real) = real() else { return };
    let (batch, job) = real.submit("forced", "arguments = \"-c 'sleep 600'\"", "2");
    until(&mut job.task_state_changed(), TaskState::Running);
    real.pool.remove(&batch, "by force").blocking().unwrap();
    let forced = real.pool.remove_forced(&batch, "by force").blocking().unwrap();
    eprintln!("removed by force: {forced}; {} events were found out by asking", repaired(&job));
    let ended = real.end(&batch, &job);
    assert!(ended.values().all(|ad| ad.status() == Some(JobStatus::Removed)));
    assert!(tasks(&job).values().all(|task| task.state == TaskState::Canceled));
}

#[test]
fn jobs_without_a_log_are_told_by_the_queue_alone() {
    let Some(real) = real() else { return };
    let text = "executable = /bin/sh\narguments = \"-c 'sleep 10; exit $(Process)'\"\nqueue 2\n";
    let batch = real.pool.submit(Submission::text(text)).blocking().unwrap();
    assert!(batch.logs.is_empty());
    let job = real.tracking.track(&batch).blocking().unwrap().job();
    let ended = real.end(&batch, &job);
    let tasks = tasks(&job);
    assert_eq!(tasks.len(), 2);
    for (key, task) in tasks {
        let code = task.properties.get("exit_code").and_then(|code| code.as_i64());
        assert_eq!(ended[&key].ended(), code.map(Ended::Exited), "{key}: {task:?}");
    }
    let mut changes = job.task_state_changed();
    while let Some(change) = changes.try_recv() {
        let repaired = change.cause.as_ref().is_some_and(|cause| cause.kind == CauseKind::Repaired);
        assert!(repaired || change.to == TaskState::Submitted, "{change:?}");
    }
}

#[test]
fn the_queue_is_counted_and_what_is_refused_is_said() {
    let Some(real) = real() else { return };
    let text = "executable = /bin/sleep\narguments = 600\nhold = True\nqueue 4\n";
    let batch = real.pool.submit(Submission::text(text)).blocking().unwrap();
    let of = |batch: &Submitted| Query::of(batch);
    let summary = real.pool.summary(of(&batch)).blocking().unwrap();
    assert_eq!((summary.count(JobStatus::Held), summary.total()), (4, 4));
    let three = of(&batch).constraint("ProcId < 3 && Owner =!= \"a) b\"").attributes(["Owner"]);
    assert_eq!(real.pool.queue(three.clone()).blocking().unwrap().len(), 3);
    assert_eq!(real.pool.queue(three.limit(2)).blocking().unwrap().len(), 2);
    let keys = Which::keys(batch.keys().take(1).chain([JobKey::new(1, 99)]));
    let done = real.pool.remove(keys, "one").blocking().unwrap();
    assert_eq!((done.count(), done.count_of(Acted::NotFound)), (1, 1));
    let cluster = batch.cluster().unwrap();
    let rest = Which::constraint(format!("ClusterId == {cluster}"));
    assert_eq!(real.pool.remove(rest, None).blocking().unwrap().count(), 3);
    let error = real.pool.queue(Query::new().constraint("JobStatus ==")).blocking().unwrap_err();
    assert!(error.to_string().contains("condor_q"), "{error}");
    let error = real.pool.submit(Submission::file("/nonexistent.sub")).blocking().unwrap_err();
    assert!(error.to_string().contains("nonexistent"), "{error}");
}
