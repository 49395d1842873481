//! What all parts of the soak share: chance that a seed decides, counters, and the list of what was found wrong.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use milepost::{JobId, LocalScheduler};

use crate::tasks::Crew;

/// A xorshift generator: the same numbers for the same seed.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Seeds that differ in few bits give unlike numbers only after some steps.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What the whole run shares.
pub(crate) struct World {
    pub(crate) runtime: tokio::runtime::Handle,
    /// One on threads of its own, one on the runtime that readers are on as well.
    pub(crate) schedulers: [LocalScheduler; 2],
    pub(crate) crew: Crew,
    pub(crate) stop: AtomicBool,
    pub(crate) counts: Counts,
    /// Jobs that have not ended, so that one that hangs can be named.
    pub(crate) live: Mutex<Vec<(u64, JobId)>>,
    wrong: Mutex<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) jobs: AtomicU64,
    pub(crate) tasks: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) reports: AtomicU64,
    pub(crate) events: AtomicU64,
}

impl Counts {
    pub(crate) fn line(&self) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "{} jobs, {} tasks ({} completed), {} reports, {} events read",
            of(&self.jobs),
            of(&self.tasks),
            of(&self.completed),
            of(&self.reports),
            of(&self.events)
        )
    }
}

pub(crate) fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

impl World {
    pub(crate) fn new(
        runtime: tokio::runtime::Handle,
        schedulers: [LocalScheduler; 2],
        crew: Crew,
    ) -> Arc<World> {
        Arc::new(World {
            runtime,
            schedulers,
            crew,
            stop: AtomicBool::new(false),
            counts: Counts::default(),
            live: Mutex::default(),
            wrong: Mutex::default(),
        })
    }

    /// Notes a violation, and has the run stop.
    pub(crate) fn wrong(&self, what: String) {
        let mut wrong = lock(&self.wrong);
        // The first ones tell; a broken guarantee breaks for many tasks.
        if wrong.len() < 20 {
            eprintln!("VIOLATION: {what}");
            wrong.push(what);
        }
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn violations(&self) -> usize {
        lock(&self.wrong).len()
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets time pass, so that windows close and others overtake.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The memory that the process has now, in bytes, where the system tells.
pub(crate) fn memory() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

/// The names of the process's threads but the first, where the system tells.
pub(crate) fn threads() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let first = std::process::id().to_string();
    let other = |task: &std::fs::DirEntry| task.file_name().to_str() != Some(&first);
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    tasks.flatten().filter(other).filter_map(name).map(|name| name.trim().to_owned()).collect()
}
