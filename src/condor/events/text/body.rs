//! Bodies of text events, by their type.

use super::ending::{Ending, evicted, is_about_the_end};
use super::lines::{Lines, after, codes, number, said, trim, whole};
use crate::condor::ad::attributes::Attributes;
use crate::condor::events::body::{
    Body, ClusterRemove, Connection, Execute, FileTransfer, ImageSize, Submit,
};
use crate::condor::events::ending::Ended;
use crate::condor::events::event_type::EventType;

/// `text` is what follows the time in the event's first line, and all other lines.
pub(in crate::condor) fn body(event_type: EventType, text: &str) -> Body<'_> {
    let mut lines = Lines::of(text);
    let head = lines.next().unwrap_or("");
    let head = head.strip_prefix(' ').unwrap_or(head);
    typed(event_type, head, lines).unwrap_or_else(|| Body::Other(Attributes::lines(lines.rest())))
}

fn typed<'a>(event_type: EventType, head: &'a str, mut lines: Lines<'a>) -> Option<Body<'a>> {
    let body = match event_type {
        EventType::SUBMIT => {
            Body::Submit(submit(head.strip_prefix("Job submitted from host:")?, lines))
        }
        EventType::CLUSTER_SUBMIT => {
            Body::ClusterSubmit(submit(head.strip_prefix("Cluster submitted from host:")?, lines))
        }
        EventType::EXECUTE => {
            Body::Execute(execute(head.strip_prefix("Job executing on host:")?, lines))
        }
        EventType::NODE_EXECUTE => {
            let (node, rest) = number(head.strip_prefix("Node ")?)?;
            let host = rest.strip_prefix(" executing on host:")?;
            Body::NodeExecute { node, execute: execute(host, lines) }
        }
        EventType::EXECUTABLE_ERROR => {
            Body::ExecutableError { code: number(head.strip_prefix('(')?)?.0 }
        }
        EventType::CHECKPOINTED => {
            let Ending { run_remote, run_local, sent, .. } = Ending::of(lines);
            Body::Checkpointed { run_remote, run_local, sent }
        }
        EventType::JOB_EVICTED => {
            Body::Evicted(evicted(head.strip_prefix("Job was evicted.")?, lines))
        }
        EventType::JOB_TERMINATED => Body::Terminated(Ending::of(lines).terminated()),
        EventType::NODE_TERMINATED => {
            let (node, _) = number(head.strip_prefix("Node ")?)?;
            Body::NodeTerminated { node, terminated: Ending::of(lines).terminated() }
        }
        EventType::IMAGE_SIZE => Body::ImageSize(image_size(head, lines)?),
        EventType::SHADOW_EXCEPTION => {
            let Ending { words, sent, received, .. } = Ending::of(lines);
            Body::ShadowException { message: words.unwrap_or(""), sent, received }
        }
        EventType::GENERIC => Body::Generic { info: head },
        EventType::JOB_ABORTED => {
            let reason = lines.next_said().filter(|line| !is_about_the_end(line));
            Body::Aborted { reason }
        }
        EventType::JOB_SUSPENDED => {
            let label = "Number of processes actually suspended:";
            Body::Suspended { processes: whole(after(lines.next_trimmed()?, label)?)? }
        }
        EventType::JOB_UNSUSPENDED => Body::Unsuspended,
        EventType::JOB_HELD => held(lines),
        EventType::JOB_RELEASED => Body::Released { reason: lines.next_said() },
        EventType::POST_SCRIPT_TERMINATED => {
            let Ending { ended, words, .. } = Ending::of(lines);
            let node = words.and_then(|words| after(words, "DAG Node:"));
            Body::PostScript { ended: ended.unwrap_or(Ended::Unknown), node }
        }
        EventType::JOB_DISCONNECTED => Body::Disconnected(disconnected(lines)),
        EventType::JOB_RECONNECTED => Body::Reconnected(reconnected(head, lines)),
        EventType::JOB_RECONNECT_FAILED => {
            let (mut reason, mut startd) = (None, None);
            for line in lines.map(trim) {
                match line.strip_prefix("Can not reconnect to ") {
                    Some(rest) => {
                        startd = Some(rest.strip_suffix(", rescheduling job").unwrap_or(rest))
                    }
                    None => reason = reason.or(said(line)),
                }
            }
            Body::ReconnectFailed { reason, startd }
        }
        EventType::JOB_AD_INFORMATION => Body::AdInformation(Attributes::lines(lines.rest())),
        EventType::ATTRIBUTE_UPDATE => attribute(head)?,
        EventType::CLUSTER_REMOVE => Body::ClusterRemove(cluster_remove(lines)),
        EventType::FACTORY_PAUSED => paused(lines),
        EventType::FACTORY_RESUMED => Body::FactoryResumed { reason: lines.next_said() },
        EventType::FILE_TRANSFER => Body::FileTransfer(transfer(head, lines)),
        _ => return None,
    };
    Some(body)
}

