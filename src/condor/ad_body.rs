//! What an ad says as an event's body. The names of attributes are HTCondor's.

use super::ad_ending;
use super::attributes::Attributes;
use super::body::{Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit};
use super::event_type::EventType;
use super::value::{Ad, Value};

/// What has no variant of its own, or lacks what that needs, is [`Body::Other`].
pub(super) fn of(event_type: EventType, ad: &Ad) -> Body<'_> {
    typed(event_type, ad).unwrap_or(Body::Other(Attributes::ad(ad)))
}

fn typed(event_type: EventType, ad: &Ad) -> Option<Body<'_>> {
    Some(match event_type {
        EventType::SUBMIT => Body::Submit(submit(ad)),
        EventType::EXECUTE => Body::Execute(execute(ad)),
        EventType::NODE_EXECUTE => {
            Body::NodeExecute { node: ad.i64("Node")?, execute: execute(ad) }
        }
        EventType::EXECUTABLE_ERROR => Body::ExecutableError { code: ad.i64("ExecuteErrorType")? },
        EventType::CHECKPOINTED => Body::Checkpointed {
            run_remote: ad_ending::usage(ad, "RunRemoteUsage"),
            run_local: ad_ending::usage(ad, "RunLocalUsage"),
            sent: ad.f64("SentBytes").unwrap_or(0.0),
        },
        EventType::JOB_EVICTED => Body::Evicted(ad_ending::evicted(ad)),
        EventType::JOB_TERMINATED => Body::Terminated(ad_ending::terminated(ad)),
        EventType::NODE_TERMINATED => {
            Body::NodeTerminated { node: ad.i64("Node")?, terminated: ad_ending::terminated(ad) }
        }
        EventType::IMAGE_SIZE => Body::ImageSize(ImageSize {
            size: ad.i64("Size")?,
            memory_usage: ad.i64("MemoryUsage"),
            resident: ad.i64("ResidentSetSize"),
            proportional: ad.i64("ProportionalSetSize"),
        }),
        EventType::SHADOW_EXCEPTION => Body::ShadowException {
            message: ad.str("Message")?,
            sent: ad.f64("SentBytes").unwrap_or(0.0),
            received: ad.f64("ReceivedBytes").unwrap_or(0.0),
        },
        EventType::GENERIC => Body::Generic { info: ad.str("Info")? },
        EventType::JOB_ABORTED => Body::Aborted { reason: text(ad, "Reason") },
        EventType::JOB_SUSPENDED => Body::Suspended { processes: ad.i64("NumberOfPIDs")? },
        EventType::JOB_UNSUSPENDED => Body::Unsuspended,
        EventType::JOB_HELD => Body::Held {
            reason: text(ad, "HoldReason"),
            code: ad.i64("HoldReasonCode").unwrap_or(0),
            subcode: ad.i64("HoldReasonSubCode").unwrap_or(0),
        },
        EventType::JOB_RELEASED => Body::Released { reason: text(ad, "Reason") },
        EventType::POST_SCRIPT_TERMINATED => {
            Body::PostScript { ended: ad_ending::ended(ad), node: text(ad, "DAGNodeName") }
        }
        EventType::JOB_DISCONNECTED => Body::Disconnected(connection(ad)),
        EventType::JOB_RECONNECTED => Body::Reconnected(connection(ad)),
        EventType::JOB_RECONNECT_FAILED => {
            Body::ReconnectFailed { reason: text(ad, "Reason"), startd: text(ad, "StartdName") }
        }
        EventType::JOB_AD_INFORMATION => Body::AdInformation(Attributes::ad(ad)),
        EventType::ATTRIBUTE_UPDATE => Body::AttributeUpdate {
            name: text(ad, "Attribute")?,
            // The ad doesn't tell.
            old: None,
            new: written(ad.get("Value")?)?,
        },
        EventType::CLUSTER_SUBMIT => Body::ClusterSubmit(submit(ad)),
        EventType::CLUSTER_REMOVE => Body::ClusterRemove(ClusterRemove {
            jobs: ad.i64("NextProcId")?,
            items: ad.i64("NextRow")?,
            completion: ad.i64("Completion")?,
            notes: text(ad, "Notes"),
        }),
        EventType::FACTORY_PAUSED => Body::FactoryPaused {
            reason: text(ad, "Reason"),
            code: ad.i64("PauseCode").unwrap_or(0),
            hold_code: ad.i64("HoldCode").unwrap_or(0),
        },
        EventType::FACTORY_RESUMED => Body::FactoryResumed { reason: text(ad, "Reason") },
        EventType::FILE_TRANSFER => Body::FileTransfer(FileTransfer {
            phase: ad.i64("Type")?,
            queued: ad.i64("QueueingDelay"),
            host: text(ad, "Host"),
        }),
        _ => return None,
    })
}

/// A text that isn't empty.
fn text<'a>(ad: &'a Ad, name: &str) -> Option<&'a str> {
    ad.str(name).filter(|text| !text.is_empty())
}

/// What an expression is, which HTCondor writes as text.
fn written(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Expression(text) => Some(text),
        _ => None,
    }
}

fn submit(ad: &Ad) -> Submit<'_> {
    Submit {
        host: text(ad, "SubmitHost"),
        log_notes: text(ad, "LogNotes"),
        user_notes: text(ad, "UserNotes"),
        warnings: text(ad, "Warnings"),
    }
}

fn execute(ad: &Ad) -> Execute<'_> {
    let properties = ad.get("ExecuteProps").and_then(Value::as_ad);
    Execute {
        host: text(ad, "ExecuteHost"),
        slot: text(ad, "SlotName"),
        properties: properties.map_or(Attributes::NONE, Attributes::ad),
    }
}

fn connection(ad: &Ad) -> Connection<'_> {
    Connection {
        reason: text(ad, "DisconnectReason"),
        startd: text(ad, "StartdName"),
        startd_address: text(ad, "StartdAddr"),
        starter_address: text(ad, "StarterAddr"),
    }
}
