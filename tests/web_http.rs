//! The routes of the web server: what they answer, and that whatever is asked for wrongly is told so.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::net::SocketAddr;

use axum::Router;
use common::http::{Answer, follow, get, send, send_raw, serve, serve_router};
use common::{ByHand, running};
use milepost::view::web::Web;
use milepost::{Job, JobState, TaskState, Tracker};

const TOKEN: &str = "correct-horse-battery-staple";
const BEARER: &str = "Authorization: Bearer correct-horse-battery-staple";

/// A tracker with a job, and a server that lets it be changed.
fn served() -> (Tracker, Job, SocketAddr) {
    let (tracker, job) = (Tracker::new(), Job::new("thumbnails"));
    tracker.track(&job);
    let web = Web::builder(&tracker).control(TOKEN).build().unwrap();
    let address = serve(&web);
    (tracker, job, address)
}

fn post(address: SocketAddr, path: &str, headers: &[&str], body: &str) -> Answer {
    send(address, "POST", path, headers, body)
}

#[test]
fn the_page_comes_with_a_policy_that_lets_only_its_own_script_run() {
    let (_, _, address) = served();
    let nonce_of = |answer: Answer| {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let policy = answer.header("content-security-policy").unwrap().to_owned();
        for part in [
            "default-src 'none'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        let nonce = policy.split("script-src 'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        let page = answer.body();
        assert!(page.contains(&format!("nonce=\"{nonce}\"")) && !page.contains("__NONCE__"));
        assert!(!page.contains("__CONTROL__"));
        nonce.to_owned()
    };
    let (first, second) = (nonce_of(get(address, "/")), nonce_of(get(address, "/")));
    assert_ne!(first, second);
}

#[test]
fn nested_the_page_is_there_with_and_without_a_slash() {
    let (tracker, job) = (Tracker::new(), Job::new("nested"));
    tracker.track(&job);
    let web = Web::new(&tracker);
    let app = Router::new()
        .nest_service("/jobs-ui", web.router())
        .nest("/deep/er", web.router())
        .fallback(async || "the application's own");
    let address = serve_router(app);
    for path in ["/jobs-ui", "/jobs-ui/", "/deep/er"] {
        let answer = get(address, path);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{path}"
        );
    }
    let id = job.id();
    assert_eq!(get(address, &format!("/jobs-ui/jobs/{id}")).json()["name"], "nested");
    assert_eq!(get(address, "/elsewhere").body(), "the application's own");
    // Merged, it has no fallback that would be in the way.
    let merged = Router::new().fallback(async || "own").merge(web.router());
    let address = serve_router(merged);
    assert_eq!(get(address, "/jobs").json()["jobs"][0]["name"], "nested");
    assert_eq!(get(address, "/elsewhere").body(), "own");
}

