//! What HTCondor's tools are called with, and what is made of what they print and of how they fail. The tools are scripts.
#![cfg(all(unix, feature = "condor"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::io::Read as _;
use std::time::Duration;

use common::tools::Tools;
use milepost::ManualClock;
use milepost::condor::{
    Acted, Ended, JobKey, JobStatus, Pool, PoolError, Query, Submission, Which,
};

const DONE: &str =
    "ActionResult = 1\nActionResultType = 1\nJobAction = 1\njob_7_0 = 1\njob_7_1 = 4\n";

#[test]
fn each_verb_calls_its_tool() {
    let tools = Tools::new();
    for name in ["hold", "release", "rm", "vacate_job", "suspend", "continue"] {
        tools.says(&format!("condor_{name}"), DONE);
    }
    let pool = tools.pool();
    let batch = || Which::cluster(7);
    let done = pool.hold(batch(), "it's $HOME").blocking().unwrap();
    assert_eq!((done.count(), done.count_of(Acted::Already)), (1, 1));
    assert_eq!(done.of(JobKey::new(7, 1)), Some(Acted::Already));
    pool.release(JobKey::new(7, 1), None).blocking().unwrap();
    pool.remove(vec![JobKey::new(7, 1), JobKey::new(9, -1)], "-all").blocking().unwrap();
    pool.remove_forced(batch(), None).blocking().unwrap();
    pool.vacate(batch()).blocking().unwrap();
    pool.vacate_fast(batch()).blocking().unwrap();
    pool.suspend(Which::constraint("-1 < ProcId")).blocking().unwrap();
    pool.clone().schedd("a@b").central_manager("cm").resume(batch()).blocking().unwrap();
    assert_eq!(
        tools.take_calls(),
        [
            "condor_hold|-long|-reason|it's $HOME|7",
            "condor_release|-long|7.1",
            "condor_rm|-long|-reason|-all|7.1|9",
            "condor_rm|-forcex|-long|7",
            "condor_vacate_job|-long|7",
            "condor_vacate_job|-fast|-long|7",
            "condor_suspend|-long|-constraint|(-1 < ProcId)",
            "condor_continue|-long|-name|a@b|-pool|cm|7",
        ]
    );
    assert_eq!(pool.remove(Vec::new(), None).blocking().unwrap().jobs, []);
    assert!(tools.calls().is_empty(), "no jobs is not all jobs");
}

#[test]
fn an_action_that_was_possible_for_none_is_no_error_and_one_that_failed_is() {
    let tools = Tools::new();
    tools.says("condor_rm", "ActionResult = 0\njob_7_0 = 2\n");
    tools.fails("condor_rm", 1, "Job 7.0 not found\n");
    let done = tools.pool().remove(JobKey::new(7, 0), None).blocking().unwrap();
    assert_eq!((done.count(), done.of(JobKey::new(7, 0))), (0, Some(Acted::NotFound)));
    tools.says("condor_rm", "");
    tools.fails("condor_rm", 1, "condor_rm: unknown host nosuch\n");
    let error = tools.pool().remove(JobKey::new(7, 0), None).blocking().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PoolError::Failed { code: Some(1), .. }), "{error:?}");
    assert!(text.contains("condor_rm -long 7.0` has failed with exit code 1"), "{text}");
    assert!(text.ends_with("unknown host nosuch"), "{text}");
}

