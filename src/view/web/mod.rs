//! Jobs over HTTP: a page for people, JSON and server-sent events for programs, and the verbs of those who manage jobs.
//!
//! [`Web`] makes an [`axum::Router`] over a [`Tracker`](crate::Tracker), to be mounted in an application of one's own
//! ([`Web::router`]) or served alone ([`Web::bind`]). It shows jobs to whoever reaches it; to change them is off until a
//! [token](WebBuilder::control) is set. The guide, with all routes, is `docs/web.md`.
//!
//! Invariants, cited where they are kept:
//! - **W1** The events of a job are read and encoded once for all of its clients, by its *pump*, and shared as *chunks*, which
//!   consist of whole messages. The last few are kept in a *ring*.
//! - **W2** A client that is not on the ring *catches up*: it reads lifecycle events in batches, which are shared too, up to the
//!   last one that the ring has had, and goes on with what the ring gets next. The end of the ring is looked up
//!   before it reads, so that nothing is lost; it reads no further, so that nothing comes twice.
//! - **W3** With the place on the ring, a client is given the progress of that moment, which the pump keeps up with the ring. So
//!   no progress comes before its task or after its task's end.
//! - **W4** A client has one chunk under way at most, and no stream. One that doesn't read keeps no other memory, no history,
//!   and nobody waiting.
//! - **W5** What is sent to all clients together has a rate, so that they take a small part of the machine however much there is
//!   to tell. Pumps rest after a chunk until it is through, and so do those who catch up. Then clients lag; they lose nothing.
//! - **W6** A job is kept from its first client on until some time after its end, or after its last client has gone: who was
//!   disconnected gets the rest. Those who have not read it all by then are told to load the job again.
//! - **W7** What doesn't hold a token changes nothing; what is asked for wrongly gets an answer that says so, and never a panic.

mod catch_up;
mod client;
mod control;
mod credit;
mod error;
mod events;
mod frames;
mod guard;
mod handle;
mod hub;
mod jobs;
mod pace;
mod page;
mod params;
mod places;
mod present;
mod pump;
mod ring;
mod room;
mod routes;
mod serve;

pub use handle::{Web, WebBuildError, WebBuilder};
pub use serve::Server;
