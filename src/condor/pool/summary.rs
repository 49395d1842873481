//! [`Summary`]: how many jobs of a queue are in which state. Asks nobody.

use std::collections::BTreeMap;
use std::fmt;

use super::JobStatus;

/// How many jobs of a queue are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary(BTreeMap<JobStatus, usize>);

impl Summary {
    /// How many jobs have that status.
    pub fn count(&self, status: JobStatus) -> usize {
        self.0.get(&status).copied().unwrap_or(0)
    }

    /// How many jobs there are.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The states that jobs are in, each with how many.
    pub fn iter(&self) -> impl Iterator<Item = (JobStatus, usize)> {
        self.0.iter().map(|(status, count)| (*status, *count))
    }

    pub(super) fn add(&mut self, other: Summary) {
        for (status, count) in other.0 {
            *self.0.entry(status).or_default() += count;
        }
    }

    /// Reads a status a line.
    pub(super) fn parse(printed: &str) -> Result<Summary, String> {
        let mut summary = Summary::default();
        for line in printed.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let number = line.parse().map_err(|_| format!("{line:?} is no status"))?;
            *summary.0.entry(JobStatus::new(number)).or_default() += 1;
        }
        Ok(summary)
    }
}

/// `2 idle, 1 held`, or `no jobs`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no jobs");
        }
        for (n, (status, count)) in self.0.iter().enumerate() {
            write!(f, "{}{count} {status}", if n > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_counted() {
        let mut summary = Summary::parse("1\n2\n\n2\n").expect("numbers");
        summary.add(Summary::parse("5\n").expect("a number"));
        assert_eq!((summary.count(JobStatus::Running), summary.total()), (2, 4));
        assert_eq!(summary.to_string(), "1 idle, 2 running, 1 held");
        assert_eq!(Summary::default().to_string(), "no jobs");
        assert!(Summary::parse("condor_q: nonsense").is_err());
    }
}
