//! [`JobsBuilder`]: jobs with settings of their own.

use std::sync::Arc;

use super::fold::Jobs;
use super::measure::{Measure, PatternError};
use crate::base::ToldClock;

#[derive(Debug, Clone)]
pub(in crate::condor) struct Settings {
    pub(in crate::condor) measure: Arc<Measure>,
    by_log_time: bool,
}

impl Settings {
    /// A clock for one job.
    pub(in crate::condor) fn clock(&self) -> ToldClock {
        if self.by_log_time { ToldClock::replayed() } else { ToldClock::live() }
    }
}

/// How events become [`Jobs`]: where jobs say how far they are.
///
/// Unless something else is said, that is in what a job writes into its log by `condor_chirp ulog`: a percentage behind the word
/// progress, and a message, as in `progress 25% msg="reading"`.
///
/// ```
/// use milepost::condor::Jobs;
///
/// let jobs = Jobs::builder().progress_text(r"step (?<done>\d+) of (?<total>\d+)")?.build();
/// let jobs = Jobs::builder().progress_attribute("FilesDone", Some(200.0)).build();
/// # Ok::<(), milepost::condor::PatternError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "jobs are made by build"]
pub struct JobsBuilder {
    settings: Settings,
}

impl JobsBuilder {
    pub(in crate::condor) fn new() -> JobsBuilder {
        JobsBuilder {
            settings: Settings { measure: Arc::new(Measure::usual()), by_log_time: false },
        }
    }

    /// Progress is in what jobs write by `condor_chirp ulog`, where a regular expression finds it. What its groups are called says
    /// what they are: `percent`, or `done` with or without `total`; and `message`.
    ///
    /// # Errors
    /// It is no regular expression, or has none of these groups.
    pub fn progress_text(mut self, pattern: &str) -> Result<Self, PatternError> {
        self.settings.measure = Arc::new(Measure::text(pattern)?);
        Ok(self)
    }

    /// Progress is an attribute that jobs set by `condor_chirp set_job_attr`, of which the log tells (033). It ends with `total`, if
    /// that is known.
    pub fn progress_attribute(mut self, name: impl Into<Arc<str>>, total: Option<f64>) -> Self {
        self.settings.measure = Arc::new(Measure::Attribute { name: name.into(), total });
        self
    }

    /// Windows of progress close by the times of the log, and not as time passes: for logs that are read afterwards. All
    /// progress that was reported in windows of its own is then told, and the same each time.
    pub fn by_log_time(mut self) -> Self {
        self.settings.by_log_time = true;
        self
    }

    /// No jobs yet.
    pub fn build(self) -> Jobs {
        Jobs::with(self.settings)
    }
}
