//! The command's entry: which subcommand, and how it ended.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use super::args::{Action, Cli};
use super::exit::Exit;
use super::screen::say;
use super::{log, run, status, watch};

/// Does what the process's arguments say. Returns the code to exit with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    let ended = match cli.action {
        Action::Run(args) => run::run(args),
        Action::Log(args) => log::log(args),
        Action::Watch(args) => watch::watch(args),
        Action::Status(args) => status::status(args),
        Action::Completions { shell } => {
            // Made in memory first: the generator panics if it can't write.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "milepost", &mut script);
            match io::stdout().write_all(&script).and_then(|()| io::stdout().flush()) {
                Ok(()) => Ok(Exit::Success),
                Err(_) => Ok(Exit::NoReader),
            }
        }
    };
    let exit = ended.unwrap_or_else(|error| {
        say(&format!("milepost: {error}"));
        Exit::Usage
    });
    exit.into()
}
