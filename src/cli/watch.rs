//! `milepost watch`: the bars of jobs that others run, from their logs, until they end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::WatchArgs;
use super::board::Board;
use super::condor_feed::{CondorJobs, Told};
use super::exit::{Exit, UsageError};
use super::following::{Feed, Following, Next, Several};
use super::format::Format;
use super::lines::{ended_line, has_failed, held_line, summary_line, total_line};
use super::problems::Problems;
use super::run::FRAME;
use super::screen::Screen;
use super::source::{check_readable, shown};
use super::text::count;
use crate::base::Clock;
use crate::condor::Logs;
use crate::event_log::Entry;
use crate::model::{Event, JobId, TaskId, TaskState, TaskStateChanged, Timestamp};
use crate::view::terminal::{Layout, shortened};

/// How long a log is silent before it is asked whether somebody writes it.
const SILENCE: Duration = Duration::from_secs(5);

/// As many files are told of that are not there yet.
const MISSING: usize = 5;

/// As many jobs are summed up at the end, a line each.
const SUMMED_UP: usize = 20;

/// Shows what the arguments say, until all jobs of the log have ended.
///
/// # Errors
/// There can't be such a log.
pub(super) fn watch(args: WatchArgs) -> Result<Exit, UsageError> {
    let WatchArgs { format, files } = args;
    format.check()?;
    files.iter().try_for_each(|file| check_readable(file))?;
    let mut screen = Screen::new(false);
    let missing: Vec<_> = files.iter().filter(|file| is_missing(file)).collect();
    for file in missing.iter().take(MISSING) {
        screen.say(&format!("milepost: {} is not there yet; waiting", shown(file)));
    }
    if let Some(more) = missing.len().checked_sub(MISSING).filter(|more| *more > 0) {
        screen.say(&format!("milepost: and {more} more are not there yet"));
    }
    let feed: Box<dyn Feed<Entry = Entry>> = match format.format {
        Format::Milepost => Box::new(Several::of(&files)),
        Format::Condor => {
            let (mut logs, zone) = (Logs::new(), format.zone());
            files.iter().for_each(|file| match format.older {
                true => logs.follow_with_older(file, &zone),
                false => logs.follow(file, &zone),
            });
            Box::new(CondorJobs { logs, jobs: Told::default() })
        }
    };
    let watch = Watch {
        following: Following::new(feed)?,
        files,
        clock: Clock::system(),
        board: Board::default(),
        screen,
        problems: Problems::of(format.format),
        has_begun: false,
        before: Vec::new(),
        held_before: BTreeMap::new(),
    };
    Ok(watch.run())
}

/// Not there, as far as one can know: in a folder that can't be entered, nobody does.
fn is_missing(file: &Path) -> bool {
    matches!(file.try_exists(), Ok(false))
}

struct Watch {
    following: Following<Box<dyn Feed<Entry = Entry>>>,
    files: Vec<PathBuf>,
    clock: Clock,
    board: Board,
    screen: Screen,
    problems: Problems,
    /// What was there at the beginning was read: what comes now is news.
    has_begun: bool,
    /// How the failures before that are told.
    before: Vec<(JobId, String)>,
    /// The same of tasks that were held by then.
    held_before: BTreeMap<(JobId, TaskId), String>,
}

impl Watch {
    fn run(mut self) -> Exit {
        let mut layout = Layout::default();
        let (mut due, mut heard) = (self.clock.now(), self.clock.now());
        let mut asked = false;
        let interrupted = loop {
            let wait = due.saturating_duration_since(self.clock.now());
            match self.following.next(Some(wait)) {
                Next::Entry(entry) => {
                    (heard, asked) = (self.clock.now(), false);
                    self.take(&entry);
                    if self.clock.now() < due {
                        continue;
                    }
                }
                Next::Problem(problem) => {
                    if let Some(told) = self.problems.note(problem) {
                        self.screen.say(&told);
                    }
                    continue;
                }
                Next::Nothing => {
                    if !std::mem::replace(&mut self.has_begun, true) {
                        self.begin();
                    }
                    if self.problems.is_all() || self.is_over() {
                        break false;
                    }
                    let silent = self.clock.now().saturating_duration_since(heard);
                    if silent >= SILENCE && !std::mem::replace(&mut asked, true) {
                        self.ask();
                    }
                }
                Next::Interrupted => break true,
            }
            let (board, now) = (&self.board, self.now());
            // Nothing but standard error is written to.
            _ = self.screen.draw(|size| layout.lines(board.rows(), now, size));
            due = self.clock.now() + FRAME;
        };
        self.end(interrupted)
    }

