//! What is told of a job that a poll has found: as an observation, with what it says beside the state. Pure.

use super::JobStatus;
use super::job_ad::JobAd;
use super::reconcile::Repair;
use crate::condor::Ended;
use crate::condor::jobs::states::how;
use crate::job::Observation;
use crate::model::{Property, TaskState};

/// The attributes that polls ask for.
pub(super) const ATTRIBUTES: &[&str] = &[
    "JobStatus",
    "EnteredCurrentStatus",
    "ExitBySignal",
    "ExitCode",
    "ExitSignal",
    "HoldReason",
    "RemoveReason",
    "DAGManJobId",
    "DAGNodeName",
];

/// What to tell for a repair, by the job's ad if there is one.
pub(super) fn observation(repair: Repair, ad: Option<&JobAd>) -> Observation {
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let seen = match repair {
        Repair::State(status) => {
            let why = match status {
                JobStatus::Held => text(ad.and_then(JobAd::hold_reason)),
                _ => None,
            };
            let said = format!("condor_q says that it is {status}, and the log doesn't");
            Observation::new(state(status)).message(match why {
                Some(why) => format!("{said}: {why}"),
                None => said,
            })
        }
        Repair::End(JobStatus::Removed) => {
            let why = text(ad.and_then(JobAd::remove_reason));
            let said = "HTCondor says that it was removed, and the log doesn't";
            Observation::new(TaskState::Canceled)
                .error(why.unwrap_or_else(|| "removed".into()))
                .message(said)
        }
        Repair::End(_) => {
            let ended = ad.and_then(JobAd::ended).unwrap_or(Ended::Unknown);
            let said = "HTCondor says that it has ended, and the log doesn't";
            match ended {
                Ended::Exited(0) => Observation::new(TaskState::Completed).message(said),
                Ended::Unknown => Observation::new(TaskState::Failed)
                    .error("HTCondor doesn't say how it ended")
                    .message(said),
                ended => Observation::new(TaskState::Failed).error(how(ended)).message(said),
            }
        }
        Repair::Lost => Observation::new(TaskState::Interrupted)
            .error("it is not in the queue any more, and neither the log nor condor_history says how it ended")
            .message("condor_q and condor_history don't have it"),
    };
    seen.repaired()
}

/// What is noted of a job's end.
pub(super) fn notes(repair: Repair, ad: Option<&JobAd>) -> Vec<(&'static str, Property)> {
    match (repair, ad.and_then(JobAd::ended)) {
        (Repair::End(_), Some(Ended::Exited(code))) => vec![("exit_code", code.into())],
        (Repair::End(_), Some(Ended::Signaled(signal))) => vec![("signal", signal.into())],
        _ => Vec::new(),
    }
}

fn state(status: JobStatus) -> TaskState {
    match status {
        JobStatus::Running | JobStatus::TransferringOutput => TaskState::Running,
        JobStatus::Held => TaskState::Held,
        JobStatus::Suspended => TaskState::Suspended,
        _ => TaskState::Submitted,
    }
}
