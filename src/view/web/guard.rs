//! Who may do what (W7): the token, where a page is from, by which name the server was reached. Knows no job.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::error::Problem;
use super::hub::Settings;

/// Whether a request may change anything.
pub(super) fn may_control(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &settings.token else {
        return Err(Problem::forbidden(
            "jobs are only shown here: whoever runs the server turns control on by `WebBuilder::control`, with a token",
        ));
    };
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.split_once(' '));
    let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let right = |sent: &str| bool::from(sent.trim().as_bytes().ct_eq(token.as_bytes()));
    if !sent.is_some_and(|(_, sent)| right(sent)) {
        let message =
            "to change a job takes the server's token, as `Authorization: Bearer <token>`";
        let problem = Problem::new(StatusCode::UNAUTHORIZED, message);
        return Err(problem.with(header::WWW_AUTHENTICATE, "Bearer"));
    }
    may_come_from(settings, headers)
}

/// Whether the page that sends the request is one of the server's own, or one that may.
fn may_come_from(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = host.is_some_and(|host| is_of(origin, host));
    let allowed = || settings.origins.iter().any(|one| one.eq_ignore_ascii_case(origin));
    if own || allowed() {
        return Ok(());
    }
    Err(Problem::forbidden(
        "pages of another origin change nothing here: whoever runs the server allows them by `WebBuilder::allow_origin`",
    ))
}

/// Whether an origin, such as `https://example.org`, is a page of the host, such as `example.org`. Ports that go without saying may
/// be said.
fn is_of(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |name: &str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
    !authority.is_empty() && plain(authority) == plain(host)
}

/// Lets only those in who reached the server by a name that can't be somebody else's: `localhost`, or an address. Else any page
/// could have its own name lead here, and read what is meant for this machine (DNS rebinding).
pub(super) async fn only_local_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().authority().map(|authority| authority.as_str()));
    if !host.is_some_and(is_local_name) {
        let message =
            "this server is for its own machine: reach it as localhost, or by its address";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, message).into_response();
    }
    next.run(request).await
}

fn is_local_name(host: &str) -> bool {
    let has_port = |rest: &str| {
        let port = rest.strip_prefix(':');
        rest.is_empty() || port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, rest)) = rest.split_once(']') else { return false };
        return address.parse::<std::net::Ipv6Addr>().is_ok() && has_port(rest);
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let local =
        name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::Ipv4Addr>().is_ok();
    local && has_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_somebody_elses_are_not_local() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:8080", "10.0.0.7", "[::1]:80", "[::1]"]
        {
            assert!(is_local_name(host), "{host}");
        }
        let others = [
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "localhost:80:80",
            "::1",
            "[::1",
            "",
            "[example.org]",
            "localhost:http",
            ":80",
            "127.1",
            "user@localhost",
        ];
        for host in others {
            assert!(!is_local_name(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_the_hosts_own_if_nothing_differs() {
        for (origin, host) in [
            ("http://example.org", "example.org"),
            ("http://example.org:8080", "example.org:8080"),
            ("https://Example.org", "example.org:443"),
            ("http://example.org:80", "example.org"),
        ] {
            assert!(is_of(origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("null", "example.org"),
            ("", "example.org"),
            ("http://", ""),
            ("file://", "example.org"),
            ("http://example.org.evil.com", "example.org"),
            ("http://evil.com", "example.org"),
            ("http://example.org:81", "example.org"),
            ("http://example.org:443", "example.org"),
        ] {
            assert!(!is_of(origin, host), "{origin} at {host}");
        }
    }
}
