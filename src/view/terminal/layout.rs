//! Rows as lines for a terminal of a given size. Knows no terminal, and changes nothing.

use std::collections::{BTreeMap, HashSet};

use console::{measure_text_width, truncate_str};

use super::safe::{printable, shortened};
use crate::model::{JobId, JobState, TaskId, TaskState, Timestamp};
use crate::view::{Group, JobRow, Rows, TaskRow, duration, rate};

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Job,
    Task,
    Note,
}

/// A line: a head that fits, and a text of which there is as much as fits behind it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) head: String,
    pub(crate) text: String,
}

/// Lays lines out. A task keeps its line for as long as it runs, so that nothing jumps.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    places: BTreeMap<JobId, Vec<Option<TaskId>>>,
}

impl Layout {
    /// The lines for all jobs; fewer than the terminal's height.
    pub(crate) fn lines<'a>(
        &mut self,
        jobs: impl IntoIterator<Item = (JobId, &'a Rows)>,
        now: Timestamp,
        size: Size,
    ) -> Vec<Line> {
        let mut jobs: Vec<_> = jobs.into_iter().collect();
        let known: HashSet<JobId> = jobs.iter().map(|(id, _)| *id).collect();
        self.places.retain(|job, _| known.contains(job));
        // Those that have ended are the first to be left out.
        jobs.sort_by_key(|(_, rows)| rows.state().is_terminal());
        let mut room = size.height.saturating_sub(1).max(1);
        let mut lines = Vec::new();
        let mut jobs_left = jobs.len();
        for (id, job) in jobs {
            if room == 1 && jobs_left > 1 {
                lines.push(note(format!("and {jobs_left} jobs more")));
                break;
            }
            lines.push(job_line(&job.job(now), size.width));
            room -= 1;
            jobs_left -= 1;
            // A line for each job that is to come, and of the others a fair share.
            let share = room.saturating_sub(jobs_left) / (jobs_left + 1);
            let places = self.places.entry(id).or_default();
            let hidden = assign(places, job, now, share);
            for task in places.iter() {
                let row = task.and_then(|task| job.task(task, now));
                lines.push(
                    row.map_or_else(|| note(String::new()), |row| task_line(&row, size.width)),
                );
            }
            let is_told = hidden > 0 && share > 0;
            if is_told {
                lines.push(note(format!("and {hidden} more")));
            }
            room = room.saturating_sub(places.len() + usize::from(is_told));
        }
        lines
    }
}

/// Gives tasks that run a place each, as far as there is room. Returns how many have none.
fn assign(places: &mut Vec<Option<TaskId>>, job: &Rows, now: Timestamp, room: usize) -> usize {
    let running = job.count(Group::Running);
    // One place says how many have none.
    let most = if running > room { room.saturating_sub(1) } else { room };
    let runs = |task: &TaskId| job.task(*task, now).is_some_and(|row| row.state.is_active());
    for place in places.iter_mut() {
        *place = place.filter(runs);
    }
    // Once most places are empty, or there is no room for them, the others move up.
    if running * 2 < places.len() || places.len() > most {
        places.retain(Option::is_some);
        places.truncate(most);
    }
    let mut shown: Vec<TaskId> = places.iter().flatten().copied().collect();
    shown.sort_unstable();
    let mut free = 0;
    let running_tasks = job.running(now).map(|row| row.task);
    for task in running_tasks.filter(|task| shown.binary_search(task).is_err()) {
        while places.get(free).is_some_and(Option::is_some) {
            free += 1;
        }
        if free < places.len() {
            places[free] = Some(task);
        } else if places.len() < most {
            places.push(Some(task));
        } else {
            break;
        }
    }
    running - places.iter().flatten().count()
}

fn note(text: String) -> Line {
    let head = if text.is_empty() { " " } else { "  " };
    Line { kind: Kind::Note, head: head.into(), text }
}

/// What a line may have, with how much it matters: 0 most.
type Part = (u8, String);

/// From here on, parts matter less than the name behind them.
const LESS_THAN_NAME: u8 = 8;

