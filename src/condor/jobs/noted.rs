//! What an event says of its task beside its state: properties, messages, progress. Changes no state.

use super::group::Live;
use super::measure::Measure;
use super::naming::host;
use crate::condor::events::body::{Body, Execute};
use crate::condor::events::ending::Ended;
use crate::meter::Progress;

/// Notes it with the task.
pub(in crate::condor) fn note(body: &Body<'_>, measure: &Measure, live: &mut Live) {
    let task: &Progress = &live.reporter;
    match body {
        Body::Execute(execute) => place(execute, task),
        Body::NodeExecute { node: 0, execute } => place(execute, task),
        Body::ExecutableError { code } => {
            task.set_message(format!("its program can't be run (code {code})"));
            live.is_broken = true;
        }
        Body::Terminated(terminated) => {
            match terminated.ended {
                Ended::Exited(code) => task.set_property("exit_code", code),
                Ended::Signaled(signal) => task.set_property("signal", signal),
                Ended::Unknown => {}
            }
            bytes(task, terminated.total_sent, terminated.total_received);
        }
        Body::Evicted(evicted) => bytes(task, evicted.sent, evicted.received),
        Body::ShadowException { sent, received, .. } => bytes(task, *sent, *received),
        Body::ImageSize(image) => {
            // Old versions tell the size alone, in KiB.
            let memory = image.memory_usage.unwrap_or(image.size / 1024);
            task.set_property("memory_mib", memory);
        }
        Body::Generic { info } => measure.wrote(info, task),
        Body::AttributeUpdate { name, new, .. } => measure.set(name, new, task),
        Body::Disconnected(connection) => match connection.reason {
            Some(reason) => task.set_message(format!("disconnected: {reason}")),
            None => task.set_message("disconnected"),
        },
        Body::Reconnected(_) => task.set_message("reconnected"),
        _ => {}
    }
}

/// Where it runs.
fn place(execute: &Execute<'_>, task: &Progress) {
    if let Some(address) = execute.host {
        task.set_property("host", host(address));
    }
    if let Some(slot) = execute.slot {
        task.set_property("slot", slot);
    }
}

/// Those of all runs are told at the end only.
fn bytes(task: &Progress, sent: f64, received: f64) {
    task.set_property("bytes_sent", whole(sent));
    task.set_property("bytes_received", whole(received));
}

/// Bytes are written as floats.
fn whole(bytes: f64) -> i64 {
    bytes as i64
}
