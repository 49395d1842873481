//! The web page of a job that runs: served from a thread of its own until the job has ended. Knows no route.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::future::select;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::args::PageArgs;
use super::exit::UsageError;
use crate::base::{Clock, block_on};
use crate::job::Job;
use crate::tracker::Tracker;
use crate::view::web::{Server, Web};

/// How long those who watch may take to read the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many connections there may be: commands need open files too.
const CONNECTIONS: usize = 100;

/// A page that is served.
pub(super) struct Page {
    web: Web,
    address: SocketAddr,
    token: Option<String>,
    thread: JoinHandle<()>,
}

impl Page {
    /// Serves a page of the job, if one is asked for.
    ///
    /// # Errors
    /// There is no such address, or it is taken.
    pub(super) fn open(args: &PageArgs, job: &Job) -> Result<Option<Page>, UsageError> {
        let Some(address) = &args.web else { return Ok(None) };
        let named =
            |error: &dyn std::error::Error| UsageError::of(&format!("--web {address}"), error);
        let tracker = Tracker::new();
        tracker.track(job);
        let token = args.web_control.then(|| Uuid::new_v4().simple().to_string());
        let mut builder = Web::builder(&tracker);
        if let Some(token) = &token {
            builder = builder.control(token);
        }
        let web = builder.build().map_err(|error| named(&error))?;
        // Its timers are for a server that runs out of files.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| named(&error))?;
        let server = bind(&runtime, &web, address).map_err(|error| named(&error))?;
        let server = server.max_connections(CONNECTIONS);
        let address = server.local_addr();
        let serve = move || {
            if let Err(error) = runtime.block_on(server.run()) {
                tracing::warn!(%error, "the page is no longer served");
            }
        };
        let thread = std::thread::Builder::new().name("milepost-web".into()).spawn(serve);
        let thread = thread.map_err(|error| named(&error))?;
        Ok(Some(Page { web, address, token, thread }))
    }

    /// What people are to be told.
    pub(super) fn lines(&self) -> Vec<String> {
        let token = self.token.as_ref().map(|token| format!("#token={token}"));
        let mut lines =
            vec![format!("milepost: http://{}/{}", self.address, token.unwrap_or_default())];
        if !self.address.ip().is_loopback() {
            lines.push("milepost: whoever reaches that address sees the commands".to_owned());
        }
        lines
    }

    /// The job has ended: lets those who watch read that, and goes.
    pub(super) fn close(self) {
        let clock = Clock::system();
        if let Some(at) = clock.after(PATIENCE) {
            let (read, patience) = (pin!(self.web.without_clients()), clock.sleep_until(at));
            block_on(select(read, patience));
        }
        self.web.close();
        // It has nobody to wait for any more.
        let _ = self.thread.join();
    }
}

fn bind(runtime: &Runtime, web: &Web, address: &str) -> io::Result<Server> {
    // A port alone is one of this machine's own.
    let port = address.strip_prefix(':').unwrap_or(address).parse::<u16>();
    let addresses: Vec<SocketAddr> = match port {
        Ok(port) => vec![SocketAddr::from(([127, 0, 0, 1], port))],
        Err(_) => address.to_socket_addrs().map_err(|error| no_address(&error))?.collect(),
    };
    runtime.block_on(web.bind(&*addresses))
}

fn no_address(error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "{error}: give an address with its port, such as 127.0.0.1:8080 or [::1]:8080, or a port alone"
    ))
}
