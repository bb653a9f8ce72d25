//! `naksha show PLAN`

use clap::Args;
use naksha_environments::wire::{PlanDocument, StoredPlanDocument};
use naksha_renderer::present;

use super::sync::{encode, path_for};
use super::{Context, Outcome, block_on};
use crate::terminal::Format;

/// Prints a plan as it was stored, who acknowledged it, what became of it, and the steps of its last apply.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Plan id, or a prefix of at least eight digits
    plan: String,
    /// Its environment, where several have the same plan, as NAME or REPOSITORY/NAME
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let client = context.client()?;
        let path = path_for(&format!("/api/v1/plans/{}", encode(&self.plan)), self.env.as_deref());
        let stored: StoredPlanDocument = block_on(client.get(&path))??;
        let terminal = context.terminal;
        if terminal.is_json() {
            terminal.json(&stored);
            return Ok(Outcome::Fine);
        }
        let plan: PlanDocument = serde_json::from_value(stored.plan.clone())?;
        terminal.print(&match terminal.format {
            Format::Markdown => present::stored_markdown(&stored, &plan, present::COMMENT_BUDGET),
            Format::Text | Format::Json => {
                present::stored(&stored, &plan, present::Style::new(terminal.colour))
            }
        });
        Ok(Outcome::Fine)
    }
}
