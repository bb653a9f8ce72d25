//! `naksha config print|schema`

use clap::{Args, Subcommand};

use super::{Context, Outcome};
use crate::config::{Config, Overrides, printed};

#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print the configuration in force: every value, and where it came from
    Print,
    /// Print the JSON Schema of the configuration file
    Schema,
}

impl ConfigCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        match self.command {
            ConfigVerb::Print => {
                let loaded = context.config_with(Overrides::default())?;
                if context.terminal.is_json() {
                    context.terminal.json(&loaded.config.effective());
                } else {
                    context.terminal.print(&printed(&loaded)?);
                }
            }
            ConfigVerb::Schema => context.terminal.json(&schemars::schema_for!(Config)),
        }
        Ok(Outcome::Fine)
    }
}
