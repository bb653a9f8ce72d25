//! `naksha history [ENV]`

use clap::Args;
use naksha_environments::moment::to_the_second;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::history::MAX_ENTRIES;
use crate::http::api::{HistoryDocument, HistoryEntry};

/// Lists every apply, and every plan that was not applied, newest first.
#[derive(Debug, Args)]
pub(super) struct History {
    /// Environment, as NAME or REPOSITORY/NAME; absent: all
    environment: Option<String>,
    /// How many entries, at most 1000
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ENTRIES)))]
    limit: u32,
}

impl History {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let path = path_for("/api/v1/history", self.environment.as_deref());
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}limit={}", self.limit);
        let client = context.client()?;
        let history: HistoryDocument = block_on(client.get(&path))??;
        if context.terminal.is_json() {
            context.terminal.json(&history);
        } else {
            let repositories = Repositories::of(&history.entries);
            let lines: Vec<_> = history.entries.iter().map(|entry| line(entry, repositories)).collect();
            let none = "nothing was planned yet".to_owned();
            context.terminal.print(&if lines.is_empty() { none } else { lines.join("\n") });
        }
        Ok(Outcome::Fine)
    }
}

/// Of how many repositories the entries tell.
#[derive(Debug, Clone, Copy)]
enum Repositories {
    One,
    Several,
}

impl Repositories {
    fn of(entries: &[HistoryEntry]) -> Self {
        let differ = entries.windows(2).any(|pair| pair[0].repository != pair[1].repository);
        if differ { Self::Several } else { Self::One }
    }
}

fn name_of(entry: &HistoryEntry, repositories: Repositories) -> String {
    match repositories {
        Repositories::One => entry.environment.clone(),
        Repositories::Several => format!("{}/{}", entry.repository, entry.environment),
    }
}

fn line(entry: &HistoryEntry, repositories: Repositories) -> String {
    let outcome = entry.outcome.as_deref().unwrap_or(match entry.decision.as_str() {
        "hold" => "held",
        "wait" => "waiting",
        _ => "not applied",
    });
    let revision = entry.revision.as_deref().map_or("-", |revision| &revision[..10.min(revision.len())]);
    let mut line = format!(
        "{}  {:<10} plan {}  {revision:<10}  {outcome:<11}",
        to_the_second(entry.at),
        name_of(entry, repositories),
        &entry.plan[..12.min(entry.plan.len())],
    );
    if entry.outcome.is_some() {
        let noun = if entry.steps == 1 { "step" } else { "steps" };
        line.push_str(&format!(" {} {noun}", entry.steps));
    }
    if entry.failed > 0 {
        line.push_str(&format!(", {} failed", entry.failed));
    }
    for reason in entry.detail.iter().chain(&entry.reasons) {
        line.push_str(&format!("\n    {reason}"));
    }
    line
}