#[test]
fn queries_are_passed_on_and_ads_are_read() {
    let tools = Tools::new();
    let ads = r#"[
{"ClusterId": 7, "ProcId": 0, "JobStatus": 5, "HoldReason": "disk \"full\"", "Requirements": "\/Expr(TARGET.Memory > 1)\/"}
,
{"ClusterId": 7, "ProcId": 1, "JobStatus": 4, "ExitBySignal": true, "ExitSignal": 9, "UserLog": "a.log", "Iwd": "/home"}
]"#;
    tools.says("condor_q", ads);
    tools.says("condor_history", ads);
    let query = Query::of(Which::cluster(7)).constraint("a || b").attributes(["JobStatus"]);
    let jobs = tools.pool().queue(query.clone().limit(9).everyones()).blocking().unwrap();
    assert_eq!(jobs[0].status(), Some(JobStatus::Held));
    assert_eq!(jobs[0].hold_reason(), Some("disk \"full\""));
    assert_eq!(jobs[1].ended(), Some(Ended::Signaled(9)));
    assert_eq!(jobs[1].log().unwrap().to_str(), Some("/home/a.log"));
    tools.pool().history(query.everyones()).blocking().unwrap();
    let both = Query::of(Which::constraint("x")).constraint("y").schedds(["s1", "s2"]);
    let both = tools.pool().queue(both).blocking().unwrap();
    let schedds: Vec<_> = both.iter().map(|job| job.schedd().unwrap()).collect();
    assert_eq!(schedds, ["s1", "s1", "s2", "s2"]);
    let mut calls = tools.take_calls();
    calls[2..].sort();
    assert_eq!(
        calls,
        [
            "condor_q|-json|-allusers|-attributes|ClusterId,ProcId,JobStatus|-limit|9|-constraint|(a || b)|7",
            "condor_history|-json|-attributes|ClusterId,ProcId,JobStatus|-constraint|(a || b)|7",
            "condor_q|-name|s1|-json|-constraint|(x) && (y)",
            "condor_q|-name|s2|-json|-constraint|(x) && (y)",
        ]
    );
    tools.says("condor_q", "2\n2\n5\n");
    let summary = tools.pool().summary(Query::new()).blocking().unwrap();
    assert_eq!(summary.iter().collect::<Vec<_>>(), [(JobStatus::Running, 2), (JobStatus::Held, 1)]);
    assert_eq!(tools.take_calls(), ["condor_q|-af|JobStatus"]);
    tools.says("condor_q", "");
    assert!(tools.pool().queue(Query::new()).blocking().unwrap().is_empty());
    tools.take_calls();
    assert!(tools.pool().queue(Query::of(Vec::new())).blocking().unwrap().is_empty());
    assert!(tools.calls().is_empty(), "no jobs is not all jobs");
}

#[test]
fn what_is_submitted_is_told_with_its_log() {
    let tools = Tools::new();
    tools.says("condor_submit", "7.0 - 7.2\n8.0 - 8.0\n");
    tools.says(
        "condor_q",
        r#"[{"ClusterId":7,"ProcId":0,"UserLog":"/home/ann/a.log","QDate":1700000000}]"#,
    );
    let pool = tools.pool().paths("/home", "/mnt/there");
    let text = "executable = a\nqueue 3\n";
    let batch = pool.submit(Submission::text(text).append("x = 1")).blocking().unwrap();
    assert_eq!((batch.count(), batch.cluster()), (4, Some(7)));
    assert_eq!(batch.logs[0].to_str(), Some("/mnt/there/ann/a.log"));
    assert_eq!(tools.read("condor_submit"), text);
    let json = serde_json::to_string(&batch).unwrap();
    assert_eq!(serde_json::from_str::<milepost::condor::Submitted>(&json).unwrap(), batch);
    assert_eq!(
        tools.take_calls(),
        [
            "condor_submit|-terse|-append|x = 1|-",
            "condor_q|-json|-attributes|ClusterId,ProcId,UserLog,Iwd,QDate|7|8",
        ]
    );
    // That jobs were submitted is not lost with the question for their log.
    tools.fails("condor_q", 1, "down");
    let batch = pool.submit(Submission::file("-a.sub")).blocking().unwrap();
    assert!(batch.logs.is_empty() && batch.count() == 4);
    assert_eq!(tools.take_calls()[0], "condor_submit|-terse|./-a.sub");
    tools.recovers("condor_q");
    tools.says("condor_submit_dag", "1 job(s) submitted to cluster 9.\n");
    tools.says("condor_q", r#"[{"ClusterId":9,"ProcId":0,"UserLog":"/d/x.dag.dagman.log"}]"#);
    let dag = pool.submit(Submission::dag("x.dag")).blocking().unwrap();
    let logs: Vec<_> = dag.logs.iter().map(|log| log.to_str().unwrap()).collect();
    assert_eq!(logs, ["/d/x.dag.dagman.log", "/d/x.dag.nodes.log"]);
    tools.says("condor_submit", "all is well\n");
    let error = pool.submit(Submission::text("")).blocking().unwrap_err();
    assert!(matches!(error, PoolError::NotUnderstood { .. }), "{error:?}");
}

#[test]
fn output_that_is_not_what_it_should_be_is_an_error_that_shows_it() {
    let tools = Tools::new();
    for text in ["[{\"ClusterId\": 7", "{}", "[1]", "[{\"ProcId\": 7}]", "condor_q is broken"] {
        tools.says("condor_q", text);
        let error = tools.pool().queue(Query::new()).blocking().unwrap_err();
        assert!(matches!(error, PoolError::NotUnderstood { .. }), "{error:?}");
        let shown = error.to_string();
        assert!(
            shown.contains("condor_q -json") && shown.contains(&format!("{text:?}")),
            "{shown}"
        );
    }
    tools.says("condor_hold", "Job 7.0 held");
    let error = tools.pool().hold(JobKey::new(7, 0), None).blocking().unwrap_err();
    assert!(matches!(error, PoolError::NotUnderstood { .. }), "{error:?}");
}

#[test]
fn what_would_be_something_else_is_refused_and_nothing_is_run() {
    let tools = Tools::new();
    let pool = tools.pool();
    let refused = [
        pool.queue(Query::new().constraint("a) || (b")).blocking().err(),
        pool.queue(Query::new().attributes(["a,b"])).blocking().err(),
        pool.queue(Query::new().attributes(["-long"])).blocking().err(),
        pool.queue(Query::new().schedds(["-x"])).blocking().err(),
        pool.summary(Query::of(Which::constraint(""))).blocking().err(),
        pool.hold(JobKey::new(-1, -1), None).blocking().err(),
        pool.clone().schedd("").submit(Submission::text("")).blocking().err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(PoolError::Refused { .. })), "{error:?}");
    }
    assert!(tools.calls().is_empty());
}

