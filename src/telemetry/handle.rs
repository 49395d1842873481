//! [`Telemetry`]: the handle that jobs are given to. Knows which jobs have which metrics, and not what becomes of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;

use metrics::{Label, Recorder};
use parking_lot::Mutex;

use super::fold::Fold;
use super::instruments::Instruments;
use super::labels::{LabelError, Labels};
use crate::base::contain;
use crate::job::core::JobCore;
use crate::job::watch::{Made, Watcher};
use crate::job::{Job, ObservedScheduler, Observer, Scheduler};
use crate::model::{JobId, JobState, Timestamp};

/// Counts and measures what becomes of jobs, with the [`metrics`] facade: a cheap clone. What it tells is in the [module's
/// documentation](super).
///
/// It costs the threads that run tasks nothing but the wake-up of a callback, and idle jobs nothing at all. Metrics are a
/// moment behind, and are complete for a job whose end was waited for. It keeps no job, and a job keeps its own metrics: dropping
/// the telemetry stops nothing.
///
/// The exporter's recorder is to be there before the telemetry is made, as others of the process record by it too; one that is
/// only for this is [given to the builder](TelemetryBuilder::recorder). A panic in a recorder is logged and contained.
///
/// ```
/// use metrics_util::debugging::{DebugValue, DebuggingRecorder};
/// use milepost::telemetry::Telemetry;
/// use milepost::{Job, LocalScheduler};
///
/// let recorder = DebuggingRecorder::new();
/// let snapshots = recorder.snapshotter();
/// recorder.install()?; // an application installs its exporter's
///
/// let telemetry = Telemetry::new();
/// let scheduler = telemetry.scheduler(LocalScheduler::new(2)?);
/// let job = Job::new("thumbnails");
/// job.add_blocking("a.png", |_cx| Ok(()))?;
/// job.submit(&scheduler)?;
/// job.wait_until_done().blocking()?;
///
/// let metrics = snapshots.snapshot().into_vec();
/// let attempts = metrics.iter().find(|(key, ..)| key.key().name() == "milepost_task_attempts_total");
/// assert_eq!(attempts.unwrap().3, DebugValue::Counter(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    labels: Labels,
    /// The metrics by labels: as many as the recorder itself has to have.
    instruments: Mutex<HashMap<Vec<Label>, Arc<Instruments>>>,
    mark: Arc<dyn Watcher>,
}

impl Telemetry {
    /// Telemetry without labels of its own, by the recorder that is installed.
    pub fn new() -> Telemetry {
        Telemetry::builder().make()
    }

    /// Makes telemetry with settings: labels, and a recorder of its own.
    pub fn builder() -> TelemetryBuilder {
        TelemetryBuilder { recorder: None, labels: Labels::default() }
    }

    /// Counts and measures a job and its tasks, from its first event on, until it ends; once, however often it is called.
    pub fn watch(&self, job: &Job) {
        self.shared.accepted(job.core());
    }

    /// A scheduler like `inner`, of which this watches all jobs, child jobs included. Such of a tracker or a log's writer can be
    /// its `inner` one, and the other way round.
    ///
    /// ```
    /// use milepost::telemetry::Telemetry;
    /// use milepost::{Job, LocalScheduler};
    ///
    /// let scheduler = Telemetry::new().scheduler(LocalScheduler::new(2)?);
    /// let job = Job::new("sums");
    /// job.add_blocking("one", |_cx| Ok(1 + 1))?;
    /// job.submit(&scheduler)?;
    /// job.wait_until_done().blocking()?.ok()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn scheduler<S: Scheduler>(&self, inner: S) -> ObservedScheduler<S> {
        ObservedScheduler::new(inner, self.shared.clone())
    }
}

impl Shared {
    fn with_recorder<R>(&self, record: impl FnOnce(&dyn Recorder) -> R) -> R {
        match &self.recorder {
            Some(recorder) => record(&**recorder),
            None => metrics::with_recorder(record),
        }
    }

