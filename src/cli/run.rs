//! `milepost run`: a job of commands, from beginning to end. Knows not how it looks.

use std::io;
use std::time::Duration;

use super::args::{Outputs, RunArgs};
use super::board::{Board, Ended};
use super::exit::{Exit, UsageError, chain};
use super::feeder::{self, Feeding, Settings};
use super::input::Input;
use super::lines::{cut_line, ended_line, has_failed, summary_line};
use super::page::Page;
use super::program::Printed;
use super::record::{NotRecorded, RecordOptions, Records};
use super::screen::{Screen, To, say, unwritten};
use super::signals::Signals;
use crate::base::Clock;
use crate::bus::EventStream;
use crate::event_log::OpenError;
use crate::job::{History, Job, Retry};
use crate::model::{
    CancelReason, Event, JobId, JobState, JobStateChanged, TaskCompleted, TaskState, Timestamp,
};
use crate::scheduler::LocalScheduler;
use crate::view::terminal::Layout;

/// Between two frames: about twelve a second.
pub(super) const FRAME: Duration = Duration::from_millis(80);

/// How many tasks may be known whose ends were not shown, beside those that run.
const AHEAD: usize = 10_000;

/// The first and the longest delay before a command is run again.
const DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Runs what the arguments say.
///
/// # Errors
/// It can't be begun.
pub(super) fn run(args: RunArgs) -> Result<Exit, UsageError> {
    let refused =
        |error: &dyn std::error::Error| UsageError(format!("the system refuses to begin: {error}"));
    let input = Input::open(&args)?;
    let jobs =
        args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let scheduler = LocalScheduler::new(jobs).map_err(|error| refused(&error))?;

    // What was read is freed, so that a million commands take no more memory than those that are known at a time.
    let name = args.name.as_deref().unwrap_or_else(|| input.name());
    let mut builder = Job::builder(name).history(History::Unread);
    if args.page.web.is_none() {
        // Nobody asks for them: each is told as it ends.
        builder = builder.keep_failures(0);
    }
    if args.fail_fast {
        builder = builder.cancel_on_task_failure();
    }
    let open = builder.open().map_err(|error| refused(&error))?;
    let job = open.job();
    let options = RecordOptions { json: args.json, event_log: args.event_log.clone() };
    // From here on there is a reader, so that the records get all of it.
    let events = job.events();
    let page = Page::open(&args.page, &job)?;
    // Before there is anybody who could cancel it.
    job.submit(&scheduler).map_err(|error| refused(&error))?;
    let records = match Records::start(&options, &job) {
        Ok(records) => records,
        Err(NotRecorded::File(error)) => return Err(error),
        Err(NotRecorded::Stdout(error)) => return Ok(no_stdout(&error)),
    };
    let signals = Signals::cancel(job.clone()).map_err(|error| refused(&error))?;

    let mut screen = Screen::new(args.json);
    page.iter().flat_map(Page::lines).for_each(|line| screen.say(&line));
    if input.is_typed() {
        screen.say("milepost: reading commands from the terminal, one a line; Ctrl-D ends them");
    }
    let count = input.known_count();
    if let Some(count) = count {
        open.expect(count);
    }
    let printed = args.timeout.map(|_| Printed::default());
    let settings = Settings {
        retry: (args.retries > 0)
            .then(|| Retry::attempts(args.retries + 1).exponential(DELAYS.0, DELAYS.1)),
        timeout: args.timeout,
        capture: args.output.capture(),
        printed: printed.clone(),
    };
    let feeding =
        feeder::start(open, input, jobs + AHEAD, settings).map_err(|error| refused(&error))?;
    let show = Show {
        job: job.clone(),
        clock: Clock::system(),
        board: Board::default(),
        screen,
        outputs: args.output,
        outputs_to: if args.json { To::Stderr } else { To::Stdout },
        printed,
        signals: signals.clone(),
        count,
    };
    let (failed, shown) = show.show(events, &feeding);
    let [json, log] = records.finish();
    if let Some(page) = page {
        page.close();
    }
    let written = shown.and(json.map_err(|error| io::Error::new(error.kind(), error)));
    let written = written.map_err(|error| unwritten(&error));
    if let Err(error) = &log {
        say(&format!("milepost: {}", chain(error)));
    }

    Ok(match written {
        _ if signals.any() => Exit::Canceled,
        Err(exit) => exit,
        Ok(()) if log.is_err() => Exit::Failure,
        Ok(()) if feeding.error().is_some() => Exit::Usage,
        Ok(()) if failed => Exit::Failure,
        Ok(()) => Exit::Success,
    })
}

