//! What the figures are held to. Says whether they keep to it, and leaves it at that.

use crate::calls::{Calls, Layout, SET};
use crate::end_to_end::{BROADCASTS, MILEPOST, PRODASH};
use crate::floor::FETCH_ADD_LOAD;
use crate::harness::Case;
use crate::peers::{ADVANCE, PRODASH_SET};

/// The rows of a table: what, the bound, the figure reached, and whether that is within.
pub(crate) fn rows(calls: &Calls, whole: &[Case]) -> Vec<Vec<String>> {
    let call = |name, layout| calls.get(name, layout).unwrap();
    let set = call(SET, Layout::One);
    let mut rows = vec![["budget", "bound", "reached", ""].map(String::from).to_vec()];
    let mut at_most = |what: &str, bound: f64, reached: f64| {
        rows.push(row(what, format!("<= {bound}"), reached, reached <= bound));
    };
    at_most("set_progress / (store + load), one thread", 1.25, set.ratio_to(calls.base()));
    at_most(
        "set_progress, two threads on two neighbours / one thread",
        1.3,
        call(SET, Layout::Neighbours).ratio_to(set),
    );
    at_most(
        "advance / (fetch_add + load), one thread",
        1.3,
        call(ADVANCE, Layout::One).ratio_to(call(FETCH_ADD_LOAD, Layout::One)),
    );
    if let Some(milepost) = whole.get(MILEPOST) {
        at_most("end to end, milepost / prodash", 0.3, milepost.ratio_to(&whole[PRODASH]));
        for other in BROADCASTS.map(|number| &whole[number]) {
            let what = format!("end to end, milepost / {}", other.name.replace("end to end, ", ""));
            at_most(&what, 0.01, milepost.ratio_to(other));
        }
    }
    let shared = call(PRODASH_SET, Layout::Shared).ratio_to(call(SET, Layout::Shared));
    let what = "prodash set / set_progress, two threads on one task";
    rows.push(row(what, ">= 13".into(), shared, shared >= 13.0));
    rows
}

fn row(what: &str, bound: String, reached: f64, kept: bool) -> Vec<String> {
    let verdict = if kept { "pass" } else { "FAIL" };
    vec![what.to_owned(), bound, format!("{reached:.4}"), verdict.to_owned()]
}
