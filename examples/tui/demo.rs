//! Jobs to be shown. They only pass the time.

use std::thread::sleep;
use std::time::Duration;

use milepost::{AddError, Job, Retry, TaskContext, TaskError};

/// Goes through so many steps of some milliseconds. It parks and stops on the way, if it is asked to.
fn pass(cx: &TaskContext, steps: u64, milliseconds: u64, each: u64) -> Result<(), TaskError> {
    cx.set_total(steps * each);
    for _ in 0..steps {
        cx.blocking_checkpoint()?;
        sleep(Duration::from_millis(milliseconds));
        cx.advance(each);
    }
    Ok(())
}

/// Fails if so.
fn fails(is_so: bool, why: &str) -> Result<(), TaskError> {
    if is_so { Err(TaskError::msg(why.to_owned())) } else { Ok(()) }
}

pub(crate) fn jobs() -> Result<Vec<Job>, AddError> {
    let thumbnails = Job::new("thumbnails");
    for n in 1..=40 {
        thumbnails.add_blocking_with(format!("photo {n:02}.png"), n, |cx, n| {
            cx.set_message(if n % 2 == 0 { "shrinking" } else { "sharpening" });
            pass(&cx, 20 + n % 7 * 10, 50, 1)?;
            fails(n % 9 == 0, "the picture is cut off in line 312")
        })?;
    }
    let backup = Job::new("backup of 大きな写真");
    for disk in ["home", "mail", "写真", "music", "archive", "etc"] {
        let task = backup.task(format!("/{disk}")).unit("bytes").weight(2e8);
        task.add_blocking_with(disk, |cx, disk| {
            cx.set_message(format!("copying /{disk} to the tape"));
            pass(&cx, 200, 60, 1_000_000)
        })?;
    }
    let index = Job::new("index");
    for n in 1..=10_000 {
        index.add_blocking_with(format!("page {n}"), n, |cx, n| {
            pass(&cx, 1, 8, 1)?;
            fails(n % 997 == 0, "the page is empty")
        })?;
    }
    let mirror = Job::new("mirror");
    let retry = Retry::attempts(4).exponential(Duration::from_secs(1), Duration::from_secs(5));
    for n in 1..=8 {
        let task = mirror.task(format!("mirror{n}.example.org")).retry(retry);
        task.add_blocking_with(n, |cx, n| {
            cx.set_message("fetching");
            pass(&cx, 30, 50, 1)?;
            fails(n == 8 || cx.attempt() < n % 4, "connection reset")
        })?;
    }
    let report = Job::new("nightly report");
    report.add_blocking("sums", |cx| pass(&cx, 100, 50, 1))?;
    report.add_blocking("charts", |cx| -> Result<(), TaskError> {
        pass(&cx, 60, 50, 1)?;
        panic!("there is no ink")
    })?;
    Ok(vec![thumbnails, backup, index, mirror, report])
}
