//! G9: a job with nothing dirty has no timer and no wake-up; one ticker serves all jobs.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use common::Inline;
use milepost::{Job, JobState, ManualClock, TaskReporter};

const HOUR: Duration = Duration::from_secs(3_600);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn running(job: &Job, name: &str) -> TaskReporter {
    let task = job.reporter(name).expect("the job takes tasks");
    task.running().expect("a new task can run");
    task
}

/// Polls what must have nothing, with a waker that counts.
fn park(future: impl Future, count: &Arc<Count>) {
    let waker = Waker::from(count.clone());
    assert!(pin!(future).poll(&mut Context::from_waker(&waker)).is_pending());
}

/// Runs `advance` elsewhere: a clock that goes on ringing does not come back in any useful time.
fn passes(clock: &ManualClock, by: Duration) {
    let (done, waiting) = mpsc::channel();
    let clock = clock.clone();
    std::thread::spawn(move || {
        clock.advance(by);
        done.send(()).ok();
    });
    waiting.recv_timeout(Duration::from_secs(30)).expect("the clock goes on ringing");
}

#[test]
fn g9_nobody_is_woken_while_nothing_happens() {
    let clock = ManualClock::new();
    let job = Job::builder("idle").clock(clock.clock()).build().unwrap();
    let task = running(&job, "a");
    let handle = job.add_blocking("b", |_cx| Ok(())).unwrap();
    let count = Arc::new(Count::default());
    // Readers of every kind, all with nothing to read.
    macro_rules! parked {
        ($($stream:ident)*) => {$(
            let mut $stream = job.$stream().from_now();
            park($stream.next(), &count);
        )*};
    }
    parked!(events task_completed job_completed task_state_changed job_state_changed task_added
        task_progress_updated progress_windows);
    let mut outputs = job.outputs::<String>(4);
    park(outputs.next(), &count);
    let (mut handle, mut wait) = (handle, job.wait_until_done());
    park(&mut handle, &count);
    park(&mut wait, &count);
    let seq = job.last_seq();
    passes(&clock, HOUR);
    assert_eq!((count.get(), job.last_seq()), (0, seq));
    // Reports of the same value are none.
    task.set_progress(1);
    clock.advance(ms(200));
    assert_eq!(count.get(), 3, "one for each reader of progress");
    let mut read = || {
        let told = events.try_recv().is_some();
        assert_eq!(task_progress_updated.try_recv().is_some(), told);
        assert_eq!(progress_windows.try_recv().is_some(), told);
        park(events.next(), &count);
        park(task_progress_updated.next(), &count);
        park(progress_windows.next(), &count);
        told
    };
    assert!(read());
    task.set_message("the same");
    passes(&clock, HOUR);
    assert_eq!(count.get(), 6);
    assert!(read());
    for _ in 0..10 {
        task.set_progress(1);
        task.set_message("the same");
        passes(&clock, HOUR);
        assert!(!read());
    }
    assert_eq!(count.get(), 6);
}

#[test]
fn g9_the_flusher_stops_after_the_last_report() {
    let clock = ManualClock::new();
    // So short a window that a flusher which goes on would ring 3,600,000,000,000 times in the hour.
    let job = Job::builder("flushed")
        .clock(clock.clock())
        .window(Duration::from_nanos(1))
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..100).map(|n| running(&job, &n.to_string())).collect();
    let mut progress = job.task_progress_updated();
    for round in 0..3 {
        for task in &tasks {
            task.set_progress(round);
        }
        passes(&clock, HOUR);
        assert_eq!(std::iter::from_fn(|| progress.try_recv()).count(), 100);
    }
    // Without a reader, with one that has gone, and after the end.
    drop(progress);
    tasks[0].set_progress(9);
    passes(&clock, HOUR);
    for task in &tasks {
        task.complete(()).unwrap();
    }
    job.submit(&Inline).unwrap();
    passes(&clock, HOUR);
    assert_eq!(job.state(), JobState::Completed);
}

