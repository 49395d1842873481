//! What becomes of the jobs of an HTCondor pool, from the log that HTCondor writes. It needs no pool and no tools of HTCondor's.
//!
//! ```sh
//! cargo run --features condor --example condor                # writes a log itself
//! cargo run --features condor --example condor -- jobs.log    # follows the log of jobs that were submitted with `log = jobs.log`
//! ```

#![allow(clippy::disallowed_methods, reason = "what writes the log only passes the time")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use milepost::Event;
use milepost::condor::{Jobs, Zone};

/// What HTCondor writes of two jobs, of which one is held for a while.
const LOG: &str = "\
000 (114.000.000) 2026-11-21 19:10:13 Job submitted from host: <10.0.0.1:9618>
...
000 (114.001.000) 2026-11-21 19:10:13 Job submitted from host: <10.0.0.1:9618>
...
001 (114.000.000) 2026-11-21 19:10:18 Job executing on host: <10.0.0.7:9618>
...
008 (114.000.000) 2026-11-21 19:10:20 progress 50% msg=\"reading\"
...
012 (114.001.000) 2026-11-21 19:10:21 Job was held.
\tdisk full
\tCode 6 Subcode 8
...
005 (114.000.000) 2026-11-21 19:10:25 Job terminated.
\t(1) Normal termination (return value 0)
...
013 (114.001.000) 2026-11-21 19:11:00 Job was released.
\tvia condor_release (by user ann)
...
001 (114.001.000) 2026-11-21 19:11:03 Job executing on host: <10.0.0.8:9618>
...
005 (114.001.000) 2026-11-21 19:11:09 Job terminated.
\t(1) Normal termination (return value 3)
...
";

/// Writes the log, an event at a time.
fn write(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    for event in LOG.split_inclusive("...\n") {
        file.write_all(event.as_bytes())?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Tells what becomes of the first job that is in the log.
fn follow(path: &Path) {
    let mut tracking = Jobs::new().follow(Zone::system(), [path]);
    let job = tracking.blocking_next();
    let mut events = job.events();
    while let Some(event) = events.blocking_next() {
        match event {
            Event::TaskStateChanged(change) if !change.to.is_terminal() => {
                let name = job.task_name(&change).unwrap_or_default();
                let why = change.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
                println!("{name} is {}{why}", change.to);
            }
            Event::TaskCompleted(task) => {
                let why = task.error.map(|error| format!(": {error}")).unwrap_or_default();
                println!("{} is {}{why}", task.name, task.state);
            }
            Event::JobCompleted(end) => {
                println!("{} is {} after {} s", job.name(), end.state, end.elapsed.as_secs());
            }
            _ => {}
        }
    }
    for problem in tracking.problems() {
        eprintln!("{problem}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args().nth(1) {
        follow(Path::new(&path));
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("jobs.log");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&path));
        follow(&path);
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(())
    })
}
