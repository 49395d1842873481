//! [`LocalScheduler`]: runs tasks in this process, on tokio; the only part that needs it.

mod local;
mod shutdown;
mod worker;

pub use local::LocalScheduler;
pub use shutdown::{Shutdown, ShutdownReport};