#[test]
fn g9_a_report_after_quiet_opens_a_window_of_full_length() {
    let clock = ManualClock::new();
    let job = Job::builder("quiet").clock(clock.clock()).build().unwrap();
    let task = running(&job, "a");
    let mut progress = job.task_progress_updated();
    task.set_progress(1);
    clock.advance(ms(200));
    assert_eq!(progress.try_recv().unwrap().progress, Some(1.0));
    // A window that brought something is followed by the next one, back to back; one that didn't is not.
    clock.advance(ms(100));
    task.set_progress(2);
    clock.advance(ms(99));
    assert!(progress.try_recv().is_none());
    clock.advance(ms(1));
    assert_eq!(progress.try_recv().unwrap().progress, Some(2.0));
    for quiet in [ms(250), ms(450), ms(650), ms(10_150)] {
        clock.advance(quiet);
        task.set_progress(quiet.as_millis() as u64);
        clock.advance(ms(199));
        assert!(progress.try_recv().is_none(), "after {quiet:?}");
        clock.advance(ms(1));
        assert!(progress.try_recv().is_some(), "after {quiet:?}");
    }
}

#[test]
fn g9_ends_without_progress_ring_nothing_unless_somebody_reads_windows() {
    let clock = ManualClock::new();
    let job =
        Job::builder("ends").clock(clock.clock()).window(Duration::from_nanos(1)).open().unwrap();
    let mut windows = job.progress_windows();
    let count = Arc::new(Count::default());
    for _ in 0..3 {
        park(windows.next(), &count);
        running(&job, "a").complete(()).unwrap();
        passes(&clock, HOUR);
        assert!(windows.try_recv().unwrap().updates.is_empty());
        assert!(windows.try_recv().is_none());
    }
    assert_eq!(count.get(), 3);
    passes(&clock, HOUR);
    assert_eq!(count.get(), 3);
}

#[test]
fn g9_timers_go_with_what_they_were_for() {
    // What a timer keeps alive is seen by who is still there when it would ring.
    let clock = ManualClock::new();
    let job = Job::builder("timers").clock(clock.clock()).open().unwrap();
    let count = Arc::new(Count::default());
    let mut wait = job.wait_until_done().timeout(HOUR).every(HOUR, |_job| {});
    let waker = Waker::from(count.clone());
    assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(Arc::strong_count(&count) > 1);
    drop(wait);
    assert_eq!(Arc::strong_count(&count), 1, "a wait that was dropped has no timer");
    let task = job.task("a").timeout(HOUR).add_blocking(|_cx| Ok(())).unwrap();
    job.submit(&Inline).unwrap();
    task.output().unwrap();
    let stopped = running(&job, "b");
    job.cancel("stop");
    stopped.fail(milepost::TaskError::msg("stopped")).unwrap();
    let (seq, job) = (job.last_seq(), job.close());
    passes(&clock, HOUR * 2);
    assert_eq!((job.last_seq(), job.state()), (seq, JobState::Canceled));
}

#[cfg(target_os = "linux")]
mod threads {
    use super::*;

    fn named(name: &str) -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
        let is_it = |task: std::io::Result<std::fs::DirEntry>| {
            let comm =
                task.ok().and_then(|task| std::fs::read_to_string(task.path().join("comm")).ok());
            comm.is_some_and(|comm| comm.trim() == name)
        };
        tasks.map(is_it).filter(|is_it| *is_it).count()
    }

    #[test]
    fn g9_one_ticker_serves_a_thousand_jobs() {
        let jobs: Vec<_> = (0..1_000)
            .map(|n| {
                let job = Job::builder(n.to_string()).window(ms(5)).build().unwrap();
                let task = running(&job, "a");
                (job.task_progress_updated(), task, job)
            })
            .collect();
        for (_, task, _) in &jobs {
            task.set_progress(1);
        }
        let jobs: Vec<_> = jobs
            .into_iter()
            .map(|(mut progress, task, job)| {
                assert_eq!(progress.blocking_next().unwrap().progress, Some(1.0));
                (progress, task, job)
            })
            .collect();
        assert_eq!(named("milepost-ticker"), 1);
        drop(jobs);
    }

    #[test]
    fn g9_jobs_that_do_nothing_start_no_threads() {
        // Other tests of this process may have some.
        let before = ["milepost-ticker", "milepost-worker", "milepost-async"].map(named);
        let jobs: Vec<_> = (0..1_000)
            .map(|n| {
                let job = Job::new(n.to_string());
                job.add_blocking("a", |_cx| Ok(())).unwrap();
                let mut events = job.events();
                while events.try_recv().is_some() {}
                (job.on_event(|_event| {}), events, job)
            })
            .collect();
        let after = ["milepost-ticker", "milepost-async"].map(named);
        if std::env::var_os("NEXTEST").is_some() {
            assert_eq!((before[0], before[2]), (after[0], after[1]));
        }
        drop(jobs);
    }
}
