//! `naksha forget ENV --reason …`

use clap::Args;

use super::sync::path_for;
use super::{Context, Outcome, block_on, reason};
use crate::http::api::{ForgetRequest, Forgotten};

/// Gives an environment up whose definition is gone: its history and its ownership are dropped. Its objects stay where
/// they are, and are listed.
#[derive(Debug, Args)]
pub(super) struct Forget {
    /// Environment, as NAME or REPOSITORY/NAME
    environment: String,
    /// Why; kept in the audit log
    #[arg(long, value_parser = reason)]
    reason: String,
}

impl Forget {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/forget", Some(&self.environment));
        let client = context.client()?;
        let Forgotten { scope, left } =
            block_on(client.post(&path, &ForgetRequest { reason: self.reason }))??;
        if context.terminal.is_json() {
            context.terminal.json(&Forgotten { scope, left });
            return Ok(Outcome::Fine);
        }
        context.terminal.print(&match left.len() {
            0 => format!("{scope} is forgotten; it owned nothing"),
            1 => format!("{scope} is forgotten; 1 object is left to nobody:"),
            more => format!("{scope} is forgotten; {more} objects are left to nobody:"),
        });
        for object in left {
            context.terminal.print(&format!("  {object}"));
        }
        Ok(Outcome::Fine)
    }
}
