//! What is shown of a job that runs, frame by frame, until it has ended. Knows not where the frames are drawn.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::bars::Bars;
use super::canvas::Canvas;
use super::layout::{Layout, Size, job_line};
use crate::base::Clock;
use crate::bus::EventStream;
use crate::model::{Event, JobState, JobStateChanged, TaskState, Timestamp};
use crate::view::{Keep, Rows};

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(200);

/// While tasks run and nothing is told of them, the time that they have taken is to go on.
const TICK: Duration = Duration::from_secs(1);

/// Lines for tasks that run, unless set; and no more than a third of the terminal.
const TASKS: usize = 8;

/// How a job is shown.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// As many lines for tasks.
    pub(super) tasks: Option<usize>,
    pub(super) colors: bool,
    pub(super) clear_on_end: bool,
}

/// The bars of a job; none once it has ended and the last frame was drawn.
#[derive(Debug, Clone)]
pub(super) struct Shown(Arc<Mutex<Option<Live>>>);

#[derive(Debug)]
struct Live {
    events: EventStream<Event>,
    clock: Clock,
    rows: Rows,
    /// What of the rows was drawn.
    version: u64,
    has_ended: bool,
    layout: Layout,
    canvas: Canvas,
    bars: Bars,
    options: Options,
}

impl Shown {
    /// Nothing is drawn by that. None if nothing can be.
    pub(super) fn new(
        events: EventStream<Event>,
        clock: Clock,
        canvas: Canvas,
        options: Options,
    ) -> Option<Shown> {
        // The template is right.
        let bars = Bars::new(canvas.clone(), options.colors).ok()?;
        let live = Live {
            events,
            clock,
            rows: Rows::new().keep(Keep::Live),
            version: 0,
            has_ended: false,
            layout: Layout::default(),
            canvas,
            bars,
            options,
        };
        Some(Shown(Arc::new(Mutex::new(Some(live)))))
    }

    /// Draws a frame whenever it is time for one, from the beginning of the job's first task until the job has ended.
    pub(super) async fn follow(
        self,
        mut states: EventStream<JobStateChanged>,
        clock: Clock,
        window: Duration,
    ) {
        let waits = |state| matches!(state, JobState::Pending | JobState::Submitted);
        while states.next().await.is_some_and(|change| waits(change.to)) {}
        // Nothing is kept for a stream that isn't there.
        drop(states);
        let mut tick = None;
        while self.has_news(&clock, tick).await {
            // What it takes to draw is part of the window.
            let (due, next) = (clock.after(window.max(FRAME)), clock.after(TICK));
            let Some(ticks) = self.draw() else { return };
            tick = if ticks { next } else { None };
            if let Some(due) = due {
                clock.sleep_until(due).await;
            }
        }
    }

