//! The `naksha` program: parses its arguments and hands over to the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    naksha::cli::run(naksha::cli::Args::parse())
}
