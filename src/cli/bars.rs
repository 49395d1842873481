//! Lines that are drawn over and over in the same place of a terminal, with indicatif. Makes the text that does it; writes
//! nothing, and knows no jobs.

use std::fmt;
use std::io;
use std::sync::Arc;

use indicatif::style::TemplateError;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use parking_lot::Mutex;

use super::frame::{Kind, Line, Size};

/// Lines at the bottom of a terminal.
pub(super) struct Bars {
    terminal: Terminal,
    multi: MultiProgress,
    bars: Vec<ProgressBar>,
    style: ProgressStyle,
    colors: bool,
    /// What the terminal shows.
    shown: Vec<Line>,
    size: Size,
}

/// The codes before a line's head and before its text.
fn colors(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Job => (BOLD, DIM),
        Kind::Task => (CYAN, ""),
        Kind::Note => ("", DIM),
    }
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

fn colored(text: &str, color: &str) -> String {
    if color.is_empty() { text.to_owned() } else { [color, text, PLAIN].concat() }
}

impl Bars {
    pub(super) fn new(colors: bool, size: Size) -> Result<Bars, TemplateError> {
        let terminal = Terminal::new(size);
        // Each frame ends with a forced drawing; the others may as well not happen.
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 1);
        let multi = MultiProgress::with_draw_target(target);
        // Overwrites lines instead of clearing them first, which might flicker.
        multi.set_move_cursor(true);
        // The part of the text that fits, however wide its characters are.
        let style = ProgressStyle::with_template("{prefix}{wide_msg}")?;
        Ok(Bars { terminal, multi, bars: Vec::new(), style, colors, shown: Vec::new(), size })
    }

    /// What to write so that the terminal shows these lines in place of the ones before.
    pub(super) fn draw(&mut self, lines: Vec<Line>, size: Size) -> String {
        if lines == self.shown && size == self.size {
            return String::new();
        }
        if lines.len() < self.shown.len() || size != self.size {
            // What is overwritten would leave a rest.
            self.clear_lines();
            let mut terminal = self.terminal.0.lock();
            if size != self.size {
                // A terminal that became narrower may have wrapped lines: what of them is below can go, what is above
                // can't be told from what others wrote.
                terminal.text.push_str("\x1b[J");
            }
            (self.size, terminal.size) = (size, size);
        }
        for bar in self.bars.drain(lines.len().min(self.bars.len())..) {
            self.multi.remove(&bar);
        }
        while self.bars.len() < lines.len() {
            let bar = ProgressBar::no_length().with_style(self.style.clone());
            self.bars.push(self.multi.add(bar));
        }
        for (bar, line) in self.bars.iter().zip(&lines) {
            let (head, text) = if self.colors { colors(line.kind) } else { ("", "") };
            bar.set_prefix(colored(&line.head, head));
            bar.set_message(colored(&line.text, text));
        }
        if let Some(last) = self.bars.last() {
            last.force_draw();
        }
        self.shown = lines;
        self.take()
    }

    /// What to write so that they are gone, and the cursor is where they began.
    pub(super) fn clear(&mut self) -> String {
        self.clear_lines();
        self.take()
    }

    fn clear_lines(&mut self) {
        self.shown.clear();
        // Nothing can go wrong in memory.
        let _ = self.multi.clear();
    }

    fn take(&self) -> String {
        let mut text = std::mem::take(&mut self.terminal.0.lock().text);
        if !text.is_empty() {
            // The terminal itself prints `^C` where the cursor is: not behind the last column, where it would begin
            // another line.
            text.push('\r');
        }
        text
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// What indicatif takes for a terminal: collects what is to be written, so that a frame is one write.
#[derive(Debug, Clone)]
struct Terminal(Arc<Mutex<Collected>>);

#[derive(Debug)]
struct Collected {
    text: String,
    size: Size,
}

impl Terminal {
    fn new(size: Size) -> Terminal {
        Terminal(Arc::new(Mutex::new(Collected { text: String::new(), size })))
    }

    fn push(&self, parts: &[&str]) -> io::Result<()> {
        self.0.lock().text.extend(parts.iter().copied());
        Ok(())
    }

    fn move_by(&self, n: usize, direction: &str) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.push(&["\x1b[", &n.to_string(), direction]) }
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        u16::try_from(self.0.lock().size.width).unwrap_or(u16::MAX)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.0.lock().size.height).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, "A")
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, "B")
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, "C")
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, "D")
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(&[text, "\r\n"])
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(&[text])
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push(&["\r\x1b[2K"])
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    fn line(head: &str, text: &str) -> Line {
        Line { kind: Kind::Task, head: head.into(), text: text.into() }
    }

    fn write(terminal: &InMemoryTerm, text: &str) {
        terminal.write_str(text).expect("it is in memory");
    }

    #[test]
    fn lines_take_the_place_of_those_before() {
        let size = Size { width: 20, height: 6 };
        let terminal = InMemoryTerm::new(6, 20);
        let mut bars = Bars::new(false, size).expect("the templates are right");
        write(&terminal, "before\r\n");
        let lines = vec![line("a ", "one"), line("b ", "two"), line(" ", "")];
        write(&terminal, &bars.draw(lines.clone(), size));
        assert_eq!(terminal.contents(), "before\na one\nb two\n");
        // What has not changed is not drawn.
        assert_eq!(bars.draw(lines, size), "");
        write(&terminal, &bars.draw(vec![line("a ", "1"), line("b ", "2"), line("c ", "3")], size));
        assert_eq!(terminal.contents(), "before\na 1\nb 2\nc 3");
        write(&terminal, &bars.clear());
        write(&terminal, "above\r\n");
        write(&terminal, &bars.draw(vec![line("c ", "3")], size));
        assert_eq!(terminal.contents(), "before\nabove\nc 3");
        write(&terminal, &bars.draw((0..5).map(|n| line("", &format!("row {n}"))).collect(), size));
        assert_eq!(terminal.contents(), "above\nrow 0\nrow 1\nrow 2\nrow 3\nrow 4");
        write(&terminal, &bars.clear());
        assert_eq!(terminal.contents(), "above");
    }

    #[test]
    fn nothing_wraps_however_wide_its_characters_are() {
        for width in [5, 19, 20, 21] {
            let size = Size { width, height: 6 };
            let terminal = InMemoryTerm::new(6, width as u16);
            let mut bars = Bars::new(false, size).expect("the templates are right");
            for round in 0..3 {
                let lines = [
                    "大きなファイルをコピーする",
                    "größer als je zuvor in der Zeit",
                    "🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉🎉",
                ];
                let lines = lines
                    .map(|text| line("10% ", text))
                    .into_iter()
                    .chain([line("", &round.to_string())]);
                write(&terminal, &bars.draw(lines.collect(), size));
            }
            let contents = terminal.contents();
            assert_eq!(contents.lines().count(), 4, "{width}: {contents}");
            assert!(
                contents.lines().take(3).all(|line| line.starts_with("10%")),
                "{width}: {contents}"
            );
        }
    }

    #[test]
    fn another_size_begins_anew() {
        let mut bars =
            Bars::new(true, Size { width: 40, height: 6 }).expect("the templates are right");
        let lines = vec![line("a ", "one and a half, and more than fits"), line("b ", "two")];
        bars.draw(lines.clone(), Size { width: 40, height: 6 });
        let terminal = InMemoryTerm::new(3, 10);
        write(&terminal, &bars.draw(lines, Size { width: 10, height: 3 }));
        assert_eq!(terminal.contents(), "a one and\nb two");
    }
}
