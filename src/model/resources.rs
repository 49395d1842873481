//! [`Resources`]: what a task requires and a scheduler has. Knows nothing of who has how much of it left.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// What a task requires of the scheduler that runs it: cores and memory, of which it has so much less while the task
/// runs, and labels, which it just has to have.
///
/// They are declared, not measured: a task that takes more than it said is not stopped.
///
/// ```
/// use milepost::{Job, LocalScheduler, Resources};
///
/// let scheduler = LocalScheduler::builder(8).cores(8).memory(16 << 30).label("gpu").build()?;
/// let job = Job::new("models");
/// for name in ["small", "large"] {
///     job.task(name)
///         .requires(Resources::new().cores(6).memory(4 << 30).label("gpu"))
///         .add_blocking(|_cx| Ok(()))?; // one after the other: together they would need 12 cores
/// }
/// job.submit(&scheduler)?;
/// job.wait_until_done().blocking()?.ok()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Resources {
    /// How many cores.
    pub cores: u32,
    /// How many bytes of memory.
    pub memory: u64,
    /// What a scheduler has or has not.
    pub labels: BTreeSet<Arc<str>>,
}

impl Resources {
    /// Nothing.
    pub const fn new() -> Resources {
        Resources { cores: 0, memory: 0, labels: BTreeSet::new() }
    }

    /// So many cores.
    pub fn cores(mut self, cores: u32) -> Resources {
        self.cores = cores;
        self
    }

    /// So many bytes of memory.
    pub fn memory(mut self, bytes: u64) -> Resources {
        self.memory = bytes;
        self
    }

    /// A property that a scheduler has or has not, such as `"gpu"` or `"zone=eu"`; may be called for several.
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Resources {
        self.labels.insert(label.into());
        self
    }

    /// Whether a task that requires it can run anywhere at any time.
    pub fn is_nothing(&self) -> bool {
        self.cores == 0 && self.memory == 0 && self.labels.is_empty()
    }

    /// What of this a scheduler that has `capacity` will never have, in words; none if it could run the task.
    ///
    /// ```
    /// use milepost::Resources;
    ///
    /// let capacity = Resources::new().cores(4);
    /// assert_eq!(Resources::new().cores(2).beyond(&capacity), None);
    /// assert_eq!(Resources::new().cores(8).beyond(&capacity).unwrap(), "8 cores of 4");
    /// ```
    pub fn beyond(&self, capacity: &Resources) -> Option<String> {
        let mut beyond = Vec::new();
        if self.cores > capacity.cores {
            beyond.push(format!("{} cores of {}", self.cores, capacity.cores));
        }
        if self.memory > capacity.memory {
            beyond.push(format!("{} bytes of memory of {}", self.memory, capacity.memory));
        }
        for label in self.labels.difference(&capacity.labels) {
            beyond.push(format!("the label {label:?}"));
        }
        (!beyond.is_empty()).then(|| beyond.join(", "))
    }
}

/// In words: `4 cores, 1024 bytes of memory, "gpu"`.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        if self.cores > 0 {
            said.push(format!("{} cores", self.cores));
        }
        if self.memory > 0 {
            said.push(format!("{} bytes of memory", self.memory));
        }
        said.extend(self.labels.iter().map(|label| format!("{label:?}")));
        f.write_str(if said.is_empty() { "nothing" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_a_capacity_is_named() {
        let has = Resources::new().cores(2).memory(100).label("gpu");
        assert_eq!(has.beyond(&has), None);
        assert_eq!(Resources::new().beyond(&has), None);
        let asks = Resources::new().cores(3).memory(101).label("gpu").label("eu");
        let beyond = asks.beyond(&has);
        assert_eq!(
            beyond.as_deref(),
            Some(r#"3 cores of 2, 101 bytes of memory of 100, the label "eu""#)
        );
        assert_eq!(asks.to_string(), r#"3 cores, 101 bytes of memory, "eu", "gpu""#);
        assert_eq!(Resources::new().to_string(), "nothing");
    }
}
