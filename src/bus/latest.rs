//! The table of progress: each task's latest told value with the stamp of its publication (B2). Its owner guards it.

use crate::meter::Reading;
use crate::model::TaskId;

const PAGE: usize = 64;

/// The latest progress of a task that was told.
#[derive(Default, Clone)]
pub(crate) struct Shown {
    pub(crate) reading: Reading,
    /// The publication that told it; 0 if none did.
    pub(crate) stamp: u64,
    pub(crate) attempt: u32,
    /// The last lifecycle event before it was told.
    pub(crate) after: u64,
    /// When it was told, in microseconds since 1970.
    pub(crate) at: u64,
}

struct Page {
    newest: u64,
    /// How many tasks of the page have something told; without any, the page goes.
    told: usize,
    shown: [Shown; PAGE],
}

/// By task; pages in which no task has reported are not there.
#[derive(Default)]
pub(crate) struct Latest {
    pages: Vec<Option<Box<Page>>>,
}

impl Latest {
    pub(crate) fn get(&self, task: TaskId) -> Option<&Shown> {
        let page = self.pages.get(task.index() / PAGE)?.as_deref()?;
        Some(&page.shown[task.index() % PAGE]).filter(|shown| shown.stamp > 0)
    }

    /// What the task was told to be at; empty if nothing was told.
    pub(crate) fn reading(&self, task: TaskId) -> Reading {
        self.get(task).map(|shown| shown.reading.clone()).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, task: TaskId, shown: Shown) {
        let number = task.index() / PAGE;
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        let page = self.pages[number].get_or_insert_with(|| {
            Box::new(Page { newest: 0, told: 0, shown: std::array::from_fn(|_| Shown::default()) })
        });
        page.newest = page.newest.max(shown.stamp);
        let place = &mut page.shown[task.index() % PAGE];
        page.told += usize::from(shown.stamp > 0);
        page.told -= usize::from(place.stamp > 0);
        *place = shown;
    }

    /// Forgets a task's progress: a new attempt starts with none.
    pub(crate) fn clear(&mut self, task: TaskId) {
        let Some(page) = self.pages.get_mut(task.index() / PAGE) else { return };
        if let Some(there) = page {
            let before = std::mem::take(&mut there.shown[task.index() % PAGE]);
            there.told -= usize::from(before.stamp > 0);
            if there.told == 0 {
                *page = None;
            }
        }
    }

    /// What was told after the publication `stamp`, in the order of tasks.
    pub(crate) fn newer(&self, stamp: u64) -> impl Iterator<Item = (TaskId, &Shown)> {
        let pages = self.pages.iter().enumerate();
        pages
            .filter_map(|(number, page)| Some((number, page.as_deref()?)))
            .filter(move |(_, page)| page.newest > stamp)
            .flat_map(|(number, page)| {
                let base = number * PAGE;
                let ids = (base..).map(|index| TaskId::new(index as u32));
                ids.zip(&page.shown)
            })
            .filter(move |(_, shown)| shown.stamp > stamp)
    }
}
