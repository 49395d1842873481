//! [`LocalScheduler`]: runs tasks in this process, on tokio; the only part that needs it.

mod local;
mod places;
mod queues;
mod shutdown;
mod worker;

pub use local::{LocalScheduler, LocalSchedulerBuilder};
pub use shutdown::{Shutdown, ShutdownReport};
