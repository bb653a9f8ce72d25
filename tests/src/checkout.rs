//! A working copy and a forge: the program git, because the library that tests use for the rest is built without HTTP.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::person::Person;

/// Runs git in a folder, with no configuration but the repository's own; what it prints.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().context("git does not start")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {words}", arguments.first().unwrap_or(&""));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Brings a branch from there and checks it out; its head.
pub(crate) fn bring(folder: &Path, url: &str, branch: &str) -> anyhow::Result<String> {
    git(folder, &["fetch", "--quiet", url, branch])?;
    git(folder, &["checkout", "--quiet", "--force", "-B", branch, "FETCH_HEAD"])?;
    head(folder)
}

/// Begins a branch where another one is.
pub(crate) fn begin(folder: &Path, name: &str, from: &str) -> anyhow::Result<()> {
    git(folder, &["checkout", "--quiet", "--force", "-B", name, from]).map(drop)
}

pub(crate) fn head(folder: &Path) -> anyhow::Result<String> {
    Ok(git(folder, &["rev-parse", "HEAD"])?.trim().to_owned())
}

/// An address of a repository on loopback with who one is in it.
pub(crate) fn url_as(url: &str, person: &Person) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    format!("{scheme}://{}:{}@{rest}", person.login, person.token)
}
