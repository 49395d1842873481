//! Runs the example `checksum` as a process and compares it with `find` and `sha256sum`.
#![cfg(all(target_os = "linux", feature = "local"))]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// SHA-256 of nothing, of `abc`, and of three million times `a`.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const BIG: &str = "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4";

/// A directory of its own for each test, removed at its end.
struct Dir(PathBuf);

impl Dir {
    fn new(test: &str) -> Dir {
        let name = format!("checksum-{test}-{}", std::process::id());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&dir).expect("a directory can be made");
        Dir(dir)
    }

    fn add(&self, name: impl AsRef<OsStr>, contents: &[u8]) {
        fs::write(self.0.join(name.as_ref()), contents).expect("a file can be written");
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Cargo builds examples along with tests, and puts them beside the directory of this program.
fn checksum() -> Command {
    let test = std::env::current_exe().expect("a test knows where it is");
    let target = test.ancestors().nth(2).expect("it is in target/PROFILE/deps");
    let example = target.join("examples/checksum");
    assert!(
        example.is_file(),
        "{} is not built: run `cargo build --example checksum`",
        example.display()
    );
    let mut command = Command::new(example);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    checksum().args(args).output().expect("the example can be run")
}

fn sorted(out: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = out
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| line.escape_ascii().to_string())
        .collect();
    lines.sort();
    lines
}

fn text(out: &[u8]) -> String {
    String::from_utf8_lossy(out).into_owned()
}

