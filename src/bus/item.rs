//! What a reader gives to a stream, which makes an event of it.

use super::latest::{Shown, When};
use super::notice::Update;
use super::record::Packed;
use crate::meter::Reading;
use crate::model::{JobProgress, TaskId};

/// What a reader reads.
pub(crate) enum Item {
    Record(u64, Packed),
    Progress(Told),
    Window(Box<WindowItem>),
}

/// What can be given without a detour, as it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Quick {
    Record(u64, Packed),
    /// A task's value, of its first attempt and without details.
    Plain(When, TaskId, f64),
}

/// A window on its way to a reader.
pub(crate) struct WindowItem {
    pub(crate) at: u64,
    pub(crate) after: u64,
    pub(crate) told: Vec<Told>,
    pub(crate) progress: JobProgress,
}

/// A task's progress on its way to a reader.
pub(crate) struct Told {
    pub(crate) task: TaskId,
    pub(crate) attempt: u32,
    pub(crate) at: u64,
    pub(crate) after: u64,
    pub(crate) reading: Reading,
}

impl Told {
    #[inline]
    pub(super) fn update(when: When, update: Update) -> Told {
        let Update { task, attempt, reading } = update;
        Told { task, attempt, at: when.at, after: when.after, reading }
    }

    pub(super) fn shown((task, attempt, shown): (TaskId, u32, Shown)) -> Told {
        let Shown { reading, when } = shown;
        Told { task, attempt, at: when.at, after: when.after, reading }
    }
}
