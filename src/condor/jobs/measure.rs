//! [`Measure`]: how far a job is, from what it writes into its log. Knows no jobs.

use std::fmt;
use std::sync::Arc;

use regex_lite::Regex;

use crate::meter::Progress;

/// A percentage somewhere behind the word progress, and a message if there is one.
const USUAL: &str =
    r#"(?i)\bprogress\b.*?(?<percent>\d+(?:\.\d+)?) *%(?:.*?\bmsg="(?<message>[^"]*)")?"#;

/// Where it is said how far a job is.
#[derive(Debug, Clone)]
pub(in crate::condor) enum Measure {
    /// In texts that it writes.
    Text(Regex),
    /// In an attribute, which ends with a total.
    Attribute { name: Arc<str>, total: Option<f64> },
}

impl Measure {
    pub(in crate::condor) fn usual() -> Measure {
        // It is tested that it is one.
        Measure::text(USUAL).unwrap_or(Measure::Attribute { name: "Progress".into(), total: None })
    }

    /// # Errors
    /// It is no pattern, or has no group that says how far something is.
    pub(in crate::condor) fn text(pattern: &str) -> Result<Measure, PatternError> {
        let error = |reason: &str| PatternError { pattern: pattern.into(), reason: reason.into() };
        let regex = Regex::new(pattern).map_err(|why| error(&why.to_string()))?;
        let names: Vec<&str> = regex.capture_names().flatten().collect();
        if !["done", "percent", "message"].iter().any(|name| names.contains(name)) {
            return Err(error("it has no group `done`, `percent` or `message`"));
        }
        Ok(Measure::Text(regex))
    }

    /// The job has written this.
    pub(in crate::condor) fn wrote(&self, text: &str, progress: &Progress) {
        let Measure::Text(regex) = self else { return };
        let Some(found) = regex.captures(text) else { return };
        let number = |name| found.name(name).and_then(|found| found.as_str().parse::<f64>().ok());
        match (number("percent"), number("done")) {
            (Some(percent), _) => {
                progress.set_total(100.0);
                progress.set_progress(percent);
            }
            (None, Some(done)) => {
                if let Some(total) = number("total") {
                    progress.set_total(total);
                }
                progress.set_progress(done);
            }
            (None, None) => {}
        }
        if let Some(message) = found.name("message") {
            progress.set_message(message.as_str());
        }
    }

    /// An attribute of the job has this value.
    pub(in crate::condor) fn set(&self, name: &str, value: &str, progress: &Progress) {
        let Measure::Attribute { name: wanted, total } = self else { return };
        if !wanted.eq_ignore_ascii_case(name) {
            return;
        }
        if let Ok(value) = value.trim().trim_matches('"').parse::<f64>() {
            if let Some(total) = total {
                progress.set_total(*total);
            }
            progress.set_progress(value);
        }
    }
}

/// A text that is no pattern for progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    pattern: Box<str>,
    reason: Box<str>,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PatternError { pattern, reason } = self;
        write!(
            f,
            "{pattern:?} is no pattern for progress: {reason}; give a regular expression such as \
             `step (?<done>\\d+) of (?<total>\\d+)`"
        )
    }
}

impl std::error::Error for PatternError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProgressReport;

    fn reported(measure: &Measure, tell: impl Fn(&Measure, &Progress)) -> ProgressReport {
        let told: Arc<parking_lot::Mutex<ProgressReport>> = Arc::default();
        let keep = told.clone();
        let progress = Progress::from_fn(move |report| *keep.lock() = report.clone());
        tell(measure, &progress);
        drop(progress);
        std::mem::take(&mut *told.lock())
    }

    fn wrote(measure: &Measure, text: &str) -> (Option<f64>, Option<f64>, Option<String>) {
        let report = reported(measure, |measure, progress| measure.wrote(text, progress));
        (report.progress, report.total, report.message.map(|message| message.to_string()))
    }

    #[test]
    fn a_percentage_behind_the_word_is_understood() {
        let usual = Measure::usual();
        assert!(matches!(usual, Measure::Text(_)));
        let text = r#"progress 25% step=1 of=4 msg="working on part 25""#;
        assert_eq!(
            wrote(&usual, text),
            (Some(25.0), Some(100.0), Some("working on part 25".into()))
        );
        assert_eq!(wrote(&usual, "Progress: at 12.5 %"), (Some(12.5), Some(100.0), None));
        for text in ["100 %", "in progress", "progressing 3%", ""] {
            assert_eq!(wrote(&usual, text), (None, None, None), "{text}");
        }
    }

    #[test]
    fn patterns_and_attributes_are_the_users() {
        let steps = Measure::text(r"step=(?<done>\d+) of=(?<total>\d+)").expect("a pattern");
        assert_eq!(wrote(&steps, "step=1 of=4"), (Some(1.0), Some(4.0), None));
        for (pattern, why) in [("(", "is no pattern"), ("x", "no group `done`")] {
            let error = Measure::text(pattern).expect_err("it is none");
            assert!(error.to_string().contains(why), "{error}");
        }
        let measure = Measure::Attribute { name: "MyProgress".into(), total: Some(50.0) };
        let set = |name: &str, value: &str| {
            reported(&measure, |measure, progress| measure.set(name, value, progress))
        };
        let report = set("myprogress", "25");
        assert_eq!((report.progress, report.total), (Some(25.0), Some(50.0)));
        assert_eq!(set("Other", "25").progress, None);
        assert_eq!(set("MyProgress", "undefined").progress, None);
    }
}
