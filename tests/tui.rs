//! The widgets for ratatui: what they draw at which size, what stays selected, and that nothing makes them panic.

#![cfg(feature = "ratatui")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{at, job, ms, running};
use milepost::view::tui::{JobView, RowsState, RowsView, Theme};
use milepost::view::{Group, Inbox, Keep, Rows};
use milepost::{Job, ManualClock, TaskError, TaskId, TaskReporter, TaskState};
use proptest::prelude::*;
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use ratatui::widgets::{StatefulWidget, Widget};

/// A job with its rows.
struct Scene {
    job: Job,
    clock: ManualClock,
    inbox: Inbox,
    rows: Rows,
    state: RowsState,
    /// Milliseconds since the clock began.
    time: u64,
}

impl Scene {
    fn new() -> Scene {
        let (job, clock) = job();
        let inbox = job.inbox(|| {});
        Scene { job, clock, inbox, rows: Rows::new(), state: RowsState::new(), time: 0 }
    }

    /// One of each kind, after ten seconds.
    fn of_all_kinds() -> (Scene, Vec<TaskReporter>) {
        let mut scene = Scene::new();
        let copy = running(&scene.job, "copy of the archive of july");
        copy.set_total(10 << 20);
        copy.set_unit("bytes");
        copy.set_message("block\tby\x1b[2J block, from the disk to the tape");
        let count = running(&scene.job, "count");
        count.set_unit("rows");
        let wide = running(&scene.job, "大きな写真を小さくする仕事");
        wide.set_total(3);
        let broken = running(&scene.job, "broken");
        let waiting = scene.job.reporter("waiting").unwrap();
        let done = running(&scene.job, "done");
        done.set_total(4);
        let unwanted = scene.job.reporter("unwanted").unwrap();
        for second in 1..=10 {
            copy.set_progress(second << 19);
            count.set_progress(second * 100);
            wide.set_progress(second / 5);
            scene.pass(1_000);
        }
        done.set_progress(4);
        done.complete(()).unwrap();
        broken
            .fail(TaskError::msg("no space left on the disk that all this was to go to"))
            .unwrap();
        scene.job.cancel_task(&unwanted, "the user quit").unwrap();
        scene.rows.expect(7);
        scene.pass(1_000);
        (scene, vec![copy, count, wide, waiting])
    }

    fn pass(&mut self, milliseconds: u64) {
        self.clock.advance(ms(milliseconds));
        self.time += milliseconds;
        self.rows.update(&mut self.inbox);
    }

    fn tasks(&mut self, n: usize) -> Vec<TaskReporter> {
        let tasks = (0..n).map(|n| self.job.reporter(format!("task {n}")).unwrap()).collect();
        self.rows.update(&mut self.inbox);
        tasks
    }

    fn buffer(&mut self, width: u16, height: u16, theme: &Theme) -> Buffer {
        self.rows.update(&mut self.inbox);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let view = RowsView::new(&self.rows, at(self.time)).theme(theme);
        (&view).render(buf.area, &mut buf, &mut self.state);
        buf
    }

    fn lines(&mut self, width: u16, height: u16) -> Vec<String> {
        text(&self.buffer(width, height, &Theme::plain()))
    }

    fn job_lines(&mut self, width: u16, height: u16) -> Vec<String> {
        self.rows.update(&mut self.inbox);
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        JobView::new(&self.rows.job(at(self.time))).render(buf.area, &mut buf);
        text(&buf)
    }

    /// The line on which the selection is seen, with its text.
    fn selection(&mut self, height: u16) -> Option<(usize, String)> {
        let buf = self.buffer(30, height, &Theme::plain());
        let is_selected = |y: &usize| buf[(2, *y as u16)].modifier.contains(Modifier::REVERSED);
        let line = (0..usize::from(height)).find(is_selected)?;
        Some((line, text(&buf)[line].clone()))
    }
}

/// What a terminal shows of it, without blanks at the ends.
fn text(buf: &Buffer) -> Vec<String> {
    let line = |y| {
        let (mut line, mut x) = (String::new(), 0);
        while x < buf.area.width {
            line.push_str(buf[(x, y)].symbol());
            x += buf[(x, y)].symbol().cell_width();
        }
        assert_eq!(x, buf.area.width, "a character hangs over the edge: {line}");
        line.trim_end().to_owned()
    };
    (0..buf.area.height).map(line).collect()
}

