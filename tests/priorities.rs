//! Tasks start by priority, and first come, first served among equals, over all jobs of a scheduler.
#![cfg(feature = "local")]
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;

use common::{ByHand, within};
use milepost::{Job, LocalScheduler, NewTask, Retry, TaskError};
use parking_lot::Mutex;
use proptest::prelude::*;

/// A scheduler for one task at a time whose only worker is busy until the sender is dropped.
fn busy() -> (LocalScheduler, std::sync::mpsc::Sender<()>) {
    let scheduler = LocalScheduler::new(1).unwrap();
    let (release, gate) = channel::<()>();
    let (began, wait) = channel();
    let job = Job::new("gate");
    job.add_blocking("gate", move |_cx| {
        began.send(()).unwrap();
        Ok(gate.recv().unwrap_or_default())
    })
    .unwrap();
    job.submit(&scheduler).unwrap();
    wait.recv().unwrap();
    (scheduler, release)
}

#[derive(Clone, Default)]
struct Order(Arc<Mutex<Vec<String>>>);

impl Order {
    fn add(&self, job: &Job, name: &str, priority: i32) {
        let (order, noted) = (self.clone(), name.to_owned());
        let note = move |_cx| Ok(order.0.lock().push(noted));
        job.task(name).priority(priority).add_blocking(note).unwrap();
    }

    fn seen(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

#[test]
fn the_higher_priority_goes_first_over_all_jobs() {
    within(|| {
        let order = Order::default();
        let (scheduler, release) = busy();
        let jobs = [Job::new("a"), Job::new("b")];
        for (n, job) in jobs.iter().enumerate() {
            for priority in [0, 7, -3, 7] {
                order.add(job, &format!("{priority} of {n}"), priority);
            }
            job.submit(&scheduler).unwrap();
        }
        drop(release);
        for job in jobs {
            job.wait_until_done().blocking().unwrap().ok().unwrap();
        }
        let expected =
            ["7 of 0", "7 of 0", "7 of 1", "7 of 1", "0 of 0", "0 of 1", "-3 of 0", "-3 of 1"];
        assert_eq!(order.seen(), expected);
    });
}

#[test]
fn an_urgent_task_goes_before_what_the_worker_would_have_run_next() {
    within(|| {
        let order = Order::default();
        let scheduler = LocalScheduler::new(1).unwrap();
        let (job, urgent) = (Job::new("usual"), Job::new("urgent"));
        order.add(&urgent, "urgent", 1);
        let mut submit = Some((urgent.clone(), scheduler.clone()));
        let order_here = order.clone();
        job.add_blocking("first", move |_cx| {
            let (urgent, scheduler) = submit.take().unwrap();
            urgent.submit(&scheduler)?;
            Ok(order_here.0.lock().push("first".into()))
        })
        .unwrap();
        order.add(&job, "second", 0);
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        urgent.wait_until_done().blocking().unwrap().ok().unwrap();
        assert_eq!(order.seen(), ["first", "urgent", "second"]);
    });
}

#[test]
fn tasks_of_open_jobs_take_turns_as_they_came() {
    within(|| {
        let order = Order::default();
        let (scheduler, release) = busy();
        let open = || Job::builder("open").open().unwrap();
        let jobs = [open(), open()];
        for job in &jobs {
            job.submit(&scheduler).unwrap();
        }
        for n in 0..10 {
            order.add(&jobs[n % 2], &n.to_string(), 0);
        }
        drop(release);
        for job in jobs {
            job.close().wait_until_done().blocking().unwrap().ok().unwrap();
        }
        let expected: Vec<_> = (0..10).map(|n| n.to_string()).collect();
        assert_eq!(order.seen(), expected);
    });
}

#[test]
fn a_job_gives_its_tasks_a_priority_unless_they_have_one() {
    let hand = ByHand::default();
    let job = Job::builder("job").priority(5).build().unwrap();
    job.add_blocking("usual", |_cx| Ok(())).unwrap();
    job.task("low").priority(-5).add_blocking(|_cx| Ok(())).unwrap();
    job.submit(&hand).unwrap();
    let queues = hand.0.lock().clone();
    let priorities: Vec<_> = queues.iter().map(|queue| queue.priority()).collect();
    assert_eq!(priorities, [5, -5]);
    assert!(queues.is_sorted());
}

#[test]
fn a_fed_task_has_its_priority_too() {
    within(|| {
        let order = Order::default();
        let (scheduler, release) = busy();
        let job = Job::builder("fed").open().unwrap();
        let here = order.clone();
        let task = move |n: i32| {
            let order = here.clone();
            NewTask::blocking(n.to_string(), move |_cx| Ok(order.0.lock().push(n.to_string())))
                .priority(n)
        };
        job.feed((0..5).map(task), 5);
        job.submit(&scheduler).unwrap();
        drop(release);
        job.close().wait_until_done().blocking().unwrap().ok().unwrap();
        assert_eq!(order.seen(), ["4", "3", "2", "1", "0"]);
    });
}

#[test]
fn a_task_that_is_tried_again_goes_to_the_back() {
    within(|| {
        let order = Order::default();
        let scheduler = LocalScheduler::new(1).unwrap();
        let job = Job::new("again");
        let here = order.clone();
        job.task("fails")
            .retry(Retry::attempts(2))
            .add_blocking_with((), move |cx, ()| {
                here.0.lock().push(format!("attempt {}", cx.attempt()));
                if cx.attempt() == 1 { Err(TaskError::msg("once")) } else { Ok(()) }
            })
            .unwrap();
        order.add(&job, "other", 0);
        job.submit(&scheduler).unwrap();
        job.wait_until_done().blocking().unwrap().ok().unwrap();
        assert_eq!(order.seen(), ["attempt 1", "other", "attempt 2"]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Any tasks of any open jobs, added in any order, start in the order of their keys.
    #[test]
    fn any_tasks_start_in_order(tasks in prop::collection::vec((0..3usize, -2..3i32), 0..40)) {
        let order = Order::default();
        let (scheduler, release) = busy();
        let jobs: Vec<_> = (0..3).map(|_| Job::builder("open").open().unwrap()).collect();
        for job in &jobs {
            job.submit(&scheduler).unwrap();
        }
        for (n, (job, priority)) in tasks.iter().enumerate() {
            order.add(&jobs[*job], &n.to_string(), *priority);
        }
        drop(release);
        for job in jobs {
            job.close().wait_until_done().blocking().unwrap().ok().unwrap();
        }
        let mut expected: Vec<_> = (0..tasks.len()).collect();
        expected.sort_by_key(|n| std::cmp::Reverse(tasks[*n].1));
        let expected: Vec<_> = expected.iter().map(usize::to_string).collect();
        prop_assert_eq!(order.seen(), expected);
    }
}
