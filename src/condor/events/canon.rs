//! The ad that HTCondor makes of an event, from what was understood of it.

use super::body::{Body, Connection, Execute, Submit};
use super::dates;
use super::ending::{Ended, Resource, Terminated, Usage};
use super::event::{Event, Source};
use super::text;
use crate::condor::ad::attributes::Attributes;
use crate::condor::ad::literal;
use crate::condor::ad::value::{Ad, Value};

pub(in crate::condor) fn attributes(event: &Event) -> Ad {
    let mut values = Values(Vec::new());
    // The last of those with the same name counts: what the log says, what was understood of it, and what is so for each event.
    let body = event.body();
    match &event.source {
        Source::Ad(ad) => {
            if text::has_head(event.event_type) {
                values.set("EventHead", "");
            }
            values.all(ad);
        }
        Source::Text { text, head } => {
            if let Body::AdInformation(said) | Body::Other(said) = &body {
                values.all(&said.to_ad());
            }
            values.0.extend(text::more(event.event_type, &text[*head..]).into_iter().map(own));
        }
    }
    values.body(&body);
    values.event(event);
    values.0.into_iter().collect()
}

fn own((name, value): (&str, Value)) -> (Box<str>, Value) {
    (name.into(), value)
}

struct Values(Vec<(Box<str>, Value)>);

impl Values {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    fn set_some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn all(&mut self, ad: &Ad) {
        self.0.extend(ad.iter().map(|(name, value)| (name.into(), value.clone())));
    }

    /// What each event has.
    fn event(&mut self, event: &Event) {
        let event_type = event.event_type;
        self.set("EventTypeNumber", i64::from(event_type.number()));
        self.set("MyType", event_type.class());
        let here = event.micros.saturating_add(i64::from(event.utc_offset) * 1_000_000);
        self.set("EventTime", dates::written(here));
        if event_type.is_slot() {
            self.slot(event);
            return;
        }
        let key = event.key;
        for (name, id) in [("Cluster", key.cluster), ("Proc", key.proc), ("Subproc", key.subproc)] {
            self.0.retain(|(there, _)| !there.eq_ignore_ascii_case(name));
            self.set_some(name, (id >= 0).then_some(id));
        }
    }

    /// The ids in the text are those of a slot, and 0 for none.
    fn slot(&mut self, event: &Event) {
        let Source::Text { text, .. } = &event.source else { return };
        if let Ok(header) = super::header::parse(text.as_bytes()) {
            self.set("SlotId", header.key.cluster);
            self.set_some("DSlotId", Some(header.key.proc).filter(|id| *id > 0));
        }
    }

    fn body(&mut self, body: &Body<'_>) {
        match body {
            Body::Submit(submit) | Body::ClusterSubmit(submit) => self.submit(submit),
            Body::Execute(execute) => self.execute(execute),
            Body::NodeExecute { node, execute } => {
                self.set("Node", *node);
                self.execute(execute);
            }
            Body::ExecutableError { code } => self.set("ExecuteErrorType", *code),
            Body::Checkpointed { run_remote, run_local, sent } => {
                self.usage("RunRemoteUsage", *run_remote);
                self.usage("RunLocalUsage", *run_local);
                self.set("SentBytes", *sent);
            }
            Body::Evicted(evicted) => {
                self.set("Checkpointed", evicted.checkpointed);
                self.set("TerminatedAndRequeued", evicted.requeued.is_some());
                self.set("TerminatedNormally", matches!(evicted.requeued, Some(Ended::Exited(_))));
                self.set_some("ReturnValue", exited(evicted.requeued));
                self.set_some("TerminatedBySignal", signaled(evicted.requeued));
                self.set_some("CoreFile", evicted.core_file);
                self.set_some("Reason", evicted.reason);
                self.set_some("ReasonCode", evicted.code);
                self.set_some("ReasonSubCode", evicted.subcode);
                self.usage("RunRemoteUsage", evicted.run_remote);
                self.usage("RunLocalUsage", evicted.run_local);
                self.set("SentBytes", evicted.sent);
                self.set("ReceivedBytes", evicted.received);
                self.resources(&evicted.resources);
            }
            Body::Terminated(terminated) => self.terminated(terminated),
            Body::NodeTerminated { node, terminated } => {
                self.set("Node", *node);
                self.terminated(terminated);
                // HTCondor says both for nodes.
                let ended = Some(terminated.ended);
                self.set("ReturnValue", exited(ended).unwrap_or(-1));
                self.set("TerminatedBySignal", signaled(ended).unwrap_or(-1));
            }
            Body::ImageSize(image) => {
                self.set("Size", image.size);
                self.set_some("MemoryUsage", image.memory_usage);
                self.set_some("ResidentSetSize", image.resident);
                self.set_some("ProportionalSetSize", image.proportional);
            }
            Body::ShadowException { message, sent, received } => {
                self.set("Message", *message);
                self.set("SentBytes", *sent);
                self.set("ReceivedBytes", *received);
            }
            Body::Generic { info } => self.set("Info", *info),
            Body::Aborted { reason } | Body::Released { reason } => {
                self.set_some("Reason", *reason)
            }
            Body::Suspended { processes } => self.set("NumberOfPIDs", *processes),
            Body::Held { reason, code, subcode } => {
                self.set_some("HoldReason", *reason);
                self.set("HoldReasonCode", *code);
                self.set("HoldReasonSubCode", *subcode);
            }
            Body::PostScript { ended, node } => {
                self.ended(*ended);
                self.set_some("DAGNodeName", *node);
            }
            Body::Disconnected(connection) => {
                self.set("EventDescription", "Job disconnected, attempting to reconnect");
                self.set_some("DisconnectReason", connection.reason);
                self.connection(connection);
            }
            Body::Reconnected(connection) => {
                self.set("EventDescription", "Job reconnected");
                self.connection(connection);
            }
            Body::ReconnectFailed { reason, startd } => {
                self.set("EventDescription", "Job reconnect impossible: rescheduling job");
                self.set_some("Reason", *reason);
                self.set_some("StartdName", *startd);
            }
            Body::AttributeUpdate { name, old, new } => {
                self.set("Attribute", *name);
                self.set_some("OldValue", *old);
                self.set("Value", *new);
            }
            Body::ClusterRemove(remove) => {
                self.set("NextProcId", remove.jobs);
                self.set("NextRow", remove.items);
                self.set("Completion", remove.completion);
                self.set_some("Notes", remove.notes);
            }
            Body::FactoryPaused { reason, code, hold_code } => {
                self.set_some("Reason", *reason);
                self.set("PauseCode", *code);
                self.set("HoldCode", *hold_code);
            }
            Body::FactoryResumed { reason } => self.set_some("Reason", *reason),
            Body::FileTransfer(transfer) => {
                self.set("Type", transfer.phase);
                self.set_some("QueueingDelay", transfer.queued);
                self.set_some("Host", transfer.host);
            }
            Body::Unsuspended | Body::AdInformation(_) | Body::Other(_) => {}
        }
    }