#[test]
fn columns_give_way_as_it_gets_narrow() {
    let (mut scene, _tasks) = Scene::of_all_kinds();
    let screens = [120, 80, 40, 20].map(|width| scene.lines(width, 8));
    assert_eq!(
        screens[0],
        [
            "> copy of the archive of … ━━━━━━──────  50%      5.0/10.0 MiB  439.7 KiB/s    10s block by�[2J block, from the disk to…",
            "> count                                              1000 rows    86 rows/s",
            "> 大きな写真を小さくする…  ━━━━━━━━────  66%               2/3     12.9/min     2s",
            "✗ broken                   no space left on the disk that all this was to go to",
            "· waiting",
            "✓ done                     ━━━━━━━━━━━━ 100%               4/4     24.0/min    10s",
            "- unwanted                 canceled: the user quit",
            "",
        ]
    );
    assert_eq!(
        screens[1],
        [
            "> copy of the arc… ━━━━────  50%      5.0/10.0 MiB    10s block by�[2J block, f…",
            "> count                                  1000 rows",
            "> 大きな写真を小…  ━━━━━───  66%               2/3     2s",
            "✗ broken           no space left on the disk that all this was to go to",
            "· waiting",
            "✓ done             ━━━━━━━━ 100%               4/4    10s",
            "- unwanted         canceled: the user quit",
            "",
        ]
    );
    assert_eq!(
        screens[2],
        [
            "> copy of the arch… ━━━━────  50%    10s",
            "> count                 1000 rows",
            "> 大きな写真を小さ… ━━━━━───  66%     2s",
            "✗ broken            no space left on th…",
            "· waiting",
            "✓ done              ━━━━━━━━ 100%    10s",
            "- unwanted          canceled: the user …",
            "",
        ]
    );
    assert_eq!(
        screens[3],
        [
            "> copy of the …  50%",
            "> count",
            "> 大きな写真を…  66%",
            "✗ broken",
            "· waiting",
            "✓ done          100%",
            "- unwanted",
            "",
        ]
    );
    // Of fewer rows, the first.
    assert_eq!(scene.lines(20, 2), ["> copy of the …  50%", "> count"]);
    assert_eq!(scene.lines(20, 0), [""; 0]);
    assert_eq!(scene.lines(1, 1), [">"]);
}

#[test]
fn a_job_has_all_in_two_lines_and_what_matters_in_one() {
    let (mut scene, _tasks) = Scene::of_all_kinds();
    let screens = [120, 80, 40, 20].map(|width| scene.job_lines(width, 2));
    let heads = screens.each_ref().map(|lines| &*lines[0]);
    assert_eq!(
        heads,
        [
            "> job  running  3/7 tasks  1 failed  3 running  1 canceled",
            "> job  running  3/7 tasks  1 failed  3 running  1 canceled",
            "> job  running  3/7 tasks  1 failed",
            "> job  1 failed",
        ]
    );
    let bodies = screens.each_ref().map(|lines| &*lines[1]);
    assert_eq!(
        bodies,
        [
            "━━━━━━━━━━━━━─────────────────  45%  ETA 8s  elapsed 11s",
            "━━━━━━━━━━━───────────────  45%  ETA 8s  elapsed 11s",
            "━━━━━────────  45%  ETA 8s  elapsed 11s",
            "━━────  45%  ETA 8s",
        ]
    );
    let lines = [120, 80, 40, 20].map(|width| scene.job_lines(width, 1).concat());
    assert_eq!(
        lines,
        [
            "> job                      ━━━━━───────  45%         3/7 tasks                  8s 1 failed, 3 running, 1 canceled",
            "> job              ━━━─────  45%         3/7 tasks     8s 1 failed, 3 running, …",
            "> job               ━━━─────  45%     8s",
            "> job            45%",
        ]
    );
}

#[test]
fn a_job_that_has_ended_says_what_it_took() {
    let mut scene = Scene::new();
    let tasks = scene.tasks(2);
    tasks[0].running().unwrap();
    scene.pass(65_000);
    for task in tasks {
        task.running().ok();
        task.complete(()).unwrap();
    }
    scene.job = Job::new("another");
    scene.pass(1_000_000);
    assert_eq!(
        scene.job_lines(80, 2),
        [
            "✓ job  completed  2/2 tasks",
            "━━━━━━━━━━━━━━━━━━━━━━━━━━ 100%  1.8 tasks/min  elapsed 1m05s",
        ]
    );
    assert_eq!(
        scene.job_lines(80, 1),
        ["✓ job              ━━━━━━━━ 100%         2/2 tasks  1m05s"]
    );
    assert_eq!(
        scene.lines(80, 2),
        [
            "✓ task 0           ━━━━━━━━ 100%                    1m05s",
            "✓ task 1           ━━━━━━━━ 100%                       0s",
        ]
    );
}

