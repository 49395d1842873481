//! Counts, times and amounts as the lines of the command have them. Knows no terminal.

use std::time::Duration;

use crate::view::terminal::printable;
use crate::view::{amount, duration};

/// `1` is "1 task", all else "2 tasks".
pub(super) fn count(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

/// A time with tenths of seconds, if it is short.
pub(super) fn took(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        duration(time)
    }
}

/// How far something is and what it is doing, as far as it has said so.
pub(super) fn progress(
    progress: Option<f64>,
    total: Option<f64>,
    unit: Option<&str>,
    message: Option<&str>,
) -> impl Iterator<Item = String> {
    let amount = progress.map(|progress| amount(progress, total, unit));
    let message = message.map(str::to_owned);
    [amount, message].into_iter().flatten().map(|text| printable(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_have_tenths() {
        assert_eq!(took(Duration::from_millis(1_250)), "1.2s");
        assert_eq!(took(Duration::from_millis(61_250)), "1m01s");
    }

    #[test]
    fn what_was_not_said_is_left_out() {
        let told = |done, message| {
            progress(done, Some(4.0), Some("fi\x1bles"), message).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told(Some(1.0), Some("a\nb")), "1/4 fi\\u{1b}les, a\\nb");
        assert_eq!(told(None, None), "");
    }
}
