//! How often readers are woken: once a window however many tasks report, and never for nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use milepost::{EventStream, StreamEvent};

use crate::common::{WINDOW, job};
use crate::{HOUR, many_running};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A reader with a count of how often it was woken.
struct Parked<E> {
    stream: EventStream<E>,
    woken: Arc<Count>,
}

impl<E: StreamEvent> Parked<E> {
    fn new(stream: EventStream<E>) -> Parked<E> {
        Parked { stream, woken: Arc::default() }
    }

    /// Reads until there is nothing, and waits. Returns how many events there were and how often it was woken.
    fn read(&mut self) -> (usize, usize) {
        let waker = Waker::from(self.woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut events = 0;
        while pin!(self.stream.next()).poll(&mut cx).is_ready() {
            events += 1;
        }
        (events, self.woken.0.swap(0, Ordering::SeqCst))
    }
}

#[test]
fn a_reader_is_woken_once_a_window_however_many_tasks_report() {
    let (job, clock) = job();
    let tasks = many_running(&job, 10_000);
    let mut told = Parked::new(job.task_progress_updated());
    let mut windows = Parked::new(job.progress_windows());
    let mut events = Parked::new(job.events());
    told.read();
    windows.read();
    events.read();
    for (round, dirty) in [1, 100, 10_000, 10_000, 1].into_iter().enumerate() {
        for _ in 0..3 {
            tasks[..dirty].iter().for_each(|task| task.set_progress(round));
        }
        clock.advance(WINDOW);
        assert_eq!(told.read(), (dirty, 1));
        assert_eq!(windows.read(), (1, 1));
        assert_eq!(events.read(), (dirty, 1));
    }
}

#[test]
fn a_reader_that_was_woken_and_does_not_read_is_not_woken_again() {
    let (job, clock) = job();
    let tasks = many_running(&job, 100);
    let mut told = Parked::new(job.task_progress_updated());
    told.read();
    for round in 0..100 {
        tasks.iter().for_each(|task| task.set_progress(round));
        clock.advance(WINDOW);
    }
    let (events, woken) = told.read();
    assert!(events >= 100);
    assert_eq!(woken, 1);
}

#[test]
fn no_reader_of_an_idle_job_is_woken() {
    let (job, clock) = job();
    let tasks = many_running(&job, 100);
    let mut told = Parked::new(job.task_progress_updated());
    let mut windows = Parked::new(job.progress_windows());
    let mut events = Parked::new(job.events());
    tasks.iter().for_each(|task| task.set_progress(1));
    clock.advance(HOUR);
    told.read();
    windows.read();
    events.read();
    for _ in 0..100 {
        // The same value is no report.
        tasks.iter().for_each(|task| task.set_progress(1));
        clock.advance(HOUR);
        assert_eq!([told.read(), windows.read(), events.read()], [(0, 0); 3]);
    }
}

#[test]
fn a_reader_of_ends_is_not_woken_by_progress_or_other_changes() {
    let (job, clock) = job();
    let mut done = Parked::new(job.task_completed());
    let mut told = Parked::new(job.task_progress_updated());
    done.read();
    told.read();
    let tasks = many_running(&job, 100);
    tasks.iter().for_each(|task| task.set_progress(1));
    clock.advance(WINDOW);
    assert_eq!((told.read(), done.read()), ((100, 1), (0, 0)));
    tasks[0].complete(()).expect("it runs");
    assert_eq!(done.read(), (1, 1));
}
