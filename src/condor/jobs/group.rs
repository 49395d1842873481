//! [`Group`]: a job of Milepost's, with those of HTCondor's that are its tasks. Knows no events; decides no states.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::procs::Procs;
use crate::base::ToldClock;
use crate::condor::events::body::Body;
use crate::job::{Job, Observation, OpenJob, TaskReporter};
use crate::model::{Property, TaskState, Timestamp};

/// Within that time, what was reported last is told.
const WINDOWS: Duration = Duration::from_secs(1);

/// A cluster and a number in it.
pub(in crate::condor) type Number = (i64, i64);

/// What is noted by name.
pub(in crate::condor) type Notes = Vec<(&'static str, Property)>;

/// A cluster or a DAG.
#[derive(Debug)]
pub(in crate::condor) struct Group {
    name: Arc<str>,
    properties: Notes,
    /// It shows the time of the last event that is of it.
    clock: ToldClock,
    /// None once it has ended.
    open: Option<OpenJob>,
    /// The last one, unless it was forgotten. If there are more jobs of HTCondor's after its end, there is another one.
    job: Option<Job>,
    pub(in crate::condor) live: HashMap<Number, Live>,
    /// Those that have ended: what is told of them later is nothing new.
    ended: Procs,
    /// More tasks will come, also if all have ended.
    pub(in crate::condor) goes_on: bool,
    /// Its number of tasks was looked for.
    is_counted: bool,
}

/// A task that has not ended.
#[derive(Debug)]
pub(in crate::condor) struct Live {
    pub(in crate::condor) reporter: TaskReporter,
    /// Its program can't be run: nothing else may follow.
    pub(in crate::condor) is_broken: bool,
}

impl Group {
    pub(in crate::condor) fn new(
        name: impl Into<Arc<str>>,
        properties: Notes,
        clock: ToldClock,
    ) -> Group {
        Group {
            name: name.into(),
            properties,
            clock,
            open: None,
            job: None,
            live: HashMap::new(),
            ended: Procs::default(),
            goes_on: false,
            is_counted: false,
        }
    }

    /// Has a job, at the time that an event says, which is made if there is none or it has ended. Returns whether it was made just now.
    pub(in crate::condor) fn open(&mut self, at: Timestamp) -> Option<bool> {
        self.tell(at);
        let is_new = self.open.is_none();
        if is_new {
            let mut builder = Job::builder(self.name.clone()).clock(self.clock.clock());
            for (name, value) in self.properties.iter().cloned() {
                builder = builder.property(name, value);
            }
            let open = builder.open().ok()?;
            self.job = Some(open.job());
            self.open = Some(open);
        }
        Some(is_new)
    }

    /// The task, if it has not ended.
    pub(in crate::condor) fn live(&mut self, number: Number) -> Option<&mut Live> {
        self.live.get_mut(&number)
    }

    pub(in crate::condor) fn is_live(&self, number: Number) -> bool {
        self.live.contains_key(&number)
    }

    pub(in crate::condor) fn has_ended(&self, number: Number) -> bool {
        self.ended.contains(number)
    }

    /// Makes the task, in its job. None if that was canceled and takes no more.
    pub(in crate::condor) fn add(
        &mut self,
        number: Number,
        name: Arc<str>,
        notes: Notes,
    ) -> Option<&mut Live> {
        let mut task = self.open.as_ref()?.task(name);
        for (name, value) in notes {
            task = task.property(name, value);
        }
        let Ok(reporter) = task.reporter() else {
            self.ended.insert(number);
            return None;
        };
        match self.live.entry(number) {
            Entry::Occupied(there) => Some(there.into_mut()),
            Entry::Vacant(free) => Some(free.insert(Live { reporter, is_broken: false })),
        }
    }

    /// Tells what was seen of a task. Nothing that is told after its end counts.
    pub(in crate::condor) fn observe(&mut self, number: Number, seen: Observation) {
        let Some(live) = self.live.get_mut(&number) else { return };
        // An error says that it has ended, as its job was canceled.
        let has_ended = live.reporter.observed(seen).is_err();
        let has_ended = has_ended || live.reporter.state().is_terminal();
        if has_ended && let Some(live) = self.live.remove(&number) {
            self.ended.insert(number);
            drop(live);
        }
    }

    /// Ends what has said that it can't run.
    pub(in crate::condor) fn fail_broken(&mut self) {
        let broken = self.live.iter().filter(|(_, live)| live.is_broken);
        for number in broken.map(|(number, _)| *number).collect::<Vec<_>>() {
            let seen = Observation::new(TaskState::Failed).error("its program can't be run");
            self.observe(number, seen);
        }
    }

    /// Looks once for how many jobs the cluster has, where an event tells attributes of one.
    pub(in crate::condor) fn count(&mut self, body: &Body<'_>) {
        if let Body::AdInformation(attributes) = body
            && !std::mem::replace(&mut self.is_counted, true)
            && let Some(jobs) = attributes.get("TotalSubmitProcs").and_then(|jobs| jobs.as_i64())
            && let Ok(jobs) = usize::try_from(jobs)
        {
            self.expect(jobs);
        }
    }

    /// How many tasks it will have.
    pub(in crate::condor) fn expect(&self, tasks: usize) {
        if let Some(open) = &self.open {
            open.expect(tasks);
        }
    }

    /// An event of it was at that time (C4).
    pub(in crate::condor) fn tell(&self, at: Timestamp) {
        self.clock.tell(at.as_micros());
    }

    /// Whether all that was to come has come and ended, as far as is known.
    pub(in crate::condor) fn is_done(&self) -> bool {
        !self.goes_on && self.live.is_empty() && self.open.is_some()
    }

    /// Whether its job takes tasks.
    pub(in crate::condor) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether no task of its job has ended in another state than it should have.
    pub(in crate::condor) fn is_well(&self) -> bool {
        let counts = self.job.as_ref().map(|job| job.progress().counts);
        counts.is_none_or(|counts| counts.failed() + counts.canceled() == 0)
    }

    /// Ends the job if that is still so.
    pub(in crate::condor) fn settle(&mut self) {
        if self.is_done() {
            self.close();
        }
    }

    /// Nothing more will be told.
    pub(in crate::condor) fn finish(&mut self) {
        self.fail_broken();
        self.close();
        // After what has ended: that ended when it was told.
        self.clock.end(WINDOWS);
    }

    /// Takes no more tasks: the job ends with those that it has.
    pub(in crate::condor) fn close(&mut self) {
        self.open = None;
    }

    pub(in crate::condor) fn job(&self) -> Option<&Job> {
        self.job.as_ref()
    }

    /// Whether its job has ended.
    pub(in crate::condor) fn is_over(&self) -> bool {
        self.open.is_none() && self.job.as_ref().is_some_and(Job::is_ended)
    }

    /// Lets go of its job.
    pub(in crate::condor) fn forget(&mut self) {
        self.job = None;
        // There may be many, and their room is most of what is left of them.
        self.live.shrink_to_fit();
    }

    /// What has ended.
    pub(in crate::condor) fn take_ended(&mut self) -> Procs {
        std::mem::take(&mut self.ended)
    }
}