/// The line for a job.
pub(super) fn job_line(job: &JobRow, width: usize) -> Line {
    let mut parts: Vec<Part> = Vec::new();
    if let Some(fraction) = job.fraction {
        parts.push((6, bar(fraction, 20)));
    }
    // A number that grows while the input is read is no goal.
    let (ended, total) = (job.counts.ended(), job.total_tasks());
    let done = match job.expected {
        Some(_) => format!("{ended}/{total}"),
        None => format!("{ended} of {total} so far"),
    };
    parts.push((0, done));
    let state = match job.state {
        JobState::Canceling => Some("canceling"),
        state if state.is_terminal() => Some(state.as_str()),
        _ => None,
    };
    parts.extend(state.map(|state| (2, state.to_owned())));
    for (matters, n, what) in [
        (1, job.counts.failed(), "failed"),
        (5, job.counts.canceled(), "canceled"),
        (3, job.counts.running(), "running"),
        (3, job.counts.of(TaskState::Held), "held"),
    ] {
        if n > 0 {
            parts.push((matters, format!("{n} {what}")));
        }
    }
    // The tasks are counted already.
    let unit = Some(&*job.unit).filter(|unit| *unit != "tasks");
    if unit.is_some() {
        parts.push((9, printable(&job.amount()).into_owned()));
    }
    if let Some(per_second) = job.rate {
        parts.push((8, printable(&rate(per_second, unit)).into_owned()));
    }
    parts.push((7, duration(job.elapsed.unwrap_or_default())));
    if let Some(eta) = job.eta {
        parts.push((4, format!("ETA {}", duration(eta))));
    }
    let mut text = printable(job.name.as_deref().unwrap_or_default()).into_owned();
    let head = fitting(parts, width, measure_text_width(&text));
    if !head.is_empty() && !head.ends_with(' ') {
        // Where there is no room for the blanks before it, there is none for a name.
        text.clear();
    }
    Line { kind: Kind::Job, head, text }
}

