//! `naksha status [ENV]`

use std::time::Duration;

use clap::Args;
use naksha_environments::wire::StatusDocument;
use naksha_renderer::present;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::client::{Client, ClientError};

/// How often `--wait` asks.
const WAIT_POLL: Duration = Duration::from_millis(200);
/// States in which there is nothing left to do.
const AS_WANTED: [&str; 3] = ["synced", "destroyed", "disowned"];
/// States in which waiting helps nobody: a person or a commit must come first.
const NEEDS_SOMEBODY: [&str; 5] = ["suspended", "held", "orphaned", "not-promoted", "broken"];

/// Shows every environment: its state, its units, and why something is not applied.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Environment; absent: all
    environment: Option<String>,
    /// Exit with 1 unless everything is synced
    #[arg(long)]
    exit_code: bool,
    /// Wait until everything is synced, at most this many seconds; ends at once, with 1, when an environment waits for
    /// a person or a commit
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

impl Status {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/status", self.environment.as_deref());
        let client = context.client()?;
        let documents = match self.wait {
            None => block_on(client.get(&path))??,
            Some(seconds) => block_on(awaited(&client, &path, Duration::from_secs(seconds)))??,
        };
        if context.terminal.is_json() {
            context.terminal.json(&documents);
        } else {
            context
                .terminal
                .print(&present::status(&documents, present::Style::new(context.terminal.colour)));
        }
        let asked = self.exit_code || self.wait.is_some();
        if asked && !synced(&documents) {
            if self.wait.is_some() {
                explain(context, &documents);
            }
            return Ok(Outcome::Found);
        }
        Ok(Outcome::Fine)
    }
}

/// The status once everything is synced, once waiting is of no use, or when the time is up.
async fn awaited(client: &Client, path: &str, limit: Duration) -> Result<Vec<StatusDocument>, ClientError> {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let late = tokio::time::Instant::now() >= deadline;
        match look(client, path).await {
            // Environments that the daemon does not know yet may not pass for synced.
            Ok((documents, all)) if late || all && (synced(&documents) || in_vain(&documents).is_some()) => {
                return Ok(documents);
            }
            // A daemon that was just started has no socket yet, and no environment.
            Err(error) if late => return Err(error),
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(WAIT_POLL).await;
    }
}

/// The status, and whether every environment is in it.
async fn look(client: &Client, path: &str) -> Result<(Vec<StatusDocument>, bool), ClientError> {
    let all = client.is_ready().await?;
    Ok((client.get(path).await?, all))
}

/// Whether everything is as Git wants it.
fn synced(documents: &[StatusDocument]) -> bool {
    !documents.is_empty() && documents.iter().all(|document| AS_WANTED.contains(&document.state.as_str()))
}

/// An environment that does not become synced by waiting.
fn in_vain(documents: &[StatusDocument]) -> Option<&StatusDocument> {
    documents.iter().find(|document| NEEDS_SOMEBODY.contains(&document.state.as_str()))
}

/// Says why waiting ended without success.
fn explain(context: &Context, documents: &[StatusDocument]) {
    let note = match in_vain(documents) {
        Some(document) => format!(
            "{}/{} is {}, and waiting does not change that: {}",
            document.repository,
            document.environment,
            document.state,
            document.why.first().map_or("no details", String::as_str)
        ),
        None => "the time is up, and not everything is synced".to_owned(),
    };
    context.terminal.note(&note);
}