fn submit<'a>(host: &'a str, lines: Lines<'a>) -> Submit<'a> {
    let mut submit = Submit { host: said(host), ..Submit::default() };
    for line in lines {
        if line.trim_start().starts_with("WARNING: Committed job submission") {
            submit.warnings = submit.warnings.or(said(line));
        } else if submit.log_notes.is_none() {
            submit.log_notes = said(line);
        } else if submit.user_notes.is_none() {
            submit.user_notes = said(line);
        }
    }
    submit
}

fn execute<'a>(host: &'a str, lines: Lines<'a>) -> Execute<'a> {
    let slot = lines.clone().find_map(|line| after(trim(line), "SlotName:"));
    Execute { host: said(host), slot, properties: Attributes::lines(lines.rest()) }
}

fn image_size<'a>(head: &'a str, lines: Lines<'a>) -> Option<ImageSize> {
    let size = whole(head.strip_prefix("Image size of job updated:")?)?;
    let mut image = ImageSize { size, ..ImageSize::default() };
    for line in lines {
        let Some((value, rest)) = number(line.trim_start_matches(['\t', ' '])) else { continue };
        let Some(what) = rest.strip_prefix("  -  ") else { continue };
        let value = Some(value);
        if what.starts_with("MemoryUsage") {
            image.memory_usage = value;
        } else if what.starts_with("ResidentSetSize") {
            image.resident = value;
        } else if what.starts_with("ProportionalSetSize") {
            image.proportional = value;
        }
    }
    Some(image)
}

