//! The server that the page is tested with: jobs whose tasks move when they are told to, by lines on standard input.
//! Knows no browser.
//!
//! - `new NAME TASKS FAIL_EVERY KIND` makes a job, all of whose tasks run at once, and prints `job NAME ID`. Every so many
//!   tasks fail in the end, none if it is 0. Tasks of the kind `bytes` report; those of the kind `wide` do so in numbers and by
//!   a unit for which no page has room; those of the kind `quiet` only end.
//! - `step NAME PERCENT` moves the tasks of a job on.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _};

use milepost::view::web::Web;
use milepost::{Job, LocalScheduler, TaskContext, TaskError, Tracker};
use tokio::sync::watch;

const MIB: u64 = 1 << 20;

const WIDE: &str = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaften-je-Quadratmeter";

/// What the tasks of a job tell of themselves.
#[derive(Clone, Copy)]
enum Kind {
    Bytes,
    Wide,
    Quiet,
}

impl Kind {
    fn of(name: &str) -> Result<Kind, Failed> {
        match name {
            "bytes" => Ok(Kind::Bytes),
            "wide" => Ok(Kind::Wide),
            "quiet" => Ok(Kind::Quiet),
            _ => Err(format!("no job is of the kind {name}").into()),
        }
    }
}

type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let tracker = Tracker::new();
    let scheduler = tracker.scheduler(LocalScheduler::new(20_000)?);
    let web = match std::env::args().nth(1) {
        Some(token) => Web::builder(&tracker).control(token).build()?,
        None => Web::new(&tracker),
    };
    let server = runtime.block_on(web.bind(("127.0.0.1", 0)))?;
    let address = server.local_addr();
    let _serving = runtime.spawn(server.run());
    say(&format!("listening {address}"))?;

    let mut jobs = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match *line.split(' ').collect::<Vec<_>>() {
            ["new", name, tasks, fail_every, kind] => {
                let (step, tasks) = (watch::Sender::new(0), tasks.parse()?);
                let job = make(name, tasks, fail_every.parse()?, Kind::of(kind)?, &step)?;
                job.submit(&scheduler)?;
                say(&format!("job {name} {}", job.id()))?;
                jobs.insert(name.to_owned(), (step, job));
            }
            ["step", name, percent] => {
                let (step, _) = jobs.get(name).ok_or("no such job")?;
                step.send_replace(percent.parse()?);
            }
            _ => return Err(format!("what is {line:?}?").into()),
        }
    }
    Ok(())
}

fn make(
    name: &str,
    tasks: u64,
    fail_every: u64,
    kind: Kind,
    step: &watch::Sender<u64>,
) -> Result<Job, Failed> {
    let job = Job::builder(name).property("user", "ada").build()?;
    for index in 0..tasks {
        let failing = fail_every > 0 && index % fail_every == fail_every - 1;
        let steps = step.subscribe();
        let end = if matches!(kind, Kind::Quiet) { 100 * (index + 1) / tasks } else { 100 };
        let work = move |cx| run(cx, steps, end, kind, failing);
        job.task(format!("part-{index:05}")).add(work)?;
    }
    Ok(job)
}

async fn run(
    cx: TaskContext,
    mut steps: watch::Receiver<u64>,
    end: u64,
    kind: Kind,
    failing: bool,
) -> Result<(), TaskError> {
    let reports = !matches!(kind, Kind::Quiet);
    let each = if matches!(kind, Kind::Wide) { 1e300 } else { MIB as f64 };
    if reports {
        cx.set_unit(if matches!(kind, Kind::Wide) { WIDE } else { "bytes" });
        cx.set_total(100.0 * each);
    }
    loop {
        let now = *steps.borrow_and_update();
        if reports {
            cx.set_progress(now.min(end) as f64 * each);
            cx.set_message(format!("at {now}"));
        }
        if now >= end {
            break;
        }
        cx.or_canceled(steps.changed()).await??;
    }
    match failing {
        true => Err(TaskError::permanent("the disk is full\nwhile the last block was written")),
        false => Ok(()),
    }
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
