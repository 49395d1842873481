//! G3: a window opens with the first report after quiet and closes 200 ms later; windows follow back to back while
//! reports come; a task has at most one progress event in each, with its latest value.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

mod common;

use common::{Inline, WINDOW, at, by_task, drain, job, ms, running, values};
use milepost::{Event, Job, ManualClock, TaskState};

#[test]
fn g3_a_window_opens_with_the_first_report_and_closes_200_ms_later() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    clock.advance(ms(77));
    task.set_progress(1);
    clock.advance(ms(199));
    assert!(progress.try_recv().is_none(), "it is open");
    clock.advance(ms(1));
    let told = progress.try_recv().expect("it has closed");
    assert_eq!((told.task, told.attempt, told.progress), (task.id(), 1, Some(1.0)));
    assert_eq!((told.at, told.after), (at(277), job.last_seq()));
    clock.advance(ms(10_000));
    assert!(progress.try_recv().is_none(), "one report, one event");
}

#[test]
fn g3_a_hundred_reports_are_one_event_with_the_latest_value() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let mut events = job.events().from_now();
    let task = running(&job, "task");
    drain(&mut events);
    for n in 0..100 {
        task.set_progress(n);
        clock.advance(ms(1));
    }
    task.set_progress(55);
    clock.advance(ms(100));
    assert_eq!(values(&drain(&mut progress)), [Some(55.0)]);
    assert_eq!(drain(&mut events).len(), 1);
}

#[test]
fn g3_windows_follow_back_to_back_while_reports_come() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    // Every 30 ms a report, for 3 s: each window has some.
    for n in 0..100 {
        task.set_progress(n);
        clock.advance(ms(30));
    }
    let told = drain(&mut progress);
    let times: Vec<_> = told.iter().map(|told| told.at).collect();
    assert_eq!(times, (1..=15).map(|n| at(n * 200)).collect::<Vec<_>>());
    // At the close of the nth window, the latest report was this one.
    let latest: Vec<_> = (1..=15u64).map(|n| Some(((n * 200 - 1) / 30) as f64)).collect();
    assert_eq!(values(&told), latest);
}

#[test]
fn g3_the_next_window_follows_the_last_and_not_the_report() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(1);
    clock.advance(ms(350));
    task.set_progress(2);
    clock.advance(ms(49));
    assert_eq!(values(&drain(&mut progress)), [Some(1.0)]);
    clock.advance(ms(1));
    assert_eq!(values(&drain(&mut progress)), [Some(2.0)], "the second window closes at 400 ms");
}

#[test]
fn g3_a_report_after_quiet_opens_a_whole_window() {
    for quiet in [400, 401, 555, 599, 600, 601, 799, 10_000] {
        let (job, clock) = job();
        let mut progress = job.task_progress_updated();
        let task = running(&job, "task");
        task.set_progress(1);
        clock.advance(ms(quiet));
        assert_eq!(values(&drain(&mut progress)), [Some(1.0)]);
        task.set_progress(2);
        clock.advance(ms(199));
        assert!(progress.try_recv().is_none(), "{quiet} ms after the first report");
        clock.advance(ms(1));
        let told = drain(&mut progress);
        assert_eq!((told[0].at, told.len()), (at(quiet + 200), 1), "{quiet} ms after the first");
    }
}

#[test]
fn g3_another_tasks_report_after_quiet_opens_a_whole_window_too() {
    for quiet in [400, 450, 600, 650] {
        let (job, clock) = job();
        let (first, second) = (running(&job, "first"), running(&job, "second"));
        let mut progress = job.task_progress_updated();
        first.set_progress(1);
        clock.advance(ms(quiet));
        second.set_progress(2);
        clock.advance(ms(199));
        assert_eq!(by_task(&drain(&mut progress)), [(0, Some(1.0))]);
        clock.advance(ms(1));
        assert_eq!(by_task(&drain(&mut progress)), [(1, Some(2.0))], "after {quiet} ms");
    }
}

#[test]
fn g3_all_tasks_share_the_window() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let tasks: Vec<_> = (0..200).map(|n| running(&job, &n.to_string())).collect();
    for (n, task) in tasks.iter().enumerate() {
        task.set_progress(n);
        clock.advance(ms(1).mul_f64(0.5));
    }
    assert!(progress.try_recv().is_none());
    tasks[7].set_progress(1_007);
    clock.advance(ms(100));
    let told = drain(&mut progress);
    assert!(told.iter().all(|told| told.at == at(200)));
    let mut told = by_task(&told);
    told.sort_by_key(|(task, _)| *task);
    let value = |n| Some(if n == 7 { 1_007.0 } else { n as f64 });
    assert_eq!(told, (0..200).map(|n| (n, value(n))).collect::<Vec<_>>());
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
}

