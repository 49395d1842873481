//! Text that others wrote, made safe for a terminal. Knows no terminal.

use std::borrow::Cow;

/// The text on one line, without codes that a terminal would act on.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_harmful(char) {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
    }
    Cow::Owned(printable)
}

/// The same, and no longer than `most` characters.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => printable(text),
        Some(_) => {
            let end = text.char_indices().nth(most.saturating_sub(3)).map_or(0, |(at, _)| at);
            Cow::Owned(format!("{}...", printable(&text[..end])))
        }
    }
}

/// Controls, ends of lines, and what changes the direction of writing.
fn is_harmful(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        assert_eq!(
            printable("echo \x1b[2J\r\n\tx\u{9b}y\u{202e}z"),
            "echo \\u{1b}[2J\\r\\n\\tx\\u{9b}y\\u{202e}z"
        );
        assert_eq!(printable("größe 大きさ"), "größe 大きさ");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abc...");
        assert_eq!(shortened("äöüäöüä", 6), "äöü...");
    }
}
