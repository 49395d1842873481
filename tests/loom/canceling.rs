//! Waiting for a cancellation against the request (G11): whoever waits is woken. The flag and the waker are in two places
//! here, the slot's flags and the page's lock, so that the order in which each side touches them matters.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::base::sync::Mutant;
use crate::base::{WakerKey, Wakes};
use crate::checker::{ASLEEP, Bell, Model, Side, race};
use crate::ledger::{Flaw, Job};
use crate::meter::{Progress, STOPS, SlotRef, Stops};

pub(crate) const MODELS: &[Model] = &[
    Model::holds("one_who_waits_for_a_cancellation_is_woken", 4, one),
    Model::holds("two_who_wait_for_the_end_are_woken", 2, two),
    Model::holds("an_attempt_that_ignores_the_request_to_stop_is_woken_by_its_end", 3, end),
    Model::fails("mutant_the_waker_is_registered_once_a_request", ASLEEP, Mutant::None, end_once),
    Model::fails("mutant_a_look_before_the_waker_is_registered", ASLEEP, Mutant::None, look_first),
];

fn wait(progress: &Progress) -> Side {
    let progress = progress.clone();
    Box::new(move || {
        let bell = Bell::new();
        let waker = Waker::from(bell.clone());
        let mut canceled = pin!(progress.canceled());
        while canceled.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Pending {
            bell.wait();
        }
    })
}

/// As `Progress::canceled`, the wrong way round.
fn wait_carelessly(progress: &Progress) -> Side {
    let slot = progress.slot().unwrap().clone();
    Box::new(move || {
        let bell = Bell::new();
        let mut key = WakerKey::default();
        while !slot.is_canceled() {
            slot.watch(STOPS, &mut key, &Waker::from(bell.clone()));
            bell.wait();
        }
        slot.unwatch(&mut key);
    })
}

fn ask(job: &Job, progress: &Progress, ask: fn(&SlotRef, &mut Wakes)) -> Side {
    let (clock, slot) = (job.clock.clone(), progress.slot().unwrap().clone());
    Box::new(move || {
        let mut wakes = Wakes::default();
        ask(&slot, &mut wakes);
        wakes.wake(&clock);
    })
}

fn one() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    race(vec![wait(&task), ask(&job, &task, SlotRef::cancel)]);
}

fn two() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    race(vec![wait(&task), wait(&task), ask(&job, &task, |slot, wakes| _ = slot.force(wakes))]);
}

fn look_first() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    race(vec![wait_carelessly(&task), ask(&job, &task, SlotRef::cancel)]);
}

/// An attempt whose code waits for something else.
fn attempt(progress: &Progress, mut watch: impl FnMut(&SlotRef, &Waker) + 'static) -> Side {
    let slot = progress.slot().unwrap().clone();
    Box::new(move || {
        let bell = Bell::new();
        let waker = Waker::from(bell.clone());
        while !slot.is_ended() {
            watch(&slot, &waker);
            if slot.is_ended() {
                break;
            }
            bell.wait();
        }
    })
}

fn ask_and_force(job: &Job, progress: &Progress) -> Side {
    let cancel = ask(job, progress, SlotRef::cancel);
    let force = ask(job, progress, |slot, wakes| _ = slot.force(wakes));
    Box::new(move || {
        cancel();
        force();
    })
}

fn end() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    let mut stops = Stops::default();
    let attempt = attempt(&task, move |slot, waker| stops.watch(slot, waker));
    race(vec![attempt, ask_and_force(&job, &task)]);
}

/// As `Stops`, but for a request that was seen it registers the waker only once.
fn end_once() {
    let job = Job::new(Flaw::None);
    let task = job.task();
    let (mut key, mut seen) = (WakerKey::default(), None);
    let attempt = attempt(&task, move |slot, waker| {
        let canceled = slot.is_canceled();
        if seen.replace(canceled) != Some(canceled) {
            slot.watch(STOPS, &mut key, waker);
        }
    });
    race(vec![attempt, ask_and_force(&job, &task)]);
}
