//! `GET /jobs/{id}/events`: who may have a job's events, and from where on. Knows not how they are sent.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Web;
use super::client::Client;
use super::error::Problem;
use super::hub::{Hub, NoPlace};
use super::params::{Pairs, Parts, job_id, number, pairs, parts, unknown};
use super::room::Reach;
use crate::model::JobId;

/// What a client that comes again has had last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// For proxies that would keep what is sent until it is much.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The job's events after the one that the client names, until the job has ended.
pub(super) async fn events(
    State(web): State<Web>,
    method: Method,
    path: Parts<String>,
    query: Pairs,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = job_id(&parts(path)?)?;
    let pos = position(query, &headers)?;
    let hub = web.hub();
    let Some(room) = hub.room(job).map_err(Problem::not_found)? else {
        return of_record(hub, job, pos);
    };
    let Reach { last_seq, first_seq, ended } = room.reach();
    check(job, pos, last_seq)?;
    if ended && pos == last_seq {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if pos + 1 < first_seq {
        return Err(gone(job, "as the job keeps only what is unread (`History::Unread`)"));
    }
    if method == Method::HEAD {
        return Ok(streaming(Body::empty()));
    }
    let attached = hub.attach(room).map_err(no_place)?;
    Ok(streaming(Body::from_stream(Client::new(attached, pos))))
}

fn position(query: Pairs, headers: &HeaderMap) -> Result<u64, Problem> {
    let mut pos = 0;
    for (name, value) in pairs(query)? {
        match &*name {
            "after" => pos = number("after", &value)?,
            _ => return Err(unknown(&name, "after")),
        }
    }
    // A browser comes again to the same address: what it has had since counts.
    if let Some(last) = headers.get(LAST_EVENT_ID) {
        let last = String::from_utf8_lossy(last.as_bytes());
        pos = number("Last-Event-ID", &last)?;
    }
    Ok(pos)
}

/// The job has ended, and is not here any more.
fn of_record(hub: &Hub, job: JobId, pos: u64) -> Result<Response, Problem> {
    let record = hub.tracker.get(job).map_err(Problem::not_found)?;
    let last_seq = record.seq.unwrap_or_default();
    check(job, pos, last_seq)?;
    if pos == last_seq {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(gone(job, "as it has ended, and only a record of it is left"))
}

fn check(job: JobId, pos: u64, last_seq: u64) -> Result<(), Problem> {
    if pos > last_seq {
        return Err(Problem::bad(format!(
            "there is no event {pos} of job {job}, of which the last one is {last_seq}: it can't have been seen"
        )));
    }
    Ok(())
}

fn gone(job: JobId, why: &str) -> Problem {
    Problem::new(
        StatusCode::GONE,
        format!(
            "the next events of job {job} are no longer retained, {why}: load GET /jobs/{job} and go on after its `seq`"
        ),
    )
}

fn no_place(no_place: NoPlace) -> Problem {
    let message = match no_place {
        NoPlace::Closed => "the server shuts down, come again later".to_owned(),
        NoPlace::Full(most) => {
            format!(
                "{most} clients read events already, as many as may (`WebBuilder::max_clients`)"
            )
        }
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message).with(header::RETRY_AFTER, "5")
}

fn streaming(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (BUFFERING, "no"),
    ];
    (headers, body).into_response()
}
