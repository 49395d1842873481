//! A job's bars in a terminal that is in memory: what they show, how often they are drawn, and that nothing is drawn after the
//! end.
#![cfg(feature = "indicatif")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{WINDOW, ms, running};
use indicatif::{InMemoryTerm, MultiProgress, ProgressBar, ProgressDrawTarget, TermLike};
use milepost::view::terminal::{TerminalBars, TerminalBarsBuilder};
use milepost::{Job, ManualClock, OpenJob, TaskError};
use parking_lot::{Condvar, Mutex};

/// How long to wait for something to be drawn.
const PATIENCE: Duration = Duration::from_secs(40);

/// A terminal that counts its frames and can be waited for.
#[derive(Debug, Clone)]
struct Screen {
    terminal: InMemoryTerm,
    /// How many there were, and what the last one shows.
    frames: Arc<(Mutex<(usize, String)>, Condvar)>,
}

impl Screen {
    fn new(rows: u16, columns: u16) -> Screen {
        Screen { terminal: InMemoryTerm::new(rows, columns), frames: Arc::default() }
    }

    fn frames(&self) -> usize {
        self.frames.0.lock().0
    }

    fn contents(&self) -> String {
        self.terminal.contents()
    }

    /// Waits until a frame is as it should be.
    #[track_caller]
    fn wait_until(&self, is: impl Fn(&str) -> bool) -> String {
        let mut frames = self.frames.0.lock();
        loop {
            if is(&frames.1) {
                return frames.1.clone();
            }
            let timed_out = self.frames.1.wait_for(&mut frames, PATIENCE).timed_out();
            assert!(!timed_out, "it was not drawn:\n{}", frames.1);
        }
    }

    #[track_caller]
    fn wait_for(&self, what: &str) -> String {
        self.wait_until(|shown| shown.contains(what))
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.terminal.width()
    }

    fn height(&self) -> u16 {
        self.terminal.height()
    }

