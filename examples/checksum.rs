//! Prints the SHA-256 digest of every regular file under a directory, in the format of `sha256sum`.
//!
//! ```sh
//! cargo run --release --example checksum -- [--jobs N] DIR
//! ```
//!
//! What it shows:
//! - a job that is fed while it runs: hashing begins before the directories have been walked, and any number of files
//!   takes a bounded amount of memory ([`OpenJob::feed`](milepost::OpenJob::feed));
//! - progress in bytes, with a total as soon as the walk is over: each file's size is its task's weight, and
//!   [`Progress::track_read`] counts what is read and stops it when the job is canceled;
//! - one reader for the results, which loses none, and another one for the bars, which redraws once a window;
//! - Ctrl-C: the first one asks the tasks to stop, the second one doesn't wait for them.
//!
//! Digests go to stdout as their tasks end. If stderr is a terminal, it has a bar for the job and one for each running
//! file; else a line every few seconds. Exit codes: 0, 1 if a file could not be read, 2 for bad arguments, 130 after
//! Ctrl-C, 141 if whoever reads stdout has gone.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::style::TemplateError;
use indicatif::{
    HumanBytes, HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget,
    ProgressStyle,
};
use milepost::{
    EventStream, History, Job, JobProgress, LocalScheduler, NewTask, Progress, ProgressWindow,
    TaskCompleted, TaskId, TaskState, TaskStateChanged,
};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

const USAGE: &str = "usage: checksum [--jobs N] DIR";

/// How many files may be known that have not been hashed: enough for the total to be known early, few enough for memory.
const AHEAD: usize = 100_000;

/// How much is read at once.
const READ_SIZE: usize = 128 * 1024;

/// How much is written at once, at most.
const WRITE_SIZE: usize = 64 * 1024;

/// How often there is a line of progress where there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How much of a file's name is shown, so that a bar fits into 80 columns.
const NAME_WIDTH: usize = 32;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            let _ = writeln!(io::stdout(), "{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            say(format_args!("checksum: {message}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    run(args).unwrap_or_else(|error| {
        say(format_args!("checksum: {error}"));
        ExitCode::FAILURE
    })
}

struct Args {
    jobs: usize,
    dir: PathBuf,
}

impl Args {
    /// None if only the usage was asked for.
    fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Option<Args>, String> {
        let (mut jobs, mut dir, mut options) = (None, None, true);
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--") if options => options = false,
                Some("-h" | "--help") if options => return Ok(None),
                Some("--jobs") if options => {
                    let n = args.next().ok_or("--jobs takes a number")?;
                    jobs = Some(parse_jobs(&n.to_string_lossy())?);
                }
                Some(text) if options && text.starts_with("--jobs=") => {
                    jobs = Some(parse_jobs(&text["--jobs=".len()..])?);
                }
                Some(text) if options && text.len() > 1 && text.starts_with('-') => {
                    return Err(format!("unknown option {text}"));
                }
                _ if dir.is_some() => return Err("more than one DIR".into()),
                _ => dir = Some(PathBuf::from(arg)),
            }
        }
        let dir = dir.ok_or("no DIR given")?;
        let jobs = jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        Ok(Some(Args { jobs, dir }))
    }
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("--jobs 0 would never hash a file: give at least 1".into()),
        Ok(n) => Ok(n),
        Err(_) => Err(format!("--jobs takes a number, not {text:?}")),
    }
}

