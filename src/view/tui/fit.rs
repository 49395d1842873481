//! Text that others wrote, made to fit: by the columns that it takes, and without what a terminal would act on. Knows no row.

use std::borrow::Cow;

use ratatui_core::buffer::{Buffer, CellWidth};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::text::Span;

/// So many characters may make one column; what comes after that many is cut off unseen.
const CHARS_A_COLUMN: usize = 8;

/// A text, and how many columns it takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fitted {
    pub(super) text: String,
    pub(super) width: u16,
}

/// As much of the text as there is room for; if some is cut off, it ends with an ellipsis.
pub(super) fn fit(text: &str, width: u16) -> Fitted {
    let most = usize::from(width).saturating_mul(CHARS_A_COLUMN);
    let (part, is_whole) = match text.char_indices().nth(most) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    };
    let part = Span::raw(harmless(part));
    let mut fitted = Fitted { text: String::with_capacity(part.content.len()), width: 0 };
    // Where an ellipsis would go.
    let mut cut = (0, 0);
    for grapheme in part.styled_graphemes(Style::new()) {
        let columns = grapheme.symbol.cell_width();
        if columns == 0 {
            continue;
        }
        if columns > width - fitted.width {
            return fitted.cut_at(cut, width);
        }
        fitted.text.push_str(grapheme.symbol);
        fitted.width += columns;
        if fitted.width < width {
            cut = (fitted.text.len(), fitted.width);
        }
    }
    if is_whole { fitted } else { fitted.cut_at(cut, width) }
}

impl Fitted {
    fn cut_at(mut self, (end, columns): (usize, u16), width: u16) -> Fitted {
        self.text.truncate(end);
        if width > 0 {
            self.text.push('…');
        }
        Fitted { text: self.text, width: if width > 0 { columns + 1 } else { 0 } }
    }
}

/// The text with blanks for what would begin a line, and signs of replacement for other controls.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let replaced = |char: char| match char {
        char if !is_harmful(char) => char,
        char if char.is_whitespace() => ' ',
        _ => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(replaced).collect())
}

/// A part of a line of a buffer, in which texts are put.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) width: u16,
}

impl Field {
    /// What is left of it after so many columns.
    pub(super) fn after(self, columns: u16) -> Field {
        let columns = columns.min(self.width);
        Field { x: self.x + columns, width: self.width - columns, ..self }
    }

    pub(super) fn first(self, columns: u16) -> Field {
        Field { width: columns.min(self.width), ..self }
    }

    /// Puts a style over what is there.
    pub(super) fn put_style(self, style: Style, buf: &mut Buffer) {
        buf.set_style(Rect::new(self.x, self.y, self.width, 1), style);
    }

    /// Puts a text at its beginning. Returns how many columns that took.
    pub(super) fn put(self, text: &str, style: Style, buf: &mut Buffer) -> u16 {
        let fitted = fit(text, self.width);
        buf.set_stringn(self.x, self.y, &fitted.text, usize::from(self.width), style);
        fitted.width
    }

    /// Puts a text at its end.
    pub(super) fn put_right(self, text: &str, style: Style, buf: &mut Buffer) {
        let fitted = fit(text, self.width);
        let field = self.after(self.width - fitted.width);
        buf.set_stringn(field.x, field.y, &fitted.text, usize::from(field.width), style);
    }

    /// Draws a bar over all of it, of which so much is full.
    pub(super) fn put_bar(self, fraction: f64, full: Style, rest: Style, buf: &mut Buffer) {
        let columns = (fraction.clamp(0.0, 1.0) * f64::from(self.width)) as usize;
        let (done, left) = ("━".repeat(columns), "─".repeat(usize::from(self.width) - columns));
        buf.set_stringn(self.x, self.y, done, usize::from(self.width), full);
        let field = self.after(columns as u16);
        buf.set_stringn(field.x, field.y, left, usize::from(field.width), rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(text: &str, width: u16) -> String {
        let fitted = fit(text, width);
        assert!(fitted.width <= width, "{text:?} in {width}: {fitted:?}");
        fitted.text
    }

    #[test]
    fn what_is_cut_ends_with_an_ellipsis() {
        let cuts = [0, 1, 2, 4, 5, 6].map(|width| fitted("abcde", width));
        assert_eq!(cuts, ["", "…", "a…", "abc…", "abcde", "abcde"]);
    }

    #[test]
    fn wide_characters_are_not_halved() {
        let cuts = [1, 2, 3, 4, 5, 6].map(|width| fitted("大きさ", width));
        assert_eq!(cuts, ["…", "…", "大…", "大…", "大き…", "大きさ"]);
        assert_eq!(fit("大きさ", 4).width, 3);
        assert_eq!(fit("e\u{301}👨‍👩‍👧", 9).width, 3, "a letter with its accent, and a family");
    }

    #[test]
    fn what_a_terminal_acts_on_is_replaced() {
        assert_eq!(
            fitted("a\r\n\tb\x1b[2J\u{9b}c\u{202e}d\u{2028}", 40),
            "a   b\u{fffd}[2J\u{fffd}cd "
        );
    }

    #[test]
    fn what_nobody_sees_is_not_looked_at() {
        let long = "e\u{301}\u{301}".repeat(1_000_000);
        let fitted = fit(&long, 10);
        assert!(fitted.width == 10 && fitted.text.ends_with('…'));
        let endless = format!("a{}", "\u{301}".repeat(1_000_000));
        let fitted = fit(&endless, 10);
        assert!(fitted.text.len() < 200 && fitted.text.ends_with('…'));
    }
}
