//! What an ad says as an event's body. The names of attributes are HTCondor's.

use super::ad_ending;
use super::body::{Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit};
use super::event_type::EventType;
use crate::condor::ad::attributes::Attributes;
use crate::condor::ad::value::{Ad, Value};

/// What has no variant of its own, or lacks what that needs, is [`Body::Other`].
pub(in crate::condor) fn of(event_type: EventType, ad: &Ad) -> Body<'_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condor::{Ended, Resource, Usage};
    use std::time::Duration;

    fn ad(json: &str) -> Ad {
        serde_json::from_str(json).expect("an ad")
    }

    fn shown(event_type: EventType, json: &str) -> String {
        format!("{:?}", of(event_type, &ad(json)))
    }

    #[test]
    fn the_end_of_a_job_is_told_with_all_it_has_taken() {
        let ad = ad(
            r#"{"TerminatedNormally":true,"ReturnValue":3,"CoreFile":"","Cluster":1,"EventTypeNumber":5,
            "RunRemoteUsage":"Usr 0 00:00:01, Sys 0 00:00:02","RunLocalUsage":"none","SentBytes":10.0,"TotalReceivedBytes":40,
            "Cpus":1,"CpusUsage":0.5,"RequestCpus":2,"GPUs":0,"AssignedGPUs":"GPU-abc","GPUsMemoryUsage":7,
            "TimeExecuteUsage":15,"ToE":{"Who":"itself"}}"#,
        );
        let Body::Terminated(terminated) = of(EventType::JOB_TERMINATED, &ad) else {
            panic!("not terminated");
        };
        assert_eq!((terminated.ended, terminated.core_file), (Ended::Exited(3), None));
        let (user, system) = (Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(terminated.run_remote, Usage { user, system });
        assert_eq!(terminated.run_local, Usage::default());
        assert_eq!((terminated.sent, terminated.total_received), (10.0, 40.0));
        let none = Resource::default();
        let expected = [
            Resource {
                name: "Cpus",
                used: Some(0.5),
                requested: Some(2.0),
                allocated: Some(1.0),
                ..none
            },
            Resource { name: "GPUs", allocated: Some(0.0), assigned: Some("GPU-abc"), ..none },
            Resource { name: "GPUsMemory", used: Some(7.0), ..none },
            Resource { name: "TimeExecute", used: Some(15.0), ..none },
        ];
        assert_eq!(terminated.resources, expected);
    }

    #[test]
    fn a_program_has_ended_as_the_ad_says() {
        for (json, expected) in [
            (
                r#"{"TerminatedNormally":true,"ReturnValue":1,"TerminatedBySignal":9}"#,
                Ended::Exited(1),
            ),
            (
                r#"{"TerminatedNormally":false,"ReturnValue":1,"TerminatedBySignal":9}"#,
                Ended::Signaled(9),
            ),
            (r#"{"TerminatedNormally":true,"TerminatedBySignal":-1}"#, Ended::Unknown),
            (r#"{"ReturnValue":1}"#, Ended::Exited(1)),
            ("{}", Ended::Unknown),
        ] {
            assert_eq!(ad_ending::ended(&ad(json)), expected, "{json}");
        }
        let json = r#"{"TerminatedAndRequeued":true,"TerminatedNormally":false,"TerminatedBySignal":9,"ReasonCode":5}"#;
        let ad = ad(json);
        let Body::Evicted(evicted) = of(EventType::JOB_EVICTED, &ad) else { panic!("not evicted") };
        assert_eq!((evicted.requeued, evicted.code), (Some(Ended::Signaled(9)), Some(5)));
        assert!(!evicted.checkpointed && evicted.resources.is_empty());
    }

    #[test]
    fn bodies_are_those_of_their_types() {
        for (event_type, json, expected) in [
            (
                EventType::SUBMIT,
                r#"{"SubmitHost":"<h>","LogNotes":"DAG Node: A","Warnings":""}"#,
                r#"Submit(Submit { host: Some("<h>"), log_notes: Some("DAG Node: A"), user_notes: None, warnings: None })"#,
            ),
            (
                EventType::EXECUTABLE_ERROR,
                r#"{"ExecuteErrorType":1}"#,
                "ExecutableError { code: 1 }",
            ),
            (
                EventType::CHECKPOINTED,
                "{}",
                "Checkpointed { run_remote: Usage { user: 0ns, system: 0ns }, run_local: Usage { user: 0ns, system: 0ns }, sent: 0.0 }",
            ),
            (
                EventType::IMAGE_SIZE,
                r#"{"Size":1,"MemoryUsage":2,"ResidentSetSize":3}"#,
                "ImageSize(ImageSize { size: 1, memory_usage: Some(2), resident: Some(3), proportional: None })",
            ),
            (
                EventType::SHADOW_EXCEPTION,
                r#"{"Message":"m","SentBytes":1,"ReceivedBytes":2.0}"#,
                r#"ShadowException { message: "m", sent: 1.0, received: 2.0 }"#,
            ),
            (EventType::GENERIC, r#"{"Info":"50%"}"#, r#"Generic { info: "50%" }"#),
            (EventType::JOB_ABORTED, r#"{"Reason":"r"}"#, r#"Aborted { reason: Some("r") }"#),
            (EventType::JOB_SUSPENDED, r#"{"NumberOfPIDs":3}"#, "Suspended { processes: 3 }"),
            (EventType::JOB_UNSUSPENDED, "{}", "Unsuspended"),
            (
                EventType::JOB_HELD,
                r#"{"HoldReason":"r","HoldReasonCode":1,"HoldReasonSubCode":2}"#,
                r#"Held { reason: Some("r"), code: 1, subcode: 2 }"#,
            ),
            (EventType::JOB_RELEASED, "{}", "Released { reason: None }"),
            (
                EventType::POST_SCRIPT_TERMINATED,
                r#"{"TerminatedNormally":true,"ReturnValue":0,"DAGNodeName":"A"}"#,
                r#"PostScript { ended: Exited(0), node: Some("A") }"#,
            ),
            (
                EventType::JOB_DISCONNECTED,
                r#"{"DisconnectReason":"r","StartdName":"n","StartdAddr":"a"}"#,
                r#"Disconnected(Connection { reason: Some("r"), startd: Some("n"), startd_address: Some("a"), starter_address: None })"#,
            ),
            (
                EventType::JOB_RECONNECTED,
                r#"{"StarterAddr":"s"}"#,
                r#"Reconnected(Connection { reason: None, startd: None, startd_address: None, starter_address: Some("s") })"#,
            ),
            (
                EventType::JOB_RECONNECT_FAILED,
                r#"{"Reason":"r","StartdName":"n"}"#,
                r#"ReconnectFailed { reason: Some("r"), startd: Some("n") }"#,
            ),
            (
                EventType::ATTRIBUTE_UPDATE,
                r#"{"Attribute":"A","Value":"\"x y\""}"#,
                r#"AttributeUpdate { name: "A", old: None, new: "\"x y\"" }"#,
            ),
            (
                EventType::CLUSTER_REMOVE,
                r#"{"NextProcId":2,"NextRow":1,"Completion":-1,"Notes":"n"}"#,
                r#"ClusterRemove(ClusterRemove { jobs: 2, items: 1, completion: -1, notes: Some("n") })"#,
            ),
            (
                EventType::FACTORY_PAUSED,
                r#"{"Reason":"r","PauseCode":42,"HoldCode":24}"#,
                r#"FactoryPaused { reason: Some("r"), code: 42, hold_code: 24 }"#,
            ),
            (
                EventType::FACTORY_RESUMED,
                r#"{"Reason":"r"}"#,
                r#"FactoryResumed { reason: Some("r") }"#,
            ),
            (
                EventType::FILE_TRANSFER,
                r#"{"Type":2,"QueueingDelay":7,"Host":"<h>"}"#,
                r#"FileTransfer(FileTransfer { phase: 2, queued: Some(7), host: Some("<h>") })"#,
            ),
        ] {
            assert_eq!(shown(event_type, json), expected);
        }
    }

    #[test]
    fn where_a_node_runs_is_told_with_what_it_has() {
        let ad =
            ad(r#"{"Node":49,"ExecuteHost":"<h>","SlotName":"slot1","ExecuteProps":{"Cpus":2}}"#);
        let Body::NodeExecute { node, execute } = of(EventType::NODE_EXECUTE, &ad) else {
            panic!("runs not");
        };
        assert_eq!((node, execute.host, execute.slot), (49, Some("<h>"), Some("slot1")));
        assert_eq!(execute.properties.get("cpus").and_then(|cpus| cpus.as_i64()), Some(2));
    }

    #[test]
    fn what_lacks_something_is_there_with_what_it_has() {
        for (event_type, json) in [
            (EventType::NODE_EXECUTE, r#"{"X":1}"#),
            (EventType::NODE_TERMINATED, r#"{"Node":"1"}"#),
            (EventType::IMAGE_SIZE, r#"{"MemoryUsage":1}"#),
            (EventType::GENERIC, r#"{"Info":1}"#),
            (EventType::ATTRIBUTE_UPDATE, r#"{"Attribute":"","Value":"1"}"#),
            (EventType::ATTRIBUTE_UPDATE, r#"{"Attribute":"A","Value":1}"#),
            (EventType::CLUSTER_REMOVE, r#"{"NextProcId":1}"#),
            (EventType::FILE_TRANSFER, r#"{"Type":"x"}"#),
            (EventType::RESERVE_SPACE, r#"{"UUID":"u"}"#),
            (EventType::new(4711), r#"{"X":1}"#),
        ] {
            let ad = ad(json);
            let Body::Other(attributes) = of(event_type, &ad) else {
                panic!("{json} is understood")
            };
            assert_eq!(attributes.to_ad(), ad);
        }
    }
}
