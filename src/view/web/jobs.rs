//! `GET /jobs` and `GET /jobs/{id}`: what the tracker knows. Knows no streams.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::Web;
use super::error::{Problem, json};
use super::params::{Pairs, Parts, job_id, number, one_of, pairs, parts, unknown};
use crate::model::{JobState, TaskState};
use crate::tracker::{JobRecord, Order, Query, Summary};

const JOBS: usize = 100;
const MOST_JOBS: usize = 1_000;
const TASKS: usize = 10_000;
const MOST_TASKS: usize = 100_000;

#[derive(Serialize)]
struct Jobs {
    jobs: Vec<JobRecord>,
    summary: Summary,
}

/// Jobs that are asked for, and how many there are in each state among those that have the name.
pub(super) async fn list(State(web): State<Web>, query: Pairs) -> Result<Response, Problem> {
    let (mut states, mut of_name) = (Vec::new(), Query::new());
    let (mut limit, mut order) = (JOBS, Order::NewestFirst);
    for (name, value) in pairs(query)? {
        match &*name {
            "state" => states.push(one_of("state of a job", &value, &JobState::ALL)?),
            "name" => of_name = of_name.name(&value),
            "limit" => limit = at_most("limit", &value, MOST_JOBS)?,
            "order" => {
                order = match one_of("order", &value, &["newest", "oldest"])? {
                    "oldest" => Order::OldestFirst,
                    _ => Order::NewestFirst,
                };
            }
            _ => return Err(unknown(&name, "state, name, limit and order")),
        }
    }
    let tracker = &web.hub().tracker;
    let summary = tracker.summary(&of_name);
    let wanted = if states.is_empty() { of_name } else { of_name.states(states) };
    let jobs = tracker.query(&wanted.limit(limit).order(order));
    Ok(json(StatusCode::OK, &Jobs { jobs, summary }))
}

/// A job, with the tasks that are asked for.
pub(super) async fn one(
    State(web): State<Web>,
    path: Parts<String>,
    query: Pairs,
) -> Result<Response, Problem> {
    let job = job_id(&parts(path)?)?;
    let (mut states, mut skip, mut take) = (Vec::new(), 0, TASKS);
    for (name, value) in pairs(query)? {
        match (&*name, &*value) {
            ("tasks", "none") => states.clear(),
            ("tasks", "all") => states.extend(TaskState::ALL),
            ("tasks", some) => {
                for state in some.split(',') {
                    states.push(one_of("state of a task", state, &TaskState::ALL)?);
                }
            }
            ("offset", value) => skip = number("offset", value)?,
            ("limit", value) => take = at_most("limit", value, MOST_TASKS)?,
            _ => return Err(unknown(&name, "tasks, offset and limit")),
        }
    }
    let tracker = &web.hub().tracker;
    let mut query = Query::new().ids([job]);
    if !states.is_empty() {
        query = query.with_tasks_in(states).task_page(skip, take);
    }
    let record = match tracker.query(&query).pop() {
        Some(record) => record,
        // It says why the job is not known.
        None => tracker.get(job).map_err(Problem::not_found)?,
    };
    Ok(json(StatusCode::OK, &record))
}

fn at_most(what: &str, text: &str, most: usize) -> Result<usize, Problem> {
    let n = number(what, text)?;
    if n > most {
        return Err(Problem::bad(format!("{what} is {n}, and may be {most} at most")));
    }
    Ok(n)
}
