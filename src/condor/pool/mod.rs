//! A pool by its command-line tools: jobs are submitted, asked for and acted upon, and tracked by their log and their queue
//! together. Only `process` starts processes, and it knows no HTCondor; the other files say what the tools are to be given and
//! read what they print.

mod action;
mod ask;
mod batches;
mod call;
mod cancel;
mod driver;
mod error;
mod handle;
mod job_ad;
mod poll;
mod process;
mod query;
mod reconcile;
mod status;
mod submit;
mod summary;
mod told;
mod tool;
mod tracking;
mod which;

pub use action::{Acted, Action, Done};
pub use call::Call;
pub use error::PoolError;
pub use handle::Pool;
pub use job_ad::JobAd;
pub use query::Query;
pub use status::JobStatus;
pub use submit::{JobRange, Submission, Submitted};
pub use summary::Summary;
pub use tracking::{PoolTracking, PoolTrackingBuilder, Tracked};
pub use which::Which;
