//! What all handles of a [`Web`](super::Web) share: its settings, and the jobs that have clients or had some (W6).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::pace::Pace;
use super::room::{Room, Seat};
use crate::base::{Alarm, Timer, drop_contained, run_on_pool};
use crate::model::JobId;
use crate::tracker::{Tracker, UnknownJob};

/// How long a job is kept that has ended, or that nobody watches.
const KEPT_FOR: Duration = Duration::from_secs(10 * 60);

/// How many of them there are at most.
const MOST_KEPT: usize = 64;

pub(super) struct Settings {
    pub(super) token: Option<String>,
    pub(super) origins: Vec<String>,
    pub(super) max_clients: usize,
    pub(super) local_hosts_only: bool,
}

pub(super) struct Hub {
    itself: Weak<Hub>,
    pub(super) tracker: Tracker,
    pub(super) settings: Settings,
    pace: Arc<Pace>,
    rooms: Mutex<Rooms>,
    clients: watch::Sender<usize>,
    closed: watch::Sender<bool>,
}

#[derive(Default)]
struct Rooms {
    by_job: HashMap<JobId, Kept>,
    timer: Option<Timer>,
}

struct Kept {
    room: Arc<Room>,
    /// When it is let go of; none while it goes on and has clients.
    until: Option<Instant>,
}

/// Why there is no place for a client.
pub(super) enum NoPlace {
    Closed,
    Full(usize),
}

/// A client's place.
pub(super) struct Attached {
    hub: Arc<Hub>,
    pub(super) room: Arc<Room>,
    pub(super) seat: Seat,
}

impl Hub {
    pub(super) fn new(tracker: Tracker, settings: Settings) -> Arc<Hub> {
        Arc::new_cyclic(|itself| Hub {
            itself: itself.clone(),
            pace: Arc::new(Pace::new(tracker.clock().clone())),
            tracker,
            settings,
            rooms: Mutex::default(),
            clients: watch::Sender::new(0),
            closed: watch::Sender::new(false),
        })
    }

    /// The room of a job, if there is one or the job can be had; none if only its record is left.
    pub(super) fn room(&self, job: JobId) -> Result<Option<Arc<Room>>, UnknownJob> {
        if let Some(kept) = self.rooms.lock().by_job.get(&job) {
            return Ok(Some(kept.room.clone()));
        }
        let room = |core| Room::new(core, self.pace.clone(), self.itself.clone());
        Ok(self.tracker.core(job)?.map(room))
    }

    /// A place for a client in a room. It may be another one of the same job.
    pub(super) fn attach(&self, room: Arc<Room>) -> Result<Attached, NoPlace> {
        let hub = self.itself.upgrade().ok_or(NoPlace::Closed)?;
        let most = self.settings.max_clients;
        if !self.clients.send_if_modified(|clients| add_up_to(clients, most)) {
            return Err(NoPlace::Full(most));
        }
        let mut rooms = self.rooms.lock();
        if *self.closed.borrow() {
            drop(rooms);
            self.one_less();
            return Err(NoPlace::Closed);
        }
        let kept = rooms.by_job.entry(room.core.id).or_insert(Kept { room, until: None });
        let room = kept.room.clone();
        // In the lock, so that a room is not let go of meanwhile.
        let seat = room.sit();
        if !room.reach().ended {
            kept.until = None;
        } else if kept.until.is_none() {
            kept.until = self.tracker.clock().after(KEPT_FOR);
            self.set_timer(&mut rooms);
        }
        Ok(Attached { hub, room, seat })
    }

    /// The job of a room has ended, or its last client has gone: it is kept for some time.
    pub(super) fn keep_for_now(&self, job: JobId) {
        let clock = self.tracker.clock();
        let mut rooms = self.rooms.lock();
        let Some(kept) = rooms.by_job.get_mut(&job) else { return };
        if kept.until.is_some() || kept.room.clients() > 0 && !kept.room.reach().ended {
            return;
        }
        kept.until = clock.after(KEPT_FOR);
        let gone = rooms.sweep(clock.now());
        self.set_timer(&mut rooms);
        drop(rooms);
        let_go(gone);
    }

    fn set_timer(&self, rooms: &mut Rooms) {
        let clock = self.tracker.clock();
        let first = rooms.by_job.values().filter_map(|kept| kept.until).min();
        let before = match first {
            Some(at) => rooms.timer.replace(clock.arm(at, Arc::new(Sweeper(self.itself.clone())))),
            None => rooms.timer.take(),
        };
        if let Some(before) = before {
            clock.disarm(before);
        }
    }

    fn sweep(&self) {
        let mut rooms = self.rooms.lock();
        let gone = rooms.sweep(self.tracker.clock().now());
        self.set_timer(&mut rooms);
        drop(rooms);
        let_go(gone);
    }

    /// Has all clients go, now and from now on.
    pub(super) fn close(&self) {
        let mut rooms = self.rooms.lock();
        self.closed.send_replace(true);
        let gone: Vec<Arc<Room>> = rooms.by_job.drain().map(|(_, kept)| kept.room).collect();
        self.set_timer(&mut rooms);
        drop(rooms);
        let_go(gone);
    }

    pub(super) async fn closed(&self) {
        // The sender is this one's own: it is there.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn one_less(&self) {
        self.clients.send_modify(|clients| *clients -= 1);
    }

    /// Waits until there are no clients.
    pub(super) async fn without_clients(&self) {
        let _ = self.clients.subscribe().wait_for(|clients| *clients == 0).await;
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }
}

/// One more, if there are less than `most`.
fn add_up_to(clients: &mut usize, most: usize) -> bool {
    let is_room = *clients < most;
    *clients += usize::from(is_room);
    is_room
}

impl Rooms {
    /// Takes out those whose time is over, and the first of those that are too many.
    fn sweep(&mut self, now: Instant) -> Vec<Arc<Room>> {
        let ending = |(job, kept): (&JobId, &Kept)| kept.until.map(|until| (until, *job));
        let mut ending: Vec<(Instant, JobId)> = self.by_job.iter().filter_map(ending).collect();
        ending.sort_unstable();
        let too_many = ending.len().saturating_sub(MOST_KEPT);
        let due = ending.iter().filter(|(until, _)| *until <= now).count();
        let gone = ending.into_iter().take(too_many.max(due));
        gone.filter_map(|(_, job)| self.by_job.remove(&job)).map(|kept| kept.room).collect()
    }
}

/// The clients that are left go, and what the jobs hold is dropped, which is the user's: not here.
fn let_go(gone: Vec<Arc<Room>>) {
    if gone.is_empty() {
        return;
    }
    gone.iter().for_each(|room| room.close());
    // Without a thread it is dropped here, contained.
    let gone = Gone(gone);
    let _ = run_on_pool(move || drop(gone));
}

struct Gone(Vec<Arc<Room>>);

impl Drop for Gone {
    fn drop(&mut self) {
        for room in self.0.drain(..) {
            drop_contained("the drop of a job", room);
        }
    }
}

/// Rings when the first job is to be let go of.
struct Sweeper(Weak<Hub>);

impl Alarm for Sweeper {
    fn ring(self: Arc<Self>, _timer: Timer) {
        if let Some(hub) = self.0.upgrade() {
            hub.sweep();
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.hub.one_less();
        if self.room.leave(&mut self.seat) {
            self.hub.keep_for_now(self.room.core.id);
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(timer) = self.rooms.get_mut().timer.take() {
            self.tracker.clock().disarm(timer);
        }
    }
}
