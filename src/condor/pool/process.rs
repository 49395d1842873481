//! One run of a program: started, fed, listened to and reaped on a thread of its own, killed when it takes too long or nobody
//! wants it. Knows no HTCondor.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::base::{Clock, run_on_pool};

/// So much of what a program says of its failure is kept.
const STDERR: usize = 16 * 1024;

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Process {
    /// The program, and its arguments.
    pub(super) words: Vec<OsString>,
    pub(super) directory: Option<PathBuf>,
    pub(super) variables: Vec<(OsString, OsString)>,
    pub(super) stdin: Option<Vec<u8>>,
    /// So much may it print, in bytes.
    pub(super) most: usize,
}

/// What it has said.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Why there is nothing that it has said.
#[derive(Debug)]
pub(super) enum NotRun {
    NoThread(io::Error),
    NotStarted(io::Error),
    TimedOut,
    TooMuch,
    Lost,
}

impl Process {
    /// Runs it to its end, for `limit` at most. It is killed when the future is dropped.
    pub(super) async fn run(self, clock: &Clock, limit: Duration) -> Result<Printed, NotRun> {
        let group = Arc::new(Group::default());
        let _kill = KillOnDrop(group.clone());
        let (ended, end) = oneshot::channel();
        run_on_pool(move || drop(ended.send(self.serve(&group)))).map_err(NotRun::NoThread)?;
        let over = |end: Result<_, oneshot::Canceled>| end.unwrap_or(Err(NotRun::Lost));
        let Some(at) = clock.after(limit) else { return over(end.await) };
        match select(end, pin!(clock.sleep_until(at))).await {
            Either::Left((end, _)) => over(end),
            Either::Right(_) => Err(NotRun::TimedOut),
        }
    }

    /// On the thread that owns the program: it alone starts and reaps it.
    fn serve(mut self, group: &Group) -> Result<Printed, NotRun> {
        let stdin = self.stdin.take();
        let mut child = self.start(stdin.is_some()).map_err(NotRun::NotStarted)?;
        group.started(Pid::from_child(&child));
        let listened = listen(&mut child, stdin, self.most);
        if !matches!(listened, Ok((_, true))) {
            group.kill();
        }
        let pid = Pid::from_child(&child);
        // Its number is its own until it is reaped, and nobody may signal it after that.
        let waited = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        group.ended();
        let status = child.wait();
        waited.map_err(|error| NotRun::NotStarted(error.into()))?;
        let (heard, whole) = listened.map_err(NotRun::NotStarted)?;
        if !whole {
            return Err(NotRun::TooMuch);
        }
        let status = status.map_err(NotRun::NotStarted)?;
        let stderr = heard.stderr.take(!status.success());
        Ok(Printed { status, stdout: heard.stdout, stderr })
    }

    fn start(&self, reads: bool) -> io::Result<Child> {
        let (program, arguments) = self.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(if reads { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(directory) = &self.directory {
            // The system would say only that something isn't there, which is taken for the program.
            if !directory.is_dir() {
                let folder = directory.display();
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    format!("{folder} is no folder here, where it was to run"),
                ));
            }
            command.current_dir(directory);
        }
        command.spawn()
    }
}

struct Heard {
    stdout: Vec<u8>,
    stderr: Complaints,
}

/// Reads what the program prints until it prints no more; whether that is all of it.
fn listen(child: &mut Child, stdin: Option<Vec<u8>>, most: usize) -> io::Result<(Heard, bool)> {
    let stderr = Complaints::default();
    if let Some(pipe) = child.stderr.take() {
        let complaints = stderr.clone();
        run_on_pool(move || complaints.listen(pipe))?;
    }
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // A program need not read what it is given: its end says whether it was content.
        run_on_pool(move || drop(pipe.write_all(&text)))?;
    }
    let mut stdout = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        pipe.take(limit).read_to_end(&mut stdout)?;
    }
    let whole = stdout.len() <= most;
    Ok((Heard { stdout, stderr }, whole))
}

/// What a program prints to its standard error. Others may keep that open when the program has ended (an `ssh` that stays for
/// others to share, for one), so that its end is only waited for where what it says is wanted.
#[derive(Clone, Default)]
struct Complaints(Arc<Complained>);

#[derive(Default)]
struct Complained {
    state: Mutex<Text>,
    all: Condvar,
}

#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    is_all: bool,
}

