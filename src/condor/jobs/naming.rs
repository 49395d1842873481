//! What jobs and tasks are called, and which belong together: from what a submission notes.

use crate::condor::events::body::Submit;
use crate::condor::events::event::{Event, Source};
use crate::condor::events::key::JobKey;

/// The number that the nodes of a DAG have which run nothing.
const NO_OP: i64 = 2_147_483_647;

/// Which job of its cluster it is; of DAG nodes that run nothing, which of those. The nodes of a parallel job are one.
pub(in crate::condor) fn number_in_cluster(key: JobKey) -> i64 {
    if is_no_op(key) { key.subproc } else { key.proc }
}

/// Whether it is a node of a DAG that runs nothing.
pub(in crate::condor) fn is_no_op(key: JobKey) -> bool {
    key.cluster == 0 && key.proc == NO_OP
}

/// What a task is called that is no node of a DAG.
pub(in crate::condor) fn task_name(key: JobKey) -> String {
    if is_no_op(key) { key.to_string() } else { format!("{}.{}", key.cluster, key.proc) }
}

/// The DAG's node that an event names.
pub(in crate::condor) fn dag_node(event: &Event, submit: Option<&Submit<'_>>) -> Option<Box<str>> {
    let of_note = |note: &str| note.lines().find_map(node_of_line).map(Box::from);
    match (&event.source, submit) {
        (Source::Ad(ad), _) => {
            let note = || ["LogNotes", "SkipEventLogNotes"].iter().find_map(|name| ad.str(name));
            ad.str("DAGNodeName").map(Box::from).or_else(|| note().and_then(of_note))
        }
        (Source::Text { .. }, Some(submit)) => submit.log_notes.and_then(of_note),
        (Source::Text { text, .. }, None) => of_note(text),
    }
}

fn node_of_line(line: &str) -> Option<&str> {
    let line = line.trim();
    let node = line.strip_prefix("DAG Node: ").or_else(|| value(line, "DAGNodeName"))?;
    Some(node.trim()).filter(|node| !node.is_empty())
}

/// What the batch is called that a job was submitted in.
pub(in crate::condor) fn batch(event: &Event, submit: Option<&Submit<'_>>) -> Option<Box<str>> {
    if let Source::Ad(ad) = &event.source
        && let Some(name) = ad.str("JobBatchName")
    {
        return Some(name.into());
    }
    let notes = submit.into_iter().flat_map(|submit| [submit.log_notes, submit.user_notes]);
    let lines = notes.flatten().flat_map(str::lines);
    let mut names = lines.filter_map(|line| value(line.trim(), "JobBatchName"));
    names.find(|name| !name.is_empty()).map(Box::from)
}

/// The value of `name = "value"`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (there, value) = line.split_once('=')?;
    let is_it = there.trim_end().eq_ignore_ascii_case(name);
    is_it.then(|| value.trim().trim_matches('"'))
}

/// An address without what is for programs in it: `<127.0.0.1:9618?addrs=...>` is `127.0.0.1:9618`.
pub(in crate::condor) fn host(address: &str) -> &str {
    let inner = address.trim().trim_start_matches('<').trim_end_matches('>');
    inner.split_once('?').map_or(inner, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_name_nodes_and_batches() {
        assert_eq!(node_of_line("    DAG Node: A b"), Some("A b"));
        assert_eq!(node_of_line("DAGNodeName = \"A\""), Some("A"));
        assert_eq!(node_of_line("DAG Node: "), None);
        assert_eq!(value("jobbatchname = \"nightly\"", "JobBatchName"), Some("nightly"));
        assert_eq!(host("<10.0.0.1:9618?addrs=10.0.0.1-9618&alias=pool>"), "10.0.0.1:9618");
        assert_eq!((host("MPI_job"), host("<>")), ("MPI_job", ""));
    }
}
