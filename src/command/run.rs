//! A [`Command`] as a [`Task`]: passes the job's wishes on to the processes of an attempt. Knows not how those are run.

use std::pin::pin;
use std::sync::Arc;

use futures::channel::oneshot;
use futures::future::{Either, select};

use super::attempt::Attempt;
use super::group::Group;
use super::{Command, CommandFailed, CommandNotStarted, CommandOutput};
use crate::base::run_on_pool;
use crate::job::{Task, TaskContext, TaskError};
use crate::model::{Canceled, CauseKind};

impl Task for Command {
    type Output = CommandOutput;

    /// The program and its arguments.
    fn name(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    async fn run(&self, cx: TaskContext) -> Result<CommandOutput, TaskError> {
        if cx.is_suspending() {
            // Not to be started and stopped, which would be too late for a program that is soon done.
            cx.checkpoint().await?;
        }
        let group = Arc::new(Group::default());
        let _kill = KillOnDrop(group.clone());
        let attempt = Attempt {
            command: self.clone(),
            group: group.clone(),
            progress: cx.progress(),
            number: cx.attempt(),
        };
        let (ended, mut end) = oneshot::channel();
        let span = tracing::Span::current();
        run_on_pool(move || {
            let _span = span.enter();
            drop(ended.send(attempt.run()));
        })
        .map_err(CommandNotStarted::system("give a thread to listen to the program"))?;
        let over = |end: Result<_, oneshot::Canceled>| {
            let lost = |_| Err(TaskError::msg("the thread that listened to the program was lost"));
            let end = end.unwrap_or_else(lost);
            note(&end, &cx);
            end
        };
        loop {
            let (canceled, suspending) = (pin!(cx.canceled()), pin!(cx.suspending()));
            match select(&mut end, select(canceled, suspending)).await {
                Either::Left((end, _)) => return over(end),
                Either::Right((Either::Left(_), _)) => {
                    group.terminate();
                    let end = over(end.await);
                    // Of one that is to run again nobody knows whether it was through or only obeyed.
                    let again = matches!(
                        cx.cancel_cause().map(|cause| cause.kind),
                        Some(CauseKind::Held | CauseKind::Released | CauseKind::Vacated)
                    );
                    return if again && end.is_ok() { Err(Canceled.into()) } else { end };
                }
                Either::Right((Either::Right(_), _)) => {
                    group.stop();
                    // A program that is killed while it is stopped has ended all the same.
                    if let Either::Left((end, _)) = select(&mut end, pin!(cx.checkpoint())).await {
                        return over(end);
                    }
                    // Were it canceled meanwhile, the next round asks it to end.
                    group.resume();
                }
            }
        }
    }
}

/// Notes how the program ended, for those who have no Rust error to look into.
fn note(end: &Result<CommandOutput, TaskError>, cx: &TaskContext) {
    match end {
        Ok(_) => cx.set_property("exit_code", 0),
        Err(error) => {
            let Some(failed) = error.error().downcast_ref::<CommandFailed>() else { return };
            if let Some(code) = failed.code {
                cx.set_property("exit_code", code);
            }
            if let Some(signal) = failed.signal {
                cx.set_property("signal", signal);
            }
        }
    }
}

/// Kills an attempt that is given up, where it waits.
struct KillOnDrop(Arc<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}
