//! [`Jobs`]: the fold of events into jobs. Reads no file and waits for nothing; which state an event means is in `states`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::body::Body;
use super::event::Event;
use super::event_type::EventType;
use super::group::{Group, Notes};
use super::jobs_builder::{JobsBuilder, Settings};
use super::key::JobKey;
use super::naming;
use super::noted::note;
use super::states::{Seen, When, is_of_job, seen};
use crate::base::ToldClock;
use crate::job::Job;

/// The jobs of HTCondor's that events tell of, as jobs of Milepost's: what becomes of them is told by streams, callbacks and
/// snapshots as of all others, at the times that the events say, also if that was last week.
///
/// A cluster is a [`Job`], and each of its jobs a task, `114.0`. The nodes of a DAG whose submissions say so (`DAG Node: A`) are
/// one job, called for the log that they are in: `d.dag` for `d.dag.nodes.log`.
///
/// | event | the task's state |
/// |---|---|
/// | 000 submitted | `Submitted`, unless more is known |
/// | 001 runs, 014 a node runs, 011 goes on, 023 reconnected | `Running` |
/// | 004 evicted, 007 shadow failed, 024 can't be reconnected | `Submitted`, if it ran: its next attempt |
/// | 010 suspended | `Suspended` |
/// | 012 held | `Held`; if it ran, its next attempt |
/// | 013 released | `Submitted` |
/// | 005 terminated | `Completed` if its exit code is 0, and else `Failed` |
/// | 009 removed | `Canceled` |
/// | 034 skipped by the script before its DAG node | `Completed` |
/// | 002 can't be run | `Failed`, but only if nothing else follows until [`finish`](Jobs::finish) |
/// | all others, as 022 disconnected and 046 skipped (005 follows) | as it was |
///
/// States that are final stay: events that come twice, too late, or without those before them change nothing that is known, and
/// are no errors. That 016 (a script after a DAG's node) calls a failed node a success doesn't either, as the task has ended by then.
///
/// What else is known is in properties: `cluster`, `proc`, `submit_host`, `dag_node`; `host` and `slot` where it runs; `memory_mib`;
/// `exit_code` or `signal`; `bytes_sent`, `bytes_received`. Progress is what the job writes by `condor_chirp ulog` or
/// sets as an attribute; see [`JobsBuilder`].
///
/// A cluster's job ends when all of its tasks have, and nothing more was there to read ([`caught_up`](Jobs::caught_up)); if more
/// jobs of the cluster come after that, they are in another job. A cluster that makes its jobs as they are needed (035) goes on until
/// it says that no more come (036), and a DAG until the log of DAGMan's own job says that it has ended (`d.dag.dagman.log` for
/// `d.dag.nodes.log`, by [`apply_from`](Jobs::apply_from)), or until [`finish`](Jobs::finish).
///
/// Cancelling such a job has no effect on HTCondor: its tasks are called canceled here, and run on there.
///
/// All events are of one schedd. Tasks that have not ended when the `Jobs` are dropped are interrupted, as nobody tells of them any more.
#[derive(Debug)]
pub struct Jobs {
    clock: ToldClock,
    settings: Settings,
    groups: HashMap<Of, Group>,
    /// The DAGs that clusters belong to, by the log that names them.
    nodes: HashMap<i64, Arc<Path>>,
    /// What is known of DAGs by the logs of their own jobs: whether they go on.
    dags: HashMap<Arc<Path>, bool>,
    opened: Vec<Job>,
}

/// What becomes one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    Cluster(i64),
    /// By the log of its nodes.
    Dag(Arc<Path>),
}

impl Default for Jobs {
    fn default() -> Jobs {
        Jobs::new()
    }
}

impl Jobs {
    /// No jobs yet.
    pub fn new() -> Jobs {
        JobsBuilder::new().build()
    }

    /// With settings of their own.
    pub fn builder() -> JobsBuilder {
        JobsBuilder::new()
    }

    pub(super) fn with(settings: Settings) -> Jobs {
        Jobs {
            clock: ToldClock::new(),
            settings,
            groups: HashMap::new(),
            nodes: HashMap::new(),
            dags: HashMap::new(),
            opened: Vec::new(),
        }
    }

    /// Takes the next event of a log.
    pub fn apply(&mut self, event: &Event) {
        self.apply_from(Path::new(""), event);
    }

    /// The same of one of several logs, after which DAGs are called.
    pub fn apply_from(&mut self, log: &Path, event: &Event) {
        let body = event.body();
        self.take(log, event, &body);
    }

    /// An event with its body.
    pub(super) fn take(&mut self, log: &Path, event: &Event, body: &Body<'_>) {
        let (event_type, key) = (event.event_type(), event.key());
        self.clock.tell(event.at().as_micros());
        if let Some(nodes) = naming::nodes_log(log) {
            self.dagman(&nodes, event_type);
        }
        if event_type.is_slot() || key.is_none() {
            return;
        }
        if key.is_cluster() {
            return self.take_cluster(key.cluster, event, body);
        }
        if !is_of_job(event_type) {
            return;
        }
        let number = (key.cluster, naming::number_in_cluster(key));
        let of = self.group_of(log, event, body);
        if self.groups.get(&of).is_some_and(|group| group.has_ended(number)) {
            return;
        }
        let measure = self.settings.measure.clone();
        let Some(group) = self.opened_group(&of, event, body) else { return };
        if !group.is_live(number) {
            let (name, notes) = new_task(key, event, body);
            group.add(number, name, notes);
        }
        group.count(body);
        let Some(live) = group.live(number) else { return };
        note(body, &measure, live);
        let Some(Seen { what, when }) = seen(event_type, body) else { return };
        live.is_broken = false;
        if when == When::Always || live.reporter.state().is_active() {
            group.observe(number, what);
        }
    }

