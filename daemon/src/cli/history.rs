//! `naksha history [ENV]`

use clap::Args;
use naksha_environments::moment::to_the_second;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::history::{HEAL, MAX_ENTRIES};
use crate::http::api::{HistoryDocument, HistoryEntry};

/// Reasons of one row that are told; the others are counted.
const MAX_REASONS: usize = 3;
/// Where a reason ends, and the hint of how to acknowledge the plan begins. It is the same for all reasons of a plan.
const ACK: &str = "; `naksha ack ";
/// What stands between a reason and what lifts it.
const SEPARATOR: &str = "; ";

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
        let heal = if entry.decision == HEAL { "heal, " } else { "" };
        line.push_str(&format!(" {heal}{} {noun}", entry.steps));
    }
    if entry.failed > 0 {
        line.push_str(&format!(", {} failed", entry.failed));
    }
    for reason in entry.detail.iter().cloned().chain(few(&entry.reasons)) {
        line.push_str(&format!("\n    {reason}"));
    }
    line
}

/// The first reasons, and how many more there are. What lifts them is said once where it is the same word for all.
fn few(reasons: &[String]) -> Vec<String> {
    let split = |reason: &String| {
        let lift = reason.rfind(ACK).map(|at| reason[at + SEPARATOR.len()..].to_owned());
        let message = lift.as_ref().map_or(reason.len(), |lift| reason.len() - lift.len() - SEPARATOR.len());
        (reason[..message].to_owned(), lift)
    };
    let (mut lines, lifts): (Vec<_>, Vec<_>) = reasons.iter().map(split).unzip();
    let more = lines.len().saturating_sub(MAX_REASONS);
    lines.truncate(MAX_REASONS);
    if more > 0 {
        lines.push(format!("and {more} more; `naksha show PLAN` tells all of them"));
    }
    lines.extend(lifts.into_iter().flatten().next().map(|lift| format!("= {lift}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(count: usize, lift: &str) -> Vec<String> {
        (0..count).map(|n| format!("guard-stateful: Secret shop/s{n} would be deleted; {lift}")).collect()
    }

    #[test]
    fn the_first_reasons_are_told_and_what_lifts_them_once() {
        let ack = "`naksha ack 0123456789 --reason …`, or commit approvals/0123456789.yaml";
        let told = few(&reasons(148, ack));
        assert_eq!(told.len(), 5, "{told:#?}");
        assert_eq!(told[0], "guard-stateful: Secret shop/s0 would be deleted");
        assert_eq!(told[3], "and 145 more; `naksha show PLAN` tells all of them");
        assert_eq!(told[4], format!("= {ack}"));
        // What is lifted in other ways keeps its own words.
        let mixed = [reasons(1, "fix it; or waive it"), reasons(1, ack)].concat();
        assert_eq!(
            few(&mixed),
            [
                "guard-stateful: Secret shop/s0 would be deleted; fix it; or waive it",
                "guard-stateful: Secret shop/s0 would be deleted",
                &format!("= {ack}"),
            ]
        );
        assert_eq!(few(&[]), Vec::<String>::new());
    }
}
