//! What jobs and tasks are called, and which belong together: from what a submission notes, and from the names of logs.

use std::path::{Path, PathBuf};

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

/// What DAGMan calls the log of a DAG's nodes, behind the DAG's name.
const NODES: &str = ".nodes.log";

/// The same of the log of DAGMan's own job.
const DAGMAN: &str = ".dagman.log";

/// What the DAG is called whose nodes are in this log.
pub(in crate::condor) fn dag_name(log: &Path) -> String {
    let file = log.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = file.strip_suffix(NODES).unwrap_or(&file);
    if name.is_empty() { "DAG".into() } else { name.into() }
}

/// The log of the job of DAGMan that runs the DAG whose nodes are in this log.
pub(in crate::condor) fn dagman_log(nodes: &Path) -> Option<PathBuf> {
    other(nodes, NODES, DAGMAN)
}

/// The log of the nodes of the DAG that the job of DAGMan runs whose log this is.
pub(in crate::condor) fn nodes_log(dagman: &Path) -> Option<PathBuf> {
    other(dagman, DAGMAN, NODES)
}

fn other(log: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = log.file_name()?.to_str()?.strip_suffix(from)?;
    Some(log.with_file_name(format!("{name}{to}")))
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
    fn logs_of_a_dag_are_found_by_their_names() {
        let nodes = Path::new("/home/ann/d.dag.nodes.log");
        assert_eq!(dag_name(nodes), "d.dag");
        assert_eq!(dag_name(Path::new("my.log")), "my.log");
        assert_eq!(dag_name(Path::new("")), "DAG");
        let dagman = dagman_log(nodes).expect("it is such a log");
        assert_eq!(dagman, Path::new("/home/ann/d.dag.dagman.log"));
        assert_eq!(nodes_log(&dagman).as_deref(), Some(nodes));
        assert_eq!(dagman_log(Path::new("my.log")), None);
    }

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