/// Standard output can't be written to from the first line on.
fn no_stdout(error: &OpenError) -> Exit {
    let cause = match error {
        OpenError::Io { source, .. } => source,
        _ => &io::Error::other(chain(error)),
    };
    unwritten(cause)
}

/// Tells people what becomes of a job.
struct Show {
    job: Job,
    clock: Clock,
    board: Board,
    screen: Screen,
    outputs: Outputs,
    /// Where the standard outputs of tasks go.
    outputs_to: To,
    printed: Option<Printed>,
    signals: Signals,
    /// How many tasks there will be, if that was known at the beginning.
    count: Option<usize>,
}

impl Show {
    /// Shows events until the last one. Returns whether a task has failed.
    fn show(mut self, mut events: EventStream<Event>, feeding: &Feeding) -> (bool, io::Result<()>) {
        let mut layout = Layout::default();
        let mut written = Ok(());
        let mut due = self.clock.now();
        loop {
            let wait = due.saturating_duration_since(self.clock.now());
            // Without anything to draw, there is nothing to wake up for.
            let idle = !self.screen.has_bars() && !self.screen.has_pending();
            let next =
                if idle { Ok(events.blocking_next()) } else { events.blocking_next_timeout(wait) };
            match next {
                Ok(None) => break,
                Ok(Some(event)) => {
                    self.take(&event, feeding);
                    if !self.screen.is_full() && self.clock.now() < due {
                        continue;
                    }
                }
                Err(_) => {}
            }
            if let Some(all) = self.count.or_else(|| feeding.all()) {
                self.board.expect(self.job.id(), all);
            }
            let (board, now) = (&self.board, self.now());
            let drawn = self.screen.draw(|size| layout.lines(board.rows(), now, size));
            written = written.and(
                drawn.inspect_err(|error| self.job.cancel(format!("standard output: {error}"))),
            );
            due = self.clock.now() + FRAME;
        }
        let (now, job) = (self.now(), self.id());
        if let Some(error) = feeding.error() {
            self.screen.say(&format!("milepost: {error}"));
        }
        // Else it is as quiet as a program that SIGPIPE ends.
        if written.is_ok() {
            self.screen.say(&summary_line(self.board.job(job), now));
        }
        let failed = self.board.job(job).is_some_and(has_failed);
        (failed, written.and(self.screen.finish()))
    }

    fn take(&mut self, event: &Event, feeding: &Feeding) {
        let ended = self.board.apply(event);
        match (event, ended) {
            (Event::TaskCompleted(task), Some(ended)) => {
                self.tell(task, &ended, feeding);
                feeding.settle();
            }
            (Event::JobStateChanged(change), _) if change.to == JobState::Canceling => {
                self.tell_canceling(change)
            }
            _ => {}
        }
    }

    fn tell(&mut self, task: &TaskCompleted, ended: &Ended, feeding: &Feeding) {
        let output = self.outputs.of(task, self.printed.as_ref());
        let total = self.count.or_else(|| feeding.all());
        let wanted = match task.state {
            // The bars show those.
            TaskState::Completed => !self.screen.has_bars(),
            // Of those that had not begun, their number will do.
            TaskState::Canceled => ended.took.is_some(),
            _ => true,
        };
        if wanted {
            self.screen.say(&ended_line(task, ended, total));
        }
        let Some(output) = output else { return };
        let outputs = [
            (self.outputs_to, "standard output", output.stdout),
            (To::Stderr, "standard error", output.stderr),
        ];
        for (to, what, (bytes, cut)) in outputs {
            if cut > 0 {
                self.screen.say(&cut_line(task, what, cut));
            }
            self.screen.pass_on(to, &bytes);
        }
    }

    fn tell_canceling(&mut self, change: &JobStateChanged) {
        let reason = change.cause.as_ref().and_then(|cause| cause.reason);
        if reason == Some(CancelReason::Consequence) {
            self.screen.say("milepost: a command has failed; canceling the others");
        } else if self.signals.any() {
            self.screen.say("milepost: canceling; Ctrl-C again to force");
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.wall_micros())
    }

    fn id(&self) -> JobId {
        self.job.id()
    }
}
