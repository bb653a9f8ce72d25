//! `naksha schema KIND`

use anyhow::bail;
use clap::Args;
use naksha_environments::definition;
use naksha_environments::diagnostic::did_you_mean;

use super::{Context, Outcome};

/// Prints the JSON Schema of a kind of definition, for editors and agents.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Repository, Environment, Unit, Workflow, PolicyContext, Policy, Lock, Approval; without one, all are listed
    kind: Option<String>,
}

impl Schema {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Some(kind) = self.kind else {
            let kinds: Vec<_> = definition::kinds().collect();
            if context.terminal.is_json() {
                context.terminal.json(&kinds);
            } else {
                context.terminal.print(&kinds.join("\n"));
            }
            return Ok(Outcome::Fine);
        };
        let known = definition::kinds().find(|known| known.eq_ignore_ascii_case(&kind));
        let Some(schema) = known.and_then(definition::schema) else {
            let near = did_you_mean(&kind, definition::kinds());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            bail!("there is no kind `{kind}`{hint}");
        };
        context.terminal.json(&schema);
        Ok(Outcome::Fine)
    }
}
