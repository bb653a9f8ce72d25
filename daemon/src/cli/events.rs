//! `naksha events [ENV]`

use std::time::Duration;

use clap::Args;
use naksha_environments::definition::parse_duration;
use naksha_environments::wire::EventsDocument;
use naksha_renderer::present;

use super::sync::path_for;
use super::{Context, Outcome, block_on};

/// Lists what happened to the objects of environments and to what was made for them, and what the daemon did, newest last.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
    /// How far back, such as `30m` or `2h`; a cluster keeps its events for an hour, unless it is told otherwise
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    since: Duration,
}

impl Events {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let client = context.client()?;
        let path = path_for("/api/v1/events", self.environment.as_deref());
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}since={}", self.since.as_secs());
        let document: EventsDocument = block_on(client.get(&path))??;
        let terminal = context.terminal;
        if terminal.is_json() {
            terminal.json(&document);
        } else {
            terminal.print(&present::events(&document, present::Style::new(terminal.colour)));
        }
        Ok(Outcome::Fine)
    }
}
