//! `naksha show PLAN`

use clap::Args;
use naksha_environments::wire::PlanDocument;
use naksha_renderer::present;

use super::sync::{encode, path_for};
use super::{Context, Outcome, block_on};
use crate::http::api::{StepDocument, StoredPlan};
use crate::terminal::Format;

/// Prints a plan as it was stored, and the steps of its apply.
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
        let stored: StoredPlan = block_on(client.get(&path))??;
        let terminal = context.terminal;
        if terminal.is_json() {
            terminal.json(&stored);
            return Ok(Outcome::Fine);
        }
        let plan: PlanDocument = serde_json::from_value(stored.plan)?;
        if terminal.format == Format::Markdown {
            terminal.print(&present::markdown(&[plan], present::COMMENT_BUDGET));
            return Ok(Outcome::Fine);
        }
        terminal.print(&present::text(&plan, present::Style::new(terminal.colour)));
        if !stored.steps.is_empty() {
            terminal.print("\nSteps");
            let lines: Vec<_> = stored.steps.iter().map(step_line).collect();
            terminal.print(&lines.join("\n"));
        }
        Ok(Outcome::Fine)
    }
}

fn step_line(step: &StepDocument) -> String {
    let reason = step.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let tries = if step.attempts > 1 { format!(", {} tries", step.attempts) } else { String::new() };
    format!(
        "  {:<7} {:<8} {} ({} ms{tries}){reason}",
        step.outcome, step.verb, step.subject, step.milliseconds
    )
}
