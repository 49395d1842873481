//! [`Query`]: what a queue or a history is asked for. Runs nothing.

use std::ffi::OsString;
use std::sync::Arc;

use super::PoolError;
use super::tool::Invocation;
use super::which::{Jobs, Which, checked};

/// What is asked for of a queue or a history: all jobs of the user who asks, unless said.
///
/// ```
/// use milepost::condor::{Query, Which};
///
/// let held = Query::new().constraint("JobStatus == 5").attributes(["HoldReason"]).limit(100);
/// let batch = Query::of(Which::cluster(114));
/// # _ = (held, batch);
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a query does nothing until a pool is asked"]
pub struct Query {
    which: Option<Which>,
    constraint: Option<String>,
    attributes: Vec<String>,
    limit: Option<usize>,
    pub(super) everyones: bool,
    /// Those that make jobs, in place of the jobs.
    pub(super) factories: bool,
    pub(super) schedds: Vec<Arc<str>>,
}

impl Query {
    /// Asks for all jobs of the user who asks.
    pub fn new() -> Query {
        Query::default()
    }

    /// Asks for these jobs.
    pub fn of(which: impl Into<Which>) -> Query {
        Query { which: Some(which.into()), ..Query::default() }
    }

    /// Only those that an expression of HTCondor's is true of.
    pub fn constraint(mut self, expression: impl Into<String>) -> Query {
        self.constraint = Some(expression.into());
        self
    }

    /// Only these attributes of them, beside those that say which job it is. All unless said, which are about a hundred.
    pub fn attributes(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Query {
        self.attributes.extend(names.into_iter().map(Into::into));
        self
    }

    /// So many jobs at most, of each queue.
    pub fn limit(mut self, jobs: usize) -> Query {
        self.limit = Some(jobs);
        self
    }

    /// All users' jobs.
    pub fn everyones(mut self) -> Query {
        self.everyones = true;
        self
    }

    /// Asks these schedds, all at once, in place of the pool's own. The answer has the jobs of the first one first.
    pub fn schedds(mut self, names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Query {
        self.schedds.extend(names.into_iter().map(Into::into));
        self
    }

    /// Asks for what makes the jobs of clusters as they are needed.
    pub(super) fn factories(mut self) -> Query {
        self.factories = true;
        self
    }

    /// Whether there can be no answer but none.
    pub(super) fn is_none(&self) -> bool {
        self.which.as_ref().is_some_and(Which::is_none) || self.limit == Some(0)
    }

    pub(super) fn names(&self) -> Result<Vec<&str>, PoolError> {
        let own = ["ClusterId", "ProcId"];
        let is_name = |name: &str| {
            let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
            name.starts_with(is_start)
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        };
        if let Some(name) = self.attributes.iter().find(|name| !is_name(name)) {
            return Err(PoolError::Refused {
                what: "the attribute",
                text: name.as_str().into(),
                reason: "is no name: letters, digits and underscores",
            });
        }
        Ok(own.into_iter().chain(self.attributes.iter().map(String::as_str)).collect())
    }

    /// The calls of a tool that this takes: one, or several if many jobs are named.
    pub(super) fn invocations(&self, base: &Invocation) -> Result<Vec<Invocation>, PoolError> {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(limit) = self.limit {
            words.extend(["-limit".into(), limit.to_string().into()]);
        }
        let which = self.which.as_ref().map(|which| &which.0);
        let constraints = match (which, &self.constraint) {
            (Some(Jobs::Constraint(first)), Some(second)) => Some(
                // Each is checked by itself, so that none can get out of its parentheses.
                [checked(first)?, "&&".into(), checked(second)?].join(" ".as_ref()),
            ),
            (Some(Jobs::Constraint(one)), None) | (_, Some(one)) => Some(checked(one)?),
            _ => None,
        };
        if let Some(expression) = constraints {
            words.extend(["-constraint".into(), expression]);
        }
        let base = base.clone().args(words);
        match which {
            Some(Jobs::Keys(_)) => {
                let keys = self.which.as_ref().map_or(Ok(Vec::new()), Which::arguments)?;
                Ok(keys.into_iter().map(|keys| base.clone().args(keys)).collect())
            }
            _ => Ok(vec![base]),
        }
    }

    pub(super) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    pub(super) fn limit_of(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}
