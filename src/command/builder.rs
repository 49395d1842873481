//! [`Command`]: which program to run, and how. Runs nothing.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Lines;
use super::lines::{LineWriter, lines};
use crate::job::Task;

/// How much of the end of each output is kept unless said.
const CAPTURE: usize = 64 * 1024;

/// A program to run as a [task](Task), as often as it takes.
///
/// The task completes if the program exits with 0, and its output is the [end of what it printed](crate::CommandOutput);
/// else it fails, with [`CommandFailed`](crate::CommandFailed) as its error, or with
/// [`CommandNotStarted`](crate::CommandNotStarted).
///
/// - **Progress.** A program that knows of it writes lines such as `progress 3` to the file that the variable
///   `MILEPOST_PROGRESS` names. One that draws a progress bar in the terminal's own way (the sequence `ESC ] 9 ; 4`), as cargo
///   does if told so, needs no change. Both are described in `docs/commands.md`.
/// - **No process stays behind.** Each attempt has a process group of its own. When the program has ended, the rest of its
///   group is killed. If this process goes, by whatever way, the group is killed too, by a small shell that watches. Only what
///   leaves the group, by a session or a group of its own, escapes.
/// - **Cancelling** sends SIGTERM to the group. What is still there after the job's [grace
///   period](crate::JobBuilder::grace), or when a timeout is over, is killed by SIGKILL. A program that exits with 0 when it is asked
///   to end has completed.
/// - **Suspending** stops the group by SIGSTOP, at once; SIGCONT has it go on.
/// - **Holding and vacating** ask as cancelling does, and then the program is run anew, also if it exits with 0 after SIGTERM:
///   nobody knows whether it was through.
/// - **Output** is read as it comes, however much it is, and costs bounded memory.
///
/// It needs no runtime: each attempt that runs takes a thread of the crate's own pool.
///
/// ```
/// use std::time::Duration;
/// use milepost::{Command, Job, LocalScheduler, Retry};
///
/// let job = Job::new("release");
/// job.add_task(Command::new("sh").args(["-c", "echo built"]))?;
/// let sorted = job
///     .task("sort")
///     .timeout(Duration::from_secs(60))
///     .retry(Retry::attempts(2))
///     .add_task(Command::new("sort").stdin("b\na\n").env("LC_ALL", "C"))?;
/// job.submit(&LocalScheduler::new(2)?)?;
/// job.wait_until_done().blocking()?.ok()?;
/// assert_eq!(sorted.output()?.stdout.text(), "a\nb\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "a command does nothing until it is added to a job"]
pub struct Command {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    /// Whether it starts without this process's variables.
    pub(super) clears: bool,
    /// Variables that are set, or removed, in this order.
    pub(super) variables: Vec<(OsString, Option<OsString>)>,
    pub(super) directory: Option<PathBuf>,
    pub(super) stdin: Stdin,
    pub(super) capture: usize,
    pub(super) lines: Vec<Arc<LineWriter>>,
}

/// What a program gets to read.
#[derive(Clone)]
pub(super) enum Stdin {
    Nothing,
    Bytes(Arc<[u8]>),
    File(PathBuf),
}

impl Command {
    /// A program by its path, or by its name on the `PATH`. There is no shell in between: arguments are passed as they are.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            clears: false,
            variables: Vec::new(),
            directory: None,
            stdin: Stdin::Nothing,
            capture: CAPTURE,
            lines: Vec::new(),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Command {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        self.arguments.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the program's environment. `MILEPOST_PROGRESS` is set by the task.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Command {
        self.variables.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Sets variables of the program's environment.
    pub fn envs(
        self,
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Command {
        variables.into_iter().fold(self, |command, (name, value)| command.env(name, value))
    }

    /// Has the program run without a variable that this process has, or that was set before.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Command {
        self.variables.push((name.as_ref().to_owned(), None));
        self
    }

    /// Has the program run without any of this process's variables, nor those that were set before. Without a `PATH`, the
    /// system's own is searched.
    pub fn env_clear(mut self) -> Command {
        self.clears = true;
        self.variables.clear();
        self
    }

    /// Runs the program in `directory`; in this process's own unless said. Give a program that is not on the `PATH` by its
    /// absolute path then.
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Command {
        self.directory = Some(directory.into());
        self
    }

    /// What the program reads from its standard input, in each attempt; it need not read it. Nothing unless said.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.stdin = Stdin::Bytes(bytes.into().into());
        self
    }

    /// Has the program read `file`, which is opened anew for each attempt, from its standard input.
    pub fn stdin_file(mut self, file: impl Into<PathBuf>) -> Command {
        self.stdin = Stdin::File(file.into());
        self
    }

    /// How much of the end of each output is kept, in bytes; 64 KiB unless said. It takes up to twice the memory while the
    /// program runs.
    pub fn capture(mut self, bytes: usize) -> Command {
        self.capture = bytes;
        self
    }

    /// The lines that the program prints from now on, as they come, in all attempts. Each call makes another reader, of all
    /// that this command and its later clones print.
    pub fn lines(&mut self) -> Lines {
        let (writer, lines) = lines();
        self.lines.push(Arc::new(writer));
        lines
    }
}

/// The program and its arguments; no variables, which may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Command").field(&self.name()).finish()
    }
}