#[test]
fn a_job_without_tasks_says_so() {
    let mut scene = Scene::new();
    assert_eq!(scene.lines(30, 2), ["no tasks", ""]);
    assert_eq!(scene.job_lines(40, 1), ["· job                     0 tasks"]);
    for key in [RowsState::next, RowsState::previous, RowsState::page_up, RowsState::last] {
        key(&mut scene.state, &scene.rows);
        assert_eq!(scene.state.selected(), None);
    }
    let _tasks = scene.tasks(1);
    scene.state.filter_mut().set_text("elsewhere");
    assert_eq!(scene.lines(30, 2), ["no task is like that", ""]);
}

#[test]
fn the_selection_stays_with_its_task_and_on_its_line() {
    let mut scene = Scene::new();
    let mut tasks = scene.tasks(100);
    assert_eq!(scene.selection(5), None);
    scene.state.select(Some(tasks[50].id()));
    assert_eq!(scene.selection(5), Some((4, "· task 50".into())));
    scene.state.previous(&scene.rows);
    scene.state.previous(&scene.rows);
    assert_eq!(scene.selection(5), Some((2, "· task 48".into())));

    // Others go before it, and it stays where it is seen.
    for task in &tasks[90..] {
        task.running().unwrap();
    }
    assert_eq!(scene.selection(5), Some((2, "· task 48".into())));
    assert_eq!(scene.lines(30, 5)[1..4], ["· task 47", "· task 48", "· task 49"]);

    // It goes to the top itself, where there is less above it, and on to the end.
    let task = tasks.remove(48);
    task.running().unwrap();
    assert_eq!(scene.selection(5), Some((0, "> task 48".into())));
    assert_eq!(scene.state.offset(), 0);
    scene.state.next(&scene.rows);
    assert_eq!(scene.selection(5), Some((1, "> task 90".into())));
    scene.state.previous(&scene.rows);
    let id = task.id();
    task.complete(()).unwrap();
    let (line, text) = scene.selection(5).unwrap();
    assert!(line == 4 && text.starts_with("✓ task 48"), "{line} {text}");
    assert_eq!(scene.state.selected(), Some(id));
}

#[test]
fn what_is_no_row_any_more_leaves_the_selection_to_the_next() {
    let mut scene = Scene::new();
    scene.rows = Rows::new().keep(Keep::Live);
    let mut tasks = scene.tasks(3);
    tasks.iter().for_each(|task| task.running().unwrap());
    scene.state.select(Some(tasks[1].id()));
    assert_eq!(scene.selection(5), Some((1, "> task 1".into())));
    tasks.remove(1).complete(()).unwrap();
    assert_eq!(scene.selection(5), Some((1, "> task 2".into())));
    tasks.remove(1).complete(()).unwrap();
    assert_eq!(scene.selection(5), Some((0, "> task 0".into())));
    tasks.remove(0).complete(()).unwrap();
    assert_eq!(scene.selection(5), None);
    assert_eq!(scene.state.selected(), None);
}

#[test]
fn keys_move_by_lines_and_pages() {
    let mut scene = Scene::new();
    let tasks = scene.tasks(1_000);
    scene.lines(30, 10);
    let mut after = |key: fn(&mut RowsState, &Rows)| {
        key(&mut scene.state, &scene.rows);
        let selected = scene.state.selected().map(TaskId::index);
        // Without drawing in between, as keys may come together.
        (selected.unwrap(), scene.state.visible())
    };
    assert_eq!(after(RowsState::next), (0, 0..10));
    assert_eq!(after(RowsState::next), (1, 0..10));
    assert_eq!(after(RowsState::page_down), (11, 2..12));
    assert_eq!(after(RowsState::previous), (10, 2..12));
    assert_eq!(after(RowsState::last), (999, 990..1_000));
    assert_eq!(after(RowsState::next), (999, 990..1_000));
    assert_eq!(after(RowsState::page_up), (989, 989..999));
    assert_eq!(after(RowsState::first), (0, 0..10));
    assert_eq!(after(RowsState::previous), (0, 0..10));
    scene.state.select(None);
    scene.state.previous(&scene.rows);
    assert_eq!(scene.state.selected(), Some(tasks[9].id()));
}

