//! What is printed: a table for each comparison or a JSON object for each line of it, and the budgets at the end.

use std::cell::Cell;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::harness::{Case, table};

/// A line of a table.
pub(crate) struct Line {
    case: String,
    figure: f64,
    /// What else there is to say, by the column's name.
    more: Vec<(String, f64)>,
}

impl Line {
    pub(crate) fn new(case: impl Into<String>, figure: f64) -> Line {
        Line { case: case.into(), figure, more: Vec::new() }
    }

    pub(crate) fn of(case: &Case) -> Line {
        let (low, high) = case.quartiles();
        Line::new(&*case.name, case.median()).and("q1", low).and("q3", high)
    }

    pub(crate) fn figure(&self) -> f64 {
        self.figure
    }

    pub(crate) fn and(mut self, column: impl Into<String>, figure: f64) -> Line {
        self.more.push((column.into(), figure));
        self
    }
}

struct Budget {
    what: String,
    figure: f64,
    most: bool,
    limit: f64,
    unit: &'static str,
}

impl Budget {
    fn passes(&self) -> bool {
        if self.most { self.figure <= self.limit } else { self.figure >= self.limit }
    }
}

pub(crate) struct Report {
    json: bool,
    topic: &'static str,
    budgets: Vec<Budget>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Report {
        Report { json, topic: "", budgets: Vec::new() }
    }

    pub(crate) fn begin(&mut self, topic: &'static str) {
        self.topic = topic;
        if !self.json {
            println!("\n# {topic}");
        }
    }

    /// Prints figures of one unit; lines that lack a column of the others leave it empty.
    pub(crate) fn lines(&self, title: &str, unit: &str, lines: &[Line]) {
        if self.json {
            for line in lines {
                let mut object = Map::new();
                let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
                put("topic", json!(self.topic));
                put("table", json!(title));
                put("case", json!(line.case));
                put("unit", json!(unit));
                put("figure", json!(line.figure));
                for (column, figure) in &line.more {
                    if column.contains(" / ") {
                        put("ratio_is", json!(column));
                        put("ratio", json!(figure));
                    } else {
                        put(column, json!(figure));
                    }
                }
                println!("{}", Value::Object(object));
            }
            return;
        }
        let mut columns: Vec<&str> = Vec::new();
        for (column, _) in lines.iter().flat_map(|line| &line.more) {
            if !columns.contains(&&**column) {
                columns.push(column);
            }
        }
        let head = ["", unit].iter().chain(&columns).map(|column| (*column).to_owned()).collect();
        let cells = |line: &Line| {
            let cell = |column: &&str| {
                let found = line.more.iter().find(|(name, _)| name == column);
                found.map_or_else(String::new, |(_, figure)| short(*figure))
            };
            let first = [line.case.clone(), short(line.figure)];
            first.into_iter().chain(columns.iter().map(cell)).collect()
        };
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(lines.iter().map(cells)).collect();
        print!("{}", table(title, &rows));
    }

    /// Prints cases, each with how many times the time of `base` it takes, in the same round.
    pub(crate) fn cases(&self, title: &str, unit: &str, cases: &[Case], base: &str) {
        let base = cases.iter().find(|case| case.name == base);
        let line = |case: &Case| {
            let ratio = base.map_or(f64::NAN, |base| case.ratio_to(base));
            Line::of(case).and("ratio", ratio)
        };
        self.lines(title, unit, &cases.iter().map(line).collect::<Vec<_>>());
    }

    /// The figure may be `limit` at most.
    pub(crate) fn at_most(
        &mut self,
        what: impl Display,
        figure: f64,
        limit: f64,
        unit: &'static str,
    ) {
        let what = format!("{}: {what}", self.topic);
        self.budgets.push(Budget { what, figure, most: true, limit, unit });
    }

    /// The figure should be `limit` at least.
    pub(crate) fn at_least(
        &mut self,
        what: impl Display,
        figure: f64,
        limit: f64,
        unit: &'static str,
    ) {
        let what = format!("{}: {what}", self.topic);
        self.budgets.push(Budget { what, figure, most: false, limit, unit });
    }

    pub(crate) fn budgets(&self) {
        if self.json {
            for Budget { what, figure, most, limit, unit } in &self.budgets {
                let key = if *most { "at_most" } else { "at_least" };
                let passes = if *most { figure <= limit } else { figure >= limit };
                let line = json!({"budget": what, "figure": figure, "unit": unit, key: limit, "pass": passes});
                println!("{line}");
            }
            return;
        }
        let head = ["", "figure", "budget", ""].map(str::to_owned).to_vec();
        let row = |budget: &Budget| {
            let Budget { what, figure, most, limit, unit } = budget;
            let sign = if *most { "<=" } else { ">=" };
            let verdict = if budget.passes() { "pass" } else { "FAIL" };
            let limit = format!("{sign} {} {unit}", short(*limit));
            vec![what.clone(), short(*figure), limit, verdict.to_owned()]
        };
        let rows: Vec<_> = std::iter::once(head).chain(self.budgets.iter().map(row)).collect();
        print!("{}", table("# budgets", &rows));
    }
}

/// As many digits as mean something.
fn short(figure: f64) -> String {
    match figure.abs() {
        size if !size.is_finite() => "?".to_owned(),
        size if size >= 1000.0 || figure == 0.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 0.01 => format!("{figure:.2}"),
        _ => format!("{figure:.1e}"),
    }
}

/// Two cases of one run that gives two figures: the second takes what the first has put down.
pub(crate) fn two<'a>(
    names: [String; 2],
    threads: usize,
    mut run: impl FnMut() -> [f64; 2] + 'a,
) -> [Case<'a>; 2] {
    let second = Rc::new(Cell::new(f64::NAN));
    let put = second.clone();
    let [name, other] = names;
    let first = Case::new(name, threads, move || {
        let [figure, other] = run();
        put.set(other);
        figure
    });
    [first, Case::new(other, threads, move || second.get())]
}

const ROUNDS: usize = 101;

/// The median of some rounds, in microseconds.
pub(crate) fn median(mut round: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}
