//! What the environment says of standard error as a terminal. Writes nothing.

use std::io::IsTerminal as _;

use console::Term;

use super::layout::Size;

/// Whether something can be drawn on standard error: it is a terminal that can move its cursor.
pub(crate) fn is_drawable() -> bool {
    std::io::stderr().is_terminal() && variable("TERM").is_none_or(|term| term != "dumb")
}

/// Whether nobody has asked to leave colors out.
pub(crate) fn has_colors() -> bool {
    variable("NO_COLOR").is_none()
}

fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The terminal's size at this moment.
pub(crate) fn size() -> Size {
    let terminals = [Term::stderr(), Term::stdout()];
    match terminals.iter().find_map(Term::size_checked) {
        Some((height, width)) => Size { width: width.into(), height: height.into() },
        None => Size { width: 80, height: 24 },
    }
}
