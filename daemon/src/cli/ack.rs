//! `naksha ack PLAN --reason …`

use clap::Args;
use jiff::Timestamp;

use super::sync::{encode, path_for, print_done};
use super::{Context, Outcome, block_on, reason};
use crate::http::api::{AckRequest, Done};

/// Acknowledges a held plan: its guards no longer stop it. Bound to the plan; another plan needs another word.
#[derive(Debug, Args)]
pub(super) struct Ack {
    /// Plan id, or a prefix of at least eight digits
    plan: String,
    /// Its environment, where several wait for the same plan, as NAME or REPOSITORY/NAME
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
    /// Why it is fine; kept in the audit log
    #[arg(long, value_parser = reason)]
    reason: String,
    /// Until when it counts, RFC 3339 [default: as long as the plan]
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
}

impl Ack {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for(&format!("/api/v1/plans/{}/ack", encode(&self.plan)), self.env.as_deref());
        let request = AckRequest { reason: self.reason, expires: self.expires };
        let client = context.client()?;
        let done: Done = block_on(client.post(&path, &request))??;
        print_done(context, &done);
        Ok(Outcome::Fine)
    }
}
