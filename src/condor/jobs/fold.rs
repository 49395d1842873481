//! [`Jobs`]: the fold of events into jobs. Reads no file and waits for nothing; which state an event means is in `states`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::builder::{JobsBuilder, Settings};
use super::group::{Group, Notes, Number};
use super::naming;
use super::noted::note;
use super::procs::Procs;
use super::states::{Seen, When, is_of_job, seen};
use crate::condor::events::body::Body;
use crate::condor::events::event::Event;
use crate::condor::events::event_type::EventType;
use crate::condor::events::key::JobKey;
use crate::condor::log::dag;
use crate::condor::log::logs::Followed;
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
/// An attempt is counted when the one before it is over, also if it never runs: of a job that is removed while it runs, 004 comes before
/// 009. Of jobs that were submitted as held, logs say nothing but that they were submitted.
///
/// States that are final stay (C5). Events that come twice, too late, or without those before them are no errors; of a log that is read
/// again from its beginning, attempts may be counted again. That 016 (a script after a DAG's node) calls a failed node a success
/// changes nothing, as the task has ended by then.
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
/// Cancelling such a job has no effect on HTCondor: tasks that wait are called canceled here, and those that run once they have ended,
/// or after the job's [grace](crate::JobBuilder::grace). What is [tracked by a pool](crate::condor::Tracked) is removed there.
///
/// All events are of one schedd. Tasks that have not ended when the `Jobs` are dropped are interrupted, as nobody tells of them any more.
#[derive(Debug)]
pub struct Jobs {
    pub(in crate::condor) settings: Settings,
    pub(in crate::condor) groups: HashMap<Of, Group>,
    /// The DAGs that clusters belong to, by the log that names them.
    pub(in crate::condor) nodes: HashMap<i64, Arc<Path>>,
    /// What is known of DAGs by the logs of their own jobs: whether they go on.
    dags: HashMap<Arc<Path>, bool>,
    pub(in crate::condor) opened: Vec<Job>,
    /// What has ended in clusters that were let go of: what is told of it later is nothing new.
    pub(in crate::condor) forgotten: Procs,
    /// What may have ended since all was read.
    pub(in crate::condor) done: Vec<Of>,
}

