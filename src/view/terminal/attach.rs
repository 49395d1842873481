//! [`TerminalBars`]: bars of a job that runs. Knows not how they look.

use std::fmt;
use std::io::Write as _;

use indicatif::{MultiProgress, TermLike};

use super::canvas::Canvas;
use super::layout::Size;
use super::live::{Options, Shown};
use super::screen;
use crate::base::drive;
use crate::job::Job;

/// The bars of a job in the terminal: a line for the job, with its share done, rate and time left, and below it one for
/// each of the tasks that run.
///
/// They begin with the job's first task and go on until the job ends, whether the handle is kept or not; then the line of
/// the job stays, as a line above all bars that are still there. [`Job::wait_until_done`], called after they were attached, returns
/// after the last frame: what is printed then is below it. Who learns of the end in another way drops the handle before printing:
/// if the job has ended, that draws the last frame if need be.
///
/// Meanwhile, lines are printed above the bars by [`println`](TerminalBars::println), or by anything within
/// [`suspend`](TerminalBars::suspend). Bars of several jobs are one below the other.
///
/// They are drawn on standard error if it is a terminal, else not at all; in colors unless `NO_COLOR` is set. There is at most one frame in
/// each of the job's [windows](crate::JobBuilder::window), or in 200 ms if that is longer, each in one write; while nothing is told
/// of tasks that run, one a second; and else none. They are drawn on a thread of a pool, which is there only for as long as
/// there is something to draw, and don't slow the job; who waits for its end waits for a terminal that was stopped.
///
/// ```
/// use milepost::{Job, LocalScheduler};
///
/// let job = Job::new("thumbnails");
/// for name in ["a.png", "b.png"] {
///     job.add_blocking(name, |cx| {
///         for _ in cx.track(0..1_000) { /* work */ }
///         Ok(())
///     })?;
/// }
/// let bars = job.bars();
/// job.submit(&LocalScheduler::new(2)?)?;
/// bars.println("above the bars");
/// let summary = job.wait_until_done().blocking()?;
/// println!("{} done", summary.counts.completed());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TerminalBars {
    canvas: Canvas,
    /// None where nothing is drawn.
    shown: Option<Shown>,
}

/// Settings of [`TerminalBars`]; see [`TerminalBars::builder`].
#[must_use = "bars are made by attach"]
pub struct TerminalBarsBuilder {
    tasks: Option<usize>,
    colors: Option<bool>,
    clear_on_end: bool,
    size: Option<Size>,
    canvas: Option<Canvas>,
    multi: Option<MultiProgress>,
}

impl TerminalBars {
    /// Bars with settings.
    ///
    /// ```
    /// use indicatif::{MultiProgress, ProgressBar};
    /// use milepost::{Job, view::terminal::TerminalBars};
    ///
    /// let multi = MultiProgress::new();
    /// let own = multi.add(ProgressBar::new(3)); // the program's
    /// let job = Job::new("thumbnails");
    /// TerminalBars::builder().multi(multi.clone()).tasks(4).clear_on_end(true).attach(&job);
    /// job.reporter("a.png")?.run_blocking(|_| Ok(()))?;
    /// own.inc(1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> TerminalBarsBuilder {
        TerminalBarsBuilder {
            tasks: None,
            colors: None,
            clear_on_end: false,
            size: None,
            canvas: None,
            multi: None,
        }
    }

    /// Prints a text above the bars, where it stays. Where there are no bars, it is printed on standard error all the same.
    pub fn println(&self, text: impl AsRef<str>) {
        match self.shown {
            Some(_) => self.canvas.print(text.as_ref()),
            // Should nobody read it, that is no reason to stop.
            None => _ = writeln!(std::io::stderr(), "{}", text.as_ref()),
        }
    }

    /// Calls `f` with the bars out of the way, so that it may print, and draws them again. Bars are not drawn meanwhile, which
    /// doesn't stop the job; `f` must not wait for its end.
    pub fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        if self.shown.is_some() { self.canvas.suspend(f) } else { f() }
    }
}

