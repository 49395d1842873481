//! [`TaskError`]: what task code returns. Knows no task.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::base::contain;
use crate::model::{Failure, FailureKind};

/// The error of a task's code, made from any error by `?`.
///
/// ```
/// use milepost::TaskError;
///
/// fn parse(text: &str) -> Result<u32, TaskError> {
///     if text.is_empty() {
///         return Err(TaskError::msg("nothing to parse"));
///     }
///     Ok(text.trim().parse()?) // ParseIntError
/// }
/// assert_eq!(parse("").unwrap_err().to_string(), "nothing to parse");
/// assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
pub struct TaskError {
    error: Arc<dyn Error + Send + Sync>,
    permanent: bool,
    retry_after: Option<Duration>,
}

impl TaskError {
    /// An error that is only a message.
    pub fn msg(message: impl fmt::Display) -> TaskError {
        TaskError::new(Message(message.to_string()))
    }

    /// An error that another attempt would meet again: the task is not retried.
    pub fn permanent(error: impl Into<Box<dyn Error + Send + Sync>>) -> TaskError {
        TaskError { error: Arc::from(error.into()), permanent: true, retry_after: None }
    }

    /// Has the next attempt, if there is one, follow after `delay`, whatever the [policy](crate::Retry) says.
    pub fn retry_after(mut self, delay: Duration) -> TaskError {
        self.retry_after = Some(delay);
        self
    }

    fn new(error: impl Error + Send + Sync + 'static) -> TaskError {
        TaskError { error: Arc::new(error), permanent: false, retry_after: None }
    }

    /// The error that it was made from.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// Whether another attempt may follow, and after which time. Runs the error's own code, contained: not to be called
    /// in a critical section.
    pub(crate) fn into_parts(self) -> (Failure, bool, Option<Duration>) {
        let TaskError { error, permanent, retry_after } = self;
        let failure =
            contain("the display of a task's error", || Failure::of(FailureKind::Failed, error));
        let unreadable = || Failure::new(FailureKind::Failed, "an error that can't be displayed");
        (failure.unwrap_or_else(unreadable), !permanent, retry_after)
    }
}

// `TaskError` is no `Error` itself: else this would cover it too, as `From<T> for T` does.
impl<E: Error + Send + Sync + 'static> From<E> for TaskError {
    fn from(error: E) -> TaskError {
        TaskError::new(error)
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

#[derive(Debug)]
struct Message(String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}
