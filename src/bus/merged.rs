//! What streams within the crate are of besides events: lifecycle events alone, and those with whole windows between them.
//! Knows no reader's way.

use super::item::Item;
use super::reader::Reader;
use super::source::mask;
use super::stream::{at_seq, sealed::Make};
use crate::model::{Event, ProgressWindow};

/// A lifecycle event.
pub(crate) struct Lifecycle(pub(crate) Event);

/// A lifecycle event, or the progress of a window: it stands after the lifecycle events that came before it, and before those
/// after it (B3). The last progress of a task is not in a window but in its [`TaskCompleted`](crate::TaskCompleted), so that
/// nothing is told of a task after its end. Who comes late has all present progress as one window.
pub(crate) enum Merged {
    Event(Event),
    Window(ProgressWindow),
}

impl Make for Lifecycle {
    const MASK: u16 = mask::LIFECYCLE;

    fn position(&self) -> u64 {
        at_seq(self.0.seq().unwrap_or_default())
    }

    fn of(reader: &Reader, item: Item) -> Lifecycle {
        Lifecycle(Event::of(reader, item))
    }
}

impl Make for Merged {
    const MASK: u16 = mask::LIFECYCLE | mask::WINDOW;

    fn position(&self) -> u64 {
        match self {
            Merged::Event(event) => event.position(),
            Merged::Window(window) => window.position(),
        }
    }

    fn of(reader: &Reader, item: Item) -> Merged {
        match item {
            Item::Window(_) => Merged::Window(ProgressWindow::of(reader, item)),
            _ => Merged::Event(Event::of(reader, item)),
        }
    }
}
