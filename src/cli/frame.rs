//! The board as lines for a terminal of a given size. Knows no terminal, and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::board::{Board, JobView, Running};
use super::quantity::{amount, short};
use super::text::{count, printable, shortened};
use crate::model::{JobId, JobState, TaskId, TaskState, Timestamp};

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    Task,
    Note,
}

/// A line: a head of as many columns as chars that fits, and a text of which there is as much as fits behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) head: String,
    pub(super) text: String,
}

/// Lays lines out. A task keeps its line for as long as it runs, so that nothing jumps.
#[derive(Debug, Default)]
pub(super) struct Layout {
    rows: BTreeMap<JobId, Vec<Option<TaskId>>>,
}

impl Layout {
    /// The lines for all jobs; fewer than the terminal's height.
    pub(super) fn lines(&mut self, board: &Board, now: Timestamp, size: Size) -> Vec<Line> {
        let mut room = size.height.saturating_sub(1).max(1);
        let mut lines = Vec::new();
        let mut jobs_left = board.jobs().len();
        self.rows.retain(|job, _| board.job(*job).is_some());
        // Those that have ended are the first to be left out.
        let mut jobs: Vec<_> = board.jobs().collect();
        jobs.sort_by_key(|(_, job)| job.state.is_terminal());
        for (id, job) in jobs {
            if room == 1 && jobs_left > 1 {
                lines.push(note(format!("and {} more", count(jobs_left, "job"))));
                break;
            }
            lines.push(job_line(job, now, size.width));
            room -= 1;
            jobs_left -= 1;
            // A line for each job that is to come, and of the others a fair share.
            let share = room.saturating_sub(jobs_left) / (jobs_left + 1);
            let rows = self.rows.entry(id).or_default();
            let hidden = assign(rows, &job.running, share);
            for task in rows.iter() {
                let running = task.and_then(|task| job.running.get(&task));
                lines.push(running.map_or_else(
                    || note(String::new()),
                    |running| task_line(running, now, size.width),
                ));
            }
            if hidden > 0 && share > 0 {
                lines.push(note(format!("and {hidden} more")));
            }
            room = room.saturating_sub(rows.len() + usize::from(hidden > 0 && share > 0));
        }
        lines
    }
}

/// Gives tasks that run a row each, as far as there is room. Returns how many have none.
fn assign(
    rows: &mut Vec<Option<TaskId>>,
    running: &BTreeMap<TaskId, Running>,
    room: usize,
) -> usize {
    // One row says how many have none.
    let most = if running.len() > room { room.saturating_sub(1) } else { room };
    for row in rows.iter_mut() {
        *row = row.filter(|task| running.contains_key(task));
    }
    // Once most rows are empty, or there is no room for them, the others move up.
    if running.len() * 2 < rows.len() || rows.len() > most {
        rows.retain(Option::is_some);
        rows.truncate(most);
    }
    let mut shown: Vec<TaskId> = rows.iter().flatten().copied().collect();
    shown.sort_unstable();
    let mut free = 0;
    for task in running.keys().filter(|task| shown.binary_search(task).is_err()) {
        while rows.get(free).is_some_and(Option::is_some) {
            free += 1;
        }
        if free < rows.len() {
            rows[free] = Some(*task);
        } else if rows.len() < most {
            rows.push(Some(*task));
        } else {
            break;
        }
    }
    running.len() - rows.iter().flatten().count()
}

fn note(text: String) -> Line {
    let head = if text.is_empty() { " " } else { "  " };
    Line { kind: Kind::Note, head: head.into(), text }
}

/// What a line may have, with how much it matters: 0 most.
type Part = (u8, String);

fn job_line(job: &JobView, now: Timestamp, width: usize) -> Line {
    let mut parts: Vec<Part> = Vec::new();
    if let Some(fraction) = job.fraction() {
        parts.push((6, bar(fraction, 20)));
    }
    // A number that grows while the input is read is no goal.
    let done = match job.expected {
        Some(_) => format!("{}/{}", job.ended(), job.total()),
        None => format!("{} of {} so far", job.ended(), job.total()),
    };
    parts.push((0, done));
    let state = match job.state {
        JobState::Canceling => Some("canceling"),
        state if state.is_terminal() => Some(state.as_str()),
        _ => None,
    };
    parts.extend(state.map(|state| (2, state.to_owned())));
    for (matters, n, what) in [
        (1, job.failed, "failed"),
        (5, job.canceled, "canceled"),
        (3, job.running.len(), "running"),
    ] {
        if n > 0 {
            parts.push((matters, format!("{n} {what}")));
        }
    }
    let elapsed = job.elapsed(now);
    if let Some(rate) = rate(job.ended(), elapsed) {
        parts.push((8, rate));
    }
    parts.push((7, short(elapsed)));
    if let Some(left) = job.left(now) {
        parts.push((4, format!("ETA {}", short(left))));
    }
    let head = fitting(parts, width);
    // Where there is no room for the blanks before it, there is none for a name.
    let name = job.name.as_deref().filter(|_| head.is_empty() || head.ends_with(' '));
    let text = name.map(|name| printable(name).into_owned());
    Line { kind: Kind::Job, head, text: text.unwrap_or_default() }
}

