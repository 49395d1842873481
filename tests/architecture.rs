//! The layout holds: imports go downward only, files are small and say what they own.
//!
//! Layers, from the bottom: `model` and `base`, `meter`, `bus`, `job`, on it `scheduler` and `command`, and on all of them `cli`.

#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder of `src` with those it may import from, itself apart.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("bin", &[]),
    ("model", &[]),
    ("base", &[]),
    ("meter", &["model", "base"]),
    ("bus", &["model", "base", "meter"]),
    ("job", &["model", "base", "meter", "bus"]),
    ("scheduler", &["model", "base", "meter", "bus", "job"]),
    ("event_log", &["model", "base", "bus", "job"]),
    ("command", &["model", "base", "meter", "job"]),
    ("condor", &["model", "base", "meter", "bus", "job", "event_log"]),
    (
        "cli",
        &[
            "model",
            "base",
            "meter",
            "bus",
            "job",
            "scheduler",
            "command",
            "condor",
            "event_log",
            "tracker",
            "view",
        ],
    ),
    ("tracker", &["model", "base", "bus", "job"]),
    ("telemetry", &["model", "base", "bus", "job"]),
    ("view", &["model", "base", "bus", "job", "tracker"]),
];

/// Lines without tests.
const LONGEST_FILE: usize = 500;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Each source file by its path below `src`, with its text.
fn files() -> BTreeMap<String, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&src).expect("below src").display().to_string();
        (name, fs::read_to_string(&path).expect("a source file"))
    };
    found.into_iter().map(read).collect()
}

/// The part of a file before its tests, without comments.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    code.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

/// The names that follow `crate::` in a file, as folders.
fn imports(code: &str) -> Vec<String> {
    let name = |rest: &str| -> String {
        rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    code.split("crate::").skip(1).map(name).collect()
}

#[test]
fn imports_go_downward_only() {
    for (file, text) in files() {
        let Some((folder, _)) = file.split_once('/') else { continue };
        let (_, allowed) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == folder)
            .unwrap_or_else(|| panic!("src/{folder} has no place in the layout"));
        for import in imports(&code(&text)) {
            assert!(
                import == folder || allowed.contains(&import.as_str()),
                "src/{file} imports from `crate::{import}`, which is not below `{folder}`"
            );
        }
    }
}

#[test]
fn files_are_of_a_size_to_be_read() {
    for (file, text) in files() {
        let lines = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().lines().count();
        assert!(lines <= LONGEST_FILE, "src/{file} has {lines} lines");
    }
}

#[test]
fn files_say_what_they_own() {
    for (file, text) in files() {
        assert!(text.starts_with("//!"), "src/{file} doesn't open with `//!`");
    }
}

#[test]
fn mod_files_hold_no_code() {
    for (file, text) in files() {
        if !(file.ends_with("mod.rs") || file == "lib.rs") {
            continue;
        }
        for item in ["fn ", "struct ", "enum ", "trait ", "impl ", "impl<", "static ", "const "] {
            let found = code(&text).lines().any(|line| line.trim_start().starts_with(item));
            assert!(!found, "src/{file} has more than docs, `mod` and `pub use`: {item}");
        }
    }
}

#[test]
fn only_the_scheduler_and_the_web_server_are_on_tokio() {
    for (file, text) in files() {
        let on_tokio = code(&text).contains("tokio::");
        let served = file.starts_with("view/web/") || file == "cli/page.rs";
        let may = file.starts_with("scheduler/") || served;
        assert!(!on_tokio || may, "src/{file} uses tokio");
    }
}

#[test]
fn only_the_clock_reads_the_clock() {
    for (file, text) in files() {
        for call in ["Instant::now", "SystemTime::now", "thread::sleep", "time::sleep"] {
            let calls = code(&text).contains(call);
            assert!(!calls || file == "base/clock.rs", "src/{file} calls {call}");
        }
    }
}

#[test]
fn features_gate_whole_modules_where_they_are_declared() {
    for (file, text) in files() {
        let gated = code(&text).contains("feature = ");
        assert!(
            !gated || file == "lib.rs" || file.ends_with("/mod.rs"),
            "src/{file} has a feature gate"
        );
    }
}

#[test]
fn there_is_no_unsafe_code() {
    for (file, text) in files() {
        assert!(!code(&text).contains("unsafe "), "src/{file} has unsafe code");
    }
}
