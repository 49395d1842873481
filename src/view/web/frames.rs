//! Server-sent events: how messages are written. Knows no clients.

use serde::Serialize;

use crate::model::{
    Event, JobId, JobProgress, ProgressWindow, Properties, TaskId, TaskProgressUpdated, Timestamp,
};

/// How long a client that lost its connection waits before it comes again, which it is told first.
pub(super) const RETRY: &str = "retry: 1000\n\n";

/// Says nothing, so that those who are gone are noticed.
pub(super) const KEEP_ALIVE: &[u8] = b":\n\n";

/// A window as it is told: what all updates have in common is told once.
#[derive(Serialize)]
struct Window<'a> {
    event: &'static str,
    job: JobId,
    at: Timestamp,
    after: u64,
    updates: Updates<'a>,
    progress: &'a JobProgress,
}

/// Updates as they are told.
#[derive(Serialize)]
#[serde(transparent)]
struct Updates<'a> {
    #[serde(serialize_with = "of_each")]
    updates: &'a [&'a TaskProgressUpdated],
}

#[derive(Serialize)]
struct Update<'a> {
    task: TaskId,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    properties: &'a Properties,
}

fn of_each<S: serde::Serializer>(
    updates: &[&TaskProgressUpdated],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(updates.iter().map(|update| Update {
        task: update.task,
        attempt: update.attempt,
        progress: update.progress,
        total: update.total,
        unit: update.unit.as_deref(),
        message: update.message.as_deref(),
        properties: &update.properties,
    }))
}

/// Appends a lifecycle event. Its number is the message's id, which a client names when it comes again.
pub(super) fn event(out: &mut Vec<u8>, event: &Event) {
    if let Some(seq) = event.seq() {
        out.extend_from_slice(format!("id: {seq}\n").as_bytes());
    }
    data(out, event);
}

/// Appends a window of progress. It has no id: values are told again to who comes again.
pub(super) fn window(out: &mut Vec<u8>, window: &ProgressWindow) {
    let ProgressWindow { job, at, after, updates, progress } = window;
    let updates: Vec<&TaskProgressUpdated> = updates.iter().collect();
    progress_window(out, *job, *at, *after, &updates, progress);
}

/// The same, of its parts.
pub(super) fn progress_window(
    out: &mut Vec<u8>,
    job: JobId,
    at: Timestamp,
    after: u64,
    updates: &[&TaskProgressUpdated],
    progress: &JobProgress,
) {
    let event = "progress_window";
    data(out, &Window { event, job, at, after, updates: Updates { updates }, progress });
}

fn data(out: &mut Vec<u8>, message: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    // Keys are texts, and a vector takes all. JSON has no line breaks of its own.
    serde_json::to_writer(&mut *out, message).expect("events have a form as JSON");
    out.extend_from_slice(b"\n\n");
}
