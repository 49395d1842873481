//! [`Which`]: the jobs that something is asked of or done to. Runs nothing.

use std::ffi::OsString;

use super::PoolError;
use crate::condor::JobKey;

/// Which jobs are meant: some by their keys, whole clusters, or all that an expression is true of.
///
/// ```
/// use milepost::condor::{JobKey, Which};
///
/// let one: Which = JobKey::new(114, 3).into();
/// let all = Which::cluster(114);
/// let mine = Which::constraint(r#"Owner == "ann" && JobStatus == 5"#);
/// # _ = (one, all, mine);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which(pub(super) Jobs);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Jobs {
    /// Those with a negative proc are whole clusters.
    Keys(Vec<JobKey>),
    Constraint(String),
}

impl Which {
    /// The jobs with these keys; none if there are none. Keys of [whole clusters](JobKey::is_cluster) mean all their jobs.
    pub fn keys(keys: impl IntoIterator<Item = JobKey>) -> Which {
        Which(Jobs::Keys(keys.into_iter().collect()))
    }

    /// All jobs of a cluster.
    pub fn cluster(cluster: i64) -> Which {
        Which::clusters([cluster])
    }

    /// All jobs of these clusters.
    pub fn clusters(clusters: impl IntoIterator<Item = i64>) -> Which {
        Which::keys(clusters.into_iter().map(|cluster| JobKey::new(cluster, -1)))
    }

    /// All jobs that an expression of HTCondor's is true of. It is given to the tools as one argument.
    pub fn constraint(expression: impl Into<String>) -> Which {
        Which(Jobs::Constraint(expression.into()))
    }

    /// Whether it can't be any job.
    pub(super) fn is_none(&self) -> bool {
        matches!(&self.0, Jobs::Keys(keys) if keys.is_empty())
    }

    /// What a tool is to be given, in as many calls as it takes.
    pub(super) fn arguments(&self) -> Result<Vec<Vec<OsString>>, PoolError> {
        match &self.0 {
            Jobs::Keys(keys) => {
                let words: Vec<OsString> = keys.iter().map(word).collect::<Result<_, _>>()?;
                Ok(words.chunks(MOST_KEYS).map(<[OsString]>::to_vec).collect())
            }
            Jobs::Constraint(expression) => {
                Ok(vec![vec!["-constraint".into(), checked(expression)?]])
            }
        }
    }
}

/// So many keys are given to a tool at once: it makes an expression of them.
const MOST_KEYS: usize = 500;

fn word(key: &JobKey) -> Result<OsString, PoolError> {
    if key.is_none() {
        return Err(PoolError::Refused {
            what: "the key",
            text: key.to_string().into(),
            reason: "is no job's: the numbers of clusters are positive",
        });
    }
    Ok(match key.is_cluster() {
        true => key.cluster.to_string().into(),
        false => JobKey::new(key.cluster, key.proc).to_string().into(),
    })
}

/// The expression in parentheses, so that it is never taken for an option, and that nothing can be added to it.
pub(super) fn checked(expression: &str) -> Result<OsString, PoolError> {
    let refused = |reason| {
        Err(PoolError::Refused { what: "the constraint", text: expression.into(), reason })
    };
    if expression.trim().is_empty() {
        return refused("is empty: `true` is all jobs");
    }
    if expression.contains('\0') {
        return refused("has a NUL character, which no argument can have");
    }
    match is_balanced(expression) {
        true => Ok(format!("({expression})").into()),
        false => refused("has parentheses or quotes that don't match"),
    }
}

fn is_balanced(expression: &str) -> bool {
    let (mut open, mut quote, mut escaped) = (Vec::new(), None, false);
    for c in expression.chars() {
        if let Some(end) = quote {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == end => quote = None,
                _ => {}
            }
            continue;
        }
        match c {
            '"' | '\'' => quote = Some(c),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && quote.is_none()
}

impl From<JobKey> for Which {
    fn from(key: JobKey) -> Which {
        Which::keys([key])
    }
}

impl From<Vec<JobKey>> for Which {
    fn from(keys: Vec<JobKey>) -> Which {
        Which::keys(keys)
    }
}

impl From<&[JobKey]> for Which {
    fn from(keys: &[JobKey]) -> Which {
        Which::keys(keys.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(which: &Which) -> Vec<Vec<OsString>> {
        which.arguments().expect("they are fine")
    }

    #[test]
    fn keys_and_clusters_are_words_and_an_expression_is_one() {
        let keys = vec![JobKey::new(7, 0), JobKey::new(9, -1)];
        assert_eq!(words(&keys.into()), [["7.0", "9"]]);
        let which = Which::constraint("-1 < JobStatus");
        assert_eq!(words(&which), [["-constraint", "(-1 < JobStatus)"]]);
        let many = Which::keys((0..1001).map(|proc| JobKey::new(7, proc)));
        assert_eq!(words(&many).iter().map(Vec::len).collect::<Vec<_>>(), [500, 500, 1]);
        assert!(Which::keys([]).is_none());
    }

    #[test]
    fn what_would_be_something_else_is_refused() {
        for text in ["", " ", "a) || (true", "x == \"a", "f(x", "a\0b", "[1}"] {
            assert!(Which::constraint(text).arguments().is_err(), "{text:?}");
        }
        for text in [r#"x == "a) || (b\"""#, "member(1, {1, 2}) && a[0]", r"'odd ( name' == 1"] {
            assert!(Which::constraint(text).arguments().is_ok(), "{text:?}");
        }
        assert!(Which::cluster(-1).arguments().is_err());
    }
}
