//! What is read from paths, queries and headers, each wrong one with a message. Knows no tracker.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};

use super::error::Problem;
use crate::model::{JobId, TaskId};

/// A query's parameters, in order.
pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// A path's parts.
pub(super) type Parts<T> = Result<Path<T>, PathRejection>;

pub(super) fn pairs(query: Pairs) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = query.map_err(|error| Problem::bad(error.body_text()))?;
    Ok(pairs)
}

pub(super) fn parts<T>(path: Parts<T>) -> Result<T, Problem> {
    let Path(parts) = path.map_err(|error| Problem::bad(error.body_text()))?;
    Ok(parts)
}

pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|_| {
        let text = shortened(text);
        Problem::bad(format!(
            "{text:?} is no job id: expected a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057, as in GET /jobs"
        ))
    })
}

pub(super) fn task_id(text: &str) -> Result<TaskId, Problem> {
    Ok(TaskId::new(number("a task", text)?))
}

pub(super) fn number<T: FromStr>(what: &str, text: &str) -> Result<T, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    let text = shortened(text);
    number.ok_or_else(|| Problem::bad(format!("{what} is a whole number, which {text:?} is not")))
}

/// A parameter that there is none of.
pub(super) fn unknown(name: &str, known: &str) -> Problem {
    let name = shortened(name);
    Problem::bad(format!("there is no parameter {name:?} here: there are {known}"))
}

/// The one of `all` that is written so.
pub(super) fn one_of<T: Copy + Display>(what: &str, text: &str, all: &[T]) -> Result<T, Problem> {
    all.iter().find(|one| one.to_string() == text).copied().ok_or_else(|| {
        let all: Vec<String> = all.iter().map(T::to_string).collect();
        let text = shortened(text);
        Problem::bad(format!("{text:?} is no {what}: there are {}", all.join(", ")))
    })
}

/// What was sent, to be quoted in an answer.
fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text.to_owned(),
    }
}
