//! Amounts, rates and times as people read them. Knows no row.

use std::time::Duration;

/// `3.5/10.0 MiB`, `12 rows`, `42/100`: how far something is, in its unit if it has one. What counts `bytes` is told in their
/// multiples of 1,024.
///
/// ```
/// use milepost::view::amount;
///
/// assert_eq!(amount(3_670_016.0, Some(10_485_760.0), Some("bytes")), "3.5/10.0 MiB");
/// assert_eq!(amount(42.0, Some(100.0), None), "42/100");
/// assert_eq!(amount(1_234.5, None, Some("rows")), "1234.5 rows");
/// ```
pub fn amount(value: f64, total: Option<f64>, unit: Option<&str>) -> String {
    let scale = match unit {
        Some("bytes") => Scale::of(total.unwrap_or(value)),
        _ => Scale { divisor: 1.0, digits: None, unit: unit.unwrap_or_default() },
    };
    let mut text = scale.number(value);
    if let Some(total) = total {
        text.extend(["/", &scale.number(total)]);
    }
    if !scale.unit.is_empty() {
        text.extend([" ", scale.unit]);
    }
    text
}

/// `1.5 MiB/s`, `3.2 rows/s`, `10/s`: so much a second.
///
/// ```
/// use milepost::view::rate;
///
/// assert_eq!(rate(1_572_864.0, Some("bytes")), "1.5 MiB/s");
/// assert_eq!(rate(0.05, Some("tasks")), "3.0 tasks/min");
/// assert_eq!(rate(120.4, None), "120/s");
/// ```
pub fn rate(per_second: f64, unit: Option<&str>) -> String {
    if unit == Some("bytes") {
        let scale = Scale::of(per_second);
        return format!("{} {}/s", scale.number(per_second), scale.unit);
    }
    let number = match per_second {
        10.0.. => format!("{per_second:.0}"),
        0.5.. => format!("{per_second:.1}"),
        _ => format!("{:.1}", per_second * 60.0),
    };
    let blank = if unit.is_some() { " " } else { "" };
    let time = if per_second < 0.5 { "min" } else { "s" };
    format!("{number}{blank}{}/{time}", unit.unwrap_or_default())
}

/// A time in whole seconds, in at most six columns for less than four days: `59s`, `1m05s`, `3h07m`, `5d`.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(milepost::view::duration(Duration::from_secs(65)), "1m05s");
/// ```
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..360_000 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How numbers of a size are told.
struct Scale<'a> {
    divisor: f64,
    /// After the point; as many as are needed, up to two, if it isn't said.
    digits: Option<usize>,
    unit: &'a str,
}

impl Scale<'static> {
    /// That of so many bytes.
    fn of(bytes: f64) -> Scale<'static> {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let (mut divisor, mut at) = (1.0, 0);
        // What would be told as 1024.0 is told as 1.0 of the next.
        while bytes.abs() / divisor >= 1_023.95 && at + 1 < UNITS.len() {
            divisor *= 1_024.0;
            at += 1;
        }
        Scale { divisor, digits: Some(usize::from(at > 0)), unit: UNITS[at] }
    }
}

impl Scale<'_> {
    fn number(&self, value: f64) -> String {
        let value = value / self.divisor;
        let text = match self.digits {
            Some(digits) => format!("{value:.digits$}"),
            None => {
                let text = format!("{value:.2}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        };
        // What is left of a sum of floats may be less than nothing, and too little to be told.
        if text == "-0" { "0".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_more_digits_than_are_read() {
        let numbers = [0.0, 3.0, 0.5, 1.0 / 3.0, 1e9].map(|value| amount(value, None, None));
        assert_eq!(numbers, ["0", "3", "0.5", "0.33", "1000000000"]);
        // What is left of a sum of floats.
        assert_eq!(amount(-1e-17, Some(-0.0), None), "0/0");
        assert_eq!(amount(-1e-17, None, Some("bytes")), "0 B");
        assert_eq!(amount(-2.0, Some(-0.25), None), "-2/-0.25");
    }

    #[test]
    fn bytes_are_told_in_one_unit() {
        let bytes = |value, total| amount(value, total, Some("bytes"));
        assert_eq!(bytes(0.0, None), "0 B");
        assert_eq!(bytes(1_023.0, Some(1_023.0)), "1023/1023 B");
        assert_eq!(bytes(1_023.0, Some(4_096.0)), "1.0/4.0 KiB");
        assert_eq!(bytes(1024.0 * 1024.0 - 1.0, None), "1.0 MiB");
        assert_eq!(bytes(f64::MAX, None).split(' ').nth(1), Some("EiB"));
        assert_eq!(bytes(f64::INFINITY, None), "inf EiB");
    }

    #[test]
    fn slow_rates_are_told_by_the_minute() {
        let rates = [1_000.0, 10.0, 9.96, 0.5, 0.25].map(|value| rate(value, None));
        assert_eq!(rates, ["1000/s", "10/s", "10.0/s", "0.5/s", "15.0/min"]);
    }

    #[test]
    fn times_are_short() {
        let short = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 3_599, 3_600, 86_400, 360_000].map(short),
            ["0s", "59s", "1m00s", "59m59s", "1h00m", "24h00m", "4d"]
        );
    }
}
