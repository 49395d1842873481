//! What those who ask the queue tell [`Jobs`]: jobs that they wait for, and what the log has missed. Asks nobody.

use std::path::Path;
use std::sync::Arc;

use super::fold::{Jobs, Of};
use super::group::Group;
use super::naming;
use crate::condor::events::key::JobKey;
use crate::condor::log::dag;
use crate::job::{Job, Observation};
use crate::model::{Property, TaskState, Timestamp};

/// What is known of one of HTCondor's jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) enum Known {
    /// Nothing.
    Nothing,
    /// It has not ended.
    Live(TaskState),
    /// It has ended.
    Ended,
}

impl Jobs {
    /// The job that a cluster becomes, which goes on until it is [let go](Jobs::let_go). `at` is when it was submitted.
    pub(in crate::condor) fn await_cluster(
        &mut self,
        cluster: i64,
        jobs: usize,
        at: Timestamp,
    ) -> Option<Job> {
        let (name, clock) = (format!("cluster {cluster}"), self.settings.clock());
        let new = || Group::new(name, vec![("cluster", cluster.into())], clock);
        let job = self.wait_for(Of::Cluster(cluster), new, at)?;
        self.groups.get(&Of::Cluster(cluster))?.expect(jobs);
        Some(job)
    }

    /// The same of a DAG, by the log of its nodes.
    pub(in crate::condor) fn await_dag(&mut self, nodes: &Path, at: Timestamp) -> Option<Job> {
        let (name, clock) = (dag::dag_name(nodes), self.settings.clock());
        self.wait_for(Of::Dag(nodes.into()), || Group::new(name, Vec::new(), clock), at)
    }

    fn wait_for(&mut self, of: Of, new: impl FnOnce() -> Group, at: Timestamp) -> Option<Job> {
        let Jobs { groups, opened, .. } = self;
        let group = groups.entry(of).or_insert_with(new);
        group.goes_on = true;
        if group.open(at)? {
            opened.extend(group.job().cloned());
        }
        group.job().cloned()
    }

    /// A cluster that was waited for is over: its job ends when all of its tasks have.
    pub(in crate::condor) fn let_go(&mut self, cluster: i64) {
        self.end(Of::Cluster(cluster));
    }

    /// The same of a DAG.
    pub(in crate::condor) fn let_go_dag(&mut self, nodes: &Path) {
        self.end(Of::Dag(nodes.into()));
    }

    fn end(&mut self, of: Of) {
        if let Some(group) = self.groups.get_mut(&of) {
            group.goes_on = false;
            self.done.push(of);
        }
    }

    fn of(&self, cluster: i64) -> Of {
        match self.nodes.get(&cluster) {
            Some(dag) => Of::Dag(dag.clone()),
            None => Of::Cluster(cluster),
        }
    }

    /// What is known of a job.
    pub(in crate::condor) fn known(&self, key: JobKey) -> Known {
        let (of, number) = (self.of(key.cluster), (key.cluster, key.proc));
        match self.groups.get(&of).and_then(|group| group.live.get(&number)) {
            Some(live) if live.reporter.state().is_terminal() => Known::Ended,
            Some(live) => Known::Live(live.reporter.state()),
            None if self.has_ended(&of, number) => Known::Ended,
            None => Known::Nothing,
        }
    }

    /// The jobs of a cluster, or of a DAG, that have not ended.
    pub(in crate::condor) fn live_of(&self, of: &Of) -> Vec<JobKey> {
        let Some(group) = self.groups.get(of) else { return Vec::new() };
        // Nodes that run nothing are in no queue.
        let keys = group.live.keys().filter(|(cluster, _)| *cluster > 0);
        keys.map(|(cluster, proc)| JobKey::new(*cluster, *proc)).collect()
    }

    /// Tells what was found out of a job that the log doesn't say. `dag` is the log of the nodes if it is a node of a DAG,
    /// `node` what it is called there.
    pub(in crate::condor) fn repair(
        &mut self,
        key: JobKey,
        dag: Option<(&Path, Option<&str>)>,
        seen: Observation,
        notes: &[(&'static str, Property)],
        at: Timestamp,
    ) {
        let of = match dag {
            Some((nodes, _)) if !self.nodes.contains_key(&key.cluster) => {
                let nodes: Arc<Path> = nodes.into();
                self.nodes.insert(key.cluster, nodes.clone());
                Of::Dag(nodes)
            }
            _ => self.of(key.cluster),
        };
        let number = (key.cluster, key.proc);
        if self.has_ended(&of, number) {
            return;
        }
        let Some(group) = self.groups.get_mut(&of) else { return };
        group.tell(at);
        if !group.is_live(number) {
            let named = dag.and_then(|(_, node)| node);
            let name = named.map_or_else(|| naming::task_name(key), str::to_owned);
            let mut begin = vec![("cluster", key.cluster.into()), ("proc", key.proc.into())];
            begin.extend(named.map(|node| ("dag_node", node.into())));
            group.add(number, name.into(), begin);
        }
        if let Some(live) = group.live(number) {
            for (name, value) in notes {
                live.reporter.set_property(*name, value.clone());
            }
        }
        group.observe(number, seen);
        self.done.push(of);
    }
}