#[test]
fn a_filter_shows_what_is_sought() {
    let mut scene = Scene::new();
    let tasks = scene.tasks(30);
    tasks[2].running().unwrap();
    scene.state.filter_mut().set_text("K 2");
    assert_eq!(scene.lines(30, 3), ["> task 2", "· task 20", "· task 21"]);
    assert_eq!((scene.state.len(), scene.state.visible()), (11, 0..3));
    scene.state.last(&scene.rows);
    assert_eq!(scene.selection(3), Some((2, "· task 29".into())));

    // One that has come, or gone elsewhere, is found at once.
    let _more = scene.job.reporter("task 2b").unwrap();
    tasks[25].running().unwrap();
    assert_eq!(scene.lines(30, 12)[..2], ["> task 2", "> task 25"]);
    scene.state.filter_mut().set_groups([Group::Waiting]);
    assert_eq!(scene.lines(30, 12)[0], "· task 20");
    assert_eq!(scene.state.len(), 10);

    // Of what the filter leaves out nothing is selected, but the first of the others.
    scene.state.select(Some(tasks[28].id()));
    assert_eq!(scene.selection(3), Some((2, "· task 28".into())));
    scene.state.filter_mut().set_text("task 1");
    assert_eq!(scene.selection(3), Some((0, "· task 1".into())));
    scene.state.next(&scene.rows);
    scene.state.filter_mut().set_text("1");
    assert_eq!(scene.selection(3), Some((1, "· task 10".into())));
}

