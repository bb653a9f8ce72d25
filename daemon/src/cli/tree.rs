//! `naksha tree [ENV]`

use clap::Args;
use naksha_environments::wire::TreeDocument;
use naksha_renderer::present;

use super::sync::path_for;
use super::{Context, Outcome, block_on};

/// Shows the objects of environments by unit, with what controllers made for them, their health, and why.
#[derive(Debug, Args)]
pub(super) struct Tree {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
}

impl Tree {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let client = context.client()?;
        let path = path_for("/api/v1/tree", self.environment.as_deref());
        let documents: Vec<TreeDocument> = block_on(client.get(&path))??;
        let terminal = context.terminal;
        if terminal.is_json() {
            terminal.json(&documents);
        } else {
            terminal.print(&present::tree(&documents, present::Style::new(terminal.colour)));
        }
        Ok(Outcome::Fine)
    }
}