    fn move_cursor_up(&self, n: usize) -> std::io::Result<()> {
        self.terminal.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> std::io::Result<()> {
        self.terminal.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> std::io::Result<()> {
        self.terminal.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> std::io::Result<()> {
        self.terminal.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.terminal.write_line(text)
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.terminal.write_str(text)
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.terminal.clear_line()
    }

    fn flush(&self) -> std::io::Result<()> {
        self.terminal.flush()?;
        let mut frames = self.frames.0.lock();
        *frames = (frames.0 + 1, self.contents());
        drop(frames);
        self.frames.1.notify_all();
        Ok(())
    }
}

/// A job with plain bars in a terminal of this size.
fn shown(
    rows: u16,
    columns: u16,
    set: impl FnOnce(TerminalBarsBuilder) -> TerminalBarsBuilder,
) -> (OpenJob, ManualClock, Screen, TerminalBars) {
    let clock = ManualClock::new();
    let job = job_on(&clock, "job");
    let screen = Screen::new(rows, columns);
    let builder = set(TerminalBars::builder().colors(false));
    let bars = builder.terminal(screen.clone()).attach(&job);
    (job, clock, screen, bars)
}

fn job_on(clock: &ManualClock, name: &str) -> OpenJob {
    Job::builder(name).clock(clock.clock()).open().unwrap()
}

#[test]
fn a_line_for_the_job_and_one_for_each_task_that_runs() {
    let (job, clock, screen, _bars) = shown(24, 80, |bars| bars);
    job.expect(2);
    let (a, b) = (running(&job, "a"), running(&job, "b"));
    a.set_total(4);
    a.set_progress(1);
    b.set_message("reading");
    clock.advance(WINDOW * 2);
    screen.wait_for("reading");
    clock.advance(ms(1_000));
    let shown = screen.wait_for("1s  a");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].starts_with("[=>") || lines[0].starts_with("[>"), "{shown}");
    assert!(lines[0].contains("0/2  2 running"), "{shown}");
    assert_eq!(lines[1], "  25%  [=>        ]      1s  a");
    assert!(lines[2].ends_with("1s  b  reading"), "{shown}");
}

#[test]
fn the_wait_returns_after_the_last_frame() {
    for clear in [false, true] {
        for _ in 0..100 {
            let (job, _clock, screen, _bars) = shown(24, 80, |bars| bars.clear_on_end(clear));
            let task = running(&job, "a");
            let job = job.close();
            let waits = std::thread::spawn(move || job.wait_until_done().blocking().unwrap());
            task.complete(()).unwrap();
            waits.join().unwrap();
            let frames = screen.frames();
            let left = if clear { "" } else { "[====================]  1/1  completed  0s  job" };
            assert_eq!(screen.contents(), left);
            screen.write_line("the summary").unwrap();
            drop(_bars);
            assert_eq!(screen.frames(), frames, "a late frame");
        }
    }
}

#[test]
fn the_drop_of_the_handle_draws_the_last_frame_of_a_job_that_has_ended() {
    for _ in 0..100 {
        let (job, clock, screen, bars) = shown(24, 80, |bars| bars);
        let task = running(&job, "a");
        job.close();
        task.fail(TaskError::msg("no")).unwrap();
        drop(bars);
        let frames = screen.frames();
        assert_eq!(screen.contents(), "[====================]  1/1  failed  1 failed  0s  job");
        clock.advance(ms(10_000));
        assert_eq!(screen.frames(), frames, "a late frame");
    }
}

#[test]
fn bars_go_on_without_their_handle() {
    let (job, clock, screen, bars) = shown(24, 80, |bars| bars);
    let task = running(&job, "a");
    drop(bars);
    screen.wait_for("  a");
    task.set_message("it goes on");
    clock.advance(WINDOW * 2);
    screen.wait_for("it goes on");
}

#[test]
fn there_are_no_more_frames_than_windows() {
    let (job, clock, screen, bars) = shown(24, 80, |bars| bars);
    let tasks: Vec<_> = (0..30).map(|n| running(&job, &format!("task {n}"))).collect();
    clock.advance(WINDOW);
    screen.wait_for("and 23 more");
    let before = screen.frames();
    let windows = 50;
    for window in 0..windows {
        for task in &tasks {
            for n in 0..10 {
                task.set_progress(window * 10 + n);
                task.set_message(format!("round {window}"));
            }
        }
        // Beginnings and ends gather as well.
        for n in 0..10 {
            running(&job, &format!("short {n}")).complete(()).unwrap();
        }
        clock.advance(WINDOW);
        screen.wait_for(&format!("{} of", window * 10 + 10));
    }
    let frames = screen.frames() - before;
    assert!(frames <= windows as usize + 1, "{frames} frames in {windows} windows");
    drop((tasks, job, bars));
}

#[test]
fn a_short_window_makes_no_more_than_five_frames_a_second() {
    let clock = ManualClock::new();
    let job = Job::builder("job").clock(clock.clock()).window(ms(1)).build().unwrap();
    let screen = Screen::new(24, 80);
    let _bars = TerminalBars::builder().colors(false).terminal(screen.clone()).attach(&job);
    let task = running(&job, "a");
    screen.wait_for("  a");
    let before = screen.frames();
    for n in 0..1_000 {
        task.set_progress(n);
        clock.advance(ms(1));
    }
    task.set_message("the last");
    clock.advance(WINDOW);
    screen.wait_for("the last");
    let frames = screen.frames() - before;
    assert!(frames <= 7, "{frames} frames in 1.2 s");
}

#[test]
fn silence_is_drawn_once_a_second() {
    let (job, clock, screen, _bars) = shown(24, 80, |bars| bars);
    let _task = running(&job, "a");
    screen.wait_for("  a");
    clock.advance(WINDOW);
    let before = screen.frames();
    for second in 1..=20 {
        clock.advance(ms(1_000));
        screen.wait_for(&format!(" {second}s  a"));
    }
    assert_eq!(screen.frames() - before, 20);
}

#[test]
fn there_are_as_many_lines_as_wanted_and_fit() {
    let lines = |rows, tasks: Option<usize>| {
        let (job, clock, screen, _bars) = shown(rows, 80, |bars| match tasks {
            Some(tasks) => bars.tasks(tasks),
            None => bars,
        });
        let _tasks: Vec<_> = (0..100).map(|n| running(&job, &format!("task {n}"))).collect();
        clock.advance(WINDOW);
        screen.wait_for("100 running").lines().count()
    };
    assert_eq!([lines(60, None), lines(24, None), lines(12, None)], [9, 9, 5]);
    assert_eq!([lines(24, Some(3)), lines(24, Some(0)), lines(24, Some(99))], [4, 1, 23]);
    assert_eq!([lines(1, None), lines(2, None), lines(3, Some(9))], [1, 1, 2]);
}

#[test]
fn lines_are_printed_above_the_bars_and_stay() {
    let (job, clock, screen, bars) = shown(24, 80, |bars| bars);
    bars.println("before it begins");
    job.expect(1);
    let task = running(&job, "a");
    screen.wait_for("  a");
    bars.println("first\nsecond");
    let inside = bars.suspend(|| {
        screen.write_line("third").unwrap();
        screen.contents()
    });
    assert_eq!(inside, "before it begins\nfirst\nsecond\nthird");
    let told: Vec<String> = screen.contents().lines().map(str::to_owned).collect();
    assert_eq!(told[..4], ["before it begins", "first", "second", "third"]);
    assert!(told[4].contains("0/1") && told[5].ends_with("  a") && told.len() == 6, "{told:?}");
    job.close();
    clock.advance(ms(2_000));
    task.complete(()).unwrap();
    drop(bars);
    let left = screen.contents();
    assert_eq!(left.lines().count(), 5, "{left}");
    assert!(left.contains("third\n[====================]  1/1  completed"), "{left}");
}

#[test]
fn bars_of_two_jobs_go_with_those_of_the_program() {
    let clock = ManualClock::new();
    let screen = Screen::new(24, 60);
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let multi = MultiProgress::with_draw_target(target);
    let own = multi.add(ProgressBar::new(10).with_message("mine"));
    own.tick();
    let attach = |job: &Job| {
        let builder = TerminalBars::builder().colors(false).multi(multi.clone()).size(60, 24);
        builder.attach(job)
    };
    let (first, second) = (job_on(&clock, "first"), job_on(&clock, "second"));
    let (first_bars, second_bars) = (attach(&first), attach(&second));
    let tasks = [running(&first, "a"), running(&first, "b")];
    clock.advance(WINDOW);
    screen.wait_for("  b");
    let other = running(&second, "c");
    let shown = screen.wait_for("  c");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 6, "{shown}");
    assert!(lines[1].contains("first") && lines[4].contains("second"), "{shown}");

