//! Placeholder.

mod harness;

fn main() {}
