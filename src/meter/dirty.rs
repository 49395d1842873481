//! Which slots to look at: a bitmap of three levels (page, group of 64 pages, region of 64 groups), marked bottom up
//! and taken top down. Knows no window and no clock.

use std::sync::Arc;

use super::page::{PAGE, Page, Reading, SlotRef};
use super::slot;
use super::window::{Owner, Signal};
use crate::base::Wakes;
use crate::base::sync::{AtomicU64, Ordering};

const GROUPS: usize = 64;
const PAGES: usize = GROUPS * 64;

/// Consecutive slots are placed this far apart, so that neighbours in time don't share a cache line. Odd, so that all
/// places of a page are used.
const STRIDE: usize = 11;

/// The upper two levels over 4,096 pages.
pub(super) struct Region {
    dirty: AtomicU64,
    groups: [AtomicU64; GROUPS],
    signal: Arc<Signal>,
}

impl Region {
    fn new(signal: Arc<Signal>) -> Region {
        Region {
            dirty: AtomicU64::new(0),
            groups: std::array::from_fn(|_| AtomicU64::new(0)),
            signal,
        }
    }

    /// Whose slots they are, if that is still there.
    pub(super) fn owner(&self) -> Option<Arc<dyn Owner>> {
        self.signal.owner()
    }

    /// Marks a page, bottom up, and has a window opened (M2). Each step is a read-modify-write even if its bit is set
    /// already: only so is it ordered with a flusher that takes the bit at the same time (M3).
    pub(super) fn mark(&self, page: usize) {
        self.set(page);
        self.signal.open();
    }

    fn set(&self, page: usize) {
        let group = page / 64;
        self.groups[group].fetch_or(1 << (page % 64), Ordering::AcqRel);
        self.dirty.fetch_or(1 << group, Ordering::AcqRel);
    }
}

/// The number of a slot in its meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotId(u32);

/// All slots of a job. Its owner guards it with a lock; reporters only touch the pages and regions.
#[derive(Default)]
pub(crate) struct Meter {
    regions: Vec<Arc<Region>>,
    /// A page goes when all its slots have ended.
    pages: Vec<Option<Arc<Page>>>,
    /// How many slots of each page have not ended or not been given out.
    open: Vec<u8>,
    next: u32,
}

impl Meter {
    /// A fresh slot for an attempt of the task `task` (M1), whose marks open windows by `signal`.
    pub(crate) fn attach(&mut self, task: u32, signal: &Arc<Signal>) -> (SlotId, SlotRef) {
        let id = SlotId(self.next);
        let (number, index) = place(id);
        if number == self.pages.len() {
            if number / PAGES == self.regions.len() {
                self.regions.push(Arc::new(Region::new(signal.clone())));
            }
            let region = self.regions[number / PAGES].clone();
            self.pages.push(Some(Arc::new(Page::new(region, number % PAGES))));
            self.open.push(PAGE as u8);
        }
        self.next += 1;
        // The newest page has a slot that was not given out, so it is there.
        let page = match &self.pages[number] {
            Some(page) => page.clone(),
            None => unreachable!("a page goes only when all its slots have ended"),
        };
        page.slot(index).assign(task);
        (id, SlotRef { page, index })
    }

    /// The slot, unless its attempt has ended.
    pub(crate) fn get(&self, id: SlotId) -> Option<SlotRef> {
        let (number, index) = place(id);
        let page = self.pages[number].clone()?;
        Some(SlotRef { page, index })
    }

    /// Ends the attempt of a slot and lets go of it. Returns what it says at last (M5), unless it has ended before.
    pub(crate) fn end(&mut self, id: SlotId, wakes: &mut Wakes) -> Option<Reading> {
        let (number, index) = place(id);
        let page = self.pages[number].as_ref()?;
        let last = page.read(index);
        page.end(index, wakes);
        self.open[number] -= 1;
        if self.open[number] == 0 {
            self.pages[number] = None;
        }
        Some(last)
    }

    /// Visits each marked slot, top down (M3). A slot for which `visit` returns true stays marked for the next window.
    pub(crate) fn sweep(&mut self, mut visit: impl FnMut(&Page, usize) -> bool) {
        for (region_number, region) in self.regions.iter().enumerate() {
            if region.dirty.load(Ordering::Relaxed) == 0 {
                continue;
            }
            for group in bits(region.dirty.swap(0, Ordering::AcqRel)) {
                for page in bits(region.groups[group].swap(0, Ordering::AcqRel)) {
                    let number = group * 64 + page;
                    let Some(page) = &self.pages[region_number * PAGES + number] else { continue };
                    let mut kept = 0;
                    for index in bits(page.dirty.swap(0, Ordering::AcqRel)) {
                        if !page.slot(index).has(slot::ENDED) && visit(page, index) {
                            kept |= 1 << index;
                        }
                    }
                    if kept != 0 {
                        page.dirty.fetch_or(kept, Ordering::AcqRel);
                        region.set(number);
                    }
                }
            }
        }
    }
}

fn place(id: SlotId) -> (usize, usize) {
    let id = id.0 as usize;
    (id / PAGE, id % PAGE * STRIDE % PAGE)
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then_some(word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(meter: &mut Meter, keep: bool) -> Vec<u32> {
        let mut tasks = Vec::new();
        meter.sweep(|page, index| {
            tasks.push(page.slot(index).task());
            keep
        });
        tasks.sort_unstable();
        tasks
    }

    #[test]
    fn a_sweep_visits_what_was_marked_and_keeps_what_it_is_told_to() {
        let (mut meter, signal) = (Meter::default(), Signal::unowned());
        let slots: Vec<_> = (0..300_000).map(|task| meter.attach(task, &signal)).collect();
        assert_eq!(swept(&mut meter, true), [0; 0]);
        for task in [0, 63, 64, 5_000, 262_143, 262_144, 299_999] {
            slots[task].1.set(1.0);
        }
        let marked = [0, 63, 64, 5_000, 262_143, 262_144, 299_999];
        assert_eq!(swept(&mut meter, true), marked);
        assert_eq!(swept(&mut meter, false), marked, "they were kept");
        assert_eq!(swept(&mut meter, false), [0; 0]);
    }

    #[test]
    fn a_page_goes_with_its_last_slot() {
        let (mut meter, signal) = (Meter::default(), Signal::unowned());
        let slots: Vec<_> = (0..PAGE as u32).map(|task| meter.attach(task, &signal)).collect();
        let page = Arc::downgrade(&slots[0].1.page);
        let ids: Vec<_> = slots.into_iter().map(|(id, _)| id).collect();
        for id in ids {
            assert!(page.upgrade().is_some());
            meter.end(id, &mut Wakes::default());
        }
        assert!(page.upgrade().is_none());
    }

    #[test]
    fn neighbours_are_placed_on_different_cache_lines() {
        let mut seen = [false; PAGE];
        for id in 0..PAGE as u32 {
            let (_, here) = place(SlotId(id));
            let (_, next) = place(SlotId((id + 1) % PAGE as u32));
            assert!(here.abs_diff(next) * size_of::<slot::Slot>() >= 128);
            assert!(!std::mem::replace(&mut seen[here], true));
        }
    }
}
