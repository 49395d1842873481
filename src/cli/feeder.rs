//! Adds tasks to a job as their commands come, a bounded number ahead of what was shown. Knows not what becomes of them.
//!
//! It has a thread of its own, which may wait for standard input for as long as it likes.

use std::io;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::exit::UsageError;
use super::input::Input;
use super::program::{Printed, Program};
use crate::command::Command;
use crate::job::{OpenJob, Retry};

/// What all tasks of a run have in common.
pub(super) struct Settings {
    pub(super) retry: Option<Retry>,
    pub(super) timeout: Option<Duration>,
    /// How much of the end of each output is kept, in bytes.
    pub(super) capture: usize,
    pub(super) printed: Option<Printed>,
}

/// How far the feeder is, shared with whoever shows what has become of the tasks.
#[derive(Default)]
pub(super) struct Feeding {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Default)]
struct State {
    /// Tasks that were added and whose end was not shown yet.
    unsettled: usize,
    added: usize,
    ended: bool,
    error: Option<UsageError>,
}

impl Feeding {
    /// The end of a task was shown.
    pub(super) fn settle(&self) {
        self.state.lock().unsettled -= 1;
        self.settled.notify_one();
    }

    /// How many tasks there are in all, once that is known.
    pub(super) fn all(&self) -> Option<usize> {
        let state = self.state.lock();
        state.ended.then_some(state.added)
    }

    /// What was wrong with the input.
    pub(super) fn error(&self) -> Option<UsageError> {
        self.state.lock().error.clone()
    }

    fn wait_for_room(&self, ahead: usize) {
        let mut state = self.state.lock();
        while state.unsettled >= ahead {
            self.settled.wait(&mut state);
        }
        state.unsettled += 1;
        state.added += 1;
    }

    fn not_added(&self) {
        let mut state = self.state.lock();
        state.unsettled -= 1;
        state.added -= 1;
    }
}

/// Adds the commands to the job, so that at most `ahead` are there whose ends were not shown, and closes it.
pub(super) fn start(
    job: OpenJob,
    input: Input,
    ahead: usize,
    settings: Settings,
) -> io::Result<Arc<Feeding>> {
    let feeding = Arc::new(Feeding::default());
    let shared = feeding.clone();
    Builder::new().name("milepost-input".into()).spawn(move || {
        let error = feed(&job, input, ahead, &settings, &shared).err();
        let mut state = shared.state.lock();
        (state.ended, state.error) = (true, error);
        drop(state);
        job.close();
    })?;
    Ok(feeding)
}

fn feed(
    job: &OpenJob,
    input: Input,
    ahead: usize,
    settings: &Settings,
    feeding: &Feeding,
) -> Result<(), UsageError> {
    for named in input {
        let mut named = named?;
        named.command = Command::capture(named.command, settings.capture);
        feeding.wait_for_room(ahead);
        let mut task = job.task(named.name.as_str());
        if let Some(retry) = settings.retry {
            task = task.retry(retry);
        }
        if let Some(timeout) = settings.timeout {
            task = task.timeout(timeout);
        }
        if task.add_task(Program { named, printed: settings.printed.clone() }).is_err() {
            // The job was canceled, and takes no more.
            feeding.not_added();
            break;
        }
    }
    Ok(())
}
