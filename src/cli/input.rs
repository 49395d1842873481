//! Which commands there are to run: from lines of a file or standard input, or from lists of arguments. Runs nothing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::Path;

use super::args::RunArgs;
use super::exit::UsageError;
use super::template::{Combinations, Template};
use crate::command::Command;

/// A longer line is no command, and would fill the memory.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The commands to run, one after the other; those of a stream come when they come.
pub(super) struct Input {
    name: String,
    /// How many there are, if that is known before they are run.
    count: Option<usize>,
    source: Source,
}

enum Source {
    /// Each line is for the shell.
    Shell(Lines),
    /// Each line is an argument.
    Arguments(Template, Lines),
    Lists(Template, Combinations),
}

/// A command and what it is called.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) command: Command,
}

impl Input {
    pub(super) fn open(args: &RunArgs) -> Result<Input, UsageError> {
        let file = args.file.as_deref().filter(|file| *file != Path::new("-"));
        if args.command.is_empty() {
            let (lines, count) = Lines::open(file, Skip::Comments)?;
            return Ok(Input { name: lines.from.clone(), count, source: Source::Shell(lines) });
        }
        let (template, lists) = Template::parse(args.command.clone())?;
        let name = template.program().to_string_lossy().into_owned();
        if lists.is_empty() {
            let (lines, count) = Lines::open(file, Skip::Empty)?;
            return Ok(Input { name, count, source: Source::Arguments(template, lines) });
        }
        if let Some(file) = &args.file {
            return Err(UsageError(format!(
                "there are arguments in {file:?} and after `:::`: leave one of them out"
            )));
        }
        let combinations = Combinations::new(lists)?;
        let count = Some(combinations.count());
        Ok(Input { name, count, source: Source::Lists(template, combinations) })
    }

    /// What a job of them may be called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many there are, if that is known before they are run.
    pub(super) fn known_count(&self) -> Option<usize> {
        self.count
    }

    /// Whether somebody is to type them.
    pub(super) fn is_typed(&self) -> bool {
        match &self.source {
            Source::Shell(lines) | Source::Arguments(_, lines) => lines.typed,
            Source::Lists(..) => false,
        }
    }
}

impl Iterator for Input {
    type Item = Result<Named, UsageError>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Shell(lines) => lines.next_line().map(|line| line.map(shell)),
            Source::Arguments(template, lines) => {
                let line = lines.next_line()?;
                Some(line.map(|line| program(template.fill(&[OsStr::new(&line)]))))
            }
            Source::Lists(template, combinations) => {
                combinations.fill_next(template).map(|words| Ok(program(words)))
            }
        }
    }
}

fn shell(line: String) -> Named {
    // A line may begin with a dash.
    Named { command: Command::new("sh").args(["-c", "--", &line]), name: line }
}

fn program(words: Vec<OsString>) -> Named {
    let text: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let name = text.join(" ");
    let mut words = words.into_iter();
    let command = Command::new(words.next().unwrap_or_default()).args(words);
    Named { name, command }
}

/// Which lines are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skip {
    Empty,
    /// Those, and the ones that begin with `#`.
    Comments,
}

/// Lines of UTF-8.
struct Lines {
    reader: Box<dyn BufRead + Send>,
    /// What they are read from, for people.
    from: String,
    number: u64,
    skip: Skip,
    typed: bool,
    failed: bool,
}

impl Lines {
    /// Opens a file, or standard input if none is given. Of a regular file, everything is checked and counted, so that
    /// nothing runs of what is wrong somewhere.
    fn open(file: Option<&Path>, skip: Skip) -> Result<(Lines, Option<usize>), UsageError> {
        let lines =
            |reader, from, typed| Lines { reader, from, number: 0, skip, typed, failed: false };
        let Some(path) = file else {
            let stdin = io::stdin();
            let typed = stdin.is_terminal();
            return Ok((
                lines(Box::new(BufReader::new(stdin)), "standard input".into(), typed),
                None,
            ));
        };
        let from = path.display().to_string();
        let refused = |error: io::Error| {
            UsageError(format!(
                "can't read {from}: {error}; give another file, or - for standard input"
            ))
        };
        let kind = path.metadata().map_err(refused)?;
        if kind.is_dir() {
            return Err(UsageError(format!(
                "{from} is a directory: give a file of commands, or - for standard input"
            )));
        }
        let open = || Ok(lines(Box::new(BufReader::new(File::open(path)?)), from.clone(), false));
        let count = if kind.is_file() {
            let mut lines = open().map_err(refused)?;
            let all: Result<Vec<()>, _> =
                std::iter::from_fn(|| lines.next_line()).map(|line| line.map(drop)).collect();
            Some(all?.len())
        } else {
            None
        };
        Ok((open().map_err(refused)?, count))
    }

    fn next_line(&mut self) -> Option<Result<String, UsageError>> {
        loop {
            if self.failed {
                return None;
            }
            let line = self.read_line().transpose()?;
            self.failed = line.is_err();
            match line {
                Ok(line) if line.is_empty() => {}
                Ok(line) if self.skip == Skip::Comments && is_nothing(&line) => {}
                line => return Some(line),
            }
        }
    }

    fn read_line(&mut self) -> Result<Option<String>, UsageError> {
        let mut bytes = Vec::new();
        self.number += 1;
        let place = |what: &str| UsageError(format!("{}, line {}: {what}", self.from, self.number));
        let mut limited = (&mut self.reader).take(LONGEST_LINE + 1);
        match limited.read_until(b'\n', &mut bytes) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(place(&error.to_string())),
        }
        if bytes.len() as u64 > LONGEST_LINE {
            return Err(place("it is longer than 1 MiB: put it into a script and call that"));
        }
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => Ok(Some(line.to_owned())),
            Err(_) => {
                Err(place("it is not UTF-8: convert the file, or give such arguments after `:::`"))
            }
        }
    }
}

fn is_nothing(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static [u8], skip: Skip) -> Vec<Result<String, String>> {
        let reader = Box::new(text);
        let mut lines =
            Lines { reader, from: "it".into(), number: 0, skip, typed: false, failed: false };
        std::iter::from_fn(|| lines.next_line()).map(|line| line.map_err(|error| error.0)).collect()
    }

    #[test]
    fn lines_that_are_none_are_skipped() {
        let text = b"a\n\n# b\r\n  \n c #d\r\nlast";
        let ok =
            |lines: &[&str]| lines.iter().map(|line| Ok((*line).to_owned())).collect::<Vec<_>>();
        assert_eq!(lines(text, Skip::Comments), ok(&["a", " c #d", "last"]));
        assert_eq!(lines(text, Skip::Empty), ok(&["a", "# b", "  ", " c #d", "last"]));
    }

    #[test]
    fn a_bad_line_is_told_with_its_number_and_ends_it() {
        let found = lines(b"a\n#\nb\xff\nc\n", Skip::Comments);
        assert_eq!(found.len(), 2);
        assert!(
            found[1].as_ref().is_err_and(|error| error.starts_with("it, line 3: it is not UTF-8")),
            "{found:?}"
        );
        let long: &'static [u8] = Vec::leak(vec![b'x'; LONGEST_LINE as usize + 1]);
        assert!(
            lines(long, Skip::Empty)[0]
                .as_ref()
                .is_err_and(|error| error.contains("line 1: it is longer"))
        );
        assert!(lines(&long[1..], Skip::Empty)[0].is_ok());
    }
}
