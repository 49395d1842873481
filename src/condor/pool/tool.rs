//! How a tool of HTCondor is run: the words of its command, in its folder, behind a prefix. Runs nothing.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::sync::Arc;

/// Where tools are, and by what they are run.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    /// The words before the tool's own: `ssh`, `submit.example.org`.
    pub(super) prefix: Vec<OsString>,
    pub(super) folder: Option<PathBuf>,
    pub(super) variables: Vec<(OsString, OsString)>,
    /// Whether the tool's own words are given to a shell, as one word.
    pub(super) shell: bool,
}

/// A tool with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    pub(super) tool: &'static str,
    pub(super) arguments: Vec<OsString>,
    pub(super) stdin: Option<Vec<u8>>,
}

impl Invocation {
    pub(super) fn new(tool: &'static str) -> Invocation {
        Invocation { tool, arguments: Vec::new(), stdin: None }
    }

    pub(super) fn arg(mut self, argument: impl AsRef<OsStr>) -> Invocation {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub(super) fn args(
        mut self,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Invocation {
        self.arguments.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// `-name value` if there is a value.
    pub(super) fn option(self, name: &str, value: Option<impl AsRef<OsStr>>) -> Invocation {
        match value {
            Some(value) => self.arg(name).arg(value),
            None => self,
        }
    }

    /// All words of the command.
    pub(super) fn words(&self, tools: &Tools) -> Vec<OsString> {
        let tool = match &tools.folder {
            Some(folder) => folder.join(self.tool).into_os_string(),
            None => self.tool.into(),
        };
        let own = std::iter::once(tool).chain(self.arguments.iter().cloned());
        let mut words = tools.prefix.clone();
        if !tools.shell {
            words.extend(own);
            return words;
        }
        let mut line = Vec::new();
        for word in own {
            if !line.is_empty() {
                line.push(b' ');
            }
            quote(&word, &mut line);
        }
        words.push(OsString::from_vec(line));
        words
    }
}

/// The command as it is shown.
pub(super) fn shown(words: &[OsString]) -> Arc<str> {
    let show = |word: &OsString| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+'\\".contains(c);
        match word.chars().all(plain) && !word.is_empty() {
            true => word.into_owned(),
            false => format!("'{word}'"),
        }
    };
    words.iter().map(show).collect::<Vec<_>>().join(" ").into()
}

/// The word so that a POSIX shell takes it for one word as it is.
fn quote(word: &OsStr, into: &mut Vec<u8>) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./,:=@%+".contains(byte);
    let bytes = word.as_bytes();
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return into.extend_from_slice(bytes);
    }
    into.push(b'\'');
    for &byte in bytes {
        match byte {
            b'\'' => into.extend_from_slice(br"'\''"),
            _ => into.push(byte),
        }
    }
    into.push(b'\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tools: &Tools, invocation: &Invocation) -> Vec<String> {
        invocation.words(tools).into_iter().map(|word| word.into_string().expect("text")).collect()
    }

    #[test]
    fn a_tool_is_run_in_its_folder_behind_the_prefix() {
        let hold = Invocation::new("condor_hold").arg("7.1").option("-reason", Some("it's late"));
        assert_eq!(words(&Tools::default(), &hold), ["condor_hold", "7.1", "-reason", "it's late"]);
        let tools = Tools {
            prefix: vec!["ssh".into(), "host".into()],
            folder: Some("/opt/condor/bin".into()),
            shell: true,
            ..Tools::default()
        };
        let line = r"/opt/condor/bin/condor_hold 7.1 -reason 'it'\''s late'";
        assert_eq!(words(&tools, &hold), ["ssh", "host", line]);
        assert_eq!(&*shown(&hold.words(&Tools::default())), "condor_hold 7.1 -reason 'it's late'");
    }
}
