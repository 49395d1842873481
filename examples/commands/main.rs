//! Programs as tasks, and the progress that they report: a Python program and a shell script beside this file.
//!
//! ```sh
//! cargo run --example commands
//! ```
//!
//! The programs report by the file that `MILEPOST_PROGRESS` names; `docs/commands.md` says how.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use milepost::{Command, Job, LocalScheduler};

fn main() -> Result<(), Box<dyn Error>> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/commands");
    let job = Job::new("commands");
    let mut tasks = Vec::new();

    let mut script = Command::new("sh").arg("progress.sh").current_dir(&programs);
    let mut lines = script.lines();
    tasks.push(job.task("shell").timeout(Duration::from_secs(60)).add_task(script)?);

    let python = std::process::Command::new("python3").arg("--version").output();
    if python.is_ok_and(|python| python.status.success()) {
        let program = Command::new("python3").arg("progress.py").current_dir(&programs);
        tasks.push(job.task("python").timeout(Duration::from_secs(60)).add_task(program)?);
    } else {
        println!("there is no python3 here: its program is left out");
    }

    let mut progress = job.task_progress_updated();
    job.submit(&LocalScheduler::new(2)?)?;
    while let Some(line) = lines.blocking_next() {
        println!("the script says: {}", line.text);
    }
    while let Some(update) = progress.blocking_next() {
        let name = job.task_name(update.task)?;
        let (done, total) = (update.progress.unwrap_or_default(), update.total.unwrap_or_default());
        let unit = update.unit.unwrap_or_default();
        println!("{name}: {done} of {total} {unit}");
    }
    job.wait_until_done().blocking()?.ok()?;
    for task in tasks {
        let name = task.name();
        println!("{name} has printed {:?}", task.output()?.stdout.text().trim());
    }
    Ok(())
}