#[test]
fn digests_come_in_the_format_of_sha256sum() {
    let dir = Dir::new("format");
    let odd = OsString::from_vec(b"\xff not UTF-8".to_vec());
    fs::create_dir(dir.0.join("sub dir")).expect("a directory can be made");
    dir.add("empty", b"");
    dir.add("sub dir/with spaces ", b"abc");
    dir.add("back\\slash", b"abc");
    dir.add("new\nline", b"abc");
    dir.add("carriage\rreturn", b"abc");
    dir.add("tab\tstop", b"abc");
    dir.add(&odd, b"abc");
    dir.add("-dash", b"abc");
    dir.add("big", &vec![b'a'; 3_000_000]);
    // Neither of these is a regular file.
    symlink("big", dir.0.join("link to a file")).expect("a link can be made");
    symlink("sub dir", dir.0.join("link to a directory")).expect("a link can be made");

    let path = dir.0.as_os_str().as_bytes();
    let line = |escaped: &[u8], digest: &str, name: &[u8]| {
        [escaped, digest.as_bytes(), b"  ", path, b"/", name, b"\n"].concat()
    };
    let expected = [
        line(b"", EMPTY, b"empty"),
        line(b"", ABC, b"sub dir/with spaces "),
        line(b"\\", ABC, b"back\\\\slash"),
        line(b"\\", ABC, b"new\\nline"),
        line(b"\\", ABC, b"carriage\\rreturn"),
        line(b"", ABC, b"tab\tstop"),
        line(b"", ABC, odd.as_bytes()),
        line(b"", ABC, b"-dash"),
        line(b"", BIG, b"big"),
    ];
    for jobs in ["1", "4"] {
        let output = run([OsStr::new("--jobs"), OsStr::new(jobs), dir.0.as_os_str()]);
        assert_eq!(sorted(&output.stdout), sorted(&expected.concat()));
        assert!(text(&output.stderr).starts_with("9 files, "), "{}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }

    let find = Command::new("find")
        .arg(&dir.0)
        .args(["-type", "f", "-exec", "sha256sum", "{}", "+"])
        .output()
        .ok()
        .filter(|output| output.status.success());
    match find {
        // Older versions don't escape carriage returns, so their line may differ.
        Some(output) => {
            let lines = sorted(&output.stdout);
            let known = sorted(&expected.concat());
            let differ =
                lines.iter().filter(|line| !known.contains(line) && !line.contains("carriage"));
            assert_eq!(differ.collect::<Vec<_>>(), Vec::<&String>::new());
            assert_eq!(lines.len(), known.len());
        }
        None => eprintln!("not compared with sha256sum, which is not installed"),
    }
}

#[test]
fn dir_may_be_a_file_a_link_or_relative() {
    let dir = Dir::new("kinds");
    dir.add("file", b"abc");
    symlink(&dir.0, dir.0.join("link")).expect("a link can be made");
    let printed = |name: &str| {
        let output =
            checksum().current_dir(&dir.0).arg(name).output().expect("the example can be run");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    // As `find` prints them.
    assert_eq!(printed("file"), format!("{ABC}  file\n"));
    assert_eq!(printed("."), format!("{ABC}  ./file\n"));
    assert_eq!(printed(".//"), format!("{ABC}  .//file\n"));
    assert_eq!(printed("link"), "");
    assert_eq!(printed("link/"), format!("{ABC}  link/file\n"));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_comes_out() {
    let dir = Dir::new("unreadable");
    dir.add("readable", b"abc");
    // Permissions don't keep root from reading. What nobody can open is a path that is longer than the system takes:
    // it has to be made from within its directory.
    let mut deep = dir.0.clone();
    while deep.as_os_str().len() < 4_000 - 100 {
        deep.push("d".repeat(99));
    }
    fs::create_dir_all(&deep).expect("a deep directory can be made");
    let (file, directory) = ("f".repeat(250), "g".repeat(250));
    for [command, name] in [["touch", &file], ["mkdir", &directory]] {
        let made = Command::new(command).arg(name).current_dir(&deep).status();
        assert!(made.is_ok_and(|status| status.success()), "{command} is to work");
    }
    fs::write(deep.join("readable"), b"abc").expect("a file can be written");

    let output = run([&dir.0]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable_by_key(|line| line.len());
    assert_eq!(lines, [&dir.0, &deep].map(|dir| format!("{ABC}  {}/readable", dir.display())));
    for name in [file, directory] {
        let path = deep.join(name);
        let message = format!("checksum: {}: File name too long (os error 36)", path.display());
        assert!(err.lines().any(|line| line == message), "no {message:?} in {err:?}");
    }
    assert!(err.contains("\n4 files (2 failed), 6 B in "), "{err}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_file_that_fails_while_it_is_read_is_told() {
    // Opens as any file does; the first page of memory is never there to be read.
    let output = run(["/proc/self/mem"]);
    let message = "checksum: /proc/self/mem: Input/output error (os error 5)\n";
    assert!(text(&output.stderr).starts_with(message), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_missing_directory_is_told() {
    let output = run(["/nonexistent/dir"]);
    let message = "checksum: /nonexistent/dir: No such file or directory (os error 2)\n";
    assert!(text(&output.stderr).starts_with(message), "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn bad_arguments_end_with_the_usage() {
    let cases: [(&[&str], &str); 7] = [
        (&[], "no DIR given"),
        (&["--jobs", "0", "."], "--jobs 0 would never hash a file: give at least 1"),
        (&["--jobs=0", "."], "--jobs 0 would never hash a file: give at least 1"),
        (&["--jobs", "many", "."], "--jobs takes a number, not \"many\""),
        (&["--jobs"], "--jobs takes a number"),
        (&["--bogus", "."], "unknown option --bogus"),
        (&["a", "b"], "more than one DIR"),
    ];
    for (args, message) in cases {
        let output = run(args);
        let expected = format!("checksum: {message}\nusage: checksum [--jobs N] DIR\n");
        assert_eq!(text(&output.stderr), expected);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
    assert_eq!(run(["--help"]).status.code(), Some(0));
}

#[test]
fn an_interrupt_cancels() {
    let dir = Dir::new("interrupt");
    dir.add("small", b"abc");
    for n in 0..3 {
        // Takes no room, and more time than anyone has.
        let file = File::create(dir.0.join(format!("big {n}"))).expect("a file can be made");
        file.set_len(1 << 36).expect("a file can have holes");
    }
    let mut child =
        checksum().args(["--jobs", "4"]).arg(&dir.0).spawn().expect("the example can be run");
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut line = String::new();
    // The digest of the small file says that the job runs.
    out.read_line(&mut line).expect("there is a line");
    assert_eq!(line, format!("{ABC}  {}/small\n", dir.0.display()));
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().is_ok_and(|status| status.success()));

    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("stdout can be read");
    let output = child.wait_with_output().expect("the example ends");
    assert_eq!(rest, "");
    // Lines of progress may come before it.
    assert_eq!(text(&output.stderr).lines().last(), Some("canceled: 3 of 4 files"));
    assert_eq!(output.status.code(), Some(130));
}

#[test]
fn it_stops_quietly_when_nobody_reads() {
    let dir = Dir::new("pipe");
    // Far more than a pipe takes, so that it can't be through before the pipe is closed.
    for n in 0..1_000 {
        dir.add(format!("{n:0>200}"), b"");
    }
    let mut child = checksum().arg(&dir.0).spawn().expect("the example can be run");
    let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("there is a line");
    assert!(line.starts_with(EMPTY), "{line}");
    drop(out);
    let output = child.wait_with_output().expect("the example ends");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}
