//! Knows all jobs of a process and answers for them, also for a while after their end.
//!
//! [`Tracker`] is a value, not a global: an application makes one, gives its jobs to it ([`Tracker::track`], or
//! [`Tracker::scheduler`] for all that are submitted), and asks it: [`get`](Tracker::get), [`query`](Tracker::query),
//! [`summary`](Tracker::summary). [`events`](Tracker::events) are those of all its jobs. The guide is `docs/tracker.md`.
//!
//! Invariants, cited where they are kept:
//! - **T1** A change of a job's state is *marked* in the job's own critical section, and every question applies all marks before
//!   it looks. So whoever has seen a job in a state finds it by that state: nothing waits for an event to arrive.
//! - **T2** Of a live job, what is answered is read from the job as it is asked for. Of one that has ended, it is a record,
//!   which nothing changes any more.
//! - **T3** Locks are taken in this order: the audience's, then either a job's or the index's, never both, then the marks'. So no
//!   question waits for a job while it has the index, and a job never waits for a question.
//! - **T4** No user code runs under any of them: jobs, streams and records are dropped, and wakers called, after.
//! - **T5** A live job is not kept: the index has a `Weak` of it. From its end on it is kept until its record is made.
//! - **T6** The ended are let go of in the order of their ends, so that one queue serves retention and limits, and one timer
//!   is enough. There is none while nothing is to expire.
//! - **T7** A job is announced under the audience's lock, and a feed is made under it: each feed has each job once, from a job's
//!   first event on.

mod audience;
mod feed;
mod handle;
mod index;
mod marks;
mod pages;
mod query;
mod record;
mod shared;
mod summary;
mod tombs;
mod unknown;

pub use feed::TrackedEvents;
pub use handle::{Tracker, TrackerBuilder};
pub use query::{Order, Query};
pub use record::{Field, JobRecord};
pub use summary::Summary;
pub use unknown::{Limit, UnknownJob};
