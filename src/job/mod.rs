//! Jobs and tasks: what is added, who may change its state, and how it is waited for.
//!
//! Invariants, cited where they are kept:
//! - **J1** Only the ledger changes a state, by the transition table; the change and its event are one critical section.
//! - **J2** No user code runs in that section: closures, wakers, drops and calls of a scheduler are put off as
//!   [`Effects`](effects::Effects) and run after it.
//! - **J3** An attempt's outcome counts only while the attempt is the task's present one and not over.
//! - **J4** A task that ends publishes its last progress first, then its terminal state, then its completion; the last
//!   task's completion is followed by the job's.

mod alarm;
mod builder;
mod callbacks;
mod child;
mod context;
mod control;
pub(crate) mod core;
mod current;
mod effects;
mod environment;
mod environments;
mod error;
mod feed;
mod guard;
mod handle;
mod ledger;
mod lineage;
mod observation;
mod observed;
mod open;
mod options;
mod outputs;
mod parked;
mod prepare;
mod reporter;
mod resting;
mod retry;
mod run;
mod scheduler;
mod subscribe;
mod task;
mod task_error;
mod task_handle;
mod wait;
#[allow(dead_code, reason = "only features watch")]
pub(crate) mod watch;
mod work;

pub use builder::{History, JobBuilder};
pub use callbacks::Subscription;
#[allow(unused_imports, reason = "only features have callbacks of their own")]
pub(crate) use callbacks::subscribe;
pub use child::{Child, ChildError};
pub use context::{PublishError, TaskContext};
pub use control::Controlled;
pub use environment::{Environment, NoEnvironment};
pub use environments::Environments;
pub use error::{
    AddError, BuildError, ControlError, NoSuchTask, SubmitError, TransitionError, WouldDeadlock,
};
pub use guard::CancelOnDrop;
pub use handle::Job;
pub use observation::Observation;
pub use observed::ObservedScheduler;
#[allow(unused_imports, reason = "only features observe")]
pub(crate) use observed::Observer;
pub use open::OpenJob;
pub use outputs::{Outputs, TaskOutput};
pub use reporter::TaskReporter;
pub use retry::Retry;
#[allow(unused_imports, reason = "only the local scheduler asks for it, which is a feature")]
pub(crate) use run::StillFirst;
pub use run::{RunError, TaskRun};
#[allow(unused_imports, reason = "only the local scheduler asks for it, which is a feature")]
pub(crate) use scheduler::QueueKey;
pub use scheduler::{Rest, Scheduler, TaskQueue};
pub use task::{NewTask, Task, TaskBuilder};
pub use task_error::TaskError;
pub use task_handle::TaskHandle;
pub use wait::{JobFailed, JobSummary, Tick, Wait, WaitEnd};