fn held(lines: Lines<'_>) -> Body<'_> {
    let (mut reason, mut both) = (None, None);
    for line in lines.map(trim) {
        match codes(line) {
            Some(found) => both = both.or(Some(found)),
            None if both.is_none() => reason = reason.or(said(line)),
            None => {}
        }
    }
    let (code, subcode) = both.unwrap_or_default();
    Body::Held { reason: reason.filter(|reason| *reason != "Reason unspecified"), code, subcode }
}

fn disconnected(lines: Lines<'_>) -> Connection<'_> {
    let mut connection = Connection::default();
    for line in lines.map(trim) {
        if let Some(rest) = line.strip_prefix("Trying to reconnect to ") {
            let (name, address) = rest
                .split_once(" <")
                .map_or((rest, None), |(name, _)| (name, Some(&rest[name.len() + 1..])));
            connection.startd = said(name);
            connection.startd_address = address;
        } else if connection.startd.is_none() {
            connection.reason = connection.reason.or(said(line));
        }
    }
    connection
}

fn reconnected<'a>(head: &'a str, lines: Lines<'a>) -> Connection<'a> {
    let startd = head.strip_prefix("Job reconnected to ").and_then(said);
    let mut connection = Connection { startd, ..Connection::default() };
    for line in lines.map(trim) {
        if let Some(address) = after(line, "startd address:") {
            connection.startd_address = said(address);
        } else if let Some(address) = after(line, "starter address:") {
            connection.starter_address = said(address);
        }
    }
    connection
}

/// `Setting job attribute A to 1`, `Changing job attribute A from 1 to 2`.
fn attribute(head: &str) -> Option<Body<'_>> {
    let (name, old, new) = match head.strip_prefix("Setting job attribute ") {
        Some(rest) => {
            let (name, new) = rest.split_once(" to ")?;
            (name, None, new)
        }
        None => {
            let rest = head.strip_prefix("Changing job attribute ")?;
            let (name, values) = rest.split_once(" from ")?;
            let to = unquoted(values, " to ")?;
            (name, Some(trim(&values[..to])), &values[to + 4..])
        }
    };
    let (name, new) = (trim(name), trim(new));
    let old = old.filter(|old| !old.eq_ignore_ascii_case("undefined"));
    (!name.is_empty()).then_some(Body::AttributeUpdate { name, old, new })
}

/// Where `wanted` is in `text` outside of quotes.
fn unquoted(text: &str, wanted: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quoted) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if !quoted && bytes[at..].starts_with(wanted.as_bytes()) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

fn cluster_remove(lines: Lines<'_>) -> ClusterRemove<'_> {
    let mut remove = ClusterRemove::default();
    for line in lines.map(trim) {
        match materialized(line) {
            Some((jobs, items, completion)) => {
                remove = ClusterRemove { jobs, items, completion, ..remove }
            }
            None => remove.notes = remove.notes.or(said(line)),
        }
    }
    remove
}

/// `Materialized 100 jobs from 10 items.`, a tab, and `Complete`.
fn materialized(line: &str) -> Option<(i64, i64, i64)> {
    let (jobs, rest) = number(line.strip_prefix("Materialized ")?)?;
    let (items, rest) = number(rest.strip_prefix(" jobs from ")?)?;
    let end = trim(rest.strip_prefix(" items.")?);
    let completion = match end {
        "Complete" => 1,
        "Paused" => 2,
        _ => end.strip_prefix("Error ").and_then(whole).unwrap_or(0),
    };
    Some((jobs, items, completion))
}

fn paused(lines: Lines<'_>) -> Body<'_> {
    let (mut reason, mut code, mut hold_code) = (None, 0, 0);
    for line in lines.map(trim) {
        if let Some(number) = after(line, "PauseCode ").and_then(whole) {
            code = number;
        } else if let Some(number) = after(line, "HoldCode ").and_then(whole) {
            hold_code = number;
        } else {
            reason = reason.or(said(line));
        }
    }
    Body::FactoryPaused { reason, code, hold_code }
}

/// In the order of their numbers, which begin with 1.
const PHASES: [&str; 6] = [
    "Entered queue to transfer input files",
    "Started transferring input files",
    "Finished transferring input files",
    "Entered queue to transfer output files",
    "Started transferring output files",
    "Finished transferring output files",
];

fn transfer<'a>(head: &str, lines: Lines<'a>) -> FileTransfer<'a> {
    let phase = PHASES.iter().position(|phase| *phase == trim(head));
    let phase = phase.and_then(|phase| i64::try_from(phase + 1).ok()).unwrap_or(0);
    let mut transfer = FileTransfer { phase, ..FileTransfer::default() };
    for line in lines.map(trim) {
        if let Some(seconds) = after(line, "Seconds spent in queue:") {
            transfer.queued = whole(seconds);
        } else if let Some(host) = after(line, "Transferring to host:") {
            transfer.host = said(host);
        }
    }
    transfer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_attributes_are_whole() {
        for (head, wanted) in [
            ("Setting job attribute A to 1", Some(("A", None, "1"))),
            ("Setting job attribute Msg to \"a to b\"", Some(("Msg", None, "\"a to b\""))),
            (
                "Changing job attribute Msg from \"a to b\" to \"c to d\"",
                Some(("Msg", Some("\"a to b\""), "\"c to d\"")),
            ),
            (
                "Changing job attribute M from \"a \\\" to b\" to 1 + 2",
                Some(("M", Some("\"a \\\" to b\""), "1 + 2")),
            ),
            ("Changing job attribute A from UNDEFINED to 1.5", Some(("A", None, "1.5"))),
            ("Changing job attribute A from 1", None),
            ("Setting job attribute  to ", None),
            ("Something else", None),
        ] {
            let found = match body(EventType::ATTRIBUTE_UPDATE, &format!(" {head}\n")) {
                Body::AttributeUpdate { name, old, new } => {
                    Some((name.to_owned(), old.map(str::to_owned), new.to_owned()))
                }
                _ => None,
            };
            let wanted = wanted.map(|(name, old, new): (&str, Option<&str>, &str)| {
                (name.to_owned(), old.map(str::to_owned), new.to_owned())
            });
            assert_eq!(found, wanted, "{head}");
        }
    }

    #[test]
    fn a_hold_without_a_reason_has_its_numbers() {
        let held = body(EventType::JOB_HELD, " Job was held.\n\tCode 13 Subcode 2\n");
        assert!(matches!(held, Body::Held { reason: None, code: 13, subcode: 2 }), "{held:?}");
    }
}