impl Complaints {
    fn listen(self, mut pipe: impl Read) {
        let mut buffer = [0; 4096];
        loop {
            let read = pipe.read(&mut buffer);
            let mut state = self.0.state.lock();
            match read {
                Ok(read) if read > 0 => {
                    let room = STDERR.saturating_sub(state.bytes.len());
                    state.bytes.extend_from_slice(&buffer[..read.min(room)]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    state.is_all = true;
                    self.0.all.notify_all();
                    return;
                }
            }
        }
    }

    fn take(&self, all: bool) -> Vec<u8> {
        let mut state = self.0.state.lock();
        while all && !state.is_all {
            self.0.all.wait(&mut state);
        }
        std::mem::take(&mut state.bytes)
    }
}

/// The process group of the program, as others see it.
#[derive(Default)]
struct Group(Mutex<Leader>);

#[derive(Default)]
struct Leader {
    /// Until it may be reaped.
    pid: Option<Pid>,
    is_killed: bool,
}

impl Group {
    fn started(&self, leader: Pid) {
        let mut state = self.0.lock();
        state.pid = Some(leader);
        if state.is_killed {
            _ = kill_process_group(leader, Signal::KILL);
        }
    }

    fn kill(&self) {
        let mut state = self.0.lock();
        state.is_killed = true;
        if let Some(leader) = state.pid {
            // That it is gone already is no error.
            _ = kill_process_group(leader, Signal::KILL);
        }
    }

    /// It may be reaped from here on; what it has left in its group is killed.
    fn ended(&self) {
        let mut state = self.0.lock();
        if let Some(leader) = state.pid.take() {
            _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

struct KillOnDrop(Arc<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ManualClock, block_on};

    const LIMIT: Duration = Duration::from_secs(60);

    fn sh(script: &str) -> Process {
        Process {
            words: ["sh", "-c", script].map(OsString::from).to_vec(),
            directory: None,
            variables: Vec::new(),
            stdin: None,
            most: 1000,
        }
    }

    #[test]
    fn what_a_program_prints_and_how_it_ends_is_told() {
        let process = Process { stdin: Some(b"in".to_vec()), ..sh("cat; echo err >&2; exit 3") };
        let printed = block_on(process.run(&Clock::system(), LIMIT)).expect("it runs");
        assert_eq!(printed.status.code(), Some(3));
        assert_eq!((&*printed.stdout, &*printed.stderr), (&b"in"[..], &b"err\n"[..]));
    }

    #[test]
    fn a_program_that_prints_without_an_end_is_killed() {
        let ended = block_on(sh("yes").run(&Clock::system(), LIMIT));
        assert!(matches!(ended, Err(NotRun::TooMuch)), "{ended:?}");
        let whole = block_on(sh("head -c 1000 /dev/zero").run(&Clock::system(), LIMIT));
        assert_eq!(whole.map(|printed| printed.stdout.len()).ok(), Some(1000));
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_what_it_has_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("held");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).expect("a pipe");
        let manual = ManualClock::new();
        let clock = manual.clock();
        let script = format!("exec 3>{}; echo . >&3; sleep 1000 & wait", fifo.display());
        let waiting = std::thread::spawn(move || block_on(sh(&script).run(&clock, LIMIT)));
        let mut held = std::fs::File::open(&fifo).expect("it is there");
        held.read_exact(&mut [0; 2]).expect("the program has begun");
        manual.advance(LIMIT);
        let ended = waiting.join().expect("no panic");
        assert!(matches!(ended, Err(NotRun::TimedOut)), "{ended:?}");
        // All who could write to it are gone.
        assert_eq!(held.read(&mut [0]).expect("the end"), 0);
    }

    #[test]
    fn who_keeps_its_standard_error_open_keeps_nobody_waiting() {
        let process = sh("setsid sh -c 'exec sleep 1000' >/dev/null & echo $!");
        let printed = block_on(process.run(&Clock::system(), LIMIT)).expect("it runs");
        let text = String::from_utf8(printed.stdout).expect("a number");
        let pid = text.trim().parse().ok().and_then(Pid::from_raw).expect("a number");
        _ = rustix::process::kill_process(pid, Signal::KILL);
    }

    #[test]
    fn what_is_not_there_is_not_started() {
        let process = Process { words: vec!["/nonexistent/tool".into()], ..sh("") };
        let ended = block_on(process.run(&Clock::system(), LIMIT));
        assert!(matches!(ended, Err(NotRun::NotStarted(_))), "{ended:?}");
        let process = Process { directory: Some("/nonexistent".into()), ..sh("") };
        let ended = block_on(process.run(&Clock::system(), LIMIT));
        let Err(NotRun::NotStarted(error)) = ended else { panic!("{ended:?}") };
        assert!(error.to_string().contains("/nonexistent is no folder"), "{error}");
        assert_ne!(error.kind(), io::ErrorKind::NotFound, "the program is there");
    }
}
