//! What an event says of the state of its job: one table, which the documentation of [`Jobs`](crate::condor::Jobs) has in words. Changes
//! nothing.

use crate::condor::events::body::Body;
use crate::condor::events::ending::{Ended, Evicted};
use crate::condor::events::event_type::EventType;
use crate::job::Observation;
use crate::model::{CauseKind, TaskState};

/// What was seen of a task, and when that counts.
#[derive(Debug)]
pub(in crate::condor) struct Seen {
    pub(in crate::condor) what: Observation,
    pub(in crate::condor) when: When,
}

/// In which states of a task it counts what was seen of it. In those that are final nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) enum When {
    /// In all.
    Always,
    /// If it runs or is suspended: what is over can't end once more.
    Active,
}

/// Whether there is a job of HTCondor's if there is such an event of it, whatever is missing before.
pub(in crate::condor) fn is_of_job(event_type: EventType) -> bool {
    // The script after a node is told of when the node's job has long ended, or was never there.
    matches!(event_type.number(), 0..=15 | 21..=24 | 27..=34 | 40..=46)
}

/// What an event says of its task's state; nothing if it says nothing.
pub(in crate::condor) fn seen(event_type: EventType, body: &Body<'_>) -> Option<Seen> {
    let what = match event_type {
        EventType::EXECUTE
        | EventType::NODE_EXECUTE
        | EventType::JOB_UNSUSPENDED
        | EventType::JOB_RECONNECTED => Observation::new(TaskState::Running),
        EventType::JOB_TERMINATED => terminated(match body {
            Body::Terminated(terminated) => terminated.ended,
            _ => Ended::Unknown,
        }),
        EventType::JOB_EVICTED => {
            let why = match body {
                Body::Evicted(evicted) => evicted_why(evicted),
                _ => "evicted".into(),
            };
            return again(why);
        }
        EventType::SHADOW_EXCEPTION => {
            return again(match body {
                Body::ShadowException { message, .. } if !message.is_empty() => {
                    format!("its shadow has failed: {message}")
                }
                _ => "its shadow has failed".into(),
            });
        }
        EventType::JOB_RECONNECT_FAILED => {
            return again(match body {
                Body::ReconnectFailed { reason: Some(reason), .. } => {
                    format!("its machine is lost: {reason}")
                }
                _ => "its machine is lost".into(),
            });
        }
        EventType::JOB_ABORTED => {
            let reason = match body {
                Body::Aborted { reason } => *reason,
                _ => None,
            };
            Observation::new(TaskState::Canceled).error(reason.unwrap_or("removed"))
        }
        EventType::JOB_SUSPENDED => Observation::new(TaskState::Suspended),
        EventType::JOB_HELD => {
            let held = Observation::new(TaskState::Held).because(CauseKind::Held);
            match body {
                Body::Held { reason: Some(reason), code, subcode } => {
                    held.message(format!("{reason} (code {code}, subcode {subcode})"))
                }
                Body::Held { reason: None, code, subcode } => {
                    held.message(format!("code {code}, subcode {subcode}"))
                }
                _ => held,
            }
        }
        EventType::JOB_RELEASED => {
            let released = Observation::new(TaskState::Submitted).because(CauseKind::Released);
            match body {
                Body::Released { reason: Some(reason) } => released.message(*reason),
                _ => released,
            }
        }
        EventType::PRESKIP => Observation::new(TaskState::Completed)
            .message("the script before the DAG's node has it skipped"),
        _ => return None,
    };
    Some(Seen { what, when: When::Always })
}

/// An attempt is over, and another one follows.
fn again(why: String) -> Option<Seen> {
    let what = Observation::new(TaskState::Submitted).message(why);
    Some(Seen { what, when: When::Active })
}

fn terminated(ended: Ended) -> Observation {
    match ended {
        Ended::Exited(0) => Observation::new(TaskState::Completed),
        ended => Observation::new(TaskState::Failed).error(how(ended)),
    }
}

/// How a program has ended, in words.
pub(in crate::condor) fn how(ended: Ended) -> String {
    match ended {
        Ended::Exited(code) => format!("exit code {code}"),
        Ended::Signaled(signal) => format!("killed by signal {signal}"),
        Ended::Unknown => "the log doesn't say how it ended".into(),
    }
}

fn evicted_why(evicted: &Evicted<'_>) -> String {
    let mut why = match (evicted.requeued, evicted.reason) {
        (Some(ended), None) => format!("{}, and it is to run again", how(ended)),
        (Some(ended), Some(reason)) => format!("{}, and it is to run again: {reason}", how(ended)),
        (None, Some(reason)) => format!("evicted: {reason}"),
        (None, None) => "evicted".to_owned(),
    };
    if evicted.checkpointed {
        why += " (from its checkpoint)";
    }
    why
}
