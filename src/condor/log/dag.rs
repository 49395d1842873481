//! The logs of a DAG, by their names: that of its nodes, and that of DAGMan's own job.

use std::path::{Path, PathBuf};

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
}
