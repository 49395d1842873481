//! How a run has ended, and what it has taken, in an ad.

use super::ending::{Ended, Evicted, Resource, Terminated, Usage};
use crate::condor::ad::value::{Ad, Value};

pub(in crate::condor) fn ended(ad: &Ad) -> Ended {
    let (code, signal) = (ad.i64("ReturnValue"), ad.i64("TerminatedBySignal"));
    let ended = match ad.bool("TerminatedNormally") {
        Some(true) => code.map(Ended::Exited),
        Some(false) => signal.map(Ended::Signaled),
        None => code.map(Ended::Exited).or(signal.map(Ended::Signaled)),
    };
    ended.unwrap_or(Ended::Unknown)
}

pub(in crate::condor) fn terminated(ad: &Ad) -> Terminated<'_> {
    Terminated {
        ended: ended(ad),
        core_file: ad.str("CoreFile").filter(|path| !path.is_empty()),
        run_remote: usage(ad, "RunRemoteUsage"),
        run_local: usage(ad, "RunLocalUsage"),
        total_remote: usage(ad, "TotalRemoteUsage"),
        total_local: usage(ad, "TotalLocalUsage"),
        sent: bytes(ad, "SentBytes"),
        received: bytes(ad, "ReceivedBytes"),
        total_sent: bytes(ad, "TotalSentBytes"),
        total_received: bytes(ad, "TotalReceivedBytes"),
        resources: resources(ad),
    }
}

pub(in crate::condor) fn evicted(ad: &Ad) -> Evicted<'_> {
    let requeued = ad.bool("TerminatedAndRequeued").unwrap_or(false);
    Evicted {
        checkpointed: ad.bool("Checkpointed").unwrap_or(false),
        requeued: requeued.then(|| ended(ad)),
        core_file: ad.str("CoreFile").filter(|path| !path.is_empty()),
        reason: ad.str("Reason").filter(|reason| !reason.is_empty()),
        code: ad.i64("ReasonCode"),
        subcode: ad.i64("ReasonSubCode"),
        run_remote: usage(ad, "RunRemoteUsage"),
        run_local: usage(ad, "RunLocalUsage"),
        sent: bytes(ad, "SentBytes"),
        received: bytes(ad, "ReceivedBytes"),
        resources: resources(ad),
    }
}

/// None is no time.
pub(in crate::condor) fn usage(ad: &Ad, name: &str) -> Usage {
    ad.str(name).and_then(Usage::parse).unwrap_or_default()
}

fn bytes(ad: &Ad, name: &str) -> f64 {
    ad.f64(name).unwrap_or(0.0)
}

/// Numbers that are of the event and not of a resource.
const OTHERS: &[&str] = &[
    "Cluster",
    "EventTypeNumber",
    "Node",
    "Proc",
    "ReasonCode",
    "ReasonSubCode",
    "ReceivedBytes",
    "ReturnValue",
    "SentBytes",
    "Subproc",
    "TerminatedBySignal",
    "TotalReceivedBytes",
    "TotalSentBytes",
    "TriggerEventTypeNumber",
];

/// What a column of the table is called in an ad: `CpusUsage`, `RequestCpus`, `Cpus`, `AssignedGPUs`.
fn column<'a>(name: &'a str, value: &'a Value) -> Option<Resource<'a>> {
    if let Some(assigned) = value.as_str() {
        let name = name.strip_prefix("Assigned").filter(|name| !name.is_empty())?;
        return Some(Resource { name, assigned: Some(assigned), ..Resource::default() });
    }
    let number = Some(value.as_f64()?);
    if OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        return None;
    }
    let resource = |name| Resource { name, ..Resource::default() };
    Some(match (name.strip_suffix("Usage"), name.strip_prefix("Request")) {
        (Some(of), _) if !of.is_empty() => Resource { used: number, ..resource(of) },
        (_, Some(of)) if !of.is_empty() => Resource { requested: number, ..resource(of) },
        _ => Resource { allocated: number, ..resource(name) },
    })
}

/// In the order of their names, as HTCondor's table has them.
fn resources(ad: &Ad) -> Vec<Resource<'_>> {
    let mut columns: Vec<_> = ad.iter().filter_map(|(name, value)| column(name, value)).collect();
    let key = |resource: &Resource<'_>| resource.name.to_ascii_lowercase();
    columns.sort_by_cached_key(key);
    columns.dedup_by(|column, resource| {
        let same = column.name.eq_ignore_ascii_case(resource.name);
        if same {
            resource.used = resource.used.or(column.used);
            resource.requested = resource.requested.or(column.requested);
            resource.allocated = resource.allocated.or(column.allocated);
            resource.assigned = resource.assigned.or(column.assigned);
        }
        same
    });
    columns
}
