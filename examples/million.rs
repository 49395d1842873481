//! A million tasks in bounded memory: fed lazily, their outputs streamed to a file.
//!
//! ```sh
//! cargo run --release --example million [-- [--fail] [TASKS]]
//! ```
//!
//! Three settings keep memory flat, however many tasks there are:
//! - [`OpenJob::feed`](milepost::OpenJob::feed) asks for tasks only as others end;
//! - [`History::Unread`] frees what every stream has read: events, names, errors;
//! - [`Job::outputs`](milepost::Job::outputs) takes the outputs out of the job, and holds tasks back while too many are
//!   unread.
//!
//! With `--fail`, one task in 50 fails, and the job gives up at the hundredth failure.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::process::ExitCode;

use milepost::{History, Job, LocalScheduler, NewTask, TaskError};

const TASKS: u64 = 1_000_000;

/// How many tasks are known at a time.
const AHEAD: usize = 1_000;

/// How many outputs may wait for their reader.
const UNREAD: usize = 1_000;

const MAX_FAILURES: usize = 100;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut tasks, mut fail) = (TASKS, false);
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--fail" => fail = true,
            number => tasks = number.parse()?,
        }
    }

    let job = Job::builder("million")
        .history(History::Unread)
        .max_failures(MAX_FAILURES)
        .keep_failures(1)
        .open()?;
    // Before the first task: an output that nobody has asked for would be kept with the job.
    let mut outputs = job.outputs::<String>(UNREAD);

    job.submit(&LocalScheduler::new(std::thread::available_parallelism()?.get())?)?;
    let new_task = move |n: u64| {
        NewTask::blocking(n.to_string(), move |_cx| {
            if fail && n.is_multiple_of(50) {
                return Err(TaskError::msg(format!("{n} was told to fail")));
            }
            Ok(format!("{n}: {} steps\n", steps(n)))
        })
    };
    job.feed((1..=tasks).map(new_task), AHEAD);
    // No more but what is fed.
    let job = job.close();

    let path = std::env::temp_dir().join(format!("milepost-million-{}.txt", std::process::id()));
    let mut file = BufWriter::new(File::create(&path)?);
    while let Some(task) = outputs.blocking_next() {
        file.write_all(task.output.as_bytes())?;
    }
    file.flush()?;
    println!("wrote {} bytes to {}", fs::metadata(&path)?.len(), path.display());
    fs::remove_file(&path)?;

    let summary = job.wait_until_done().blocking()?;
    let ended = summary.counts.ended();
    let seconds = summary.elapsed.as_secs_f64();
    println!("{ended} tasks in {seconds:.2} s: {:.0} tasks/s", ended as f64 / seconds);
    if let Some(kb) = peak_memory() {
        println!("peak memory: {} MB", kb / 1024);
    }
    println!("{} completed, {} failed", summary.counts.completed(), summary.counts.failed());
    match summary.ok() {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            println!("{error}");
            if let Some(first) = error.source() {
                println!("the first was {first:#}");
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// How many steps it takes to get from `n` to 1, by halving what is even and trebling what is odd, plus one.
fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n > 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

/// The most memory that the process has held, in KB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