fn task_line(task: &TaskRow<'_>, width: usize) -> Line {
    let mut parts: Vec<Part> = Vec::new();
    match task.fraction {
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
    parts.push((1, format!("{:>6}", duration(task.elapsed.unwrap_or_default()))));
    // At least half of the line is the task's.
    let mut head = format!(" {}", fitting(parts, width / 2, 0));
    if !head.ends_with(' ') {
        head.push(' ');
    }
    let mut details = Vec::new();
    match task.state {
        TaskState::Suspended => details.push("suspended".to_owned()),
        TaskState::Canceling => details.push("canceling".to_owned()),
        _ => {}
    }
    if task.attempt > 1 {
        details.push(format!("attempt {}", task.attempt));
    }
    // A share alone is in the head.
    if task.unit.is_some() || task.fraction.is_none() {
        details.extend(task.amount().map(|amount| printable(&amount).into_owned()));
    }
    details.extend(task.message.map(|message| printable(message).into_owned()));
    let name = if details.is_empty() {
        printable(task.name)
    } else {
        // What it is doing should be seen too.
        shortened(task.name, (width.saturating_sub(head.len()) / 2).max(8))
    };
    details.insert(0, name.into_owned());
    Line { kind: Kind::Task, head, text: details.join("  ") }
}

/// The parts that matter most and fit, in their order, each followed by two blanks. Some only if a name of this width fits too.
fn fitting(parts: Vec<Part>, width: usize, name: usize) -> String {
    let mut by_matter: Vec<usize> = (0..parts.len()).collect();
    by_matter.sort_by_key(|&part| parts[part].0);
    let (mut used, mut kept) = (0, vec![false; parts.len()]);
    for part in by_matter {
        let length = measure_text_width(&parts[part].1) + 2;
        let name = if parts[part].0 < LESS_THAN_NAME { 0 } else { name };
        // The blanks at the end may be cut off.
        if used + length + name > width + 1 {
            break;
        }
        used += length;
        kept[part] = true;
    }
    let mut line = String::new();
    for (part, _) in parts.into_iter().zip(kept).filter(|(_, kept)| *kept) {
        line.extend([&part.1, "  "]);
    }
    truncate_str(&line, width.saturating_sub(1), "").into_owned()
}

fn bar(fraction: f64, length: usize) -> String {
    let filled = (fraction * length as f64) as usize;
    let tip = usize::from(filled > 0 && filled < length);
    let (done, left) = ("=".repeat(filled - tip), " ".repeat(length - filled));
    format!("[{done}{}{left}]", if tip == 1 { ">" } else { "" })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::ManualClock;
    use crate::bus::EventStream;
    use crate::job::{Job, TaskError, TaskReporter};
    use crate::model::Event;
    use crate::view::Keep;

    fn rows(job: &Job) -> Rows {
        let mut rows = Rows::new().keep(Keep::Live);
        job.events().drain(|event| rows.apply(&event));
        rows
    }

    fn now(clock: &ManualClock) -> Timestamp {
        Timestamp::from_micros(clock.clock().wall_micros())
    }

    struct Scene {
        clock: ManualClock,
        job: Job,
        events: EventStream<Event>,
        tasks: Vec<TaskReporter>,
        rows: Rows,
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
            let (rows, layout) = (Rows::new().keep(Keep::Live), Layout::default());
            Scene { clock, events: job.events(), job, tasks, rows, layout }
        }

        fn lines(&mut self, width: usize, height: usize) -> Vec<String> {
            self.events.drain(|event| self.rows.apply(&event));
            self.rows.expect(10);
            let lines = self.layout.lines(
                [(self.job.id(), &self.rows)],
                now(&self.clock),
                Size { width, height },
            );
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
                "[==>                 ]  1/10  1 failed  2 running  4 files  1m05s  ETA 9m10s  copy",
                "                      1m05s  cp 0",
                "  50%  [====>     ]   1m05s  cp 1  4/8 files  a\\u{1b}[2J",
            ]
        );
    }

    #[test]
    fn tasks_that_are_held_are_counted() {
        let mut scene = Scene::new(3);
        scene.tasks[1].observed(TaskState::Held).expect("it can");
        let line = scene.lines(100, 24).remove(0);
        assert!(line.starts_with("[                    ]  0/10  2 running  1 held  "), "{line}");
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
            ["1/10  1 failed  2 running  ETA 9m10s  copy", "  and 2 more"]
        );
        assert_eq!(scene.lines(40, 4)[1], "  50%   1m05s  cp 0");
        assert_eq!(scene.lines(20, 4)[..2], ["1/10  1 failed  copy", "  50%  cp 0"]);
        for width in 0..200 {
            let (job, now) = ([(scene.job.id(), &scene.rows)], now(&scene.clock));
            let lines = scene.layout.lines(job, now, Size { width, height: 9 });
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
        let (mut board, mut layout) = (BTreeMap::new(), Layout::default());
        let mut kept = Vec::new();
        for name in ["a", "b", "c"] {
            let job = Job::new(name);
            for n in 0..4 {
                let task = job.reporter(format!("{name}{n}")).expect("taken");
                task.running().expect("it can");
                kept.push(task);
            }
            board.insert(job.id(), rows(&job));
        }
        let now = Timestamp::from_micros(0);
        let jobs = || board.iter().map(|(id, rows)| (*id, rows));
        let text = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
        let lines = text(layout.lines(jobs(), now, Size { width: 80, height: 13 }));
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
        let lines = text(layout.lines(jobs(), now, Size { width: 80, height: 3 }));
        assert_eq!(lines, ["a", "and 2 jobs more"]);
    }

    #[test]
    fn what_the_tasks_count_is_told_of_the_job() {
        let mut scene = Scene::new(2);
        for (n, task) in scene.tasks.iter().enumerate() {
            task.set_unit("größe");
            task.set_total(100);
            task.set_progress(n * 10);
        }
        for _ in 0..10 {
            scene.clock.advance(Duration::from_millis(500));
            scene.lines(100, 24);
            scene.tasks.iter().for_each(|task| task.advance(5));
        }
        let line = scene.lines(100, 24).remove(0);
        assert!(line.ends_with("  2 running  100 größe  21 größe/s  5s  ETA 44s  copy"), "{line}");
        // The unit is cut at a character.
        (0..100).for_each(|width| assert!(!scene.lines(width, 24).is_empty()));
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
