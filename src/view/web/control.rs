//! `POST /jobs/{id}/{verb}`: the verbs of those who manage jobs, for those who hold the token (W7).

use std::fmt::Display;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Web;
use super::error::{Problem, json};
use super::guard::may_control;
use super::params::{Pairs, Parts, job_id, pairs, parts, task_id, unknown};
use crate::job::{ControlError, Controlled, Job};
use crate::model::{JobId, TaskId};
use crate::tracker::UnknownJob;

/// How many bytes a request may bring along.
pub(super) const LONGEST_BODY: usize = 16 << 10;

/// What can be asked of a job and of a task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb {
    Cancel,
    Hold,
    Release,
    Suspend,
    Resume,
}

/// What comes with a request.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    message: String,
}

#[derive(Serialize)]
struct Answer {
    /// How many tasks it was asked of.
    asked: usize,
    /// Those of them that go on.
    refused: Vec<TaskId>,
}

impl Verb {
    pub(super) const ALL: [Verb; 5] =
        [Verb::Cancel, Verb::Hold, Verb::Release, Verb::Suspend, Verb::Resume];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verb::Cancel => "cancel",
            Verb::Hold => "hold",
            Verb::Release => "release",
            Verb::Suspend => "suspend",
            Verb::Resume => "resume",
        }
    }

    fn of_job(self, job: &Job, message: String) -> Controlled {
        match self {
            Verb::Cancel => {
                let counts = job.counts();
                job.cancel(message);
                Controlled { asked: counts.total() - counts.ended(), refused: Vec::new() }
            }
            Verb::Hold => job.hold(message),
            Verb::Release => job.release(message),
            Verb::Suspend => job.suspend(message),
            Verb::Resume => job.resume(message),
        }
    }

    fn of_task(self, job: &Job, task: TaskId, message: String) -> Result<(), Problem> {
        let done = match self {
            Verb::Cancel => {
                let there = job.task_snapshot(task).map_err(Problem::not_found)?;
                if there.state.is_terminal() {
                    let (name, state) = (there.name, there.state);
                    return Err(Problem::conflict(ControlError::Over { task, name, state }));
                }
                job.cancel_task(task, message).map_err(ControlError::NoSuchTask)
            }
            Verb::Hold => job.hold_task(task, message),
            Verb::Release => job.release_task(task, message),
            Verb::Suspend => job.suspend_task(task, message),
            Verb::Resume => job.resume_task(task, message),
        };
        done.map_err(|error| match error {
            ControlError::NoSuchTask(error) => Problem::not_found(error),
            error => Problem::conflict(error),
        })
    }
}

/// What every verb's request brings.
pub(super) struct Asked {
    pub(super) web: State<Web>,
    pub(super) headers: HeaderMap,
    pub(super) query: Pairs,
    pub(super) body: Result<Bytes, BytesRejection>,
}

impl Asked {
    /// The message, of one who may.
    fn message(self) -> Result<(Web, String), Problem> {
        let Asked { web: State(web), headers, query, body } = self;
        may_control(&web.hub().settings, &headers)?;
        let body = body.map_err(|error| Problem::new(error.status(), error.body_text()))?;
        let mut request = Request::default();
        let wrong = |what: &dyn Display| {
            Problem::bad(format!("the body is no {{\"message\": \"..\"}}: {what}"))
        };
        match body.trim_ascii().first() {
            None => {}
            // A list would pass for an object, its parts in order.
            Some(b'{') => {
                request = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
            }
            Some(_) => return Err(wrong(&"it is no object")),
        }
        for (name, value) in pairs(query)? {
            match &*name {
                "message" => request.message = value,
                _ => return Err(unknown(&name, "message")),
            }
        }
        Ok((web, request.message))
    }
}

pub(super) async fn of_job(
    verb: Verb,
    path: Parts<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (web, message) = asked.message()?;
    let job = live(&web, job_id(&parts(path)?)?)?;
    let Controlled { asked, refused } = verb.of_job(&job, message);
    Ok(json(StatusCode::ACCEPTED, &Answer { asked, refused }))
}

pub(super) async fn of_task(
    verb: Verb,
    path: Parts<(String, String)>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (web, message) = asked.message()?;
    let (job, task) = parts(path)?;
    let (job, task) = (job_id(&job)?, task_id(&task)?);
    let job = live(&web, job)?;
    verb.of_task(&job, task, message)?;
    Ok(json(StatusCode::ACCEPTED, &Answer { asked: 1, refused: Vec::new() }))
}

fn live(web: &Web, job: JobId) -> Result<Job, Problem> {
    web.hub().tracker.job(job).map_err(|error| match error {
        UnknownJob::Ended { .. } => {
            Problem::conflict(format!("job {job} has ended, nothing can be asked of it any more"))
        }
        error => Problem::not_found(error),
    })
}
