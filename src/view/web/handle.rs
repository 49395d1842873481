//! [`Web`]: the handle that an application mounts, and its settings. Knows no route.

use std::fmt;
use std::sync::Arc;

use axum::Router;

use super::hub::{Hub, Settings};
use super::routes;
use crate::tracker::Tracker;

const MAX_CLIENTS: usize = 10_000;

/// The jobs of a [`Tracker`] over HTTP: a cheap clone.
///
/// ```
/// use axum::Router;
/// use milepost::Tracker;
/// use milepost::view::web::Web;
///
/// let tracker = Tracker::new();
/// let web = Web::new(&tracker);
/// let app: Router = Router::new().nest("/jobs-ui", web.router());
/// // As the server shuts down: without it, those who follow a job would keep it from its end.
/// web.close();
/// ```
///
/// Whoever reaches the routes sees all jobs: names, messages, errors and published outputs. An application that has users puts
/// its own check before them, as a layer.
#[derive(Clone)]
pub struct Web {
    hub: Arc<Hub>,
}

impl Web {
    /// With the default settings: jobs are shown, and can't be changed.
    pub fn new(tracker: &Tracker) -> Web {
        Web::builder(tracker).make()
    }

    /// Makes one with settings.
    pub fn builder(tracker: &Tracker) -> WebBuilder {
        WebBuilder {
            tracker: tracker.clone(),
            token: None,
            origins: Vec::new(),
            max_clients: MAX_CLIENTS,
            local_hosts_only: false,
        }
    }

    /// The routes, to be nested at a path of an application or merged into it. There may be several routers of one `Web`.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// Ends all streams of events, and takes no new ones: to be called as a graceful shutdown begins, which waits for them else.
    /// Clients that have not read what they were sent lose their connections. All come again after a second,
    /// to whichever server is there then. May be called again.
    pub fn close(&self) {
        self.hub.close();
    }

    /// Waits until nobody reads events: after the end of the last job, those who have read it to its end are gone. For programs that
    /// end with their jobs; bound it by a timeout, as who doesn't read stays.
    ///
    /// Cancel safe.
    pub async fn without_clients(&self) {
        self.hub.without_clients().await;
    }

    /// Whether [`close`](Web::close) was called.
    pub fn is_closed(&self) -> bool {
        self.hub.is_closed()
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Web")
    }
}

/// Makes a [`Web`] with settings; see [`Web::builder`].
///
/// ```
/// use milepost::Tracker;
/// use milepost::view::web::Web;
///
/// let web = Web::builder(&Tracker::new())
///     .control("a-long-random-text-that-nobody-guesses")
///     .max_clients(100)
///     .build()?;
/// # drop(web);
/// let error = Web::builder(&Tracker::new()).control(" ").build().unwrap_err();
/// assert!(error.to_string().contains("blank"));
/// # Ok::<(), milepost::view::web::WebBuildError>(())
/// ```
#[must_use = "a web is made by build"]
pub struct WebBuilder {
    tracker: Tracker,
    token: Option<String>,
    origins: Vec<String>,
    max_clients: usize,
    local_hosts_only: bool,
}

impl WebBuilder {
    /// Lets whoever sends this token, as `Authorization: Bearer <token>`, cancel, hold, release, suspend and resume jobs and tasks.
    /// Nobody can unless it is set. Choose a long random one: how often one may guess is not limited.
    pub fn control(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Also lets pages of another origin, such as `https://example.org`, send what needs the token; may be called for several.
    /// Pages of the same host may without.
    pub fn allow_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// How many clients may read events at a time: 10,000 unless set. Others are told to come again later.
    pub fn max_clients(mut self, n: usize) -> Self {
        self.max_clients = n;
        self
    }

    /// Refuses whoever reaches the server by another name than `localhost` or an address: for servers that are meant for their
    /// own machine, where a page from elsewhere could have its name lead. [`Web::bind`] does so on loopback addresses.
    pub fn local_hosts_only(mut self) -> Self {
        self.local_hosts_only = true;
        self
    }

    /// Makes it.
    ///
    /// # Errors
    /// The token is blank, or could not be sent in a header.
    pub fn build(self) -> Result<Web, WebBuildError> {
        if let Some(token) = &self.token {
            if token.trim().is_empty() {
                return Err(WebBuildError::BlankToken);
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(WebBuildError::UnsendableToken);
            }
        }
        Ok(self.make())
    }

    fn make(self) -> Web {
        let WebBuilder { tracker, token, origins, max_clients, local_hosts_only } = self;
        let settings = Settings { token, origins, max_clients, local_hosts_only };
        Web { hub: Hub::new(tracker, settings) }
    }
}

impl fmt::Debug for WebBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token is nobody's to read.
        f.debug_struct("WebBuilder")
            .field("control", &self.token.is_some())
            .field("max_clients", &self.max_clients)
            .finish_non_exhaustive()
    }
}

/// A [`Web`] can't be made as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebBuildError {
    /// The token is empty or blank: whoever comes would hold it.
    BlankToken,
    /// The token has characters that a header can't have.
    UnsendableToken,
}

impl fmt::Display for WebBuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WebBuildError::BlankToken => {
                "the token is blank, and whoever comes would hold it: choose a long random one, or leave control off"
            }
            WebBuildError::UnsendableToken => {
                "the token has characters that can't be sent in a header: choose one of ASCII letters, digits and signs, without spaces"
            }
        })
    }
}

impl std::error::Error for WebBuildError {}
