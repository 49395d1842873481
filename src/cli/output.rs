//! What commands have printed, as it is to be passed on. Prints nothing.

use super::args::Outputs;
use super::program::Printed;
use crate::command::{CommandFailed, CommandOutput};
use crate::model::TaskCompleted;

/// The end of what a command wrote to its outputs, and how much came before.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) stdout: (Vec<u8>, u64),
    pub(super) stderr: (Vec<u8>, u64),
}

impl Outputs {
    /// How much to keep of the end of each output, in bytes.
    pub(super) fn capture(self) -> usize {
        match self {
            Outputs::All => 1024 * 1024,
            Outputs::Failed => 64 * 1024,
            // The message of a failure has the last line.
            Outputs::None => 1024,
        }
    }

    /// What is to be passed on of a task that has ended.
    pub(super) fn of(self, task: &TaskCompleted, printed: Option<&Printed>) -> Option<Output> {
        // In any case, so that nothing piles up.
        let printed = printed.and_then(|printed| printed.take(task.task));
        let wanted = match self {
            Outputs::None => false,
            Outputs::Failed => task.state.is_failure(),
            Outputs::All => true,
        };
        if !wanted {
            return None;
        }
        let error = task.error.as_ref().and_then(|failure| failure.error());
        let failed = error.and_then(|error| error.downcast_ref::<CommandFailed>());
        let (stdout, stderr) = match (task.output::<CommandOutput>(), failed) {
            (Some(output), _) => (output.stdout.clone(), output.stderr.clone()),
            (None, Some(failed)) => (failed.stdout.clone(), failed.stderr.clone()),
            // It was killed.
            (None, None) => {
                let (stdout, stderr) = printed?;
                return Some(Output { stdout: (stdout, 0), stderr: (stderr, 0) });
            }
        };
        Some(Output { stdout: (stdout.bytes, stdout.cut), stderr: (stderr.bytes, stderr.cut) })
    }
}
