//! [`JobRecord`]: what is answered of a job. Knows no index.

use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::job::core::JobCore;
use crate::model::{
    Counts, Failure, JobId, JobProgress, JobState, Properties, TaskFailed, TaskSnapshot, TaskState,
    Timestamp,
};

/// What a tracker knows of a job: what was [selected](super::Query::select), all as of one moment. What is absent was not
/// selected, or there is none. In JSON it is left out, and the names are those of [`JobSnapshot`](crate::JobSnapshot).
///
/// ```
/// use milepost::{Job, Tracker};
/// use milepost::tracker::{Field, JobRecord, Query};
///
/// let (tracker, job) = (Tracker::new(), Job::new("thumbnails"));
/// tracker.track(&job);
/// let records = tracker.query(&Query::new().select([Field::Name, Field::State]));
/// let json = serde_json::to_string(&records[0])?;
/// assert_eq!(json, format!(r#"{{"job":"{}","name":"thumbnails","state":"pending"}}"#, job.id()));
/// assert_eq!(serde_json::from_str::<JobRecord>(&json)?, records[0]);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobRecord {
    /// The job; always there.
    pub job: JobId,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// What was noted of it by name as it was built.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// Its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    /// The number of its last lifecycle event: a stream [after](crate::EventStream::after) it goes on where this ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it was submitted or started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The number of its tasks by state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// How far it is, as of the last flush.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<JobProgress>,
    /// The time since it was submitted or started, to its end if it has ended; in JSON, `elapsed_ms` in whole milliseconds.
    #[serde(
        rename = "elapsed_ms",
        with = "millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub elapsed: Option<Duration>,
    /// The tasks that failed, in the order of their ends: the first ones, as in [`JobSummary`](crate::JobSummary::failures).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<TaskFailed>,
    /// The tasks that were selected, in the order of adding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskSnapshot>,
}

/// A part of a [`JobRecord`], to be [selected](super::Query::select).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Field {
    /// [`JobRecord::name`].
    Name,
    /// [`JobRecord::properties`].
    Properties,
    /// [`JobRecord::state`].
    State,
    /// [`JobRecord::created_at`].
    CreatedAt,
    /// [`JobRecord::started_at`].
    StartedAt,
    /// [`JobRecord::ended_at`].
    EndedAt,
    /// [`JobRecord::counts`].
    Counts,
    /// [`JobRecord::progress`].
    Progress,
    /// [`JobRecord::elapsed`].
    Elapsed,
    /// [`JobRecord::failures`].
    Failures,
    /// [`JobRecord::tasks`]: costs by their number, and is selected only if it is asked for.
    Tasks,
    /// [`JobRecord::seq`].
    Seq,
}

/// What of a record is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selection {
    fields: u16,
    /// The tasks in these states, if any are.
    tasks: u16,
    /// Of those, how many are passed over, and how many are wanted then.
    skip: usize,
    take: usize,
}

impl Selection {
    pub(super) const ALL: Selection =
        Selection { fields: u16::MAX, tasks: u16::MAX, skip: 0, take: usize::MAX };

    pub(super) fn of(fields: impl IntoIterator<Item = Field>) -> Selection {
        let fields = fields.into_iter().fold(0, |fields, field| fields | 1 << field as u16);
        Selection { fields, ..Selection::ALL }
    }

    pub(super) fn with_tasks(self, states: impl IntoIterator<Item = TaskState>) -> Selection {
        let tasks = states.into_iter().fold(0, |tasks, state| tasks | 1 << state as u16);
        Selection { fields: self.fields | 1 << Field::Tasks as u16, tasks, ..self }
    }

    pub(super) fn with_page(self, skip: usize, take: usize) -> Selection {
        Selection { skip, take, ..self }
    }

    /// The value, if it is wanted.
    fn pick<T: Default>(self, field: Field, value: impl FnOnce() -> T) -> T {
        if self.fields >> field as u16 & 1 != 0 { value() } else { T::default() }
    }

    fn wants(self, state: TaskState) -> bool {
        self.tasks >> state as u16 & 1 != 0
    }
}

/// All but the tasks.
impl Default for Selection {
    fn default() -> Selection {
        Selection { fields: !(1 << Field::Tasks as u16), ..Selection::ALL }
    }
}

/// What of a job is judged that may change; see [`Query`](super::Query).
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) state: JobState,
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
}

