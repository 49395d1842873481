//! A descriptor that becomes readable once a process has ended, to be polled with others. Reaps nothing.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::Pid;

/// Such a descriptor for `process`, which is a child that is not reaped.
pub(super) fn exit_of(process: Pid) -> io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open};
        if let Ok(exit) = pidfd_open(process, PidfdFlags::empty()) {
            return Ok(exit);
        }
    }
    by_thread(process)
}

/// The same on systems without process descriptors: a thread waits.
fn by_thread(process: Pid) -> io::Result<OwnedFd> {
    use rustix::io::Errno;
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let (exit, waiting) = io::pipe()?;
    crate::base::run_on_pool(move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(process), options), Err(Errno::INTR)) {}
        // Written and not only closed: a child that is being started may hold this end as well.
        let _ = io::Write::write_all(&mut &waiting, b"\n");
    })?;
    Ok(exit.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_thread_tells_the_end_and_leaves_the_reaping() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat runs");
        let exit = by_thread(Pid::from_child(&child)).expect("a thread");
        drop(child.stdin.take());
        let mut told = [0];
        std::fs::File::from(exit).read_exact(&mut told).expect("the end is told");
        assert!(child.wait().expect("it is not reaped").success());
    }
}
