//! What is tracked: submissions with their jobs, their logs, and what the log and polls have said of them. Asks and waits for
//! nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{BoxStream, Stream};

use super::cancel::{Cancel, CancelWhich, canceled};
use super::job_ad::JobAd;
use super::poll::{Asked, Queue};
use super::reconcile::{Found, Reconciler, Repair};
use super::submit::{JobRange, Submitted};
use super::told::{notes, observation};
use super::tracking::Tracked;
use super::which::Which;
use crate::base::Clock;
use crate::condor::jobs::fold::Of;
use crate::condor::jobs::repair::Known;
use crate::condor::{self, Follower, JobKey, Jobs, ReadError, Zone};
use crate::job::Job;
use crate::model::Timestamp;

/// A log that is followed.
pub(super) struct Log {
    path: Arc<Path>,
    follower: Follower,
}

type Read = (Arc<Path>, Result<condor::Event, ReadError>);

impl Log {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn try_next(&mut self) -> Option<Read> {
        let event = self.follower.try_next()?;
        Some((self.path.clone(), event))
    }
}

impl Stream for Log {
    type Item = Read;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Read>> {
        let path = self.path.clone();
        Pin::new(&mut self.follower).poll_next(cx).map(|event| Some((path, event?)))
    }
}

/// What a poll is to ask.
pub(super) struct Asks {
    pub(super) asked: Asked,
    pub(super) is_none: bool,
}

/// A cluster that is tracked.
struct Batch {
    range: JobRange,
    /// What the job is in `Jobs`.
    of: Of,
    job: Job,
    /// The log of the nodes, if this is DAGMan, and the job that they are.
    dag: Option<Arc<Path>>,
    dag_job: Option<Job>,
    logs: Vec<PathBuf>,
    /// All before this one have ended.
    first: i64,
    /// How many events there were of it.
    heard: u64,
    /// How many polls, one after the other, have found nothing of it in the queue.
    absent: u32,
    polls: u32,
    is_canceled: bool,
    /// Of how many jobs it may still be heard that somebody cancels them.
    listened: u32,
}

/// So many polls without a job in the queue are the end of a cluster.
const OVER: u32 = 3;

pub(super) struct Batches {
    jobs: Jobs,
    zone: Zone,
    clock: Clock,
    batches: BTreeMap<i64, Batch>,
    reconciler: Reconciler,
    /// How many events there were of each job that has not ended.
    heard: HashMap<JobKey, u64>,
    /// How many submissions have a log.
    logs: HashMap<PathBuf, usize>,
    /// The clusters of DAGMan's jobs, by the logs of the nodes.
    dags: HashMap<Arc<Path>, i64>,
    /// Those of which something was told since it was seen what has ended.
    touched: BTreeSet<i64>,
}

