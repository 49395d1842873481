//! The job that the three windows show: thumbnails of photos, some of which are broken. It only passes the time.

use std::error::Error;
use std::thread;
use std::time::Duration;

use milepost::view::{JobRow, duration};
use milepost::{Job, LocalScheduler, TaskContext, TaskError};

/// How many photos there are.
pub const PHOTOS: usize = 40;

/// How many photos are shrunk at a time: as many bars are seen.
pub const AT_A_TIME: usize = 6;

/// Starts the job. It goes on while somebody has it, in the background.
///
/// # Errors
/// The system gives no threads.
pub fn start() -> Result<Job, Box<dyn Error>> {
    let job = Job::new("Thumbnails");
    for number in 0..PHOTOS {
        let name = format!("IMG_{}.jpg", 2041 + 3 * number);
        job.task(name).unit("rows").add_blocking(move |cx| shrink(&cx, number))?;
    }
    job.submit(&LocalScheduler::new(AT_A_TIME)?)?;
    Ok(job)
}

/// Makes one thumbnail: a few hundred rows of pixels, each of which takes some milliseconds.
fn shrink(cx: &TaskContext, number: usize) -> Result<(), TaskError> {
    let rows = 240 + 160 * (number % 4);
    cx.set_total(rows);
    for row in 0..rows {
        cx.check()?; // stops here when the job is canceled
        match (number, row) {
            (5 | 23, 0) => return Err(TaskError::msg("not a JPEG file: it starts with 00 00")),
            (11, 300) => {
                return Err(TaskError::msg(
                    "the file ends at byte 1,204,224 of 3,911,020; was the card pulled out as it was written?",
                ));
            }
            (30, 310) => return Err(TaskError::msg("bad Huffman code at byte 93,110")),
            _ => {}
        }
        cx.set_message(if row < rows / 2 { "reading" } else { "shrinking" });
        thread::sleep(Duration::from_millis(5));
        cx.advance(1);
    }
    Ok(())
}

/// What is written below the job's bar: `17 of 40 done, 2 failed, 9s left`.
pub fn status(job: &JobRow) -> String {
    let counts = &job.counts;
    let mut text = format!("{} of {} done", counts.completed(), job.total_tasks());
    for (count, what) in [(counts.failed(), "failed"), (counts.canceled(), "canceled")] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    match (job.eta, job.elapsed) {
        (Some(left), _) if !job.state.is_terminal() => {
            text += &format!(", {} left", duration(left))
        }
        (_, Some(took)) if job.state.is_terminal() => text += &format!(", in {}", duration(took)),
        _ => {}
    }
    text
}