#[test]
fn g3_a_window_may_have_another_length() {
    for length in [1, 50, 3_000] {
        let clock = ManualClock::new();
        let builder = Job::builder("job").window(ms(length)).clock(clock.clock());
        let job = builder.build().unwrap();
        let mut progress = job.task_progress_updated();
        let task = running(&job, "task");
        for n in 1..=3 {
            task.set_progress(n);
            clock.advance(ms(length) - ms(1).mul_f64(0.001));
            assert!(progress.try_recv().is_none());
            clock.advance(ms(1).mul_f64(0.001));
            let told = drain(&mut progress);
            assert_eq!((told.len(), told[0].at), (1, at(n * length)));
        }
    }
    assert!(Job::builder("job").window(ms(0)).build().is_err());
}

#[test]
fn g3_an_equal_value_is_no_report() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(1);
    task.set_total(10);
    task.set_message("reading");
    task.set_unit("rows");
    clock.advance(WINDOW);
    assert_eq!(drain(&mut progress).len(), 1);
    let mut windows = job.progress_windows().from_now();
    for _ in 0..5 {
        task.set_progress(1.0f32);
        task.advance(0);
        task.advance(0.0);
        task.set_total(10u8);
        task.set_message(String::from("reading"));
        task.set_unit("rows");
        clock.advance(ms(130));
    }
    // There and back within a window is no change either.
    task.set_progress(2);
    task.set_total(20);
    task.set_message("writing");
    task.set_progress(1);
    task.set_total(10);
    task.set_message("reading");
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none());
    assert!(windows.try_recv().is_none());
    // After it, another value is one.
    task.set_progress(2);
    clock.advance(WINDOW);
    assert_eq!(values(&drain(&mut progress)), [Some(2.0)]);
}

#[test]
fn g3_a_total_that_is_taken_back_before_it_was_told_is_no_report() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(1);
    clock.advance(WINDOW);
    assert_eq!(values(&drain(&mut progress)), [Some(1.0)]);
    task.set_total(10);
    task.set_total(f64::NAN);
    clock.advance(ms(1_000));
    assert!(progress.try_recv().is_none(), "it is as it was");
    task.complete(()).unwrap();
    assert!(progress.try_recv().is_none());
}

#[test]
fn g3_a_task_that_reports_nothing_gets_no_event() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let mut events = job.events();
    let silent = running(&job, "silent");
    let with_unit = job.task("with a unit").unit("bytes").weight(5.0).reporter().unwrap();
    with_unit.running().unwrap();
    let other = running(&job, "other");
    for n in 0..5 {
        other.set_progress(n);
        clock.advance(WINDOW);
    }
    silent.complete(()).unwrap();
    with_unit.complete(()).unwrap();
    clock.advance(ms(1_000));
    assert!(drain(&mut progress).iter().all(|told| told.task == other.id()));
    for event in drain(&mut events) {
        match event {
            Event::TaskProgressUpdated(told) => assert_eq!(told.task, other.id()),
            Event::TaskCompleted(end) => assert_eq!((end.progress, end.total), (None, None)),
            _ => {}
        }
    }
}

#[test]
fn g3_totals_units_and_messages_are_reports_too() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let mut next = || {
        clock.advance(ms(199));
        assert!(progress.try_recv().is_none());
        clock.advance(ms(1));
        let mut told = drain(&mut progress);
        assert_eq!(told.len(), 1);
        let told = told.remove(0);
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("").to_owned();
        (told.progress, told.total, text(&told.unit), text(&told.message))
    };
    task.set_message("connecting");
    assert_eq!(next(), (None, None, "".into(), "connecting".into()));
    task.set_total(100);
    assert_eq!(next(), (None, Some(100.0), "".into(), "connecting".into()));
    task.set_unit("rows");
    assert_eq!(next(), (None, Some(100.0), "rows".into(), "connecting".into()));
    task.set_progress(5);
    assert_eq!(next(), (Some(5.0), Some(100.0), "rows".into(), "connecting".into()));
    task.set_message("reading");
    task.set_message("still reading");
    assert_eq!(next(), (Some(5.0), Some(100.0), "rows".into(), "still reading".into()));
    task.set_unit("columns");
    assert_eq!(next(), (Some(5.0), Some(100.0), "columns".into(), "still reading".into()));
    task.set_total(f64::NAN);
    assert_eq!(next(), (Some(5.0), None, "columns".into(), "still reading".into()));
}

