//! [`Action`]: what can be done to jobs of a queue, and [`Done`]: what was. Runs nothing.

use std::fmt;

use super::tool::Invocation;
use crate::condor::JobKey;

/// What can be done to jobs of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Keeps a job from running until it is released; if it runs, it is stopped and loses what it has done.
    Hold,
    /// Lets a held job wait for a machine again.
    Release,
    /// Ends a job, and removes it from the queue when that is cleaned up.
    Remove,
    /// Forgets a job that was [removed](Action::Remove) and whose machine doesn't answer, at once.
    RemoveForced,
    /// Stops a run gracefully; the job waits for a machine again.
    Vacate,
    /// The same, without any grace.
    VacateFast,
    /// Stops a job's processes where they are.
    Suspend,
    /// Lets suspended processes go on.
    Resume,
}

impl Action {
    /// The tool that does it, with what it is to be told.
    pub(super) fn invocation(self, reason: Option<&str>) -> Invocation {
        let (tool, option) = match self {
            Action::Hold => ("condor_hold", None),
            Action::Release => ("condor_release", None),
            Action::Remove => ("condor_rm", None),
            Action::RemoveForced => ("condor_rm", Some("-forcex")),
            Action::Vacate => ("condor_vacate_job", None),
            Action::VacateFast => ("condor_vacate_job", Some("-fast")),
            Action::Suspend => ("condor_suspend", None),
            Action::Resume => ("condor_continue", None),
        };
        let invocation = Invocation::new(tool).args(option).arg("-long");
        // The other tools know no reasons. No argument can have a NUL character.
        let reason = reason.filter(|_| self.takes_reason());
        invocation.option("-reason", reason.map(|reason| reason.replace('\0', " ")))
    }

    /// Whether HTCondor notes a reason for it.
    pub const fn takes_reason(self) -> bool {
        matches!(self, Action::Hold | Action::Release | Action::Remove | Action::RemoveForced)
    }
}

/// What came of an action for one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Acted {
    /// It was done.
    Done,
    /// It was so before.
    Already,
    /// There is no such job in the queue; it may have ended.
    NotFound,
    /// The job is in a state in which it can't be: one that doesn't run isn't suspended.
    NotNow,
    /// The job is another user's.
    NotAllowed,
    /// HTCondor says no more than that it failed.
    Failed,
}

/// What an action did, job by job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// The jobs, with what came of it for each. Of clusters and expressions, those that were there.
    pub jobs: Vec<(JobKey, Acted)>,
}

impl Done {
    /// To how many jobs it was done.
    pub fn count(&self) -> usize {
        self.count_of(Acted::Done)
    }

    /// How many jobs that came of it for.
    pub fn count_of(&self, acted: Acted) -> usize {
        self.jobs.iter().filter(|(_, came)| *came == acted).count()
    }

    /// What came of it for a job; none if the tool didn't tell of it.
    pub fn of(&self, key: JobKey) -> Option<Acted> {
        self.jobs.iter().find(|(there, _)| *there == key).map(|(_, acted)| *acted)
    }

    /// Reads what a tool prints with `-long`; none if it isn't that.
    pub(super) fn parse(printed: &str) -> Option<Done> {
        let mut result = false;
        let mut done = Done::default();
        for line in printed.lines() {
            let Some((name, value)) = line.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("ActionResult") {
                result = true;
            } else if let Some(key) = key(name) {
                done.jobs.push((key, acted(value)));
            }
        }
        done.jobs.sort_unstable_by_key(|(key, _)| *key);
        result.then_some(done)
    }
}

/// The job of an attribute such as `job_114_3`.
fn key(name: &str) -> Option<JobKey> {
    let (cluster, proc) = name.strip_prefix("job_")?.split_once('_')?;
    Some(JobKey::new(cluster.parse().ok()?, proc.parse().ok()?))
}

fn acted(number: &str) -> Acted {
    match number {
        "1" => Acted::Done,
        "2" => Acted::NotFound,
        "3" => Acted::NotNow,
        "4" => Acted::Already,
        "5" => Acted::NotAllowed,
        _ => Acted::Failed,
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} jobs", self.count(), self.jobs.len())?;
        for (acted, what) in [
            (Acted::Already, "were so before"),
            (Acted::NotFound, "not found"),
            (Acted::NotNow, "in another state"),
            (Acted::NotAllowed, "of other users"),
            (Acted::Failed, "failed"),
        ] {
            match self.count_of(acted) {
                0 => {}
                count => write!(f, ", {count} {what}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_job_by_job() {
        let printed = "Job 110.77 not found\nActionResult = 1\nActionResultType = 1\nJobAction = 1\njob_110_77 = 2\n\
                       job_110_1 = 1\njob_110_2 = 3\n\nJob 110.1 held\n";
        let done = Done::parse(printed).expect("a result");
        let key = |proc| JobKey::new(110, proc);
        assert_eq!(
            done.jobs,
            [(key(1), Acted::Done), (key(2), Acted::NotNow), (key(77), Acted::NotFound)]
        );
        assert_eq!(done.to_string(), "1 of 3 jobs, 1 not found, 1 in another state");
        assert_eq!(Done::parse("condor_hold: unknown host nosuch"), None);
    }
}