    /// The metrics with these labels. No lock is held while a recorder is called: of two that are made at once, one stays.
    fn instruments(&self, labels: Vec<Label>) -> Arc<Instruments> {
        if let Some(there) = self.instruments.lock().get(&labels) {
            return there.clone();
        }
        let new = self.with_recorder(|recorder| Instruments::register(recorder, &labels));
        self.instruments.lock().entry(labels).or_insert(Arc::new(new)).clone()
    }
}

impl Observer for Shared {
    fn accepted(&self, job: &Arc<JobCore>) {
        let properties = job.look(|ledger| ledger.watch(&self.mark).then(|| ledger.properties()));
        let Some(properties) = properties else { return };
        contain("a recorder of metrics", || {
            let instruments = self.instruments(self.labels.of(&job.name, &properties));
            Fold::begin(job, instruments);
        });
    }
}

/// Says by being there that a job is watched. It goes with the job, so that nobody has to remember those that have ended.
struct Mark;

impl Watcher for Mark {
    fn begins(&self, _made: Made, _state: JobState, _ended_at: Option<Timestamp>) {}

    fn changed(&self, _: &Weak<JobCore>, _: JobId, _: JobState, _: Timestamp) -> Option<Waker> {
        None
    }

    fn gone(&self, _id: JobId) {}
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry::new()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("labels", &self.shared.labels).finish_non_exhaustive()
    }
}

/// Makes [`Telemetry`] with settings; see [`Telemetry::builder`].
///
/// Each combination of values of labels is a set of metrics of its own, some 30 series, which the recorder keeps for as long as the
/// process runs: label by what has few values.
///
/// ```
/// use milepost::Job;
/// use milepost::telemetry::Telemetry;
///
/// let telemetry = Telemetry::builder().label("service", "renders").label_property("user").build()?;
/// let job = Job::builder("film 7").property("user", "ada").build()?;
/// telemetry.watch(&job); // as `milepost_jobs{service="renders",user="ada",state="pending"} 1`
///
/// let error = Telemetry::builder().label_property("state").build().unwrap_err();
/// assert_eq!(error.to_string(), "the label \"state\" is used by the metrics themselves: choose another name");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "telemetry is made by build"]
pub struct TelemetryBuilder {
    recorder: Option<Arc<dyn Recorder + Send + Sync>>,
    labels: Labels,
}

impl TelemetryBuilder {
    /// Labels all metrics with the same value: with what tells this telemetry from another one.
    pub fn label(mut self, label: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.labels.fixed.push((label.into(), value.into()));
        self
    }

    /// Labels the metrics of each job with its name, as `job_name`.
    pub fn label_jobs(mut self) -> Self {
        self.labels.jobs = true;
        self
    }

    /// Labels the metrics of each job with what was [noted of it](crate::JobBuilder::property) under this name, or with an empty
    /// text. The label has the property's name.
    pub fn label_property(mut self, property: impl Into<Arc<str>>) -> Self {
        self.labels.properties.push(property.into());
        self
    }

    /// Records by `recorder`: without it, by the one that is installed when the telemetry is made, or when the first
    /// job with some labels is watched.
    pub fn recorder(mut self, recorder: impl Recorder + Send + Sync + 'static) -> Self {
        self.recorder = Some(Arc::new(recorder));
        self
    }

    /// Makes the telemetry, and describes its metrics to the recorder.
    ///
    /// # Errors
    /// Two labels have the same name, or one has none or that of a label that the metrics have themselves.
    pub fn build(self) -> Result<Telemetry, LabelError> {
        self.labels.check()?;
        Ok(self.make())
    }

    fn make(self) -> Telemetry {
        let TelemetryBuilder { recorder, labels } = self;
        let shared =
            Shared { recorder, labels, instruments: Mutex::default(), mark: Arc::new(Mark) };
        shared.with_recorder(Instruments::describe);
        if shared.labels.are_fixed() {
            // All zero, from the beginning.
            shared.instruments(shared.labels.of(&"".into(), &Default::default()));
        }
        Telemetry { shared: Arc::new(shared) }
    }
}

impl fmt::Debug for TelemetryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryBuilder").field("labels", &self.labels).finish_non_exhaustive()
    }
}
