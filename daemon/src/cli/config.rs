//! `naksha config print|schema`

use clap::{Args, Subcommand};

use super::{Context, Outcome};
use crate::config::Config;

#[derive(Debug, Args)]
pub(super) struct ConfigCommand {
    #[command(subcommand)]
    command: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print the configuration in force, defaults included
    Print,
    /// Print the JSON Schema of the configuration file
    Schema,
}

impl ConfigCommand {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        match self.command {
            ConfigVerb::Print => {
                let config = context.config()?;
                if context.terminal.is_json() {
                    context.terminal.json(&config);
                } else {
                    context.terminal.print(&toml::to_string_pretty(&config)?);
                }
            }
            ConfigVerb::Schema => context.terminal.json(&schemars::schema_for!(Config)),
        }
        Ok(Outcome::Fine)
    }
}
