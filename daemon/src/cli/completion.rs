//! `naksha completion SHELL`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Context, Outcome};

/// Prints a completion script: `naksha completion bash > /etc/bash_completion.d/naksha`.
#[derive(Debug, Args)]
pub(super) struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Args::command(), "naksha", &mut script);
        context.terminal.print(&String::from_utf8(script)?);
        Ok(Outcome::Fine)
    }
}
