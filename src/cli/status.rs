//! `milepost status`: what logs say of their jobs by now.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::args::StatusArgs;
use super::exit::{Exit, UsageError};
use super::format::{Format, FormatArgs, only};
use super::problems::Problems;
use super::screen::{say, unwritten};
use super::source::check_present;
use super::text::{count, progress, took};
use crate::base::Clock;
use crate::condor::{self, Jobs};
use crate::event_log::{Reader, Replay};
use crate::job::Job;
use crate::model::{JobId, JobSnapshot, TaskId, TaskSnapshot, TaskState, Timestamp};
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
    args.format.check()?;
    args.files.iter().try_for_each(|file| check_present(file))?;
    let said = match args.format.format {
        Format::Milepost => said_by_event_log(only(&args.files, "status of event logs")?)?,
        Format::Condor => said_by_condor(&args.files, &args.format),
    };
    let text = if args.json { json(&said.jobs) } else { table(&said, args.tasks) };
    let written = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    Ok(match written {
        Ok(()) => said.problems.exit(Exit::Success),
        Err(error) => unwritten(&error),
    })
}

/// What logs say.
struct Said {
    jobs: Vec<JobSnapshot>,
    /// Why tasks are held, or were last.
    held: HashMap<(JobId, TaskId), String>,
    /// How many events are not in the log, for jobs of which some are not.
    missing: HashMap<JobId, usize>,
    is_written: Option<bool>,
    /// Up to when they tell.
    until: Timestamp,
    problems: Problems,
}

fn said_by_event_log(file: &Path) -> Result<Said, UsageError> {
    let mut reader = Reader::open(file).map_err(|error| UsageError::of("", &error))?;
    let replay = Replay::of(&mut reader);
    let mut problems = Problems::of(Format::Milepost);
    for told in replay.problems().iter().filter_map(|problem| problems.note(problem)) {
        say(&told);
    }
    problems.add(replay.more_problems());
    if replay.entries() > 0 {
        problems.note_sense();
    }
    if let Some(rest) = problems.rest(file) {
        say(&rest);
    }
    let missing = |job| Some((job, replay.missing(job).filter(|n| *n > 0)? as usize));
    let is_written = reader.is_written();
    Ok(Said {
        jobs: replay.snapshots().collect(),
        held: HashMap::new(),
        missing: replay.jobs().filter_map(missing).collect(),
        is_written,
        until: until(file, is_written),
        problems,
    })
}

fn said_by_condor(files: &[PathBuf], format: &FormatArgs) -> Said {
    let (mut jobs, mut opened) = (Jobs::builder().by_log_time().build(), Vec::new());
    let mut problems = Problems::of(Format::Condor);
    for file in files {
        let reader = match condor::Reader::open(file) {
            Ok(reader) => reader,
            // One of thousands: the others tell what they know.
            Err(problem) => {
                problems.note(&problem).iter().for_each(|told| say(told));
                continue;
            }
        };
        for read in format.reader(reader) {
            match read {
                Ok(event) => {
                    problems.note_sense();
                    jobs.apply_from(file, &event);
                    opened.extend(jobs.opened());
                }
                Err(problem) => {
                    problems.note(&problem).iter().for_each(|told| say(told));
                }
            }
        }
    }
    if let Some(rest) = files.first().and_then(|file| problems.rest(file)) {
        say(&rest);
    }
    jobs.finish();
    Said {
        jobs: opened.iter().map(Job::snapshot).collect(),
        held: opened.iter().flat_map(why_held).collect(),
        missing: HashMap::new(),
        is_written: None,
        until: now(),
        problems,
    }
}

/// Why tasks of a job were held last.
fn why_held(job: &Job) -> HashMap<(JobId, TaskId), String> {
    let (mut changes, mut held) = (job.task_state_changed(), HashMap::new());
    while let Some(change) = changes.try_recv() {
        let why = change.cause.filter(|_| change.to == TaskState::Held);
        if let Some(why) = why.and_then(|cause| cause.message.clone()) {
            held.insert((change.job, change.task), why.to_string());
        }
    }
    held
}

fn now() -> Timestamp {
    Timestamp::from_micros(Clock::system().wall_micros())
}

/// Up to when the log tells: now, or when somebody last wrote it.
fn until(path: &Path, is_written: Option<bool>) -> Timestamp {
    let now = now();
    let changed = std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let since = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
    match since.and_then(|since| u64::try_from(since.as_micros()).ok()) {
        Some(micros) if is_written == Some(false) => now.min(Timestamp::from_micros(micros)),
        _ => now,
    }
}

/// A snapshot a line.
fn json(jobs: &[JobSnapshot]) -> String {
    let lines = jobs.iter().filter_map(|job| serde_json::to_string(job).ok());
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

const HEAD: [&str; 9] =
    ["STATE", "TASKS", "OK", "FAILED", "CANCELED", "RUNNING", "HELD", "TIME", "STARTED"];

/// Failed, canceled, running, held.
const NOT_ALWAYS: std::ops::RangeInclusive<usize> = 3..=6;

fn table(said: &Said, all_tasks: bool) -> String {
    let Said { jobs, held, missing, is_written, until, .. } = said;
    if jobs.is_empty() {
        return "no jobs\n".into();
    }
    let rows: Vec<[String; HEAD.len()]> = jobs.iter().map(|job| row(job, *until)).collect();
    let mut text = columns(&rows, jobs.iter().map(|job| shortened(&job.name, LONGEST)));
    for job in jobs {
        list(&mut text, job, held, all_tasks);
        if let Some(missing) = missing.get(&job.job) {
            let events = count(*missing, "event");
            let _ =
                writeln!(text, "\n{} of {} not in the log", events, shortened(&job.name, LONGEST));
        }
    }
    let open = jobs.iter().filter(|job| !job.state.is_terminal()).count();
    if open > 0 && *is_written == Some(false) {
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
                1..=7 => write!(text, "{cell:>width$}  "),
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
        number(counts.of(TaskState::Held)),
        elapsed.map_or_else(|| "-".into(), took),
        job.started_at.map_or_else(
            || "-".into(),
            |at| humantime::format_rfc3339_seconds(at.into()).to_string(),
        ),
    ]
}

/// What failed, what runs and what is held; with `all`, each task.
fn list(text: &mut String, job: &JobSnapshot, held: &HashMap<(JobId, TaskId), String>, all: bool) {
    let listed = |task: &&TaskSnapshot| {
        all || task.state.is_active() || task.state.is_failure() || task.state == TaskState::Held
    };
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
        if task.state == TaskState::Held {
            details.extend(held.get(&(job.job, task.task)).map(|why| printable(why).into_owned()));
        }
        details.extend(task.error.as_ref().map(|error| printable(&error.message).into_owned()));
        let _ = writeln!(text, "  {:<width$}  {}", task.state.as_str(), details.join("  "));
    }
    if tasks.len() > most {
        let _ = writeln!(text, "  and {} more; --tasks lists them", tasks.len() - most);
    }
}
