//! The lines of an event log, and what they say. Does no I/O.

use std::borrow::Cow;
use std::sync::Arc;

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lines::LONGEST;
use crate::job::core::JobCore;
use crate::model::{Event, EventKind, JobId, Properties, Timestamp};

/// The version of the format that this crate writes. Readers of version 1 pass over fields and events that they don't
/// know; what they would misread has a greater version.
pub const VERSION: u32 = 1;

/// The first line of each file of a log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "log_opened")]
#[non_exhaustive]
pub struct LogOpened {
    /// The version of the format.
    pub version: u32,
    /// Which log it is: unique, the same in all its parts.
    pub log: Arc<str>,
    /// Which part of the log the file is, from 1; see [`WriterBuilder::rotate_at`](super::WriterBuilder::rotate_at).
    pub part: u32,
    /// When the part was begun.
    pub at: Timestamp,
    /// What wrote it: `"milepost 0.1.0"`.
    pub writer: Arc<str>,
    /// The kinds of events that are in it, unless it is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<EventKind>>,
}

/// What is known of a job beside its events. It comes before the job's first event in each file, and again when it
/// has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "job_described")]
#[non_exhaustive]
pub struct JobDescribed {
    /// The job.
    pub job: JobId,
    /// Its name.
    pub name: Arc<str>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The number of tasks that it will have, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
    /// What was noted of it by name as it was built.
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
}

impl JobDescribed {
    /// The job as it is now.
    pub(crate) fn of(job: &JobCore) -> JobDescribed {
        job.look(|ledger| JobDescribed {
            job: job.id,
            name: job.name.clone(),
            created_at: ledger.created_at(),
            expected: ledger.expected(),
            properties: ledger.properties(),
        })
    }
}

/// A line of an event log. As JSON it is that line.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Entry {
    /// A file of the log begins.
    Opened(LogOpened),
    /// What is known of a job.
    Job(JobDescribed),
    /// An event of a job.
    Event(Event),
}

impl Entry {
    /// The event, if it is one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Entry::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// What is in front of an event's name in the lines that this crate writes.
const PREFIX: &str = r#"{"event":""#;

/// An event's name, wherever it is in the line.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
}

/// Reads a line. `None` is an event of a kind that this version doesn't know.
pub(super) fn parse(line: &[u8]) -> Result<Option<Entry>, serde_json::Error> {
    // Some editors put a mark at the beginning of a file.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    // At once and not string by string, which takes longer.
    let line = std::str::from_utf8(line).map_err(serde_json::Error::custom)?;
    // An enum tagged by serde would be parsed twice, and its texts copied.
    let quick = line.strip_prefix(PREFIX).and_then(|rest| {
        let (tag, _) = rest.split_once('"')?;
        (!tag.contains('\\')).then_some(tag)
    });
    match quick {
        Some(tag) => parse_as(tag, line),
        None => parse_as(&serde_json::from_str::<Tag<'_>>(line)?.event, line),
    }
}

fn parse_as(tag: &str, line: &str) -> Result<Option<Entry>, serde_json::Error> {
    use serde_json::from_str as read;
    let event = match tag {
        "task_state_changed" => Event::TaskStateChanged(read(line)?),
        "task_progress_updated" => Event::TaskProgressUpdated(read(line)?),
        "task_completed" => Event::TaskCompleted(read(line)?),
        "task_added" => Event::TaskAdded(read(line)?),
        "job_state_changed" => Event::JobStateChanged(read(line)?),
        "job_completed" => Event::JobCompleted(read(line)?),
        "job_described" => return Ok(Some(Entry::Job(read(line)?))),
        "log_opened" => return Ok(Some(Entry::Opened(read(line)?))),
        _ => {
            // Also of what it doesn't know, it says whether it is sound.
            let IgnoredAny = read(line)?;
            return Ok(None);
        }
    };
    Ok(Some(Entry::Event(event)))
}

/// Appends the line of `record`, with its end.
pub(super) fn write(lines: &mut Vec<u8>, record: &impl Serialize) {
    let before = lines.len();
    match serde_json::to_writer(&mut *lines, record) {
        Ok(()) => lines.push(b'\n'),
        Err(error) => {
            // Events have texts, numbers and published values that have been JSON before: none of them fails.
            tracing::error!(%error, "an event has no JSON form: it is left out of the log");
            lines.truncate(before);
        }
    }
}

/// A longer text is cut in a line that would be too long.
const TEXT: usize = 64 << 10;

/// The same with texts that are cut. What still is too long has more properties than anyone can read: they are left out.
pub(super) fn write_shortened(lines: &mut Vec<u8>, record: &impl Serialize) {
    // It was written before, as it is.
    let Ok(mut value) = serde_json::to_value(record) else { return };
    shorten(&mut value);
    let before = lines.len();
    write(lines, &value);
    if lines.len() - before > LONGEST
        && let Some(fields) = value.as_object_mut()
    {
        lines.truncate(before);
        fields.remove("properties");
        write(lines, &value);
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > TEXT => {
            text.truncate(text.floor_char_boundary(TEXT));
            text.push('…');
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}
