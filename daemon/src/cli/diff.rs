//! `naksha diff [ENV]`

use clap::Args;
use naksha_environments::wire::DiffDocument;
use naksha_renderer::present;

use super::sync::path_for;
use super::{Context, Outcome, block_on};

/// Shows what is not as Git wants it, object by object and field by field, and who set what is there.
///
/// Exit codes: 0 nothing differs, 1 something does, 2 it could not be found out.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
}

impl Diff {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let client = context.client()?;
        let path = path_for("/api/v1/diff", self.environment.as_deref());
        let documents: Vec<DiffDocument> = block_on(client.get(&path))??;
        let terminal = context.terminal;
        if terminal.is_json() {
            terminal.json(&documents);
        } else {
            terminal.print(&present::diff(&documents, present::Style::new(terminal.colour)));
        }
        let is = |result: &str| documents.iter().any(|document| document.result == result);
        if is("differs") {
            return Ok(Outcome::Found);
        }
        anyhow::ensure!(!is("unknown"), "not everything could be compared");
        Ok(Outcome::Fine)
    }
}
