//! The table of progress: each task's latest told value with the stamp of its publication (B2). Its owner guards it.

use std::sync::Arc;

use crate::meter::{Detail, Reading};
use crate::model::TaskId;

/// Small, so that one task that reports among many that do not makes little.
const PAGE: usize = 32;

/// When something was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    /// The publication that told it; 0 if none did.
    pub(crate) stamp: u64,
    /// The last lifecycle event before it.
    pub(crate) after: u64,
    /// The time, in microseconds since 1970.
    pub(crate) at: u64,
}

/// The latest progress of a task that was told.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) reading: Reading,
    pub(crate) when: When,
}

/// The same without details, in 32 bytes: there may be millions.
#[derive(Clone, Copy)]
struct Cell {
    /// NaN if there is none.
    value: f64,
    when: When,
}

const UNTOLD: Cell = Cell { value: f64::NAN, when: When { stamp: 0, after: 0, at: 0 } };

type Details = [Option<Arc<Detail>>; PAGE];

struct Page {
    newest: u64,
    /// How many tasks of the page have something told; without any, the page goes.
    told: usize,
    cells: [Cell; PAGE],
    /// Made for the first task that has some.
    details: Option<Box<Details>>,
}

impl Page {
    fn new() -> Box<Page> {
        Box::new(Page { newest: 0, told: 0, cells: [UNTOLD; PAGE], details: None })
    }

    fn shown(&self, at: usize) -> Option<Shown> {
        let Cell { value, when } = self.cells[at];
        let detail = || self.details.as_ref()?[at].clone();
        let progress = (!value.is_nan()).then_some(value);
        (when.stamp > 0).then(|| Shown { reading: Reading { progress, detail: detail() }, when })
    }

    #[inline]
    fn set(&mut self, at: usize, value: f64, when: When) {
        let cell = &mut self.cells[at];
        self.newest = self.newest.max(when.stamp);
        self.told += usize::from(when.stamp > 0);
        self.told -= usize::from(cell.when.stamp > 0);
        *cell = Cell { value, when };
    }

    fn set_detail(&mut self, at: usize, detail: Option<Arc<Detail>>) {
        if detail.is_some() || self.details.is_some() {
            self.details.get_or_insert_with(|| Box::new([const { None }; PAGE]))[at] = detail;
        }
    }
}

/// By task; pages in which no task has reported are not there.
#[derive(Default)]
pub(crate) struct Latest {
    pages: Vec<Option<Box<Page>>>,
}

impl Latest {
    pub(crate) fn get(&self, task: TaskId) -> Option<Shown> {
        self.pages.get(task.index() / PAGE)?.as_deref()?.shown(task.index() % PAGE)
    }

    /// What the task was told to be at; empty if nothing was told.
    pub(crate) fn reading(&self, task: TaskId) -> Reading {
        self.get(task).map(|shown| shown.reading).unwrap_or_default()
    }

    /// The publication that told the task's progress; 0 if none did.
    pub(crate) fn stamp(&self, task: TaskId) -> u64 {
        let page = self.pages.get(task.index() / PAGE).and_then(Option::as_deref);
        page.map_or(0, |page| page.cells[task.index() % PAGE].when.stamp)
    }

    pub(crate) fn set(&mut self, task: TaskId, reading: Reading, when: When) {
        let (page, at) = (self.page(task), task.index() % PAGE);
        page.set(at, reading.progress.unwrap_or(f64::NAN), when);
        page.set_detail(at, reading.detail);
    }

    /// Notes a value, which is a number, of a task that has no details, unless it was told before. Returns whether it did.
    #[inline]
    pub(crate) fn set_plain(&mut self, task: TaskId, value: f64, when: When) -> bool {
        let (page, at) = (self.page(task), task.index() % PAGE);
        let news = value != page.cells[at].value;
        if news {
            page.set(at, value, when);
        }
        news
    }

    #[inline]
    fn page(&mut self, task: TaskId) -> &mut Page {
        let number = task.index() / PAGE;
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        self.pages[number].get_or_insert_with(Page::new)
    }

    /// Forgets a task's progress: a new attempt starts with none.
    pub(crate) fn clear(&mut self, task: TaskId) {
        let Some(page) = self.pages.get_mut(task.index() / PAGE) else { return };
        if let Some(there) = page {
            there.set(task.index() % PAGE, UNTOLD.value, UNTOLD.when);
            there.set_detail(task.index() % PAGE, None);
            if there.told == 0 {
                *page = None;
            }
        }
    }

    /// What was told after the publication `stamp`, in the order of tasks.
    pub(crate) fn newer(&self, stamp: u64) -> impl Iterator<Item = (TaskId, Shown)> {
        let pages = self.pages.iter().enumerate();
        pages
            .filter_map(|(number, page)| Some((number, page.as_deref()?)))
            .filter(move |(_, page)| page.newest > stamp)
            .flat_map(move |(number, page)| {
                let newer = move |at: &usize| page.cells[*at].when.stamp > stamp;
                (0..PAGE).filter(newer).filter_map(move |at| {
                    Some((TaskId::new((number * PAGE + at) as u32), page.shown(at)?))
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_takes_32_bytes() {
        assert_eq!(size_of::<Cell>(), 32);
    }
}
