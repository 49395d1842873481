//! Who is told of a job's changes of state in the section that makes them. Knows not what for.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;

use super::core::JobCore;
use crate::base::Empty;
use crate::model::{JobId, JobState, Properties, Timestamp};

/// A job as it was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: JobId,
    pub(crate) name: Arc<str>,
    pub(crate) properties: Properties,
    pub(crate) created_at: Timestamp,
    pub(crate) core: Weak<JobCore>,
}

/// What is told of each change of a job's state *in* the job's critical section, before its event is there: whoever sees a state
/// sees that its watchers were told of it. So none of the methods may take a lock under which jobs are looked at, nor run code of users (J2).
pub(crate) trait Watcher: Send + Sync {
    /// The job is watched from now on; it comes before all else that is told of it. If it has ended already, nothing is.
    fn begins(&self, made: Made, state: JobState, ended_at: Option<Timestamp>);

    /// The job has entered another state. What is returned is woken after the section.
    fn changed(&self, job: &Weak<JobCore>, id: JobId, to: JobState, at: Timestamp)
    -> Option<Waker>;

    /// The job is gone and has not ended: nobody was left who could have ended it. Called outside of all sections.
    fn gone(&self, id: JobId);
}

/// A job's watchers; most have none.
#[derive(Default)]
pub(crate) struct Watchers(pub(super) Vec<Arc<dyn Watcher>>);

impl Empty for Watchers {
    fn empty() -> &'static Self {
        static EMPTY: Watchers = Watchers(Vec::new());
        &EMPTY
    }
}

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watchers({})", self.0.len())
    }
}
