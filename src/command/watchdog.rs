//! The leader of an attempt's process group: a small shell that waits for this process to go, however it goes, and then
//! kills the group. Knows nothing of the program that it guards.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Pid;

/// It says that it is ready, and reads. There is nothing to read: the end comes when the other end of the pipe is closed
/// everywhere, which the system does for a process that ends. Children that were forked and have not become programs
/// yet hold that end as well, and have joined their groups before they let go of it (C1).
///
/// The signals are those that a program sends to its group, or that are sent to the group to end it or to stop it.
const SCRIPT: &str = "\
trap '' HUP INT QUIT USR1 USR2 PIPE ALRM TERM TSTP TTIN TTOU
trap 'kill -9 0' EXIT
echo
read -r end
rm -rf -- \"$1\"";

/// A watchdog that runs; dropping it kills it and waits for it. It holds neither the outputs nor the progress file of the
/// program, nor a directory that somebody may want to remove.
pub(super) struct Watchdog {
    process: Child,
}

impl Watchdog {
    /// Starts one that also removes `directory` when this process is gone.
    pub(super) fn start(directory: &Path) -> io::Result<Watchdog> {
        let process = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "milepost-watchdog"])
            .arg(directory)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let mut watchdog = Watchdog { process };
        // From here on it ignores the signals that a group may get.
        let ready = watchdog.process.stdout.take();
        ready.map_or(Ok(()), |mut ready| ready.read_exact(&mut [0]))?;
        Ok(watchdog)
    }

    /// The group's number, and the process's.
    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        let _ = self.process.kill();
        if let Err(error) = self.process.wait() {
            tracing::warn!(%error, "the watchdog of a command could not be waited for");
        }
    }
}