fn task_line(running: &Running, now: Timestamp, width: usize) -> Line {
    let mut parts: Vec<Part> = Vec::new();
    match running.fraction() {
        Some(fraction) => {
            parts.push((0, format!("{:>3}%", (fraction * 100.0) as u32)));
            parts.push((2, bar(fraction, 10)));
        }
        // In the same columns.
        None => {
            parts.push((0, "    ".to_owned()));
            parts.push((2, " ".repeat(12)));
        }
    }
    parts.push((1, format!("{:>6}", short(now.duration_since(running.since)))));
    // At least half of the line is the task's.
    let mut head = format!(" {}", fitting(parts, width / 2));
    if !head.ends_with(' ') {
        head.push(' ');
    }
    let mut details = Vec::new();
    match running.state {
        TaskState::Suspended => details.push("suspended".to_owned()),
        TaskState::Canceling => details.push("canceling".to_owned()),
        _ => {}
    }
    if running.attempt > 1 {
        details.push(format!("attempt {}", running.attempt));
    }
    // A share alone is in the head.
    if running.unit.is_some() || running.fraction().is_none() {
        details.extend(amount(running.progress, running.total, running.unit.as_deref()));
    }
    details.extend(running.message.as_deref().map(|message| printable(message).into_owned()));
    let name = if details.is_empty() {
        printable(&running.name)
    } else {
        // What it is doing should be seen too.
        shortened(&running.name, (width.saturating_sub(head.len()) / 2).max(8))
    };
    details.insert(0, name.into_owned());
    Line { kind: Kind::Task, head, text: details.join("  ") }
}

/// The parts that matter most and fit, in their order, each followed by two blanks.
fn fitting(parts: Vec<Part>, width: usize) -> String {
    let mut by_matter: Vec<usize> = (0..parts.len()).collect();
    by_matter.sort_by_key(|&part| parts[part].0);
    let (mut used, mut kept) = (0, vec![false; parts.len()]);
    for part in by_matter {
        let length = parts[part].1.len() + 2;
        // The blanks at the end may be cut off.
        if used + length > width + 1 {
            break;
        }
        used += length;
        kept[part] = true;
    }
    let mut line = String::with_capacity(width + 2);
    for (part, _) in parts.into_iter().zip(kept).filter(|(_, kept)| *kept) {
        line.extend([&part.1, "  "]);
    }
    line.truncate(width.saturating_sub(1));
    line
}

fn bar(fraction: f64, length: usize) -> String {
    let filled = (fraction * length as f64) as usize;
    let tip = usize::from(filled > 0 && filled < length);
    let (done, left) = ("=".repeat(filled - tip), " ".repeat(length - filled));
    format!("[{done}{}{left}]", if tip == 1 { ">" } else { "" })
}

