//! Which labels the metrics of a job have beside their own. Knows no metric.

use std::fmt;
use std::sync::Arc;

use metrics::Label;

use crate::model::Properties;

/// The label with a job's name. Not `job`, which Prometheus has for what it scrapes.
const JOB_NAME: &str = "job_name";

/// What the metrics themselves or the exporters of histograms label by.
const OWN: [&str; 5] = ["state", "cause", JOB_NAME, "le", "quantile"];

/// The labels that were asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    pub(super) jobs: bool,
    pub(super) fixed: Vec<(Arc<str>, Arc<str>)>,
    pub(super) properties: Vec<Arc<str>>,
}

impl Labels {
    /// Whether each name can be a label, and only one.
    pub(super) fn check(&self) -> Result<(), LabelError> {
        let fixed = self.fixed.iter().map(|(label, _)| label);
        let names: Vec<&Arc<str>> = fixed.chain(&self.properties).collect();
        for (n, label) in names.iter().enumerate() {
            if label.is_empty() {
                return Err(LabelError::Unnamed);
            }
            if OWN.contains(&&***label) || names[..n].contains(label) {
                return Err(LabelError::Taken { label: (*label).clone() });
            }
        }
        Ok(())
    }

    /// Whether all jobs have the same ones.
    pub(super) fn are_fixed(&self) -> bool {
        !self.jobs && self.properties.is_empty()
    }

    /// Those of a job. A property that it doesn't have is an empty text.
    pub(super) fn of(&self, name: &Arc<str>, properties: &Properties) -> Vec<Label> {
        let fixed =
            self.fixed.iter().map(|(label, value)| Label::new(label.clone(), value.clone()));
        let name = self.jobs.then(|| Label::new(JOB_NAME, name.clone()));
        let property = |label: &Arc<str>| {
            let value = properties.get(label).map(ToString::to_string);
            Label::new(label.clone(), value.unwrap_or_default())
        };
        fixed.chain(name).chain(self.properties.iter().map(property)).collect()
    }
}

/// The labels that were set can't be: what [`TelemetryBuilder::build`](super::TelemetryBuilder::build) gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// The metrics or their exporters have this label already, or it was set twice.
    Taken {
        /// The label.
        label: Arc<str>,
    },
    /// A label has no name.
    Unnamed,
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelError::Taken { label } if OWN.contains(&&**label) => {
                write!(
                    f,
                    "the label {label:?} is used by the metrics themselves: choose another name"
                )
            }
            LabelError::Taken { label } => {
                write!(f, "the label {label:?} is set twice: choose another name for one of them")
            }
            LabelError::Unnamed => f.write_str("a label without a name: give it one"),
        }
    }
}

impl std::error::Error for LabelError {}
