//! What a command's task returns: the ends of its outputs. Plain data.

use std::borrow::Cow;
use std::fmt;

/// What a program that ran well has printed.
///
/// ```
/// use milepost::{Command, Job, LocalScheduler};
///
/// let job = Job::new("greetings");
/// let hello = job.add_task(Command::new("printf").arg("hello"))?;
/// job.submit(&LocalScheduler::new(1)?)?;
/// assert_eq!(hello.output()?.stdout.text(), "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandOutput {
    /// What it wrote to its standard output.
    pub stdout: Captured,
    /// What it wrote to its standard error.
    pub stderr: Captured,
}

/// The end of what a program wrote, as much of it as [`Command::capture`](crate::Command::capture) keeps, without the
/// terminal's sequences for progress.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// The last bytes.
    pub bytes: Vec<u8>,
    /// How many bytes came before them and were not kept.
    pub cut: u64,
}

impl Captured {
    /// The last bytes as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("text", &self.text()).field("cut", &self.cut).finish()
    }
}