fn run(args: Args) -> Result<ExitCode, Box<dyn Error>> {
    let scheduler = LocalScheduler::new(args.jobs)?;
    let job = Job::builder("checksum")
        // Whatever was read is freed, and failures are printed as they come instead of being kept for the summary.
        .history(History::Unread)
        .keep_failures(0)
        .open()?;

    // Streams come before tasks: what is freed can't be read later.
    let screen = Screen::new();
    let results = job.task_completed();
    let windows = screen.shared.then(|| job.progress_windows());
    let display = match screen.bars.clone() {
        Some(bars) => {
            let bars = Bars::new(job.job(), bars);
            thread::spawn(move || bars.show())
        }
        None => {
            let windows = job.progress_windows();
            thread::spawn(move || {
                show_lines(windows);
                Ok(())
            })
        }
    };

    job.submit(&scheduler)?;
    let interrupts = cancel_on_ctrl_c(job.job())?;
    let handle = job.job();
    // The walk has a thread of its own, since `feed` returns only when it is far enough ahead.
    thread::spawn(move || {
        job.feed(files(&args.dir), AHEAD);
        job.close();
    });

    let written = screen.write_results(results, windows);
    if let Err(error) = &written {
        handle.cancel(format!("stdout: {error}"));
    }
    let summary = handle.wait_until_done().blocking()?;
    display.join().map_err(|_| "the display has panicked")??;

    let all = HumanCount(summary.counts.total() as u64);
    if interrupts.load(Ordering::Relaxed) > 0 {
        let canceled = HumanCount(summary.counts.canceled() as u64);
        say(format_args!("canceled: {canceled} of {all} files"));
        return Ok(ExitCode::from(130));
    }
    let Written { bytes, failed } = match written {
        Ok(written) => written,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::from(141)),
        Err(error) => return Err(format!("stdout: {error}").into()),
    };
    let files = if summary.counts.total() == 1 { "file" } else { "files" };
    let failures = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
    let seconds = summary.elapsed.as_secs_f64();
    let speed = HumanBytes((bytes as f64 / seconds.max(1e-3)) as u64);
    let bytes = HumanBytes(bytes);
    say(format_args!("{all} {files}{failures}, {bytes} in {seconds:.2} s ({speed}/s)"));
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Counts how often Ctrl-C was pressed.
fn cancel_on_ctrl_c(job: Job) -> Result<Arc<AtomicUsize>, ctrlc::Error> {
    let interrupts = Arc::new(AtomicUsize::new(0));
    let count = interrupts.clone();
    ctrlc::set_handler(move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => job.cancel("Ctrl-C"),
        1 => job.cancel_now("Ctrl-C again"),
        // Whoever reads stdout may have stopped reading, which no cancellation helps against.
        _ => std::process::exit(130),
    })?;
    Ok(interrupts)
}

// ---- The work -------------------------------------------------------------------------------------------------------

struct Digest {
    path: PathBuf,
    sha256: [u8; 32],
}

/// A task for each regular file that `find DIR -type f` would find. A directory that can't be read is a task that
/// fails, so that it is told and counted as a file is that can't be read.
fn files(dir: &Path) -> impl Iterator<Item = NewTask> + Send + 'static {
    let entries = WalkDir::new(dir).follow_root_links(false).into_iter();
    entries.filter_map(|entry| match entry {
        Ok(entry) if entry.file_type().is_file() => {
            let size = entry.metadata().map_or(0, |metadata| metadata.len());
            let path = entry.into_path();
            let hash = NewTask::blocking(printable(&path), move |cx| {
                let sha256 = sha256(&path, &cx)?;
                Ok(Digest { path, sha256 })
            });
            Some(hash.weight(size as f64).unit("bytes"))
        }
        Ok(_) => None,
        Err(error) => {
            let name = error.path().map(printable).unwrap_or_default();
            let error = error.into_io_error().unwrap_or_else(|| io::Error::other("a loop"));
            let fail =
                NewTask::blocking(name, move |_cx| -> Result<Digest, _> { Err(error.into()) });
            Some(fail.weight(0.0).unit("bytes"))
        }
    })
}

/// Knows nothing of jobs: `Progress` is all that it takes to be counted and canceled.
fn sha256(path: &Path, progress: &Progress) -> io::Result<[u8; 32]> {
    let file = File::open(path)?;
    // It may have grown since the walk.
    progress.set_total(file.metadata()?.len());
    let mut file = BufReader::with_capacity(READ_SIZE, progress.track_read(file));
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finalize().into())
}