#[test]
fn without_colours_signs_tell_all() {
    let (mut scene, _tasks) = Scene::of_all_kinds();
    scene.state.first(&scene.rows);
    let plain = scene.buffer(80, 7, &Theme::plain());
    let colored = scene.buffer(80, 7, &Theme::new());
    assert_eq!(text(&plain), text(&colored));
    assert!(plain.content().iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
    // No background is set, whichever the terminal has.
    assert!(colored.content().iter().all(|cell| cell.bg == Color::Reset));
    let signs: Vec<Color> = (0..7).map(|y| colored[(0, y)].fg).collect();
    use Color::{Cyan, Green, Red, Reset};
    assert_eq!(signs, [Cyan, Cyan, Cyan, Red, Reset, Green, Reset]);
    // The selected line is reversed but for its bar.
    let reversed = |x| plain[(x, 0)].modifier.contains(Modifier::REVERSED);
    let mut bar = (0..80).filter(|x| ["━", "─"].contains(&plain[(*x, 0)].symbol()));
    assert!(bar.clone().count() == 8 && bar.all(|x| !reversed(x)));
    assert_eq!((0..80).filter(|x| reversed(*x)).count(), 72);
}

#[test]
fn a_task_says_what_it_waits_for_and_which_attempt_it_is() {
    let mut scene = Scene::new();
    let scheduler = common::ByHand::default();
    let flaky = scene.job.task("flaky").retry(milepost::Retry::attempts(3));
    flaky.add_blocking_with((), |_cx, ()| Err::<(), _>(TaskError::msg("refused"))).unwrap();
    scene.job.add_blocking("later", |_cx| Ok(())).unwrap();
    scene.job.hold_task(TaskId::new(1), "").unwrap();
    scene.job.submit(&scheduler).unwrap();
    assert!(scheduler.run_one());
    assert_eq!(
        scene.lines(60, 2),
        [
            "· flaky                                 attempt 2",
            "= later                                 held",
        ]
    );
    while scheduler.run_one() {
        scene.pass(60_000);
    }
    scene.pass(60_000);
    while scheduler.run_one() {}
    assert_eq!(
        scene.lines(60, 2),
        ["✗ flaky            attempt 3, refused", "= later                                 held",]
    );
}

#[test]
fn a_number_without_room_goes_without_its_unit() {
    let mut scene = Scene::new();
    let task = running(&scene.job, "long");
    task.set_unit("interpretations");
    for second in 0..100 {
        task.set_progress(second);
        scene.pass(1_000);
    }
    task.set_total(100);
    let bytes = running(&scene.job, "bytes");
    bytes.set_unit("bytes");
    bytes.set_total((1023 << 20) + (1 << 19));
    bytes.set_progress(1000 << 20);
    scene.pass(1_000);
    scene.rows.expect(1_000_000_000);
    assert_eq!(
        scene.lines(100, 2),
        [
            "> long             ━━━━━━━━━━━─  99%            99/100        0.9/s     0s",
            "> bytes            ━━━━━━━━━━━─  97% 1000.0/1023.5 MiB",
        ]
    );
    assert_eq!(
        scene.job_lines(100, 1),
        ["> job              ────────────   0%      0/1000000000                     2 running"]
    );
}

#[test]
fn a_job_whose_tasks_are_parked_says_so() {
    let mut scene = Scene::new();
    let mut tasks = scene.tasks(3);
    tasks.iter().for_each(|task| task.running().unwrap());
    tasks[1].observed(TaskState::Suspended).unwrap();
    assert_eq!(scene.job_lines(80, 2)[0], "> job  running  0/3 tasks  2 running  1 suspended");
    assert_eq!(scene.lines(60, 3)[1], "= task 1                                suspended");
}

#[test]
fn only_the_area_is_drawn_on() {
    let (mut scene, _tasks) = Scene::of_all_kinds();
    scene.rows.update(&mut scene.inbox);
    let mut buf = Buffer::filled(Rect::new(0, 0, 60, 9), ratatui::buffer::Cell::new("."));
    let view = RowsView::new(&scene.rows, at(scene.time));
    view.render(Rect::new(5, 2, 50, 4), &mut buf, &mut scene.state);
    JobView::new(&scene.rows.job(at(scene.time))).render(Rect::new(5, 7, 50, 1), &mut buf);
    for (y, line) in text(&buf).into_iter().enumerate() {
        if (2..6).contains(&y) || y == 7 {
            assert!(line.starts_with(".....") && line.ends_with("....."), "{line}");
        } else {
            assert_eq!(line, ".".repeat(60));
        }
    }
}

/// Names and messages such as nobody expects.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("大".repeat(40)),
        Just("\x1b[31mred\r\n".into()),
        Just("👨‍👩‍👧‍👦".repeat(5)),
        Just("e\u{301}\u{ff9e}".repeat(30)),
        Just("\u{202e}\u{2028}\u{200b}".into()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn no_size_and_no_task_is_too_odd(
        tasks in prop::collection::vec(
            (wild(), wild(), prop::option::of(-1e300f64..1e300), prop::option::of(0f64..1e300), 0..6u8), 0..12),
        keys in prop::collection::vec(0..8usize, 0..12),
        (x, y, width, height) in (0u16..50, 0u16..20, 0u16..140, 0u16..30),
        (wide, high) in (0u16..120, 0u16..25),
    ) {
        let mut scene = Scene::new();
        let mut kept = Vec::new();
        let mut buf = Buffer::empty(Rect::new(3, 2, wide, high));
        for (name, message, progress, total, end) in tasks {
            let task = running(&scene.job, &name);
            task.set_message(message);
            total.into_iter().for_each(|total| task.set_total(total));
            progress.into_iter().for_each(|progress| task.set_progress(progress));
            scene.pass(1_000);
            match end {
                0 => task.complete(()).unwrap(),
                1 => task.fail(TaskError::msg(name)).unwrap(),
                _ => kept.push(task),
            }
        }
        let area = Rect::new(x, y, width, height);
        for key in keys.into_iter().chain([0]) {
            match key {
                0 => scene.state.next(&scene.rows),
                1 => scene.state.previous(&scene.rows),
                2 => scene.state.page_down(&scene.rows),
                3 => scene.state.page_up(&scene.rows),
                4 => scene.state.last(&scene.rows),
                5 => scene.state.filter_mut().set_text("a"),
                6 => scene.state.filter_mut().set_text(""),
                _ => scene.state.select(Some(TaskId::new(3))),
            }
            RowsView::new(&scene.rows, at(scene.time)).render(area, &mut buf, &mut scene.state);
            JobView::new(&scene.rows.job(at(scene.time))).render(area, &mut buf);
            let harmful = |cell: &ratatui::buffer::Cell| cell.symbol().contains(char::is_control);
            prop_assert!(!buf.content().iter().any(harmful));
        }
    }

    #[test]
    fn no_line_hangs_over_the_edge(name in wild(), message in wild(), width in 0u16..130) {
        let mut scene = Scene::new();
        let task = running(&scene.job, &name);
        task.set_message(message);
        scene.pass(1_000);
        scene.lines(width, 2);
        scene.job_lines(width, 3);
    }
}