impl TerminalBarsBuilder {
    /// As many lines for tasks, at most: unless set, 8, but no more than a third of the terminal has. If more tasks run, the last
    /// of these lines says how many have none.
    pub fn tasks(mut self, lines: usize) -> Self {
        self.tasks = Some(lines);
        self
    }

    /// Whether there are colors: unless set, if the environment variable `NO_COLOR` is empty or not set.
    pub fn colors(mut self, colors: bool) -> Self {
        self.colors = Some(colors);
        self
    }

    /// Takes all lines away when the job has ended, also that of the job.
    pub fn clear_on_end(mut self, clear: bool) -> Self {
        self.clear_on_end = clear;
        self
    }

    /// Draws them among the bars that the program has in a `MultiProgress`, below those that are there when the job begins, and as
    /// one of them. Its own `println` and `suspend` go on working. It must not move the cursor
    /// ([`set_move_cursor`](MultiProgress::set_move_cursor)), which is for bars whose number never changes.
    pub fn multi(mut self, multi: MultiProgress) -> Self {
        self.multi = Some(multi);
        self
    }

    /// Draws them on this terminal instead of standard error. Nobody else is to draw on it.
    ///
    /// ```
    /// use indicatif::InMemoryTerm;
    /// use milepost::{Job, view::terminal::TerminalBars};
    ///
    /// let terminal = InMemoryTerm::new(24, 80);
    /// let job = Job::new("thumbnails");
    /// let bars = TerminalBars::builder().terminal(terminal.clone()).attach(&job);
    /// job.reporter("a.png")?.run_blocking(|_| Ok(()))?;
    /// drop(job); // there will be no more tasks
    /// drop(bars);
    /// assert!(terminal.contents().starts_with("[====================]  1/1  completed"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn terminal(mut self, terminal: impl TermLike + 'static) -> Self {
        self.canvas = Some(Canvas::on(Box::new(terminal)));
        self
    }

    /// The size of the terminal of a [`multi`](TerminalBarsBuilder::multi) that isn't this process's, in columns and rows.
    pub fn size(mut self, width: u16, height: u16) -> Self {
        self.size = Some(Size { width: width.into(), height: height.into() });
        self
    }

    /// Shows the job, from its first event on.
    pub fn attach(self, job: &Job) -> TerminalBars {
        let (canvas, is_seen) = match (self.multi, self.canvas) {
            (Some(multi), _) => {
                let is_seen = !multi.is_hidden();
                (Canvas::of(multi, self.size), is_seen)
            }
            (None, Some(canvas)) => (canvas, true),
            (None, None) => (Canvas::stderr(), screen::is_drawable()),
        };
        let options = Options {
            tasks: self.tasks,
            colors: self.colors.unwrap_or_else(screen::has_colors),
            clear_on_end: self.clear_on_end,
        };
        let clock = job.core().clock.clone();
        let window = job.core().look(|ledger| ledger.window());
        let shown = is_seen
            .then(|| Shown::new(job.events(), clock.clone(), canvas.clone(), options))
            .flatten();
        if let Some(shown) = &shown {
            // Who waits for the job waits for that too.
            let last = shown.clone();
            job.on_job_completed(move |_| last.end());
            let follow = shown.clone().follow(job.job_state_changed(), clock, window);
            drive("the drawing of bars", follow);
        }
        TerminalBars { canvas, shown }
    }
}

impl Drop for TerminalBars {
    fn drop(&mut self) {
        if let Some(shown) = &self.shown {
            shown.end();
        }
    }
}

impl fmt::Debug for TerminalBars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalBars").field("draws", &self.shown.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TerminalBarsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TerminalBarsBuilder")
            .field("tasks", &self.tasks)
            .field("colors", &self.colors)
            .field("clear_on_end", &self.clear_on_end)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// The job's bars in the terminal, until it ends; see [`TerminalBars`].
    pub fn bars(&self) -> TerminalBars {
        TerminalBars::builder().attach(self)
    }
}
