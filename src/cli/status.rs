//! `milepost status`: what a log says of its jobs by now.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::args::StatusArgs;
use super::exit::{Exit, UsageError};
use super::problems::Problems;
use super::screen::{say, unwritten};
use super::source::check_present;
use super::text::{count, progress, took};
use crate::base::Clock;
use crate::event_log::{Reader, Replay};
use crate::model::{JobSnapshot, TaskSnapshot, Timestamp};
use crate::view::terminal::{printable, shortened};

/// As many tasks of each sort are listed, unless all are asked for.
const LISTED: usize = 20;

/// The longest name in a line, in characters.
const LONGEST: usize = 100;

/// Prints what the arguments say.
///
/// # Errors
/// There is no such log.
pub(super) fn status(args: StatusArgs) -> Result<Exit, UsageError> {
    check_present(&args.file)?;
    let usage = |error| UsageError::of("", &error);
    let mut reader = Reader::open(&args.file).map_err(usage)?;
    let replay = Replay::of(&mut reader);
    let mut problems = Problems::default();
    for told in replay.problems().iter().filter_map(|problem| problems.note(problem)) {
        say(&told);
    }
    problems.add(replay.more_problems());
    if replay.entries() > 0 {
        problems.note_sense();
    }
    if let Some(rest) = problems.rest(&args.file) {
        say(&rest);
    }
    let is_written = reader.is_written();
    let text = if args.json {
        json(&replay)
    } else {
        table(&replay, args.tasks, is_written, until(&args.file, is_written))
    };
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    Ok(match written {
        Ok(()) => problems.exit(Exit::Success),
        Err(error) => unwritten(&error),
    })
}

/// Up to when the log tells: now, or when somebody last wrote it.
fn until(path: &Path, is_written: Option<bool>) -> Timestamp {
    let now = Timestamp::from_micros(Clock::system().wall_micros());
    let changed = std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
    match since.and_then(|since| u64::try_from(since.as_micros()).ok()) {
        Some(micros) if is_written == Some(false) => now.min(Timestamp::from_micros(micros)),
        _ => now,
    }
}

/// A snapshot a line.
fn json(replay: &Replay) -> String {
    let lines = replay.snapshots().filter_map(|job| serde_json::to_string(&job).ok());
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

const HEAD: [&str; 8] =
    ["STATE", "TASKS", "OK", "FAILED", "CANCELED", "RUNNING", "TIME", "STARTED"];

/// Failed, canceled, running.
const NOT_ALWAYS: std::ops::RangeInclusive<usize> = 3..=5;

fn table(replay: &Replay, all_tasks: bool, is_written: Option<bool>, now: Timestamp) -> String {
    let jobs: Vec<JobSnapshot> = replay.snapshots().collect();
    if jobs.is_empty() {
        return "no jobs\n".into();
    }
    let rows: Vec<[String; HEAD.len()]> = jobs.iter().map(|job| row(job, now)).collect();
    let mut text = columns(&rows, jobs.iter().map(|job| shortened(&job.name, LONGEST)));
    for job in &jobs {
        list(&mut text, job, all_tasks);
        match replay.missing(job.job) {
            Some(missing) if missing > 0 => {
                let events = count(missing as usize, "event");
                let _ = writeln!(
                    text,
                    "\n{} of {} not in the log",
                    events,
                    shortened(&job.name, LONGEST)
                );
            }
            _ => {}
        }
    }
    let open = jobs.iter().filter(|job| !job.state.is_terminal()).count();
    if open > 0 && is_written == Some(false) {
        let have = if open == 1 { "has" } else { "have" };
        let _ = writeln!(
            text,
            "\nNobody writes the log any more, and {} {have} not ended.",
            count(open, "job")
        );
    }
    text
}

/// Lines of cells and names. Columns that could be empty and are have no place: a line is to fit into 80 columns.
fn columns<'a>(rows: &[[String; HEAD.len()]], names: impl Iterator<Item = Cow<'a, str>>) -> String {
    let is_shown =
        |column: &usize| !NOT_ALWAYS.contains(column) || rows.iter().any(|row| row[*column] != "-");
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].len());
        cells.chain([HEAD[column].len()]).max().unwrap_or(0)
    };
    let columns: Vec<(usize, usize)> =
        (0..HEAD.len()).filter(is_shown).map(|column| (column, width(column))).collect();
    let mut text = String::new();
    let mut line = |cells: &[String; HEAD.len()], name: &str| {
        for &(column, width) in &columns {
            let cell = &cells[column];
            // Numbers to the right.
            let _ = match column {
                1..=6 => write!(text, "{cell:>width$}  "),
                _ => write!(text, "{cell:<width$}  "),
            };
        }
        let _ = writeln!(text, "{name}");
    };
    line(&HEAD.map(String::from), "NAME");
    for (row, name) in rows.iter().zip(names) {
        line(row, &name);
    }
    text
}

fn row(job: &JobSnapshot, now: Timestamp) -> [String; HEAD.len()] {
    let counts = job.progress.counts;
    let number = |n: usize| if n == 0 { "-".to_owned() } else { n.to_string() };
    let tasks =
        job.progress.expected.map_or_else(|| format!("{}+", counts.total()), |n| n.to_string());
    let elapsed = job.started_at.map(|started| job.ended_at.unwrap_or(now).duration_since(started));
    [
        job.state.to_string(),
        tasks,
        number(counts.completed()),
        number(counts.failed()),
        number(counts.canceled()),
        number(counts.running()),
        elapsed.map_or_else(|| "-".into(), took),
        job.started_at.map_or_else(
            || "-".into(),
            |at| humantime::format_rfc3339_seconds(at.into()).to_string(),
        ),
    ]
}

/// What failed and what runs; with `all`, each task.
fn list(text: &mut String, job: &JobSnapshot, all: bool) {
    let listed = |task: &&TaskSnapshot| all || task.state.is_active() || task.state.is_failure();
    let tasks: Vec<&TaskSnapshot> = job.tasks.iter().filter(listed).collect();
    if tasks.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}:", shortened(&job.name, LONGEST));
    let most = if all { tasks.len() } else { LISTED };
    let width = tasks.iter().take(most).map(|task| task.state.as_str().len()).max().unwrap_or(0);
    for task in tasks.iter().take(most) {
        let mut details = vec![shortened(&task.name, LONGEST).into_owned()];
        if task.attempt > 1 {
            details.push(format!("attempt {}", task.attempt));
        }
        if !task.state.is_terminal() {
            let (unit, message) = (task.unit.as_deref(), task.message.as_deref());
            details.extend(progress(task.progress, task.total, unit, message));
        }
        details.extend(task.error.as_ref().map(|error| printable(&error.message).into_owned()));
        let _ = writeln!(text, "  {:<width$}  {}", task.state.as_str(), details.join("  "));
    }
    if tasks.len() > most {
        let _ = writeln!(text, "  and {} more; --tasks lists them", tasks.len() - most);
    }
}