fn rate(done: usize, elapsed: Duration) -> Option<String> {
    let seconds = elapsed.as_secs_f64();
    if done == 0 || seconds < 1.0 {
        return None;
    }
    let rate = done as f64 / seconds;
    Some(match rate {
        10.0.. => format!("{rate:.0}/s"),
        0.5.. => format!("{rate:.1}/s"),
        _ => format!("{:.1}/min", rate * 60.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ManualClock;
    use crate::job::{Job, TaskError, TaskReporter};

    struct Scene {
        clock: ManualClock,
        job: Job,
        tasks: Vec<TaskReporter>,
        board: Board,
        layout: Layout,
    }

    impl Scene {
        /// So many tasks that run.
        fn new(running: usize) -> Scene {
            let clock = ManualClock::new();
            let job = Job::builder("copy").clock(clock.clock()).build().expect("it makes sense");
            let tasks: Vec<_> =
                (0..running).map(|n| job.reporter(format!("cp {n}")).expect("taken")).collect();
            for task in &tasks {
                task.running().expect("it can");
            }
            Scene { clock, job, tasks, board: Board::default(), layout: Layout::default() }
        }

        fn lines(&mut self, width: usize, height: usize) -> Vec<String> {
            let now = Timestamp::from_micros(self.clock.clock().wall_micros());
            self.board = Board::default();
            let mut events = self.job.events();
            while let Some(event) = events.try_recv() {
                self.board.apply(&event);
            }
            self.board.expect(self.job.id(), 10);
            let lines = self.layout.lines(&self.board, now, Size { width, height });
            lines
                .into_iter()
                .map(|line| format!("{}{}", line.head, line.text).trim_end().to_owned())
                .collect()
        }
    }

    #[test]
    fn a_line_for_the_job_and_one_for_each_running_task() {
        let mut scene = Scene::new(3);
        scene.tasks[1].set_total(8);
        scene.tasks[1].set_progress(4);
        scene.tasks[1].set_unit("files");
        scene.tasks[1].set_message("a\x1b[2J");
        scene.clock.advance(Duration::from_secs(65));
        scene.tasks.remove(2).fail(TaskError::msg("no")).expect("it can");
        assert_eq!(
            scene.lines(100, 24),
            [
                "[==>                 ]  1/10  1 failed  2 running  0.9/min  1m05s  ETA 6m08s  copy",
                "                      1m05s  cp 0",
                "  50%  [====>     ]   1m05s  cp 1  4/8 files  a\\u{1b}[2J",
            ]
        );
    }

    #[test]
    fn what_matters_less_gives_way() {
        let mut scene = Scene::new(3);
        scene.tasks[0].set_total(8);
        scene.tasks[0].set_progress(4);
        scene.clock.advance(Duration::from_secs(65));
        scene.tasks.remove(2).fail(TaskError::msg("no")).expect("it can");
        assert_eq!(
            scene.lines(40, 3)[..2],
            ["1/10  1 failed  2 running  ETA 6m08s  copy", "  and 2 more"]
        );
        assert_eq!(scene.lines(40, 4)[1], "  50%   1m05s  cp 0");
        assert_eq!(scene.lines(20, 4)[..2], ["1/10  1 failed  copy", "  50%  cp 0"]);
        for width in 0..200 {
            let now = Timestamp::from_micros(scene.clock.clock().wall_micros());
            let lines = scene.layout.lines(&scene.board, now, Size { width, height: 9 });
            assert!(lines.iter().all(|line| line.head.len() <= width.max(2)), "{width}: {lines:?}");
        }
    }

    #[test]
    fn tasks_keep_their_lines_and_those_without_room_are_counted() {
        let mut scene = Scene::new(8);
        let names = |lines: Vec<String>| {
            lines[1..].iter().map(|line| line.trim().replace("0s  ", "")).collect::<Vec<_>>()
        };
        assert_eq!(names(scene.lines(50, 6)), ["cp 0", "cp 1", "cp 2", "and 5 more"]);
        scene.tasks.remove(1).complete(()).expect("it can");
        assert_eq!(names(scene.lines(50, 6)), ["cp 0", "cp 3", "cp 2", "and 4 more"]);
        for _ in 0..5 {
            scene.tasks.remove(0).complete(()).expect("it can");
        }
        assert_eq!(names(scene.lines(50, 6)), ["cp 6", "cp 7", ""]);
        // Few are left: they move up.
        scene.tasks.remove(0).complete(()).expect("it can");
        assert_eq!(names(scene.lines(50, 6)), ["cp 7"]);
        assert_eq!(names(scene.lines(50, 1)), Vec::<String>::new());
    }

    #[test]
    fn jobs_share_the_room() {
        let (mut board, mut layout) = (Board::default(), Layout::default());
        let mut kept = Vec::new();
        for name in ["a", "b", "c"] {
            let job = Job::new(name);
            for n in 0..4 {
                let task = job.reporter(format!("{name}{n}")).expect("taken");
                task.running().expect("it can");
                kept.push(task);
            }
            let mut events = job.events();
            while let Some(event) = events.try_recv() {
                board.apply(&event);
            }
        }
        let now = Timestamp::from_micros(0);
        let text = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        let lines = text(layout.lines(&board, now, Size { width: 80, height: 13 }));
        assert_eq!(
            lines,
            [
                "a",
                "a0",
                "a1",
                "and 2 more",
                "b",
                "b0",
                "b1",
                "and 2 more",
                "c",
                "c0",
                "c1",
                "and 2 more"
            ]
        );
        let lines = text(layout.lines(&board, now, Size { width: 80, height: 3 }));
        assert_eq!(lines, ["a", "and 2 jobs more"]);
    }

    #[test]
    fn a_name_is_never_without_its_gap() {
        let mut scene = Scene::new(2);
        scene.clock.advance(Duration::from_secs(3));
        for width in 1..100 {
            for line in scene.lines(width, 9) {
                let name = line.find("copy").or_else(|| line.find("cp "));
                let has_gap = name.is_none_or(|at| at == 0 || line[..at].ends_with(' '));
                assert!(has_gap, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_bar_is_as_full_as_it_may_be() {
        assert_eq!(
            [bar(0.0, 4), bar(0.3, 4), bar(0.5, 4), bar(1.0, 4)],
            ["[    ]", "[>   ]", "[=>  ]", "[====]"]
        );
    }
}
