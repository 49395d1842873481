//! What a user takes in with the crate: few crates, all under licences that go with its own.

use std::collections::BTreeSet;
use std::process::Command;

const MOST_CRATES: usize = 45;

/// Any of these will do.
const LICENCES: &[&str] =
    &["MIT", "Apache-2.0", "ISC", "CC0-1.0", "BSD-2-Clause", "BSD-3-Clause", "Zlib", "Unicode-3.0"];

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

/// The crates of a build with these arguments, each with its licence.
fn crates(arguments: &[&str]) -> BTreeSet<String> {
    let tree = ["tree", "-e", "normal", "--prefix", "none", "--format", "{p} = {l}"];
    let tree = cargo(&[&tree, arguments].concat());
    let line = |line: &str| line.replace(" (*)", "").replace(" (proc-macro)", "");
    tree.lines().map(line).filter(|line| !line.starts_with("milepost ")).collect()
}

#[test]
fn the_default_build_is_light() {
    let all = crates(&[]);
    assert!(all.len() < MOST_CRATES, "{} crates:\n{all:#?}", all.len());
}

#[test]
fn without_default_features_there_is_no_tokio() {
    let all = crates(&["--no-default-features"]);
    assert!(!all.iter().any(|line| line.starts_with("tokio ")), "{all:#?}");
    assert!(crates(&[]).iter().any(|line| line.starts_with("tokio ")));
}

#[test]
fn licences_go_with_the_crates_own() {
    for line in crates(&["--all-features"]) {
        let (name, licence) = line.split_once(" = ").expect("a crate with its licence");
        // All that are joined by AND must be fine, one of those joined by OR.
        let fine = |term: &str| {
            let mut any = term.split(" OR ").flat_map(|term| term.split('/'));
            any.any(|licence| LICENCES.contains(&licence.trim_matches(['(', ')', ' '])))
        };
        assert!(licence.split(" AND ").all(fine), "{name} is under {licence}");
    }
}
