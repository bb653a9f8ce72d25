//! `naksha status [ENV]`

use std::time::Duration;

use clap::Args;
use naksha_environments::wire::StatusDocument;
use naksha_renderer::present;

use super::sync::path_for;
use super::{Context, Outcome, block_on};

/// How often `--wait` asks.
const WAIT_POLL: Duration = Duration::from_millis(200);

/// Shows every environment: its state, its units, and why something is not applied.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Environment; absent: all
    environment: Option<String>,
    /// Exit with 1 unless everything is synced
    #[arg(long)]
    exit_code: bool,
    /// Wait until everything is synced, at most this many seconds
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/status", self.environment.as_deref());
        let client = context.client()?;
        let documents = block_on(async {
            let deadline = tokio::time::Instant::now() + Duration::from_secs(self.wait.unwrap_or(0));
            loop {
                let late = tokio::time::Instant::now() >= deadline;
                match client.get::<Vec<StatusDocument>>(&path).await {
                    Ok(documents) if late || synced(&documents) => return Ok(documents),
                    // A daemon that was just started has no socket yet, and no environment.
                    Err(error) if late => return Err(error),
                    Ok(_) | Err(_) => {}
                }
                tokio::time::sleep(WAIT_POLL).await;
            }
        })??;
        if context.terminal.is_json() {
            context.terminal.json(&documents);
        } else {
            context
                .terminal
                .print(&present::status(&documents, present::Style::new(context.terminal.colour)));
        }
        let asked = self.exit_code || self.wait.is_some();
        Ok(if asked && !synced(&documents) { Outcome::Found } else { Outcome::Fine })
    }
}

fn synced(documents: &[StatusDocument]) -> bool {
    !documents.is_empty() && documents.iter().all(|document| document.state == "synced")
}