impl Batches {
    pub(super) fn new(jobs: Jobs, zone: Zone, clock: Clock) -> Batches {
        Batches {
            jobs,
            zone,
            clock,
            batches: BTreeMap::new(),
            reconciler: Reconciler::default(),
            heard: HashMap::new(),
            logs: HashMap::new(),
            dags: HashMap::new(),
            touched: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether a log is of something that is tracked.
    pub(super) fn reads(&self, log: &Path) -> bool {
        self.logs.contains_key(log)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.wall_micros())
    }

    /// Tracks more; what is to be listened to for that.
    pub(super) fn add(
        &mut self,
        submitted: &Submitted,
    ) -> (Tracked, Vec<Log>, Vec<BoxStream<'static, Cancel>>) {
        let new: Vec<&PathBuf> = submitted.logs.iter().filter(|log| !self.reads(log)).collect();
        let log = |path: &&PathBuf| Log {
            path: path.as_path().into(),
            follower: Follower::new(path).zone(self.zone.clone()).clock(self.clock.clone()),
        };
        let logs: Vec<Log> = new.iter().map(log).collect();
        let (mut jobs, mut cancels) = (Vec::new(), Vec::new());
        let at = submitted.at.unwrap_or_else(|| self.now());
        let nodes: Option<Arc<Path>> = match submitted.dag {
            true => submitted.nodes_log().map(Into::into),
            false => None,
        };
        for range in &submitted.jobs {
            let cluster = range.cluster;
            if let Some(batch) = self.batches.get(&cluster) {
                jobs.extend(batch.dag_job.iter().chain([&batch.job]).cloned());
                continue;
            }
            let Some(job) = self.jobs.await_cluster(cluster, range.count(), at) else { continue };
            cancels.push(canceled(&job, cluster));
            let mut listened = 1;
            let dag_job = nodes.as_ref().and_then(|nodes| self.jobs.await_dag(nodes, at));
            if let Some(dag) = &dag_job {
                cancels.push(canceled(dag, cluster));
                listened += 1;
                jobs.push(dag.clone());
            }
            jobs.push(job.clone());
            let batch = Batch {
                range: *range,
                of: Of::Cluster(cluster),
                job,
                dag: nodes.clone(),
                dag_job,
                logs: submitted.logs.clone(),
                first: range.first,
                heard: 0,
                absent: 0,
                polls: 0,
                is_canceled: false,
                listened,
            };
            for log in &batch.logs {
                *self.logs.entry(log.clone()).or_default() += 1;
            }
            if let Some(dag) = &batch.dag {
                self.dags.insert(dag.clone(), cluster);
            }
            self.batches.insert(cluster, batch);
        }
        // The jobs are given to who asked.
        self.jobs.opened().for_each(drop);
        (Tracked { jobs }, logs, cancels)
    }

    /// Takes what was read of a log. Whether the queue should be asked soon.
    pub(super) fn take(&mut self, log: &Path, event: Result<condor::Event, ReadError>) -> bool {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "the log of tracked jobs is not as it should be; the queue is asked");
                return true;
            }
        };
        let key = event.key();
        let batch = self.batches.get_mut(&key.cluster);
        // Others may write to the same log.
        let of = match (&batch, self.dags.get(log)) {
            (Some(_), _) => key.cluster,
            (None, Some(dag)) => *dag,
            (None, None) => return false,
        };
        if let Some(batch) = batch {
            batch.heard += 1;
        }
        self.touched.insert(of);
        self.jobs.apply_from(log, &event);
        let key = JobKey::new(key.cluster, key.proc);
        match self.jobs.known(key) {
            Known::Ended => _ = self.heard.remove(&key),
            _ => *self.heard.entry(key).or_default() += 1,
        }
        false
    }

    /// Which jobs of HTCondor's are to be removed as somebody has canceled this.
    pub(super) fn cancel(&mut self, which: CancelWhich) -> Option<Which> {
        match which {
            CancelWhich::Cluster(cluster) => {
                self.touched.insert(cluster);
                let batch = self.batches.get_mut(&cluster)?;
                let before = std::mem::replace(&mut batch.is_canceled, true);
                (!before).then(|| Which::cluster(cluster))
            }
            CancelWhich::Job(cluster, key) => {
                self.touched.insert(cluster);
                let batch = self.batches.get(&cluster)?;
                (!batch.is_canceled).then(|| key.into())
            }
            CancelWhich::Over(cluster) => {
                self.touched.insert(cluster);
                let batch = self.batches.get_mut(&cluster)?;
                batch.listened = batch.listened.saturating_sub(1);
                None
            }
        }
    }

    /// What a poll is to ask for.
    pub(super) fn asks(&self) -> Asks {
        let batches = || self.batches.values();
        let dags = batches().filter(|batch| batch.dag.is_some());
        let unmade = batches().filter(|batch| self.unknown(batch).next().is_some());
        let cluster = |batch: &Batch| batch.range.cluster;
        Asks {
            asked: Asked {
                clusters: batches().map(cluster).collect(),
                dags: dags.map(cluster).collect(),
                unmade: unmade.map(cluster).collect(),
            },
            is_none: self.batches.is_empty(),
        }
    }

    /// The jobs of a cluster of which nothing is known.
    fn unknown(&self, batch: &Batch) -> impl Iterator<Item = JobKey> {
        let (cluster, range) = (batch.range.cluster, batch.first..=batch.range.last);
        let keys = range.map(move |proc| JobKey::new(cluster, proc));
        keys.filter(|key| self.jobs.known(*key) == Known::Nothing)
    }

    /// The jobs of a cluster that have not ended, with the nodes if it is DAGMan.
    fn live(&self, batch: &Batch) -> Vec<JobKey> {
        let mut live = self.jobs.live_of(&batch.of);
        if let Some(dag) = &batch.dag {
            live.extend(self.jobs.live_of(&Of::Dag(dag.clone())));
        }
        live
    }

    fn heard(&self, key: JobKey) -> u64 {
        self.heard.get(&key).copied().unwrap_or(0)
    }

    /// The jobs whose end the log has missed, so that the history is to be asked.
    pub(super) fn missed(&self, queue: &Queue) -> Vec<JobKey> {
        let mut missed = Vec::new();
        for batch in self.batches.values() {
            let is_missed = |key: &JobKey| {
                !queue.jobs.contains_key(key) && self.reconciler.is_missed(*key, self.heard(*key))
            };
            missed.extend(self.live(batch).into_iter().filter(is_missed));
            // Of what the log never spoke of, the history may know, if there was time for the log to speak.
            let is_over = batch.absent > 0 && !queue.has(batch.range.cluster);
            if is_over || (batch.heard == 0 && batch.polls > 0) {
                missed.extend(self.unknown(batch).filter(|key| !queue.jobs.contains_key(key)));
            }
        }
        missed
    }

    /// Repairs what the log has missed, by what was found.
    pub(super) fn judge(&mut self, queue: &Queue, history: &HashMap<JobKey, JobAd>) {
        let mut keys: Vec<JobKey> = queue.jobs.keys().chain(history.keys()).copied().collect();
        for batch in self.batches.values() {
            keys.extend(self.live(batch));
        }
        keys.sort_unstable();
        keys.dedup();
        for &key in &keys {
            let ad = queue.jobs.get(&key).or_else(|| history.get(&key));
            let status = ad.and_then(JobAd::status);
            let found = match (queue.jobs.contains_key(&key), status) {
                (true, Some(status)) => Found::InQueue(status),
                (false, Some(status)) => Found::InHistory(status),
                (true, None) => continue,
                (false, None) => Found::Nowhere,
            };
            let (known, heard) = (self.jobs.known(key), self.heard(key));
            if let Some(repair) = self.reconciler.judge(key, known, heard, found) {
                self.repair(key, repair, ad);
            }
        }
        self.reconciler.keep(|key| keys.binary_search(&key).is_ok());
        self.touched.extend(self.batches.keys());
        for batch in self.batches.values_mut() {
            batch.polls = batch.polls.saturating_add(1);
            let is_there = queue.has(batch.range.cluster);
            batch.absent = if is_there { 0 } else { batch.absent.saturating_add(1) };
        }
    }

    fn repair(&mut self, key: JobKey, repair: Repair, ad: Option<&JobAd>) {
        let dag = self.dag_of(key, ad);
        let at = ad.and_then(JobAd::since).unwrap_or_else(|| self.now());
        tracing::info!(job = %key, ?repair, "the log of a tracked job has missed something");
        let node = ad.and_then(|ad| ad.ad().str("DAGNodeName"));
        let dag = dag.as_deref().map(|dag| (dag, node));
        self.jobs.repair(key, dag, observation(repair, ad), &notes(repair, ad), at);
        if self.jobs.known(key) == Known::Ended {
            self.heard.remove(&key);
        }
    }

    /// The log of the DAG's nodes that the job is one of.
    fn dag_of(&self, key: JobKey, ad: Option<&JobAd>) -> Option<Arc<Path>> {
        if self.batches.contains_key(&key.cluster) {
            return None;
        }
        self.batches.get(&ad?.ad().i64("DAGManJobId")?)?.dag.clone()
    }

    pub(super) fn doubts(&self) -> bool {
        self.reconciler.doubts() || self.batches.values().any(|batch| batch.absent > 0)
    }

    /// The logs of the nodes of DAGs of which something was told.
    pub(super) fn logs_of_dags(&self) -> Vec<Arc<Path>> {
        let touched = self.touched.iter().filter_map(|cluster| self.batches.get(cluster));
        touched.filter_map(|batch| batch.dag.clone()).collect()
    }

    /// Sees what has ended; all that there is to be read was taken. Whether there are logs that nobody needs any more.
    pub(super) fn settle(&mut self) -> bool {
        let touched = std::mem::take(&mut self.touched);
        let Batches { jobs, batches, reconciler, .. } = self;
        for &cluster in &touched {
            let Some(batch) = batches.get_mut(&cluster) else { continue };
            let ended = |proc| jobs.known(JobKey::new(cluster, proc)) == Known::Ended;
            while batch.first <= batch.range.last && ended(batch.first) {
                batch.first += 1;
            }
            let is_over = batch.absent >= OVER
                && !reconciler.doubts_any(cluster)
                && jobs.live_of(&batch.of).is_empty();
            if batch.first > batch.range.last || is_over {
                jobs.let_go(cluster);
                if let Some(dag) = &batch.dag {
                    jobs.let_go_dag(dag);
                }
            }
        }
        jobs.caught_up();
        let mut is_less = false;
        for cluster in touched {
            // Not before all was heard that was said before they ended.
            let ended = |batch: &Batch| batch.listened == 0;
            if self.batches.get(&cluster).is_some_and(ended) {
                is_less |= self.forget(cluster);
            }
        }
        is_less
    }

    /// Whether there are logs that nobody needs without it.
    fn forget(&mut self, cluster: i64) -> bool {
        let Some(batch) = self.batches.remove(&cluster) else { return false };
        let before = self.logs.len();
        for log in batch.logs {
            if let Some(count) = self.logs.get_mut(&log) {
                *count -= 1;
                if *count == 0 {
                    self.logs.remove(&log);
                }
            }
        }
        if let Some(dag) = &batch.dag {
            self.dags.remove(dag);
        }
        self.heard.retain(|key, _| key.cluster != cluster);
        self.jobs.forget_ended();
        self.logs.len() < before
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;
    use crate::base::block_on;

    #[test]
    fn what_has_ended_is_kept_until_it_was_heard_that_it_was_canceled() {
        let mut batches = Batches::new(Jobs::new(), Zone::utc(), Clock::system());
        let (tracked, _, mut cancels) = batches.add(&Submitted::clusters([(7, 1)]));
        tracked.job().cancel("not this");
        assert!(tracked.job().is_ended());
        batches.touched.insert(7);
        batches.settle();
        let mut heard = || block_on(cancels[0].next()).map(|cancel| cancel.which);
        assert!(batches.cancel(heard().expect("it was canceled")).is_some());
        batches.settle();
        assert!(!batches.is_empty());
        assert!(batches.cancel(heard().expect("it is over")).is_none());
        batches.settle();
        assert!(batches.is_empty() && heard().is_none());
    }
}
