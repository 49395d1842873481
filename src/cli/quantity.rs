//! Numbers, amounts and times as text.

use std::time::Duration;

use indicatif::HumanBytes;

use super::text::printable;

/// `3.5/10 MB`, `12 rows`, `42/100`: how far something is, in its unit if it has one; nothing if it hasn't said.
pub(super) fn amount(
    progress: Option<f64>,
    total: Option<f64>,
    unit: Option<&str>,
) -> Option<String> {
    let told = |value: f64| match unit {
        Some("bytes") => HumanBytes(value as u64).to_string(),
        _ => number(value),
    };
    let mut amount = told(progress?);
    if let Some(total) = total {
        amount = format!("{amount}/{}", told(total));
    }
    if let Some(unit) = unit.filter(|unit| *unit != "bytes") {
        amount = format!("{amount} {}", printable(unit));
    }
    Some(amount)
}

/// Up to two decimals, if there are any.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A time in whole seconds, in at most six columns for less than four days.
pub(super) fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..360_000 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A time with tenths of seconds, if it is short.
pub(super) fn took(time: Duration) -> String {
    if time < Duration::from_secs(60) { format!("{:.1}s", time.as_secs_f64()) } else { short(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_more_digits_than_are_read() {
        let numbers = [0.0, 3.0, 0.5, 1.0 / 3.0, 1e9].map(number);
        assert_eq!(numbers, ["0", "3", "0.5", "0.33", "1000000000"]);
    }

    #[test]
    fn times_are_short() {
        let short = |seconds| short(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 86_400, 360_000].map(short),
            ["0s", "59s", "1m00s", "59m59s", "1h00m", "24h00m", "4d"]
        );
        assert_eq!(took(Duration::from_millis(1_250)), "1.2s");
        assert_eq!(took(Duration::from_millis(61_250)), "1m01s");
    }

    #[test]
    fn amounts_have_their_unit() {
        let told = |progress, total, unit| amount(progress, total, unit).unwrap_or_default();
        assert_eq!(told(Some(2048.0), Some(4096.0), Some("bytes")), "2.00 KiB/4.00 KiB");
        assert_eq!(told(Some(3.5), Some(10.0), Some("rows")), "3.5/10 rows");
        assert_eq!(told(Some(42.0), Some(100.0), None), "42/100");
        assert_eq!(told(Some(42.0), None, None), "42");
        assert_eq!(told(None, Some(10.0), None), "");
    }
}
