//! [`Submission`]: what is to be submitted, and [`Submitted`]: what was. Runs nothing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tool::Invocation;
use super::which::Which;
use crate::condor::JobKey;
use crate::condor::log::dag;
use crate::model::Timestamp;

/// What is to be submitted: a description of jobs, in HTCondor's language, as text or in a file; or a DAG.
///
/// ```
/// use milepost::condor::Submission;
///
/// let sleep = Submission::text("executable = /bin/sleep\narguments = 60\nlog = sleep.log\nqueue 3\n");
/// let big = Submission::file("render.sub").append("request_memory = 4 GB");
/// # _ = (sleep, big);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a submission does nothing until it is given to a pool"]
pub struct Submission {
    what: What,
    lines: Vec<String>,
    pub(super) directory: Option<PathBuf>,
}

#[derive(Debug, Clone)]
enum What {
    Text(String),
    File(PathBuf),
    Dag(PathBuf),
}

impl Submission {
    fn new(what: What) -> Submission {
        Submission { what, lines: Vec::new(), directory: None }
    }

    /// A description, as it would be in a file.
    pub fn text(description: impl Into<String>) -> Submission {
        Submission::new(What::Text(description.into()))
    }

    /// A file that the tool reads, where it runs.
    pub fn file(path: impl Into<PathBuf>) -> Submission {
        Submission::new(What::File(path.into()))
    }

    /// A DAG in a file, which DAGMan is submitted for: it submits the nodes, each when it is their turn. What it left behind of an
    /// earlier submission of the same file it takes up, as `condor_submit_dag` does.
    pub fn dag(path: impl Into<PathBuf>) -> Submission {
        Submission::new(What::Dag(path.into()))
    }

    /// Adds a line to the description, before its `queue`; to the description of DAGMan if it is a DAG.
    pub fn append(mut self, line: impl Into<String>) -> Submission {
        self.lines.push(line.into());
        self
    }

    /// Where the tool runs, which relative paths in the description are below; where this process runs unless said. With a
    /// [prefix](super::Pool::run_by), it is where that runs.
    pub fn directory(mut self, folder: impl Into<PathBuf>) -> Submission {
        self.directory = Some(folder.into());
        self
    }

    pub(super) fn is_dag(&self) -> bool {
        matches!(self.what, What::Dag(_))
    }

    pub(super) fn invocation(&self, schedd: Option<&str>, pool: Option<&str>) -> Invocation {
        let lines = self.lines.iter().flat_map(|line| ["-append", line]);
        let submit = || {
            let submit = Invocation::new("condor_submit").arg("-terse").option("-name", schedd);
            submit.option("-pool", pool).args(lines.clone())
        };
        match &self.what {
            What::Text(text) => {
                Invocation { stdin: Some(text.clone().into_bytes()), ..submit().arg("-") }
            }
            What::File(path) => submit().arg(no_option(path)),
            What::Dag(path) => Invocation::new("condor_submit_dag")
                .option("-Remote", schedd)
                .args(lines.clone())
                .arg(no_option(path)),
        }
    }
}

/// A path that isn't taken for an option, nor for the standard input.
fn no_option(path: &Path) -> OsString {
    match path.as_os_str().as_encoded_bytes().first() {
        Some(b'-') => Path::new(".").join(path).into(),
        _ => path.into(),
    }
}

/// Jobs that were submitted. It can be written down by serde, and tracked later or elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Submitted {
    /// The jobs, by cluster with the first and last number in it. Some of them may be made later, as HTCondor needs them.
    pub jobs: Vec<JobRange>,
    /// The logs that their events are in, by what the queue says of them; empty if they have none.
    pub logs: Vec<PathBuf>,
    /// Whether it is DAGMan, which submits more.
    pub dag: bool,
    /// When they were submitted, if the queue has said so.
    pub at: Option<Timestamp>,
    /// Whose queue they are in, if not the pool's own.
    pub schedd: Option<Arc<str>>,
}

/// Jobs of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobRange {
    /// The cluster.
    pub cluster: i64,
    /// The number of the first one in it.
    pub first: i64,
    /// The number of the last one in it.
    pub last: i64,
}

impl JobRange {
    /// How many jobs there are.
    pub(super) fn count(&self) -> usize {
        let jobs = self.last.saturating_sub(self.first).saturating_add(1);
        usize::try_from(jobs).unwrap_or(0)
    }
}