/// A path for people to read: on one line, and without codes that a terminal would act on.
fn printable(path: &Path) -> String {
    let mut printable = String::new();
    for char in path.to_string_lossy().chars() {
        if char.is_control() {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
    }
    printable
}

// ---- Lines: digests and errors --------------------------------------------------------------------------------------

/// A line on stderr. Should nobody read it, that is no reason to panic.
fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Where lines go: straight out, or past the bars if there are any.
struct Screen {
    bars: Option<MultiProgress>,
    /// Digests go to the terminal too.
    shared: bool,
}

/// What is to be written.
#[derive(Default)]
struct Lines {
    out: Vec<u8>,
    err: String,
    sum: Written,
}

/// What the lines were about, all together.
#[derive(Default)]
struct Written {
    bytes: u64,
    failed: usize,
}

impl Screen {
    fn new() -> Screen {
        let bars = io::stderr().is_terminal().then(|| {
            // Each round of updates ends with a forced drawing; the others may as well not happen.
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(1));
            // Overwrites lines instead of clearing them first, which might flicker.
            bars.set_move_cursor(true);
            bars
        });
        let shared = bars.is_some() && io::stdout().is_terminal();
        Screen { bars, shared }
    }

    /// Writes what becomes of the files until the job ends.
    ///
    /// Given the job's windows, it writes once a window: to get the bars out of the way for each line would make them
    /// flicker.
    fn write_results(
        &self,
        mut results: EventStream<TaskCompleted>,
        mut windows: Option<EventStream<ProgressWindow>>,
    ) -> io::Result<Written> {
        let mut lines = Lines::default();
        while let Some(result) = results.blocking_next() {
            lines.add(&result);
            if let Some(windows) = &mut windows {
                // The one that closes after this event.
                while windows.blocking_next().is_some_and(|window| window.after < result.seq) {}
            }
            while (windows.is_some() || lines.out.len() < WRITE_SIZE)
                && let Some(result) = results.try_recv()
            {
                lines.add(&result);
            }
            self.write(&mut lines)?;
        }
        Ok(lines.sum)
    }

    fn write(&self, lines: &mut Lines) -> io::Result<()> {
        let Lines { out, err, sum: _ } = lines;
        let write_out = |out: &[u8]| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(out).and_then(|()| stdout.flush())
        };
        let write_err = |err: &str| {
            let _ = io::stderr().write_all(err.as_bytes());
        };
        match &self.bars {
            Some(bars) if self.shared => {
                bars.suspend(|| {
                    write_err(err);
                    write_out(out)
                })?;
                leave_margin();
            }
            Some(bars) => {
                write_out(out)?;
                if !err.is_empty() {
                    bars.suspend(|| write_err(err));
                    leave_margin();
                }
            }
            None => {
                write_err(err);
                write_out(out)?;
            }
        }
        out.clear();
        err.clear();
        Ok(())
    }
}

impl Lines {
    fn add(&mut self, result: &TaskCompleted) {
        if let Some(digest) = result.output::<Digest>() {
            self.sum.bytes += result.progress.unwrap_or(0.0) as u64;
            self.add_digest(&digest);
        } else if result.state != TaskState::Canceled {
            self.sum.failed += 1;
            let error = result.error.as_ref().map_or("no digest", |error| &error.message);
            self.err.extend(["checksum: ", &result.name, ": ", error, "\n"]);
        }
    }

    /// As `sha256sum` does: a name that would break the line is escaped, and the line says so by a backslash in front.
    fn add_digest(&mut self, digest: &Digest) {
        let escape = |byte: &u8| match byte {
            b'\\' => Some(b'\\'),
            b'\n' => Some(b'n'),
            b'\r' => Some(b'r'),
            _ => None,
        };
        // On Unix, the very bytes of the name, whatever their encoding.
        let name = digest.path.as_os_str().as_encoded_bytes();
        if name.iter().any(|byte| escape(byte).is_some()) {
            self.out.push(b'\\');
        }
        for byte in digest.sha256 {
            self.out
                .extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize]));
        }
        self.out.extend(b"  ");
        for byte in name {
            match escape(byte) {
                Some(letter) => self.out.extend([b'\\', letter]),
                None => self.out.push(*byte),
            }
        }
        self.out.push(b'\n');
    }
}

// ---- The display ----------------------------------------------------------------------------------------------------

/// Indicatif leaves the cursor behind the end of the last line, where the `^C` that the terminal itself prints would
/// start another one, of which indicatif knows nothing.
fn leave_margin() {
    let _ = io::stderr().write_all(b"\r");
}

/// Without a terminal: a line every few seconds. Windows come with a time, so that no clock is needed.
fn show_lines(mut windows: EventStream<ProgressWindow>) {
    let mut last: Option<milepost::Timestamp> = None;
    while let Some(window) = windows.blocking_next() {
        let due = *last.get_or_insert(window.at) + LINE_EVERY;
        if window.at < due {
            continue;
        }
        last = Some(window.at);
        let done = HumanBytes(window.progress.value as u64);
        match percent(&window.progress) {
            Some(percent) => say(format_args!("{percent}%: {done} {}", whole(&window.progress))),
            None => say(format_args!("{done}, {}", whole(&window.progress))),
        }
    }
}

fn percent(progress: &JobProgress) -> Option<u32> {
    progress.fraction.map(|fraction| (fraction * 100.0) as u32)
}

/// What there is to do in all.
fn whole(progress: &JobProgress) -> String {
    let ended = HumanCount(progress.counts.ended() as u64);
    let files = HumanCount(progress.counts.total() as u64);
    match progress.total {
        Some(total) => format!("of {}, {ended}/{files} files", HumanBytes(total as u64)),
        None => format!("{ended}/{files} files so far"),
    }
}

/// A bar for the job and one for each running file.
struct Bars {
    job: Job,
    windows: EventStream<ProgressWindow>,
    changes: EventStream<TaskStateChanged>,
    bars: MultiProgress,
    whole: ProgressBar,
    rows: Vec<Row>,
    running: BTreeMap<TaskId, Running>,
}

