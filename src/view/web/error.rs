//! [`Problem`]: an answer that says what is wrong, as JSON. Knows no route.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl ToString) -> Problem {
        Problem { status, message: message.to_string(), header: None }
    }

    pub(super) fn bad(message: impl ToString) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl ToString) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found(message: impl ToString) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn conflict(message: impl ToString) -> Problem {
        Problem::new(StatusCode::CONFLICT, message)
    }

    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Problem {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &Body { error: &self.message });
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// An answer in JSON, which nobody keeps: the next moment it is another one.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match serde_json::to_vec(body) {
        Ok(body) => (status, headers, body).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer has no form as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
