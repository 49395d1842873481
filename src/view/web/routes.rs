//! Which handler has which route. Knows nothing else.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::from_fn;
use axum::routing::{get, post};

use super::control::{Asked, LONGEST_BODY, Verb};
use super::error::Problem;
use super::params::{Pairs, Parts};
use super::{Web, control, events, guard, jobs, page};

/// All routes. There is no fallback: who merges it into a router of one's own may have one.
pub(super) fn router(web: &Web) -> Router {
    let mut router = Router::new()
        .route("/", get(page::page))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job}", get(jobs::one))
        .route("/jobs/{job}/events", get(events::events));
    for verb in Verb::ALL {
        let of_job = move |web: State<Web>,
                           path: Parts<String>,
                           query: Pairs,
                           headers: HeaderMap,
                           body: Result<Bytes, BytesRejection>| {
            control::of_job(verb, path, Asked { web, headers, query, body })
        };
        let of_task = move |web: State<Web>,
                            path: Parts<(String, String)>,
                            query: Pairs,
                            headers: HeaderMap,
                            body: Result<Bytes, BytesRejection>| {
            control::of_task(verb, path, Asked { web, headers, query, body })
        };
        let verb = verb.as_str();
        router = router
            .route(&format!("/jobs/{{job}}/{verb}"), post(of_job))
            .route(&format!("/jobs/{{job}}/tasks/{{task}}/{verb}"), post(of_task));
    }
    let router = router
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(web.clone());
    if web.hub().settings.local_hosts_only {
        return router.layer(from_fn(guard::only_local_names));
    }
    router
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path = uri.path();
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} is not asked for by {method}"))
}

pub(super) async fn no_route(uri: Uri) -> Problem {
    let path = uri.path();
    Problem::not_found(format!(
        "there is nothing at {path}: there are /, /jobs, /jobs/{{id}} and /jobs/{{id}}/events"
    ))
}
