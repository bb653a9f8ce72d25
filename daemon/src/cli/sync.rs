//! `naksha sync [ENV]`

use clap::Args;
use naksha_environments::wire::HoldDocument;
use naksha_renderer::present::clean_line;

use super::{Context, Outcome, block_on};
use crate::http::api::{Done, NoRequest};

/// Fetches and reconciles now, instead of at the next signal.
#[derive(Debug, Args)]
pub(super) struct Sync {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
}

impl Sync {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/sync", self.environment.as_deref());
        let client = context.client()?;
        let done: Done = block_on(client.post(&path, &NoRequest {}))??;
        print_done(context, &done);
        Ok(Outcome::Fine)
    }
}

/// An API path, with the environment as its query.
pub(super) fn path_for(path: &str, environment: Option<&str>) -> String {
    match environment {
        Some(environment) => format!("{path}?environment={}", encode(environment)),
        None => path.to_owned(),
    }
}

/// Percent-encodes what may not stand in a query (RFC 3986, unreserved characters stay).
pub(super) fn encode(text: &str) -> String {
    let keep = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| if keep(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

pub(super) fn print_done(context: &Context, done: &Done) {
    if context.terminal.is_json() {
        context.terminal.json(done);
    } else if done.scopes.is_empty() {
        context.terminal.print(&done.message);
    } else {
        let mut lines = vec![format!("{}: {}", done.scopes.join(", "), done.message)];
        for HoldDocument { kind: _, message, lift } in &done.remains {
            lines.push(format!("  {}", clean_line(message)));
            lines.push(format!("    = {}", clean_line(lift)));
        }
        context.terminal.print(&lines.join("\n"));
    }
}
