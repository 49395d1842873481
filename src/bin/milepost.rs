//! The `milepost` command; all of it is in the library's `cli`.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    milepost::cli::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("milepost: programs run as tasks on Unix only");
    ExitCode::from(2)
}
