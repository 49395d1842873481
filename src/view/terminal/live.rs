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
        let counts = self.rows.job(now).counts;
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
