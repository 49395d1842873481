//! Jobs of several sizes, shown as a web page on this machine: `cargo run --example web --features web -- --jobs 8 --port 8080`.
//!
//! They can be changed with the token that is printed. It goes on until it is interrupted.

use std::error::Error;
use std::time::Duration;

use milepost::view::web::Web;
use milepost::{Job, LocalScheduler, Retry, TaskContext, TaskError, Tracker};

/// The sizes of jobs, one after the other, and how long a task takes.
const SIZES: [(usize, u64); 5] = [(5, 4_000), (40, 1_500), (400, 400), (2_000, 100), (10_000, 40)];

const TOKEN: &str = "only-for-this-example";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (jobs, port) = (argument("--jobs", 5)?, argument("--port", 8080)?);
    let tracker = Tracker::new();
    let scheduler = tracker.scheduler(LocalScheduler::new(16)?);
    let web = Web::builder(&tracker).control(TOKEN).build()?;
    let server = web.bind(("127.0.0.1", u16::try_from(port)?)).await?;
    println!("http://{}/ (token: {TOKEN})", server.local_addr());
    let mut running = Vec::new();
    for number in 0..jobs {
        running.push(start(number, &scheduler)?);
    }
    server.run().await?;
    drop(running);
    Ok(())
}

fn start(
    number: usize,
    scheduler: &(impl milepost::Scheduler + Clone),
) -> Result<Job, Box<dyn Error>> {
    let (tasks, takes) = SIZES[number % SIZES.len()];
    let name = format!("thumbnails {number}");
    let job = Job::builder(name).property("user", "ada").property("tasks", tasks as i64).build()?;
    for task in 0..tasks {
        let retry = Retry::attempts(3);
        let task = job.task(format!("picture-{task}.png")).retry(retry);
        task.add_with((), move |cx, ()| shrink(cx, takes))?;
    }
    job.submit(scheduler)?;
    Ok(job)
}

/// A task that takes some time, reports on the way, and fails now and then.
async fn shrink(cx: TaskContext, takes: u64) -> Result<(), TaskError> {
    const ROWS: u64 = 20;
    let chance = (cx.task_id().index() * 7 + cx.attempt() as usize * 31) % 100;
    cx.set_total(ROWS);
    cx.set_unit("rows");
    for row in 0..ROWS {
        cx.checkpoint().await?;
        tokio::time::sleep(Duration::from_millis((takes / ROWS).max(1))).await;
        cx.advance(1);
        cx.set_message(format!("row {row}"));
        if row == ROWS / 2 && chance < 6 {
            let error = "the picture ends in the middle of a row";
            return Err(if chance < 3 {
                TaskError::permanent(error)
            } else {
                TaskError::msg(error)
            });
        }
    }
    cx.set_property("bytes", takes as i64 * 1_000);
    Ok(())
}

/// The number that follows `name` on the command line.
fn argument(name: &str, or: usize) -> Result<usize, Box<dyn Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name).skip(1);
    Ok(arguments.next().map_or(Ok(or), |number| number.parse())?)
}
