//! What all benches share: interleaved rounds, medians with their spread, and a table or JSON of them.
//!
//! Cases are compared within one run only. A round runs each case once, so that what disturbs the machine disturbs all
//! of them; the median over the rounds is what counts, and the quartiles tell how much to trust it.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::fmt::Write as _;

/// One way of doing something. `run` does it once and returns nanoseconds (or whatever the table says) an operation.
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    pub(crate) threads: usize,
    run: Box<dyn FnMut() -> f64 + 'a>,
    samples: Vec<f64>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(
        name: impl Into<String>,
        threads: usize,
        run: impl FnMut() -> f64 + 'a,
    ) -> Case<'a> {
        Case { name: name.into(), threads, run: Box::new(run), samples: Vec::new() }
    }

    pub(crate) fn median(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }

    /// The lower and the upper quartile.
    pub(crate) fn quartiles(&self) -> (f64, f64) {
        (quantile(&self.samples, 0.25), quantile(&self.samples, 0.75))
    }

    /// The median over the rounds of this case's ratio to `base` in the same round.
    pub(crate) fn ratio_to(&self, base: &Case) -> f64 {
        let ratios: Vec<f64> =
            self.samples.iter().zip(&base.samples).map(|(mine, base)| mine / base).collect();
        quantile(&ratios, 0.5)
    }
}

/// Runs each case once to warm up, and then in each of `rounds` rounds.
pub(crate) fn interleave(rounds: usize, cases: &mut [Case]) {
    for case in cases.iter_mut() {
        (case.run)();
    }
    for _ in 0..rounds {
        for case in cases.iter_mut() {
            let sample = (case.run)();
            case.samples.push(sample);
        }
    }
}

pub(crate) fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// A table for people: columns as wide as their widest cell, the first one to the left, the others to the right.
pub(crate) fn table(title: &str, rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("\n{title}\n\n");
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = match column {
                0 => write!(text, "| {cell:<width$} "),
                _ => write!(text, "| {cell:>width$} "),
            };
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width + 1);
                let _ = match column {
                    0 => write!(text, "|{dashes}-"),
                    _ => write!(text, "|{dashes}:"),
                };
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Whether `name` was given on the command line.
pub(crate) fn flag(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}