/// What becomes one job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::condor) enum Of {
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

    pub(in crate::condor) fn with(settings: Settings) -> Jobs {
        Jobs {
            settings,
            groups: HashMap::new(),
            nodes: HashMap::new(),
            dags: HashMap::new(),
            opened: Vec::new(),
            forgotten: Procs::default(),
            done: Vec::new(),
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

    /// The same of a log that is followed.
    pub(crate) fn apply_of(&mut self, log: &Followed, event: &Event) {
        match &log.nodes {
            Some(nodes) => {
                let body = event.body();
                // If none of its nodes can be submitted, there is no other word of the DAG.
                if event.event_type() == EventType::SUBMIT {
                    self.opened_group(&Of::Dag(nodes.as_path().into()), event, &body);
                }
                self.dagman(nodes, event, &body);
            }
            None => self.apply_from(&log.path, event),
        }
    }

    /// An event with its body.
    pub(in crate::condor) fn take(&mut self, log: &Path, event: &Event, body: &Body<'_>) {
        let (event_type, key) = (event.event_type(), event.key());
        if let Some(nodes) = dag::nodes_log(log) {
            self.dagman(&nodes, event, body);
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
        if self.has_ended(&of, number) {
            return;
        }
        let measure = self.settings.measure.clone();
        let Some(group) = self.opened_group(&of, event, body) else { return };
        if !group.is_live(number) {
            let (name, notes) = new_task(key, event, body);
            group.add(number, name, notes);
        }
        if let Of::Cluster(_) = of {
            group.count(body);
        }
        let Some(live) = group.live(number) else { return };
        note(body, &measure, live);
        let Some(Seen { what, when }) = seen(event_type, body) else { return };
        live.is_broken = false;
        if when == When::Always || live.reporter.state().is_active() {
            group.observe(number, what);
        }
        if group.is_done() {
            self.done.push(of);
        }
    }

    /// Whether it was told how the job has ended.
    pub(in crate::condor) fn has_ended(&self, of: &Of, number: Number) -> bool {
        let is_forgotten = matches!(of, Of::Cluster(_)) && self.forgotten.contains(number);
        is_forgotten || self.groups.get(of).is_some_and(|group| group.has_ended(number))
    }

    /// An event of a whole cluster.
    fn take_cluster(&mut self, cluster: i64, event: &Event, body: &Body<'_>) {
        let of = Of::Cluster(cluster);
        match event.event_type() {
            EventType::CLUSTER_SUBMIT => {
                // Twice, or after its end: there is nothing to be opened.
                if !self.groups.contains_key(&of)
                    && !self.forgotten.has_cluster(cluster)
                    && let Some(group) = self.opened_group(&of, event, body)
                {
                    group.goes_on = true;
                }
            }
            EventType::CLUSTER_REMOVE => {
                let Some(group) = self.groups.get_mut(&of) else { return };
                group.goes_on = false;
                group.tell(event.at());
                if let Body::ClusterRemove(removed) = body
                    && let Ok(jobs) = usize::try_from(removed.jobs)
                {
                    group.expect(jobs);
                }
                self.done.push(of);
            }
            _ => {}
        }
    }

    /// What the log of a DAG's own job says.
    pub(in crate::condor) fn dagman(&mut self, nodes: &Path, event: &Event, body: &Body<'_>) {
        let goes_on = match event.event_type() {
            EventType::SUBMIT | EventType::EXECUTE => true,
            EventType::JOB_TERMINATED | EventType::JOB_ABORTED => false,
            _ => return,
        };
        let nodes: Arc<Path> = nodes.into();
        let before = self.dags.insert(nodes.clone(), goes_on);
        let of = Of::Dag(nodes);
        if !goes_on && before != Some(false) {
            self.dagman_ended(&of, event, body);
        }
        if let Some(group) = self.groups.get_mut(&of) {
            group.goes_on = goes_on;
            self.done.push(of);
        }
    }

    /// DAGMan's own job has ended. If that was no success although all nodes were one, as when a node could not be submitted, it is a
    /// task that says so.
    fn dagman_ended(&mut self, of: &Of, event: &Event, body: &Body<'_>) {
        let is_success = matches!(body, Body::Terminated(end) if end.ended.is_success());
        let Some(group) = self.groups.get_mut(of).filter(|group| group.is_open()) else { return };
        group.tell(event.at());
        if !is_success
            && group.is_well()
            && let Some(Seen { what, .. }) = seen(event.event_type(), body)
        {
            let JobKey { cluster, proc, .. } = event.key();
            let notes = vec![("cluster", cluster.into()), ("proc", proc.into())];
            group.add((cluster, proc), "DAGMan".into(), notes);
            group.observe((cluster, proc), what);
        }
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
        let Jobs { settings, groups, dags, opened, .. } = self;
        let group = groups.entry(of.clone()).or_insert_with(|| match of {
            Of::Cluster(cluster) => {
                let submit = match body {
                    Body::Submit(submit) | Body::ClusterSubmit(submit) => Some(submit),
                    _ => None,
                };
                let batch = naming::batch(event, submit);
                let name = batch.map_or_else(|| format!("cluster {cluster}"), String::from);
                Group::new(name, vec![("cluster", (*cluster).into())], settings.clock())
            }
            Of::Dag(log) => {
                let mut dag = Group::new(dag::dag_name(log), Vec::new(), settings.clock());
                dag.goes_on = dags.get(log).copied().unwrap_or(true);
                dag
            }
        });
        if group.open(event.at())? {
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
        self.settle();
    }

    /// The same; jobs that end are let go of.
    pub(crate) fn caught_up_and_forget(&mut self) {
        for of in self.settle() {
            self.forget(&of);
        }
    }

    /// Ends what has ended; returns what that may be.
    fn settle(&mut self) -> Vec<Of> {
        let done = std::mem::take(&mut self.done);
        for of in &done {
            if let Some(group) = self.groups.get_mut(of) {
                group.settle();
            }
        }
        done
    }

    /// Lets go of a job if it has ended. Of a cluster, what has ended in it is all that is kept.
    fn forget(&mut self, of: &Of) {
        let Some(group) = self.groups.get_mut(of).filter(|group| group.is_over()) else { return };
        match of {
            Of::Cluster(_) => {
                self.forgotten.extend(group.take_ended());
                self.groups.remove(of);
            }
            Of::Dag(_) => group.forget(),
        }
    }

    /// There won't be more: jobs take no more tasks, and end if all of theirs have. Tasks that have not ended stay as they are
    /// until this is dropped.
    pub fn finish(&mut self) {
        for group in self.groups.values_mut() {
            group.finish();
        }
    }

    /// Lets go of the jobs that have ended, as who follows logs for ever would else keep them all.
    pub fn forget_ended(&mut self) {
        for of in self.groups.keys().cloned().collect::<Vec<_>>() {
            self.forget(&of);
        }
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::condor::ad::attributes::Attributes;
    use crate::condor::events::body::{ClusterRemove, ImageSize, Submit};
    use crate::condor::events::ending::{Ended, Evicted, Terminated, Usage};
    use crate::condor::events::event::Source;
    use crate::model::{CauseKind, Event as Told, JobState, TaskSnapshot, TaskState};

    const OTHER: Body<'_> = Body::Other(Attributes::NONE);

    fn event(number: u32, key: JobKey, second: i64) -> Event {
        let source = Source::Text { text: "".into(), head: 0 };
        let micros = second * 1_000_000;
        Event { event_type: EventType::new(number), key, micros, utc_offset: 0, offset: 0, source }
    }

    /// Events of `114.0`, a second after the other.
    #[derive(Default)]
    struct Log(Jobs, i64);

    impl Log {
        fn at(&mut self, number: u32, key: JobKey, body: Body<'_>) -> &mut Log {
            self.1 += 1;
            self.0.take(Path::new("/d.dag.nodes.log"), &event(number, key, self.1), &body);
            self
        }

        fn of(&mut self, number: u32, body: Body<'_>) -> &mut Log {
            self.at(number, JobKey::new(114, 0), body)
        }

        /// Of DAGMan's own job.
        fn dagman(&mut self, number: u32, body: Body<'_>, second: i64) -> &mut Log {
            let event = event(number, JobKey::new(100, 0), second);
            self.0.dagman(Path::new("/d.dag.nodes.log"), &event, &body);
            self
        }

        fn plain(&mut self, numbers: &[u32]) -> &mut Log {
            for number in numbers {
                self.of(*number, OTHER);
            }
            self
        }

        fn tasks(&self) -> Vec<TaskSnapshot> {
            self.0.job(114).expect("there is a job").snapshot().tasks
        }

        fn task(&self) -> (TaskState, u32) {
            let tasks = self.tasks();
            assert_eq!(tasks.len(), 1);
            (tasks[0].state, tasks[0].attempt)
        }
    }

    fn terminated(ended: Ended) -> Body<'static> {
        let usage = Usage::default();
        Body::Terminated(Terminated {
            ended,
            core_file: None,
            run_remote: usage,
            run_local: usage,
            total_remote: usage,
            total_local: usage,
            sent: 1.0,
            received: 2.0,
            total_sent: 10.0,
            total_received: 20.0,
            resources: Vec::new(),
        })
    }

    fn requeued() -> Body<'static> {
        let usage = Usage::default();
        Body::Evicted(Evicted {
            checkpointed: false,
            requeued: Some(Ended::Exited(3)),
            core_file: None,
            reason: None,
            code: None,
            subcode: None,
            run_remote: usage,
            run_local: usage,
            sent: 0.0,
            received: 0.0,
            resources: Vec::new(),
        })
    }

    fn node(name: &'static str) -> Body<'static> {
        let log_notes = Some(name);
        Body::Submit(Submit { log_notes, ..Submit::default() })
    }

    use TaskState::*;

    #[test]
    fn each_event_means_the_state_that_the_table_says() {
        let table: &[(&[u32], TaskState, u32)] = &[
            (&[0], Submitted, 1),
            (&[0, 1], Running, 1),
            (&[0, 14, 14], Running, 1),
            (&[0, 1, 4], Submitted, 2),
            (&[0, 1, 7], Submitted, 2),
            (&[0, 1, 22], Running, 1),
            (&[0, 1, 22, 23], Running, 1),
            (&[0, 1, 22, 24], Submitted, 2),
            (&[0, 1, 10], Suspended, 1),
            (&[0, 1, 10, 11], Running, 1),
            (&[0, 1, 4, 12], Held, 2),
            (&[0, 1, 12], Held, 2),
            (&[0, 1, 12, 13], Submitted, 2),
            (&[0, 12, 13, 1], Running, 1),
            (&[0, 1, 4, 1, 4, 1], Running, 3),
            (&[0, 1, 9], Canceled, 1),
            (&[0, 46], Submitted, 1),
            (&[0, 1, 2], Running, 1),
            (&[34], Completed, 1),
            (&[0, 1, 6, 8, 28, 33, 40, 21, 3], Running, 1),
        ];
        for (numbers, state, attempt) in table {
            let mut log = Log::default();
            log.plain(numbers);
            assert_eq!(log.task(), (*state, *attempt), "{numbers:?}");
        }
    }

    #[test]
    fn what_comes_twice_or_without_what_is_before_it_is_no_other_state() {
        let exited = || terminated(Ended::Exited(0));
        let table: &[(&[u32], TaskState, u32)] = &[
            (&[0, 0, 1, 1], Running, 1),
            (&[1, 0], Running, 1),
            (&[1], Running, 1),
            (&[0, 4], Submitted, 1),
            (&[4, 4, 1], Running, 1),
            (&[0, 1, 4, 4, 1], Running, 2),
            (&[0, 1, 12, 4], Held, 2),
            (&[0, 1, 12, 12], Held, 2),
            (&[0, 1, 12, 1], Running, 2),
            (&[0, 9, 9, 0, 1, 12], Canceled, 1),
            (&[11], Running, 1),
        ];
        for (numbers, state, attempt) in table {
            let mut log = Log::default();
            log.plain(numbers);
            assert_eq!(log.task(), (*state, *attempt), "{numbers:?}");
        }
        for before in [&[0, 1][..], &[0], &[], &[0, 1, 12]] {
            let mut log = Log::default();
            log.plain(before).of(5, exited()).of(5, terminated(Ended::Exited(1)));
            log.plain(&[0, 1, 28, 9]);
            assert_eq!(log.task().0, Completed, "{before:?}");
            assert_eq!(log.0.opened().count(), 1);
        }
    }

    #[test]
    fn an_end_says_how_and_a_retry_why() {
        let mut log = Log::default();
        let mut of = |proc, number, body| {
            log.at(number, JobKey::new(114, proc), body);
        };
        let memory = |memory_usage| ImageSize { size: 5_000, memory_usage, ..ImageSize::default() };
        of(0, 6, Body::ImageSize(memory(None)));
        of(0, 6, Body::ImageSize(memory(Some(12))));
        of(0, 5, terminated(Ended::Exited(3)));
        of(1, 5, terminated(Ended::Signaled(9)));
        of(2, 5, OTHER);
        of(3, 9, Body::Aborted { reason: Some("via condor_rm") });
        of(4, 1, OTHER);
        let job = log.0.job(114).expect("there is one");
        let mut events = job.task_state_changed().from_now();
        log.at(4, JobKey::new(114, 4), requeued());
        let held = Body::Held { reason: Some("disk full"), code: 6, subcode: 8 };
        log.at(12, JobKey::new(114, 4), held);
        let (again, held) = (events.try_recv().expect("it is"), events.try_recv().expect("it is"));
        let again = again.cause.expect("there is one");
        assert_eq!(again.kind, CauseKind::Retry);
        assert_eq!(again.message.as_deref(), Some("exit code 3, and it is to run again"));
        let held = held.cause.and_then(|cause| cause.message.clone());
        assert_eq!(held.as_deref(), Some("disk full (code 6, subcode 8)"));
        let tasks = log.tasks();
        let told = |at: usize| {
            let error = tasks[at].error.as_ref().expect("it has not completed");
            (tasks[at].state, error.message.to_string())
        };
        assert_eq!(told(0), (Failed, "exit code 3".into()));
        assert_eq!(told(1), (Failed, "killed by signal 9".into()));
        assert_eq!(told(2), (Failed, "the log doesn't say how it ended".into()));
        assert_eq!(told(3), (Canceled, "via condor_rm".into()));
        let json = serde_json::to_value(&tasks[0].properties).expect("it is JSON");
        let expected = serde_json::json!({"cluster": 114, "proc": 0, "exit_code": 3, "memory_mib": 12,
            "bytes_sent": 10, "bytes_received": 20});
        assert_eq!(json, expected);
    }

    #[test]
    fn what_cant_be_run_has_failed_if_nothing_else_comes() {
        let error = Body::ExecutableError { code: 0 };
        let mut log = Log::default();
        log.plain(&[0, 1]).of(2, error.clone()).plain(&[28]);
        assert_eq!(log.task().0, Running);
        log.0.finish();
        assert_eq!(log.task().0, Failed);
        let mut log = Log::default();
        log.plain(&[0, 1]).of(2, error).plain(&[12]);
        log.0.finish();
        assert_eq!(log.task().0, Held);
    }

    #[test]
    fn progress_is_told_by_the_times_of_the_log_where_that_is_wanted() {
        let mut log = Log(Jobs::builder().by_log_time().build(), 0);
        log.plain(&[0, 1]);
        let job = log.0.job(114).expect("there is one");
        let mut progress = job.task_progress_updated();
        for info in ["progress 10%", "progress 20%", "progress 30%"] {
            log.of(8, Body::Generic { info });
        }
        let mut told = || {
            let told = std::iter::from_fn(|| progress.try_recv());
            told.map(|it| (it.progress, it.at.as_micros())).collect::<Vec<_>>()
        };
        assert_eq!(told(), [(Some(10.0), 3_200_000), (Some(20.0), 4_200_000)]);
        log.0.finish();
        assert_eq!(told(), [(Some(30.0), 5_200_000)]);
    }

    #[test]
    fn events_have_the_times_of_the_log() {
        let mut log = Log::default();
        log.plain(&[0, 1]).of(5, terminated(Ended::Exited(0)));
        // Those of other jobs are no times of this one.
        log.at(0, JobKey::new(115, 0), OTHER);
        log.0.caught_up();
        let job = log.0.job(114).expect("there is one");
        let mut events = job.events();
        let told: Vec<Told> = std::iter::from_fn(|| events.blocking_next()).collect();
        let seconds = |event: &Told| event.at().as_micros() / 1_000_000;
        assert_eq!((seconds(&told[0]), seconds(&told[told.len() - 1])), (1, 3));
        let Told::JobCompleted(end) = &told[told.len() - 1] else { panic!("{told:?}") };
        assert_eq!(end.elapsed.as_secs(), 2);
    }

    #[test]
    fn a_job_ends_when_all_was_read_and_has_ended_and_another_one_follows_it() {
        let mut log = Log::default();
        log.plain(&[0]).of(5, terminated(Ended::Exited(0)));
        let first = log.0.opened().next().expect("one job");
        assert_eq!(first.name(), "cluster 114");
        log.at(0, JobKey::new(114, 1), OTHER);
        log.0.caught_up();
        assert!(!first.is_ended());
        log.at(9, JobKey::new(114, 1), OTHER);
        assert!(!first.is_ended());
        log.0.caught_up();
        assert_eq!(first.state(), JobState::Canceled);
        log.plain(&[5, 28]).at(0, JobKey::new(114, 2), OTHER);
        let second = log.0.opened().next().expect("another job");
        assert_eq!((second.counts().total(), first.counts().total()), (1, 2));
        assert_eq!(log.0.job(114), Some(second.clone()));
        log.0.forget_ended();
        assert_eq!(log.0.iter().count(), 1);
        assert_eq!(log.0.opened().count(), 0);
    }

    #[test]
    fn a_cluster_that_makes_its_jobs_as_they_are_needed_goes_on_until_it_says_so() {
        let whole = JobKey::new(114, -1);
        let mut log = Log::default();
        log.at(35, whole, Body::ClusterSubmit(Submit::default()));
        let job = log.0.opened().next().expect("one job");
        log.0.caught_up();
        log.plain(&[0]).of(5, terminated(Ended::Exited(0)));
        log.0.caught_up();
        assert!(!job.is_ended());
        let removed = ClusterRemove { jobs: 2, items: 0, completion: 1, notes: None };
        log.at(37, whole, OTHER).at(38, whole, OTHER);
        log.at(36, whole, Body::ClusterRemove(removed));
        assert_eq!(job.progress().expected, Some(2));
        log.0.caught_up();
        assert_eq!(job.state(), JobState::Completed);
        let ended_at = job.snapshot().ended_at.map(|at| at.as_micros());
        assert_eq!(ended_at, u64::try_from(log.1 * 1_000_000).ok());
        log.at(36, whole, OTHER).at(35, whole, OTHER);
        assert_eq!(log.0.opened().count(), 0);
    }

    #[test]
    fn the_nodes_of_a_dag_are_one_job_which_ends_with_dagmans() {
        let mut log = Log::default();
        for cluster in [114, 115] {
            log.at(0, JobKey::new(cluster, 0), node("DAG Node: A"));
            log.at(5, JobKey::new(cluster, 0), terminated(Ended::Exited(0)));
        }
        let no_op = JobKey { cluster: 0, proc: i32::MAX.into(), subproc: 2 };
        log.at(0, no_op, node("DAG Node: N")).at(5, no_op, terminated(Ended::Exited(0)));
        log.at(16, no_op, OTHER).at(16, JobKey::new(115, 0), OTHER);
        let dag = log.0.opened().next().expect("one job");
        let names: Vec<_> = log.tasks().iter().map(|task| task.name.to_string()).collect();
        assert_eq!((dag.name(), names), ("d.dag", vec!["A".into(), "A".into(), "N".into()]));
        log.0.caught_up();
        assert!(!dag.is_ended());
        log.dagman(0, OTHER, 99).dagman(5, terminated(Ended::Exited(0)), 100);
        log.0.caught_up();
        assert_eq!((dag.state(), log.0.opened().count()), (JobState::Completed, 0));
        assert_eq!(dag.snapshot().ended_at.map(|at| at.as_micros()), Some(100_000_000));
    }

    #[test]
    fn of_a_cluster_that_was_let_go_of_is_kept_what_has_ended_in_it() {
        let mut log = Log::default();
        for round in 0..2 {
            for proc in [2 * round, 2 * round + 1] {
                let key = JobKey::new(114, proc);
                log.at(0, key, OTHER).at(5, key, terminated(Ended::Exited(0)));
            }
            log.0.caught_up_and_forget();
            assert!(log.0.groups.is_empty());
            // What is told again is nothing new, and what comes after it is another job.
            for number in [0, 1, 5] {
                log.at(number, JobKey::new(114, 0), OTHER);
            }
            log.at(35, JobKey::new(114, -1), OTHER).at(36, JobKey::new(114, -1), OTHER);
            assert_eq!((log.0.opened().count(), log.0.groups.len()), (1, 0), "{round}");
        }
        // One that was canceled here runs on there, and isn't let go of before that is over.
        log.at(0, JobKey::new(115, 0), OTHER).at(1, JobKey::new(115, 0), OTHER);
        let job = log.0.job(115).expect("there is one");
        job.cancel_now("enough");
        log.0.caught_up_and_forget();
        log.at(10, JobKey::new(115, 0), OTHER).at(5, JobKey::new(115, 0), OTHER);
        log.0.caught_up_and_forget();
        assert_eq!((log.0.opened().count(), log.0.groups.len()), (1, 0));
    }

    #[test]
    fn why_a_run_is_over_is_told() {
        let Body::Evicted(retry) = requeued() else { panic!("it is one") };
        for (requeued, reason, expected) in [
            (retry.requeued, None, "exit code 3, and it is to run again"),
            (retry.requeued, Some("on_exit"), "exit code 3, and it is to run again: on_exit"),
            (None, Some("preempted"), "evicted: preempted"),
            (None, None, "evicted"),
        ] {
            let mut log = Log::default();
            log.plain(&[0, 1]).of(4, Body::Evicted(Evicted { requeued, reason, ..retry.clone() }));
            let job = log.0.job(114).expect("there is one");
            let mut changes = job.task_state_changed();
            let last = std::iter::from_fn(|| changes.try_recv()).last();
            let cause = last.and_then(|change| change.cause).and_then(|it| it.message.clone());
            assert_eq!(cause.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_dag_fails_if_dagman_does_and_no_node_has() {
        let all = |log: &Log, dag: &Job| {
            let told = dag.snapshot().tasks.into_iter();
            (
                dag.state(),
                log.0.iter().count(),
                told.map(|task| task.name.to_string()).collect::<Vec<_>>(),
            )
        };
        let of = |name: &str| (JobState::Failed, 1, vec![name.to_owned()]);
        let nodes = Some(PathBuf::from("/d.dag.nodes.log"));
        let followed = Followed { path: "/d.dag.dagman.log".into(), nodes };
        let mut log = Log::default();
        log.0.apply_of(&followed, &event(0, JobKey::new(100, 0), 1));
        log.dagman(5, terminated(Ended::Exited(1)), 2);
        let dag = log.0.opened().next().expect("one job");
        log.0.caught_up();
        assert_eq!(all(&log, &dag), of("DAGMan"));
        // Told again, as when its log is read again.
        log.dagman(5, terminated(Ended::Exited(1)), 2);
        assert_eq!(log.0.opened().count(), 0);

        let mut log = Log::default();
        log.dagman(0, OTHER, 1).of(0, node("DAG Node: A")).of(5, terminated(Ended::Exited(3)));
        let dag = log.0.opened().next().expect("one job");
        log.dagman(5, terminated(Ended::Exited(1)), 9);
        log.0.caught_up();
        assert_eq!(all(&log, &dag), of("A"));
    }

    #[test]
    fn what_is_of_no_job_makes_no_task() {
        let mut log = Log::default();
        log.at(8, JobKey { cluster: -1, proc: -1, subproc: -1 }, OTHER);
        log.at(16, JobKey { cluster: -1, proc: -1, subproc: -1 }, OTHER);
        for number in [100, 111, 16, 39, 47, 4711] {
            log.at(number, JobKey::new(1, 0), OTHER);
        }
        log.at(36, JobKey::new(7, -1), OTHER);
        assert_eq!((log.0.iter().count(), log.0.opened().count()), (0, 0));
        log.of(0, OTHER).at(14, JobKey { subproc: 3, ..JobKey::new(114, 0) }, OTHER);
        log.at(15, JobKey { subproc: 3, ..JobKey::new(114, 0) }, OTHER);
        assert_eq!(log.task(), (Running, 1));
    }

    #[test]
    fn a_job_that_somebody_canceled_takes_no_harm_from_its_log() {
        let mut log = Log::default();
        log.plain(&[0]);
        let job = log.0.job(114).expect("there is one");
        job.cancel("enough");
        log.plain(&[1]).of(5, terminated(Ended::Exited(0))).at(1, JobKey::new(114, 1), OTHER);
        job.cancel_now("enough");
        log.at(5, JobKey::new(114, 1), terminated(Ended::Exited(0)));
        log.0.caught_up();
        assert_eq!(job.state(), JobState::Canceled);
    }

    #[test]
    fn what_has_not_ended_is_left_as_it_is_and_interrupted_when_nobody_tells_of_it() {
        let mut log = Log::default();
        log.plain(&[0, 1]);
        let job = log.0.job(114).expect("there is one");
        log.0.finish();
        assert_eq!((log.task().0, job.is_ended()), (Running, false));
        drop(log);
        assert_eq!(job.snapshot().tasks[0].state, Interrupted);
    }
}
