//! HTCondor's tools, played by shell scripts: they note what they were called with, and print what they were told to.
#![allow(clippy::unwrap_used, reason = "what unwraps none fails its test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use milepost::condor::Pool;
use tempfile::TempDir;

/// A folder of tools that are none.
pub(crate) struct Tools(TempDir);

/// Notes its words, by one write as others look and note theirs, and what it can read; then says and ends as the files beside it say.
const TOOL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 99
name=$(basename "$0")
line=$name
for word in "$@"; do line="$line|$word"; done
printf '%s\n' "$line" >> calls
cat > "$name.in"
[ -e "$name.do" ] && . "./$name.do"
[ -e "$name.out" ] && cat "$name.out"
[ -e "$name.err" ] && cat "$name.err" >&2
[ -e "$name.code" ] && exit "$(cat "$name.code")"
exit 0
"#;

const NAMES: &[&str] = &[
    "condor_submit",
    "condor_submit_dag",
    "condor_q",
    "condor_history",
    "condor_hold",
    "condor_release",
    "condor_rm",
    "condor_vacate_job",
    "condor_suspend",
    "condor_continue",
];

impl Tools {
    pub(crate) fn new() -> Tools {
        let tools = Tools(tempfile::tempdir().unwrap());
        let first = tools.path("condor_tool");
        fs::write(&first, TOOL).unwrap();
        fs::set_permissions(&first, fs::Permissions::from_mode(0o755)).unwrap();
        for name in NAMES {
            fs::hard_link(&first, tools.path(name)).unwrap();
        }
        tools
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn pool(&self) -> Pool {
        Pool::new().tools_in(self.0.path())
    }

    /// What a tool prints from now on.
    pub(crate) fn says(&self, tool: &str, text: &str) {
        self.put(&format!("{tool}.out"), text);
    }

    /// What it complains of, with its exit code.
    pub(crate) fn fails(&self, tool: &str, code: u8, text: &str) {
        self.put(&format!("{tool}.err"), text);
        self.put(&format!("{tool}.code"), &code.to_string());
    }

    /// From now on it doesn't.
    pub(crate) fn recovers(&self, tool: &str) {
        for part in ["err", "code"] {
            _ = fs::remove_file(self.path(format!("{tool}.{part}")));
        }
    }

    /// What it does, in shell.
    pub(crate) fn does(&self, tool: &str, script: &str) {
        self.put(&format!("{tool}.do"), script);
    }

    /// Whole at any moment, as a tool may be reading it.
    fn put(&self, name: &str, text: &str) {
        let new = self.path(format!("{name}.new"));
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }

    /// What a tool has read.
    pub(crate) fn read(&self, tool: &str) -> String {
        fs::read_to_string(self.path(format!("{tool}.in"))).unwrap()
    }

    /// All calls up to now, as `condor_hold|-long|7`.
    pub(crate) fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// The calls since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        let calls = self.calls();
        _ = fs::remove_file(self.path("calls"));
        calls
    }
}
