//! [`Server`]: a [`Web`] on its own. Knows no route.

use std::fmt;
use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::net::{TcpListener, ToSocketAddrs};

use super::Web;
use super::guard::only_local_names;
use super::places::Places;
use super::routes::no_route;

/// How long requests that are under way may take once the `Web` is closed.
const PATIENCE: Duration = Duration::from_secs(3);

impl Web {
    /// Binds to an address, such as `127.0.0.1:8080`, to be served there alone. On a loopback address, who reaches it by
    /// another name than `localhost` or an address is refused; see
    /// [`local_hosts_only`](super::WebBuilder::local_hosts_only). Elsewhere, whoever reaches it sees all jobs.
    ///
    /// # Errors
    /// The address can't be bound to.
    ///
    /// # Panics
    /// Outside of a tokio runtime. Its timers are needed too, once there are more connections than files may be open: make it
    /// with `enable_all`.
    ///
    /// ```
    /// use milepost::Tracker;
    /// use milepost::view::web::Web;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let web = Web::new(&Tracker::new());
    /// let server = web.bind("127.0.0.1:0").await?;
    /// println!("http://{}/", server.local_addr());
    /// let serving = tokio::spawn(server.run());
    /// web.close();
    /// serving.await??;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn bind(&self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Server { web: self.clone(), listener, address, max_connections: usize::MAX })
    }
}

/// A [`Web`] that is bound to an address.
pub struct Server {
    web: Web,
    listener: TcpListener,
    address: SocketAddr,
    max_connections: usize,
}

impl Server {
    /// How many connections there may be at a time, whatever they are for: any number unless set. Others wait until there is
    /// a place. For programs that need their open files for something else.
    ///
    /// ```
    /// # use milepost::{Tracker, view::web::Web};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let server = Web::new(&Tracker::new()).bind("127.0.0.1:0").await?.max_connections(100);
    /// # drop(server);
    /// # Ok::<(), std::io::Error>(())
    /// # })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn max_connections(mut self, n: usize) -> Self {
        self.max_connections = n;
        self
    }

    /// Where it is.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the `Web` is [closed](Web::close), and then what is under way, for three seconds at most: a request of which
    /// only a part comes keeps nobody. Its connection ends with the runtime. If this is dropped, nobody new is let in, and those
    /// who are there are served until the `Web` is closed.
    ///
    /// # Errors
    /// The system doesn't let it serve.
    pub async fn run(self) -> io::Result<()> {
        let Server { web, listener, address, max_connections } = self;
        let mut router = web.router().fallback(no_route);
        if address.ip().is_loopback() {
            router = router.layer(axum::middleware::from_fn(only_local_names));
        }
        let listener = Places::new(listener, max_connections);
        let closed = web.clone();
        let closed = async move { closed.hub().closed().await };
        let serving = axum::serve(listener, router).with_graceful_shutdown(closed).into_future();
        let too_late = async {
            web.hub().closed().await;
            let clock = web.hub().tracker.clock();
            if let Some(at) = clock.after(PATIENCE) {
                clock.sleep_until(at).await;
            }
        };
        match select(pin!(serving), pin!(too_late)).await {
            Either::Left((served, _)) => served,
            Either::Right(((), _)) => Ok(()),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.address)
    }
}
