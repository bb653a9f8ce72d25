//! `naksha completion SHELL`

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::{Context, Outcome};

/// Prints a completion script: `naksha completion bash > /etc/bash_completion.d/naksha`.
#[derive(Debug, Args)]
pub(super) struct Completion {
    /// The shell that will read it
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut visible(), "naksha", &mut script);
        context.terminal.print(&String::from_utf8(script)?);
        Ok(Outcome::Fine)
    }
}

/// The command line without what people do not type: generated scripts offer hidden commands too.
fn visible() -> Command {
    let whole = super::Args::command();
    let commands: Vec<_> =
        whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    Command::new("naksha").args(whole.get_arguments().cloned()).subcommands(commands)
}
