//! The process group of an attempt as others see it: whoever wants something of it asks here, from any thread. Knows not
//! how it came about.

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};

/// Passes signals on to an attempt's processes while there are any (C2), and remembers what was asked before there were.
#[derive(Default)]
pub(super) struct Group(Mutex<State>);

#[derive(Default)]
struct State {
    processes: Option<Processes>,
    asked: Option<Asked>,
    stopped: bool,
}

/// Neither is reaped while they are known here.
struct Processes {
    leader: Pid,
    program: Pid,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Terminate,
    Kill,
}

impl Group {
    /// The program runs, in the group of `leader`. Whatever was asked for before is done now.
    pub(super) fn started(&self, leader: Pid, program: Pid) {
        let mut state = self.0.lock();
        state.processes = Some(Processes { leader, program });
        match state.asked {
            Some(Asked::Terminate) => state.signal(Signal::TERM),
            Some(Asked::Kill) => state.signal(Signal::KILL),
            None if state.stopped => state.stop(),
            None => {}
        }
    }

    /// Whether it was asked to end: then there is no point in starting a program.
    pub(super) fn is_asked_to_end(&self) -> bool {
        self.0.lock().asked.is_some()
    }

    /// Asks the processes to end.
    pub(super) fn terminate(&self) {
        let mut state = self.0.lock();
        if state.asked.is_none() {
            state.asked = Some(Asked::Terminate);
            state.signal(Signal::TERM);
            state.go_on();
        }
    }

    /// Kills the processes.
    pub(super) fn kill(&self) {
        let mut state = self.0.lock();
        state.asked = Some(Asked::Kill);
        state.signal(Signal::KILL);
    }

    /// Stops the processes, but for the leader, which is to guard them on.
    pub(super) fn stop(&self) {
        let mut state = self.0.lock();
        if state.asked.is_none() {
            state.stopped = true;
            state.stop();
        }
    }

    /// Lets stopped processes go on.
    pub(super) fn resume(&self) {
        self.0.lock().go_on();
    }

    /// Kills all that is left; from then on no signal is sent, and the processes may be reaped.
    pub(super) fn end(&self) {
        let mut state = self.0.lock();
        state.signal(Signal::KILL);
        state.processes = None;
    }
}

impl State {
    fn stop(&self) {
        self.signal(Signal::STOP);
        if let Some(processes) = &self.processes {
            let _ = kill_process(processes.leader, Signal::CONT);
        }
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.stopped) {
            self.signal(Signal::CONT);
        }
    }

    /// Signals the group, and a program that has left it. That a process is gone already is no error.
    fn signal(&self, signal: Signal) {
        let Some(Processes { leader, program }) = self.processes else { return };
        let _ = kill_process_group(leader, signal);
        match getpgid(Some(program)) {
            Ok(group) if group == leader => {}
            // It has made a group or a session of its own.
            Ok(group) if group == program => drop(kill_process_group(group, signal)),
            _ => drop(kill_process(program, signal)),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, Stdio};

    use rustix::process::{WaitId, WaitIdOptions, waitid};

    use super::*;
    use crate::command::watchdog::Watchdog;

    /// A shell in a guarded group, that is about to wait.
    fn start(group: &Group, script: &str) -> (Watchdog, Child) {
        let watchdog = Watchdog::start("/nonexistent".as_ref()).expect("a watchdog");
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdout(Stdio::piped())
            .process_group(watchdog.pid().as_raw_nonzero().get())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut line).expect("a line");
        group.started(watchdog.pid(), Pid::from_child(&child));
        (watchdog, child)
    }

    fn wait(process: Pid, what: WaitIdOptions) {
        waitid(WaitId::Pid(process), what | WaitIdOptions::NOWAIT).expect("a child");
    }

    fn state(process: Pid) -> char {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it is there");
        let (_, rest) = stat.rsplit_once(") ").expect("the format is known");
        rest.chars().next().expect("the format is known")
    }

    const SCRIPT: &str = "trap 'exit 7' TERM; echo; while :; do sleep 1000 & wait; done";

    #[test]
    fn a_stopped_group_is_guarded_and_goes_on() {
        let group = Group::default();
        let (watchdog, mut child) = start(&group, SCRIPT);
        let program = Pid::from_child(&child);
        group.stop();
        wait(program, WaitIdOptions::STOPPED);
        assert_eq!(state(program), 'T');
        assert_ne!(state(watchdog.pid()), 'T');
        group.resume();
        wait(program, WaitIdOptions::CONTINUED);
        assert_ne!(state(program), 'T');
        group.terminate();
        assert_eq!(child.wait().expect("a child").code(), Some(7));
        group.end();
    }

    #[test]
    fn a_stopped_program_can_react_to_the_request_to_end() {
        let group = Group::default();
        let (_watchdog, mut child) = start(&group, SCRIPT);
        group.stop();
        wait(Pid::from_child(&child), WaitIdOptions::STOPPED);
        group.terminate();
        assert_eq!(child.wait().expect("a child").code(), Some(7));
        group.end();
    }

    #[test]
    fn what_was_asked_for_before_is_done_at_the_start() {
        let group = Group::default();
        group.terminate();
        assert!(group.is_asked_to_end());
        let (_watchdog, mut child) = start(&group, SCRIPT);
        assert_eq!(child.wait().expect("a child").code(), Some(7));
        group.end();
        let group = Group::default();
        group.kill();
        let (_watchdog, mut child) = start(&group, SCRIPT);
        assert_eq!(child.wait().expect("a child").signal(), Some(9));
        group.end();
        let group = Group::default();
        group.stop();
        let (_watchdog, mut child) = start(&group, SCRIPT);
        wait(Pid::from_child(&child), WaitIdOptions::STOPPED);
        group.terminate();
        assert_eq!(child.wait().expect("a child").code(), Some(7));
        group.end();
    }
}
