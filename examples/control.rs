//! What an operator does with tasks: hold, release, suspend, resume, vacate. One scheduler with one place has two jobs.

use milepost::{EventStream, Job, LocalScheduler, TaskState, TaskStateChanged};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let scheduler = LocalScheduler::new(1)?;
    let scans = Job::new("scans");
    let mut changes = scans.task_state_changed();
    // It can run again, as its input is apart; so it may be vacated and held.
    let disk = scans.add_blocking_with("disk", "/dev/sda", |cx, device| {
        cx.set_message(device);
        while cx.attempt() < 3 {
            cx.blocking_checkpoint()?; // parks and stops here
            std::thread::yield_now();
        }
        Ok(cx.attempt())
    })?;
    scans.submit(&scheduler)?;
    until(&mut changes, TaskState::Running);

    disk.suspend("the disk is busy")?;
    until(&mut changes, TaskState::Suspended);
    // While it is parked, another job has its place.
    let backup = Job::new("backup");
    let copied = backup.add_blocking("copy", |_cx| Ok("copied"))?;
    backup.submit(&scheduler)?;
    println!("meanwhile: {}", copied.output()?);
    disk.resume("the disk is free")?;
    until(&mut changes, TaskState::Running);

    disk.vacate("to make room")?;
    until(&mut changes, TaskState::Running);
    disk.hold("until tomorrow")?;
    until(&mut changes, TaskState::Held);
    disk.release("it is tomorrow")?;
    until(&mut changes, TaskState::Completed);
    println!("it took {} attempts", disk.output()?);
    Ok(())
}

/// Prints the changes up to a state.
fn until(changes: &mut EventStream<TaskStateChanged>, state: TaskState) {
    while let Some(change) = changes.blocking_next() {
        let why = change.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        println!("attempt {}: {} to {}{why}", change.attempt, change.from, change.to);
        if change.to == state {
            break;
        }
    }
}
