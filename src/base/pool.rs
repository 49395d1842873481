//! Threads for code that may block: callbacks and blocking tasks. A thread is made when none is idle and goes after
//! ten idle seconds, so that unused ones cost nothing (G9). Threads are detached: one that hangs doesn't keep the
//! process from exiting.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::contain;

type Work = Box<dyn FnOnce() + Send>;

const IDLE: Duration = Duration::from_secs(10);

struct Pool {
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    queue: VecDeque<Work>,
    idle: usize,
    threads: usize,
}

static POOL: Pool = Pool {
    state: Mutex::new(State { queue: VecDeque::new(), idle: 0, threads: 0 }),
    work: Condvar::new(),
};

/// Runs `work` on a thread of its own, at once.
///
/// # Errors
/// The system gives no thread and the pool has none: the work is dropped. While the pool has threads, the work waits
/// for one of them instead.
pub(crate) fn run_on_pool(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let mut state = POOL.state.lock();
    state.queue.push_back(Box::new(work));
    if state.idle >= state.queue.len() {
        POOL.work.notify_one();
        return Ok(());
    }
    state.threads += 1;
    drop(state);
    let spawned = std::thread::Builder::new().name("milepost-worker".into()).spawn(serve);
    if let Err(error) = spawned {
        let mut state = POOL.state.lock();
        state.threads -= 1;
        if state.threads == 0 {
            let dropped = std::mem::take(&mut state.queue);
            drop(state);
            drop(dropped);
            return Err(error);
        }
    }
    Ok(())
}

fn serve() {
    let mut state = POOL.state.lock();
    loop {
        if let Some(work) = state.queue.pop_front() {
            drop(state);
            contain("a worker thread", work);
            state = POOL.state.lock();
            continue;
        }
        state.idle += 1;
        let timed_out = POOL.work.wait_for(&mut state, IDLE).timed_out();
        state.idle -= 1;
        if timed_out && state.queue.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_that_blocks_does_not_keep_other_work_waiting() {
        let (send, receive) = mpsc::channel::<u32>();
        let (release, gate) = mpsc::channel::<()>();
        run_on_pool(move || gate.recv().expect("the test releases it")).expect("a thread");
        for n in 0..8 {
            let send = send.clone();
            run_on_pool(move || send.send(n).expect("the test listens")).expect("a thread");
        }
        drop(send);
        let mut seen: Vec<u32> = receive.into_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..8).collect::<Vec<_>>());
        release.send(()).expect("the first work still waits");
    }
}
