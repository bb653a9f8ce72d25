//! `naksha inventory rebuild ENV [--yes]`

use clap::{Args, Subcommand};
use naksha_renderer::present::clean_line;

use super::sync::path_for;
use super::{Context, Outcome, block_on};
use crate::http::api::{NotTaken, RebuildRequest, Rebuilt, Taken};

#[derive(Debug, Args)]
pub(super) struct Inventory {
    #[command(subcommand)]
    command: InventoryCommand,
}

#[derive(Debug, Subcommand)]
enum InventoryCommand {
    /// Recover an environment's inventory from its target, after the database was lost
    ///
    /// Lists what is proven to be the environment's: signed for just that object, and written by naksha. With --yes it is
    /// taken into the inventory. Nothing is written to the target; what Git does not want is deleted only after `naksha ack`.
    Rebuild(Rebuild),
}

#[derive(Debug, Args)]
struct Rebuild {
    /// Environment, as NAME or REPOSITORY/NAME
    environment: String,
    /// Take what was found into the inventory
    #[arg(long)]
    yes: bool,
}

impl Inventory {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let InventoryCommand::Rebuild(Rebuild { environment, yes }) = self.command;
        let path = path_for("/api/v1/inventory/rebuild", Some(&environment));
        let client = context.client()?;
        let rebuilt: Rebuilt = block_on(client.post(&path, &RebuildRequest { take: yes }))??;
        if context.terminal.is_json() {
            context.terminal.json(&rebuilt);
        } else {
            context.terminal.print(&text(&rebuilt, &environment));
        }
        Ok(Outcome::Fine)
    }
}

fn text(rebuilt: &Rebuilt, environment: &str) -> String {
    let Rebuilt { scope, taken, known, objects, unproven, unseen } = rebuilt;
    let done = if *taken { "taken into the inventory" } else { "would be taken into the inventory" };
    let mut lines = vec![format!("{scope}: {} {done}", counted(objects.len()))];
    lines.extend(
        objects.iter().map(|Taken { object, unit, state }| format!("  {object}  of {unit}, {state}")),
    );
    if *known > 0 {
        lines.push(format!("{} found that the inventory has", counted(*known)));
    }
    let others = |title: &str, others: &[NotTaken], lines: &mut Vec<String>| {
        if !others.is_empty() {
            lines.push(title.to_owned());
            lines.extend(others.iter().map(|NotTaken { what, reason }| format!("  {what}: {reason}")));
        }
    };
    others("not proven to be ours, and left alone:", unproven, &mut lines);
    others("could not be looked at:", unseen, &mut lines);
    if !taken && !objects.is_empty() {
        lines.push(format!("nothing was taken; `naksha inventory rebuild {environment} --yes` takes it"));
    }
    lines.iter().map(|line| clean_line(line)).collect::<Vec<_>>().join("\n")
}

fn counted(objects: usize) -> String {
    if objects == 1 { "1 object".to_owned() } else { format!("{objects} objects") }
}