    multi.println("above all").unwrap();
    multi.suspend(|| screen.write_line("printed").unwrap());
    own.inc(3);
    let shown = screen.contents();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1]), (8, "above all", "printed"), "{shown}");
    assert!(lines[2].contains("3/10") && lines[7].ends_with("  c"), "{shown}");

    first.close();
    for task in tasks {
        task.complete(()).unwrap();
    }
    drop(first_bars);
    let shown = screen.contents();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 6, "{shown}");
    assert!(lines[2].contains("2/2  completed") && lines[2].ends_with("first"), "{shown}");
    assert!(lines[3].contains("3/10") && lines[4].ends_with("second"), "{shown}");
    second.close();
    other.complete(()).unwrap();
    drop(second_bars);
    let shown = screen.contents();
    assert_eq!(shown.lines().count(), 5, "{shown}");
    own.finish_and_clear();
    assert!(screen.contents().ends_with("second"), "{}", screen.contents());
}

#[test]
fn a_frame_in_another_multi_progress_is_one_write() {
    let clock = ManualClock::new();
    let screen = Screen::new(24, 60);
    let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let multi = MultiProgress::with_draw_target(target);
    let job = job_on(&clock, "job");
    let builder = TerminalBars::builder().colors(false).clear_on_end(true);
    let bars = builder.multi(multi).size(60, 24).attach(&job);
    let tasks: Vec<_> = (0..5).map(|n| job.reporter(format!("task {n}")).unwrap()).collect();
    tasks[0].running().unwrap();
    screen.wait_for("1 running");
    assert_eq!(screen.frames(), 1);
    tasks[1..].iter().for_each(|task| task.running().unwrap());
    clock.advance(WINDOW);
    screen.wait_for("5 running");
    assert_eq!(screen.frames(), 2);
    clock.advance(WINDOW);
    tasks.into_iter().for_each(|task| drop(task.complete(())));
    job.close();
    drop(bars);
    assert_eq!(screen.contents(), "");
    let frames = screen.frames();
    assert!((3..=4).contains(&frames), "{frames}");
}

#[test]
fn where_nothing_is_seen_nothing_is_read() {
    let multi = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
    let job = Job::new("job");
    let bars = TerminalBars::builder().multi(multi).attach(&job);
    assert_eq!(format!("{bars:?}"), "TerminalBars { draws: false, .. }");
    assert_eq!(bars.suspend(|| 5), 5);
}

#[test]
fn what_others_wrote_does_no_harm() {
    let (job, clock, screen, _bars) = shown(24, 100, |bars| bars);
    let task = running(&job, "name\x1b[2J\nof two lines");
    task.set_message("\x1b[31mred\r");
    task.set_unit("\x07");
    task.set_progress(1);
    clock.advance(WINDOW * 2);
    let shown = screen.wait_for("red");
    assert_eq!(shown.lines().count(), 2, "{shown}");
}

#[test]
fn a_panic_while_the_bars_are_out_of_the_way_does_no_harm() {
    let (job, _clock, screen, bars) = shown(24, 60, |bars| bars);
    let task = running(&job, "a");
    screen.wait_for("  a");
    let panics = std::panic::AssertUnwindSafe(|| bars.suspend(|| panic!("as the test wants")));
    std::panic::catch_unwind(panics).unwrap_err();
    job.close();
    task.complete(()).unwrap();
    drop(bars);
    assert!(screen.contents().contains("1/1  completed"), "{}", screen.contents());
}