impl Submitted {
    /// Jobs that were submitted by others: clusters with how many jobs each has.
    ///
    /// ```
    /// use milepost::condor::Submitted;
    ///
    /// let submitted = Submitted::clusters([(114, 3)]).log("render.log");
    /// assert_eq!(submitted.count(), 3);
    /// ```
    pub fn clusters(clusters: impl IntoIterator<Item = (i64, i64)>) -> Submitted {
        let range = |(cluster, jobs): (i64, i64)| {
            let last = jobs.saturating_sub(1);
            JobRange { cluster, first: 0, last }
        };
        Submitted { jobs: clusters.into_iter().map(range).collect(), ..Submitted::default() }
    }

    /// With a log that their events are in.
    pub fn log(mut self, path: impl Into<PathBuf>) -> Submitted {
        self.logs.push(path.into());
        self
    }

    /// The cluster; the first one if there are several, as for a description with several `queue`.
    pub fn cluster(&self) -> Option<i64> {
        self.jobs.first().map(|range| range.cluster)
    }

    /// How many jobs there are.
    pub fn count(&self) -> usize {
        self.jobs.iter().fold(0, |sum, range| sum.saturating_add(range.count()))
    }

    /// The jobs.
    pub fn keys(&self) -> impl Iterator<Item = JobKey> {
        let of = |range: &JobRange| {
            let cluster = range.cluster;
            (range.first..=range.last).map(move |proc| JobKey::new(cluster, proc))
        };
        self.jobs.iter().flat_map(of)
    }

    /// The log of DAGMan's nodes, which is beside its own.
    pub(super) fn nodes_log(&self) -> Option<PathBuf> {
        self.logs.iter().find_map(|log| dag::nodes_log(log))
    }

    pub(super) fn with_log_of_nodes(mut self) -> Submitted {
        self.logs.extend(self.nodes_log());
        self
    }
}

/// The clusters as wholes.
impl From<&Submitted> for Which {
    fn from(submitted: &Submitted) -> Which {
        Which::clusters(submitted.jobs.iter().map(|range| range.cluster))
    }
}

/// What `condor_submit -terse` prints: a line a cluster, as `114.0 - 114.2`.
pub(super) fn ranges(printed: &str) -> Option<Vec<JobRange>> {
    let range = |line: &str| {
        let (first, last) = line.split_once(" - ")?;
        let ((cluster, first), (_, last)) = (job(first)?, job(last)?);
        Some(JobRange { cluster, first, last })
    };
    let found: Vec<JobRange> = printed.lines().filter_map(range).collect();
    (!found.is_empty()).then_some(found)
}

fn job(text: &str) -> Option<(i64, i64)> {
    let (cluster, proc) = text.trim().split_once('.')?;
    Some((cluster.parse().ok()?, proc.parse().ok()?))
}

/// What `condor_submit_dag` prints of the job that DAGMan is: `1 job(s) submitted to cluster 117.`
pub(super) fn dag_range(printed: &str) -> Option<Vec<JobRange>> {
    let (_, rest) = printed.split_once("submitted to cluster ")?;
    let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(vec![JobRange { cluster: number.parse().ok()?, first: 0, last: 0 }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_submitted_is_read_from_what_the_tools_print() {
        let printed = "\nWarning: Use of multiple - deprecated.\n105.0 - 105.1\n106.0 - 106.0\n";
        let submitted =
            Submitted { jobs: ranges(printed).expect("ranges"), ..Submitted::default() };
        let keys: Vec<String> = submitted.keys().map(|key| key.to_string()).collect();
        assert_eq!(keys, ["105.0", "105.1", "106.0"]);
        assert_eq!(ranges("ERROR: no such file"), None);
        let dag = dag_range("Submitting job(s).\n1 job(s) submitted to cluster 117.\n---");
        assert_eq!(dag.map(|ranges| ranges[0].cluster), Some(117));
    }

    #[test]
    fn a_range_of_any_numbers_has_a_count() {
        let all = JobRange { cluster: 7, first: i64::MIN, last: i64::MAX };
        assert_eq!(all.count(), usize::MAX >> 1);
        for jobs in [i64::MIN, -1, 0] {
            assert_eq!(Submitted::clusters([(7, jobs)]).count(), 0);
        }
        let twice = Submitted { jobs: vec![all; 3], ..Submitted::default() };
        assert_eq!(twice.count(), usize::MAX);
    }

    #[test]
    fn a_file_is_never_an_option() {
        let words = Submission::file("-x.sub").append("a = 1").invocation(None, None).arguments;
        assert_eq!(words, ["-terse", "-append", "a = 1", "./-x.sub"]);
        let words = Submission::dag("-").invocation(Some("s"), None).arguments;
        assert_eq!(words, ["-Remote", "s", "./-"]);
    }
}
