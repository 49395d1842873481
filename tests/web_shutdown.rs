//! A graceful shutdown ends while jobs go on that are followed: once the `Web` is closed, nobody keeps a connection.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use common::http::{follow, get, runtime, serve_alone};
use common::{running, within};
use milepost::view::web::Web;
use milepost::{Job, ManualClock, Tracker};
use tokio::sync::oneshot;

/// An application with the recipe for its shutdown; the thread ends when it has shut down.
fn application(web: &Web) -> (SocketAddr, oneshot::Sender<()>, std::thread::JoinHandle<()>) {
    let (send, receive) = std::sync::mpsc::channel();
    let (signal, signaled) = oneshot::channel::<()>();
    let web = web.clone();
    let thread = std::thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let app = Router::new().merge(web.router());
            let shutdown = async move {
                signaled.await.ok();
                web.close();
            };
            axum::serve(listener, app).with_graceful_shutdown(shutdown).await.unwrap();
        });
    });
    (receive.recv().unwrap(), signal, thread)
}

#[test]
fn a_shutdown_ends_while_a_job_is_followed() {
    let (tracker, job) = (Tracker::new(), Job::new("endless"));
    tracker.track(&job);
    let _task = running(&job, "task");
    let web = Web::new(&tracker);
    let (address, signal, server) = application(&web);
    let mut clients: Vec<_> = (0..3).map(|_| follow(address, job.id(), None).events()).collect();
    clients.iter_mut().for_each(|client| assert!(client.next().is_some()));
    signal.send(()).unwrap();
    within(move || {
        server.join().unwrap();
        // Their streams ended in the right way, and they come again.
        clients.into_iter().for_each(|mut client| while client.next().is_some() {});
    });
    assert!(!job.is_ended() && web.is_closed());
}

#[test]
fn a_shutdown_ends_though_a_client_does_not_read() {
    within(|| {
        let (tracker, job) = (Tracker::new(), Job::new("large"));
        tracker.track(&job);
        let _task = running(&job, "task");
        // More than the system keeps for a connection.
        let name = "x".repeat(1 << 20);
        for _ in 0..40 {
            job.add_blocking(name.as_str(), |_cx| Ok(())).unwrap();
        }
        let web = Web::new(&tracker);
        let (address, signal, server) = application(&web);
        let client = follow(address, job.id(), None).events();
        signal.send(()).unwrap();
        server.join().unwrap();
        drop(client);
    });
}

#[test]
fn once_closed_it_starts_no_streams_and_answers_all_else() {
    let (tracker, job) = (Tracker::new(), Job::new("job"));
    tracker.track(&job);
    let web = Web::new(&tracker);
    let address = common::http::serve_router(web.router());
    web.close();
    web.close();
    let answer = follow(address, job.id(), None);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    assert!(answer.error().contains("shuts down"));
    assert_eq!(get(address, "/jobs").status, 200);
}

#[test]
fn a_server_alone_ends_when_it_is_closed() {
    let (tracker, job) = (Tracker::new(), Job::new("job"));
    tracker.track(&job);
    let _task = running(&job, "task");
    let web = Web::new(&tracker);
    let (address, server) = serve_alone(&web);
    let mut client = follow(address, job.id(), None).events();
    assert!(client.next().is_some());
    web.close();
    within(move || {
        server.join().unwrap();
        while client.next().is_some() {}
    });
}

#[test]
fn a_server_alone_ends_though_requests_never_do() {
    let manual = ManualClock::new();
    let web = Web::new(&Tracker::builder().clock(manual.clock()).build());
    let (address, server) = serve_alone(&web);
    let head = "HTTP/1.1\r\nHost: localhost\r\n";
    let halves = [
        format!("GET /jobs {head}"),
        format!("POST /jobs/x/cancel {head}Content-Length: 10\r\n\r\n1"),
    ];
    let stalled = halves.map(|half| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(half.as_bytes()).unwrap();
        client
    });
    // Those before it have been read.
    assert_eq!(get(address, "/jobs").status, 200);
    web.close();
    within(move || {
        while !server.is_finished() {
            manual.advance(Duration::from_secs(1));
            std::thread::yield_now();
        }
        server.join().unwrap();
        // Their connections are gone with the runtime.
        stalled.into_iter().for_each(|mut client| drop(client.read_to_end(&mut Vec::new())));
    });
}
