//! Runs the small examples as processes: each is to end well and to print what it is about.

use std::process::{Command, Stdio};

/// What the example prints.
fn output_of(example: &str) -> String {
    output_with(example, &[])
}

/// The same, with arguments. Cargo builds examples along with tests, and puts them beside the directory of this program.
fn output_with(example: &str, args: &[&str]) -> String {
    let test = std::env::current_exe().expect("a test knows where it is");
    let target = test.ancestors().nth(2).expect("it is in target/PROFILE/deps");
    let program =
        target.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built: run `cargo build --examples`", program.display());
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the example can be run");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {out}{err}", output.status);
    assert!(!err.contains("panicked"), "{err}");
    out
}

fn assert_lines(example: &str, lines: &[&str]) {
    let out = output_of(example);
    for line in lines {
        assert!(out.lines().any(|printed| printed == *line), "no line {line:?} in:\n{out}");
    }
}

#[test]
#[cfg(feature = "local")]
fn callbacks_are_told_everything() {
    assert_lines(
        "callbacks",
        &[
            "the job \"primes\" is running",
            "  below 200000: 100 %",
            "  below 200000: 17984 primes",
            "  below 300000: 25997 primes",
            "  below 1000000000: failed: that would take too long",
            "the job \"primes\" is failed",
            "2 tasks completed, 1 failed",
        ],
    );
}

#[test]
#[cfg(feature = "local")]
fn cancel_ends_what_would_run_for_ever() {
    assert_lines(
        "cancel",
        &[
            "  a thread that computes: canceled (the task was canceled)",
            "  a future that waits: canceled (the task was canceled)",
            "  one that never gets to run: canceled (canceled: the user quit)",
            "4 of 4 tasks canceled",
        ],
    );
}

#[test]
#[cfg(feature = "local")]
fn queue_does_what_queues_do() {
    assert_lines(
        "queue",
        &[
            "too large: failed",
            "flaky upload: submitted (to be tried again: connection 2 reset)",
            "flaky upload: completed",
            "task 4 (bad upload) failed: 403 forbidden",
            "4 of 6 tasks completed",
        ],
    );
    let out = output_of("queue");
    let at = |name: &str| out.find(name).unwrap_or_else(|| panic!("no {name} in {out}"));
    let order = ["urgent model: completed", "nightly model: completed", "weekly report: completed"];
    assert!(order.map(at).is_sorted(), "{out}");
}

#[test]
#[cfg(feature = "local")]
fn control_does_what_operators_ask() {
    assert_lines(
        "control",
        &[
            "attempt 1: running to suspended (suspended: the disk is busy)",
            "meanwhile: copied",
            "attempt 1: suspended to running (resumed: the disk is free)",
            "attempt 2: running to submitted (vacated: to make room)",
            "attempt 3: running to held (held: until tomorrow)",
            "it took 3 attempts",
        ],
    );
}

#[test]
#[cfg(feature = "local")]
fn children_end_with_their_sums() {
    let out = output_of("children");
    assert!(out.starts_with("all entries seen: true\n"), "{out}");
    assert!(out.contains("more than 100000: true"), "{out}");
}

#[test]
#[cfg(all(feature = "local", feature = "tracker"))]
fn tracker_knows_what_became_of_jobs_that_nobody_has() {
    assert_lines(
        "tracker",
        &[
            "sequel is failed",
            "of ada: pilot, 3 frames",
            "of ada: trailer, 3 frames",
            "what went wrong: task 1 (frame 2) failed: the scene has no camera",
            "in all: {\"completed\":2,\"failed\":1}",
        ],
    );
}

#[test]
#[cfg(all(feature = "local", feature = "metrics"))]
fn metrics_are_as_an_exporter_is_told_them() {
    let line = |name: &str, value: &str| format!("{name:<66} {value}");
    let lines = [
        line("milepost_tasks{user=\"ada\",state=\"running\"}", "0"),
        line("milepost_tasks_ended_total{user=\"ada\",state=\"completed\"}", "6"),
        line("milepost_task_retries_total{user=\"bob\",cause=\"retry\"}", "1"),
        line("milepost_task_run_seconds{user=\"ada\"}", "measured 10 times"),
    ];
    assert_lines("metrics", &lines.each_ref().map(String::as_str));
}

#[test]
#[cfg(feature = "local")]
fn environment_sets_up_what_it_tears_down() {
    assert_lines(
        "environment",
        &[
            "below 100000: 9592 primes",
            "below 900000: 71274 primes",
            "on the GPU: environment_error: no such device",
            "no more than 2 sieves: true",
            "sieves left: 0",
        ],
    );
}

#[test]
#[cfg(all(unix, feature = "local", feature = "command"))]
fn commands_report_their_progress() {
    let lines = [
        "the script says: counted to five",
        "shell: 5 of 5 steps",
        "shell has printed \"counted to five\"",
    ];
    assert_lines("commands", &lines);
    let out = output_of("commands");
    if !out.contains("there is no python3 here") {
        assert_lines(
            "commands",
            &["python: 1048576 of 1048576 bytes", "python has printed \"copied 1048576 bytes\""],
        );
    }
}

#[test]
fn rayon_runs_all_tasks() {
    assert_lines(
        "rayon",
        &[
            "100 %, 0 running, 20 ended",
            "below 5000: 3711 takes 237 steps",
            "below 30000: 26623 takes 307 steps",
            "the job is completed",
        ],
    );
}

#[test]
fn library_gives_the_same_whoever_listens() {
    let out = output_of("library");
    let words = |prefix: &str| {
        let line = out.lines().find(|line| line.starts_with(prefix) && line.contains("words"));
        let rest = line.expect("there is such a line").strip_prefix(prefix);
        rest.and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse::<usize>().ok())
    };
    let alone = words("without a job: ");
    assert!(alone > Some(0), "{out}");
    assert_eq!(words("in a job: "), alone);
    assert_eq!(words("with a bar: "), alone);
    assert!(out.contains("in a job: 10.0 of 10\n"), "{out}");
    assert!(out.contains(" words, bar at 1000\n"), "{out}");
}

#[test]
#[cfg(all(feature = "local", feature = "event-log"))]
fn a_batch_goes_on_where_it_was_left() {
    assert_lines(
        "batch",
        &[
            "0 were done before, 12 are now",
            "12 were done before, 8 are now",
            "20 were done before, 0 are now",
            "0 are left",
        ],
    );
}

#[test]
#[cfg(all(feature = "local", feature = "event-log"))]
fn a_log_is_followed() {
    assert_lines("follow", &["100 %  pictures is completed"]);
    let out = output_of("follow");
    assert_eq!(out.lines().filter(|line| line.ends_with(".png completed")).count(), 3, "{out}");
}

#[test]
#[cfg(feature = "condor")]
fn the_log_of_a_pool_is_followed() {
    assert_lines(
        "condor",
        &[
            "114.1 is held (held: disk full (code 6, subcode 8))",
            "114.0 is completed",
            "114.1 is submitted (released: via condor_release (by user ann))",
            "114.1 is failed: exit code 3",
            "cluster 114 is failed after 56 s",
        ],
    );
}

#[test]
#[cfg(all(feature = "local", feature = "indicatif"))]
fn bars_are_only_for_terminals() {
    assert_eq!(output_with("bars", &["2"]), "41538 primes\n");
}
