//! [`Date`]: dates as they are written in logs, and arithmetic with days. Knows no time zone.

/// A date and time as it is written. Its fields are as the writer's clock showed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::condor) struct Date {
    /// None for `MM/DD`.
    pub(in crate::condor) year: Option<i64>,
    pub(in crate::condor) month: u32,
    pub(in crate::condor) day: u32,
    /// Since midnight; 24:00 is the next day's.
    pub(in crate::condor) minute: u32,
    /// Since that minute.
    pub(in crate::condor) micros: u32,
    /// How far ahead of UTC the clock was, in seconds, if that is written.
    pub(in crate::condor) offset: Option<i32>,
}

impl Date {
    /// The date that `bytes` begin with, and how many of them it takes. What follows it is no part of a word.
    pub(in crate::condor) fn parse(bytes: &[u8]) -> Option<(Date, usize)> {
        let mut text = Text { bytes, at: 0 };
        let date = text.date()?;
        let rest = &bytes[text.at..];
        matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')).then_some((date, text.at))
    }

    /// Minutes since 1970 by the same clock. A day that its month hasn't is one of the next, as for `mktime`.
    pub(in crate::condor) fn minutes_in(&self, year: i64) -> i64 {
        let days = days_before(year, self.month) + i64::from(self.day) - 1;
        days * 1440 + i64::from(self.minute)
    }
}

struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn take(&mut self, wanted: u8) -> Option<()> {
        (self.peek() == wanted).then(|| self.at += 1)
    }

    /// A number of up to `most` digits, and how many it has.
    fn digits(&mut self, most: usize) -> Option<(u32, usize)> {
        let mut number = 0;
        let start = self.at;
        while self.at - start < most && self.peek().is_ascii_digit() {
            number = number * 10 + u32::from(self.peek() - b'0');
            self.at += 1;
        }
        (self.at > start).then_some((number, self.at - start))
    }

    fn number(&mut self, most: usize, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let (number, _) = self.digits(most)?;
        range.contains(&number).then_some(number)
    }

    /// `2024-01-02 03:04:05`, which nearly all are: what the general way makes of it, faster.
    fn usual(&mut self) -> Option<Date> {
        let &[y, e, a, r, b'-', m, o, b'-', d, f, b' ', h, i, b':', n, j, b':', s, k] =
            self.bytes.first_chunk::<19>()?
        else {
            return None;
        };
        let digits = [y, e, a, r, m, o, d, f, h, i, n, j, s, k];
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let two = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
        let year = Some(i64::from(two(y, e) * 100 + two(a, r)));
        let (month, day, hour) = (two(m, o), two(d, f), two(h, i));
        let (minute, second) = (two(n, j), two(s, k));
        let is_time = hour <= 24 && minute <= 59 && second <= 60;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
            return None;
        }
        self.at = 19;
        let micros = second * 1_000_000 + self.fraction()?;
        let (minute, offset) = (hour * 60 + minute, self.offset()?);
        Some(Date { year, month, day, minute, micros, offset })
    }

    fn date(&mut self) -> Option<Date> {
        if let Some(date) = self.usual() {
            return Some(date);
        }
        self.at = 0;
        let (first, digits) = self.digits(8)?;
        let (year, month, day) = match (digits, self.peek()) {
            (4, b'-') => {
                self.at += 1;
                let month = self.number(2, 1..=12)?;
                self.take(b'-')?;
                (Some(first), month, self.number(2, 1..=31)?)
            }
            (8, _) => (Some(first / 10_000), first / 100 % 100, first % 100),
            (1 | 2, b'/') => {
                self.at += 1;
                (None, first, self.number(2, 1..=31)?)
            }
            _ => return None,
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        match self.peek() {
            b' ' | b'T' => self.at += 1,
            _ => return None,
        }
        let (minute, second) = self.time()?;
        let micros = second * 1_000_000 + self.fraction()?;
        let year = year.map(i64::from);
        Some(Date { year, month, day, minute, micros, offset: self.offset()? })
    }

    /// Minutes since midnight, and seconds since that minute.
    fn time(&mut self) -> Option<(u32, u32)> {
        let (hour, digits) = self.digits(6)?;
        if digits == 6 {
            let (hour, minute, second) = (hour / 10_000, hour / 100 % 100, hour % 100);
            return (hour <= 24 && minute <= 59 && second <= 60)
                .then_some((hour * 60 + minute, second));
        }
        if digits > 2 || hour > 24 {
            return None;
        }
        self.take(b':')?;
        let minute = self.number(2, 0..=59)?;
        let second = match self.take(b':') {
            Some(()) => self.number(2, 0..=60)?,
            None => 0,
        };
        Some((hour * 60 + minute, second))
    }

    /// Microseconds; digits beyond those are passed over.
    fn fraction(&mut self) -> Option<u32> {
        if self.take(b'.').is_none() {
            return Some(0);
        }
        let (number, digits) = self.digits(6)?;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        let missing = u32::try_from(6 - digits).unwrap_or(0);
        Some(number * 10_u32.pow(missing))
    }

    /// `Z`, `+02:00`, `-0530`, `+02`, or nothing.
    fn offset(&mut self) -> Option<Option<i32>> {
        let sign = match self.peek() {
            b'Z' => {
                self.at += 1;
                return Some(Some(0));
            }
            b'+' => 1,
            b'-' => -1,
            _ => return Some(None),
        };
        self.at += 1;
        let (number, digits) = self.digits(4)?;
        let (hours, minutes) = match digits {
            4 => (number / 100, number % 100),
            2 if self.take(b':').is_some() => (number, self.number(2, 0..=59)?),
            2 => (number, 0),
            _ => return None,
        };
        let ahead = i32::try_from(hours * 3600 + minutes * 60).ok()?;
        (hours <= 24 && minutes <= 59).then_some(Some(sign * ahead))
    }
}