    /// Waits until something is to be drawn. False if there will be nothing more.
    async fn has_news(&self, clock: &Clock, tick: Option<Instant>) -> bool {
        let mut sleep = pin!(tick.map(|at| clock.sleep_until(at)));
        poll_fn(|cx| {
            let mut shown = self.0.lock();
            let Some(live) = shown.as_mut() else { return Poll::Ready(false) };
            match live.events.poll_event(Some(cx)) {
                Poll::Ready(Some(event)) => live.take(&event),
                Poll::Ready(None) => live.has_ended = true,
                Poll::Pending => {}
            }
            if live.has_ended || live.rows.version() != live.version {
                return Poll::Ready(true);
            }
            match sleep.as_mut().as_pin_mut() {
                Some(sleep) => sleep.poll(cx).map(|()| true),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Draws what is known by now. Returns whether it changes as time goes on; none if that was the last frame.
    fn draw(&self) -> Option<bool> {
        let mut shown = self.0.lock();
        let live = shown.as_mut()?;
        live.read();
        if !live.has_ended {
            return Some(live.draw());
        }
        live.end();
        let ended = shown.take();
        // What it holds may be the last of the job.
        drop(shown);
        drop(ended);
        None
    }

    /// Draws the last frame if the job has ended and that wasn't done. Where this returns, nobody draws it later.
    pub(super) fn end(&self) {
        let has_ended = |live: &mut Live| {
            live.read();
            live.has_ended
        };
        let is_due = self.0.lock().as_mut().is_some_and(has_ended);
        if is_due {
            self.draw();
        }
    }
}

impl Live {
    fn take(&mut self, event: &Event) {
        self.rows.apply(event);
        self.has_ended |= matches!(event, Event::JobCompleted(_));
    }

    /// Takes in what is there now. Whoever waits for more is woken by it all the same.
    fn read(&mut self) {
        let now = self.events.moment();
        while let Some(event) = self.events.read(Some(now)) {
            self.take(&event);
        }
        if let Some(expected) = self.events.expected() {
            self.rows.expect(expected);
        }
    }

    fn draw(&mut self) -> bool {
        self.version = self.rows.version();
        let (now, size) = (self.now(), self.canvas.size());
        let tasks = self.options.tasks.unwrap_or(TASKS.min(size.height / 3));
        // One line is the job's, and one remains free.
        let height = size.height.min(tasks.saturating_add(2));
        let job = [(self.events.job(), &self.rows)];
        let lines = self.layout.lines(job, now, Size { width: size.width, height });
        self.bars.draw(lines, size);
        let counts = self.rows.counts();
        counts.of(TaskState::Running) + counts.of(TaskState::Canceling) > 0
    }

    /// The last frame: what remains is a line, or nothing.
    fn end(&mut self) {
        let total = job_line(&self.rows.job(self.now()), self.canvas.size().width);
        self.bars.end((!self.options.clear_on_end).then_some(&total));
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.clock.wall_micros())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use indicatif::InMemoryTerm;

    use super::*;
    use crate::base::ManualClock;
    use crate::job::{Job, TaskReporter};

    struct Scene {
        clock: ManualClock,
        job: Job,
        terminal: InMemoryTerm,
        follow: Pin<Box<dyn Future<Output = ()>>>,
    }

    impl Scene {
        fn new() -> Scene {
            let clock = ManualClock::new();
            let job = Job::builder("copy").clock(clock.clock()).build().expect("it makes sense");
            let terminal = InMemoryTerm::new(24, 80);
            let canvas = Canvas::on(Box::new(terminal.clone()));
            let options = Options { tasks: None, colors: false, clear_on_end: false };
            let shown = Shown::new(job.events(), clock.clock(), canvas, options);
            let shown = shown.expect("the template is right");
            let follow = shown.follow(job.job_state_changed(), clock.clock(), FRAME);
            Scene { clock, job, terminal, follow: Box::pin(follow) }
        }

        fn task(&self, name: &str) -> TaskReporter {
            self.job.reporter(name).expect("taken")
        }

        /// How many frames are drawn as this time passes, in steps of a tenth of a second.
        fn frames(&mut self, seconds: u32) -> usize {
            for _ in 0..=seconds * 10 {
                _ = self.follow.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                self.clock.advance(Duration::from_millis(100));
            }
            self.terminal.moves_since_last_check().lines().filter(|told| *told == "Flush").count()
        }
    }

    #[test]
    fn a_job_that_has_not_begun_is_not_drawn_and_has_no_timer() {
        let mut scene = Scene::new();
        let task = scene.task("a");
        assert_eq!((scene.frames(10), scene.clock.clock().armed()), (0, 0));
        task.running().expect("it can");
        assert_eq!(scene.frames(0), 1);
        assert!(scene.terminal.contents().ends_with("  a"));
    }

    #[test]
    fn while_nothing_is_told_there_is_a_frame_a_second() {
        let mut scene = Scene::new();
        let task = scene.task("a");
        task.running().expect("it can");
        assert_eq!(scene.frames(0), 1);
        assert_eq!(scene.frames(10), 10);
        drop(task);
    }

    #[test]
    fn while_nothing_runs_there_is_no_frame_and_no_timer() {
        let mut scene = Scene::new();
        let (mut task, waits) = (scene.task("a"), scene.task("b"));
        task.running().expect("it can");
        scene.frames(1);
        task.observed(TaskState::Suspended).expect("it can");
        assert_eq!(scene.frames(1), 1);
        assert_eq!((scene.frames(10), scene.clock.clock().armed()), (0, 0));
        task.observed(TaskState::Running).expect("it can");
        assert_eq!(scene.frames(0), 1);
        task.complete(()).expect("it can");
        assert_eq!(scene.frames(1), 1);
        assert_eq!((scene.frames(10), scene.clock.clock().armed()), (0, 0));
        waits.running().expect("it can");
        assert_eq!(scene.frames(0), 1);
    }

    #[test]
    fn frames_are_no_more_than_windows() {
        let mut scene = Scene::new();
        let tasks: Vec<_> = (0..20).map(|n| scene.task(&format!("task {n}"))).collect();
        let mut frames = 0;
        for (n, task) in tasks.iter().enumerate() {
            task.running().expect("it can");
            task.set_progress(n);
            frames += scene.frames(0);
            task.complete(()).expect("it can");
            frames += scene.frames(0);
        }
        // A tenth of a second in each round of polling: four seconds.
        assert_eq!(frames, 20);
    }
}
