//! What a tracker of 100,000 jobs costs: tracking one, its memory, and questions of several kinds.

use std::hint::black_box;
use std::time::Instant;

use milepost::tracker::{Field, Query};
use milepost::{Job, JobState, TaskReporter, Tracker};

use crate::alloc;
use crate::report::{Line, Report, median};

const JOBS: usize = 100_000;
const RUNNING: usize = 100;

fn running(job: &Job) -> TaskReporter {
    let task = job.reporter("task").unwrap();
    task.running().unwrap();
    task
}

pub(crate) fn run(report: &mut Report) {
    let tracker = Tracker::new();
    let jobs: Vec<Job> = (0..JOBS).map(|n| Job::new(format!("job {n}"))).collect();
    let (counted, start) = (alloc::count(), Instant::now());
    jobs.iter().for_each(|job| tracker.track(job));
    let track = start.elapsed().as_secs_f64() * 1e9 / JOBS as f64;
    let live_bytes = counted.bytes().live / JOBS as f64;
    drop(counted);

    // Of a hundred that run, there is one in each thousand; of the others, every second one has ended.
    let mut kept = Vec::new();
    let (mut ended, start) = (0_u32, Instant::now());
    for (n, job) in jobs.into_iter().enumerate() {
        if n % (JOBS / RUNNING) == 0 {
            kept.push((Some(running(&job)), job));
        } else if n % 2 == 0 {
            kept.push((None, job));
        } else {
            drop(job);
            ended += 1;
        }
    }
    let end = start.elapsed().as_secs_f64() * 1e9 / f64::from(ended);
    // Records are made on a thread of the pool: one that is asked for has been made or is read from its job.
    while tracker.query(&Query::new().ended().select([])).len() < ended as usize {}

    let by_state = Query::new().state(JobState::Running);
    assert_eq!(tracker.query(&by_state).len(), RUNNING);
    let by_name = Query::new().name("job 7??00").select([Field::Name]);
    assert_eq!(tracker.query(&by_name).len(), 100);
    let all = Query::new();
    let id = kept[0].1.id();
    let lines = [
        ("100 by state, all but tasks", median(|| drop(black_box(tracker.query(&by_state))))),
        ("100 by name, their names", median(|| drop(black_box(tracker.query(&by_name))))),
        (
            "the newest 100 of all",
            median(|| drop(black_box(tracker.query(&all.clone().limit(100))))),
        ),
        ("one by id", median(|| drop(black_box(tracker.get(id))))),
        (
            "summary by state",
            median(|| {
                black_box(tracker.summary(&all));
            }),
        ),
        (
            "summary by name",
            median(|| {
                black_box(tracker.summary(&by_name));
            }),
        ),
    ];
    let first = lines[0].1;
    let lines = lines.map(|(case, us)| Line::new(case, us));
    report.lines("A question of a tracker of 100,000 jobs", "us", &lines);
    let others: Vec<Job> = (0..ended).map(|n| Job::new(format!("job {n}"))).collect();
    let start = Instant::now();
    drop(others);
    let untracked = start.elapsed().as_secs_f64() * 1e9 / f64::from(ended);
    let lines = [
        Line::new("track", track),
        Line::new("end a tracked job, by its last handle", end),
        Line::new("end another one", untracked),
    ];
    report.lines("What tracking takes", "ns/job", &lines);
    report.lines("Memory of a tracker", "bytes/job", &[Line::new("live", live_bytes)]);
    report.at_most("100 by state of 100,000 jobs", first / 1e3, 5.0, "ms");
}
