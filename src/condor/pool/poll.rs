//! One poll for all jobs that are tracked: what is asked, and what was found. Decides nothing.

use std::collections::{HashMap, HashSet};

use super::PoolError;
use super::ask::Asker;
use super::job_ad::JobAd;
use super::query::Query;
use super::told::ATTRIBUTES;
use super::which::Which;
use crate::condor::JobKey;

/// What a poll asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) clusters: Vec<i64>,
    /// Clusters of DAGMan's jobs, whose nodes are asked for too.
    pub(super) dags: Vec<i64>,
    /// Clusters of which not all jobs have been seen: they may be made yet.
    pub(super) unmade: Vec<i64>,
}

/// What the queue has.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) jobs: HashMap<JobKey, JobAd>,
    /// Clusters that have jobs there, or still make some.
    clusters: HashSet<i64>,
}

impl Queue {
    pub(super) fn has(&self, cluster: i64) -> bool {
        self.clusters.contains(&cluster)
    }
}

/// So many jobs of a cluster are asked for by their keys; for more, it is asked for all.
const BY_KEY: usize = 200;

pub(super) async fn queue(asker: Asker, asked: Asked) -> Result<Queue, PoolError> {
    let query = |which: Which| Query::of(which).attributes(ATTRIBUTES.iter().copied());
    let mut found = Queue::default();
    let clusters = query(Which::clusters(asked.clusters));
    let mut jobs = asker.clone().list("condor_q", &clusters).await?;
    for dags in asked.dags.chunks(500) {
        let of: Vec<String> = dags.iter().map(|dag| format!("DAGManJobId == {dag}")).collect();
        let nodes = query(Which::constraint(of.join(" || "))).everyones();
        jobs.extend(asker.clone().list("condor_q", &nodes).await?);
    }
    found.clusters.extend(jobs.iter().map(|job| job.key().cluster));
    found.jobs.extend(jobs.into_iter().map(|job| (job.key(), job)));
    if !asked.unmade.is_empty() {
        let factories =
            Query::of(Which::clusters(asked.unmade)).attributes(["JobStatus"]).factories();
        let factories = asker.list("condor_q", &factories).await?;
        found.clusters.extend(factories.iter().map(|factory| factory.key().cluster));
    }
    Ok(found)
}

/// What the history has of these.
pub(super) async fn history(
    asker: Asker,
    keys: Vec<JobKey>,
) -> Result<HashMap<JobKey, JobAd>, PoolError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut of_cluster: HashMap<i64, Vec<JobKey>> = HashMap::new();
    for key in keys {
        of_cluster.entry(key.cluster).or_default().push(key);
    }
    let asked = of_cluster.into_iter().flat_map(|(cluster, keys)| {
        if keys.len() > BY_KEY { vec![JobKey::new(cluster, -1)] } else { keys }
    });
    let query = Query::of(Which::keys(asked)).attributes(ATTRIBUTES.iter().copied());
    let jobs = asker.list("condor_history", &query).await?;
    Ok(jobs.into_iter().map(|job| (job.key(), job)).collect())
}
