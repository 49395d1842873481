//! What is told of tasks in lines: how each has ended, and how all have. Makes text; knows no terminal.

use super::board::{Ended, Known};
use super::text::{count, took};
use crate::model::{Cause, Counts, Property, TaskCompleted, TaskState, Timestamp};
use crate::view::terminal::{printable, shortened};

/// The longest name in a line, in characters; the events have it whole.
const LONGEST_NAME: usize = 200;

/// The longest message.
const LONGEST_MESSAGE: usize = 400;

/// `[ 3/200] ok      1.2s  sleep 1; echo 3`, or `[3/?]` while nobody knows how many there are.
pub(super) fn ended_line(task: &TaskCompleted, ended: &Ended, total: Option<usize>) -> String {
    let total = total.map_or_else(|| "?".to_owned(), |total| total.to_string());
    let took = ended.took.map_or_else(|| "-".to_owned(), took);
    let name = shortened(&task.name, LONGEST_NAME);
    let attempts =
        if task.attempt > 1 { format!("  (attempt {})", task.attempt) } else { String::new() };
    let line = format!(
        "[{:>width$}/{total}] {:<7} {took:>5}  {name}{attempts}",
        ended.number,
        outcome(task),
        width = total.len()
    );
    match reason(task) {
        Some(reason) => format!("{line}: {}", shortened(reason, LONGEST_MESSAGE)),
        None => line,
    }
}

/// `held: 114.0: disk full`
pub(super) fn held_line(name: &str, cause: Option<&Cause>) -> String {
    let line = format!("held: {}", shortened(name, LONGEST_NAME));
    match cause.and_then(|cause| cause.message.as_deref()) {
        Some(why) => format!("{line}: {}", shortened(why, LONGEST_MESSAGE)),
        None => line,
    }
}

/// How a task ended: `ok`, `failed (exit 1)`.
fn outcome(task: &TaskCompleted) -> String {
    let number = |name| task.properties.get(name).and_then(Property::as_i64);
    match (task.state, number("exit_code"), number("signal")) {
        (TaskState::Completed, ..) => "ok".into(),
        (TaskState::Failed, Some(code), _) => format!("failed (exit {code})"),
        (TaskState::Failed, None, Some(signal)) => format!("failed (signal {signal})"),
        (TaskState::TimedOut, ..) => "timed out".into(),
        (TaskState::EnvironmentError, ..) => "no environment".into(),
        (state, ..) => state.to_string(),
    }
}

/// Why, where the outcome doesn't tell.
fn reason(task: &TaskCompleted) -> Option<&str> {
    let has_ended = ["exit_code", "signal"].iter().any(|name| task.properties.get(name).is_some());
    let told = match task.state {
        TaskState::Completed | TaskState::Canceled => true,
        TaskState::Failed => has_ended,
        _ => false,
    };
    task.error.as_ref().filter(|_| !told).map(|error| &*error.message)
}

/// `200 tasks in 12.3s: 197 ok, 3 failed`
pub(super) fn summary_line(job: Option<&Known>, now: Timestamp) -> String {
    let Some(job) = job else { return "no tasks".into() };
    let row = job.rows.job(now);
    // Some were counted and never read, as the job was canceled.
    let total = job.expected.unwrap_or(0).max(row.total_tasks());
    if total == 0 {
        return "no tasks".into();
    }
    let parts = parts(&[row.counts], total);
    format!("{} in {}: {parts}", count(total, "task"), took(row.elapsed.unwrap_or_default()))
}

/// `3000 jobs, 15000 tasks: 14990 ok, 10 failed`: all jobs, where there are too many for a line each.
pub(super) fn total_line<'a>(jobs: impl Iterator<Item = &'a Known>) -> String {
    let (counts, totals): (Vec<Counts>, Vec<usize>) = jobs
        .map(|job| (job.rows.counts(), job.expected.unwrap_or(0).max(job.rows.counts().total())))
        .unzip();
    let total = totals.iter().sum();
    let parts = parts(&counts, total);
    format!("{}, {}: {parts}", count(counts.len(), "job"), count(total, "task"))
}

