//! Who waits for which file to change: one watcher of the system's for the whole process, however many logs are followed.
//! Reads no file.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use futures::task::AtomicWaker;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;

use super::parts;
use crate::base::{contain, run_on_pool};

/// Files by folder and name: folders are watched, so that a file can come, go, and be another one.
type Folders = HashMap<PathBuf, HashMap<OsString, Vec<Weak<AtomicWaker>>>>;

/// Lock order: `system`, then `folders`. The system's thread takes `folders` only, so that it never waits for itself.
struct Watch {
    /// None if the system gives no watcher: then followers look from time to time, which they do anyway.
    system: Mutex<Option<RecommendedWatcher>>,
    folders: Arc<Mutex<Folders>>,
}

static WATCH: LazyLock<Watch> = LazyLock::new(|| {
    let folders = Arc::new(Mutex::new(Folders::new()));
    let told = folders.clone();
    let tell = move |event: notify::Result<notify::Event>| wake(&told, event);
    let system = notify::recommended_watcher(tell).inspect_err(|error| {
        tracing::warn!(%error, "files can't be watched: event logs are looked at from time to time");
    });
    Watch { system: Mutex::new(system.ok()), folders }
});

/// Wakes those who wait for the files that an event is of.
fn wake(folders: &Mutex<Folders>, event: notify::Result<notify::Event>) {
    let all = match &event {
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
        // Some may have been left out.
        Ok(event) => event.need_rescan() || event.paths.is_empty(),
        Err(_) => true,
    };
    let folders = folders.lock();
    let mut wakers: Vec<Weak<AtomicWaker>> = Vec::new();
    if all {
        wakers.extend(folders.values().flat_map(HashMap::values).flatten().cloned());
    }
    for path in event.iter().flat_map(|event| &event.paths) {
        let files = path.parent().and_then(|folder| folders.get(folder));
        let name = path.file_name().unwrap_or_default();
        wakers.extend(files.and_then(|files| files.get(name)).into_iter().flatten().cloned());
    }
    drop(folders);
    if wakers.is_empty() {
        return;
    }
    // A waker is code of others. It may drop a follower, which waits for this thread; and nobody may be left to drop it but
    // who calls it. Without a thread, followers look from time to time.
    _ = run_on_pool(move || {
        for waker in wakers {
            contain("a waker", || waker.upgrade().inspect(|waker| waker.wake()));
        }
    });
}

/// One who waits for a file to change. Whoever drops it waits no more.
#[derive(Debug)]
pub(crate) struct Watched {
    folder: PathBuf,
    name: OsString,
    waker: Arc<AtomicWaker>,
}

impl Watched {
    /// Has `waker` woken when the file at `path` may have changed. None if its folder can't be watched now: there may be
    /// none yet, or too many are.
    pub(crate) fn new(path: &Path, waker: &Arc<AtomicWaker>) -> Option<Watched> {
        // What a link leads to changes where it is.
        let path = path.canonicalize().unwrap_or_else(|_| parts::real(path));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        let name: &OsStr = path.file_name()?;
        let mut system = WATCH.system.lock();
        let system = system.as_mut()?;
        let is_new = !WATCH.folders.lock().contains_key(&folder);
        if is_new && let Err(error) = system.watch(&folder, RecursiveMode::NonRecursive) {
            tracing::debug!(folder = %folder.display(), %error, "a folder can't be watched");
            return None;
        }
        let mut folders = WATCH.folders.lock();
        let files = folders.entry(folder.clone()).or_default();
        files.entry(name.to_owned()).or_default().push(Arc::downgrade(waker));
        Some(Watched { folder, name: name.to_owned(), waker: waker.clone() })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut system = WATCH.system.lock();
        let mut folders = WATCH.folders.lock();
        let Some(files) = folders.get_mut(&self.folder) else { return };
        if let Some(waiting) = files.get_mut(&self.name) {
            waiting.retain(|waker| waker.as_ptr() != Arc::as_ptr(&self.waker));
            if waiting.is_empty() {
                files.remove(&self.name);
            }
        }
        if files.is_empty() {
            folders.remove(&self.folder);
            drop(folders);
            if let Some(system) = system.as_mut() {
                // The folder may have gone.
                _ = system.unwatch(&self.folder);
            }
        }
    }
}
