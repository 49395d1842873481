//! How a call is measured: one loop for all cases, on as many threads as there are targets. Knows no case.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// The values that are reported, one after the other: taken from memory, so that no case pays for making them.
pub(crate) type Values<V> = [V; 256];

const SAMPLE: Duration = Duration::from_millis(30);

/// Calls `op` with all the values, `turns` times. Not inlined, so that a case has one copy of the loop, at one place,
/// whichever the number of threads.
///
/// Each value goes through memory by itself: else the compiler unrolls the loops of some cases and not of others. That
/// is a store and a load in all of them, which brings the cheapest ones closer together than they are; see the row of
/// the loop alone.
#[inline(never)]
fn flat_out<T, V: Copy>(target: &T, values: &Values<V>, turns: u32, op: impl Fn(&T, V)) {
    for _ in 0..turns {
        for &value in values {
            op(target, black_box(value));
        }
    }
}

/// Runs a thread for each target, and returns the time of the slowest.
fn time<T, V, F>(targets: &[&T], values: &Values<V>, turns: u32, op: F) -> Duration
where
    T: Sync,
    V: Copy + Sync,
    F: Fn(&T, V) + Copy + Sync,
{
    let timed = |target: &T| {
        let start = Instant::now();
        flat_out(target, values, turns, op);
        start.elapsed()
    };
    if let [target] = targets {
        return timed(target);
    }
    let (timed, start) = (&timed, &Barrier::new(targets.len()));
    thread::scope(|scope| {
        let run = |&target| {
            scope.spawn(move || {
                start.wait();
                timed(target)
            })
        };
        let threads: Vec<_> = targets.iter().map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap()
    })
}

/// Measures one case, always with the same number of calls.
#[derive(Default)]
pub(crate) struct Load {
    turns: Option<u32>,
}

impl Load {
    /// Nanoseconds a call. The first sample finds how many calls take long enough.
    pub(crate) fn sample<T, V, F>(&mut self, targets: &[&T], values: &Values<V>, op: F) -> f64
    where
        T: Sync,
        V: Copy + Sync,
        F: Fn(&T, V) + Copy + Sync,
    {
        let turns = *self.turns.get_or_insert_with(|| {
            let mut turns = 1;
            loop {
                let took = time(targets, values, turns, op);
                if took > SAMPLE / 4 {
                    let scale = SAMPLE.as_secs_f64() / took.as_secs_f64();
                    break ((f64::from(turns) * scale) as u32).max(1);
                }
                turns *= 2;
            }
        });
        let took = time(targets, values, turns, op);
        took.as_nanos() as f64 / (f64::from(turns) * values.len() as f64)
    }
}
