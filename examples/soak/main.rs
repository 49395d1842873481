//! Runs jobs of all kinds against readers of all kinds, and checks that each of them was told everything.
//!
//! ```sh
//! cargo run --release --example soak [-- SECONDS [SEED]]
//! ```
//!
//! Eight threads report on tasks, others run on two schedulers and in futures; tasks and jobs are canceled at random;
//! readers are fast and slow, async and blocking, late, and gone midway. It ends with 1 and says what was wrong, in which job
//! and task, if a guarantee was broken, if memory has grown, or if a thread is left.

#![allow(clippy::disallowed_methods, reason = "a soak takes real time, and sleeps as its users do")]

mod job;
mod readers;
mod seen;
mod tasks;
mod tools;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use milepost::LocalScheduler;

use tasks::Crew;
use tools::{World, lock, memory, pause, threads};

/// How many jobs there are at a time.
const JOBS: usize = 8;

/// No job takes that long unless something hangs.
const HANGS: Duration = Duration::from_secs(240);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|argument| argument.parse::<u64>().ok());
    let time = Duration::from_secs(number().unwrap_or(60));
    let clock = || std::time::UNIX_EPOCH.elapsed().map_or(1, |time| time.as_micros() as u64);
    let seed = number().unwrap_or_else(clock);
    println!("soak for {} s with the seed {seed}", time.as_secs());

    // What panics here on purpose need not be read; what else panics is a bug.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"soak") {
            hook(panic);
        }
    }));

    let grown = match soak(time, seed) {
        Ok(grown) => grown,
        Err(what) => {
            eprintln!("FAILED with the seed {seed}: {what}");
            return ExitCode::FAILURE;
        }
    };
    println!("{grown}; no thread is left");
    ExitCode::SUCCESS
}

/// Runs the soak. Returns what memory did.
fn soak(time: Duration, seed: u64) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("the system gives threads");
    let inside = {
        let _inside = runtime.enter();
        LocalScheduler::new(4).expect("a scheduler in the runtime")
    };
    let alone = LocalScheduler::new(4).expect("a scheduler of its own");
    let (crew, crew_threads) = Crew::new();
    let world = World::new(runtime.handle().clone(), [inside, alone], crew);

    let next = Arc::new(AtomicU64::new(1));
    let drivers: Vec<_> = (0..JOBS).map(|_| drive(&world, seed, &next)).collect();
    let (start, mut said) = (Instant::now(), Instant::now());
    let (mut warm, mut jobs) = (None, (0, Instant::now()));
    while start.elapsed() < time && !world.stopping() {
        pause(Duration::from_millis(100));
        if warm.is_none() && start.elapsed() > time / 5 {
            warm = memory();
        }
        if said.elapsed() > Duration::from_secs(5) {
            said = Instant::now();
            println!("{:>4} s: {}", start.elapsed().as_secs(), line(&world));
        }
        jobs = still_going(&world, jobs)?;
    }
    let end = memory();
    world.stop.store(true, Ordering::Relaxed);
    while drivers.iter().any(|driver| !driver.is_finished()) {
        pause(Duration::from_millis(20));
        jobs = still_going(&world, jobs)?;
    }
    println!("in {} s: {}", start.elapsed().as_secs(), line(&world));
    if drivers.into_iter().any(|driver| driver.join().is_err()) {
        return Err("a thread of the soak has panicked".into());
    }
    match world.violations() {
        0 => {}
        n => return Err(format!("{n} violations, see above")),
    }
    drop(world);
    drop(runtime);
    for thread in crew_threads {
        thread.join().map_err(|_| "a thread of the crew has panicked")?;
    }
    leaked(time)?;
    flat(warm, end)
}

/// Runs one job after the other.
fn drive(world: &Arc<World>, seed: u64, next: &Arc<AtomicU64>) -> std::thread::JoinHandle<()> {
    let (world, next) = (world.clone(), next.clone());
    std::thread::spawn(move || {
        while !world.stopping() {
            job::run(&world, seed, next.fetch_add(1, Ordering::Relaxed));
        }
    })
}

fn line(world: &World) -> String {
    let mb = memory().map_or(0, |bytes| bytes >> 20);
    format!("{}, {mb} MiB, {} threads", world.counts.line(), threads().len())
}

/// Errs if no job has ended for a long time.
fn still_going(world: &World, last: (u64, Instant)) -> Result<(u64, Instant), String> {
    let jobs = world.counts.jobs.load(Ordering::Relaxed);
    if jobs > last.0 {
        return Ok((jobs, Instant::now()));
    }
    if last.1.elapsed() > HANGS {
        return Err(format!("these jobs don't end: {:?}", *lock(&world.live)));
    }
    Ok(last)
}

/// Errs if there are threads that should have gone. The pool's idle ones go after ten seconds, for which only a long run
/// waits.
fn leaked(time: Duration) -> Result<(), String> {
    let of_pool = |name: &String| name == "milepost-worker";
    let is_left = |name: &String| name != "milepost-ticker";
    let patience = if time < Duration::from_secs(30) { 5 } else { 15 };
    let begin = Instant::now();
    loop {
        let mut left: Vec<String> = threads().into_iter().filter(is_left).collect();
        if time < Duration::from_secs(30) {
            left.retain(|name| !of_pool(name));
        }
        if left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > Duration::from_secs(patience) {
            return Err(format!("threads are left: {left:?}"));
        }
        pause(Duration::from_millis(50));
    }
}

/// Errs if memory has grown since the warm-up.
fn flat(warm: Option<u64>, end: Option<u64>) -> Result<String, String> {
    let (Some(warm), Some(end)) = (warm, end) else { return Ok("memory is unknown".into()) };
    let grown = format!("{} MiB of memory after the warm-up, {} at the end", warm >> 20, end >> 20);
    if end > warm + warm / 5 + (16 << 20) { Err(grown) } else { Ok(grown) }
}