    /// An event of a whole cluster.
    fn take_cluster(&mut self, cluster: i64, event: &Event, body: &Body<'_>) {
        let of = Of::Cluster(cluster);
        match event.event_type() {
            EventType::CLUSTER_SUBMIT => {
                // Twice, or after its end: there is nothing to be opened.
                if !self.groups.contains_key(&of)
                    && let Some(group) = self.opened_group(&of, event, body)
                {
                    group.goes_on = true;
                }
            }
            EventType::CLUSTER_REMOVE => {
                let Some(group) = self.groups.get_mut(&of) else { return };
                group.goes_on = false;
                if let Body::ClusterRemove(removed) = body
                    && let Ok(jobs) = usize::try_from(removed.jobs)
                {
                    group.expect(jobs);
                }
            }
            _ => {}
        }
    }

    /// What the log of a DAG's own job says.
    pub(super) fn dagman(&mut self, nodes: &Path, event_type: EventType) {
        let goes_on = match event_type {
            EventType::SUBMIT | EventType::EXECUTE => true,
            EventType::JOB_TERMINATED | EventType::JOB_ABORTED => false,
            _ => return,
        };
        let nodes: Arc<Path> = nodes.into();
        if let Some(group) = self.groups.get_mut(&Of::Dag(nodes.clone())) {
            group.goes_on = goes_on;
        }
        self.dags.insert(nodes, goes_on);
    }

    /// Which job an event's task is of.
    fn group_of(&mut self, log: &Path, event: &Event, body: &Body<'_>) -> Of {
        let key = event.key();
        if naming::is_no_op(key) {
            return Of::Dag(log.into());
        }
        if let Some(dag) = self.nodes.get(&key.cluster) {
            return Of::Dag(dag.clone());
        }
        let of = Of::Cluster(key.cluster);
        if let Body::Submit(submit) = body
            && !self.groups.contains_key(&of)
            && naming::dag_node(event, Some(submit)).is_some()
        {
            let dag: Arc<Path> = log.into();
            self.nodes.insert(key.cluster, dag.clone());
            return Of::Dag(dag);
        }
        of
    }

    /// The group with a job that takes tasks.
    fn opened_group(&mut self, of: &Of, event: &Event, body: &Body<'_>) -> Option<&mut Group> {
        let Jobs { clock, groups, dags, opened, .. } = self;
        let group = groups.entry(of.clone()).or_insert_with(|| match of {
            Of::Cluster(cluster) => {
                let submit = match body {
                    Body::Submit(submit) | Body::ClusterSubmit(submit) => Some(submit),
                    _ => None,
                };
                let batch = naming::batch(event, submit);
                let name = batch.map_or_else(|| format!("cluster {cluster}"), String::from);
                Group::new(name, vec![("cluster", (*cluster).into())])
            }
            Of::Dag(log) => Group {
                goes_on: dags.get(log).copied().unwrap_or(true),
                ..Group::new(naming::dag_name(log), Vec::new())
            },
        });
        if group.open(&clock.clock())? {
            opened.extend(group.job().cloned());
        }
        Some(group)
    }

    /// The jobs that have begun since the last call, each once. Their streams tell all from the beginning.
    pub fn opened(&mut self) -> impl Iterator<Item = Job> + '_ {
        self.opened.drain(..)
    }

    /// The job that a cluster is, or is in; none if there is none, or it was [forgotten](Jobs::forget_ended).
    pub fn job(&self, cluster: i64) -> Option<Job> {
        let of = match self.nodes.get(&cluster) {
            Some(dag) => Of::Dag(dag.clone()),
            None => Of::Cluster(cluster),
        };
        self.groups.get(&of)?.job().cloned()
    }

    /// All jobs, in no order, but for those that were [forgotten](Jobs::forget_ended).
    pub fn iter(&self) -> impl Iterator<Item = &Job> {
        self.groups.values().filter_map(Group::job)
    }

    /// There is nothing more to be read for now: jobs end of which all is there and has ended.
    pub fn caught_up(&mut self) {
        self.groups.values_mut().for_each(Group::settle);
    }

    /// There won't be more: jobs take no more tasks, and end if all of theirs have. Tasks that have not ended stay as they are
    /// until this is dropped.
    pub fn finish(&mut self) {
        for group in self.groups.values_mut() {
            group.fail_broken();
            group.close();
        }
    }

    /// Lets go of the jobs that have ended, as who follows logs for ever would else keep them all.
    pub fn forget_ended(&mut self) {
        self.groups.values_mut().for_each(Group::forget_ended);
    }
}

/// What a task is called, and what is noted of it from its beginning.
fn new_task(key: JobKey, event: &Event, body: &Body<'_>) -> (Arc<str>, Notes) {
    let submit = match body {
        Body::Submit(submit) => Some(submit),
        _ => None,
    };
    let mut notes: Notes = vec![("cluster", key.cluster.into()), ("proc", key.proc.into())];
    if let Some(host) = submit.and_then(|submit| submit.host) {
        notes.push(("submit_host", naming::host(host).into()));
    }
    let names_node = submit.is_some() || event.event_type() == EventType::PRESKIP;
    let node = if names_node { naming::dag_node(event, submit) } else { None };
    let name = match node {
        Some(node) => {
            notes.push(("dag_node", (&*node).into()));
            node.into()
        }
        None => naming::task_name(key).into(),
    };
    (name, notes)
}
