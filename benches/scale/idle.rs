//! What 100,000 jobs cost in which nothing happens: CPU time and wake-ups of the process over some seconds, beside those of
//! the same process before. Reads `/proc`, and so tells nothing on other systems than Linux.

use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use milepost::{EventStream, Job, TaskReporter};

use crate::report::{Line, Report};

const JOBS: usize = 100_000;
const WATCHED: Duration = Duration::from_secs(10);

const SETTLED: Duration = Duration::from_millis(50);

/// What all threads of this process have used by now.
#[derive(Default)]
struct Used {
    cpu_ns: f64,
    wake_ups: f64,
}

impl Used {
    fn now() -> Option<Used> {
        let mut used = Used::default();
        for thread in std::fs::read_dir("/proc/self/task").ok()? {
            let path = thread.ok()?.path();
            let schedstat = std::fs::read_to_string(path.join("schedstat")).ok()?;
            used.cpu_ns += schedstat.split_whitespace().next()?.parse::<f64>().ok()?;
            let status = std::fs::read_to_string(path.join("status")).ok()?;
            let voluntary = |line: &str| {
                line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<f64>().ok()
            };
            used.wake_ups += status.lines().find_map(voluntary)?;
        }
        Some(used)
    }

    /// What is used while this thread sleeps; its own waking up is in it.
    fn while_asleep() -> Option<Used> {
        // A thread's time is brought up to date when it is put to sleep, else every few milliseconds only.
        std::thread::sleep(SETTLED);
        let before = Used::now()?;
        std::thread::sleep(WATCHED);
        let after = Used::now()?;
        Some(Used {
            cpu_ns: after.cpu_ns - before.cpu_ns,
            wake_ups: after.wake_ups - before.wake_ups,
        })
    }
}

struct Quiet {
    _job: Job,
    _stream: EventStream<milepost::Event>,
    _tasks: [TaskReporter; 2],
}

/// A job with two running tasks, one of which has reported, one that waits for the job to be submitted, and a reader
/// that has read all there was and waits for more.
fn quiet(name: &Arc<str>) -> Quiet {
    let job = Job::new(name.clone());
    let tasks = [(); 2].map(|()| {
        let task = job.reporter(name.clone()).unwrap();
        task.running().unwrap();
        task
    });
    job.add_blocking(name.clone(), |_cx| Ok(())).unwrap();
    tasks[0].set_progress(1);
    Quiet { _stream: job.events(), _job: job, _tasks: tasks }
}

pub(crate) fn run(report: &mut Report) {
    let Some(empty) = Used::while_asleep() else {
        return eprintln!("idle: this system has no /proc to tell what a process uses");
    };
    let name: Arc<str> = "quiet".into();
    let mut jobs: Vec<_> = (0..JOBS).map(|_| quiet(&name)).collect();
    // The windows close, and are followed by the second look at what has reported in them.
    std::thread::sleep(Duration::from_secs(2));
    for Quiet { _stream: stream, .. } in &mut jobs {
        let mut context = Context::from_waker(Waker::noop());
        while pin!(stream.next()).poll(&mut context).is_ready() {}
    }
    let Some(idle) = Used::while_asleep() else { return };
    let line =
        |case: &str, used: &Used| Line::new(case, used.cpu_ns / 1e6).and("wake-ups", used.wake_ups);
    let lines = [line("an empty process", &empty), line("100,000 idle jobs", &idle)];
    report.lines("CPU time of 10 s", "ms", &lines);
    // As little as both are, they differ by chance.
    let more = (idle.cpu_ns - empty.cpu_ns) / 1e6;
    report.at_most("CPU of 10 s more than that of an empty process", more, 1.0, "ms");
    report.at_most("wake-ups more", idle.wake_ups - empty.wake_ups, 0.0, "");
}