#[test]
fn g3_a_total_that_is_taken_back_is_a_report() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_total(10);
    clock.advance(WINDOW);
    assert_eq!(drain(&mut progress)[0].total, Some(10.0));
    task.set_total(f64::INFINITY);
    clock.advance(WINDOW);
    let told = drain(&mut progress);
    assert_eq!(told.iter().map(|told| told.total).collect::<Vec<_>>(), [None]);
    let mut completed = job.task_completed();
    task.complete(()).unwrap();
    assert_eq!(completed.try_recv().unwrap().total, None);
}

#[test]
fn g3_steps_and_values_mix() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    let mut next = || {
        clock.advance(WINDOW);
        values(&drain(&mut progress))
    };
    task.advance(2);
    assert_eq!(next(), [Some(2.0)]);
    task.set_progress(10);
    task.advance(1);
    task.advance(2u64);
    assert_eq!(next(), [Some(13.0)]);
    task.advance(-5);
    task.advance(0.25);
    assert_eq!(next(), [Some(8.25)]);
    task.set_progress(-3.5);
    assert_eq!(next(), [Some(-3.5)]);
    task.advance(1);
    assert_eq!(next(), [Some(-2.5)]);
    task.advance(u128::from(u64::MAX) * 4);
    assert_eq!(next(), [Some(u64::MAX as f64 * 4.0)]);
    task.set_progress(0);
    assert_eq!(next(), [Some(0.0)]);
}

#[test]
fn g3_floats_alone_add_up() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.advance(0.5);
    task.advance(0.25f32);
    clock.advance(WINDOW);
    assert_eq!(values(&drain(&mut progress)), [Some(0.75)]);
}

#[test]
fn g3_long_time_at_once_is_as_many_short_times() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = running(&job, "task");
    task.set_progress(1);
    clock.advance(ms(1_000_000));
    let told = drain(&mut progress);
    assert_eq!((told.len(), told[0].at), (1, at(200)), "told when it was due");
}

#[test]
fn g3_the_end_of_a_task_does_not_wait_for_the_window() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let (ends, goes_on) = (running(&job, "ends"), running(&job, "goes on"));
    ends.set_progress(1);
    goes_on.set_progress(2);
    clock.advance(ms(10));
    ends.complete(()).unwrap();
    assert_eq!(by_task(&drain(&mut progress)), [(0, Some(1.0))], "only the final one comes early");
    clock.advance(ms(189));
    assert!(progress.try_recv().is_none());
    clock.advance(ms(1));
    assert_eq!(by_task(&drain(&mut progress)), [(1, Some(2.0))]);
}

#[test]
fn g3_reports_before_the_task_runs_are_reports() {
    let (job, clock) = job();
    let mut progress = job.task_progress_updated();
    let task = job.reporter("task").unwrap();
    task.set_message("queued on node 3");
    clock.advance(WINDOW);
    let told = drain(&mut progress);
    assert_eq!(told[0].message.as_deref(), Some("queued on node 3"));
}

#[test]
fn g3_a_window_is_one_batch_with_each_task_once() {
    let (job, clock) = job();
    let mut windows = job.progress_windows();
    let tasks: Vec<_> = (0..4).map(|n| running(&job, &n.to_string())).collect();
    for (n, task) in tasks.iter().enumerate() {
        task.set_total(10);
        task.set_progress(n);
        task.set_progress(n + 1);
    }
    clock.advance(ms(100));
    tasks[0].complete(()).unwrap();
    tasks[1].set_progress(9);
    assert!(windows.try_recv().is_none(), "it is open");
    clock.advance(ms(100));
    let window = windows.try_recv().expect("it has closed");
    assert!(windows.try_recv().is_none());
    assert_eq!((window.at, window.after), (at(200), job.last_seq()));
    let mut told = by_task(&window.updates);
    told.sort_by_key(|(task, _)| *task);
    assert_eq!(told, [(0, Some(1.0)), (1, Some(9.0)), (2, Some(3.0)), (3, Some(4.0))]);
    assert_eq!(window.progress.counts.of(TaskState::Running), 3);
    assert_eq!(window.progress.counts.completed(), 1);
    // In the next window, those that have something new.
    tasks[2].set_progress(4);
    tasks[3].set_progress(4);
    clock.advance(WINDOW);
    assert_eq!(by_task(&windows.try_recv().unwrap().updates), [(2, Some(4.0))]);
    clock.advance(ms(2_000));
    assert!(windows.try_recv().is_none(), "quiet");
}

