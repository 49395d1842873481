//! [`Logs`]: many logs that are read as they grow, one after the other, by whoever polls. Knows no jobs.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use super::cursor::Cursor;
use super::dag;
use super::error::ReadError;
use super::reader::Reader;
use crate::base::{Clock, Sleep};
use crate::condor::events::event::Event;
use crate::condor::events::zone::Zone;
use crate::event_log::{Watched, real};

/// How often logs are looked at, whether the system tells of a change or not.
const LOOK: Duration = Duration::from_secs(1);

/// As many of them at a time: of more, each is looked at less often.
const LOOKED_AT: usize = 1_000;

/// A log, and what is looked for in it.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(in crate::condor) path: PathBuf,
    /// If it is the log of DAGMan's own job, read for its end only: the log of the DAG's nodes.
    pub(in crate::condor) nodes: Option<PathBuf>,
}

impl Followed {
    /// Whether it is more than the end of a DAG that is looked for.
    #[allow(dead_code, reason = "only the command asks, which is a feature")]
    pub(crate) fn is_asked_for(&self) -> bool {
        self.nodes.is_none()
    }
}

/// What there is in logs.
#[derive(Debug)]
pub(crate) enum Next {
    /// This was read of a log.
    Read(Arc<Followed>, Result<Event, ReadError>),
    /// All was read that is there for now.
    CaughtUp,
}

/// Logs that grow. While there is nothing to read, none is open, and there is one timer for all.
pub(crate) struct Logs {
    logs: Vec<Log>,
    /// Where they are, and whether that is all that is looked for there.
    known: HashSet<(PathBuf, bool)>,
    ready: Arc<Ready>,
    /// The log that is read, to its end.
    current: Option<usize>,
    /// Something was read since it was said that all was.
    has_news: bool,
    /// Up to where the last look went.
    looked: usize,
    clock: Clock,
    sleep: Option<Sleep>,
}

struct Log {
    followed: Arc<Followed>,
    reader: Reader,
    news: Arc<News>,
    changed: Arc<AtomicWaker>,
    /// None while the log's folder can't be watched.
    watched: Option<Watched>,
}

/// Which logs may have something to read.
#[derive(Default)]
struct Ready {
    queue: Mutex<VecDeque<usize>>,
    /// Whoever polls.
    waker: AtomicWaker,
}

impl Ready {
    fn push(&self, news: &News) {
        if !news.is_queued.swap(true, Ordering::AcqRel) {
            self.queue.lock().push_back(news.index);
            self.waker.wake();
        }
    }
}

/// Wakes for one log.
struct News {
    index: usize,
    is_queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.ready.push(&self);
    }
}

impl Logs {
    pub(crate) fn new() -> Logs {
        Logs {
            logs: Vec::new(),
            known: HashSet::new(),
            ready: Arc::default(),
            current: None,
            has_news: true,
            looked: 0,
            clock: Clock::system(),
            sleep: None,
        }
    }

    /// Reads the log at `path` from its beginning, which need not be there yet, once if it is given twice; if it is of a DAG's nodes, also that of DAGMan's own
    /// job.
    pub(crate) fn follow(&mut self, path: &Path, zone: &Zone) {
        self.follow_by(Reader::at(path, Cursor::default()), zone);
    }

    fn follow_by(&mut self, reader: Reader, zone: &Zone) {
        let path = reader.path().to_owned();
        let dagman = dag::dagman_log(&path);
        self.add(reader.zone(zone.clone()), Followed { path: path.clone(), nodes: None });
        if let Some(dagman) = dagman {
            let reader = Reader::at(&dagman, Cursor::default()).zone(zone.clone());
            self.add(reader, Followed { path: dagman, nodes: Some(path) });
        }
    }

    fn add(&mut self, reader: Reader, followed: Followed) {
        // What is read twice seems to have happened twice.
        if !self.known.insert((place(&followed.path), followed.nodes.is_none())) {
            return;
        }
        let news = Arc::new(News {
            index: self.logs.len(),
            is_queued: AtomicBool::new(false),
            ready: self.ready.clone(),
        });
        let followed = Arc::new(followed);
        let (changed, watched) = (Arc::default(), None);
        self.ready.push(&news);
        self.logs.push(Log { followed, reader, news, changed, watched });
        self.has_news = true;
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            // Before it is looked at: what comes after that wakes.
            self.ready.waker.register(cx.waker());
            if let Some(next) = self.read() {
                return Poll::Ready(next);
            }
            let clock = &self.clock;
            let Some(at) = clock.after(LOOK) else { return Poll::Pending };
            let sleep = self.sleep.get_or_insert_with(|| clock.sleep_until(at));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.sleep = None;
            self.look();
        }
    }

    /// What is there now.
    fn read(&mut self) -> Option<Next> {
        loop {
            let Some(index) = self.current.or_else(|| self.begin()) else {
                return std::mem::take(&mut self.has_news).then_some(Next::CaughtUp);
            };
            self.current = Some(index);
            if let Some(log) = self.logs.get_mut(index)
                && let Some(read) = log.reader.next()
            {
                self.has_news = true;
                return Some(Next::Read(log.followed.clone(), read));
            }
            self.current = None;
        }
    }

    /// Takes the next log that may have something to read.
    fn begin(&mut self) -> Option<usize> {
        let index = self.ready.queue.lock().pop_front()?;
        if let Some(log) = self.logs.get_mut(index) {
            log.news.is_queued.store(false, Ordering::Release);
            log.changed.register(&Waker::from(log.news.clone()));
            if log.watched.is_none() {
                log.watched = Watched::new(&log.followed.path, &log.changed);
            }
        }
        Some(index)
    }

    /// Has logs read that the system may not have told of.
    fn look(&mut self) {
        let all = self.logs.len();
        for _ in 0..all.min(LOOKED_AT) {
            self.looked = if self.looked + 1 < all { self.looked + 1 } else { 0 };
            self.ready.push(&self.logs[self.looked].news);
        }
    }
}

/// Where the log is, by whichever way it is named; it need not be there yet.
fn place(log: &Path) -> PathBuf {
    let there = log.canonicalize().unwrap_or_else(|_| real(log));
    let folder = there.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (folder.unwrap_or(Path::new(".")).canonicalize(), there.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => there,
    }
}

#[allow(dead_code, reason = "only the command begins in the middle, which is a feature")]
impl Logs {
    /// Reads the log at `path`, but only what is written from now on.
    pub(crate) fn follow_from_now(&mut self, path: &Path, zone: &Zone) {
        let mut reader = Reader::at(path, Cursor::default());
        reader.pass_over();
        self.follow_by(reader, zone);
    }

    /// The same from the oldest of its files on.
    pub(crate) fn follow_with_older(&mut self, path: &Path, zone: &Zone) {
        self.follow_by(Reader::at(path, Cursor::default()).with_older(), zone);
    }

    /// The same from a place that a reader gave.
    pub(crate) fn resume(&mut self, path: &Path, cursor: Cursor, zone: &Zone) {
        self.follow_by(Reader::at(path, cursor), zone);
    }

    /// The place behind what was read of the first log.
    pub(crate) fn cursor(&self) -> Cursor {
        self.logs.first().map(|log| log.reader.cursor()).unwrap_or_default()
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logs({})", self.logs.len())
    }
}
