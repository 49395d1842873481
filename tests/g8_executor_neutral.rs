//! G8: streams and waits work on any executor and on plain threads, also while every worker of a runtime is blocked, and
//! are not cut short by tokio's cooperative budget.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::within;
use futures::executor::{LocalPool, block_on};
use futures::stream::FusedStream;
use futures::task::LocalSpawnExt;
use futures::{FutureExt, Stream, StreamExt};
use milepost::{
    Event, EventStream, Job, JobState, ManualClock, StreamEvent, StreamTimeout, TaskReporter,
    WaitEnd,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Adds a task that runs.
fn running(job: &Job, name: &str) -> TaskReporter {
    let task = job.reporter(name).expect("the job takes tasks");
    task.running().expect("a new task can run");
    task
}

/// A job that has ended after `n` tasks, each with a last progress.
fn ended(n: usize) -> Job {
    let job = Job::builder("ended").open().expect("the settings make sense");
    for at in 0..n {
        let task = running(&job, "task");
        task.set_progress(at);
        task.complete(at).expect("it runs");
    }
    job.close()
}

fn streams(job: &Job) -> (Vec<(&'static str, BoxedCount)>, usize) {
    fn count<E: StreamEvent + 'static>(stream: EventStream<E>) -> BoxedCount
    where
        EventStream<E>: Unpin + Send,
    {
        Box::pin(stream.map(drop))
    }
    let all = vec![
        ("task_completed", count(job.task_completed())),
        ("job_completed", count(job.job_completed())),
        ("task_state_changed", count(job.task_state_changed())),
        ("job_state_changed", count(job.job_state_changed())),
        ("task_added", count(job.task_added())),
        ("task_progress_updated", count(job.task_progress_updated())),
        ("progress_windows", count(job.progress_windows())),
        ("events", count(job.events())),
    ];
    (all, job.counts().total())
}

type BoxedCount = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// How many items each stream of a job of `n` ended tasks has.
fn expected(name: &str, n: usize) -> usize {
    match name {
        "task_completed" | "task_added" | "task_progress_updated" => n,
        "job_completed" | "progress_windows" => 1,
        "task_state_changed" => 3 * n,
        "job_state_changed" => 3,
        // Added, three states, last progress and completion; the job's three states and its end.
        "events" => 6 * n + 4,
        _ => unreachable!(),
    }
}

#[test]
fn g8_streams_end_on_a_foreign_executor() {
    within(|| {
        let job = ended(10_000);
        let (streams, n) = streams(&job);
        for (name, stream) in streams {
            assert_eq!(block_on(stream.count()), expected(name, n), "{name}");
        }
    });
}

#[test]
fn g8_streams_work_from_plain_threads_by_every_call() {
    within(|| {
        let job = ended(300);
        let mut one = job.events();
        let mut two = job.events();
        let mut three = job.events();
        let by_try = std::iter::from_fn(|| one.try_recv()).count();
        let by_blocking = std::iter::from_fn(|| two.blocking_next()).count();
        let by_timeout = std::iter::from_fn(|| three.blocking_next_timeout(ms(1)).unwrap()).count();
        assert_eq!([by_try, by_blocking, by_timeout], [1_804; 3]);
        for stream in [&mut one, &mut two, &mut three] {
            assert!(stream.is_ended() && stream.is_terminated());
            assert!(stream.try_recv().is_none());
            assert!(stream.blocking_next().is_none());
            assert_eq!(stream.blocking_next_timeout(ms(1)).map(|event| event.is_none()), Ok(true));
            assert!(block_on(stream.next()).is_none());
        }
    });
}

#[test]
fn g8_a_plain_thread_that_waits_is_woken_by_events_windows_and_the_end() {
    within(|| {
        let job = Job::builder("woken").window(ms(1)).open().unwrap();
        let (send, seen) = mpsc::channel();
        let mut events = job.events();
        let reader = std::thread::spawn(move || {
            while let Some(event) = events.blocking_next() {
                send.send(event).unwrap();
            }
        });
        let mut progress = job.task_progress_updated();
        let task = running(&job, "a");
        task.set_progress(1);
        assert_eq!(progress.blocking_next().unwrap().progress, Some(1.0));
        loop {
            if let Event::TaskProgressUpdated(event) = seen.recv().unwrap() {
                break assert_eq!(event.progress, Some(1.0));
            }
        }
        task.complete(()).unwrap();
        job.close();
        assert!(matches!(seen.iter().last(), Some(Event::JobCompleted(_))));
        reader.join().unwrap();
        assert!(progress.blocking_next().is_none());
    });
}

#[test]
fn g8_a_timeout_without_an_event_loses_nothing() {
    within(|| {
        let job = Job::new("quiet");
        let mut added = job.task_added();
        assert_eq!(added.blocking_next_timeout(ms(1)), Err(StreamTimeout));
        assert_eq!(added.blocking_next_timeout(Duration::ZERO), Err(StreamTimeout));
        let task = job.reporter("a").unwrap();
        assert_eq!(&*added.blocking_next_timeout(ms(1)).unwrap().unwrap().name, "a");
        assert_eq!(added.blocking_next_timeout(ms(1)), Err(StreamTimeout));
        drop(task);
        drop(job);
        assert_eq!(added.blocking_next_timeout(Duration::MAX), Ok(None));
        assert!(StreamTimeout.to_string().contains("in time"));
    });
}

#[test]
fn g8_a_timeout_is_by_the_jobs_clock() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("manual").clock(clock.clock()).build().unwrap();
        let mut added = job.task_added();
        let (send, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            send.send(added.blocking_next_timeout(Duration::from_secs(3_600))).unwrap();
        });
        assert!(told.try_recv().is_err());
        // The reader may begin to wait at any time, so that the hour is passed until it was heard.
        let outcome = loop {
            clock.advance(Duration::from_secs(3_600));
            if let Ok(outcome) = told.recv_timeout(ms(1)) {
                break outcome;
            }
        };
        assert_eq!(outcome, Err(StreamTimeout));
        reader.join().unwrap();
    });
}

