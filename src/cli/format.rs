//! In which format a log is, and what is asked for that makes sense in one alone.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::exit::UsageError;
use crate::condor::{Reader, Zone};
use crate::view::terminal::printable;

/// The formats of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// Milepost's own event log
    #[default]
    Milepost,
    /// A job event log of HTCondor's: as text, JSON or XML
    Condor,
}

impl Format {
    /// What a file isn't that makes no sense.
    pub(super) fn log(self) -> &'static str {
        match self {
            Format::Milepost => "no event log",
            Format::Condor => "no log of HTCondor's",
        }
    }
}

#[derive(Debug, Clone, Args)]
pub(super) struct FormatArgs {
    /// The format of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) format: Format,

    /// The time zone of an HTCondor log, such as Europe/Berlin or UTC [default: that of $TZ, or of this machine]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(super) tz: Option<Zone>,

    /// Begin with the older files of an HTCondor log, that it was renamed to: FILE.1, FILE.2 ... or FILE.old
    #[arg(long)]
    pub(super) older: bool,
}

fn zone(name: &str) -> Result<Zone, String> {
    name.parse().map_err(|error: crate::condor::ParseZoneError| error.to_string())
}

impl FormatArgs {
    /// Refuses what makes no sense in the format.
    ///
    /// # Errors
    /// There is such a thing.
    pub(super) fn check(&self) -> Result<(), UsageError> {
        if self.format == Format::Milepost && self.tz.is_some() {
            let way_out =
                "times in an event log are in UTC: leave --tz out, or give --format condor";
            return Err(UsageError(way_out.into()));
        }
        if self.format == Format::Milepost && self.older {
            let way_out =
                "all parts of an event log are read: leave --older out, or give --format condor";
            return Err(UsageError(way_out.into()));
        }
        if self.format == Format::Condor && self.tz.is_none() {
            // Else its times would be taken for UTC, and nobody would know.
            Zone::try_system().map_err(|error| {
                UsageError(printable(&format!("$TZ: {error}; or give --tz")).into_owned())
            })?;
        }
        Ok(())
    }

    /// A reader of one of HTCondor's logs, as it is asked for.
    pub(super) fn reader(&self, reader: Reader) -> Reader {
        let reader = reader.zone(self.zone());
        if self.older { reader.with_older() } else { reader }
    }

    /// The zone of HTCondor's logs.
    pub(super) fn zone(&self) -> Zone {
        self.tz.clone().unwrap_or_else(Zone::system)
    }
}

/// The only file, where several make no sense.
///
/// # Errors
/// There are several.
pub(super) fn only<'a>(files: &'a [PathBuf], what: &str) -> Result<&'a Path, UsageError> {
    match files {
        [file] => Ok(file),
        _ => Err(UsageError(format!("{what}: give one file at a time"))),
    }
}

/// What to do about a file that makes no sense in `format`, if it does in the other one.
pub(super) fn other_format(path: &Path, format: Format) -> Option<&'static str> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(1_024).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let is_text = head.split_once(" (").is_some_and(|(number, _)| {
        number.len() == 3 && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    let is_xml = ["<c>", "<?xml", "<classads"].iter().any(|tag| head.starts_with(tag));
    let is_ad = is_xml || head.contains("\"EventTypeNumber\"");
    match format {
        Format::Milepost if is_text || is_ad => {
            Some("; it looks like a log of HTCondor's, which --format condor reads")
        }
        Format::Condor if head.starts_with(r#"{"event":"#) => {
            Some("; it looks like milepost's own: leave --format condor out")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_apart_by_their_beginnings() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("log");
        let told = |text: &str, format| {
            std::fs::write(&path, text).expect("there is room");
            other_format(&path, format)
        };
        for text in ["000 (114.000.000) 2026", "\n<c>\n", "{\n \"EventTypeNumber\": 0"] {
            assert!(
                told(text, Format::Milepost).is_some_and(|way| way.contains("--format condor"))
            );
            assert_eq!(told(text, Format::Condor), None, "{text}");
        }
        assert!(told(r#"{"event":"log_opened""#, Format::Condor).is_some());
        assert_eq!(told("hello (world", Format::Milepost), None);
        assert_eq!(other_format(Path::new("/nowhere"), Format::Milepost), None);
    }
}
