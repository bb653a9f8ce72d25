//! The program itself, built with the tests so that they know where it is.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    naksha::cli::run(naksha::cli::Args::parse())
}