    fn submit(&mut self, submit: &Submit<'_>) {
        self.set_some("SubmitHost", submit.host);
        self.set_some("LogNotes", submit.log_notes);
        self.set_some("UserNotes", submit.user_notes);
        self.set_some("Warnings", submit.warnings);
        let Some(notes) = submit.log_notes else { return };
        if let Some(node) = notes.strip_prefix("DAG Node: ") {
            let node: Ad = [("DAGNodeName", Value::from(node))].into_iter().collect();
            self.set("StructuredNotes", node);
        } else if notes.starts_with('[')
            && let structured @ Value::Ad(_) = literal::parse(notes)
        {
            self.set("StructuredNotes", structured);
        }
    }

    fn execute(&mut self, execute: &Execute<'_>) {
        self.set_some("ExecuteHost", execute.host);
        self.set_some("SlotName", execute.slot);
        self.properties(execute.properties);
    }

    fn properties(&mut self, properties: Attributes<'_>) {
        let properties = properties.to_ad();
        if !properties.is_empty() {
            self.set("ExecuteProps", properties);
        }
    }

    fn ended(&mut self, ended: Ended) {
        if ended != Ended::Unknown {
            self.set("TerminatedNormally", matches!(ended, Ended::Exited(_)));
        }
        self.set_some("ReturnValue", exited(Some(ended)));
        self.set_some("TerminatedBySignal", signaled(Some(ended)));
    }

    fn terminated(&mut self, terminated: &Terminated<'_>) {
        self.ended(terminated.ended);
        self.set_some("CoreFile", terminated.core_file);
        self.usage("RunRemoteUsage", terminated.run_remote);
        self.usage("RunLocalUsage", terminated.run_local);
        self.usage("TotalRemoteUsage", terminated.total_remote);
        self.usage("TotalLocalUsage", terminated.total_local);
        self.set("SentBytes", terminated.sent);
        self.set("ReceivedBytes", terminated.received);
        self.set("TotalSentBytes", terminated.total_sent);
        self.set("TotalReceivedBytes", terminated.total_received);
        self.resources(&terminated.resources);
    }

    fn usage(&mut self, name: &str, usage: Usage) {
        self.set(name, usage.to_string());
    }

    fn resources(&mut self, resources: &[Resource<'_>]) {
        for Resource { name, used, requested, allocated, assigned } in resources {
            self.set_some(&format!("{name}Usage"), used.map(number));
            self.set_some(&format!("Request{name}"), requested.map(number));
            self.set_some(name, allocated.map(number));
            self.set_some(&format!("Assigned{name}"), *assigned);
        }
    }

    fn connection(&mut self, connection: &Connection<'_>) {
        self.set_some("StartdName", connection.startd);
        self.set_some("StartdAddr", connection.startd_address);
        self.set_some("StarterAddr", connection.starter_address);
    }
}

fn exited(ended: Option<Ended>) -> Option<i64> {
    match ended {
        Some(Ended::Exited(code)) => Some(code),
        _ => None,
    }
}

fn signaled(ended: Option<Ended>) -> Option<i64> {
    match ended {
        Some(Ended::Signaled(signal)) => Some(signal),
        _ => None,
    }
}

/// Whole numbers as such: a table doesn't say what they are.
fn number(number: f64) -> Value {
    const MOST: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < MOST {
        Value::Integer(number as i64)
    } else {
        Value::Real(number)
    }
}
