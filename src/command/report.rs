//! What programs report: a line of the progress file, and what it does to a task's progress. The one place that knows
//! the reports there are; `docs/commands.md` describes them.

use crate::meter::Progress;
use crate::model::Property;

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Report {
    Progress(f64),
    /// A whole number, which is counted, or any other.
    Advance(Result<i64, f64>),
    Total(f64),
    Unit(String),
    Message(String),
    Property(String, Property),
    /// Progress of a total of 100, which the terminal's sequence gives.
    Percent(u8),
}

impl Report {
    /// Reads a line: a word, a blank and a value. `None` if it is not one of the reports.
    pub(super) fn of_line(line: &[u8]) -> Option<Report> {
        let line = std::str::from_utf8(line).ok()?;
        let (word, value) = line.split_once(' ')?;
        Some(match word {
            "progress" => Report::Progress(number(value)?),
            "advance" => Report::Advance(match value.trim().parse() {
                Ok(count) => Ok(count),
                Err(_) => Err(number(value)?),
            }),
            "total" => Report::Total(number(value)?),
            "unit" => Report::Unit(value.trim().to_owned()),
            "message" => Report::Message(value.to_owned()),
            "property" => {
                let (name, value) = value.trim().split_once(' ')?;
                Report::Property(name.to_owned(), property(value.trim()))
            }
            _ => return None,
        })
    }

    pub(super) fn apply(&self, progress: &Progress) {
        match self {
            Report::Progress(value) => progress.set_progress(*value),
            Report::Advance(Ok(count)) => progress.advance(*count),
            Report::Advance(Err(by)) => progress.advance(*by),
            Report::Total(total) => progress.set_total(*total),
            Report::Unit(unit) => progress.set_unit(unit),
            Report::Message(message) => progress.set_message(message),
            Report::Property(name, value) => progress.set_property(name.as_str(), value.clone()),
            Report::Percent(percent) => {
                progress.set_total(100);
                progress.set_progress(*percent);
            }
        }
    }
}

/// A number or a truth value if it reads as one, else text.
fn property(value: &str) -> Property {
    let int = value.parse().map(Property::Int).ok();
    let float = || number(value).map(Property::Float);
    let truth = || value.parse().map(Property::Bool).ok();
    int.or_else(float).or_else(truth).unwrap_or_else(|| Property::from(value))
}

fn number(value: &str) -> Option<f64> {
    value.trim().parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_reports() {
        let of = |line: &str| Report::of_line(line.as_bytes());
        assert_eq!(of("progress 3.5"), Some(Report::Progress(3.5)));
        assert_eq!(of("progress  7 "), Some(Report::Progress(7.0)));
        assert_eq!(of("advance 2"), Some(Report::Advance(Ok(2))));
        assert_eq!(of("advance -0.5"), Some(Report::Advance(Err(-0.5))));
        assert_eq!(of("total 1e3"), Some(Report::Total(1000.0)));
        assert_eq!(of("unit bytes"), Some(Report::Unit("bytes".into())));
        assert_eq!(of("message it  is so"), Some(Report::Message("it  is so".into())));
        assert_eq!(of("message "), Some(Report::Message("".into())));
        let property = |name: &str, value| Some(Report::Property(name.into(), value));
        assert_eq!(of("property host node 3"), property("host", Property::from("node 3")));
        assert_eq!(of("property gpus 2"), property("gpus", Property::Int(2)));
        assert_eq!(of("property load 0.5"), property("load", Property::Float(0.5)));
        assert_eq!(of("property warm true"), property("warm", Property::Bool(true)));
        assert_eq!(of("property odd NaN"), property("odd", Property::from("NaN")));
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "progress",
            "progress x",
            "progress NaN",
            "total inf",
            "Progress 1",
            "bar 1",
            "property a",
        ] {
            assert_eq!(Report::of_line(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Report::of_line(b"message \xff"), None);
    }

    proptest! {
        #[test]
        fn no_line_does_harm(line in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(report) = Report::of_line(&line) {
                report.apply(&Progress::none());
            }
        }
    }
}
