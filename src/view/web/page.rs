//! The page: one file, with a policy that lets nothing else in. Knows no job.

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::Web;

const PAGE: &str = include_str!("page.html");

const NO_SNIFF: HeaderName = header::X_CONTENT_TYPE_OPTIONS;

/// The page, with a number of its own that the browser knows its script and style by.
pub(super) async fn page(State(web): State<Web>) -> Response {
    let nonce = Uuid::new_v4().simple().to_string();
    let control = if web.hub().settings.token.is_some() { "on" } else { "off" };
    let page = PAGE.replace("__NONCE__", &nonce).replace("__CONTROL__", control);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (NO_SNIFF, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, page).into_response()
}