impl JobRecord {
    /// A job as it is at this moment, if it stands as is `wanted` (T2).
    pub(super) fn of_job(
        core: &JobCore,
        selection: Selection,
        wanted: impl FnOnce(Standing) -> bool,
    ) -> Option<JobRecord> {
        let pick = selection;
        core.look(|ledger| {
            let (state, started_at) = (ledger.state(), ledger.started_at());
            let ended_at = ledger.ended_at();
            wanted(Standing { state, started_at, ended_at }).then(|| JobRecord {
                job: core.id,
                name: pick.pick(Field::Name, || Some(core.name.clone())),
                properties: pick.pick(Field::Properties, || ledger.properties()),
                state: pick.pick(Field::State, || Some(state)),
                seq: pick.pick(Field::Seq, || Some(ledger.last_seq())),
                created_at: pick.pick(Field::CreatedAt, || Some(ledger.created_at())),
                started_at: pick.pick(Field::StartedAt, || started_at),
                ended_at: pick.pick(Field::EndedAt, || ended_at),
                counts: pick.pick(Field::Counts, || Some(ledger.counts())),
                progress: pick.pick(Field::Progress, || Some(ledger.progress())),
                elapsed: pick.pick(Field::Elapsed, || ledger.elapsed_if_started()),
                failures: pick.pick(Field::Failures, || ledger.failures().to_vec()),
                tasks: pick.pick(Field::Tasks, || {
                    ledger.tasks_in(|state| pick.wants(state), pick.skip, pick.take)
                }),
            })
        })
    }

    /// The parts of a record that are wanted.
    pub(super) fn part(&self, pick: Selection) -> JobRecord {
        let wanted = |task: &&TaskSnapshot| pick.wants(task.state);
        let tasks = || {
            let wanted = self.tasks.iter().filter(wanted).skip(pick.skip).take(pick.take);
            wanted.cloned().collect()
        };
        JobRecord {
            job: self.job,
            name: pick.pick(Field::Name, || self.name.clone()),
            properties: pick.pick(Field::Properties, || self.properties.clone()),
            state: pick.pick(Field::State, || self.state),
            seq: pick.pick(Field::Seq, || self.seq),
            created_at: pick.pick(Field::CreatedAt, || self.created_at),
            started_at: pick.pick(Field::StartedAt, || self.started_at),
            ended_at: pick.pick(Field::EndedAt, || self.ended_at),
            counts: pick.pick(Field::Counts, || self.counts),
            progress: pick.pick(Field::Progress, || self.progress.clone()),
            elapsed: pick.pick(Field::Elapsed, || self.elapsed),
            failures: pick.pick(Field::Failures, || self.failures.clone()),
            tasks: pick.pick(Field::Tasks, tasks),
        }
    }

    /// The same without the errors that tasks returned, which are the user's and may hold anything: their messages are kept.
    pub(super) fn without_errors(mut self) -> JobRecord {
        let plain = |error: &mut Option<Arc<Failure>>| {
            if let Some(failure) = error
                && failure.error.is_some()
            {
                let (kind, message) = (failure.kind, failure.message.clone());
                *failure = Arc::new(Failure::new(kind, message));
            }
        };
        self.failures.iter_mut().for_each(|failed| plain(&mut failed.error));
        self.tasks.iter_mut().for_each(|task| plain(&mut task.error));
        self.tasks.shrink_to_fit();
        self
    }

    /// An estimate of the memory that the record takes: what others may have a part in is counted as its own.
    pub(super) fn bytes(&self) -> usize {
        let failure = |error: &Option<Arc<Failure>>| {
            error.as_ref().map_or(0, |error| size_of::<Failure>() + COUNTS + error.message.len())
        };
        let failed = |failed: &TaskFailed| {
            size_of::<TaskFailed>() + text(Some(&failed.name)) + failure(&failed.error)
        };
        let task = |task: &TaskSnapshot| {
            let texts = [Some(&task.name), task.unit.as_ref(), task.message.as_ref()];
            size_of::<TaskSnapshot>()
                + texts.into_iter().map(text).sum::<usize>()
                + of_properties(&task.properties)
                + failure(&task.error)
        };
        size_of::<JobRecord>()
            + text(self.name.as_ref())
            + of_properties(&self.properties)
            + self.failures.iter().map(failed).sum::<usize>()
            + self.tasks.iter().map(task).sum::<usize>()
    }
}

/// The two counts of what is shared.
const COUNTS: usize = 2 * size_of::<usize>();

fn text(text: Option<&Arc<str>>) -> usize {
    text.map_or(0, |text| COUNTS + text.len())
}

fn of_properties(properties: &Properties) -> usize {
    let of = |(name, value): (&str, &crate::model::Property)| {
        let value_of = value.as_str().map_or(0, |text| COUNTS + text.len());
        size_of::<(Arc<str>, crate::model::Property)>() + COUNTS + name.len() + value_of
    };
    properties.iter().map(of).sum()
}

mod millis {
    use super::*;

    pub(super) fn serialize<S: serde::Serializer>(
        elapsed: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = |elapsed: Duration| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        elapsed.map(millis).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