#[test]
fn g8_next_is_cancel_safe() {
    let clock = ManualClock::new();
    let job = Job::builder("dropped").clock(clock.clock()).open().unwrap();
    let mut events = job.events();
    let mut windows = job.progress_windows();
    let cx = &mut Context::from_waker(Waker::noop());
    let (mut seen, mut in_windows) = (Vec::new(), Vec::new());
    // Futures are dropped when they were made, when they have waited, and when they are ready.
    let mut step = |events: &mut EventStream<Event>| {
        drop(events.next());
        loop {
            let mut next = Box::pin(events.next());
            match next.as_mut().poll(cx) {
                Poll::Ready(Some(event)) => seen.push(event),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
    };
    for n in 0..50 {
        step(&mut events);
        let task = running(&job, "a");
        step(&mut events);
        task.set_progress(n);
        if n % 2 == 0 {
            clock.advance(ms(200));
        }
        step(&mut events);
        task.complete(()).unwrap();
        drop(windows.next());
        while let Some(Some(window)) = windows.next().now_or_never() {
            in_windows.extend(window.updates);
        }
    }
    job.close();
    step(&mut events);
    in_windows.extend(std::iter::from_fn(|| windows.try_recv()).flat_map(|window| window.updates));
    let seqs: Vec<_> = seen.iter().filter_map(Event::seq).collect();
    assert_eq!(seqs, (1..=50 * 5 + 4).collect::<Vec<_>>());
    // The order within a window is nobody's affair.
    let told = |mut updates: Vec<&milepost::TaskProgressUpdated>| {
        updates.sort_by_key(|told| told.task);
        updates.iter().map(|told| (told.task.index(), told.progress)).collect::<Vec<_>>()
    };
    let by_events = seen.iter().filter_map(|event| match event {
        Event::TaskProgressUpdated(told) => Some(told),
        _ => None,
    });
    let expected: Vec<_> = (0..50).map(|n| (n, Some(n as f64))).collect();
    assert_eq!(told(by_events.collect()), expected);
    assert_eq!(told(in_windows.iter().collect()), expected);
}

#[test]
fn g8_a_reader_that_keeps_up_is_not_held_up_by_one_that_does_not() {
    within(|| {
        let clock = ManualClock::new();
        let job = Job::builder("two readers").clock(clock.clock()).build().unwrap();
        let task = running(&job, "a");
        let (mut lazy, mut keen) = (job.task_progress_updated(), job.task_progress_updated());
        for n in 1..=3 {
            task.set_progress(n);
            clock.advance(ms(200));
            assert_eq!(keen.try_recv().unwrap().progress, Some(f64::from(n)));
            assert!(keen.try_recv().is_none(), "there is no more for it");
        }
        assert_eq!(lazy.try_recv().unwrap().progress, Some(1.0));
    });
}

#[test]
fn g8_select_and_stream_combinators_take_streams() {
    within(|| {
        let job = ended(50);
        let (mut done, mut progress) = (job.task_completed(), job.task_progress_updated());
        let (mut n, mut m) = (0, 0);
        block_on(async {
            loop {
                futures::select! {
                    _task = done.select_next_some() => n += 1,
                    told = progress.select_next_some() => {
                        assert!(told.progress.is_some());
                        m += 1;
                    },
                    complete => break,
                }
            }
        });
        assert_eq!((n, m), (50, 50));
        let names: Vec<_> = block_on(
            job.task_added()
                .filter(|task| std::future::ready(task.task.index() % 10 == 0))
                .collect::<Vec<_>>(),
        );
        assert_eq!(names.len(), 5);
        let both = futures::stream::select(
            job.task_completed().map(|task| task.seq),
            job.task_added().map(|task| task.seq),
        );
        assert_eq!(block_on(both.count()), 100);
    });
}

#[test]
fn g8_many_streams_share_one_single_threaded_executor() {
    within(|| {
        let job = Job::builder("pool").open().unwrap();
        let mut pool = LocalPool::new();
        let counts = std::rc::Rc::new(std::cell::Cell::new(0));
        for _ in 0..20 {
            let (mut events, counts) = (job.task_completed(), counts.clone());
            pool.spawner()
                .spawn_local(async move {
                    while events.next().await.is_some() {
                        counts.set(counts.get() + 1);
                    }
                })
                .unwrap();
        }
        pool.run_until_stalled();
        for _ in 0..10 {
            let task = running(&job, "a");
            task.complete(()).unwrap();
        }
        job.close();
        pool.run();
        assert_eq!(counts.get(), 200);
    });
}

#[test]
fn g8_a_stream_may_move_between_threads_and_executors() {
    within(|| {
        fn moves<T: Send + Unpin + 'static>(_: &T) {}
        let job = Job::builder("moves").open().unwrap();
        let mut events = job.task_added();
        moves(&events);
        moves(&job.progress_windows());
        job.reporter("a").unwrap();
        assert!(pin!(events.next()).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(pin!(events.next()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let reader = std::thread::spawn(move || (block_on(events.next()), events));
        job.reporter("b").unwrap();
        let (event, events) = reader.join().unwrap();
        assert_eq!(&*event.unwrap().name, "b");
        let job = job.close();
        drop(events);
        assert!(job.is_ended());
    });
}

#[test]
fn g8_waits_work_on_plain_threads_and_foreign_executors() {
    within(|| {
        let job = ended(3);
        assert_eq!(block_on(job.wait_until_done()).state, JobState::Completed);
        assert_eq!(job.wait_until_done().blocking().unwrap().end, WaitEnd::Done);
        let job = Job::builder("goes on").open().unwrap();
        let wait = || job.wait_until_done().timeout(ms(1));
        assert_eq!(block_on(wait()).end, WaitEnd::TimedOut);
        assert_eq!(wait().blocking().unwrap().end, WaitEnd::TimedOut);
        let task = running(&job, "a");
        let waits = [(); 2].map(|()| {
            let wait = job.wait_until_done();
            std::thread::spawn(move || wait.blocking().unwrap())
        });
        task.complete(()).unwrap();
        job.close();
        for wait in waits {
            assert_eq!(wait.join().unwrap().counts.completed(), 1);
        }
    });
}

#[cfg(feature = "local")]
mod tokio_runtimes {
    use std::sync::{Arc, Barrier};

    use milepost::{LocalScheduler, TaskState};
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn runtimes() -> [Runtime; 2] {
        let single = Builder::new_current_thread().enable_all().build();
        let multi = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        [single.expect("a runtime"), multi.expect("a runtime")]
    }

    #[test]
    fn g8_the_test_would_notice_a_budget() {
        // What this guards against: a tokio channel under a foreign executor inside a runtime is cut short. If that
        // changes, the tests below prove nothing any more.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        (0..1_000).for_each(|n| send.send(n).unwrap());
        let got = runtime.block_on(async {
            let mut got = 0;
            while let Some(Some(_)) = receive.recv().now_or_never() {
                got += 1;
            }
            got
        });
        assert_eq!(got, 128);
    }

    #[test]
    fn g8_a_foreign_block_on_inside_a_runtime_is_not_cut_short() {
        within(|| {
            let job = ended(10_000);
            for runtime in runtimes() {
                runtime.block_on(async {
                    let (streams, n) = streams(&job);
                    for (name, stream) in streams {
                        assert_eq!(block_on(stream.count()), expected(name, n), "{name}");
                    }
                });
                let inside = job.clone();
                let task = async move {
                    let (streams, n) = streams(&inside);
                    for (name, stream) in streams {
                        assert_eq!(block_on(stream.count()), expected(name, n), "{name}");
                    }
                };
                runtime.block_on(async { tokio::spawn(task).await.unwrap() });
            }
        });
    }

    #[test]
    fn g8_every_ready_item_is_there_without_a_yield() {
        within(|| {
            let job = ended(1_000);
            for runtime in runtimes() {
                runtime.block_on(async {
                    let (streams, n) = streams(&job);
                    for (name, mut stream) in streams {
                        let mut got = 0;
                        while let Some(Some(())) = stream.next().now_or_never() {
                            got += 1;
                        }
                        assert_eq!(got, expected(name, n), "{name}");
                    }
                    let mut by_try = job.events();
                    assert_eq!(std::iter::from_fn(|| by_try.try_recv()).count(), 6_004);
                    let wait = job.wait_until_done();
                    assert!(wait.now_or_never().is_some());
                });
            }
        });
    }

    #[test]
    fn g8_streams_work_on_tokio_with_its_select() {
        within(|| {
            for runtime in runtimes() {
                runtime.block_on(async {
                    let job = Job::new("selected");
                    for n in 0..500 {
                        job.add(n.to_string(), async |cx| {
                            cx.set_progress(1);
                            Ok(cx.checkpoint().await?)
                        })
                        .unwrap();
                    }
                    let (mut done, mut events) = (job.task_completed(), job.events());
                    let mut wait = job.wait_until_done();
                    job.submit(&LocalScheduler::new(4).unwrap()).unwrap();
                    let (mut n, mut seq, mut summary) = (0, 0, None);
                    // What is not taken in a round is dropped, and must come in the next one.
                    while !(done.is_ended() && events.is_ended() && summary.is_some()) {
                        tokio::select! {
                            task = done.next(), if !done.is_ended() => n += usize::from(task.is_some()),
                            event = events.next(), if !events.is_ended() => {
                                if let Some(next) = event.and_then(|event| event.seq()) {
                                    assert_eq!(next, seq + 1);
                                    seq = next;
                                }
                            }
                            end = &mut wait, if summary.is_none() => summary = Some(end),
                            () = tokio::task::yield_now() => {}
                        }
                    }
                    assert_eq!((n, seq), (500, job.last_seq()));
                    assert!(summary.unwrap().state.is_success());
                });
            }
        });
    }

    #[test]
    fn g8_windows_waits_and_timeouts_work_while_every_worker_is_blocked() {
        within(|| {
            let runtime =
                Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let (blocked, release) = (Arc::new(Barrier::new(3)), Arc::new(Barrier::new(3)));
            let scheduler = {
                let _inside = runtime.enter();
                LocalScheduler::new(4).unwrap()
            };
            let job = Job::builder("blocked").window(ms(5)).open().unwrap();
            job.add("a", async |cx| {
                cx.set_progress(1);
                cx.canceled().await;
                Ok(())
            })
            .unwrap();
            let (mut progress, mut events) = (job.task_progress_updated(), job.events());
            job.submit(&scheduler).unwrap();
            assert_eq!(progress.blocking_next().unwrap().progress, Some(1.0));
            for _ in 0..2 {
                let (blocked, release) = (blocked.clone(), release.clone());
                runtime.spawn(async move {
                    blocked.wait();
                    release.wait();
                });
            }
            blocked.wait();
            // No worker is left: what follows comes by the ticker and by the threads that report.
            let task = running(&job, "b");
            task.set_progress(2);
            assert_eq!(progress.blocking_next().unwrap().progress, Some(2.0));
            assert_eq!(progress.blocking_next_timeout(ms(20)), Err(StreamTimeout));
            let told = |event: Event| match event {
                Event::TaskProgressUpdated(told) => told.progress,
                _ => None,
            };
            while events.blocking_next().map(told) != Some(Some(2.0)) {}
            let mut ticks = 0;
            let wait = job.wait_until_done().timeout(ms(50)).every(ms(5), |_job| ticks += 1);
            assert_eq!(wait.blocking().unwrap().end, WaitEnd::TimedOut);
            assert!(ticks >= 1);
            let wait = job.wait_until_done().timeout(ms(5));
            assert_eq!(block_on(wait).end, WaitEnd::TimedOut);
            // Also those of a future that a runtime polls.
            let other = Builder::new_current_thread().build().unwrap();
            let wait = job.wait_until_done().timeout(ms(5));
            assert_eq!(other.block_on(wait).end, WaitEnd::TimedOut);
            task.complete(()).unwrap();
            // A task that can't be polled can be stopped all the same.
            job.cancel_now("no more");
            let summary = job.wait_until_done().blocking().unwrap();
            assert_eq!((summary.counts.canceled(), summary.counts.completed()), (1, 1));
            release.wait();
        });
    }

    #[test]
    fn g8_callbacks_are_called_while_every_worker_is_blocked() {
        within(|| {
            let scheduler = LocalScheduler::new(2).unwrap();
            let job = Job::builder("blocked").window(ms(5)).build().unwrap();
            let (release, gate) = mpsc::channel::<()>();
            job.add("stuck", async move |cx| {
                cx.set_progress(1);
                Ok(gate.recv()?)
            })
            .unwrap();
            let (send, told) = mpsc::channel();
            job.on_task_progress_updated(move |event| send.send(event.progress).unwrap());
            job.submit(&scheduler).unwrap();
            assert_eq!(told.recv(), Ok(Some(1.0)));
            release.send(()).unwrap();
            assert_eq!(job.wait_until_done().blocking().unwrap().counts.completed(), 1);
        });
    }

    #[test]
    fn g8_states_are_seen_from_a_runtime_that_does_not_run_the_tasks() {
        within(|| {
            let [single, multi] = runtimes();
            let scheduler = {
                let _inside = multi.enter();
                LocalScheduler::new(2).unwrap()
            };
            let job = Job::new("elsewhere");
            job.add("a", async |cx| Ok(cx.checkpoint().await?)).unwrap();
            let mut changes = job.task_state_changed();
            job.submit(&scheduler).unwrap();
            single.block_on(async {
                let mut states = Vec::new();
                while let Some(change) = changes.next().await {
                    states.push(change.to);
                }
                assert_eq!(
                    states,
                    [TaskState::Submitted, TaskState::Running, TaskState::Completed]
                );
                assert_eq!(job.wait_until_done().await.end, WaitEnd::Done);
            });
        });
    }
}
