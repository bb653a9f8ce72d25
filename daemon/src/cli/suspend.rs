//! `naksha suspend ENV --reason …` and `naksha resume ENV`

use clap::Args;
use naksha_renderer::present::clean_line;

use super::sync::{path_for, print_done};
use super::{Context, Outcome, block_on, reason};
use crate::http::api::{Done, NoRequest, Resumed, SuspendRequest};

/// Stops writing to an environment: nothing is applied, pruned or healed until `naksha resume`.
#[derive(Debug, Args)]
pub(super) struct Suspend {
    /// Environment, as NAME or REPOSITORY/NAME
    environment: String,
    /// Why; shown to everybody who wonders
    #[arg(long, value_parser = reason)]
    reason: String,
}

/// Lifts a suspension, a bar on a rolled-back source, and the hold after a rewritten history; says so where there is
/// none of them.
#[derive(Debug, Args)]
pub(super) struct Resume {
    /// Environment, as NAME or REPOSITORY/NAME
    environment: String,
}

impl Suspend {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/suspend", Some(&self.environment));
        let client = context.client()?;
        let done: Done = block_on(client.post(&path, &SuspendRequest { reason: self.reason }))??;
        print_done(context, &done);
        Ok(Outcome::Fine)
    }
}

impl Resume {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/resume", Some(&self.environment));
        let client = context.client()?;
        let resumed: Resumed = block_on(client.post(&path, &NoRequest {}))??;
        if context.terminal.is_json() {
            context.terminal.json(&resumed);
        } else {
            let text = format!("{}: {}", resumed.scopes.join(", "), resumed.message);
            context.terminal.print(&clean_line(&text));
        }
        Ok(Outcome::Fine)
    }
}
