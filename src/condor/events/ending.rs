//! How runs of a job end: [`Terminated`], [`Evicted`], and what they have taken. Plain data, and the text form of [`Usage`].

use std::fmt;
use std::time::Duration;

/// How a program has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// By itself, with this exit code.
    Exited(i64),
    /// By this signal.
    Signaled(i64),
    /// The log doesn't say.
    Unknown,
}

impl Ended {
    /// Whether it ended by itself with 0.
    pub fn is_success(self) -> bool {
        self == Ended::Exited(0)
    }
}

/// CPU time. It is shown as HTCondor writes it: `Usr 0 00:01:05, Sys 0 00:00:01` is in days, hours, minutes and seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// In the program.
    pub user: Duration,
    /// In the system, for the program.
    pub system: Duration,
}

impl Usage {
    /// That of a text as it is shown.
    pub(in crate::condor) fn parse(text: &str) -> Option<Usage> {
        let (user, system) = text.trim().split_once(',')?;
        let user = days_and_time(user.trim_end().strip_prefix("Usr")?)?;
        let system = days_and_time(system.trim_start().strip_prefix("Sys")?)?;
        Some(Usage { user, system })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [user, system] = [self.user, self.system].map(|time| {
            let seconds = time.as_secs();
            let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86400);
            format!("{days} {hours:02}:{minutes:02}:{:02}", seconds % 60)
        });
        write!(f, "Usr {user}, Sys {system}")
    }
}

/// `1 02:03:04`.
fn days_and_time(text: &str) -> Option<Duration> {
    let mut words = text.split_ascii_whitespace();
    let (days, time) = (words.next()?, words.next()?);
    let mut parts = time.split(':');
    let [hours, minutes, seconds] = [parts.next()?, parts.next()?, parts.next()?];
    if words.next().is_some() || parts.next().is_some() {
        return None;
    }
    let mut total: u64 = 0;
    for (part, seconds) in [(days, 86400), (hours, 3600), (minutes, 60), (seconds, 1)] {
        let part: u64 = part.parse().ok()?;
        total = total.checked_add(part.checked_mul(seconds)?)?;
    }
    Some(Duration::from_secs(total))
}

/// What the end of a job says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Terminated<'a> {
    /// How.
    pub ended: Ended,
    /// Where the memory of the program was written to.
    pub core_file: Option<&'a str>,
    /// CPU time of the last run, where it ran.
    pub run_remote: Usage,
    /// The same where it was submitted.
    pub run_local: Usage,
    /// CPU time of all runs, where they ran.
    pub total_remote: Usage,
    /// The same where it was submitted.
    pub total_local: Usage,
    /// Bytes sent by the last run.
    pub sent: f64,
    /// Bytes received by the last run.
    pub received: f64,
    /// Bytes sent by all runs.
    pub total_sent: f64,
    /// Bytes received by all runs.
    pub total_received: f64,
    /// What it has used of what it was given.
    pub resources: Vec<Resource<'a>>,
}

/// What the end of a run says that was not the job's end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evicted<'a> {
    /// Whether it can go on from a checkpoint.
    pub checkpointed: bool,
    /// How the program has ended, if it has and is to run again: a retry.
    pub requeued: Option<Ended>,
    /// Where the memory of the program was written to.
    pub core_file: Option<&'a str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// HTCondor's number for why.
    pub code: Option<i64>,
    /// More of it.
    pub subcode: Option<i64>,
    /// CPU time of the run, where it ran.
    pub run_remote: Usage,
    /// The same where it was submitted.
    pub run_local: Usage,
    /// Bytes sent by the run.
    pub sent: f64,
    /// Bytes received by the run.
    pub received: f64,
    /// What it has used of what it was given.
    pub resources: Vec<Resource<'a>>,
}

/// A line of the table of what a job has used.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Resource<'a> {
    /// What: `Cpus`, `Disk` in KiB, `Memory` in MiB, `GPUs`, `TimeExecute` in seconds ...
    pub name: &'a str,
    /// How much was used, on average or at most.
    pub used: Option<f64>,
    /// How much was asked for.
    pub requested: Option<f64>,
    /// How much was given.
    pub allocated: Option<f64>,
    /// Which ones.
    pub assigned: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_shown_as_it_is_read() {
        let text = "Usr 1 02:03:04, Sys 5 06:07:08";
        let usage = Usage::parse(text).expect("a usage");
        assert_eq!(usage.user, Duration::from_secs(86400 + 2 * 3600 + 3 * 60 + 4));
        assert_eq!(usage.system, Duration::from_secs(5 * 86400 + 6 * 3600 + 7 * 60 + 8));
        assert_eq!(usage.to_string(), text);
        assert_eq!(Usage::default().to_string(), "Usr 0 00:00:00, Sys 0 00:00:00");
        assert_eq!(Usage::parse(" Usr 0 00:00:00 ,  Sys 0 00:00:00\t"), Some(Usage::default()));
    }

    #[test]
    fn what_is_no_usage_is_none() {
        for text in [
            "",
            "Usr 0 00:00:00",
            "Usr 0 00:00:00, Sys 0 00:00",
            "Usr 0 00:00:00, Sys 0 00:00:00:00",
            "Usr 0 00:00:00, Sys 0 00:00:00 x",
            "Usr -1 00:00:00, Sys 0 00:00:00",
            "Usr 18446744073709551615 00:00:00, Sys 0 00:00:00",
        ] {
            assert_eq!(Usage::parse(text), None, "{text}");
        }
    }
}