pub(in crate::condor) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970 to the month's beginning.
fn days_before(year: i64, month: u32) -> i64 {
    // Years that begin with March have their leap day at their end.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * i64::from(month) + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The year, month and day that is so many days after 1970 began.
pub(in crate::condor) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + later, month, day)
}

/// `2024-01-02T03:04:05`, with milliseconds if it isn't at a whole second.
pub(in crate::condor) fn written(micros: i64) -> String {
    let seconds = micros.div_euclid(1_000_000);
    let millis = micros.rem_euclid(1_000_000) / 1000;
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if millis > 0 {
        text.push_str(&format!(".{millis:03}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Option<Date> {
        let (date, len) = Date::parse(text.as_bytes())?;
        assert_eq!(len, text.len());
        Some(date)
    }

    #[test]
    fn all_forms_of_a_date_are_the_same_date() {
        let expected = Date {
            year: Some(2024),
            month: 1,
            day: 2,
            minute: 184,
            micros: 5_000_000,
            offset: None,
        };
        for text in
            ["2024-01-02 03:04:05", "2024-01-02T03:04:05", "20240102T030405", "2024-1-2 3:4:5"]
        {
            assert_eq!(date(text), Some(expected), "{text}");
        }
        assert_eq!(date("01/02 03:04:05"), Some(Date { year: None, ..expected }));
        assert_eq!(date("1/2 03:04"), Some(Date { year: None, micros: 0, ..expected }));
        for (text, offset) in [("Z", 0), ("+02:00", 7200), ("-0530", -19_800), ("+02", 7200)] {
            let text = format!("2024-01-02 03:04:05.25{text}");
            let expected = Date { micros: 5_250_000, offset: Some(offset), ..expected };
            assert_eq!(date(&text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_no_clock_shows_is_no_date() {
        for text in [
            "",
            "2024",
            "2024-01-02",
            "2024-01-02 ",
            "2024-01-02 03",
            "2024-01-02 03:",
            "13/45 03:04:05",
            "00/10 03:04:05",
            "01/02 25:04:05",
            "2024-13-40 03:04:05",
            "0000-00-00 00:00:00",
            "20241340T030405",
            "2024-01-02 03:60",
            "2024-01-02 03:04:61",
            "2024-01-02 03:04:05.",
            "2024-01-02 03:04:05+2",
            "2024-01-02 03:04:05+02:",
            "2024-01-02 03:04:05x",
            "2024-01-02x03:04:05",
            "20240102T0304",
            "02024-01-02 03:04",
            "2024-01-02 123:04:05",
        ] {
            assert_eq!(Date::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for days in -800_000..800_000 {
            let (year, month, day) = civil(days);
            assert_eq!(days_before(year, u32::try_from(month).unwrap()) + day - 1, days);
        }
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(written(-1), "1969-12-31T23:59:59.999");
    }
}
