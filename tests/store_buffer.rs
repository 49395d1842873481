//! Why the hot path of a report needs no fence (M2 to M5): all interleavings of writers with store buffers, as x86 has
//! them, and the flusher, by an exhaustive search. A model; what the code itself does is run by `tests/loom`.
//!
//! One slot is followed. A writer's store goes into its buffer and from there to memory at any later time; a load reads
//! memory, since nobody loads what he has in his buffer (flags change by read-modify-writes only, and those wait until the
//! buffer is empty). Each step of [`Step`] is one access to memory, or several in one lock.
//!
//! Time is in one place: the *axiom* (M4) that a store is visible half a window after it was issued. It is stated without
//! a clock: when a span of half a window begins, the stores that are buffered become due, and a window that closes after
//! the span closes with none of them left. The graph of states is finite though windows go on for ever.

use std::collections::{HashSet, VecDeque};

/// How the flusher leaves a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// As the code does (M4): an unchanged slot loses its flag and is read once more.
    ReadOnceMore,
    /// An unchanged slot loses its flag and is let go at once.
    LetGo,
    /// Every slot loses its flag, is then read and let go.
    ClearThenRead,
}

/// What is known of the time between two looks at a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axiom {
    /// Nothing.
    None,
    /// A window closes at least half a window after it was opened.
    SinceOpened,
    /// And at least half a window after the flush before it.
    SinceFlush,
}

#[derive(Debug, Clone, Copy)]
struct Protocol {
    leave: Leave,
    axiom: Axiom,
    /// A full fence between the writer's store and its load.
    writer_fence: bool,
    /// The compiler has moved the load before the store, which the code forbids it (M2).
    load_first: bool,
    /// The flag is cleared by a read-modify-write; else by a store that is buffered.
    clear_is_rmw: bool,
    /// The end of the attempt reads the slot (M5); none: the attempt doesn't end.
    end_reads: Option<bool>,
}

/// M2 to M4, as the code has them.
const AS_CODED: Protocol = Protocol {
    leave: Leave::ReadOnceMore,
    axiom: Axiom::SinceFlush,
    writer_fence: false,
    load_first: false,
    clear_is_rmw: true,
    end_reads: None,
};

const FENCED: Protocol =
    Protocol { leave: Leave::ClearThenRead, axiom: Axiom::None, writer_fence: true, ..AS_CODED };

/// Where a writer is in its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Store,
    Load,
    /// The load went first, and saw this.
    StoreLast {
        active: bool,
    },
    Raise,
    Mark,
    Open,
    Arm,
    End,
    Done,
}

/// Where the flusher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Flusher {
    Idle,
    Take,
    ClearFirst,
    Read,
    Tell,
    SeeActive,
    SeeCooling,
    LowerActive,
    RaiseCooling,
    LowerCooling { keep: bool },
    Keep { active: bool },
    Closed(Window),
}