/// How many of so many tasks are in which state.
fn parts(counts: &[Counts], total: usize) -> String {
    let sum = |of: fn(&Counts) -> usize| counts.iter().map(of).sum::<usize>();
    let (ended, running) = (sum(Counts::ended), sum(Counts::running));
    let held = sum(|counts| counts.of(TaskState::Held));
    outcomes([
        (sum(Counts::completed), "ok"),
        (sum(Counts::failed), "failed"),
        (sum(Counts::canceled), "canceled"),
        // Of a log that is not followed to its end, some run.
        (running, "running"),
        (held, "held"),
        (total.saturating_sub(ended + running + held), "not begun"),
    ])
}

/// Whether a task has not ended well.
pub(super) fn has_failed(job: &Known) -> bool {
    let counts = job.rows.counts();
    counts.failed() > 0 || counts.canceled() > 0
}

/// `197 ok, 3 failed`: what there is of each.
pub(super) fn outcomes<const N: usize>(parts: [(usize, &str); N]) -> String {
    let some = parts.into_iter().filter(|(n, _)| *n > 0);
    some.map(|(n, what)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
}

/// That some of a task's output is missing.
pub(super) fn cut_line(task: &TaskCompleted, output: &str, bytes: u64) -> String {
    format!(
        "milepost: the first {bytes} bytes of the {output} of {} are left out",
        printable(&shortened(&task.name, LONGEST_NAME))
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::ManualClock;
    use crate::cli::board::Board;
    use crate::job::{Job, TaskError};
    use crate::model::Event;

    #[test]
    fn a_line_says_how_a_task_ended() {
        let clock = ManualClock::new();
        let job = Job::builder("it").clock(clock.clock()).build().expect("it makes sense");
        let names = ["sleep 1; echo 3", "false\n\x1b[2J", "nope", "slow", "never"];
        let [ok, failed, unknown, mut slow, mut never] =
            names.map(|name| job.reporter(name).expect("taken"));
        for task in [&ok, &failed, &unknown, &slow] {
            task.running().expect("it can");
        }
        clock.advance(Duration::from_millis(1_230));
        ok.complete(()).expect("it can");
        failed.set_property("exit_code", 1);
        failed.fail(TaskError::msg("\"sh\" exited with code 1")).expect("it can");
        unknown.fail(TaskError::msg("there is no program\r \"nope\"")).expect("it can");
        clock.advance(Duration::from_secs(65));
        slow.observed(TaskState::TimedOut).expect("it can");
        never.observed(TaskState::Canceled).expect("it can");

        let (mut board, mut lines) = (Board::default(), Vec::new());
        let mut events = job.events();
        while let Some(event) = events.try_recv() {
            let ended = board.apply(&event);
            if let (Event::TaskCompleted(task), Some(ended)) = (&event, ended) {
                lines.push(ended_line(task, &ended, Some(12)));
            }
        }
        assert_eq!(
            lines,
            [
                "[ 1/12] ok       1.2s  sleep 1; echo 3",
                "[ 2/12] failed (exit 1)  1.2s  false\\n\\u{1b}[2J",
                "[ 3/12] failed   1.2s  nope: there is no program\\r \"nope\"",
                "[ 4/12] timed out 1m06s  slow",
                "[ 5/12] canceled     -  never",
            ]
        );
        let now = Timestamp::from_micros(clock.clock().wall_micros());
        assert_eq!(
            summary_line(board.job(job.id()), now),
            "5 tasks in 1m06s: 1 ok, 3 failed, 1 canceled"
        );
        assert_eq!(summary_line(None, now), "no tasks");
        assert_eq!(
            total_line(board.jobs().map(|(_, job)| job)),
            "1 job, 5 tasks: 1 ok, 3 failed, 1 canceled"
        );
    }
}