#[test]
fn jobs_are_listed_as_asked_for() {
    let (tracker, job, address) = served();
    let others: Vec<Job> = ["a", "b", "thumbs"].map(Job::new).into();
    others.iter().for_each(|job| tracker.track(job));
    let _task = running(&others[0], "task");
    let all = get(address, "/jobs").json();
    let names = |json: &serde_json::Value| -> Vec<String> {
        let jobs = json["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all), ["thumbs", "b", "a", "thumbnails"]);
    assert_eq!(all["summary"], serde_json::json!({"pending": 3, "running": 1}));
    assert_eq!(all["jobs"][3]["job"], job.id().to_string());
    assert!(all["jobs"][2].get("tasks").is_none() && all["jobs"][2]["seq"].is_u64());
    let names_at = |path: &str| names(&get(address, path).json());
    assert_eq!(names_at("/jobs?order=oldest&limit=2"), ["thumbnails", "a"]);
    assert_eq!(names_at("/jobs?name=thumb*"), ["thumbs", "thumbnails"]);
    assert_eq!(names_at("/jobs?state=running"), ["a"]);
    assert_eq!(names_at("/jobs?state=running&state=pending&name=%61"), ["a"]);
    assert!(names_at("/jobs?state=failed").is_empty());
    assert!(names_at("/jobs?limit=0").is_empty());
    let wrong = [
        ("/jobs?colour=red", "state, name, limit and order"),
        ("/jobs?state=asleep", "pending, submitted, running"),
        ("/jobs?limit=1001", "1000 at most"),
        ("/jobs?limit=-1", "whole number"),
        ("/jobs?limit=99999999999999999999999", "whole number"),
        ("/jobs?order=random", "newest, oldest"),
        ("/jobs?name=%ff%fe%zz&x", "no parameter"),
    ];
    for (path, part) in wrong {
        let answer = get(address, path);
        assert_eq!(answer.status, 400, "{path}");
        let error = answer.error();
        assert!(error.contains(part), "{path}: {error}");
    }
}

#[test]
fn a_job_is_answered_with_the_tasks_asked_for() {
    let (_, job, address) = served();
    let path = format!("/jobs/{}", job.id());
    let tasks: Vec<_> = ["a", "b", "c", "d"].map(|name| running(&job, name)).into();
    tasks[1].fail(milepost::TaskError::msg("it broke")).unwrap();
    let record = get(address, &path).json();
    assert!(record.get("tasks").is_none());
    assert_eq!(record["seq"], job.last_seq());
    assert_eq!(record["counts"], serde_json::json!({"running": 3, "failed": 1}));
    let names = |query: &str| -> Vec<String> {
        let record = get(address, &format!("{path}?{query}")).json();
        let tasks = record["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().map(|task| task["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("tasks=all"), ["a", "b", "c", "d"]);
    assert_eq!(names("tasks=failed"), ["b"]);
    assert_eq!(names("tasks=failed,running&offset=1&limit=2"), ["b", "c"]);
    assert_eq!(names("tasks=all&offset=18446744073709551615"), [""; 0]);
    assert_eq!(names("tasks=none"), [""; 0]);
    for query in ["tasks=asleep", "tasks=", "limit=100001", "offset=1e3", "what"] {
        assert_eq!(get(address, &format!("{path}?{query}")).status, 400, "{query}");
    }
    // The record of one that has ended is answered in the same way.
    tasks.iter().for_each(|task| drop(task.complete(())));
    job.cancel("enough");
    drop((tasks, job));
    assert_eq!(names("tasks=failed"), ["b"]);
    assert_eq!(names("tasks=completed&offset=1&limit=1"), ["c"]);
}

#[test]
fn what_is_no_job_is_told_so() {
    let (_, job, address) = served();
    let id = job.id().to_string();
    let strange = Job::new("of no tracker").id().to_string();
    for path in [
        "/jobs/nonsense",
        "/jobs/1",
        "/jobs/%00",
        "/jobs/%ff%fe",
        "/jobs/../..",
        &format!("/jobs/{id}0"),
    ] {
        for rest in ["", "/events"] {
            let answer = get(address, &format!("{path}{rest}"));
            assert!([400, 404].contains(&answer.status), "{path}{rest}: {}", answer.status);
            assert!(!answer.error().is_empty());
        }
    }
    let long = format!("/jobs/{}", "x".repeat(5_000));
    let answer = get(address, &long);
    assert_eq!(answer.status, 400);
    assert!(answer.error().len() < 400);
    for rest in ["", "/events"] {
        let answer = get(address, &format!("/jobs/{strange}{rest}"));
        assert_eq!(answer.status, 404);
        assert!(answer.error().contains("Tracker::track"));
    }
    assert_eq!(get(address, "/nowhere").status, 404);
    assert_eq!(post(address, &format!("/jobs/{strange}/cancel"), &[BEARER], "").status, 404);
}

#[test]
fn nothing_that_is_sent_makes_the_server_fall_over() {
    let (_, job, address) = served();
    let id = job.id();
    let huge =
        format!("GET /jobs HTTP/1.1\r\nHost: {address}\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(send_raw(address, huge.as_bytes()).status, 431);
    assert_eq!(send_raw(address, b"GARBAGE\r\n\r\n").status, 400);
    let invalid = b"GET /jobs/\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(send_raw(address, invalid).status, 400);
    for last in ["x", "-1", "1.0", "", "99999999999999999999", "+1", "\u{e9}"] {
        let header = format!("Last-Event-ID: {last}");
        let answer = send(address, "GET", &format!("/jobs/{id}/events"), &[&header], "");
        assert_eq!(answer.status, 400, "{last:?}");
    }
    for (method, path) in [
        ("POST", "/jobs".to_owned()),
        ("DELETE", format!("/jobs/{id}")),
        ("GET", format!("/jobs/{id}/cancel")),
        ("PUT", format!("/jobs/{id}/events")),
    ] {
        let answer = send(address, method, &path, &[BEARER], "");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.error().contains(method));
    }
    assert_eq!(get(address, "/jobs").status, 200);
}

#[test]
fn a_request_for_the_head_alone_starts_no_stream() {
    let (_, job, address) = served();
    let web = send(address, "HEAD", &format!("/jobs/{}/events", job.id()), &[], "");
    assert_eq!((web.status, web.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(web.header("x-accel-buffering"), Some("no"));
    assert_eq!(web.header("cache-control"), Some("no-store"));
}

#[test]
fn without_a_token_set_nothing_can_be_changed() {
    let (tracker, job) = (Tracker::new(), Job::new("shown"));
    tracker.track(&job);
    let address = serve(&Web::new(&tracker));
    for headers in [&[][..], &[BEARER], &["Authorization: Bearer"]] {
        let answer = post(address, &format!("/jobs/{}/cancel", job.id()), headers, "");
        assert_eq!(answer.status, 403);
        assert!(answer.error().contains("WebBuilder::control"));
    }
    assert_eq!(job.state(), JobState::Pending);
    for token in ["", " ", "\t\n", "two words", "t\u{f6}ken"] {
        assert!(Web::builder(&tracker).control(token).build().is_err(), "{token:?}");
    }
}

#[test]
fn only_the_token_lets_a_job_be_changed() {
    let (_, job, address) = served();
    job.add_blocking("task", |_cx| Ok(())).unwrap();
    let path = format!("/jobs/{}/cancel", job.id());
    let wrong = [
        "X: y",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer wrong",
        "Authorization: Basic correct-horse-battery-staple",
        "Authorization: correct-horse-battery-staple",
        "Authorization: Bearer correct-horse-battery-stapl",
        "Authorization: Bearer correct-horse-battery-staplee",
    ];
    for header in wrong {
        let answer = post(address, &path, &[header], "");
        assert_eq!(answer.status, 401, "{header}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    for origin in ["http://evil.com", "null", "http://127.0.0.1:1", ""] {
        let answer = post(address, &path, &[BEARER, &format!("Origin: {origin}")], "");
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.error().contains("allow_origin"));
    }
    assert_eq!(job.state(), JobState::Pending);
    let own = format!("Origin: http://{address}");
    let answer = post(address, &path, &[BEARER, &own], r#"{"message": "not needed"}"#);
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json(), serde_json::json!({"asked": 1, "refused": []}));
    assert_eq!(job.state(), JobState::Canceled);
    let answer = post(address, &path, &[BEARER], "");
    assert_eq!(answer.status, 409);
    assert!(answer.error().contains("has ended"));
}

#[test]
fn an_allowed_origin_may_change_jobs() {
    let (tracker, job) = (Tracker::new(), Job::new("shown"));
    tracker.track(&job);
    let web = Web::builder(&tracker).control(TOKEN).allow_origin("https://ops.example.org").build();
    let address = serve(&web.unwrap());
    let path = format!("/jobs/{}/cancel", job.id());
    let from =
        |origin: &str| post(address, &path, &[BEARER, &format!("Origin: {origin}")], "").status;
    assert_eq!(from("http://ops.example.org"), 403);
    assert_eq!(from("https://ops.example.org"), 202);
}

#[test]
fn the_verbs_do_what_they_say() {
    let (_, job, address) = served();
    let id = job.id();
    let handles = ["a", "b"].map(|name| job.add_blocking(name, |_cx| Ok(())).unwrap());
    job.submit(&ByHand::default()).unwrap();
    let ask =
        |path: &str, body: &str| post(address, &format!("/jobs/{id}/{path}"), &[BEARER], body);
    let answer = ask("tasks/1/hold?message=for%20lunch", "");
    assert_eq!(
        (answer.status, answer.json()),
        (202, serde_json::json!({"asked": 1, "refused": []}))
    );
    assert_eq!(
        common::story(&job, milepost::TaskId::new(1)).last().unwrap(),
        "held 1: held: for lunch"
    );
    assert_eq!(ask("tasks/1/release", "").status, 202);
    assert_eq!(handles[1].state(), TaskState::Submitted);
    assert_eq!(ask("hold", r#"{"message":"all"}"#).json()["asked"], 2);
    assert_eq!(handles[0].state(), TaskState::Held);
    assert_eq!(ask("release", "  ").status, 202);
    assert_eq!(ask("suspend", "{}").status, 202);
    assert_eq!(ask("resume", "").status, 202);
    assert_eq!(ask("tasks/0/cancel", "").status, 202);
    assert_eq!(handles[0].state(), TaskState::Canceled);
    for verb in ["cancel", "hold", "release", "suspend", "resume"] {
        let answer = ask(&format!("tasks/0/{verb}"), "");
        assert_eq!(answer.status, 409, "{verb}");
        assert!(answer.error().contains("task 0 (a) is canceled"));
        let answer = ask(&format!("tasks/7/{verb}"), "");
        assert_eq!(answer.status, 404, "{verb}");
        assert!(answer.error().contains("no task 7"));
    }
    for task in ["x", "-1", "4294967296", "%ff"] {
        assert_eq!(ask(&format!("tasks/{task}/hold"), "").status, 400, "{task}");
    }
    for body in ["x", "[]", r#"{"massage": "x"}"#, r#"{"message": 5}"#] {
        assert_eq!(ask("hold", body).status, 400, "{body}");
    }
    assert_eq!(ask("hold?what=ever", "").status, 400);
    let large = format!(r#"{{"message": "{}"}}"#, "x".repeat(20_000));
    let answer = ask("hold", &large);
    assert_eq!(answer.status, 413);
    assert!(!answer.error().is_empty());
    assert_eq!(handles[1].state(), TaskState::Submitted);
}

#[test]
fn alone_on_loopback_the_server_knows_only_local_names() {
    let (_, job, address) = served();
    let at =
        |host: &str, path: &str| send(address, "GET", path, &[&format!("Host: {host}")], "").status;
    for path in ["/", "/jobs", &format!("/jobs/{}/events?after=99", job.id()), "/nowhere"] {
        assert_eq!(at("evil.com", path), 421, "{path}");
        assert_eq!(at("localhost.evil.com:80", path), 421, "{path}");
        assert_ne!(at("localhost", path), 421, "{path}");
        assert_ne!(at("127.0.0.1:9", path), 421, "{path}");
        assert_ne!(at("[::1]:9", path), 421, "{path}");
    }
    let (tracker, web) = (Tracker::new(), |strict: bool| {
        let web = Web::builder(&Tracker::new());
        if strict { web.local_hosts_only() } else { web }.build().unwrap()
    });
    drop(tracker);
    for (strict, status) in [(false, 200), (true, 421)] {
        let address = serve_router(web(strict).router());
        assert_eq!(send(address, "GET", "/jobs", &["Host: jobs.example.org"], "").status, status);
    }
}

#[test]
fn no_more_clients_than_may_read_events() {
    let (tracker, job) = (Tracker::new(), Job::new("followed"));
    tracker.track(&job);
    let _task = running(&job, "task");
    let web = Web::builder(&tracker).max_clients(2).build().unwrap();
    let address = serve(&web);
    let mut first = follow(address, job.id(), None).events();
    let mut second = follow(address, job.id(), None).events();
    assert!(first.next().is_some() && second.next().is_some());
    let third = follow(address, job.id(), None);
    assert_eq!((third.status, third.header("retry-after")), (503, Some("5")));
    assert!(third.error().contains("max_clients"));
    drop(first);
    // The server notices it by something that it can't send.
    common::within(move || {
        loop {
            job.add_blocking("more", |_cx| Ok(())).unwrap();
            if follow(address, job.id(), None).status == 200 {
                return;
            }
        }
    });
}
