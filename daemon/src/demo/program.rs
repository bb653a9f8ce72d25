//! This program, run as a user would run it, on a scratch installation.

use std::process::Command;

use anyhow::bail;

use crate::scratch::{DaemonProcess, Repository, Scratch};

/// The daemon ends with the demo, however that ends.
pub(super) fn start_daemon(scratch: &Scratch) -> anyhow::Result<DaemonProcess> {
    DaemonProcess::start(&std::env::current_exe()?, scratch, &["--with-parent"])
}

/// Runs a command in the repository; returns what it printed.
pub(super) fn run(scratch: &Scratch, repository: &Repository, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .arg("--config")
        .arg(scratch.config())
        .current_dir(repository.folder())
        .output()?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(2) {
        bail!("`naksha {}` failed: {text}", arguments.join(" "));
    }
    Ok(text)
}
