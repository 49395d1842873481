//! [`JobAd`]: what a queue or a history says of a job. Asks nobody.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::JobStatus;
use crate::condor::{Ad, Ended, JobKey};
use crate::model::Timestamp;

/// A job as the queue or the history shows it: an [`Ad`], with the names that are asked for most.
#[derive(Debug, Clone)]
pub struct JobAd {
    pub(super) key: JobKey,
    pub(super) ad: Ad,
    pub(super) schedd: Option<Arc<str>>,
}

impl JobAd {
    /// None if the ad doesn't say which job it is of.
    pub(super) fn new(ad: Ad, schedd: Option<Arc<str>>) -> Option<JobAd> {
        let key = JobKey::new(ad.i64("ClusterId")?, ad.i64("ProcId").unwrap_or(-1));
        Some(JobAd { key, ad, schedd })
    }

    /// Which job.
    pub fn key(&self) -> JobKey {
        self.key
    }

    /// In whose queue it is, if a schedd was named.
    pub fn schedd(&self) -> Option<&str> {
        self.schedd.as_deref()
    }

    /// All attributes that were asked for and are there.
    pub fn ad(&self) -> &Ad {
        &self.ad
    }

    /// All attributes that were asked for and are there.
    pub fn into_ad(self) -> Ad {
        self.ad
    }

    /// What it does, or how it has ended (`JobStatus`).
    pub fn status(&self) -> Option<JobStatus> {
        self.ad.i64("JobStatus").map(JobStatus::new)
    }

    /// Since when it does that (`EnteredCurrentStatus`).
    pub fn since(&self) -> Option<Timestamp> {
        self.time("EnteredCurrentStatus")
    }

    /// When it was submitted (`QDate`).
    pub fn submitted(&self) -> Option<Timestamp> {
        self.time("QDate")
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        let seconds = u64::try_from(self.ad.i64(name)?).ok()?;
        Some(Timestamp::from_micros(seconds.checked_mul(1_000_000)?))
    }

    /// How its program has ended, if it has (`ExitBySignal`, `ExitCode`, `ExitSignal`).
    pub fn ended(&self) -> Option<Ended> {
        if self.status() != Some(JobStatus::Completed) {
            return None;
        }
        Some(match self.ad.bool("ExitBySignal") {
            Some(true) => self.ad.i64("ExitSignal").map_or(Ended::Unknown, Ended::Signaled),
            _ => self.ad.i64("ExitCode").map_or(Ended::Unknown, Ended::Exited),
        })
    }

    /// How often it has begun to run (`NumJobStarts`).
    pub fn starts(&self) -> Option<i64> {
        self.ad.i64("NumJobStarts")
    }

    /// Why it is held (`HoldReason`).
    pub fn hold_reason(&self) -> Option<&str> {
        self.ad.str("HoldReason")
    }

    /// Why it was removed (`RemoveReason`).
    pub fn remove_reason(&self) -> Option<&str> {
        self.ad.str("RemoveReason")
    }

    /// Whose it is (`Owner`).
    pub fn owner(&self) -> Option<&str> {
        self.ad.str("Owner")
    }

    /// What it runs (`Cmd`).
    pub fn command(&self) -> Option<&str> {
        self.ad.str("Cmd")
    }

    /// The log of its events (`UserLog`), as an absolute path on the machine of its queue.
    pub fn log(&self) -> Option<PathBuf> {
        let log = Path::new(self.ad.str("UserLog").filter(|log| !log.is_empty())?);
        Some(self.ad.str("Iwd").map_or_else(|| log.into(), |folder| Path::new(folder).join(log)))
    }
}
