//! One attempt, from the first process to the reaping of the last, on the thread that owns it (C3). Knows no job.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use super::builder::{Command, Stdin};
use super::exit::exit_of;
use super::group::Group;
use super::pump::{Input, Output, Pump, Reports};
use super::watchdog::Watchdog;
use super::{CommandFailed, CommandNotStarted, CommandOutput, OutputStream};
use crate::job::TaskError;
use crate::meter::Progress;
use crate::model::Canceled;

/// The variable by which a program finds the file to report progress to.
const VARIABLE: &str = "MILEPOST_PROGRESS";

pub(super) struct Attempt {
    pub(super) command: Command,
    pub(super) group: Arc<Group>,
    pub(super) progress: Progress,
    pub(super) number: u32,
}

impl Attempt {
    /// Runs the program to its end. Nothing of it is left when this returns, nor if it panics.
    pub(super) fn run(self) -> Result<CommandOutput, TaskError> {
        let stdin = self.stdin()?;
        let directory = self.directory().map_err(CommandNotStarted::into_task_error)?;
        let path = unused_path();
        let watchdog = Watchdog::start(&path)
            .map_err(CommandNotStarted::system("start a watchdog by /bin/sh"))?;
        let refused = CommandNotStarted::system("make a temporary file for progress");
        let place = Place::create(path).map_err(&refused)?;
        let path = place.0.join("progress");
        let file = make_fifo(&path).map_err(&refused)?;
        if self.group.is_asked_to_end() {
            return Err(Canceled.into());
        }
        let child = self.prepare(stdin, &path, &watchdog).spawn().map_err(|error| {
            CommandNotStarted::of_spawn(Path::new(&self.command.program), &directory, error)
                .into_task_error()
        })?;
        let mut program = Program::new(child, &watchdog, self.group.clone());
        let moved = self.pump(&mut program.child, file).and_then(|mut pump| {
            pump.until_exit()?;
            Ok(pump)
        });
        // Before the watchdog goes, which would have seen to it.
        drop(place);
        // Without the means to listen to it, the program is killed.
        let ended = program.end();
        let failed = CommandNotStarted::system("listen to the program");
        let (stdout, stderr) = moved.map_err(&failed)?.finish();
        let status = ended.map_err(&failed)?;
        if status.success() {
            return Ok(CommandOutput { stdout, stderr });
        }
        Err(CommandFailed {
            program: self.command.program.to_string_lossy().into(),
            code: status.code(),
            signal: status.signal(),
            stdout,
            stderr,
        }
        .into())
    }

    /// What the program's standard input is made of.
    fn stdin(&self) -> Result<Stdio, TaskError> {
        match &self.command.stdin {
            Stdin::Nothing => Ok(Stdio::null()),
            Stdin::Bytes(_) => Ok(Stdio::piped()),
            Stdin::File(path) => File::open(path).map(Stdio::from).map_err(|error| {
                CommandNotStarted::Stdin { file: path.clone(), error }.into_task_error()
            }),
        }
    }

    /// The directory that the program is to run in. It is looked at first: when a program can't be started, the system
    /// doesn't say which of the two is missing.
    fn directory(&self) -> Result<PathBuf, CommandNotStarted> {
        let Some(directory) = &self.command.directory else { return Ok(PathBuf::from(".")) };
        match fs::metadata(directory) {
            Ok(metadata) if metadata.is_dir() => Ok(directory.clone()),
            other => {
                let (directory, exists) = (directory.clone(), other.is_ok());
                Err(CommandNotStarted::NoSuchDirectory { directory, exists })
            }
        }
    }

    fn prepare(&self, stdin: Stdio, progress: &Path, watchdog: &Watchdog) -> process::Command {
        let mut command = process::Command::new(&self.command.program);
        command.args(&self.command.arguments);
        if self.command.clears {
            command.env_clear();
        }
        for (name, value) in &self.command.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &self.command.directory {
            command.current_dir(directory);
        }
        command
            .env(VARIABLE, progress)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(watchdog.pid().as_raw_nonzero().get());
        command
    }

    fn pump(&self, child: &mut Child, file: OwnedFd) -> io::Result<Pump> {
        let command = &self.command;
        let progress = || self.progress.clone();
        let bytes = match &command.stdin {
            Stdin::Bytes(bytes) => bytes.clone(),
            _ => Arc::default(),
        };
        let output = |stream| (stream, self.number);
        Ok(Pump {
            exit: exit_of(Pid::from_child(child))?,
            reports: Reports::new(file, progress()),
            stdout: Output::new(
                child.stdout.take(),
                output(OutputStream::Stdout),
                command.capture,
                progress(),
                &command.lines,
            )?,
            stderr: Output::new(
                child.stderr.take(),
                output(OutputStream::Stderr),
                command.capture,
                progress(),
                &command.lines,
            )?,
            stdin: Input::new(child.stdin.take(), bytes)?,
        })
    }
}

/// A directory of the attempt's own, in which only this user's programs come; removed when it is dropped. The watchdog
/// knows its name before it is made, and is there until it is removed.
struct Place(PathBuf);

fn unused_path() -> PathBuf {
    std::env::temp_dir().join(format!("milepost-{}", uuid::Uuid::now_v7()))
}

impl Place {
    fn create(path: PathBuf) -> io::Result<Place> {
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Place(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The program may have removed it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a pipe with a name, and opens both its ends: so it is never without a reader, nor without a writer.
fn make_fifo(path: &Path) -> io::Result<OwnedFd> {
    #[cfg(not(target_vendor = "apple"))]
    rustix::fs::mkfifoat(rustix::fs::CWD, path, Mode::RUSR | Mode::WUSR)?;
    #[cfg(target_vendor = "apple")]
    if !process::Command::new("/usr/bin/mkfifo").arg(path).status()?.success() {
        return Err(io::Error::other("mkfifo failed"));
    }
    Ok(rustix::fs::open(path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}

/// A program that was started. Dropping it kills what is left of its group, and reaps it.
struct Program {
    child: Child,
    group: Arc<Group>,
}

impl Program {
    fn new(child: Child, watchdog: &Watchdog, group: Arc<Group>) -> Program {
        group.started(watchdog.pid(), Pid::from_child(&child));
        Program { child, group }
    }

    /// Kills what is left and waits for the program, which has ended or is about to.
    fn end(&mut self) -> io::Result<ExitStatus> {
        self.group.end();
        self.child.wait()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "a command's program could not be waited for");
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn the_progress_file_does_not_end_when_programs_close_it() {
        let place = Place::create(unused_path()).expect("a new directory");
        let path = place.0.join("progress");
        let file = make_fifo(&path).expect("a new file");
        for _ in 0..2 {
            drop(File::options().write(true).open(&path).expect("it has a reader"));
            // The end of the file would be readable at once, for ever.
            assert_eq!(rustix::io::read(&file, &mut [0; 8]), Err(Errno::AGAIN));
        }
        let made = place.0.clone();
        drop(place);
        assert!(!made.exists());
    }
}