/// The state of the signal; of a flush, what is left after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Window {
    Quiet,
    Open,
    Cooling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Buffered {
    value: u8,
    /// It is to be visible before the next window closes.
    due: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Core {
    at: Writer,
    reports_left: u8,
    next: u8,
    buffer: VecDeque<Buffered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    writers: Vec<Core>,
    value: u8,
    active: bool,
    cooling: bool,
    marked: bool,
    /// The flusher's own store buffer, which only a clearing by a plain store uses.
    clear_buffered: bool,
    window: Window,
    armed: bool,
    flusher: Flusher,
    read: u8,
    told: u8,
    ended: bool,
    /// The end came, and what had been stored before it was not told.
    lost_at_end: bool,
}

/// Who moved, for the trace.
#[derive(Debug, Clone, Copy)]
#[expect(dead_code, reason = "read by `Debug` alone")]
enum Step {
    Writes(usize, Writer),
    Drains(usize, u8),
    Flushes(Flusher),
    DrainsClear,
    /// A mark of another task opens the job's window.
    OpensElsewhere,
}

impl State {
    fn new(writers: usize, reports: u8) -> State {
        let core = |n| Core {
            at: Writer::Store,
            reports_left: reports,
            next: 10 * n as u8 + 1,
            buffer: VecDeque::new(),
        };
        State {
            writers: (0..writers).map(core).collect(),
            value: 0,
            active: false,
            cooling: false,
            marked: false,
            clear_buffered: false,
            window: Window::Quiet,
            armed: false,
            flusher: Flusher::Idle,
            read: 0,
            told: 0,
            ended: false,
            lost_at_end: false,
        }
    }

    /// Writers are done, all stores are visible, and nothing will be flushed any more.
    fn is_quiet(&self) -> bool {
        let done = |core: &Core| core.at == Writer::Done && core.buffer.is_empty();
        self.writers.iter().all(done)
            && self.flusher == Flusher::Idle
            && !self.armed
            && !self.clear_buffered
    }

    fn is_loss(&self) -> bool {
        self.lost_at_end || !self.ended && self.is_quiet() && self.told != self.value
    }

    /// All states that are one step away.
    fn successors(&self, protocol: Protocol) -> Vec<(Step, State)> {
        let mut found = Vec::new();
        for (n, core) in self.writers.iter().enumerate() {
            if let Some(Buffered { value, .. }) = core.buffer.front().copied() {
                let mut next = self.clone();
                next.writers[n].buffer.pop_front();
                next.value = value;
                found.push((Step::Drains(n, value), next));
            }
            if let Some(next) = self.write(n, protocol) {
                found.push((Step::Writes(n, core.at), next));
            }
        }
        if let Some(next) = self.flush(protocol) {
            found.push((Step::Flushes(self.flusher), next));
        }
        if self.clear_buffered {
            found.push((
                Step::DrainsClear,
                State { active: false, clear_buffered: false, ..self.clone() },
            ));
        }
        if self.window != Window::Open && !self.ended {
            let mut next = State { window: Window::Open, ..self.clone() };
            next.arm(protocol);
            found.push((Step::OpensElsewhere, next));
        }
        found
    }

    /// A span of half a window begins: what is buffered now will be visible after it.
    fn begin_span(&mut self) {
        self.writers
            .iter_mut()
            .flat_map(|core| &mut core.buffer)
            .for_each(|store| store.due = true);
    }

    fn arm(&mut self, protocol: Protocol) {
        self.armed = true;
        if protocol.axiom != Axiom::None {
            self.begin_span();
        }
    }

    /// `SlotRef::set`, `activate`, `Page::mark` and `Signal::open` (M2).
    fn write(&self, n: usize, protocol: Protocol) -> Option<State> {
        let mut next = self.clone();
        let core = &mut next.writers[n];
        let drained = core.buffer.is_empty();
        // One writer ends the attempt after its last report; what the others store may race with that.
        let last = if n == 0 && protocol.end_reads.is_some() { Writer::End } else { Writer::Done };
        let after_report = if core.reports_left > 1 { Writer::Store } else { last };
        match core.at {
            Writer::Store if protocol.load_first => {
                core.at = Writer::StoreLast { active: self.active };
                return Some(next);
            }
            Writer::StoreLast { active } => {
                core.buffer.push_back(Buffered { value: core.next, due: false });
                core.next += 1;
                core.at = if active { after_report } else { Writer::Raise };
            }
            Writer::Store => {
                core.buffer.push_back(Buffered { value: core.next, due: false });
                core.next += 1;
                core.at = Writer::Load;
                return Some(next);
            }
            Writer::Load if protocol.writer_fence && !drained => return None,
            Writer::Load if !self.active => {
                core.at = Writer::Raise;
                return Some(next);
            }
            Writer::Load => core.at = after_report,
            Writer::Raise | Writer::Mark | Writer::Open | Writer::End if !drained => return None,
            Writer::Raise => {
                core.at = if self.active { after_report } else { Writer::Mark };
                next.active = true;
            }
            Writer::Mark => {
                core.at = Writer::Open;
                next.marked = true;
            }
            Writer::Open => {
                core.at = if self.window == Window::Open { after_report } else { Writer::Arm };
                next.window = Window::Open;
            }
            Writer::Arm => {
                core.at = after_report;
                next.arm(protocol);
            }
            // In the ledger's critical section, as a flush is (M5).
            Writer::End if self.flusher != Flusher::Idle => return None,
            Writer::End => {
                core.at = Writer::Done;
                if protocol.end_reads == Some(true) {
                    next.told = self.value;
                }
                next.ended = true;
                next.lost_at_end = next.told != self.value;
                return Some(next);
            }
            Writer::Done => return None,
        }
        let core = &mut next.writers[n];
        if core.at == after_report {
            core.reports_left -= 1;
        }
        Some(next)
    }

    /// `Signal::closing`, `Meter::sweep`, `Visit::leave` and `Signal::closed` (M3, M4).
    fn flush(&self, protocol: Protocol) -> Option<State> {
        let mut next = self.clone();
        next.flusher = match self.flusher {
            Flusher::Idle => {
                let due = self.writers.iter().flat_map(|core| &core.buffer).any(|store| store.due);
                if !self.armed || due {
                    return None;
                }
                next.armed = false;
                next.window = Window::Quiet;
                Flusher::Take
            }
            Flusher::Take => {
                next.marked = false;
                match protocol.leave {
                    _ if !self.marked || self.ended => Flusher::Closed(Window::Quiet),
                    Leave::ClearThenRead => Flusher::ClearFirst,
                    Leave::ReadOnceMore | Leave::LetGo => Flusher::Read,
                }
            }
            Flusher::ClearFirst => {
                next.active &= !protocol.clear_is_rmw;
                next.clear_buffered = !protocol.clear_is_rmw;
                Flusher::Read
            }
            Flusher::Read => {
                next.read = self.value;
                Flusher::Tell
            }
            Flusher::Tell => {
                let changed = self.read != self.told;
                next.told = self.read;
                match protocol.leave {
                    Leave::ClearThenRead => Flusher::Closed(Window::Quiet),
                    _ if changed => Flusher::LowerCooling { keep: true },
                    _ => Flusher::SeeActive,
                }
            }
            Flusher::SeeActive if self.active => Flusher::LowerActive,
            Flusher::SeeActive => Flusher::SeeCooling,
            Flusher::SeeCooling if self.cooling => Flusher::LowerCooling { keep: false },
            Flusher::SeeCooling => Flusher::LowerActive,
            Flusher::LowerActive => {
                next.active = false;
                match protocol.leave {
                    Leave::LetGo => Flusher::Closed(Window::Quiet),
                    _ => Flusher::RaiseCooling,
                }
            }
            Flusher::RaiseCooling => {
                next.cooling = true;
                Flusher::Keep { active: false }
            }
            Flusher::LowerCooling { keep } => {
                next.cooling = false;
                if keep { Flusher::Keep { active: true } } else { Flusher::Closed(Window::Quiet) }
            }
            Flusher::Keep { active } => {
                next.marked = true;
                Flusher::Closed(if active { Window::Open } else { Window::Cooling })
            }
            Flusher::Closed(rest) => {
                if rest != Window::Quiet && self.window == Window::Quiet {
                    next.window = rest;
                    next.arm(protocol);
                }
                if rest != Window::Quiet && protocol.axiom == Axiom::SinceFlush {
                    next.begin_span();
                }
                Flusher::Idle
            }
        };
        Some(next)
    }
}

/// Searches all that can happen, breadth first. Returns how many states there are, or the shortest way to a loss.
fn explore(protocol: Protocol, writers: usize, reports: u8) -> Result<usize, Vec<Step>> {
    let start = State::new(writers, reports);
    let mut seen = HashSet::from([start.clone()]);
    let mut states = vec![(start, None)];
    let mut at = 0;
    while let Some((state, _)) = states.get(at) {
        if state.is_loss() {
            let mut trace = Vec::new();
            let mut back = at;
            while let Some((step, before)) = states[back].1 {
                trace.push(step);
                back = before;
            }
            trace.reverse();
            return Err(trace);
        }
        for (step, next) in state.successors(protocol) {
            if seen.insert(next.clone()) {
                states.push((next, Some((step, at))));
            }
        }
        at += 1;
    }
    Ok(states.len())
}

fn holds(protocol: Protocol, sizes: &[(usize, u8)]) {
    for &(writers, reports) in sizes {
        match explore(protocol, writers, reports) {
            Ok(states) => {
                println!("{writers} writers, {reports} reports: {states} states, no loss")
            }
            Err(trace) => panic!("{protocol:?} loses with {writers} writers: {trace:#?}"),
        }
    }
}

/// A model that finds no loss proves little unless it finds those that are there.
fn loses(protocol: Protocol) {
    match explore(protocol, 1, 2) {
        Ok(states) => panic!("{protocol:?} loses nothing in {states} states"),
        Err(trace) => println!("a loss in {} steps: {trace:?}", trace.len()),
    }
}

#[test]
fn nothing_is_lost_by_one_who_reads_once_more() {
    holds(AS_CODED, &[(1, 1), (1, 6), (2, 2)]);
}

#[test]
fn without_the_axiom_it_is_lost() {
    loses(Protocol { axiom: Axiom::None, ..AS_CODED });
}

#[test]
fn without_the_second_look_it_is_lost() {
    loses(Protocol { leave: Leave::LetGo, ..AS_CODED });
    loses(Protocol { leave: Leave::ClearThenRead, ..AS_CODED });
    loses(Protocol { leave: Leave::ClearThenRead, axiom: Axiom::None, ..AS_CODED });
}

/// A mark that comes during a flush opens a window, and a flush may take longer than that: its close must still leave
/// the stores half a window from the flush.
#[test]
fn a_second_look_right_after_the_first_loses() {
    loses(Protocol { axiom: Axiom::SinceOpened, ..AS_CODED });
}

/// One who is stopped between the two for as long as it takes stores what nobody looks for.
#[test]
fn a_load_before_the_store_loses() {
    loses(Protocol { load_first: true, ..AS_CODED });
}

#[test]
fn with_a_fence_neither_the_axiom_nor_a_second_look_is_needed() {
    holds(FENCED, &[(1, 1), (1, 6), (2, 2)]);
}

#[test]
fn a_fence_on_one_side_alone_loses() {
    loses(Protocol { writer_fence: false, ..FENCED });
    loses(Protocol { clear_is_rmw: false, ..FENCED });
}

/// A fence doesn't help one who reads first and clears the flag then.
#[test]
fn with_a_fence_the_flag_goes_before_the_read() {
    loses(Protocol { leave: Leave::LetGo, ..FENCED });
}

#[test]
fn the_end_of_the_attempt_loses_nothing_by_whatever_protocol() {
    for axiom in [Axiom::None, Axiom::SinceOpened, Axiom::SinceFlush] {
        for leave in [Leave::ReadOnceMore, Leave::LetGo, Leave::ClearThenRead] {
            holds(Protocol { axiom, leave, end_reads: Some(true), ..AS_CODED }, &[(1, 4)]);
        }
    }
    // The other writer isn't waited for: what it stores may come before the end or after it.
    holds(Protocol { axiom: Axiom::None, end_reads: Some(true), ..AS_CODED }, &[(2, 2)]);
}

#[test]
fn an_end_that_does_not_read_the_slot_loses() {
    loses(Protocol { end_reads: Some(false), ..AS_CODED });
    loses(Protocol { end_reads: Some(false), ..FENCED });
}
