//! Programs as tasks: what they get, what they print, what they report, and how they end. No runtime is involved.

#![cfg(all(unix, feature = "command"))]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use common::{ms, within};
use milepost::{
    Command, CommandFailed, CommandNotStarted, CommandOutput, Failure, FailureKind, Job, Line,
    Lines, OutputStream, Retry, Scheduler, TaskHandle, TaskQueue, TaskSnapshot, TaskState,
};

/// Runs each task on a thread of its own.
#[derive(Clone)]
struct Threads;

impl Scheduler for Threads {
    fn ready(&self, queue: TaskQueue) {
        while let Some(run) = queue.next() {
            std::thread::spawn(move || run.run_blocking());
        }
    }
}

fn sh(script: &str) -> Command {
    Command::new("/bin/sh").args(["-c", script])
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Runs the job's only task to its end.
fn end(job: &Job) -> TaskSnapshot {
    job.submit(&Threads).expect("a new job");
    let job = job.clone();
    within(move || {
        job.wait_until_done().blocking().expect("another thread runs it");
        job.snapshot().tasks.remove(0)
    })
}

/// What a command prints that ends well.
fn output(command: Command) -> Arc<CommandOutput> {
    let job = Job::new("job");
    let task = job.add_task(command).expect("a new job");
    let snapshot = end(&job);
    assert_eq!(snapshot.state, TaskState::Completed, "{:?}", snapshot.error);
    task.output().expect("it completed")
}

fn stdout(command: Command) -> String {
    output(command).stdout.text().into_owned()
}

/// How a command fails that is tried twice at most; and in which attempt.
fn failure(command: Command) -> (Arc<Failure>, u32) {
    let job = Job::new("job");
    job.task("task").retry(Retry::attempts(2)).add_task(command).expect("a new job");
    let snapshot = end(&job);
    assert_eq!(snapshot.state, TaskState::Failed);
    (snapshot.error.expect("it failed"), snapshot.attempt)
}

fn rest(mut lines: Lines) -> Vec<Line> {
    within(move || std::iter::from_fn(|| lines.blocking_next()).collect())
}

/// Starts a command that prints `ready` first, and waits for that.
fn ready(job: &Job, mut command: Command) -> (TaskHandle<CommandOutput>, Lines) {
    let mut lines = command.lines();
    let task = job.add_task(command).expect("a new job");
    job.submit(&Threads).expect("a new job");
    let (line, lines) = within(move || (lines.blocking_next(), lines));
    assert_eq!(line.expect("it prints").text, "ready");
    (task, lines)
}

#[test]
fn both_outputs_are_kept() {
    let output = output(sh("echo out; echo err >&2"));
    assert_eq!((&*output.stdout.text(), &*output.stderr.text()), ("out\n", "err\n"));
    assert_eq!((output.stdout.cut, output.stderr.cut), (0, 0));
}

#[test]
fn as_much_of_the_end_is_kept_as_was_asked_for() {
    let output = output(sh("printf 0123456789; printf ab >&2").capture(4));
    assert_eq!((&*output.stdout.text(), output.stdout.cut), ("6789", 6));
    assert_eq!((&*output.stderr.text(), output.stderr.cut), ("ab", 0));
}

#[test]
fn names_are_the_words_unless_said() {
    let job = Job::new("job");
    job.add_task(Command::new("cargo").args(["build", "--release"])).unwrap();
    job.task("build").add_task(Command::new("make")).unwrap();
    let names: Vec<_> = job.snapshot().tasks.iter().map(|task| task.name.to_string()).collect();
    assert_eq!(names, ["cargo build --release", "build"]);
}

#[test]
fn options_are_said_beside_a_task() {
    let job = Job::new("job");
    job.task("build").unit("steps").add_task(Command::new("make")).unwrap();
    assert_eq!(&*job.progress().unit, "steps");
}

#[test]
fn another_code_than_0_is_a_failure() {
    let (failure, attempt) = failure(sh("echo one >&2; echo two >&2; echo >&2; exit 3"));
    assert_eq!(failure.to_string(), "\"/bin/sh\" exited with code 3: two");
    let error = failure.error().unwrap().downcast_ref::<CommandFailed>().unwrap();
    assert_eq!((error.code, error.signal), (Some(3), None));
    assert_eq!(error.stderr.text(), "one\ntwo\n\n");
    assert_eq!(attempt, 2, "it may be tried again");
}

#[test]
fn a_signal_is_a_failure() {
    let (failure, _) = failure(sh("kill -KILL $$"));
    assert_eq!(failure.to_string(), "\"/bin/sh\" was killed by signal 9 (SIGKILL)");
    let error = failure.error().unwrap().downcast_ref::<CommandFailed>().unwrap();
    assert_eq!((error.code, error.signal), (None, Some(9)));
}

#[test]
fn a_program_that_ends_its_own_group_ends_by_the_signal() {
    let (failure, _) = failure(sh("kill -TERM 0; echo >&2 survived"));
    assert_eq!(failure.to_string(), "\"/bin/sh\" was killed by signal 15 (SIGTERM)");
}

#[test]
fn variables_are_set_and_removed() {
    let show = "echo ${A-none} ${B-none} ${HOME-none}";
    assert_eq!(stdout(sh(show).env("A", "1").envs([("B", "2")]).env_remove("HOME")), "1 2 none\n");
    assert_eq!(stdout(sh(show).env("A", "1").env_remove("A").env("B", "x y")), {
        let home = std::env::var("HOME").unwrap_or_else(|_| "none".into());
        format!("none x y {home}\n")
    });
    assert_eq!(stdout(sh(show).env("A", "1").env_clear().env("B", "2")), "none 2 none\n");
}

#[test]
fn it_runs_in_its_directory() {
    let directory = directory();
    let path = directory.path().canonicalize().unwrap();
    assert_eq!(stdout(sh("pwd -P").current_dir(&path)), format!("{}\n", path.display()));
}

#[test]
fn it_reads_what_it_is_given() {
    assert_eq!(stdout(Command::new("cat")), "");
    assert_eq!(stdout(Command::new("cat").stdin("a\0b")), "a\0b");
    assert_eq!(stdout(Command::new("cat").stdin("")), "");
    // More than any pipe holds, both ways at once.
    let bytes: Vec<u8> = (0..5_000_000u32).map(|n| n as u8).collect();
    let output = output(Command::new("cat").stdin(bytes.clone()).capture(usize::MAX));
    assert!(output.stdout.bytes == bytes && output.stdout.cut == 0);
}

#[test]
fn it_reads_a_file() {
    let directory = directory();
    let file = directory.path().join("in");
    fs::write(&file, "from a file").unwrap();
    assert_eq!(stdout(Command::new("cat").stdin_file(&file)), "from a file");
    fs::remove_file(&file).unwrap();
    let (failure, attempt) = failure(Command::new("cat").stdin_file(&file));
    assert!(
        failure.message.starts_with(&format!("the file {file:?} can't be opened")),
        "{failure}"
    );
    assert_eq!(attempt, 1);
}

#[test]
fn input_that_is_not_read_is_no_error() {
    let bytes = vec![0; 5_000_000];
    assert_eq!(stdout(sh("echo done").stdin(bytes.clone())), "done\n");
    assert_eq!(stdout(sh("exec <&-; echo closed").stdin(bytes.clone())), "closed\n");
    assert_eq!(stdout(sh("head -c 3 | wc -c").stdin(bytes)).trim(), "3");
}

#[test]
fn lines_come_as_they_are_printed() {
    let job = Job::new("job");
    // It goes on only once its first line was read.
    let directory = directory();
    let gate = directory.path().join("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let (_, mut lines) =
        ready(&job, sh("echo ready; read go < gate; echo $go").current_dir(directory.path()));
    assert_eq!(lines.try_recv(), None);
    assert!(!lines.is_ended());
    fs::write(&gate, "gone\n").unwrap();
    let texts: Vec<String> = rest(lines).into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["gone"]);
}

#[test]
fn lines_tell_stream_and_attempt() {
    let mut command = sh("echo out; echo err >&2; printf 'no end'; exit 1");
    let mut lines = command.lines();
    let all = command.lines();
    let job = Job::new("job");
    job.task("task").retry(Retry::attempts(2)).add_task(command).unwrap();
    end(&job);
    let of = |lines: &[Line], wanted, attempt| -> Vec<String> {
        let is = |line: &&Line| line.stream == wanted && line.attempt == attempt;
        lines.iter().filter(is).map(|line| line.text.clone()).collect()
    };
    let told: Vec<Line> = within(move || std::iter::from_fn(|| lines.blocking_next()).collect());
    for attempt in [1, 2] {
        assert_eq!(of(&told, OutputStream::Stdout, attempt), ["out", "no end"]);
        assert_eq!(of(&told, OutputStream::Stderr, attempt), ["err"]);
    }
    assert_eq!((told.len(), told.iter().map(|line| line.missed).sum::<u64>()), (6, 0));
    assert_eq!(rest(all), told, "each reader gets all");
}

#[test]
fn lines_are_a_stream() {
    use futures::StreamExt;
    let mut command = sh("echo a; echo b");
    let lines = command.lines();
    output(command);
    let texts = futures::executor::block_on(lines.map(|line| line.text).collect::<Vec<_>>());
    assert_eq!(texts, ["a", "b"]);
}

#[test]
fn a_slow_reader_of_lines_holds_nobody_up() {
    let mut command = Command::new("seq").arg("1000000").capture(8);
    let mut lines = command.lines();
    assert_eq!(stdout(command), "1000000\n");
    let first = lines.try_recv().unwrap();
    assert!(first.missed > 0);
    assert_eq!(first.text, (first.missed + 1).to_string());
    assert_eq!(rest(lines).last().unwrap().text, "1000000");
}

/// Runs a program that ends well, and tells what was last reported.
fn reported(command: Command) -> TaskSnapshot {
    let job = Job::new("job");
    job.add_task(command).unwrap();
    let snapshot = end(&job);
    assert_eq!(snapshot.state, TaskState::Completed, "{:?}", snapshot.error);
    snapshot
}

#[test]
fn a_program_reports_to_the_progress_file() {
    let snapshot = reported(sh("echo total 10 > $MILEPOST_PROGRESS
        exec 3> $MILEPOST_PROGRESS
        echo unit files >&3
        echo 'message the second one' >&3
        echo progress 1.5 >&3
        echo advance 0.5 >&3
        printf 'advance 1\nprogress' >&3
        exec 3>&-
        printf ' 7\r\n' > $MILEPOST_PROGRESS
        printf 'advance 1' > $MILEPOST_PROGRESS"));
    assert_eq!((snapshot.progress, snapshot.total), (Some(8.0), Some(10.0)));
    assert_eq!(snapshot.unit.as_deref(), Some("files"));
    assert_eq!(snapshot.message.as_deref(), Some("the second one"));
}

#[test]
fn counts_are_counted() {
    let snapshot = reported(sh("for n in 1 2 3 4 5; do echo advance 2 > $MILEPOST_PROGRESS; done"));
    assert_eq!(snapshot.progress, Some(10.0));
}

#[test]
fn lines_that_are_no_reports_are_left_out() {
    let snapshot = reported(sh("exec 3> $MILEPOST_PROGRESS
        echo progress 4 >&3
        echo hello >&3
        echo progress many >&3
        printf 'message \\377\\n' >&3
        head -c 100000 /dev/zero >&3
        echo >&3
        echo total 5 >&3"));
    assert_eq!((snapshot.progress, snapshot.total), (Some(4.0), Some(5.0)));
    assert_eq!(snapshot.message, None);
}

#[test]
fn the_progress_file_is_private_and_goes() {
    let printed = stdout(sh("echo $MILEPOST_PROGRESS; ls -ld $(dirname $MILEPOST_PROGRESS)"));
    let (path, mode) = printed.split_once('\n').unwrap();
    assert!(mode.starts_with("drwx------"), "{mode}");
    let directory = Path::new(path).parent().unwrap();
    assert!(path.ends_with("/progress") && !directory.exists(), "{path}");
}

#[test]
fn a_program_reports_to_the_terminal() {
    let mut command = sh(
        "printf 'a\\033]9;4;1;3'; printf '0\\033\\\\b\\n' ; printf '\\033]9;4;3;\\007c\\033]9;4;0\\007' >&2
        printf '\\033[1mbold\\033]9;4;4;42\\007'",
    );
    let lines = command.lines();
    let job = Job::new("job");
    let task = job.add_task(command).unwrap();
    let snapshot = end(&job);
    assert_eq!((snapshot.progress, snapshot.total), (Some(42.0), Some(100.0)));
    let output = task.output().unwrap();
    assert_eq!((&*output.stdout.text(), &*output.stderr.text()), ("ab\n\x1b[1mbold", "c"));
    let mut texts: Vec<String> = rest(lines).into_iter().map(|line| line.text).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["\x1b[1mbold", "ab", "c"]);
}

#[test]
fn a_retry_starts_anew() {
    let directory = directory();
    let script = "echo attempt; test -e mark && exit 0; touch mark; echo progress 9 > $MILEPOST_PROGRESS; exit 1";
    let job = Job::new("job");
    let command = sh(script).current_dir(directory.path());
    let task = job.task("task").retry(Retry::attempts(3)).add_task(command).unwrap();
    let snapshot = end(&job);
    assert_eq!((snapshot.state, snapshot.attempt), (TaskState::Completed, 2));
    assert_eq!(snapshot.progress, None);
    assert_eq!(task.output().unwrap().stdout.text(), "attempt\n");
}

#[test]
fn canceling_asks_the_program_to_end() {
    let job = Job::new("job");
    let (_, lines) = ready(&job, sh("echo ready; sleep 1000"));
    job.cancel("enough");
    let job = within(move || job.wait_until_done().blocking().map(|_| job)).unwrap();
    let snapshot = job.snapshot().tasks.remove(0);
    assert_eq!(snapshot.state, TaskState::Canceled);
    assert_eq!(rest(lines), []);
}

#[test]
fn a_program_may_end_well_when_asked_to() {
    let job = Job::new("job");
    let script = "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let (task, _) = ready(&job, sh(script));
    job.cancel("enough");
    let output = within(move || task.output()).unwrap();
    assert_eq!(output.stdout.text(), "ready\nsaved\n");
}

#[test]
#[cfg(target_os = "linux")]
fn canceling_reaches_the_whole_group_and_what_left_it() {
    // The program makes a session of its own, as some do.
    let job = Job::new("job");
    let (_, lines) =
        ready(&job, Command::new("setsid").args(["sh", "-c", "echo ready; sleep 1000"]));
    job.cancel("enough");
    within(move || job.wait_until_done().blocking().map(drop)).unwrap();
    assert_eq!(rest(lines), []);
}

#[test]
fn canceling_at_once_starts_nothing_or_ends_it() {
    for _ in 0..20 {
        let job = Job::new("job");
        let mut command = sh("sleep 1000");
        let lines = command.lines();
        job.add_task(command).unwrap();
        job.submit(&Threads).unwrap();
        job.cancel("enough");
        let job = within(move || job.wait_until_done().blocking().map(|_| job)).unwrap();
        assert_eq!(job.snapshot().tasks[0].state, TaskState::Canceled);
        // Whatever thread runs it comes to an end.
        assert_eq!(rest(lines), []);
    }
}

/// A program that prints its process's number, and then others for as long as it runs.
fn counting(job: &Job) -> (TaskHandle<CommandOutput>, Lines) {
    // It starts no others: a shell that waits for one to begin, which is stopped, is not itself said to be.
    let script = "echo ready; echo $$; n=0
        while n=$((n + 1)); do if [ $((n % 20000)) = 0 ]; then echo $n; fi; done";
    ready(job, sh(script))
}

/// Whether a process stands still.
fn is_stopped(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it is there");
    stat.rsplit(") ").next().is_some_and(|fields| fields.starts_with('T'))
}

#[test]
#[cfg(target_os = "linux")]
fn a_suspended_program_stands_still_and_goes_on() {
    let job = Job::new("job");
    let mut changes = job.task_state_changed();
    let (task, mut lines) = counting(&job);
    let states = within(move || {
        let pid = lines.blocking_next().unwrap().text;
        task.suspend("").unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        while !is_stopped(&pid) {
            std::thread::yield_now();
        }
        task.resume("").unwrap();
        let resumed = changes.blocking_next().unwrap().to;
        while is_stopped(&pid) {
            std::thread::yield_now();
        }
        while lines.try_recv().is_some() {}
        let again = lines.blocking_next().is_some();
        task.cancel("enough");
        (resumed, again, task.output().unwrap_err().state)
    });
    assert_eq!(states, (TaskState::Running, true, TaskState::Canceled));
}

#[test]
fn a_program_that_was_suspended_before_it_began_does_not() {
    let directory = directory();
    let file = directory.path().join("touched");
    let job = Job::new("job");
    let mut changes = job.task_state_changed();
    let task = job.add_task(Command::new("touch").arg(&file)).unwrap();
    task.suspend("").unwrap();
    job.submit(&Threads).unwrap();
    let (task, file) = within(move || {
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        assert!(!file.exists());
        task.resume("").unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Completed {}
        (task, file)
    });
    assert!(file.exists() && task.state().is_success());
}

#[test]
fn a_program_that_obeys_a_hold_runs_anew() {
    let job = Job::new("job");
    let mut changes = job.task_state_changed();
    let script = "trap 'exit 0' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let (task, _lines) = ready(&job, sh(script));
    let states = within(move || {
        task.hold("").unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Held {}
        let held = (task.state(), task.snapshot().unwrap().attempt);
        task.cancel("enough");
        held
    });
    assert_eq!(states, (TaskState::Held, 2));
}

#[test]
fn a_suspended_program_can_be_canceled() {
    let job = Job::builder("job").grace(ms(60_000)).build().unwrap();
    let mut changes = job.task_state_changed();
    let (task, _lines) = counting(&job);
    let state = within(move || {
        task.suspend("").unwrap();
        while changes.blocking_next().unwrap().to != TaskState::Suspended {}
        task.cancel("enough");
        task.output().unwrap_err().state
    });
    assert_eq!(state, TaskState::Canceled, "SIGTERM is heard by a program that stood still");
}

#[test]
fn how_a_program_ended_is_noted() {
    let job = Job::new("job");
    for script in ["exit 0", "exit 3", "kill -9 $$"] {
        job.add_task(sh(script)).unwrap();
    }
    job.submit(&Threads).unwrap();
    let snapshot = within(move || {
        job.wait_until_done().blocking().unwrap();
        job.snapshot()
    });
    let noted: Vec<_> = snapshot
        .tasks
        .iter()
        .map(|task| serde_json::to_string(&task.properties).unwrap())
        .collect();
    assert_eq!(noted, [r#"{"exit_code":0}"#, r#"{"exit_code":3}"#, r#"{"signal":9}"#]);
}

#[test]
fn a_program_notes_properties() {
    let report = "echo 'property host node 3' >$MILEPOST_PROGRESS";
    let snapshot = reported(sh(report));
    assert_eq!(snapshot.properties.get("host").unwrap().as_str(), Some("node 3"));
}

#[test]
fn a_program_that_takes_too_long_is_killed() {
    let job = Job::new("job");
    let mut command = sh("trap '' TERM; echo ready; sleep 1000");
    let lines = command.lines();
    job.task("task").timeout(ms(200)).add_task(command).unwrap();
    let snapshot = end(&job);
    assert_eq!(snapshot.state, TaskState::TimedOut);
    assert_eq!(snapshot.error.unwrap().kind, FailureKind::TimedOut);
    rest(lines);
}

/// The error of a command that can't be started; it is not tried again.
fn not_started(command: Command) -> String {
    let (failure, attempt) = failure(command);
    assert!(failure.error().unwrap().is::<CommandNotStarted>());
    assert_eq!(attempt, 1, "{failure}");
    failure.message.to_string()
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        not_started(Command::new("no-such-program")),
        "there is no program \"no-such-program\" on the PATH: install it, or give its path"
    );
    assert_eq!(
        not_started(Command::new("/no/such/program")),
        "there is no program \"/no/such/program\": check its path"
    );
    assert_eq!(
        not_started(Command::new("true").current_dir("/no/such/dir")),
        "there is no directory \"/no/such/dir\" to run the program in: create it first"
    );
    assert_eq!(
        not_started(Command::new("true").current_dir("/dev/null")),
        "\"/dev/null\" is no directory to run the program in: give another one"
    );
    let message = not_started(Command::new("echo").arg("a\0b"));
    assert!(message.starts_with("the arguments and variables for \"echo\" can't be passed on: "));
}

#[test]
fn what_can_not_be_run_is_told() {
    let directory = directory();
    let script = |name: &str, text: &str, mode| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Command::new(path)
    };
    let message = not_started(script("plain", "#!/bin/sh\n", 0o644));
    assert!(message.ends_with("permission is denied: make it executable, or run its interpreter"));
    let message = not_started(script("text", "words\n", 0o755));
    assert!(message.ends_with("no script with a `#!` line"), "{message}");
    let message = not_started(script("astray", "#!/no/such/shell\n", 0o755));
    assert!(message.ends_with("its interpreter is missing: look at its first line"), "{message}");
}