    fn take(&mut self, entry: &Entry) {
        self.problems.note_sense();
        match entry {
            Entry::Opened(_) => {}
            Entry::Job(described) => self.board.describe(described),
            Entry::Event(event) => {
                let ended = self.board.apply(event);
                if let Event::TaskStateChanged(change) = event {
                    self.tell_held(change);
                }
                if let (Event::TaskCompleted(task), Some(ended)) = (event, ended) {
                    let failed = task.state.is_failure();
                    let total = self.board.job(task.job).and_then(|job| job.expected);
                    let line = || ended_line(task, &ended, total);
                    if self.has_begun && (failed || !self.screen.has_bars()) {
                        self.screen.say(&line());
                    } else if failed {
                        self.before.push((task.job, line()));
                    }
                }
            }
        }
    }

    /// A task that is held waits for somebody, who is to know why.
    fn tell_held(&mut self, change: &TaskStateChanged) {
        let task = (change.job, change.task);
        self.held_before.remove(&task);
        if change.to != TaskState::Held {
            return;
        }
        let rows = self.board.job(change.job).map(|job| &job.rows);
        let Some(row) = rows.and_then(|rows| rows.task(change.task, change.at)) else { return };
        let line = held_line(row.name, change.cause.as_deref());
        if self.has_begun {
            self.screen.say(&line);
        } else {
            self.held_before.insert(task, line);
        }
    }

    /// All that was there was read. If some of its jobs go on, those that have ended are an earlier matter.
    fn begin(&mut self) {
        if !self.is_over() {
            self.board.forget_ended();
        }
        // Failures are told also of what was there before.
        for (job, line) in std::mem::take(&mut self.before) {
            if self.board.job(job).is_some() {
                self.screen.say(&line);
            }
        }
        std::mem::take(&mut self.held_before).values().for_each(|line| self.screen.say(line));
    }

    /// Whether there were jobs and all have ended.
    fn is_over(&self) -> bool {
        let mut jobs = self.board.jobs();
        jobs.len() > 0 && jobs.all(|(_, job)| job.rows.state().is_terminal())
    }

    /// Says so if nobody writes the log any more, as its writer was killed.
    fn ask(&mut self) {
        let jobs = self.board.jobs().filter(|(_, job)| !job.rows.state().is_terminal()).count();
        if jobs > 0 && self.following.feed.is_written() == Some(false) {
            let have = if jobs == 1 { "has" } else { "have" };
            let jobs = count(jobs, "job");
            self.screen.say(&format!(
                "milepost: nobody writes the log any more; {jobs} {have} not ended (Ctrl-C ends)"
            ));
        }
    }

    fn end(mut self, interrupted: bool) -> Exit {
        let now = self.now();
        let jobs: Vec<(JobId, _)> = self.board.jobs().collect();
        let earlier = jobs.len().saturating_sub(SUMMED_UP);
        if earlier > 0 {
            let earlier = count(earlier, "earlier job");
            self.screen.say(&format!("{earlier}: `milepost status` lists them"));
        }
        for (_, job) in &jobs[earlier..] {
            let name = job.rows.job(now).name;
            let name = shortened(name.as_deref().unwrap_or("a job"), 80);
            self.screen.say(&format!("{name}: {}", summary_line(Some(job), now)));
        }
        if earlier > 0 {
            self.screen.say(&total_line(jobs.iter().map(|(_, job)| *job)));
        }
        let failed = jobs.iter().any(|(_, job)| has_failed(job));
        if let Some(rest) = self.problems.rest(&self.files[0]) {
            self.screen.say(&rest);
        }
        _ = self.screen.finish();
        match (interrupted, failed) {
            (true, _) => Exit::Canceled,
            (false, true) => Exit::Failure,
            (false, false) => self.problems.exit(Exit::Success),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.wall_micros())
    }
}