/// A line of the screen. A file keeps its line for as long as it runs, and no line is taken away before the end, so that
/// nothing jumps.
struct Row {
    bar: ProgressBar,
    task: Option<TaskId>,
}

/// How far a running file is; no total before its first report.
#[derive(Default)]
struct Running {
    done: u64,
    total: Option<u64>,
}

impl Bars {
    fn new(job: Job, bars: MultiProgress) -> Bars {
        Bars {
            windows: job.progress_windows(),
            changes: job.task_state_changed(),
            job,
            whole: bars.add(ProgressBar::no_length()),
            bars,
            rows: Vec::new(),
            running: BTreeMap::new(),
        }
    }

    /// Redraws once a window, until the job ends.
    fn show(mut self) -> Result<(), TemplateError> {
        let style = |template| {
            Ok(ProgressStyle::with_template(template)?.progress_chars("=> ")) as Result<_, _>
        };
        let of_job = style("{prefix:>4} [{bar:14}] {bytes:>10} {wide_msg}")?;
        let of_file = style("     [{bar:14}] {bytes:>10} {wide_msg}")?;
        let blank = style(" ")?;
        self.whole.set_style(of_job);
        while let Some(window) = self.windows.blocking_next() {
            self.note_changes(&window);
            self.assign_rows();
            for row in &self.rows {
                row.bar.set_style(if row.task.is_some() { &of_file } else { &blank }.clone());
                self.update_row(row);
            }
            self.update_whole(&window.progress);
            self.whole.force_draw();
            leave_margin();
        }
        // Lines go away now.
        self.bars.set_move_cursor(false);
        for row in &self.rows {
            row.bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
        Ok(())
    }

    fn note_changes(&mut self, window: &ProgressWindow) {
        while let Some(change) = self.changes.try_recv() {
            if change.to.is_terminal() {
                self.running.remove(&change.task);
            } else if change.to.is_active() {
                self.running.entry(change.task).or_default();
            }
        }
        for update in &window.updates {
            if let Some(running) = self.running.get_mut(&update.task) {
                running.done = update.progress.unwrap_or(0.0) as u64;
                running.total = update.total.map(|total| total as u64);
            }
        }
    }

    fn assign_rows(&mut self) {
        for row in &mut self.rows {
            row.task = row.task.filter(|task| self.running.contains_key(task));
        }
        for &task in self.running.keys() {
            if self.rows.iter().any(|row| row.task == Some(task)) {
                continue;
            }
            match self.rows.iter_mut().find(|row| row.task.is_none()) {
                Some(row) => row.task = Some(task),
                None => {
                    let bar = self.bars.add(ProgressBar::no_length());
                    self.rows.push(Row { bar, task: Some(task) });
                }
            }
        }
    }

    fn update_row(&self, Row { bar, task }: &Row) {
        let Some((task, running)) = task.and_then(|task| self.running.get_key_value(&task)) else {
            return bar.tick();
        };
        let name = self.job.task_name(*task).unwrap_or_default();
        let mut total = String::new();
        match running.total {
            Some(bytes) => {
                bar.set_length(bytes);
                total = format!("of {:>10}", HumanBytes(bytes).to_string());
            }
            None => bar.unset_length(),
        }
        bar.set_position(running.done);
        bar.set_message(format!("{total:<13}  {}", shortened(&name)));
    }

    fn update_whole(&self, progress: &JobProgress) {
        if progress.counts.canceled() > 0 {
            // What was canceled counts as done, which is true and of no use here.
            return self.whole.set_message("stopping; Ctrl-C again stops at once");
        }
        let percent = percent(progress).map_or(String::new(), |percent| format!("{percent}%"));
        self.whole.set_prefix(percent);
        self.whole.set_position(progress.value as u64);
        let mut message = whole(progress);
        if let Some(total) = progress.total {
            self.whole.set_length(total as u64);
            message += &format!(", {:#} left", HumanDuration(self.whole.eta()));
        }
        self.whole.set_message(message);
    }
}

/// The end of a name, which tells more than its beginning. Chars that may take another number of columns than one
/// are replaced: a line that is longer than was reckoned would wrap and leave its rest on the screen.
fn shortened(name: &str) -> String {
    let narrow = |char| match char {
        ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{2ff}' | '\u{370}'..='\u{482}' => char,
        _ => '?',
    };
    let length = name.chars().count();
    if length <= NAME_WIDTH {
        return name.chars().map(narrow).collect();
    }
    let rest = name.chars().skip(length - (NAME_WIDTH - 3)).map(narrow);
    "...".chars().chain(rest).collect()
}
