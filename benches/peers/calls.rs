//! The cases in which something is called flat out, and the tables of them. Knows not what is called.

use std::any::Any;
use std::rc::Rc;

use crate::harness::{Case, table};
use crate::load::{Load, Values};

/// All ratios are to it, on one thread.
pub(crate) const BASE: &str = "store + load";
/// Nothing: what all the others cost at least.
pub(crate) const LOOP: &str = "the loop alone";
pub(crate) const SET: &str = "milepost set_progress";

/// Who calls what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    One,
    Shared,
    Neighbours,
}

impl Layout {
    pub(crate) const ALL: [Layout; 3] = [Layout::One, Layout::Shared, Layout::Neighbours];

    fn title(self) -> &'static str {
        match self {
            Layout::One => "one thread",
            Layout::Shared => "two threads on one",
            Layout::Neighbours => "two threads on two",
        }
    }

    fn threads(self) -> usize {
        if self == Layout::One { 1 } else { 2 }
    }
}

#[derive(Default)]
pub(crate) struct Calls {
    pub(crate) cases: Vec<Case<'static>>,
    layouts: Vec<Layout>,
    kept: Vec<Box<dyn Any>>,
}

impl Calls {
    /// Adds the layouts of a call. With one target there is no other that two threads could call.
    pub(crate) fn add<T, V, F>(&mut self, name: &str, targets: Vec<T>, values: Values<V>, op: F)
    where
        T: Sync + 'static,
        V: Copy + Sync + 'static,
        F: Fn(&T, V) + Copy + Sync + 'static,
    {
        let (targets, values) = (Rc::new(targets), Rc::new(values));
        for layout in Layout::ALL {
            if layout == Layout::Neighbours && targets.len() < 2 {
                continue;
            }
            let (targets, values) = (targets.clone(), values.clone());
            let mut load = Load::default();
            let run = move || match layout {
                Layout::One => load.sample(&[&targets[0]], &values, op),
                Layout::Shared => load.sample(&[&targets[0], &targets[0]], &values, op),
                Layout::Neighbours => load.sample(&[&targets[0], &targets[1]], &values, op),
            };
            self.cases.push(Case::new(full_name(name, layout), layout.threads(), run));
            self.layouts.push(layout);
        }
    }

    /// Keeps what must live for as long as the calls.
    pub(crate) fn keep(&mut self, kept: impl Any) {
        self.kept.push(Box::new(kept));
    }

    pub(crate) fn base(&self) -> &Case<'static> {
        self.get(BASE, Layout::One).unwrap()
    }

    pub(crate) fn get(&self, name: &str, layout: Layout) -> Option<&Case<'static>> {
        let name = full_name(name, layout);
        self.cases.iter().find(|case| case.name == name)
    }

    /// How many times as long a loop of nothing takes on two threads: 1 if each had a core to itself.
    pub(crate) fn crowding(&self) -> f64 {
        let two = self.get(LOOP, Layout::Neighbours).unwrap();
        two.ratio_to(self.get(LOOP, Layout::One).unwrap())
    }

    pub(crate) fn table(&self, layout: Layout) -> String {
        let head = ["call", "ns", "quartiles", "x store + load"];
        let mut rows = vec![head.map(String::from).to_vec()];
        for (case, its) in self.cases.iter().zip(&self.layouts) {
            if *its == layout {
                let (lower, upper) = case.quartiles();
                let ratio = case.ratio_to(self.base());
                rows.push(vec![
                    short_name(case).to_owned(),
                    format!("{:.2}", case.median()),
                    format!("{lower:.2} - {upper:.2}"),
                    format!("{ratio:.2}"),
                ]);
            }
        }
        let title = match layout {
            Layout::One => "Calls on one thread",
            Layout::Shared => "Calls on two threads, both on one object (ns a call of each thread)",
            Layout::Neighbours => "Calls on two threads, each on its own object",
        };
        table(title, &rows)
    }

    /// How many times as much as `set_progress` the others cost.
    pub(crate) fn multiples(&self) -> String {
        let mut rows = vec![vec![String::from("call")]];
        rows[0].extend(Layout::ALL.map(|layout| layout.title().to_owned()));
        for (case, layout) in self.cases.iter().zip(&self.layouts) {
            if *layout == Layout::One {
                let name = short_name(case);
                let mut row = vec![name.to_owned()];
                row.extend(Layout::ALL.map(|layout| {
                    let (of, to) = (self.get(name, layout), self.get(SET, layout));
                    of.zip(to).map_or("-".into(), |(of, to)| format!("{:.2}", of.ratio_to(to)))
                }));
                rows.push(row);
            }
        }
        table("Multiples of set_progress", &rows)
    }
}

fn full_name(name: &str, layout: Layout) -> String {
    format!("{name}, {}", layout.title())
}

fn short_name<'a>(case: &'a Case) -> &'a str {
    case.name.rsplit_once(", ").map_or(&case.name, |(name, _)| name)
}
