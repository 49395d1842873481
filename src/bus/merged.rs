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
/// nothing is told of a task after its end. Who comes late, or has missed windows, has all present progress as one window, which
/// may come after the job's end.
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::base::ManualClock;
    use crate::bus::{EventStream, Source as _, Start};
    use crate::job::Job;
    use crate::model::TaskId;

    /// What one reader has been told, and what holds for it.
    struct Told {
        stream: EventStream<Merged>,
        last: u64,
        values: HashMap<TaskId, f64>,
        ended: HashMap<TaskId, Option<f64>>,
    }

    impl Told {
        fn of(job: &Job) -> Told {
            let core = job.core();
            let (last, opened) = core.look(|ledger| {
                let last = ledger.last_seq();
                (last, ledger.open(Start::After(last), EventStream::<Merged>::mask()))
            });
            let stream = EventStream::joining(core.clone(), core.clock.clone(), opened);
            Told { stream, last, values: HashMap::new(), ended: HashMap::new() }
        }

        fn read(&mut self, most: usize) {
            for _ in 0..most {
                match self.stream.try_recv() {
                    None => return,
                    Some(Merged::Event(event)) => {
                        assert_eq!(event.seq(), Some(self.last + 1), "a gap or a repetition");
                        self.last += 1;
                        if let Event::TaskCompleted(completed) = event {
                            self.values.remove(&completed.task);
                            self.ended.insert(completed.task, completed.progress);
                        }
                    }
                    Some(Merged::Window(window)) => {
                        assert!(window.after <= self.last, "{} after {}", window.after, self.last);
                        for update in window.updates {
                            let task = update.task;
                            assert!(!self.ended.contains_key(&task), "{task} has ended");
                            self.values.insert(task, update.progress.unwrap());
                        }
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        #[test]
        fn windows_stand_between_the_events_around_them_and_have_the_latest_values(
            steps in prop::collection::vec((0u8..8, 0usize..30), 1..400),
        ) {
            let clock = ManualClock::new();
            let job = Job::builder("job").clock(clock.clock()).build().unwrap();
            let (mut live, mut values) = (Vec::new(), HashMap::new());
            let mut readers = vec![Told::of(&job)];
            for (n, (step, which)) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        let task = job.reporter("task").unwrap();
                        task.running().unwrap();
                        live.push(task);
                    }
                    1..=3 if !live.is_empty() => {
                        let task = &live[which % live.len()];
                        task.set_progress(n as f64);
                        values.insert(task.id(), n as f64);
                    }
                    4 if !live.is_empty() => {
                        let task = live.swap_remove(which % live.len());
                        task.complete(()).unwrap();
                    }
                    5 => clock.advance(Duration::from_millis(200)),
                    6 if readers.len() < 6 => readers.push(Told::of(&job)),
                    _ => {
                        let reader = which % readers.len();
                        readers[reader].read(which);
                    }
                }
            }
            clock.advance(Duration::from_millis(1_000));
            let last = job.core().moment().last_seq;
            for mut reader in readers {
                reader.read(usize::MAX);
                prop_assert_eq!(reader.last, last);
                for (task, value) in &values {
                    match reader.ended.get(task) {
                        Some(told) => prop_assert_eq!(told.as_ref(), Some(value)),
                        None if live.iter().any(|live| live.id() == *task) => {
                            prop_assert_eq!(reader.values.get(task), Some(value));
                        }
                        None => {}
                    }
                }
            }
        }
    }
}
