//! [`Canvas`]: a terminal on which several draw, each frame in one write. Knows no jobs.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};
use parking_lot::ReentrantMutex;

use super::layout::Size;
use super::screen;

/// Where bars are drawn: a clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    multi: MultiProgress,
    /// None if it is somebody else's.
    own: Option<Arc<Own>>,
    size: Option<Size>,
}

#[derive(Debug)]
struct Own {
    terminal: Terminal,
    /// Whoever draws a frame has it.
    frame: ReentrantMutex<()>,
}

impl Canvas {
    /// Standard error, the same for all of the process: bars of several jobs are one below the other.
    pub(crate) fn stderr() -> Canvas {
        static STDERR: LazyLock<Canvas> =
            LazyLock::new(|| Canvas::on(Box::new(console::Term::buffered_stderr())));
        STDERR.clone()
    }

    /// A terminal on which nobody else draws.
    pub(crate) fn on(terminal: Box<dyn TermLike>) -> Canvas {
        let terminal = Terminal(Arc::new(Frame {
            inner: terminal,
            held: AtomicBool::default(),
            written: AtomicBool::default(),
        }));
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let multi = MultiProgress::with_draw_target(target);
        // Overwrites lines instead of clearing them first, which might flicker.
        multi.set_move_cursor(true);
        let own = Own { terminal, frame: ReentrantMutex::default() };
        Canvas { multi, own: Some(Arc::new(own)), size: None }
    }

    /// What a program draws its own bars on. Its size is that of the process's terminal unless it is known better.
    pub(crate) fn of(multi: MultiProgress, size: Option<Size>) -> Canvas {
        Canvas { multi, own: None, size }
    }

    pub(crate) fn multi(&self) -> &MultiProgress {
        &self.multi
    }

    pub(crate) fn size(&self) -> Size {
        match (&self.own, self.size) {
            (Some(own), _) => Size {
                width: usize::from(own.terminal.width()).max(1),
                height: usize::from(own.terminal.height()).max(1),
            },
            (None, Some(size)) => size,
            (None, None) => screen::size(),
        }
    }

    /// Has all that `draw` draws written at once, if the canvas is its own.
    pub(super) fn frame<R>(&self, draw: impl FnOnce() -> R) -> R {
        let Some(own) = &self.own else { return draw() };
        let _one_at_a_time = own.frame.lock();
        own.terminal.0.held.store(true, Ordering::Relaxed);
        let result = draw();
        own.terminal.0.held.store(false, Ordering::Relaxed);
        // No terminal of ours fails.
        _ = own.terminal.flush();
        result
    }

    /// Takes away what is drawn; what is drawn next begins where it was. For more than that, within a [`frame`](Canvas::frame).
    pub(super) fn clear(&self) {
        _ = self.multi.clear();
    }

    /// The same of a terminal of another size than before. One that became narrower may have wrapped lines: what of them is below
    /// can go, what is above can't be told from what others wrote.
    pub(super) fn clear_resized(&self) {
        self.clear();
        if let Some(own) = &self.own {
            _ = own.terminal.write_str("\x1b[J");
        }
    }

    /// Whether bars have to be cleared before there are fewer lines of them: those that are overwritten leave a rest.
    pub(super) fn overwrites(&self) -> bool {
        self.own.is_some()
    }

    /// Lines above all bars, which stay.
    pub(super) fn print(&self, text: &str) {
        match &self.own {
            // What indicatif prints while there is no bar would be overwritten by the next.
            Some(own) => self.frame(|| {
                self.multi.suspend(|| {
                    for line in text.split('\n') {
                        _ = own.terminal.write_line(line.trim_end_matches('\r'));
                    }
                })
            }),
            None => _ = self.multi.println(text),
        }
    }

    /// Draws anew what is there.
    pub(super) fn redraw(&self) {
        self.frame(|| self.multi.suspend(|| ()));
    }

    /// Takes away what is drawn while `f` runs, and lets nobody draw.
    pub(super) fn suspend<R>(&self, f: impl FnOnce() -> R) -> R {
        let Some(own) = &self.own else { return self.multi.suspend(f) };
        // Not while indicatif has its lock, which a panic would leave unusable.
        let _nobody_draws = own.frame.lock();
        self.frame(|| self.clear());
        let result = f();
        self.redraw();
        result
    }
}

/// What indicatif takes for the terminal: one that keeps back what is written until the frame is whole. What can't be written
/// is lost, as nobody is there to see it.
#[derive(Debug, Clone)]
struct Terminal(Arc<Frame>);

struct Frame {
    inner: Box<dyn TermLike>,
    held: AtomicBool,
    written: AtomicBool,
}

impl Terminal {
    fn write(&self, write: impl FnOnce(&dyn TermLike) -> io::Result<()>) -> io::Result<()> {
        self.0.written.store(true, Ordering::Relaxed);
        _ = write(&*self.0.inner);
        Ok(())
    }

    fn move_by(
        &self,
        n: usize,
        go: impl FnOnce(&dyn TermLike) -> io::Result<()>,
    ) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.write(go) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.0.inner.width()
    }

    fn height(&self) -> u16 {
        self.0.inner.height()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, |inner| inner.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, |inner| inner.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, |inner| inner.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, |inner| inner.move_cursor_left(n))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write(|inner| inner.write_line(text))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.write(|inner| inner.write_str(text))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write(|inner| inner.clear_line())
    }

    fn flush(&self) -> io::Result<()> {
        if !self.0.held.load(Ordering::Relaxed) && self.0.written.swap(false, Ordering::Relaxed) {
            // The terminal itself prints `^C` where the cursor is: not behind the last column, where it would begin
            // another line.
            _ = self.0.inner.write_str("\r").and_then(|()| self.0.inner.flush());
        }
        Ok(())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("inner", &self.inner).finish_non_exhaustive()
    }
}
