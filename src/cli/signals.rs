//! SIGINT, SIGTERM and SIGHUP cancel a job: the first asks its tasks to end, the second kills them, and the third doesn't
//! wait for anything. Prints nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::exit::Exit;
use crate::job::Job;

/// How many signals came.
#[derive(Clone)]
pub(super) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Has signals cancel the job from now on. Once in a process.
    ///
    /// # Errors
    /// The system refuses handlers.
    pub(super) fn cancel(job: Job) -> Result<Signals, ctrlc::Error> {
        let count = Arc::new(AtomicUsize::new(0));
        let signals = Signals(count.clone());
        ctrlc::set_handler(move || match count.fetch_add(1, Ordering::Relaxed) {
            0 => job.cancel("by a signal"),
            1 => job.cancel_now("by a second signal"),
            // Whoever reads the output may have stopped reading, which no cancellation helps against.
            _ => std::process::exit(Exit::Canceled.code().into()),
        })?;
        Ok(signals)
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}