#[test]
fn tools_that_are_not_there_are_named_with_the_way_out() {
    let error = Pool::new().tools_in("/nonexistent").queue(Query::new()).blocking().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`/nonexistent/condor_q -json` can't be run"), "{text}");
    assert!(text.contains("install HTCondor") && text.contains("Pool::tools_in"), "{text}");
}

#[test]
fn tools_are_run_by_other_programs_and_by_shells() {
    let tools = Tools::new();
    tools.says("condor_q", "[]");
    let constraint = "Owner == \"it's\" && $HOME";
    let query = || Query::new().constraint(constraint);
    tools.pool().run_by(["env", "A=1"]).queue(query()).blocking().unwrap();
    tools.pool().run_by_shell(["sh", "-c"]).queue(query()).blocking().unwrap();
    let call = format!("condor_q|-json|-constraint|({constraint})");
    assert_eq!(tools.take_calls(), [call.clone(), call]);
    tools.does("condor_q", "printf '[{\"ClusterId\": %s}]' \"$A\"");
    tools.says("condor_q", "");
    let jobs = tools.pool().env("A", "12").queue(Query::new()).blocking().unwrap();
    assert_eq!(jobs[0].key(), JobKey::new(12, -1));
}

/// Reads from a pipe that a tool and what it has started hold open until they are gone.
fn held_pipe(tools: &Tools, tool: &str) -> impl FnOnce() -> std::fs::File {
    let pipe = tools.path("held");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    tools.does(tool, "exec 3>held; echo >&3; sleep 1000 & wait");
    move || {
        let mut held = std::fs::File::open(pipe).unwrap();
        held.read_exact(&mut [0]).unwrap();
        held
    }
}

#[test]
fn a_tool_that_hangs_is_killed_with_what_it_has_started() {
    let tools = Tools::new();
    let begun = held_pipe(&tools, "condor_hold");
    let manual = ManualClock::new();
    let pool = tools.pool().clock(manual.clock());
    let call = pool.hold(Which::cluster(7), None);
    let mut held = begun();
    manual.advance(Duration::from_secs(60));
    let error = call.blocking().unwrap_err();
    assert!(matches!(error, PoolError::TimedOut { .. }), "{error:?}");
    assert!(error.to_string().contains("longer than 1m"), "{error}");
    assert_eq!(held.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_question_that_nobody_waits_for_is_killed() {
    let tools = Tools::new();
    let begun = held_pipe(&tools, "condor_q");
    let call = tools.pool().queue(Query::new());
    let mut held = begun();
    drop(call);
    assert_eq!(held.read(&mut [0]).unwrap(), 0);
}

#[test]
fn an_action_that_nobody_waits_for_is_done() {
    let tools = Tools::new();
    let pipe = tools.path("done");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    tools.does("condor_rm", "echo done > done");
    drop(tools.pool().remove(Which::cluster(7), None));
    assert_eq!(std::fs::read_to_string(pipe).unwrap(), "done\n");
}

#[test]
fn a_tool_that_prints_too_much_is_killed() {
    let tools = Tools::new();
    tools.does("condor_q", "exec yes");
    let error = tools.pool().output_limit(10_000).queue(Query::new()).blocking().unwrap_err();
    assert!(matches!(error, PoolError::TooMuch { limit: 10_000, .. }), "{error:?}");
}

#[test]
fn calls_are_futures_of_any_executor() {
    let tools = Tools::new();
    tools.says("condor_q", "[]");
    let jobs = futures::executor::block_on(async { tools.pool().queue(Query::new()).await });
    assert!(jobs.unwrap().is_empty());
}
