//! [`Bars`]: lines that are drawn over and over in the same place of a terminal, with indicatif. Knows no jobs.

use std::borrow::Cow;
use std::fmt;

use console::{measure_text_width, truncate_str};
use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::canvas::Canvas;
use super::layout::{Kind, Line, Size};
use crate::base::contain;

/// Lines at the bottom of a terminal. For indicatif they are one bar, so that they are drawn at once.
pub(crate) struct Bars {
    canvas: Canvas,
    /// It has its place from the beginning, and lines from the first frame on; none at the end.
    bar: Option<ProgressBar>,
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

fn colored<'a>(text: Cow<'a, str>, color: &str) -> Cow<'a, str> {
    if color.is_empty() || text.is_empty() {
        return text;
    }
    [color, &text, PLAIN].concat().into()
}

impl Bars {
    pub(crate) fn new(canvas: Canvas, colors: bool) -> Result<Bars, TemplateError> {
        let style = ProgressStyle::with_template("{msg}")?;
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let bar = Some(canvas.multi().add(bar.with_style(style)));
        let size = canvas.size();
        Ok(Bars { canvas, bar, colors, shown: Vec::new(), size })
    }

    /// Draws these lines in place of the ones before, unless they are the same.
    pub(crate) fn draw(&mut self, lines: Vec<Line>, size: Size) {
        if lines == self.shown && size == self.size {
            return;
        }
        let text = lines.iter().map(|line| self.text(line, size.width)).collect::<Vec<_>>();
        let Some(bar) = &self.bar else { return };
        self.canvas.frame(|| {
            if size != self.size {
                self.canvas.clear_resized();
            } else if lines.len() < self.shown.len() && self.canvas.overwrites() {
                self.canvas.clear();
            }
            // Unlike `set_message`, it doesn't draw.
            drop(bar.clone().with_message(text.join("\n")));
            bar.force_draw();
        });
        (self.shown, self.size) = (lines, size);
    }

    /// As much of a line as fits, however wide its characters are.
    fn text(&self, line: &Line, width: usize) -> String {
        let (head, text) = if self.colors { colors(line.kind) } else { ("", "") };
        let room = width.saturating_sub(measure_text_width(&line.head));
        let parts = [
            colored(truncate_str(&line.head, width, ""), head),
            colored(truncate_str(&line.text, room, ""), text),
        ];
        parts.concat()
    }

    /// Takes them away, until they are drawn again.
    #[allow(dead_code, reason = "only the command line does so, which is a feature")]
    pub(crate) fn clear(&mut self) {
        self.shown.clear();
        self.canvas.frame(|| self.canvas.clear());
    }

