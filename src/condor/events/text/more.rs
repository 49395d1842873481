//! What text events of kinds without a body of their own say, by the names that it has in HTCondor's ads.

use super::lines::{Lines, after, codes, trim, whole};
use crate::condor::ad::value::Value;
use crate::condor::events::event_type::EventType;

/// A label, the name of what follows it, and whether that is a number.
type Label = (&'static str, &'static str, bool);

const GRID: &[Label] =
    &[("GridResource:", "GridResource", false), ("GridJobId:", "GridJobId", false)];

const SPACE: &[Label] = &[
    ("Bytes reserved:", "ReservedSpace", true),
    ("Reservation expiration:", "ExpirationTime", true),
    ("Reservation UUID:", "UUID", false),
    ("Bytes:", "Size", true),
    ("Checksum Value:", "Checksum", false),
    ("Checksum Type:", "ChecksumType", false),
    ("UUID:", "UUID", false),
    ("Tag:", "Tag", false),
];

/// `text` is what follows the time in the event's first line, and all other lines.
pub(in crate::condor) fn more(event_type: EventType, text: &str) -> Vec<(&'static str, Value)> {
    let mut lines = Lines::of(text);
    let head = lines.next().unwrap_or("");
    let head = head.strip_prefix(' ').unwrap_or(head);
    let mut line = |name| lines.next_said().map(|line| (name, line.into())).into_iter().collect();
    match event_type {
        EventType::REMOTE_ERROR => remote_error(head, lines),
        EventType::GRID_RESOURCE_UP | EventType::GRID_RESOURCE_DOWN | EventType::GRID_SUBMIT => {
            labelled(lines, GRID)
        }
        EventType::RESERVE_SPACE
        | EventType::RELEASE_SPACE
        | EventType::FILE_COMPLETE
        | EventType::FILE_USED
        | EventType::FILE_REMOVED => labelled(lines, SPACE),
        EventType::PRESKIP => line("SkipEventLogNotes"),
        EventType::DATAFLOW_JOB_SKIPPED => line("Reason"),
        EventType::COMMON_FILES => {
            let which = head.strip_prefix("Common files event:");
            which.map(|which| ("Type", trim(which).into())).into_iter().collect()
        }
        _ if has_head(event_type) => vec![("EventHead", head.into())],
        _ => Vec::new(),
    }
}

/// Whether HTCondor keeps the words of such events' first line, as it doesn't know them.
pub(in crate::condor) fn has_head(event_type: EventType) -> bool {
    let known = [EventType::JOB_STATUS_UNKNOWN, EventType::JOB_STATUS_KNOWN, EventType::PRESKIP];
    event_type.is_slot() || event_type.class() == "FutureEvent" && !known.contains(&event_type)
}

fn labelled(lines: Lines<'_>, labels: &[Label]) -> Vec<(&'static str, Value)> {
    let one = |line| {
        labels.iter().find_map(|(label, name, is_number)| {
            let value = after(trim(line), label)?;
            let number = whole(value).filter(|_| *is_number);
            Some((*name, number.map_or_else(|| value.into(), Value::Integer)))
        })
    };
    lines.filter_map(one).collect()
}

/// `Error from starter on slot1@h:`, what it says, and perhaps the numbers of the hold that it led to.
fn remote_error(head: &str, lines: Lines<'_>) -> Vec<(&'static str, Value)> {
    let Some((kind, rest)) = head.split_once(" from ") else { return Vec::new() };
    let Some((daemon, host)) = rest.split_once(" on ") else { return Vec::new() };
    let host = trim(host);
    let mut said = vec![
        ("Daemon", daemon.into()),
        ("ExecuteHost", host.strip_suffix(':').unwrap_or(host).into()),
    ];
    if kind == "Warning" {
        said.push(("CriticalError", Value::Integer(0)));
    }
    let mut message = Vec::new();
    for line in lines.map(trim) {
        match codes(line) {
            Some((code, subcode)) => {
                said.push(("HoldReasonCode", Value::Integer(code)));
                said.push(("HoldReasonSubCode", Value::Integer(subcode)));
            }
            None => message.push(line),
        }
    }
    said.push(("ErrorMsg", message.join("\n").into()));
    said
}