#[test]
fn g3_a_window_tells_of_a_retried_task_once_and_as_it_is() {
    let (job, clock) = job();
    let mut windows = job.progress_windows();
    let (mut twice, mut again) = (running(&job, "twice"), running(&job, "again"));
    for n in [5, 6] {
        twice.set_progress(n);
        twice.resubmitted("lost").unwrap();
        twice.running().unwrap();
    }
    twice.set_progress(1);
    again.set_progress(8);
    again.resubmitted("lost").unwrap();
    again.running().unwrap();
    again.set_progress(2);
    again.complete(()).unwrap();
    clock.advance(WINDOW);
    let window = windows.try_recv().unwrap();
    let told: Vec<_> =
        window.updates.iter().map(|told| (told.task, told.attempt, told.progress)).collect();
    assert_eq!(told.len(), 2, "each task once: {told:?}");
    assert!(told.contains(&(twice.id(), 3, Some(1.0))), "{told:?}");
    assert!(told.contains(&(again.id(), 2, Some(2.0))), "{told:?}");
}

#[test]
fn g3_a_window_in_which_tasks_only_ended_is_told_too() {
    let (job, clock) = job();
    let mut windows = job.progress_windows();
    let tasks: Vec<_> = (0..3).map(|n| running(&job, &n.to_string())).collect();
    tasks[0].complete(()).unwrap();
    clock.advance(ms(50));
    tasks[1].complete(()).unwrap();
    assert!(windows.try_recv().is_none());
    clock.advance(ms(1_000));
    let window = windows.try_recv().unwrap();
    assert_eq!((window.updates.len(), window.progress.counts.completed()), (0, 2));
    assert!(windows.try_recv().is_none());
    // The last one comes before the end, and not a window later.
    tasks[2].complete(()).unwrap();
    job.submit(&Inline).unwrap();
    let window = windows.try_recv().unwrap();
    assert_eq!(window.progress.fraction, Some(1.0));
    assert!(windows.try_recv().is_none() && windows.is_ended());
}

#[test]
fn g3_jobs_have_windows_of_their_own() {
    let clock = ManualClock::new();
    let jobs: Vec<_> =
        (0..2).map(|n| Job::builder(n.to_string()).clock(clock.clock()).build().unwrap()).collect();
    let tasks: Vec<_> = jobs.iter().map(|job| running(job, "task")).collect();
    let mut streams: Vec<_> = jobs.iter().map(Job::task_progress_updated).collect();
    tasks[0].set_progress(1);
    clock.advance(ms(120));
    tasks[1].set_progress(2);
    clock.advance(ms(1_000));
    let told: Vec<_> = streams.iter_mut().flat_map(drain).collect();
    assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), [at(200), at(320)]);
    assert_eq!(told.iter().map(|told| told.job).collect::<Vec<_>>(), [jobs[0].id(), jobs[1].id()]);
}

#[test]
fn g3_what_is_no_number_is_told_with_or_without_details() {
    for detailed in [false, true] {
        let (job, clock) = job();
        let mut progress = job.task_progress_updated();
        let task = running(&job, "task");
        if detailed {
            task.set_message("dividing");
        }
        task.set_progress(5);
        clock.advance(WINDOW);
        task.set_progress(f64::INFINITY);
        clock.advance(WINDOW);
        let told: Vec<_> = drain(&mut progress).iter().map(|told| told.progress).collect();
        assert_eq!(told, [Some(5.0), None], "with details: {detailed}");
    }
}

#[test]
fn g3_windows_close_whether_or_not_somebody_reads() {
    let (job, clock) = job();
    let task = running(&job, "task");
    task.set_progress(1);
    clock.advance(ms(199));
    assert_eq!(job.task_snapshot(task.id()).unwrap().progress, None, "as of the last flush");
    clock.advance(ms(1));
    assert_eq!(job.task_snapshot(task.id()).unwrap().progress, Some(1.0));
}
