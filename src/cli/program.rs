//! A command as a task: what it is called is what was asked for, and what a killed one has printed is kept.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::input::Named;
use crate::command::{Command, CommandOutput, Lines, OutputStream};
use crate::job::{Task, TaskContext, TaskError};
use crate::model::TaskId;

/// What attempts have printed that may be killed, and then have no output of their own.
#[derive(Clone, Default)]
pub(super) struct Printed(Arc<Mutex<HashMap<TaskId, Lines>>>);

impl Printed {
    /// What the task's last attempt has printed to each of its outputs so far. Nobody else will ask for it.
    pub(super) fn take(&self, task: TaskId) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut lines = self.0.lock().remove(&task)?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        while let Some(line) = lines.try_recv() {
            let to = if line.stream == OutputStream::Stdout { &mut out } else { &mut err };
            to.extend_from_slice(line.text.as_bytes());
            to.push(b'\n');
        }
        Some((out, err))
    }
}

/// A command that runs under the name that it was given.
pub(super) struct Program {
    pub(super) named: Named,
    /// Where it notes what it prints, if that is wanted.
    pub(super) printed: Option<Printed>,
}

impl Task for Program {
    type Output = CommandOutput;

    fn name(&self) -> String {
        self.named.name.clone()
    }

    async fn run(&self, cx: TaskContext) -> Result<CommandOutput, TaskError> {
        let Some(printed) = &self.printed else { return self.named.command.run(cx).await };
        let mut command: Command = self.named.command.clone();
        // Of the attempt before, nobody will ask any more.
        let before = printed.0.lock().insert(cx.task_id(), command.lines());
        drop(before);
        command.run(cx).await
    }
}