    /// Takes them away for good. The last line, if there is one, stays as a line above all bars.
    pub(super) fn end(&mut self, last: Option<&Line>) {
        let last = last.map(|line| self.text(line, self.canvas.size().width));
        self.shown.clear();
        self.canvas.frame(|| {
            if let Some(bar) = &self.bar {
                if last.is_none() && !self.canvas.overwrites() {
                    bar.finish_and_clear();
                }
                self.canvas.multi().remove(bar);
                if last.is_none() && self.canvas.overwrites() {
                    self.canvas.redraw();
                }
            }
            if let Some(line) = last {
                self.canvas.print(&line);
            }
        });
        self.bar = None;
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        // A panic where somebody else drew has left indicatif unusable.
        if self.bar.is_some() {
            contain("the end of bars", || self.end(None));
        }
        if let Some(bar) = self.bar.take() {
            contain("the drop of bars", move || drop(bar));
        }
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").field("shown", &self.shown).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, TermLike as _};

    use super::*;

    fn line(head: &str, text: &str) -> Line {
        Line { kind: Kind::Task, head: head.into(), text: text.into() }
    }

    fn bars(terminal: &InMemoryTerm) -> Bars {
        let canvas = Canvas::on(Box::new(terminal.clone()));
        Bars::new(canvas, false).expect("the template is right")
    }

    /// How often something was written.
    fn writes(terminal: &InMemoryTerm) -> usize {
        terminal.moves_since_last_check().lines().filter(|told| *told == "Flush").count()
    }

    #[test]
    fn lines_take_the_place_of_those_before_in_one_write() {
        let size = Size { width: 20, height: 6 };
        let terminal = InMemoryTerm::new(6, 20);
        let mut bars = bars(&terminal);
        bars.canvas.print("before");
        let lines = vec![line("a ", "one"), line("b ", "two"), line(" ", "")];
        assert_eq!(writes(&terminal), 1);
        bars.draw(lines.clone(), size);
        assert_eq!(terminal.contents(), "before\na one\nb two\n");
        assert_eq!(writes(&terminal), 1);
        // What has not changed is not drawn.
        bars.draw(lines, size);
        assert_eq!(writes(&terminal), 0);
        bars.draw(vec![line("a ", "1"), line("b ", "2"), line("c ", "3")], size);
        assert_eq!(terminal.contents(), "before\na 1\nb 2\nc 3");
        let told = terminal.moves_since_last_check();
        assert!(!told.contains("Clear") && told.matches("Flush").count() == 1, "{told}");
        bars.canvas.print("above");
        assert_eq!(terminal.contents(), "before\nabove\na 1\nb 2\nc 3");
        assert_eq!(writes(&terminal), 1);
        bars.draw(vec![line("c ", "3")], size);
        assert_eq!(terminal.contents(), "before\nabove\nc 3");
        assert_eq!(writes(&terminal), 1);
        bars.draw((0..5).map(|n| line("", &format!("row {n}"))).collect(), size);
        assert_eq!(terminal.contents(), "above\nrow 0\nrow 1\nrow 2\nrow 3\nrow 4");
        bars.clear();
        assert_eq!(terminal.contents(), "above");
    }

    #[test]
    fn several_draw_one_below_the_other() {
        let size = Size { width: 20, height: 9 };
        let terminal = InMemoryTerm::new(9, 20);
        let mut first = bars(&terminal);
        let mut second = Bars::new(first.canvas.clone(), false).expect("the template is right");
        first.draw(vec![line("a ", "1"), line("a ", "2")], size);
        second.draw(vec![line("b ", "1"), line("b ", "2")], size);
        first.draw(vec![line("a ", "3")], size);
        assert_eq!(terminal.contents(), "a 3\nb 1\nb 2");
        writes(&terminal);
        first.end(Some(&line("a ", "has ended")));
        assert_eq!(terminal.contents(), "a has ended\nb 1\nb 2");
        assert_eq!(writes(&terminal), 1);
        let shown = second.canvas.clone().suspend(|| {
            let shown = terminal.contents();
            terminal.write_line("printed").expect("it is in memory");
            shown
        });
        assert_eq!(shown, "a has ended");
        assert_eq!(terminal.contents(), "a has ended\nprinted\nb 1\nb 2");
        drop(second);
        first.canvas.print("the end\nof all");
        assert_eq!(terminal.contents(), "a has ended\nprinted\nthe end\nof all");
    }

    #[test]
    fn nothing_wraps_however_wide_its_characters_are() {
        for width in [5, 19, 20, 21] {
            let size = Size { width, height: 6 };
            let terminal = InMemoryTerm::new(6, width as u16);
            let mut bars = bars(&terminal);
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
                bars.draw(lines.collect(), size);
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
        let terminal = InMemoryTerm::new(6, 40);
        let mut bars = bars(&terminal);
        let lines = vec![line("a ", "one and a half, and more than fits"), line("b ", "two")];
        bars.draw(lines.clone(), Size { width: 40, height: 6 });
        terminal.moves_since_last_check();
        bars.draw(lines, Size { width: 10, height: 6 });
        assert_eq!(terminal.contents(), "a one and\nb two");
        assert!(terminal.moves_since_last_check().contains("[J"));
    }
}
